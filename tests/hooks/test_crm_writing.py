"""The CRM's data is written through the hook: each row once, with an outcome that is true."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from airflow_provider_bitrix24.hooks.errors import (
    AmbiguousWriteError,
    InvalidInputError,
    KeyNotUniqueError,
    NotFoundError,
    ValueNotTakenError,
)

WRITES = ("crm.item.add", "crm.item.update", "crm.item.delete", "crm.deal.update")


def statuses(rows):
    return [row["STATUS"] for row in rows]


def ids(rows):
    return [row["ENTITY_ID"] for row in rows]


def writes(box):
    """The writes that the portal carried out or refused, without the reads."""
    return [call.method for call in box.calls(executed=None) if call.method in WRITES]


@pytest.fixture
def fields(box):
    """A user's field of each type."""
    for name, kind in (
        ("TEXT", "string"),
        ("WHOLE", "integer"),
        ("AMOUNT", "double"),
        ("PRICE", "money"),
        ("YES", "boolean"),
        ("DAY", "date"),
        ("TIME", "datetime"),
    ):
        box.add_user_field("deal", f"UF_CRM_{name}", kind)
    box.add_user_field("deal", "UF_CRM_SIZE", "enumeration", options=["S", "M"])
    box.add_user_field("deal", "UF_CRM_TAGS", "string", multiple=True)
    return box


ROW = {
    "title": "Fair",
    "opportunity": Decimal("1234.50"),
    "currency_id": "EUR",
    "uf_crm_text": "  kept  as it is",
    "uf_crm_whole": 7,
    "uf_crm_amount": Decimal("0.12"),
    "uf_crm_price": Decimal("99.90"),
    "uf_crm_price_currency": "USD",
    "uf_crm_yes": True,
    "uf_crm_day": date(2026, 2, 28),
    "uf_crm_time": datetime(2026, 2, 28, 12, 30, tzinfo=UTC),
    "uf_crm_size": "M",
    "uf_crm_tags": ["a", "b"],
}


def test_what_is_written_is_read_again(fields, hook):
    [created] = hook.create_crm_items("deal", [ROW])
    assert created["STATUS"] == "created"
    [read] = hook.crm_rows("deal", fields=list(ROW))
    options = hook.crm_schema("deal").find("uf_crm_size").options
    [size] = [option.id for option in options if option.value == "M"]
    assert read == {"id": created["ENTITY_ID"], **ROW, "uf_crm_size": size}
    before = len(writes(fields))
    assert statuses(hook.update_crm_items("deal", [read])) == ["unchanged"]
    assert len(writes(fields)) == before


def test_only_what_differs_is_sent(fields, hook):
    [created] = hook.create_crm_items("deal", [ROW])
    number = created["ENTITY_ID"]
    row = {**ROW, "id": number, "title": "Trade fair", "stageId": "NEW"}
    assert statuses(hook.update_crm_items("deal", [row])) == ["updated"]
    [call] = fields.calls("crm.item.update")
    assert call.params["fields"] == {"title": "Trade fair"}


def test_a_row_sent_whole_where_that_is_asked_for(box, hook):
    number = box.add_item("deal", {"TITLE": "Same"})
    rows = [{"id": number, "title": "Same"}]
    assert statuses(hook.update_crm_items("deal", rows, skip_unchanged=False)) == ["updated"]
    assert writes(box) == ["crm.item.update"]


def test_fields_are_emptied(fields, hook):
    [created] = hook.create_crm_items("deal", [ROW])
    number = created["ENTITY_ID"]
    empty = ["uf_crm_text", "uf_crm_whole", "uf_crm_day", "uf_crm_time", "uf_crm_size", "uf_crm_tags"]
    rows = [{"id": number, **dict.fromkeys(empty)}]
    assert statuses(hook.update_crm_items("deal", rows)) == ["updated"]
    [read] = hook.crm_rows("deal", fields=empty)
    assert read == {"id": number, **dict.fromkeys(empty)}
    assert statuses(hook.update_crm_items("deal", rows)) == ["unchanged"]


