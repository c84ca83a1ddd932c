"""``crm.activity.binding.*``: every error of the reference, and who may do what."""

from __future__ import annotations

import pytest
from portal_client import Client

_DEAL, _CONTACT = 2, 3


@pytest.fixture
def deal(box):
    return box.add_item("deal", {"TITLE": "Deal"}, item_id=10)


@pytest.fixture
def contact(box):
    return box.add_item("contact", {"NAME": "Ada"}, item_id=39)


@pytest.fixture
def activity(box, deal):
    return box.add_activity("deal", deal, "Call back", kind="call")


def _pair(client, method, activity_id, type_id, item_id):
    params = {"activityId": activity_id, "entityTypeId": type_id, "entityId": item_id}
    return client(f"crm.activity.binding.{method}", params)


def _move(client, activity_id, source, target):
    params = {"activityId": activity_id}
    for prefix, (type_id, item_id) in (("source", source), ("target", target)):
        params |= {f"{prefix}EntityTypeId": type_id, f"{prefix}EntityId": item_id}
    return client("crm.activity.binding.move", params)


def _listed(client, activity_id):
    rows = client("crm.activity.binding.list", {"activityId": activity_id}).result
    return [(row["entityTypeId"], row["entityId"]) for row in rows]


def test_add_list_delete(box, client, activity, contact):
    assert _pair(client, "add", activity, _CONTACT, contact).result is True
    assert _listed(client, activity) == [(2, 10), (3, 39)]
    assert box.activity_bindings(activity) == [("contact", 39), ("deal", 10)]
    assert _pair(client, "delete", activity, _DEAL, 10).result is True
    assert _listed(client, activity) == [(3, 39)]


def test_list_is_not_paged(box, client, activity):
    for number in range(100, 160):
        box.bind_activity(activity, "deal", number)
    answer = client("crm.activity.binding.list", {"activityId": activity})
    assert len(answer.result) == 61
    assert answer.body.keys().isdisjoint({"total", "next"})


def test_adding_twice_is_an_error(client, activity):
    assert _pair(client, "add", activity, _DEAL, 10).error[:2] == (400, "ACTIVITY_IS_ALREADY_BOUND")


def test_no_more_than_a_hundred(box, client, activity, contact):
    for number in range(100, 199):
        box.bind_activity(activity, "deal", number)
    assert _pair(client, "add", activity, _CONTACT, contact).error[:2] == (400, "0")
    assert _pair(client, "delete", activity, _DEAL, 150).result is True
    assert _pair(client, "add", activity, _CONTACT, contact).result is True


def test_deleting_what_is_not_bound(client, activity, contact):
    assert _pair(client, "delete", activity, _CONTACT, contact).error[:2] == (400, "BINDING_NOT_FOUND")


def test_the_last_binding_stays(box, client, activity):
    error = _pair(client, "delete", activity, _DEAL, 10).error
    assert error[:2] == (400, "LAST_BINDING_CANNOT_BE_DELETED")
    assert box.activity_bindings(activity) == [("deal", 10)]


@pytest.mark.parametrize("method", ["add", "delete"])
@pytest.mark.parametrize("number", [999, 0, -1])
def test_activity_that_does_not_exist(client, deal, method, number):
    assert _pair(client, method, number, _DEAL, deal).error[:2] == (400, "NOT_FOUND")
    assert client("crm.activity.binding.list", {"activityId": number}).error[:2] == (400, "NOT_FOUND")


def test_a_timeline_record_is_no_activity(box, client, deal):
    record = box.add_comment("deal", deal, "x")
    assert _pair(client, "add", record, _DEAL, deal).error[1] == "NOT_FOUND"
    activity = box.add_activity("deal", deal, "y")
    assert record == activity, "the same number, and another thing"
    assert client("crm.timeline.comment.get", {"id": record}).result["COMMENT"] == "x"


@pytest.mark.parametrize(("type_id", "item_id"), [(999, 10), (1042, 1), (_DEAL, 0), (_DEAL, -3), (0, 1)])
def test_owner_not_found(client, activity, type_id, item_id):
    for method in ("add", "delete"):
        assert _pair(client, method, activity, type_id, item_id).error[:2] == (400, "OWNER_NOT_FOUND")


@pytest.mark.parametrize("missing", ["activityId", "entityTypeId", "entityId"])
def test_missing_parameters(client, activity, missing):
    params = {"activityId": activity, "entityTypeId": _DEAL, "entityId": 10}
    del params[missing]
    for method in ("add", "delete"):
        error = client(f"crm.activity.binding.{method}", params).error
        assert error == (400, "100", f"Could not find value for parameter {{{missing}}}")
    params = {"activityId": activity, "entityTypeId": _DEAL, "entityId": 10, missing: "ten"}
    assert client("crm.activity.binding.add", params).error[1] == "100"


