from __future__ import annotations

import base64

import pytest
import requests
from portal_client import Client


@pytest.fixture
def deal(box):
    return box.add_item("deal", {"TITLE": "Deal"}, item_id=10)


def _add(client, **fields):
    return client(
        "crm.timeline.comment.add",
        {"fields": {"ENTITY_ID": 10, "ENTITY_TYPE": "deal", "COMMENT": "Hello", **fields}},
    )


# ---------------------------------------------------------------- add


def test_add(box, deal):
    manager = Client(box, 2)
    number = _add(manager, COMMENT="  [B]Hi[/B]\n", AUTHOR_ID=1, CREATED="2001-01-01").result
    assert isinstance(number, int)
    assert manager("crm.timeline.comment.get", {"id": number}).result == {
        "ID": str(number),
        "ENTITY_ID": "10",
        "ENTITY_TYPE": "deal",
        "CREATED": "2025-09-09T16:31:11+03:00",
        "COMMENT": "[B]Hi[/B]",
        "AUTHOR_ID": "2",
    }


def test_add_takes_the_type_as_a_number(client, deal):
    assert _add(client, ENTITY_TYPE="", ENTITY_TYPE_ID=2).result == 1


@pytest.mark.parametrize("fields", [{"ENTITY_TYPE": "x"}, {"ENTITY_ID": 0}, {"ENTITY_ID": "None"}])
def test_add_owner_not_found(client, deal, fields):
    assert _add(client, **fields).error[:2] == (400, "OWNER_NOT_FOUND")


def test_add_without_rights(box, client, deal):
    assert _add(Client(box, 3)).error[:2] == (400, "ACCESS_DENIED")
    assert _add(Client(box, 2), ENTITY_ID=999).error[1] == "ACCESS_DENIED"
    assert _add(client, ENTITY_ID=999).result > 0, "an administrator may comment on what does not exist"


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_add_empty_text(client, deal, text):
    assert _add(client, COMMENT=text).error == (400, "INVALID_ARG_VALUE", "Empty comment message")


@pytest.mark.parametrize("params", [{}, {"FIELDS": {"COMMENT": "x"}}])
def test_add_needs_fields_in_lower_case(client, params):
    answer = client("crm.timeline.comment.add", params)
    assert answer.error == (400, "100", "Could not find value for parameter {fields}")


def test_add_wrong_type_of_fields(client):
    status, code, text = client("crm.timeline.comment.add", {"fields": "x"}).error
    assert (status, code) == (400, "100")
    assert "to match with parameter {fields}" in text


# ---------------------------------------------------------------- get


def test_get_answers_for_other_records_too(box, client, deal):
    record = box.add_record("deal", 10, kind="creation", text="Deal created")
    assert client("crm.timeline.comment.get", {"ID": record}).result["COMMENT"] == "Deal created"


def test_get_errors(box, client, deal):
    number = box.add_comment("deal", 10, "x")
    assert client("crm.timeline.comment.get").error == (400, "", "ID is not defined or invalid.")
    assert client("crm.timeline.comment.get", {"id": "x"}).error[2] == "ID is not defined or invalid."
    assert client("crm.timeline.comment.get", {"id": 999}).error == (400, "", "Not found.")
    box.add_user(4, may_read=[("contact", 39)])
    assert Client(box, 4)("crm.timeline.comment.get", {"id": number}).error == (400, "", "Access denied.")


def test_get_shows_the_first_item_that_may_be_read(box, deal):
    number = box.add_comment("deal", 10, "x")
    box.add_item("contact", item_id=39)
    box.bind(number, "contact", 39)
    box.add_user(4, may_read=[("contact", 39)])
    row = Client(box, 4)("crm.timeline.comment.get", {"id": number}).result
    assert (row["ENTITY_TYPE"], row["ENTITY_ID"]) == ("contact", "39")


# ---------------------------------------------------------------- list


def _list(client, **params):
    return client("crm.timeline.comment.list", {"filter": {"ENTITY_ID": 10, "ENTITY_TYPE": "deal"}, **params})


def test_list_includes_comments_bound_from_elsewhere(box, client, deal):
    own = box.add_comment("deal", 10, "own")
    other = box.add_comment("contact", 39, "other")
    box.bind(other, "deal", 10)
    box.add_record("deal", 10, kind="creation")
    answer = _list(client, order={"ID": "ASC"})
    assert [row["ID"] for row in answer.result] == [str(own), str(other)]
    assert {(row["ENTITY_ID"], row["ENTITY_TYPE"]) for row in answer.result} == {("10", "deal")}
    assert answer.body["total"] == 2