def test_fields_are_emptied_also_where_items_are_not_read_first(fields, hook):
    [created] = hook.create_crm_items("deal", [ROW])
    empty = {name: None for name in ROW if name not in ("title", "currency_id", "opportunity", "uf_crm_yes")}
    rows = [{"id": created["ENTITY_ID"], **empty}]
    assert statuses(hook.update_crm_items("deal", rows, skip_unchanged=False)) == ["updated"]
    [read] = hook.crm_rows("deal", fields=list(empty))
    assert read == {"id": created["ENTITY_ID"], **empty}


def test_empty_values_leave_fields_alone_where_that_is_asked_for(box, hook):
    number = box.add_item("deal", {"TITLE": "Fair", "COMMENTS": "old"})
    rows = [{"id": number, "comments": None, "title": "New"}]
    assert statuses(hook.update_crm_items("deal", rows, nulls="keep")) == ["updated"]
    item = box.items("deal")[number]
    assert (item["TITLE"], item["COMMENTS"]) == ("New", "old")
    assert statuses(hook.update_crm_items("deal", [{"id": number, "comments": ""}], nulls="keep")) == [
        "unchanged"
    ]


def test_an_upsert_changes_what_is_there_and_creates_the_rest(box, hook):
    box.add_user_field("deal", "UF_CRM_KEY", "string")
    there = box.add_item("deal", {"TITLE": "Old", "UF_CRM_KEY": "A1"})
    rows = [{"uf_crm_key": "A1", "title": "New"}, {"uf_crm_key": "A2", "title": "Other"}]
    done = hook.upsert_crm_items("deal", rows, key="uf_crm_key")
    assert statuses(done) == ["updated", "created"]
    assert [row["KEY"] for row in done] == ["A1", "A2"]
    assert ids(done)[0] == there
    before = len(writes(box))
    again = hook.upsert_crm_items("deal", rows, key="uf_crm_key")
    assert (statuses(again), ids(again)) == (["unchanged", "unchanged"], ids(done))
    assert len(writes(box)) == before


def test_a_key_of_two_fields(box, hook):
    rows = [
        {"originator_id": shop, "origin_id": number, "title": f"{shop} {number}"}
        for shop in ("shop", "fair")
        for number in ("1", "2")
    ]
    key = ["originator_id", "origin_id"]
    assert statuses(hook.upsert_crm_items("lead", rows, key=key)) == ["created"] * 4
    rows[2]["title"] = "changed"
    done = hook.upsert_crm_items("lead", rows, key=key)
    assert statuses(done) == ["unchanged", "unchanged", "updated", "unchanged"]
    assert done[2]["KEY"] == ["fair", "1"]


def test_two_items_or_two_rows_with_one_key_fail_and_nothing_is_guessed(box, hook):
    box.add_user_field("deal", "UF_CRM_KEY", "string")
    for key in ("twice", "twice", "Case"):
        box.add_item("deal", {"TITLE": "as it was", "UF_CRM_KEY": key})
    rows = [{"uf_crm_key": key, "title": "new"} for key in ("twice", "case", "b", "B ", "alone")]
    done = hook.upsert_crm_items("deal", rows, key="uf_crm_key", fail_on="never")
    assert statuses(done) == ["failed", "failed", "failed", "failed", "created"]
    assert {row["ERROR"] for row in done[:4]} == {"KEY_NOT_UNIQUE"}
    assert sorted(item["TITLE"] for item in box.items("deal").values()) == ["as it was"] * 3 + ["new"]
    with pytest.raises(KeyNotUniqueError, match=r"rows\[2\]: rows\[3\] has the same"):
        hook.upsert_crm_items("deal", rows, key="uf_crm_key")
    assert len(box.items("deal")) == 4


def test_a_row_that_is_not_valid_fails_before_anything_is_sent(box, hook):
    number = box.add_item("deal", {"TITLE": "Fair"})
    bad = [
        ({"id": number, "tittle": "x"}, "'title'"),
        ({"id": number, "opportunity": "secret"}, r"rows\[0\].opportunity"),
        ({"title": "x"}, "no id"),
        ({"id": "12abc", "title": "x"}, r"rows\[0\].id"),
        ({"id": number}, "nothing to write"),
        (None, "None"),
    ]
    for row, text in bad:
        with pytest.raises(InvalidInputError, match=text) as caught:
            hook.update_crm_items("deal", [row])
        assert "secret" not in str(caught.value)
    rows = [*(row for row, _ in bad), {"id": number, "title": "new"}]
    done = hook.update_crm_items("deal", rows, fail_on="never")
    assert statuses(done) == ["failed"] * 6 + ["updated"]
    assert writes(box) == ["crm.item.update"]


