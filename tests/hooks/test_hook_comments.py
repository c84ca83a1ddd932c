"""The hook adds, changes and deletes comments."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_bitrix24.hooks.errors import (
    AccessDeniedError,
    AmbiguousWriteError,
    Bitrix24Error,
    InvalidInputError,
    NotFoundError,
    UnexpectedResultError,
)


def _statuses(rows: list[dict[str, Any]]) -> list[str]:
    return [row["STATUS"] for row in rows]


def test_a_comment(box, hook, record):
    number = hook.add_timeline_comment(("deal", 2), "[b]bold[/b]")
    assert type(number) is int
    [comment] = box.comments("deal", 2)
    assert (comment.record_id, comment.text) == (number, "[b]bold[/b]")


@pytest.mark.parametrize(
    ("item", "comment"), [("deal", "x"), (("deal", 1.0), "x"), ("D_1", ""), ("D_1", None)]
)
def test_a_comment_that_is_not_sent(box, hook, item, comment):
    with pytest.raises(InvalidInputError):
        hook.add_timeline_comment(item, comment)
    assert box.requests == []


@pytest.mark.parametrize(
    "text", ["$result[x] $100", "<script>", "select * from b", "\u00e4 \U0001f600 \\ \"'"], ids=ascii
)
def test_a_comments_text_arrives_as_it_is(box, hook, record, text):
    hook.add_timeline_comment("D_2", text)
    assert box.comments("deal", 2)[0].text == text


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_a_comment_whose_answer_is_lost_is_looked_up(box, hook, record, fault, long_waits_skipped):
    box.inject(fault, "crm.timeline.comment.add")
    number = hook.add_timeline_comment("D_2", "once")
    assert [comment.record_id for comment in box.comments("deal", 2)] == [number]


def test_a_comment_of_which_nobody_can_tell_says_where_to_look(box, hook, record, long_waits_skipped):
    box.inject("drop_after", "crm.timeline.comment.add")
    box.inject("error", "crm.timeline.comment.list", code="ACCESS_DENIED", status=400, times=None)
    with pytest.raises(
        AmbiguousWriteError, match="the comment on deal 2 may have been added, or not"
    ) as caught:
        hook.add_timeline_comment("D_2", "once")
    assert "Look at the timeline of deal 2" in caught.value.remedy
    assert "If you clear the task, it looks the comment up again" in caught.value.remedy
    assert len(box.comments("deal", 2)) == 1


def test_a_comment_that_this_user_has_written_already_is_not_added(box, hook, record):
    first = hook.add_timeline_comment("D_2", "once")
    box.add_comment("deal", 2, "twice", author_id=3)
    assert hook.add_timeline_comment("D_2", " once ", unless_present=True) == first
    second = hook.add_timeline_comment("D_2", "twice", unless_present=True)
    assert hook.add_timeline_comment("D_2", "once") != first
    rows = hook.add_timeline_comments(
        [{"item": "D_2", "comment": text} for text in ("twice", "new", "new")], unless_present=True
    )
    assert [row["STATUS"] for row in rows] == ["already_present", "added", "already_present"]
    assert rows[0]["ID"] == second
    assert rows[1]["ID"] == rows[2]["ID"]
    assert len(box.comments("deal", 2)) == 5


def test_a_comment_on_an_item_that_is_not_there_names_the_item(box, hook, record):
    with pytest.raises(NotFoundError, match="the comment on dynamic_1050 7 was not added") as caught:
        hook.add_timeline_comment(("dynamic_1050", 7), "text")
    assert caught.value.remedy == "Check the type and the id: the portal has no dynamic_1050 7."
    with pytest.raises(Bitrix24Error, match="on dynamic_1050 7 was not bound") as caught:
        hook.bind_timeline_records([(record, "dynamic_1050", 7)])
    assert caught.value.remedy == "Check the type dynamic_1050: the portal does not have it."


def test_a_comment_without_rights(box, connect, record):
    who = "portal user 3, the owner of the webhook, may not change deal 2"
    with pytest.raises(AccessDeniedError, match=f"the comment on deal 2 was not added: {who}"):
        connect(box.connection(user_id=3)).add_timeline_comment("D_2", "text")


@pytest.mark.parametrize("result", [True, None, "x", 0, []], ids=repr)
def test_a_comment_without_an_id(box, hook, record, result):
    box.inject("result", "crm.timeline.comment.add", result=result)
    with pytest.raises(UnexpectedResultError):
        hook.add_timeline_comment("D_2", "text")


def test_a_change_names_the_record_that_holds_it_now(box, hook, record):
    assert hook.update_timeline_comment(record, "New") == record
    box.bind(record, "contact", 1)
    copy = hook.update_timeline_comment(record, "Newer", item=("contact", 1))
    assert copy != record
    assert [comment.text for comment in box.comments("contact", 1)] == ["Newer"]
    assert [comment.text for comment in box.comments("deal", 1)] == ["New"]


def test_a_deletion_says_what_became_of_it(box, hook, record):
    box.bind(record, "contact", 1)
    assert hook.delete_timeline_comment(record, item="C_1") == {"ID": record, "STATUS": "unbound"}
    assert hook.delete_timeline_comment(record) == {"ID": record, "STATUS": "deleted"}
    assert hook.delete_timeline_comment(record) == {"ID": record, "STATUS": "not_found"}
    with pytest.raises(NotFoundError, match=f"timeline record {record} does not exist"):
        hook.delete_timeline_comment(record, missing_ok=False)


def test_many_comments(box, hook, record):
    rows = [{"item": "D_2", "comment": "a"}, {"entity_type": "deal", "entity_id": 3, "comment": "b"}]
    added = hook.add_timeline_comments(rows)
    assert [(row["ENTITY_ID"], row["STATUS"]) for row in added] == [(2, "added"), (3, "added")]
    assert [box.comments("deal", row["ENTITY_ID"])[0].record_id for row in added] == [
        row["ID"] for row in added
    ]


def test_a_comment_of_many_that_fails_is_named_by_its_place(box, connect, record):
    box.add_user(9, "Nine", may_update=[("deal", 2)])
    hook = connect(box.connection(user_id=9))
    rows = [{"item": "D_2", "comment": "a"}, {"item": "D_3", "comment": "b"}]
    with pytest.raises(AccessDeniedError, match=r"rows\[1\]: the comment on deal 3 .*; 1 of 2") as caught:
        hook.add_timeline_comments(rows)
    assert _statuses(caught.value.outcomes) == ["added", "failed"]
    assert caught.value.outcomes[1]["ID"] is None
    assert _statuses(hook.add_timeline_comments(rows, fail_on="all")) == ["added", "failed"]


def test_a_log_message(box, hook, record):
    number = hook.add_timeline_log_message(("deal", 2), "Title", "Text", icon_code="check")
    [found] = [kept for kept in box.records("deal", 2) if kept.kind == "log_message"]
    assert found.record_id == number
    with pytest.raises(InvalidInputError, match=r"^title: '' is not a text"):
        hook.add_timeline_log_message("D_2", "", "Text")
