"""The seconds after which the portal cuts a request off: the connection's, for all that follows from them."""

from __future__ import annotations

from airflow_provider_bitrix24.rest.calls import Call


def test_the_cut_is_the_connections_unless_the_hook_is_given_another(box, connect):
    connection = box.connection(request_cut=120)
    assert connect(connection).request_cut == 120.0
    assert connect(connection, request_cut=30.0).request_cut == 30.0
    assert connect(box.connection()).request_cut == 60.0


def test_a_batch_near_the_connections_cut_is_made_smaller(box, connect):
    for _ in range(4):
        box.add_item("deal", {"TITLE": "Deal"})
    hook = connect(box.connection(request_cut=1))
    box.inject("delay", "batch", seconds=0.8)
    box.inject("status", "batch", status=502)
    hook.batch([Call("crm.deal.get", {"id": number}) for number in range(1, 5)])
    assert [entry.n_commands for entry in box.requests] == [4, 2, 2]


def test_what_became_of_a_comment_is_looked_up_after_the_connections_cut(box, connect, long_waits_skipped):
    box.add_item("deal", {"TITLE": "Deal"})
    hook = connect(box.connection(request_cut=200))
    box.inject("drop_after", "crm.timeline.comment.add")
    [added] = hook.add_timeline_comments([{"item": ("deal", 1), "comment": "Hello"}])
    assert added["STATUS"] == "added"
    assert len(box.calls("crm.timeline.comment.add")) == 1
    assert 195 < sum(long_waits_skipped) < 215
