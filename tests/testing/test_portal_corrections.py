"""What the portal makes of values that it does not take, while it answers that all went well."""

from __future__ import annotations

import base64

import pytest
from portal_client import Client

_DEAL, _CONTACT, _COMPANY = 2, 3, 4


@pytest.fixture
def deal(box):
    return box.add_item("deal", {"TITLE": "Espresso machines", "STAGE_ID": "EXECUTING", "TYPE_ID": "GOODS"})


def _add(client, type_id=_DEAL, **fields):
    return client("crm.item.add", {"entityTypeId": type_id, "fields": fields})


def _update(client, item_id, type_id=_DEAL, **fields):
    return client("crm.item.update", {"entityTypeId": type_id, "id": item_id, "fields": fields})


def _classic(client, item_id, **fields):
    return client("crm.deal.update", {"id": item_id, "fields": fields}).result


# ---------------------------------------------------------------- stages and pipelines


def test_an_unknown_stage_becomes_the_first_one_or_stays_as_it_was(box, client, deal):
    box.add_pipeline("deal", "Projects")
    for code in ("nonsense", "C1:NEW", "", None, "new"):
        assert _add(client, stageId=code).result["item"]["stageId"] == "NEW"
        assert _add(client, categoryId=1, stageId=code).result["item"]["stageId"] == "C1:NEW"
        item = _update(client, deal, stageId=code, comments=f"{code}!").result["item"]
        assert (item["stageId"], item["comments"]) == ("EXECUTING", f"{code}!")
        assert _classic(client, deal, STAGE_ID=code) is True
        made = client("crm.deal.add", {"fields": {"STAGE_ID": code}}).result
        stages = {number: row["STAGE_ID"] for number, row in box.items("deal").items()}
        assert (stages[deal], stages[made]) == ("EXECUTING", "NEW")
    assert _add(client, 1, stageId="nonsense").result["item"]["stageId"] == "NEW"


def test_another_pipeline_begins_with_a_stage_that_means_the_same(box, client, deal):
    box.add_pipeline("deal", "Projects")
    _update(client, deal, stageId="APOLOGY")
    for code, found in (("nonsense", "C1:LOSE"), ("WON", "C1:LOSE"), ("C1:WON", "C1:WON")):
        item = _update(client, deal, categoryId=1, stageId=code).result["item"]
        assert (item["categoryId"], item["stageId"]) == (1, found)
        assert _update(client, deal, categoryId=0, stageId="APOLOGY").result["item"]["categoryId"] == 0
    assert _update(client, deal, categoryId=None, stageId="WON").result["item"]["stageId"] == "WON"


def test_a_wrong_pipeline_is_an_error_and_the_classic_update_ignores_any(box, client, deal):
    box.add_pipeline("deal", "Projects")
    for answer in (_add(client, categoryId=9), _update(client, deal, categoryId=9)):
        assert answer.error[:2] == (400, "CRM_FIELD_ERROR_VALUE_NOT_VALID")
    assert _classic(client, deal, CATEGORY_ID=1, STAGE_ID="C1:WON") is True
    item = box.item("deal", deal)
    assert (item["categoryId"], item["stageId"]) == (0, "EXECUTING")
    made = client("crm.deal.add", {"fields": {"CATEGORY_ID": 9}}).result
    assert box.item("deal", made)["categoryId"] == 0


# ---------------------------------------------------------------- values


def test_what_cannot_be_empty_keeps_its_value(box, client, deal):
    before = box.item("deal", deal)
    names = {"title": "TITLE", "assignedById": "ASSIGNED_BY_ID", "currencyId": "CURRENCY_ID"}
    for name, classic in names.items():
        for empty in ("", None, 0):
            assert _update(client, deal, **{name: empty}).result["item"][name] == before[name]
            _classic(client, deal, **{classic: empty})
    after = box.item("deal", deal)
    assert {name: after[name] for name in names} == {name: before[name] for name in names}
    made = _add(client, title="", assignedById=0).result["item"]
    assert (made["title"], made["assignedById"]) == ("Deal", 1)