def test_rights(box, client, activity, contact):
    box.add_user(4, may_read=[("deal", 10)], may_update=[("deal", 10)])
    clerk, guest = Client(box, 4), Client(box, 3)
    assert _pair(guest, "add", activity, _CONTACT, contact).error[:2] == (400, "ACCESS_DENIED")
    assert _pair(guest, "delete", activity, _DEAL, 10).error[:2] == (400, "ACCESS_DENIED")
    assert _pair(clerk, "add", activity, _CONTACT, contact).error[1] == "ACCESS_DENIED"
    assert _pair(client, "add", activity, _CONTACT, contact).result is True
    assert _listed(clerk, activity) == [(2, 10)], "only what may be read"
    assert _pair(clerk, "delete", activity, _CONTACT, contact).error[1] == "ACCESS_DENIED"
    assert _pair(clerk, "delete", activity, _DEAL, 10).result is True
    assert _listed(guest, activity) == [(3, 39)]


def test_item_that_does_not_exist(box, client, activity):
    assert _pair(Client(box, 2), "add", activity, _DEAL, 999).error[1] == "ACCESS_DENIED"
    assert _pair(client, "add", activity, _DEAL, 999).result is True, "an administrator may"


def test_move(box, client, activity):
    box.add_item("deal", item_id=11)
    assert _move(client, activity, (2, 10), (2, 11)).result is True
    assert _listed(client, activity) == [(2, 11)], "also the last binding may move"
    row = client("crm.activity.get", {"id": activity}).result
    assert (row["OWNER_TYPE_ID"], row["OWNER_ID"]) == ("2", "11")


def test_move_errors(box, client, activity, contact):
    box.add_item("deal", item_id=11)
    box.add_item("contact", item_id=10)
    box.bind_activity(activity, "deal", 11)

    def code(source, target, caller=client):
        return _move(caller, activity, source, target).error[:2]

    assert code((2, 10), (2, 10)) == (400, "SOURCE_AND_TARGET_ENTITY_ID_ARE_EQUAL_ERROR")
    assert code((2, 10), (3, 10)) == (400, "SOURCE_AND_TARGET_ENTITY_ID_ARE_EQUAL_ERROR")
    assert code((2, 10), (3, 39)) == (400, "SOURCE_AND_TARGET_ENTITY_TYPES_ARE_NOT_EQUAL_ERROR")
    assert code((2, 10), (2, 11)) == (400, "ACTIVITY_IS_ALREADY_BOUND")
    box.add_item("deal", item_id=12)
    box.add_item("deal", item_id=13)
    assert code((2, 12), (2, 13)) == (400, "BINDING_NOT_FOUND")
    assert code((2, 10), (999, 13)) == (400, "OWNER_NOT_FOUND")
    assert code((2, 10), (2, 13), Client(box, 3)) == (400, "ACCESS_DENIED")
    assert _move(client, 999, (2, 10), (2, 13)).error[1] == "NOT_FOUND"
    assert client("crm.activity.binding.move", {"activityId": activity}).error[1] == "100"


def test_deleting_an_item(box, client, activity, contact):
    shared = box.add_activity("deal", 10, "Shared")
    box.bind_activity(shared, "contact", contact)
    assert client("crm.deal.delete", {"id": 10}).result is True
    assert box.activities().keys() == {shared}
    assert box.activity_bindings(shared) == [("contact", 39)]
    assert box.activities("contact", 39)[shared]["OWNER_TYPE_ID"] == "3"
    assert box.activity_bindings(activity) == []


def test_bindings_to_a_smart_process_that_is_gone(box, client, activity):
    box.bind_activity(activity, box.add_smart_process(1042), 5)
    assert _listed(client, activity) == [(2, 10), (1042, 5)]
    box.remove_smart_process(1042)
    assert _listed(client, activity) == [(2, 10)]


def test_by_form_and_batch(client, activity, contact):
    command = f"crm.activity.binding.add?activityId={activity}&entityTypeId=3&entityId={contact}"
    answer = client.batch(
        {"a": command, "b": command, "c": f"crm.activity.binding.list?activityId={activity}"}
    )
    assert answer["result"]["a"] is True
    assert answer["result_error"]["b"]["error"] == "ACTIVITY_IS_ALREADY_BOUND"
    assert answer["result"]["c"] == [
        {"entityTypeId": 2, "entityId": 10},
        {"entityTypeId": 3, "entityId": 39},
    ]
