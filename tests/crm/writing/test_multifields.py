"""Phones and the like: which entries are added, changed and deleted."""

from __future__ import annotations

import json

import numpy
import pytest
from field_writers import entries_writer, parse, read_file, refused, sent
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.writing.multifields import KINDS
from airflow_provider_bitrix24.rest.errors import InvalidInputError


def item(*entries, kind="PHONE"):
    rows = [
        {"id": number, "valueType": value_type, "value": value, "typeId": kind}
        for number, value_type, value in entries
    ]
    return {"fm": [*rows, {"id": 99, "valueType": "WORK", "value": "other", "typeId": "WEB"}]}


def entry(value, kind="WORK", type_id="PHONE"):
    return {"typeId": type_id, "valueType": kind, "value": value}


def after(present, fm):
    """Return the entries of an item as they are after an update, as the API documents it."""
    rows = {str(row["id"]): dict(row) for row in present["fm"]}
    for key, change in fm.items():
        if not change["value"]:
            del rows[key]
        else:
            number = int(key) if key in rows else 1000 + len(rows)
            rows[str(number)] = {"id": number, **change}
    return {"fm": list(rows.values())}


def test_entries_come_as_texts_lists_and_mappings_in_any_spelling():
    phone = entries_writer()
    for value in ("+1", ["+1"], {"value": "+1"}, [{"VALUE": "+1"}], '["+1"]', '{"value": "+1"}'):
        assert parse(phone, value) == [{"id": None, "kind": None, "value": "+1"}]
    assert parse(phone, numpy.array(["+1"])) == parse(phone, "+1")
    for name in ("kind", "valueType", "VALUE_TYPE"):
        assert parse(phone, [{"id": "5", name: "mobile", "value": 71}]) == [
            {"id": 5, "kind": "MOBILE", "value": "71"}
        ]
    assert parse(phone, []) is parse(phone, "[]") is parse(phone, [None, ""]) is None
    assert parse(phone, [{"id": None, "kind": None, "value": None}]) is None


def test_what_is_no_entry_is_refused_without_telling_it():
    for value in (
        True,
        [["+19999"]],
        [{"number": "+19999"}],
        [{"value": "+19999", "VALUE": "+19999"}],
        [{"value": "+19999", "kind": "at work"}],
        [{"value": "+19999", "typeId": "EMAIL"}],
        [{"id": 5, "value": "+19999"}, {"id": 5, "value": "+28888"}],
        [{"id": "five", "value": "+19999"}],
        "[+19999",
        "+1\0",
    ):
        refused(entries_writer(), value)
    assert "df.notna()" in refused(entries_writer(), float("nan"), "NaN")
    assert 'phones="replace"' in refused(entries_writer(), [{"id": 5, "value": ""}])


def test_adding_leaves_entries_alone_and_adds_what_is_new():
    phone, mail = entries_writer(), entries_writer("EMAIL")
    present = item((5, "WORK", "+7 (999) 123-45-67"))
    assert sent(phone, ["7999 1234567", {"value": "+2", "kind": "HOME"}, "2"], present) == {
        "fm": {"n0": entry("+2", "HOME")}
    }
    assert sent(phone, [{"id": 5, "value": "+3"}], present) == {"fm": {"5": entry("+3")}}
    assert sent(phone, None, present) == {}
    assert all(phone.agrees(parse(phone, value), present) for value in ("79991234567", "8 999 123-45-67"))
    assert not phone.agrees(parse(phone, "+8 999 123-45-67"), present)
    assert not phone.agrees(parse(phone, "79991234568"), present)
    assert sent(mail, "Ann@Example.com", item((6, "WORK", "ann@example.com"), kind="EMAIL")) == {}


def test_replacing_leaves_exactly_the_entries_of_the_row():
    phone = entries_writer(phones="replace")
    present = item((5, "WORK", "+1"), (6, "HOME", "+2"), (7, "WORK", "8 3"))
    assert sent(phone, ["+1", "83", {"kind": "MOBILE", "value": "+4"}], present) == {
        "fm": {"7": entry("83"), "n0": entry("+4", "MOBILE"), "6": entry("", "HOME")}
    }
    assert sent(phone, None, present) == {"fm": {"5": entry(""), "6": entry("", "HOME"), "7": entry("")}}
    assert phone.agrees(parse(phone, ["8 3", "+2", {"id": 5, "value": "+1"}]), present)
    assert not phone.agrees(None, present)
    assert phone.agrees(None, item())


def test_new_entries_of_all_kinds_fit_one_mapping():
    keys = [set(sent(entries_writer(kind), ["a", "b"])["fm"]) for kind in KINDS]
    assert len(set().union(*keys)) == 2 * len(KINDS)


def test_an_id_that_the_item_does_not_have_is_an_error_and_a_new_item_has_none():
    phone = entries_writer()
    with pytest.raises(InvalidInputError, match=r"^the item does not have an entry") as caught:
        sent(phone, [{"id": 4321, "value": "+1"}], item())
    assert "4321" not in str(caught.value)
    assert sent(phone, [{"id": 4321, "value": "+1"}]) == {"fm": {"n0": entry("+1")}}


def test_entries_were_taken_whatever_their_ids_and_formatting():
    phone, replacing = entries_writer(), entries_writer(phones="replace")
    answered = item((8, "WORK", "+7999"), (9, "HOME", "+2"))
    assert phone.taken(parse(phone, ["7 999"]), answered)
    assert not phone.taken(parse(phone, ["7 998"]), answered)
    assert not replacing.taken(parse(replacing, ["7 999"]), answered), "one is left"
    assert not replacing.taken(parse(replacing, ["7 999", {"kind": "FAX", "value": "+2"}]), answered)
    assert replacing.taken(parse(replacing, ["+2", "7 999"]), answered)
    assert phone.taken(parse(phone, ["+5"]), {"id": 1}), "an answer without phones tells nothing"


ROWS = st.lists(
    st.tuples(st.sampled_from(["WORK", "HOME", None]), st.sampled_from(["+1", "1", "+2", "2 2", "22", "x"])),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS, st.sets(st.integers(0, 3)), st.sampled_from(["add", "replace"]))
def test_an_update_brings_what_is_wanted_and_another_one_changes_nothing(before, rows, named, phones):
    phone = entries_writer(phones=phones)
    present = item(*[(number, kind or "WORK", value) for number, (kind, value) in enumerate(before, 1)])
    row = [
        {
            "kind": kind,
            "value": value,
            **({"id": place + 1} if place in named and place < len(before) else {}),
        }
        for place, (kind, value) in enumerate(rows)
    ]
    wanted = parse(phone, json.dumps(row))
    fm = phone.sent(wanted, present, read_file).get("fm", {})
    assert phone.agrees(wanted, present) == (not fm)
    answered = after(present, fm)
    assert phone.agrees(wanted, answered)
    assert phone.taken(wanted, answered)
    if phones == "add":
        assert len(answered["fm"]) >= len(present["fm"])
    else:
        found = sorted(row["value"] for row in answered["fm"] if row["typeId"] == "PHONE")
        assert found == sorted(entry["value"] for entry in wanted or [])