def test_links_to_nothing_are_emptied_and_other_ids_are_kept(box, client):
    box.add_smart_process(128)
    box.add_user_field("deal", "UF_CRM_LINK", "crm")
    contact = box.add_item("contact", {"NAME": "Ada"})
    sent = {
        "companyId": 7,
        "contactIds": [99, contact],
        "parentId128": 3,
        "assignedById": 99,
        "observers": [98],
        "ufCrmLink": "CO_7",
    }
    item = _add(client, **sent).result["item"]
    assert {name: item[name] for name in sent} == {
        **sent,
        "companyId": 0,
        "contactIds": [contact],
        "parentId128": 0,
    }
    _classic(client, item["id"], CONTACT_ID=99, COMPANY_ID="7abc")
    item = box.item("deal", item["id"])
    assert (item["contactIds"], item["companyId"]) == ([], 0)


def test_unknown_codes_are_kept_where_a_field_has_no_usual_one(client, deal):
    item = _update(client, deal, typeId="nonsense", sourceId="nonsense", title="x").result["item"]
    assert (item["typeId"], item["sourceId"], item["title"]) == ("GOODS", "nonsense", "x")
    made = _add(client, typeId="nonsense").result["item"]
    assert made["typeId"] == "SALE"
    company = _add(client, _COMPANY, typeId="nonsense", industry="nonsense").result["item"]
    assert (company["typeId"], company["industry"]) == ("CUSTOMER", "nonsense")


def test_fields_that_cannot_be_written_are_ignored(box, client, deal):
    before = box.item("deal", deal)
    sent = {"nonsense": 1, "createdTime": "2001-01-01T00:00:00Z", "createdBy": 3, "id": 77, "closed": "Y"}
    after = _update(client, deal, **sent, title="x").result["item"]
    assert {name: after.get(name) for name in sent} == {name: before.get(name) for name in sent}
    made = _add(client, _COMPANY, isMyCompany="Y").result["item"]
    changed = _update(client, made["id"], _COMPANY, isMyCompany="N").result["item"]
    assert (made["isMyCompany"], changed["isMyCompany"]) == ("Y", "Y"), "immutable"


def test_hidden_user_fields_are_neither_shown_nor_written(box, client, deal):
    box.add_user_field("deal", "UF_CRM_SCORE", "integer")
    box.hide_user_field("deal", "UF_CRM_SCORE", user_id=2)
    manager = Client(box, 2)
    assert "ufCrmScore" not in _update(manager, deal, ufCrmScore=5, title="x").result["item"]
    assert "UF_CRM_SCORE" not in manager("crm.deal.get", {"id": deal}).result
    assert "UF_CRM_SCORE" not in manager("crm.deal.list").result[0]
    manager("crm.deal.update", {"id": deal, "fields": {"UF_CRM_SCORE": 5}})
    assert box.item("deal", deal)["ufCrmScore"] is None
    assert "ufCrmScore" in manager("crm.item.fields", {"entityTypeId": _DEAL}).result["fields"]
    assert _update(client, deal, ufCrmScore=5).result["item"]["ufCrmScore"] == 5


def test_numbers_and_options_that_cannot_be_read(box, client, deal):
    [gold] = box.add_user_field("deal", "UF_CRM_LEVEL", "enumeration", options=["Gold"])
    box.add_user_field(
        "deal", "UF_CRM_LEVELS", "enumeration", multiple=True, options=[{"VALUE": "A", "ID": 7}]
    )
    box.add_user_field("deal", "UF_CRM_COUNT", "integer")
    item = _update(client, deal, opportunity="1,234.50", ufCrmCount="abc", ufCrmLevel=gold).result["item"]
    assert (item["opportunity"], item["ufCrmCount"], item["ufCrmLevel"]) == (1, 0, gold)
    item = _update(client, deal, opportunity="abc", ufCrmLevel=999, ufCrmLevels=[7, 999]).result["item"]
    assert (item["opportunity"], item["ufCrmLevel"], item["ufCrmLevels"]) == (0, gold, [7])
    assert _update(client, deal, ufCrmLevel="Gold").result["item"]["ufCrmLevel"] is None, (
        "a label is no option"
    )