def test_columns_that_the_portal_sets_itself_are_left_out(box, hook, capsys):
    number = box.add_item("deal", {"TITLE": "Fair"})
    [row] = hook.crm_rows("deal")
    assert statuses(hook.update_crm_items("deal", [{**row, "title": "New"}])) == ["updated"]
    lines = [
        line for line in capsys.readouterr().out.splitlines() if "sets these fields of a deal itself" in line
    ]
    assert len(lines) == 1
    assert "created_time" in lines[0]
    assert " id," not in lines[0]
    assert box.items("deal")[number]["TITLE"] == "New"


def test_an_id_is_left_out_where_items_do_not_go_by_it(box, hook, capsys):
    rows = [{"id": 77, "origin_id": "A1", "title": "Fair"}]
    assert ids(hook.upsert_crm_items("deal", rows, key="origin_id")) == list(box.items("deal")) != [77]
    assert "they are left out: id." in capsys.readouterr().out


def test_a_column_of_empty_values_has_to_be_a_field_too(box, hook):
    rows = [{"origin_id": "A1", "tittle": None}]
    with pytest.raises(InvalidInputError, match="'tittle' is not a field of deal"):
        hook.upsert_crm_items("deal", rows, key="origin_id", nulls="keep")


def test_a_value_that_the_portal_does_not_take_fails_the_row(box, hook):
    number = box.add_item("deal", {"TITLE": "Fair"})
    rows = [{"id": number, "company_id": 999, "title": "New"}]
    told = f"deal {number} was changed, but the portal did not take company_id"
    with pytest.raises(ValueNotTakenError, match=told):
        hook.update_crm_items("deal", rows)
    [row] = hook.create_crm_items("deal", [{"title": "x", "company_id": 999}], fail_on="never")
    assert (row["STATUS"], row["ERROR"]) == ("failed", "VALUE_NOT_TAKEN")
    assert row["ENTITY_ID"] in box.items("deal")


def test_a_field_that_an_item_does_not_show_does_not_count_as_empty(box, hook):
    number = box.add_item("deal", {"TITLE": "Fair", "COMMENTS": "old"})
    box.inject("result", "crm.item.list", result={"items": [{"id": number, "title": "Fair"}]})
    assert statuses(hook.update_crm_items("deal", [{"id": number, "comments": None}])) == ["updated"]
    assert not box.items("deal")[number]["COMMENTS"]
    box.inject("result", "crm.item.update", result={"item": {"id": number, "title": "New"}})
    rows = [{"id": number, "title": "New", "comments": ""}]
    with pytest.raises(ValueNotTakenError, match="did not take comments"):
        hook.update_crm_items("deal", rows, skip_unchanged=False)


def test_another_item_in_an_answer_does_not_count_as_the_one_that_was_changed(box, hook):
    number = box.add_item("deal", {"TITLE": "Fair"})
    box.inject("result", "crm.item.update", result={"item": {"id": 77, "title": "New"}})
    [row] = hook.update_crm_items("deal", [{"id": number, "title": "New"}], fail_on="never")
    assert (row["STATUS"], row["ENTITY_ID"]) == ("failed", number)
    assert "may have been changed, or not: the portal answered another item" in row["ERROR_DESCRIPTION"]


def test_an_item_that_is_not_there_fails_the_row(box, hook):
    number = box.add_item("deal", {"TITLE": "Fair"})
    rows = [{"id": number, "title": "New"}, {"id": 999, "title": "New"}]
    done = hook.update_crm_items("deal", rows, fail_on="never")
    assert statuses(done) == ["updated", "failed"]
    with pytest.raises(NotFoundError, match="deal 999"):
        hook.update_crm_items("deal", rows)
    with pytest.raises(NotFoundError, match="deal 999"):
        hook.update_crm_items("deal", rows, skip_unchanged=False)


