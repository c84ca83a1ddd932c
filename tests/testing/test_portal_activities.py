from __future__ import annotations

import pytest
from portal_client import Client


@pytest.fixture
def deal(box):
    return box.add_item("deal", {"TITLE": "Deal"}, item_id=10)


@pytest.fixture
def contact(box):
    return box.add_item("contact", {"NAME": "Ada"}, item_id=39)


def _ids(answer):
    return [int(row["ID"]) for row in answer.result]


def _list(client, **params):
    return _ids(client("crm.activity.list", params))


# ---------------------------------------------------------------- reading


def test_get(box, client, deal):
    number = box.add_activity("deal", deal, "Call back", kind="call", author_id=2)
    row = client("crm.activity.get", {"id": number}).result
    expected = {
        "ID": str(number),
        "OWNER_TYPE_ID": "2",
        "OWNER_ID": "10",
        "TYPE_ID": "2",
        "PROVIDER_ID": "VOXIMPLANT_CALL",
        "SUBJECT": "Call back",
        "COMPLETED": "N",
        "STATUS": "1",
        "AUTHOR_ID": "2",
        "RESPONSIBLE_ID": "2",
        "CREATED": "2025-09-09T16:31:11+03:00",
        "COMMUNICATIONS": None,
    }
    assert row.items() >= expected.items()


def test_get_errors(box, client, deal):
    number = box.add_activity("deal", deal)
    assert client("crm.activity.get").error == (400, "", "ID is not defined or invalid.")
    assert client("crm.activity.get", {"id": 999}).error == (400, "", "Activity is not found.")
    box.add_user(4, may_read=[("contact", 1)])
    assert Client(box, 4)("crm.activity.get", {"id": number}).error == (400, "", "Access denied.")


def test_list_by_owner_and_by_bindings(box, client, deal, contact):
    owned = box.add_activity("deal", deal, "a")
    shared = box.add_activity("contact", contact, "b")
    box.bind_activity(shared, "deal", deal)
    other = box.add_activity("contact", 40, "c")
    assert _list(client, filter={"OWNER_TYPE_ID": 2, "OWNER_ID": 10}) == [owned]
    assert _list(client, filter={"BINDINGS": [{"OWNER_TYPE_ID": 2, "OWNER_ID": 10}]}) == [owned, shared]
    assert _list(client, filter={"BINDINGS": [{"OWNER_TYPE_ID": 3}]}) == [shared, other]
    both = [{"OWNER_TYPE_ID": 3, "OWNER_ID": 40}, {"OWNER_TYPE_ID": 2, "OWNER_ID": 10}]
    assert _list(client, filter={"BINDINGS": both, ">ID": 1}) == [shared, other]
    assert _list(client, filter={"BINDINGS": [{"OWNER_TYPE_ID": 999}]}) == []


def test_list_filters_and_order(box, client, deal):
    numbers = [
        box.add_activity("deal", deal, subject, kind=kind, fields=fields)
        for subject, kind, fields in (
            ("Call Ada", "call", {"START_TIME": "2025-09-12T10:00:00Z", "COMPLETED": "Y"}),
            ("Write", "email", {"START_TIME": "2025-09-10T10:00:00Z"}),
            ("Call Tom", "call", {"START_TIME": "2025-09-11T10:00:00Z"}),
        )
    ]
    first, second, third = numbers
    assert _list(client) == [second, third, first], "in the order of their beginning"
    assert _list(client, order={"ID": "DESC"}) == [third, second, first]
    assert _list(client, filter={"COMPLETED": "N", "TYPE_ID": 2}) == [third]
    assert _list(client, filter={"%SUBJECT": "call"}, order={"ID": "ASC"}) == [first, third]
    assert _list(client, filter={">START_TIME": "2025-09-11T12:00:00Z"}) == [first]
    assert _list(client, filter={"PROVIDER_ID": "CRM_EMAIL"}) == [second]
    assert len(_list(client, filter={"subject": "nothing"})) == 3, "unknown keys are dropped"


def test_list_pages(box, client, deal):
    numbers = [box.add_activity("deal", deal, str(n)) for n in range(120)]
    answer = client("crm.activity.list", {"order": {"ID": "ASC"}})
    assert (_ids(answer), answer.body["total"], answer.body["next"]) == (numbers[:50], 120, 50)
    last = client("crm.activity.list", {"order": {"ID": "ASC"}, "start": 100})
    assert _ids(last) == numbers[100:]
    assert "next" not in last.body
    window = {"order": {"ID": "ASC"}, "filter": {">ID": numbers[49]}, "start": -1}
    answer = client("crm.activity.list", window)
    assert (_ids(answer), answer.body["total"]) == (numbers[50:100], 0)