# ---------------------------------------------------------------- required fields


def test_required_fields_are_checked_where_they_change_or_the_stage_moves(box, client, deal):
    box.require_field("deal", "SOURCE_ID")
    assert client("crm.item.fields", {"entityTypeId": 2}).result["fields"]["sourceId"]["isRequired"] is True
    missing = (400, "CRM_FIELD_ERROR_REQUIRED", 'Required field "sourceId" is not filled')
    assert _add(client, title="x").error == missing
    assert _update(client, deal, title="x").result["item"]["title"] == "x"
    assert _update(client, deal, title="y", stageId="WON").error == missing
    assert box.item("deal", deal)["title"] == "x", "nothing of it was saved"
    box.add_pipeline("deal", "Projects")
    assert _update(client, deal, categoryId=1).result["item"]["categoryId"] == 1
    assert _update(client, deal, stageId="C1:WON", sourceId="CALL").result["item"]["stageId"] == "C1:WON"
    assert _update(client, deal, sourceId="").error == missing
    assert _classic(client, deal, SOURCE_ID="") is True
    box.require_field("deal", "SOURCE_ID", required=False)
    assert _add(client, title="x").status == 200


def test_required_user_fields_are_unchecked_unless_the_portal_wants_it(box, client):
    box.add_user_field("deal", "UF_CRM_SCORE", "integer", mandatory=True)
    assert _add(client, title="x").status == 200
    box.set_user_fields_required(True)
    assert _add(client, title="x").error[1] == "CRM_FIELD_ERROR_REQUIRED"
    assert _add(client, ufCrmScore=0).status == 200


# ---------------------------------------------------------------- lists and files


@pytest.mark.parametrize("kind", ["string", "file"])
def test_a_multiple_user_field_is_emptied_by_the_classic_update_only(box, client, deal, kind):
    box.add_user_field("deal", "UF_CRM_MANY", kind, multiple=True)
    value = ["a.txt", "aGk="] if kind == "file" else "a"
    _update(client, deal, ufCrmMany=[value, value])
    stored = box.item("deal", deal)["ufCrmMany"]
    assert len(stored) == 2
    for nothing in ([], None):
        assert _update(client, deal, ufCrmMany=nothing, title="x").result["item"]["ufCrmMany"] is None
        assert box.item("deal", deal)["ufCrmMany"] == stored
    for scalar in ("", "a", 5):
        assert _update(client, deal, ufCrmMany=scalar).error[:2] == (400, "100")
    _classic(client, deal, UF_CRM_MANY=[])
    assert box.item("deal", deal)["ufCrmMany"] == []
    assert client("crm.deal.get", {"id": deal}).result["UF_CRM_MANY"] is False


def test_scalars_are_emptied_by_nothing(box, client, deal):
    for kind in ("string", "integer", "double", "date", "money", "employee", "crm", "enumeration"):
        box.add_user_field("deal", f"UF_CRM_{kind.upper()}", kind)
    full = {
        "ufCrmString": "a",
        "ufCrmInteger": 5,
        "ufCrmDouble": 5.5,
        "ufCrmDate": "2024-08-30",
        "ufCrmMoney": "5|USD",
        "ufCrmEmployee": 2,
        "ufCrmCrm": "D_1",
        "ufCrmEnumeration": 7,
        "comments": "a",
        "closedate": "2024-08-30",
    }
    for nothing in ("", None):
        item = _update(client, deal, **full).result["item"]
        assert None not in [item[name] for name in full]
        item = _update(client, deal, **dict.fromkeys(full, nothing), opportunity=nothing).result["item"]
        assert [item[name] for name in full] == [None] * len(full)
        assert item["opportunity"] == 0