@pytest.mark.parametrize(
    "filters", [{}, {"ENTITY_ID": 10}, {"ENTITY_TYPE": "deal"}, {"ENTITY_ID": 10, "ENTITY_TYPE": "x"}]
)
def test_list_without_a_proper_filter_is_denied(client, deal, filters):
    assert client("crm.timeline.comment.list", {"filter": filters}).error == (400, "", "Access denied.")


def test_list_ignores_other_filters(box, client, deal):
    box.add_comment("deal", 10, "a")
    answer = client(
        "crm.timeline.comment.list",
        {"filter": {"ENTITY_ID": 10, "ENTITY_TYPE": "deal", ">ID": 500, "ID": 500}},
    )
    assert len(answer.result) == 1


def test_list_order_must_be_spelt_exactly(box, clock, client, deal):
    for text in "abc":
        box.add_comment("deal", 10, text)
        clock.now += 1

    def texts(order):
        return "".join(row["COMMENT"] for row in _list(client, order=order).result)

    assert texts({"ID": "DESC"}) == "cba"
    assert texts({"CREATED": "DESC"}) == "cba"
    assert texts({"ID": "desc"}) == "abc"
    assert texts({"id": "DESC"}) == "abc"


def test_list_select(box, client, deal):
    box.add_comment("deal", 10, "x", files={"a.txt": b"1"})
    assert _list(client, select=["ID", "COMMENT", "NONSENSE"]).result[0].keys() == {"ID", "COMMENT", "FILES"}


def test_list_pages(box, client, deal):
    for number in range(60):
        box.add_comment("deal", 10, str(number))
    first = _list(client)
    assert (len(first.result), first.body["total"], first.body["next"]) == (50, 60, 50)
    second = _list(client, start=50)
    assert (len(second.result), "next" in second.body) == (10, False)
    beyond = _list(client, start=100)
    assert (beyond.result, beyond.body["total"]) == ([], 60)
    uncounted = _list(client, start=-1)
    assert (len(uncounted.result), uncounted.body["total"]) == (50, 60)


# ---------------------------------------------------------------- update, delete


def _update(client, number, text="New", **params):
    return client("crm.timeline.comment.update", {"id": number, "fields": {"COMMENT": text}, **params})


def test_update(box, client, deal):
    number = box.add_comment("deal", 10, "Old")
    assert _update(client, str(number)).result == number
    assert [r.text for r in box.comments("deal", 10)] == ["New"]


def test_update_errors(box, client, deal):
    number = box.add_comment("deal", 10, "Old")
    record = box.add_record("deal", 10)
    assert _update(client, 999).error[1] == "NOT_FOUND"
    assert _update(client, record).error[1] == "NOT_FOUND"
    assert _update(client, number, "").error[1] == "INVALID_ARG_VALUE"
    assert _update(client, number, ownerTypeId=3, ownerId=39).error[1] == "OWNER_NOT_FOUND"
    assert _update(Client(box, 2), number).error[1] == "ACCESS_DENIED", "only the author"
    assert client("crm.timeline.comment.update", {"fields": {}}).error[1] == "100"
    assert client("crm.timeline.comment.update", {"id": "x", "fields": {}}).error[1] == "100"


def test_update_of_a_shared_comment_makes_a_copy(box, client, deal):
    number = box.add_comment("deal", 10, "Old")
    box.bind(number, "contact", 39)
    copy = _update(client, number, ownerTypeId=3, ownerId=39).result
    assert copy != number
    assert box.bindings(copy) == [("contact", 39)]
    assert box.bindings(number) == [("deal", 10)]
    assert {r.record_id: r.text for r in box.comments()} == {number: "Old", copy: "New"}


def test_update_of_a_shared_comment_without_owner(box, deal):
    manager = Client(box, 2)
    number = box.add_comment("contact", 39, "Old", author_id=2)
    box.bind(number, "deal", 10)
    copy = _update(manager, number).result
    assert box.bindings(copy) == [("deal", 10)], (
        "the first item the user may change; contact 39 does not exist"
    )


def test_an_author_needs_rights_to_the_item(box, client, deal):
    number = box.add_comment("deal", 10, "x", author_id=3)
    guest = Client(box, 3)
    assert _update(guest, number).error[1] == "ACCESS_DENIED"
    assert guest("crm.timeline.comment.delete", {"id": number}).error[1] == "ACCESS_DENIED"
    assert _update(client, number).error[1] == "ACCESS_DENIED", "not even an administrator"
    assert [record.text for record in box.comments()] == ["x"]


def test_delete(box, client, deal):
    number = box.add_comment("deal", 10, "x")
    answer = client("crm.timeline.comment.delete", {"id": number})
    assert "result" in answer.body
    assert answer.result is None
    assert box.records() == []
    assert client("crm.timeline.comment.delete", {"id": number}).error[1] == "NOT_FOUND"