def test_list_select(box, client, deal):
    box.add_activity("deal", deal, "x")
    rows = client("crm.activity.list", {"select": ["ID", "SUBJECT", "NONSENSE"]}).result
    assert rows == [{"ID": "1", "SUBJECT": "x"}]
    assert "COMMUNICATIONS" not in client("crm.activity.list").result[0]
    assert "COMMUNICATIONS" in client("crm.activity.list", {"select": ["*", "COMMUNICATIONS"]}).result[0]
    assert client("crm.activity.list", {"select": ["NONSENSE"]}).result[0]["SUBJECT"] == "x"


def test_list_shows_what_may_be_read(box, deal, contact):
    hidden = box.add_activity("contact", contact, "a")
    shown = box.add_activity("deal", deal, "b")
    box.add_user(4, may_read=[("deal", 10)])
    own = box.add_activity("contact", contact, "c", author_id=4)
    answer = Client(box, 4)("crm.activity.list")
    assert (_ids(answer), answer.body["total"]) == ([shown, own], 2)
    assert hidden not in _ids(answer)


def test_fields(client):
    fields = client("crm.activity.fields").result
    assert (fields["ID"]["isReadOnly"], fields["SUBJECT"]["type"]) == (True, "string")


def test_an_activity_comes_once_for_each_wanted_item(box, client, deal, contact):
    owned = box.add_activity("deal", deal)
    shared = box.add_activity("deal", deal)
    box.bind_activity(shared, "contact", contact)
    both = [{"OWNER_TYPE_ID": 2}, {"OWNER_TYPE_ID": 3}]
    answer = client("crm.activity.list", {"order": {"ID": "ASC"}, "filter": {"BINDINGS": both}})
    assert [row["ID"] for row in answer.result] == [str(owned), str(shared), str(shared)]
    assert answer.body["total"] == 3
    assert _list(client, filter={"BINDINGS": both}, start=-1) == [owned, shared, shared]
    assert _list(client, filter={"BINDINGS": [{"OWNER_TYPE_ID": 2}]}) == [owned, shared]


def test_a_row_has_text_or_null_and_two_arrays(box, client, deal):
    number = box.add_activity("deal", deal, "Call Ada", kind="call", author_id=2)
    (row,) = client("crm.activity.list", {"filter": {">ID": 0}}).result
    moment = "2025-09-09T16:31:11+03:00"
    assert row == {
        "ID": str(number),
        "OWNER_ID": "10",
        "OWNER_TYPE_ID": "2",
        "TYPE_ID": "2",
        "PROVIDER_ID": "VOXIMPLANT_CALL",
        "PROVIDER_TYPE_ID": "CALL",
        "PROVIDER_GROUP_ID": None,
        "ASSOCIATED_ENTITY_ID": "0",
        "SUBJECT": "Call Ada",
        **dict.fromkeys(("CREATED", "LAST_UPDATED", "START_TIME", "END_TIME", "DEADLINE"), moment),
        "COMPLETED": "N",
        "STATUS": "1",
        "RESPONSIBLE_ID": "2",
        "PRIORITY": "2",
        "NOTIFY_TYPE": "0",
        "NOTIFY_VALUE": "0",
        "DESCRIPTION": None,
        "DESCRIPTION_TYPE": "1",
        "DIRECTION": "0",
        "LOCATION": None,
        "SETTINGS": [],
        "ORIGINATOR_ID": None,
        "ORIGIN_ID": None,
        "AUTHOR_ID": "2",
        "EDITOR_ID": "2",
        "PROVIDER_PARAMS": [],
        "PROVIDER_DATA": None,
        "RESULT_MARK": "0",
        "RESULT_VALUE": None,
        "RESULT_SUM": None,
        "RESULT_CURRENCY_ID": None,
        "RESULT_STATUS": "0",
        "RESULT_STREAM": "0",
        "RESULT_SOURCE_ID": None,
        "AUTOCOMPLETE_RULE": "0",
    }


def test_settings_are_an_array_or_an_object(box, client, deal):
    plain = box.add_activity("deal", deal)
    full = box.add_activity("deal", deal, fields={"SETTINGS": {"DURATION": 5, "TAGS": []}, "RESULT_SUM": 7})
    rows = client("crm.activity.list", {"select": ["ID", "SETTINGS", "RESULT_SUM"]}).result
    assert rows == [
        {"ID": str(plain), "SETTINGS": [], "RESULT_SUM": None},
        {"ID": str(full), "SETTINGS": {"DURATION": 5, "TAGS": []}, "RESULT_SUM": "7.00"},
    ]
    client("crm.activity.update", {"id": full, "fields": {"SETTINGS": "text"}})
    assert box.activities()[full]["SETTINGS"] == {"DURATION": 5, "TAGS": []}


