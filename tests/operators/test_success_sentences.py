"""What a task that succeeds logs: a sentence that says what became of what."""

from __future__ import annotations

import logging
from importlib import import_module

import pytest
from cases import cases
from operator_alone import GONE, Log, context_of, logging_to

from airflow_provider_bitrix24 import get_provider_info
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.bulk import counted, named
from airflow_provider_bitrix24.operators.items import (
    CreateCrmItemsOperator,
    DeleteCrmItemsOperator,
    SetProductRowsOperator,
    UpdateCrmItemsOperator,
    UpsertCrmItemsOperator,
)
from airflow_provider_bitrix24.operators.one_or_many import binding_sentence
from airflow_provider_bitrix24.operators.rest import (
    Bitrix24BatchOperator,
    Bitrix24CallOperator,
    Bitrix24ListOperator,
)
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    AddTimelineLogMessageOperator,
    BindTimelineRecordOperator,
    DeleteTimelineCommentOperator,
    ListTimelineBindingsOperator,
    MoveTimelineRecordOperator,
    SetTimelineBindingsOperator,
    TransferTimelineOperator,
    UnbindTimelineRecordOperator,
    UpdateTimelineCommentOperator,
)
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor

GET = {"method": "crm.deal.get", "params": {"id": 1}}

#: operator, arguments and the last line; numbers in braces are those of the fixtures and of the result
SENTENCES = {
    "create": (
        CreateCrmItemsOperator,
        {"entity_type": "deal", "rows": [{"title": "Fair"}]},
        "Deal {item} was created.",
    ),
    "update": (
        UpdateCrmItemsOperator,
        {"entity_type": "contact", "rows": [{"id": 1, "post": "Boss"}, {"id": 2, "comments": None}]},
        "Contact 1 was changed; contact 2 is so already.",
    ),
    "upsert": (
        UpsertCrmItemsOperator,
        {"entity_type": "deal", "rows": [{"title": "Fair", "origin_id": "A1"}], "key": "origin_id"},
        "Deal {item} was created.",
    ),
    "delete": (
        DeleteCrmItemsOperator,
        {"entity_type": "contact", "ids": [1, 2, 999]},
        "Contact 1 and contact 2 were deleted; contact 999 was not there.",
    ),
    "bind one": (
        BindTimelineRecordOperator,
        {"record_id": "{record}", "entity_type": "company", "entity_id": 1},
        "Timeline record {record} now shows on company 1.",
    ),
    "bind again": (
        BindTimelineRecordOperator,
        {"record_id": "{record}", "entity_type": "deal", "entity_id": 1},
        "Timeline record {record} was already on deal 1.",
    ),
    "bind some": (
        BindTimelineRecordOperator,
        {"bindings": [["{record}", "company", 1], ["{record}", "lead", 1], ["{record}", "deal", 1]]},
        "Timeline record {record} now shows on company 1 and lead 1; it was already on deal 1.",
    ),
    "bind two records": (
        BindTimelineRecordOperator,
        {"bindings": [["{record}", "company", 1], ["{other}", "deal", 1]]},
        "2 bindings: 1 bound, 1 already bound.",
    ),
    "bind many": (
        BindTimelineRecordOperator,
        {"bindings": [["{record}", "contact", 11 + number] for number in range(6)], "check_item": False},
        "6 bindings: 6 bound.",
    ),
    "unbind one": (
        UnbindTimelineRecordOperator,
        {"record_id": "{record}", "entity_type": "contact", "entity_id": 2},
        "Timeline record {record} no longer shows on contact 2.",
    ),
    "unbind nothing": (
        UnbindTimelineRecordOperator,
        {"record_id": "{record}", "entity_type": "lead", "entity_id": 1},
        "Timeline record {record} was not on lead 1.",
    ),
    "unbind one twice": (
        UnbindTimelineRecordOperator,
        {"bindings": [["{record}", "contact", 2], ["{record}", "contact", 2], ["{record}", "lead", 1]]},
        "Timeline record {record} no longer shows on contact 2; it was not on lead 1.",
    ),
    "set": (
        SetTimelineBindingsOperator,
        {"record_id": "{record}", "items": ["D_1", "C_3"]},
        "Timeline record {record} now shows on contact 3; it was already on deal 1; "
        "it no longer shows on contact 2.",
    ),
    "set what is": (
        SetTimelineBindingsOperator,
        {"record_id": "{record}", "items": ["D_1", "C_2"]},
        "Timeline record {record} was already on deal 1 and contact 2.",
    ),
    "move": (
        MoveTimelineRecordOperator,
        {"record_id": "{record}", "source": "D_1", "target": "L_1"},
        "Timeline record {record} moved from deal 1 to lead 1.",
    ),
    "move again": (
        MoveTimelineRecordOperator,
        {"record_id": "{record}", "source": "L_1", "target": "D_1"},
        "Timeline record {record} was on deal 1 already.",
    ),
    "list bindings": (
        ListTimelineBindingsOperator,
        {"record_id": "{record}"},
        "Timeline record {record} shows on 2 items.",
    ),
    "add a comment": (
        AddTimelineCommentOperator,
        {"item": "D_1", "comment": "x"},
        "Timeline record {result} was added to deal 1.",
    ),
    "add and bind a comment": (
        AddTimelineCommentOperator,
        {"item": "D_1", "comment": "x", "bind_to": ["C_1", "C_2", "L_1"]},
        "Timeline record {result} now shows on contact 1, contact 2 and lead 1, too.",
    ),
    "add comments": (
        AddTimelineCommentsOperator,
        {"rows": [{"item": "D_1", "comment": "x"}, {"item": "C_1", "comment": "y"}]},
        "Timeline records added: {first} to deal 1 and {last} to contact 1.",
    ),
    "add one of comments": (
        AddTimelineCommentsOperator,
        {"rows": [{"item": "D_1", "comment": "x"}]},
        "Timeline record added: {first} to deal 1.",
    ),
    "add many comments": (
        AddTimelineCommentsOperator,
        {"rows": [{"item": "D_1", "comment": "x"}] * 6},
        "6 comments: 6 added.",
    ),
    "change a comment": (
        UpdateTimelineCommentOperator,
        {"record_id": "{other}", "comment": "x"},
        "Comment {other} holds the new text.",
    ),
    "delete a comment": (
        DeleteTimelineCommentOperator,
        {"record_id": "{other}"},
        "Comment {other} is deleted.",
    ),
    "take a comment off": (
        DeleteTimelineCommentOperator,
        {"record_id": "{record}", "item": "C_2"},
        "Comment {record} was removed from the item and stays on others.",
    ),
    "delete nothing": (DeleteTimelineCommentOperator, {"record_id": GONE}, f"Comment {GONE} was not there."),
    "log message": (
        AddTimelineLogMessageOperator,
        {"item": "D_1", "title": "T", "text": "x"},
        "Timeline record {result} was added to deal 1.",
    ),
    "bind activities": (
        BindActivityOperator,
        {"bindings": [["{call}", "company", 1], ["{call}", "deal", 1]]},
        "Activity {call} now shows on company 1; it was already on deal 1.",
    ),
    "unbind activities": (
        UnbindActivityOperator,
        {"bindings": [["{call}", "contact", 2], ["{call}", "lead", 1]]},
        "Activity {call} no longer shows on contact 2; it was not on lead 1.",
    ),
    "transfer": (
        TransferTimelineOperator,
        {"source": "C_2", "target": "L_1", "kinds": ["comments"]},
        "1 comments and activities: 1 shared.",
    ),
    "transfer nothing": (
        TransferTimelineOperator,
        {"source": "C_3", "target": "L_1", "kinds": ["comments"]},
        "0 comments and activities.",
    ),
    "set product rows": (
        SetProductRowsOperator,
        {
            "entity_type": "deal",
            "rows": [{"owner_id": 1, "product_name": "Cup", "price": 2, "quantity": 1}],
            "owner_ids": [2],
        },
        "deal 1 now has 1 product row; deal 2 already had no product rows.",
    ),
    "call": (
        Bitrix24CallOperator,
        {"method": "crm.deal.get", "api_params": {"id": 1}},
        "Called crm.deal.get.",
    ),
    "call once": (
        Bitrix24CallOperator,
        {"method": "crm.deal.add", "api_params": {"fields": {"TITLE": "x"}}},
        "Called crm.deal.add.",
    ),
    "read a list": (
        Bitrix24ListOperator,
        {"method": "crm.deal.list", "api_params": {"filter": {"ID": 1}}},
        "crm.deal.list has 1 rows.",
    ),
    "read a list to a file": (
        Bitrix24ListOperator,
        {"method": "crm.deal.list", "api_params": {"filter": {"ID": 1}}, "output_path": "{folder}/a.jsonl"},
        "The 1 rows of crm.deal.list are in {folder}/a.jsonl.",
    ),
    "batch": (Bitrix24BatchOperator, {"calls": [GET] * 2}, "2 calls: 2 done."),
    "empty list": (
        Bitrix24BatchOperator,
        {"calls": []},
        "The list of calls is empty: nothing to do.",
    ),
    "sensor": (
        TimelineBindingSensor,
        {"record_id": "{record}", "entity_type": "deal", "entity_id": 1},
        "Success criteria met. Exiting.",
    ),
    "sensor that defers": (
        TimelineBindingSensor,
        {"record_id": "{record}", "entity_type": "deal", "entity_id": 1, "deferrable": True},
        "Success criteria met. Exiting.",
    ),
}


