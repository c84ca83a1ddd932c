"""Items of known ids, as they are now."""

from __future__ import annotations

from keys_portal import Portal

from airflow_provider_bitrix24.crm.writing.current import checked_ids
from airflow_provider_bitrix24.rest.errors import AccessDeniedError, UnexpectedResultError


def test_fifty_items_a_call_are_read_with_their_ids():
    portal = Portal(*({"id": number, "title": str(number)} for number in range(1, 121) if number != 7))
    found = portal.run(checked_ids(2, [*range(1, 121), 5], ["title"]))
    assert list(found) == list(range(1, 121))
    assert found[7] is None
    assert found[8] == {"id": 8, "title": "8"}
    [calls] = portal.works
    assert [len(call.params["filter"]["@id"]) for call in calls] == [50, 50, 20]
    assert {tuple(call.params["select"]) for call in calls} == {("id", "title")}


def test_no_ids_are_no_call():
    portal = Portal({"id": 1})
    assert portal.run(checked_ids(2, [], ["*"])) == {}
    assert portal.works == []


def test_the_error_of_a_call_is_that_of_its_ids_only():
    denied = AccessDeniedError("no")
    portal = Portal({"id": 51}, instead=lambda call: denied if 1 in call.params["filter"]["@id"] else None)
    found = portal.run(checked_ids(2, range(1, 53), ["id"]))
    assert {found[number] for number in range(1, 51)} == {denied}
    assert (found[51], found[52]) == ({"id": 51}, None)


def test_items_that_nobody_asked_for_make_no_others_absent():
    for answer in (
        {"items": [{"id": 1}, {"id": 9}]},
        {"items": [{"id": 1}, {"id": "1"}]},
        {"items": [{}]},
        [],
    ):
        portal = Portal(instead=lambda call, answer=answer: answer)
        found = portal.run(checked_ids(2, [1, 2], ["id"]))
        assert all(isinstance(value, UnexpectedResultError) for value in found.values())
