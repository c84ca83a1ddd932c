from __future__ import annotations

import pytest
from portal_client import Client


@pytest.fixture
def deal(box):
    return box.add_item("deal", {"TITLE": "Deal"}, item_id=10)


def _fields(**fields):
    return {
        "entityTypeId": 2,
        "entityId": 10,
        "title": "Nightly sync",
        "text": "[B]12[/B] rows",
        "iconCode": "info",
        **fields,
    }


def _add(client, **fields):
    return client("crm.timeline.logmessage.add", {"fields": _fields(**fields)})


def _list(client, **params):
    return client("crm.timeline.logmessage.list", {"entityTypeId": 2, "entityId": 10, **params})


def _ids(answer):
    result = answer.result
    return [row["id"] for row in (result["logMessages"] if isinstance(result, dict) else result)]


# ---------------------------------------------------------------- add, get


def test_add_and_get(box, deal):
    manager = Client(box, 2)
    message = _add(manager, iconCode="no-such-icon").result["logMessage"]
    assert message == {
        "id": 1,
        "created": "2025-09-09T16:31:11+03:00",
        "authorId": 2,
        "title": "Nightly sync",
        "text": "[B]12[/B] rows",
        "iconCode": "no-such-icon",
    }
    assert manager("crm.timeline.logmessage.get", {"id": 1}).result == {"logMessage": message}


@pytest.mark.parametrize("missing", ["entityTypeId", "entityId", "title", "text", "iconCode"])
def test_add_needs_everything(client, deal, missing):
    assert _add(client, **{missing: None}).error == (400, "0", f"Missing a required field: {missing}")


def test_add_errors(box, client, deal):
    assert client("crm.timeline.logmessage.add").error[:2] == (400, "100")
    assert _add(client, entityTypeId=999).error[:2] == (400, "OWNER_NOT_FOUND")
    assert _add(client, entityId=-1).error[:2] == (400, "OWNER_NOT_FOUND")
    assert _add(Client(box, 3)).error[:2] == (400, "ACCESS_DENIED")
    assert box.records() == []


def test_get_errors(box, client, deal):
    comment = box.add_comment("deal", deal, "x")
    message = box.add_log_message("deal", deal, "x")
    assert client("crm.timeline.logmessage.get", {"id": 999}).error[:2] == (400, "NOT_FOUND")
    assert client("crm.timeline.logmessage.get", {"id": comment}).error[1] == "NOT_FOUND"
    assert client("crm.timeline.logmessage.get").error[1] == "100"
    box.add_user(4, may_read=[("contact", 39)])
    assert Client(box, 4)("crm.timeline.logmessage.get", {"id": message}).error[1] == "ACCESS_DENIED"


# ---------------------------------------------------------------- in the timeline


def test_numbers_are_those_of_the_timeline(box, client, deal):
    comment = box.add_comment("deal", deal, "x")
    message = _add(client).result["logMessage"]["id"]
    assert message == comment + 1
    assert client.pair("bind", message, "contact", 39).result is True
    assert box.bindings(message) == [("contact", 39), ("deal", 10)]
    assert client("crm.timeline.comment.get", {"id": message}).result["COMMENT"] == "[B]12[/B] rows"
    assert client("crm.timeline.comment.delete", {"id": message}).error[1] == "NOT_FOUND"
    rows = client("crm.timeline.comment.list", {"filter": {"ENTITY_TYPE": "deal", "ENTITY_ID": 10}}).result
    assert [row["ID"] for row in rows] == [str(comment)]


def test_deleting_an_item(box, client, deal):
    message = _add(client).result["logMessage"]["id"]
    client("crm.deal.delete", {"id": deal})
    assert client("crm.timeline.logmessage.get", {"id": message}).error[1] == "NOT_FOUND"


# ---------------------------------------------------------------- list


