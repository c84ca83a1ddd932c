"""Values of a row as the API takes them, and when an item holds them already."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from field_writers import PLACE, parse, read_file, refused, sent, writer
from hypothesis import given, settings
from hypothesis import strategies as st
from undecided import Undecided

from airflow_provider_bitrix24.rest.errors import InvalidInputError

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=20)
    | st.binary(max_size=3) | st.dates() | st.datetimes() | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
KINDS = [
    "integer", "double", "money", "boolean", "char", "date", "datetime", "enumeration", "crm_status", "user",
    "crm", "crm_entity", "iblock_element", "string", "url", "address", "file", "crm_category", "novel",
]  # fmt: skip


def test_a_value_comes_as_python_a_database_or_csv_has_it():
    cases = [
        ("integer", [7, "7", " 7 ", "7.0", 7.0, Decimal("7.00"), np.int64(7), np.float32(7)], 7),
        ("integer", [0, "0"], 0),
        ("user", [12, "12", 12.0], 12),
        ("crm_contact", [0, "0", "", None, 0.0], None),
        ("double", ["100.50", Decimal("100.50")], "100.50"),
        ("double", [0.1, "0.1", " 0.1 ", np.float64(0.1), np.float32(0.1)], "0.1"),
        ("double", [5, "5"], "5"),
        ("boolean", [True, 1, "1", "Y", "y", "true", "TRUE", Decimal(1), np.bool_(True)], "Y"),
        ("char", [False, 0, "0", "N", "false"], "N"),
        ("date", [date(2026, 5, 4), datetime(2026, 5, 4), "2026-05-04", "2026-05-04T00:00:00+03:00"],
         "2026-05-04"),
        ("datetime", [NOON, "2026-05-04T12:00:00Z", "2026-05-04 15:00:00.25+03:00",
                      NOON.astimezone(timezone(timedelta(hours=3)))], "2026-05-04T12:00:00+00:00"),
        ("string", ["7", 7, 7.0, np.int64(7), np.float32(7)], "7"),
        ("string", [Decimal("7.10")], "7.10"),
        ("string", [" kept as it is \r\n"], " kept as it is \r\n"),
        ("string", [UUID(int=5)], str(UUID(int=5))),
        ("crm_status", ["C1:NEW"], "C1:NEW"),
        ("crm", ["D_1", " D_1"], "D_1"),
        ("crm", ["T4c4_6"], "T4c4_6"),
    ]  # fmt: skip
    for kind, values, wanted in cases:
        for value in values:
            found = parse(writer(kind), value)
            assert (found, type(found)) == (wanted, type(wanted)), (kind, value)


def test_an_empty_text_and_none_are_no_value():
    for kind in KINDS:
        assert parse(writer(kind), None) is None, kind
        assert parse(writer(kind), "") is None, kind
        assert parse(writer(kind, isMultiple=True), "") is None, kind


def test_what_is_no_value_of_the_type_is_refused_without_telling_it():
    cases = {
        "integer": [True, 7.5, "7,5", "12abc", float("nan"), 2**63, "9" * 50, Decimal("7.1"), [7], b"7", " "],
        "user": [-4, "ann", True, "D_1", Decimal("Infinity")],
        "double": [True, "12,5", "1_000", float("inf"), Decimal("NaN"), "1e999", 10**17, "100|USD",
                   "1e-40", []],
        "boolean": ["maybe", 2, "yes!", [True]],
        "date": [datetime(2026, 5, 4, 12), "04.05.2026", "2026-02-30", "2026-05-04T12:00:00", 20260504,
                 "20260504"],
        "datetime": ["soon", date(2026, 5, 4), "2026-05-04", 1777888800, "2026-05-04T10:00:00",
                     datetime(2026, 5, 4), "2026-13-04T10:00:00Z",
                     datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=3)))],
        "string": [True, date(2026, 5, 4), ["text"], {"a": "text"}, b"text", float("nan"), "a\0b",
                   "a\ud800b"],
        "crm": ["deal 1", "D_0", "d_1", -1, True],
        "crm_status": [True, ["NEW"]],
    }  # fmt: skip
    for kind, values in cases.items():
        for value in values:
            refused(writer(kind), value)


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.booleans(), ANYTHING)
def test_a_value_is_taken_or_refused_whatever_it_is(kind, multiple, value):
    one = writer(kind, isMultiple=multiple, items=[{"ID": "17", "VALUE": "Red"}])
    try:
        parse(one, value)
        return
    except InvalidInputError:
        pass
    refused(one, value)


def test_what_pandas_has_for_no_value_is_refused_with_how_to_give_none():
    for kind in ("integer", "double", "string", "user", "boolean", "date", "datetime"):
        for nothing in (float("nan"), np.float32("nan"), Undecided()):
            assert "df.notna()" in refused(writer(kind), nothing, "NaN, NaT or NA")
    assert "df.notna()" in refused(writer("integer", isMultiple=True), [1, float("nan")], "NaN")


def test_a_list_may_be_an_array_as_pandas_reads_it_from_parquet():
    assert parse(writer("integer", isMultiple=True), np.array([1, 2])) == [1, 2]
    assert parse(writer("string", isMultiple=True), np.array(["a", "b"], dtype=object)) == ["a", "b"]
    assert parse(writer("integer", isMultiple=True), np.array([])) is None
    refused(writer("integer", isMultiple=True), np.array([[1], [2]]))
    refused(writer("integer"), np.array([1]))


def test_a_moment_without_a_zone_takes_the_zone_that_is_given():
    moscow = writer("datetime", zone=ZoneInfo("Europe/Moscow"))
    for value in (datetime(2026, 5, 4, 15), "2026-05-04 15:00:00", "2026-05-04T15:00:00.000000"):
        assert parse(moscow, value) == "2026-05-04T12:00:00+00:00"
    assert parse(moscow, "2026-05-04T12:00:00Z") == "2026-05-04T12:00:00+00:00"
    assert "guess" in refused(writer("datetime"), datetime(2026, 5, 4, 15))


def test_a_column_that_is_given_twice_is_refused():
    with pytest.raises(InvalidInputError, match="'title' and 'TITLE' are the same field"):
        writer("string").parse({"title": "a", "TITLE": "b"}, PLACE)


def test_codes_are_checked_where_they_are_known():
    stage = writer("crm_status", "stageId", codes={"stageId": ["NEW", "WON"]})
    assert parse(stage, "WON") == "WON"
    assert "NEW, WON" in refused(stage, "WONN", "no code that the field knows")
    assert parse(writer("crm_status", codes={"stageId": ["NEW"]}), "OTHER") == "OTHER"


def test_a_list_is_a_list_or_its_json_and_never_one_value():
    texts, links = writer("string", isMultiple=True), writer("crm_contact", isMultiple=True)
    assert parse(texts, ["b", None, "a", "", "b"]) == ["b", "a", "b"]
    assert parse(texts, '["b", "a"]') == ["b", "a"]
    assert parse(links, (3, "2", 3, 0)) == [3, 2], "ids are a set"
    assert parse(writer("double", isMultiple=True), "[100.10, 123456789012.12]") == [
        "100.10",
        "123456789012.12",
    ]
    assert parse(links, "[]") is None
    for value in ("alone", 7, '{"a": 1}', "[broken"):
        assert '["a", "b"]' in refused(texts, value, "no list")
    assert f"{PLACE}[1]" in refused(links, [1, "wrong"])


def test_an_item_agrees_if_it_holds_the_same_value_whatever_it_is_written_like():
    cases = [
        ("integer", 7, ["7", 7.0], [8, None, "", "odd"]),
        ("crm_contact", 7, ["7"], [0, None]),
        ("crm_contact", None, [0, "", "0"], [7]),
        ("double", "100.50", [100.5, "100.5", "100.5000"], [100.51, None, [], float("inf")]),
        ("boolean", "Y", ["Y", "1"], ["N", None, ""]),
        ("date", "2026-05-04", ["2026-05-04T03:00:00+03:00"], ["2026-05-05", None]),
        ("datetime", "2026-05-04T12:00:00Z", ["2026-05-04T15:00:00+03:00"],
         ["2026-05-04T12:00:00+03:00", None]),
        ("string", "a ", ["a ", "a", " a\r\n"], ["A ", "a b", None]),
        ("string", "7", [7], ["07"]),
        ("crm_status", "NEW", ["NEW"], ["new"]),
        ("enumeration", 17, ["17"], [19, "", None]),
        ("crm", "D_1", ["D_1"], ["D_2"]),
    ]  # fmt: skip
    for kind, value, same, others in cases:
        one = writer(kind)
        wanted = parse(one, value)
        assert all(one.agrees(wanted, {"ufCrm_1": found}) for found in [wanted, *same]), kind
        assert not any(one.agrees(wanted, {"ufCrm_1": found}) for found in others), kind
        assert all(one.taken(wanted, {"ufCrm_1": found}) for found in [wanted, *same]), kind


def test_lists_agree_in_their_order_and_ids_in_any():
    texts, links = writer("string", isMultiple=True), writer("crm_contact", isMultiple=True)
    assert texts.agrees(["a", "b"], {"ufCrm_1": ["a", "b"]})
    assert not texts.agrees(["a", "b"], {"ufCrm_1": ["b", "a"]})
    assert texts.taken(["a", "b"], {"ufCrm_1": ["b", "a "]})
    assert not texts.taken(["a", "a"], {"ufCrm_1": ["b", "a"]})
    assert not texts.taken(["a"], {"ufCrm_1": ["a", "a"]})
    assert links.agrees([1, 2], {"ufCrm_1": ["2", 1]})
    assert not links.agrees([1, 2], {"ufCrm_1": [1]})
    assert all(texts.agrees(None, {"ufCrm_1": empty}) for empty in ([], None, False, ""))


def test_what_the_portal_writes_otherwise_was_taken():
    text, moment = writer("string"), writer("datetime")
    assert text.taken("a\r\nb  ", {"ufCrm_1": "a\nb"})
    assert not text.taken("a b", {"ufCrm_1": "ab"})
    shown = {"ufCrm_1": "2026-05-04T14:00:00+00:00"}
    assert not moment.taken("2026-05-04T12:00:00+00:00", shown)
    assert moment.taken("2026-05-04T12:00:00+00:00", shown, [timedelta(hours=2)])
    assert not moment.taken("2026-05-04T12:00:00+00:00", shown, [timedelta(hours=-2)])
    assert writer("crm").taken("5", {"ufCrm_1": "D_5"})
    address = writer("address")
    assert address.agrees("Main street 1", {"ufCrm_1": "Main street 1|;|12"})
    assert not address.agrees("Main street 1|;|13", {"ufCrm_1": "Main street 1|;|12"})
    assert address.taken("Main street 1 ", {"ufCrm_1": "Main street 1|;|12"})


def test_digits_beyond_the_fields_do_not_count():
    rate = writer("double", settings={"PRECISION": 2})
    assert rate.agrees("12.3456", {"ufCrm_1": 12.35})
    assert not rate.agrees("12.3456", {"ufCrm_1": 12.34})
    assert rate.taken("12.3456", {"ufCrm_1": 12.34}), "a portal may cut them off"
    assert not rate.taken("12.35", {"ufCrm_1": 12.345}), "the field could keep it"
    assert not rate.agrees("12.35", {"ufCrm_1": 12.3456})
    assert not rate.agrees("12.3456", {"ufCrm_1": 12.347}), "this one keeps more digits than its settings say"


def test_a_users_field_that_the_portal_does_not_show_is_never_said_to_be_empty():
    for kind, multiple in (
        ("string", False),
        ("string", True),
        ("file", False),
        ("file", True),
        ("money", False),
    ):
        one = writer(kind, isMultiple=multiple)
        assert not one.agrees(None, {"id": 1})
        assert not one.taken(None, {"id": 1})
        assert one.agrees(None, {"ufCrm_1": None})


def test_an_empty_text_empties_a_field_that_is_not_empty():
    title = writer("string", "title")
    assert sent(title, None, {"title": "a"}) == {"title": ""}
    assert sent(title, None, {"title": None}) == {}
    assert sent(title, None) == {}
    assert sent(title, "b", {"title": "a"}) == {"title": "b"}
    assert sent(writer("user", "observers", isMultiple=True), None, {"observers": [1]}) == {"observers": ""}
    amount = writer("double", "opportunity")
    assert amount.agrees(None, {"opportunity": 0}), "that is how the portal keeps none"
    assert not writer("double").agrees(None, {"ufCrm_1": 0})


def test_a_field_that_cannot_be_emptied_is_an_error_unless_it_is_empty():
    for kind, name, value in [
        ("boolean", "ufCrm_1", "Y"),
        ("char", "opened", "N"),
        ("crm_status", "stageId", "NEW"),
        ("user", "assignedById", 1),
    ]:
        one = writer(kind, name)
        assert one.needs_item(None)
        assert not one.needs_item(value)
        assert sent(one, None, {name: None}) == {}
        with pytest.raises(InvalidInputError, match="cannot be emptied"):
            sent(one, None, {name: value})


def test_a_multiple_user_field_is_emptied_by_the_classic_update_where_there_is_one():
    deals = writer("string", isMultiple=True)
    assert deals.clears_by_classic(None)
    assert not deals.clears_by_classic(["a"])
    assert sent(deals, None, {"ufCrm_1": ["a"]}) == {}
    assert (deals.classic_name, deals.emptied({"ufCrm_1": ["a"]})) == ("UF_CRM_1", [])
    invoices = writer("string", isMultiple=True, dataset="smart_invoice")
    assert not invoices.clears_by_classic(None)
    assert invoices.needs_item(None)
    assert sent(invoices, None, {"ufCrm_1": []}) == {}
    with pytest.raises(InvalidInputError, match=r"^the API cannot empty a multiple field"):
        invoices.sent(None, {"ufCrm_1": ["a"]}, read_file)