def test_no_deadline_is_one_in_the_year_9999(box, client, deal):
    never = "9999-12-31T00:00:00+03:00"
    letter = box.add_activity("deal", deal, kind="email")
    todo = box.add_activity("deal", deal, fields={"DEADLINE": "2025-09-10T12:00:00+03:00"})
    rows = {row["ID"]: row["DEADLINE"] for row in client("crm.activity.list").result}
    assert rows == {str(letter): never, str(todo): "2025-09-10T12:00:00+03:00"}
    client("crm.activity.update", {"id": todo, "fields": {"DEADLINE": ""}})
    assert client("crm.activity.get", {"id": todo}).result["DEADLINE"] == never
    assert _list(client, filter={"<DEADLINE": "2026-01-01T00:00:00Z"}) == []


def test_changed_activities_by_their_date_and_new_ones_by_their_number(box, client, clock, deal):
    first, second = box.add_activity("deal", deal), box.add_activity("deal", deal)
    clock.now += 60
    client("crm.activity.update", {"id": first, "fields": {"SUBJECT": "Changed"}})
    since = {">=LAST_UPDATED": "2025-09-09T13:32:00Z"}
    assert _list(client, filter=since, order={"ID": "ASC"}, start=-1) == [first]
    assert _list(client, filter={">ID": first}, order={"ID": "ASC"}, start=-1) == [second]


def test_activities_of_hidden_items_are_left_out(box, client, deal, contact):
    box.add_activity("deal", deal, author_id=2)
    seen = box.add_activity("contact", contact, author_id=2)
    box.hide_items("deal", [deal])
    assert _list(client) == [seen]


def test_more_fields_are_described_than_lists_have(box, client, deal):
    box.add_activity("deal", deal)
    (row,) = client("crm.activity.list").result
    fields = client("crm.activity.fields").result
    assert fields.keys() - row.keys() == {
        "BINDINGS",
        "COMMUNICATIONS",
        "FILES",
        "WEBDAV_ELEMENTS",
        "IS_INCOMING_CHANNEL",
    }
    assert fields["TYPE_ID"].items() >= {"type": "crm_enum_activitytype", "isRequired": True}.items()
    assert (fields["SETTINGS"]["type"], fields["RESULT_SUM"]["type"]) == ("object", "double")
    assert fields["COMMUNICATIONS"]["isMultiple"] is True


# ---------------------------------------------------------------- to-dos


def _todo(client, **params):
    sent = {"ownerTypeId": 2, "ownerId": 10, "deadline": "2025-09-10T12:00:00+02:00", **params}
    sent = {name: value for name, value in sent.items() if value is not None}
    return client("crm.activity.todo.add", sent)


def test_todo(box, client, deal):
    number = _todo(client, title="Send the offer", description="All shops", responsibleId=2).result["id"]
    row = client("crm.activity.get", {"id": number}).result
    expected = {
        "SUBJECT": "Send the offer",
        "DESCRIPTION": "All shops",
        "PROVIDER_ID": "CRM_TODO",
        "DEADLINE": "2025-09-10T13:00:00+03:00",
        "RESPONSIBLE_ID": "2",
        "AUTHOR_ID": "1",
    }
    assert row.items() >= expected.items()
    assert box.activity_bindings(number) == [("deal", 10)]


def test_todo_errors(box, client, deal):
    assert _todo(client, deadline=None).error == (
        400,
        "100",
        "Could not find value for parameter {deadline}",
    )
    assert _todo(client, ownerId=None).error[1] == "100"
    assert _todo(client, deadline="some day").error[:2] == (400, "WRONG_DATETIME_FORMAT")
    assert _todo(client, ownerId=999).error[:2] == (400, "OWNER_NOT_FOUND")
    assert _todo(client, ownerTypeId=999).error[:2] == (400, "OWNER_NOT_FOUND")
    assert _todo(client, parentActivityId=999).error[:2] == (400, "NOT_FOUND")
    assert _todo(Client(box, 3)).error[:2] == (400, "ACCESS_DENIED")
    assert box.activities() == {}


# ---------------------------------------------------------------- the deprecated ones


