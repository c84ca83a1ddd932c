"""The hook arranges records, activities and timelines, and all its doors for many things."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_bitrix24.hooks.errors import (
    InvalidInputError,
    NotFoundError,
    RejectedError,
)


def _statuses(rows: list[dict[str, Any]]) -> list[str]:
    return [row["STATUS"] for row in rows]


# ---------------------------------------------------------------- taking off, moving, setting


def test_records_are_taken_off(box, hook, record):
    box.bind(record, "deal", 2)
    rows = hook.unbind_timeline_records([(record, "deal", 2), (record, "contact", 1)])
    assert rows == [
        {"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 2, "STATUS": "unbound"},
        {"OWNER_ID": record, "ENTITY_TYPE": "contact", "ENTITY_ID": 1, "STATUS": "not_bound"},
    ]
    with pytest.raises(NotFoundError, match=f"record {record} on contact 1 was not unbound: it is not bound"):
        hook.unbind_timeline_records([(record, "contact", 1)], missing_ok=False)
    with pytest.raises(RejectedError, match="the record would be left without any binding"):
        hook.unbind_timeline_records([(record, "deal", 1)])
    assert _statuses(hook.unbind_timeline_records([(record, "deal", 1)], keep_last=False)) == ["unbound"]
    assert box.bindings(record) == []


def test_a_record_is_moved(box, hook, record):
    row = {"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 2}
    assert hook.move_timeline_record(record, "D_1", ("deal", 2)) == {**row, "STATUS": "moved"}
    assert hook.move_timeline_record(record, "D_1", ("deal", 2)) == {**row, "STATUS": "already_moved"}
    assert box.bindings(record) == [("deal", 2)]
    with pytest.raises(NotFoundError, match="it is not on deal 3"):
        hook.move_timeline_record(record, "D_3", "D_1")


def test_a_record_is_not_moved_to_where_it_is(box, hook, record):
    with pytest.raises(InvalidInputError, match="target: deal 1 is the source itself"):
        hook.move_timeline_record(record, "D_1", ("deal", 1))
    assert box.requests == []


def test_a_record_is_bound_to_exactly_these(box, hook, record):
    rows = hook.set_timeline_bindings(record, [("deal", 2), "C_1"])
    assert _statuses(rows) == ["bound", "bound", "unbound"]
    assert box.bindings(record) == [("contact", 1), ("deal", 2)]
    with pytest.raises(NotFoundError, match=r"items\[1\]: deal 99 does not exist"):
        hook.set_timeline_bindings(record, ["D_2", "D_99"])
    with pytest.raises(InvalidInputError, match=r"^items: the list is empty"):
        hook.set_timeline_bindings(record, [])
    assert box.bindings(record) == [("contact", 1), ("deal", 2)]


def test_a_record_may_have_to_exist(hook, record):
    assert hook.timeline_bindings(record, check_record=True) == hook.timeline_bindings(record)
    with pytest.raises(NotFoundError, match="timeline record 99 does not exist"):
        hook.timeline_bindings(99, check_record=True)


# ---------------------------------------------------------------- activities, relations, timelines


def test_activities_are_bound_and_taken_off(box, hook, record):
    call = box.add_activity("deal", 1, kind="call")
    row = {"ACTIVITY_ID": call, "ENTITY_TYPE": "contact", "ENTITY_ID": 1}
    rows = hook.bind_activities([(call, "contact", 1), (call, "deal", 1)])
    assert rows[0] == {**row, "STATUS": "bound"}
    assert _statuses(rows) == ["bound", "already_bound"]
    assert hook.unbind_activities(rows[:1]) == [{**row, "STATUS": "unbound"}], "a result can be passed on"
    assert _statuses(hook.unbind_activities(rows[:1])) == ["not_bound"]
    with pytest.raises(NotFoundError, match=f"activity {call} on contact 1 was not unbound"):
        hook.unbind_activities(rows[:1], missing_ok=False)
    assert box.activity_bindings(call) == [("deal", 1)]


def test_an_activity_that_does_not_exist(hook, record):
    with pytest.raises(NotFoundError, match="activities have other ids than timeline records"):
        hook.bind_activities([(99, "deal", 1)])


def test_related_items(box, hook):
    box.add_item("company", item_id=4)
    box.add_item("deal", {"companyId": 4}, item_id=1)
    assert hook.related_items("D_1") == [("company", 4)]
    with pytest.raises(NotFoundError, match="item: deal 99 does not exist"):
        hook.related_items("D_99")
    box.clear_journal()
    with pytest.raises(InvalidInputError, match="the fields of order 1 cannot be read"):
        hook.related_items(("order", 1))
    assert box.requests == []


def test_a_timeline_is_shared_or_moved(box, hook, record):
    task = box.add_activity("deal", 1)
    shared = hook.transfer_timeline("D_1", "C_1")
    assert [(row["KIND"], row["ID"], row["STATUS"]) for row in shared] == [
        ("comment", record, "shared"),
        ("activity", task, "shared"),
    ]
    assert hook.transfer_timeline("D_1", "D_2", kinds=["comments"], mode="move") == [
        {"KIND": "comment", "ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 2, "STATUS": "moved"}
    ]
    assert box.bindings(record) == [("contact", 1), ("deal", 2)]
    assert box.activity_bindings(task) == [("contact", 1), ("deal", 1)]


# ---------------------------------------------------------------- what all doors for many have in common

_BULK = {
    "bind": lambda hook, **options: hook.bind_timeline_records([(1, "deal", 1)], **options),
    "unbind": lambda hook, **options: hook.unbind_timeline_records([(1, "deal", 1)], **options),
    "set": lambda hook, **options: hook.set_timeline_bindings(1, ["D_1"], **options),
    "comments": lambda hook, **options: hook.add_timeline_comments(
        [{"item": "D_1", "comment": "x"}], **options
    ),
    "bind activities": lambda hook, **options: hook.bind_activities([(1, "deal", 1)], **options),
    "unbind activities": lambda hook, **options: hook.unbind_activities([(1, "deal", 1)], **options),
    "transfer": lambda hook, **options: hook.transfer_timeline("D_1", "C_1", **options),
}


@pytest.mark.parametrize("bulk", _BULK.values(), ids=_BULK)
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_in_flight": 0}, "max_in_flight: 0 is not a whole number from 1 to 20"),
        ({"max_in_flight": True}, "max_in_flight: True is not a whole number from 1 to 20"),
        ({"fail_on": "some"}, "fail_on: 'some' is none of any, all, never"),
    ],
    ids=["none", "a flag", "an unknown word"],
)
def test_options_are_looked_at_before_anything_is_sent(box, hook, bulk, options, problem):
    with pytest.raises(InvalidInputError, match=f"^{problem}"):
        bulk(hook, **options)
    assert box.requests == []


@pytest.mark.parametrize("bulk", _BULK.values(), ids=_BULK)
@pytest.mark.parametrize("max_in_flight", [None, 7])
def test_how_much_may_be_under_way(hook, monkeypatch, bulk, max_in_flight):
    seen = []

    def carry_out(plan, progress=None, in_flight=1):
        plan.close()
        seen.append(in_flight)
        return []

    monkeypatch.setattr(hook, "carry_out", carry_out)
    options = {} if max_in_flight is None else {"max_in_flight": max_in_flight}
    assert bulk(hook, **options) == []
    assert seen == [max_in_flight or 20]