def test_list_knows_only_what_was_created_there(box, client, deal):
    contact = box.add_item("contact", {"NAME": "Ada"}, item_id=39)
    moved, foreign = box.add_log_message("deal", deal, "a"), box.add_log_message("contact", contact, "b")
    box.bind(foreign, "deal", deal)
    box.bind(moved, "contact", contact)
    box.unbind(moved, "deal", deal)
    box.add_comment("deal", deal, "c")
    assert _ids(_list(client)) == [moved]
    assert _ids(client("crm.timeline.logmessage.list", {"entityTypeId": 3, "entityId": 39})) == [foreign]


def test_list_as_in_the_source(box, client, deal):
    numbers = [box.add_log_message("deal", deal, str(n)) for n in range(25)]
    answer = _list(client)
    assert list(answer.result) == ["logMessages"]
    assert (_ids(answer), answer.body["total"], answer.body["next"]) == (numbers[:10], 25, 10)
    answer = _list(client, start=10)
    assert (_ids(answer), answer.body["next"]) == (numbers[:10], 20), "start moves only what comes next"
    assert "next" not in _list(client, start=20).body
    assert _ids(_list(client, offset=20)) == numbers[20:]
    assert _ids(_list(client, offset=3, start=20)) == numbers[3:13]
    assert _ids(_list(client, offset=30)) == []


def test_list_as_documented(box, client, deal):
    numbers = [box.add_log_message("deal", deal, str(n)) for n in range(25)]
    box.set_log_messages_as_documented(True)
    answer = _list(client, start=10, offset=3)
    assert isinstance(answer.result, list)
    assert (_ids(answer), answer.body["total"], answer.body["next"]) == (numbers[10:20], 25, 20)
    last = _list(client, start=25)
    assert (_ids(last), last.body.get("next")) == (numbers[20:], None)
    assert _list(client, start=30).result == []


def test_list_without_counting(box, client, deal):
    number = box.add_log_message("deal", deal, "x")
    answer = _list(client, start=-1)
    assert _ids(answer) == [number]
    assert answer.body.keys().isdisjoint({"total", "next"})


def test_list_order(box, clock, client, deal):
    first = box.add_log_message("deal", deal, "a")
    clock.now += 5
    second = box.add_log_message("deal", deal, "b")
    assert _ids(_list(client, order={"id": "desc"})) == [second, first]
    assert _ids(_list(client, order={"created": "DESC"})) == [second, first]
    assert _ids(_list(client, order={"ID": "desc"})) == [first, second], "names in lower case only"


def test_list_errors(box, client, deal):
    assert client("crm.timeline.logmessage.list", {"entityTypeId": 2}).error[:2] == (400, "100")
    assert _list(client, entityTypeId=999).error[1] == "OWNER_NOT_FOUND"
    box.add_user(4, may_read=[("contact", 39)])
    assert _list(Client(box, 4)).error[:2] == (400, "ACCESS_DENIED")


# ---------------------------------------------------------------- delete


def test_a_webhook_deletes_nothing(box, client, deal):
    message = _add(client).result["logMessage"]["id"]
    for number in (message, 999):
        assert client("crm.timeline.logmessage.delete", {"id": number}).error[:2] == (
            400,
            "REMOVING_DISABLED",
        )
    assert client("crm.timeline.logmessage.delete").error[1] == "100"
    assert len(box.records()) == 1


def test_an_application_deletes_its_own(box, client, application, deal):
    other = _add(client).result["logMessage"]["id"]
    own = application("crm.timeline.logmessage.add", {"fields": _fields()}).result["logMessage"]["id"]
    delete = "crm.timeline.logmessage.delete"
    assert application(delete, {"id": other}).error[1] == "REMOVING_DISABLED"
    assert application(delete, {"id": own}, user_id=2).error[1] == "ACCESS_DENIED"
    assert application(delete, {"id": own}).result is True
    assert application(delete, {"id": own}).error[1] == "NOT_FOUND"
    assert [record.record_id for record in box.records()] == [other]