def test_an_item_without_key_whose_answer_is_lost_is_not_created_twice(box, hook):
    box.inject("drop_after", "crm.item.add")
    with pytest.raises(AmbiguousWriteError):
        hook.create_crm_items("deal", [{"title": "once"}])
    assert len(box.items("deal")) == 1


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_an_item_with_a_key_whose_answer_is_lost_is_looked_up(box, hook, fault, long_waits_skipped):
    box.inject(fault, "crm.item.add")
    rows = [{"origin_id": "A1", "title": "once"}]
    [done] = hook.create_crm_items("deal", rows, key="origin_id")
    assert done["STATUS"] == "created"
    assert list(box.items("deal")) == [done["ENTITY_ID"]]
    assert statuses(hook.create_crm_items("deal", rows, key="origin_id")) == ["unchanged"]


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_phones_are_added_once_though_an_answer_is_lost(box, hook, fault, long_waits_skipped):
    number = box.add_item("contact", {"NAME": "Ann"})
    box.inject(fault, "crm.item.update")
    rows = [{"id": number, "phone": "+49 30 1234"}]
    assert statuses(hook.update_crm_items("contact", rows)) == ["updated"]
    assert [phone["VALUE"] for phone in box.items("contact")[number]["PHONE"]] == ["+49 30 1234"]
    assert statuses(hook.update_crm_items("contact", rows)) == ["unchanged"]


def test_deleted_items(box, hook):
    numbers = box.add_items("deal", [{"TITLE": "Fair"}] * 3)
    done = hook.delete_crm_items("deal", [*numbers[:2], 999, numbers[0]])
    assert statuses(done) == ["deleted", "deleted", "not_found", "deleted"]
    assert list(box.items("deal")) == numbers[2:]
    with pytest.raises(NotFoundError, match=r" ids\[0\]: deal 998 was not deleted"):
        hook.delete_crm_items("deal", [998, 999], missing_ok=False)
    with pytest.raises(InvalidInputError, match=r"ids\[1\]: the row has more than one id"):
        hook.delete_crm_items("deal", [1, {"id": 1, "ID": 2}])
    with pytest.raises(InvalidInputError, match="3 items to delete, and max_items is 2"):
        hook.delete_crm_items("deal", [1, 2, 3], max_items=2)
    assert list(box.items("deal")) == numbers[2:]


def test_a_delete_whose_answer_is_lost_is_deleted(box, hook):
    number = box.add_item("deal", {"TITLE": "Fair"})
    box.inject("drop_after", "crm.item.delete")
    assert statuses(hook.delete_crm_items("deal", [number], missing_ok=False)) == ["deleted"]


def test_rows_that_are_so_already_take_few_requests(box, hook):
    numbers = box.add_many("deal", 2_600, fields={"TITLE": "Deal"})
    rows = [{"id": number, "title": "Deal"} for number in numbers]
    assert set(statuses(hook.update_crm_items("deal", rows))) == {"unchanged"}
    assert len(box.requests) <= 5  # two for the metadata, one for each 2,500 items
    assert writes(box) == []


def test_no_value_stands_in_an_error_or_a_log_line(box, hook, caplog, capsys):
    number = box.add_item("deal", {"TITLE": "Fair"})
    box.inject("error", "crm.item.update", code="", description="Wrong title: Zwiebelkuchen", status=400)
    with caplog.at_level("DEBUG"):
        [row] = hook.update_crm_items("deal", [{"id": number, "title": "Zwiebelkuchen"}], fail_on="never")
    assert row["STATUS"] == "failed"
    assert "Zwiebelkuchen" not in str(row)
    assert "Zwiebelkuchen" not in caplog.text + capsys.readouterr().out


def test_a_key_that_the_type_lacks_is_told_with_those_that_it_may_have(box, hook):
    with pytest.raises(InvalidInputError, match="key: 'xml_id' is not a field of deal") as caught:
        hook.upsert_crm_items("deal", [{"xml_id": "A1"}], key="xml_id")
    assert "leads, deals, contacts and companies have originator_id and origin_id" in caught.value.remedy