def test_delete_of_a_shared_comment(box, client, deal):
    number = box.add_comment("deal", 10, "x")
    box.bind(number, "contact", 39)
    assert client("crm.timeline.comment.delete", {"id": number}).error == (
        400,
        "MULTIPLE_BINDINGS",
        "Entity has multiple bindings",
    )
    params = {"id": number, "ownerTypeId": 3, "ownerId": 39}
    assert client("crm.timeline.comment.delete", params).result is None
    assert box.bindings(number) == [("deal", 10)]


def test_delete_rights(box, client, deal):
    box.add_user(4)
    number = box.add_comment("deal", 10, "x", author_id=2)
    assert Client(box, 4)("crm.timeline.comment.delete", {"id": number}).error[1] == "ACCESS_DENIED"
    assert client("crm.timeline.comment.delete", {"id": number}).result is None, "an administrator may"


# ---------------------------------------------------------------- bindings remembered


def test_a_change_may_go_by_bindings_of_before(box, clock, client, deal):
    box.set_bindings_remembered(True)
    number = box.add_comment("deal", 10, "Old")
    assert _update(client, number).result == number
    box.bind(number, "contact", 39)
    assert _update(client, number, "Both").result == number, "as if it were bound to the deal only"
    assert _update(client, number, ownerTypeId=3, ownerId=39).error[1] == "OWNER_NOT_FOUND"
    clock.now += 3600
    copy = _update(client, number, ownerTypeId=3, ownerId=39).result
    assert copy != number
    assert _update(client, number).result == number, "its own changes are noticed"


def test_a_deletion_may_take_all_bindings_with_it(box, client, deal):
    box.set_bindings_remembered(True)
    number = box.add_comment("deal", 10, "Old")
    _update(client, number)
    box.bind(number, "contact", 39)
    assert client("crm.timeline.comment.delete", {"id": number}).result is None
    assert box.records() == []
    assert box.bindings(number) == []


# ---------------------------------------------------------------- files


def test_files(box, client, deal):
    content = bytes(range(256))
    files = [["1.gif", base64.b64encode(content).decode()], ["2.txt", base64.b64encode(b"two").decode()]]
    number = _add(client, FILES=files).result
    shown = client("crm.timeline.comment.get", {"id": number}).result["FILES"]
    first, second = shown.values()
    assert set(shown) == {str(first["id"]), str(second["id"])}
    assert (first["name"], first["type"], first["size"]) == ("1.gif", "image", 256)
    assert (second["type"], second["authorId"], second["authorName"]) == ("file", 1, "Admin")
    for name in ("urlShow", "urlDownload", "urlPreview"):
        response = requests.get(first[name], timeout=5)
        assert (response.status_code, "USER_LOGIN" in response.text) == (200, True)
        assert box.webhook_code() not in first[name]


def test_files_survive_an_update_without_files(box, client, deal):
    number = box.add_comment("deal", 10, "x", files={"a.txt": b"1"})
    _update(client, number)
    assert len(box.comments()[0].files) == 1
    fields = {"COMMENT": "y", "FILES": [["b.txt", "Mg=="], ["c.txt", "Mw=="]]}
    client("crm.timeline.comment.update", {"id": number, "fields": fields})
    assert len(box.comments()[0].files) == 2


def test_files_of_a_shared_comment_go_into_its_copy(box, client, deal):
    number = box.add_comment("deal", 10, "x", files={"a.txt": b"1"})
    box.bind(number, "contact", 39)
    copy = _update(client, number).result
    names = {}
    for record in (number, copy):
        row = client("crm.timeline.comment.get", {"id": record}).result
        names[record] = [entry["name"] for entry in row["FILES"].values()]
    assert names == {number: ["a.txt"], copy: ["a.txt"]}


def test_an_empty_list_of_files_removes_them(box, client, deal):
    box.add_comment("deal", 10, "x", files={"a.txt": b"1"})
    fields = {"COMMENT": "y", "FILES": []}
    client("crm.timeline.comment.update", {"id": 1, "fields": fields})
    assert box.comments()[0].files == []


def test_files_are_absent_when_there_are_none(box, client, deal):
    number = box.add_comment("deal", 10, "x")
    assert "FILES" not in client("crm.timeline.comment.get", {"id": number}).result


def test_fields(client):
    fields = client("crm.timeline.comment.fields").result
    assert {"ID", "CREATED", "AUTHOR_ID", "ENTITY_ID", "ENTITY_TYPE", "COMMENT", "FILES"} == set(fields)