def filled(value, numbers):
    """Return a text, or a list or mapping of texts, with the numbers that it names."""
    if isinstance(value, str):
        return value.format(**numbers)
    if isinstance(value, dict):
        return {key: filled(item, numbers) for key, item in value.items()}
    return [filled(item, numbers) for item in value] if isinstance(value, list) else value


@pytest.fixture
def numbers(portal, record, call, tmp_path):
    other = portal.add_comment("deal", 1, "Other")
    return {"record": record, "call": call, "other": other, "folder": str(tmp_path)}


@pytest.mark.parametrize(("cls", "arguments", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_what_became_of_it_is_the_last_line(numbers, cls, arguments, sentence):
    log = Log()
    operator = logging_to(log, cls(task_id="t", **filled(arguments, numbers)))
    result = operator.execute(context_of())
    more = {"result": result}
    if isinstance(result, list) and result:
        more |= {"first": result[0].get("ID"), "last": result[-1].get("ID")}
        more["item"] = result[0].get("ENTITY_ID")
    assert log.lines[-1] == (logging.INFO, sentence.format(**numbers, **more))


def test_every_operator_says_something():
    [group] = get_provider_info()["operators"]
    modules = map(import_module, group["python-modules"])
    operators = {
        cls
        for module in modules
        for cls in vars(module).values()
        if isinstance(cls, type) and cls.__module__ == module.__name__ and "execute" in dir(cls)
        if not cls.__name__.startswith("_")
    }
    assert len(operators) == 21
    assert operators <= {cls for cls, _, _ in SENTENCES.values()}


# ---------------------------------------------------------------- words


def outcomes(*found):
    items = [("deal", 1), ("contact", 2), ("contact", 3)]
    return [
        ItemOutcome(TimelineBinding(7, CrmItem(*item)), status)
        for item, status in zip(items, found, strict=False)
    ]


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (("bound", "already_bound", "bound"), "3 things: 2 bound, 1 already bound."),
        (("failed",), "1 thing: 1 failed."),
        ((), "0 things."),
    ],
)
def test_counting(found, sentence):
    assert counted("things", outcomes(*found)) == sentence


@cases(
    ("things", "words"),
    [
        ([], ""),
        ([CrmItem("deal", 1)], "deal 1"),
        ([1, 2], "1 and 2"),
        ([1, 2, 3, 4], "1, 2, 3 and 4"),
    ],
)
def test_naming(things, words):
    assert named(things) == words


def test_bindings_of_one_thing_are_told_in_a_sentence():
    found = outcomes("bound", "already_bound", "bound")
    told = "Timeline record 7 now shows on deal 1 and contact 3; it was already on contact 2."
    assert binding_sentence(found) == told
    assert binding_sentence([*found, *found]) == told, "each item once"


def test_bindings_of_several_things_are_counted():
    other = ItemOutcome(TimelineBinding(2, CrmItem("deal", 1)), "bound")
    assert binding_sentence([*outcomes("bound"), other]) == ""
