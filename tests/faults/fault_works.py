"""Work whose workers are killed, and what has to be there once it was taken up again."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from fault_kills import Task, Work

from airflow_provider_bitrix24.operators.rest import Bitrix24BatchOperator
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    BindTimelineRecordOperator,
)
from airflow_provider_bitrix24.testing import Bitrix24Portal

_ADD, _LIST = "crm.timeline.comment.add", "crm.timeline.comment.list"
#: so that nothing is under way when a worker dies, but the one request that it dies of
_ONE_BY_ONE = {"max_in_flight": 1, "fail_on": "never"}
_BATCH = 50

Arguments = dict[str, Any]


# --- bindings ---


def _bindings(portal: Bitrix24Portal) -> Arguments:
    records = [portal.add_comment("deal", 1, f"record {n}") for n in range(3)]
    contacts = portal.add_items("contact", [{"NAME": f"Contact {n}"} for n in range(34)])
    rows = [[record, "contact", contact] for contact in contacts for record in records]
    return {"bindings": rows, **_ONE_BY_ONE}


def _check_bindings(task: Task) -> None:
    wanted = task.arguments["bindings"]
    rows = task.answer.result
    assert [[row["OWNER_ID"], row["ENTITY_TYPE"], row["ENTITY_ID"]] for row in rows] == wanted
    assert {row["STATUS"] for row in rows} <= {"bound", "already_bound"}
    for record in {record for record, _, _ in wanted}:
        items = [("deal", 1), *((kind, item) for owner, kind, item in wanted if owner == record)]
        assert sorted(task.portal.bindings(record)) == sorted(items)


# --- comments ---


def _comments(portal: Bitrix24Portal) -> Arguments:
    rows = [{"item": ["deal", 1 + n % 3], "comment": f"row {n % 99}"} for n in range(101)]
    return {"rows": rows, **_ONE_BY_ONE}


def _check_comments(task: Task) -> None:
    wanted = task.arguments["rows"]
    assert {row["STATUS"] for row in task.answer.result} == {"added"}, task.answer.result
    _check_added(task, [(row["ID"], row["item"][1], row["comment"]) for row in _merged(task, wanted)])


def _merged(task: Task, wanted: list[Any]) -> list[Any]:
    return [{**row, **want} for row, want in zip(task.answer.result, wanted, strict=True)]


def _comment(portal: Bitrix24Portal) -> Arguments:
    return {"item": ["deal", 1], "comment": "row"}


def _check_comment(task: Task) -> None:
    assert task.answer.error is None
    _check_added(task, [(task.answer.result, 1, "row")])


def _check_added(task: Task, wanted: list[tuple[int, int, str]]) -> None:
    """Compare records, deals and texts with what the portal holds, which is asked itself."""
    added = [record for record in task.portal.comments() if record.text.startswith("row")]
    stored = {record.record_id: (*task.portal.bindings(record.record_id), record.text) for record in added}
    assert stored == {record: (("deal", deal), text) for record, deal, text in wanted}
    assert len(task.portal.calls(_ADD)) == len(wanted), "added and not to be seen any more"
    looks = [look for look in task.portal.calls(_LIST) if look.at >= task.begun]
    if looks and task.answer.waits is not None:
        passed = time.time() - task.started
        assert passed + sum(task.answer.waits) > 60, "looked up while the portal may be adding it"


# --- calls of all kinds ---


def _calls(portal: Bitrix24Portal) -> Arguments:
    record = portal.add_comment("deal", 1, "record")
    contacts = portal.add_items("contact", [{"NAME": f"Contact {n}"} for n in range(34)])
    entries = []
    for number, contact in enumerate(contacts):
        fields = {"ENTITY_ID": 1, "ENTITY_TYPE": "deal", "COMMENT": f"row {number}"}
        binding = {"OWNER_ID": record, "ENTITY_TYPE": "contact", "ENTITY_ID": contact}
        entries += [
            {"method": "crm.contact.get", "params": {"id": contact}},
            {"method": "crm.timeline.bindings.bind", "params": {"fields": binding}},
            {"method": _ADD, "params": {"fields": fields}},
        ]
    return {"calls": entries, **_ONE_BY_ONE}


def _check_calls(task: Task) -> None:
    wanted, rows = task.arguments["calls"], task.answer.result
    assert [row["METHOD"] for row in rows] == [call["method"] for call in wanted]
    unclear = [number for number, row in enumerate(rows) if row["STATUS"] != "done"]
    assert {wanted[number]["method"] for number in unclear} <= {_ADD}, "what may be repeated is done"
    assert {rows[number]["ERROR"] for number in unclear} <= {"AmbiguousWriteError"}
    bound = [call["params"]["fields"] for call in wanted if "bind" in call["method"]]
    items = [("deal", 1), *(("contact", fields["ENTITY_ID"]) for fields in bound)]
    assert sorted(task.portal.bindings(bound[0]["OWNER_ID"])) == sorted(items)
    texts = {record.record_id: record.text for record in task.portal.comments()}
    for call, row in zip(wanted, rows, strict=True):
        if row["METHOD"] == _ADD and row["STATUS"] == "done":
            assert texts[row["RESULT"]] == call["params"]["fields"]["COMMENT"]
        elif row["METHOD"] != _ADD:
            assert row["RESULT"] is True or row["RESULT"]["ID"] == str(call["params"]["id"])
    counts = Counter(text for text in texts.values() if text.startswith("row"))
    assert set(counts.values()) <= {1}, "a comment was added twice"
    _check_unclear(task, unclear)


def _check_unclear(task: Task, unclear: list[int]) -> None:
    """See that no more is called unclear than has to be."""
    adds = [number for number, call in enumerate(task.arguments["calls"]) if call["method"] == _ADD]
    if not task.kills:
        assert unclear == []
    elif not task.kept:
        assert unclear == adds, "nothing is known of the try before"
    elif len(task.kills) == 1 and task.asked < 3:
        assert len({number // _BATCH for number in unclear}) <= 1, "one request was under way"


#: what is killed at any moment: one line for each operator
WORKS = {
    "bindings": Work(BindTimelineRecordOperator, _bindings, _check_bindings),
    "comments": Work(AddTimelineCommentsOperator, _comments, _check_comments),
    "comment": Work(AddTimelineCommentOperator, _comment, _check_comment),
    "calls": Work(Bitrix24BatchOperator, _calls, _check_calls),
}


# --- several requests under way ---


def _many_comments(portal: Bitrix24Portal) -> Arguments:
    rows = [{"item": ["deal", 1 + n % 3], "comment": f"row {n}"} for n in range(500)]
    return {"rows": rows, "max_in_flight": 2}


def _many_bindings(portal: Bitrix24Portal) -> Arguments:
    record = portal.add_comment("deal", 1, "record")
    contacts = portal.add_items("contact", [{"NAME": f"Contact {n}"} for n in range(1000)])
    rows = [[record, "contact", contact] for contact in contacts]
    return {"bindings": rows, "check_record": False, "check_item": False, "max_in_flight": 4}


SIDE_BY_SIDE = {
    "comments": Work(AddTimelineCommentsOperator, _many_comments, _check_comments),
    "bindings": Work(BindTimelineRecordOperator, _many_bindings, _check_bindings),
}