def test_files_of_items_stay_only_if_they_are_named(box, client, deal):
    box.add_user_field("deal", "UF_CRM_FILES", "file", multiple=True)

    def pair(text):
        return [f"{text}.txt", base64.b64encode(text.encode()).decode()]

    item = _update(client, deal, ufCrmDocument=pair("a"), ufCrmFiles=[pair("b"), pair("c")]).result["item"]
    document, (_, second) = item["ufCrmDocument"]["id"], [file["id"] for file in item["ufCrmFiles"]]
    sent = {"ufCrmDocument": {"id": document}, "ufCrmFiles": [{"id": second}, pair("d"), {"id": 999}]}
    item = _update(client, deal, **sent).result["item"]
    assert item["ufCrmDocument"]["id"] == document
    names = [box.file_contents(number) for number in box.item("deal", deal)["ufCrmFiles"]]
    assert names == [("c.txt", b"c"), ("d.txt", b"d")]
    assert _update(client, deal, ufCrmDocument={"id": second}).result["item"]["ufCrmDocument"] is None
    _update(client, deal, ufCrmFiles=[{"id": 999}])
    assert len(box.item("deal", deal)["ufCrmFiles"]) == 2, "nothing would be left"


def test_files_of_classic_methods_stay_unless_they_are_removed(box, client, deal):
    box.add_user_field("deal", "UF_CRM_FILES", "file", multiple=True)
    _classic(client, deal, UF_CRM_FILES=[{"fileData": [f"{name}.txt", "aGk="]} for name in "ab"])
    first, second = box.item("deal", deal)["ufCrmFiles"]
    change = [{"id": first, "remove": "Y"}, {"fileData": ["c.txt", "aGk="]}]
    _classic(client, deal, UF_CRM_FILES=change, UF_CRM_DOCUMENT={"fileData": ["d.txt", "aGk="]})
    item = box.item("deal", deal)
    assert [box.file_contents(number)[0] for number in item["ufCrmFiles"]] == ["b.txt", "c.txt"]
    assert item["ufCrmFiles"][0] == second
    _classic(client, deal, UF_CRM_DOCUMENT={"id": item["ufCrmDocument"], "remove": "Y"})
    assert box.item("deal", deal)["ufCrmDocument"] is None


# ---------------------------------------------------------------- phones and the like


def test_numbers_of_other_items_change_no_phone(box, client):
    other = box.add_item("contact", {"PHONE": [{"VALUE": "+9"}]})
    foreign = box.item("contact", other)["fm"][0]["id"]
    mine = box.add_item("contact", {"PHONE": [{"VALUE": "+1"}]})
    fm = {str(foreign): {"typeId": "PHONE", "value": "+5"}}
    assert [entry["value"] for entry in _update(client, mine, _CONTACT, fm=fm).result["item"]["fm"]] == ["+1"]
    assert [entry["value"] for entry in box.item("contact", other)["fm"]] == ["+9"]


def test_doubles_of_phones_are_dropped_but_by_leads(box, client):
    phones = [{"VALUE": "+1", "VALUE_TYPE": "WORK"}, {"VALUE": "+1", "VALUE_TYPE": "HOME"}]
    for kind, known in (("contact", 2), ("company", 2), ("lead", 4)):
        number = client(f"crm.{kind}.add", {"fields": {"PHONE": phones}}).result
        client(f"crm.{kind}.update", {"id": number, "fields": {"PHONE": phones}})
        assert len(box.item(kind, number)["fm"]) == known


# ---------------------------------------------------------------- without corrections


def test_a_portal_that_corrects_nothing(box, client, deal):
    box.add_user_field("deal", "UF_CRM_TAGS", multiple=True)
    _update(client, deal, ufCrmTags=["a"])
    box.set_corrections(False)
    item = _update(client, deal, title="", companyId=7, typeId="nonsense", ufCrmTags=[]).result["item"]
    assert (item["title"], item["companyId"], item["typeId"], item["ufCrmTags"]) == (None, 7, "nonsense", [])
    assert _update(client, deal, stageId="nonsense").error[1] == "CRM_FIELD_ERROR_VALUE_NOT_VALID"
    assert _add(client, stageId="nonsense").error[1] == "CRM_FIELD_ERROR_VALUE_NOT_VALID"
    done = client.send("POST", f"{box.url}/_portal/do", json={"name": "set_corrections", "args": [True]})
    assert done.status == 200
    assert _update(client, deal, stageId="nonsense").result["item"]["stageId"] == "EXECUTING"