def _call_fields(**fields):
    return {
        "OWNER_TYPE_ID": 2,
        "OWNER_ID": 10,
        "TYPE_ID": 2,
        "SUBJECT": "Called Ada",
        "RESPONSIBLE_ID": 2,
        "COMMUNICATIONS": [{"VALUE": "+15550100", "ENTITY_TYPE_ID": 3, "ENTITY_ID": 39}],
        "COMPLETED": "Y",
        **fields,
    }


def test_add_a_call(box, client, deal, contact):
    number = client("crm.activity.add", {"fields": _call_fields(NONSENSE=1, AUTHOR_ID=3)}).result
    row = client("crm.activity.get", {"id": number}).result
    assert (row["TYPE_ID"], row["STATUS"], row["RESPONSIBLE_ID"], row["AUTHOR_ID"]) == ("2", "2", "2", "1")
    communication = row["COMMUNICATIONS"][0]
    assert communication.items() >= {"VALUE": "+15550100", "ENTITY_ID": "39", "ENTITY_TYPE_ID": "3"}.items()
    assert box.activity_bindings(number) == [("contact", 39), ("deal", 10)]


def test_add_with_a_bare_communication(client, deal, contact):
    bare = [{"ENTITY_TYPE_ID": 3, "ENTITY_ID": 39}]
    number = client("crm.activity.add", {"fields": _call_fields(COMMUNICATIONS=bare)}).result
    assert client("crm.activity.get", {"id": number}).result["COMMUNICATIONS"] is None


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"SUBJECT": " "}, "The field SUBJECT is not defined or empty."),
        ({"RESPONSIBLE_ID": "x"}, "The field RESPONSIBLE_ID is not defined or invalid."),
        ({"TYPE_ID": 0}, "The field TYPE_ID is not defined or invalid."),
        ({"COMMUNICATIONS": []}, "The field COMMUNICATIONS is not defined or invalid."),
        ({"COMMUNICATIONS": [{}, {}]}, "The field COMMUNICATIONS is not defined or invalid."),
        (
            {"COMMUNICATIONS": [{"VALUE": "1"}, {"VALUE": "2"}]},
            "The only one communication is allowed for activity of specified type.",
        ),
    ],
)
def test_add_errors(box, client, deal, fields, text):
    assert client("crm.activity.add", {"fields": _call_fields(**fields)}).error == (400, "", text)
    assert box.activities() == {}


def test_add_without_an_item_or_rights(box, client, deal):
    orphan = _call_fields(OWNER_ID=0, COMMUNICATIONS=[{"VALUE": "1"}])
    assert "Could not build binding" in client("crm.activity.add", {"fields": orphan}).error[2]
    denied = Client(box, 3)("crm.activity.add", {"fields": _call_fields()})
    assert denied.error == (400, "", "Access denied.")


def test_update_and_delete(box, clock, client, deal):
    number = box.add_activity("deal", deal, "Call", kind="call")
    clock.now += 60
    fields = {"SUBJECT": "Called", "COMPLETED": "Y", "TYPE_ID": 4, "OWNER_ID": 11, "START_TIME": "some day"}
    assert client("crm.activity.update", {"id": number, "fields": fields}).result is True
    row = client("crm.activity.get", {"id": number}).result
    assert (row["SUBJECT"], row["STATUS"], row["TYPE_ID"], row["OWNER_ID"]) == ("Called", "2", "2", "10")
    assert (row["LAST_UPDATED"], row["START_TIME"]) == (
        "2025-09-09T16:32:11+03:00",
        "2025-09-09T16:31:11+03:00",
    )
    guest = Client(box, 3)
    assert guest("crm.activity.update", {"id": number, "fields": {}}).error[2] == "Access denied."
    assert guest("crm.activity.delete", {"id": number}).error[2] == "Access denied."
    assert client("crm.activity.delete", {"id": number}).result is True
    assert client("crm.activity.delete", {"id": number}).error[2] == "Activity is not found."
    assert box.add_activity("deal", deal) == number + 1, "numbers are never given twice"


# ---------------------------------------------------------------- doors for tests


def test_add_activity_for_tests(box, deal):
    with pytest.raises(ValueError, match="todo"):
        box.add_activity("deal", deal, kind="dance")
    with pytest.raises(ValueError, match="smart process"):
        box.add_activity("dynamic_1042", 1)
    number = box.add_activity("deal", deal, fields={"DESCRIPTION": "x"})
    assert box.activities("deal", deal)[number]["DESCRIPTION"] == "x"
    assert box.activities("contact", 1) == {}
    box.delete_activity(number)
    assert box.activities() == {}
