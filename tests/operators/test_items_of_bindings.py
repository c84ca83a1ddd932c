"""One binding, or one comment on an item, with the item given whole or by its parts."""

from __future__ import annotations

import pytest
from cases import cases
from operator_alone import context_of, given_late, run

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.timeline import (
    BindTimelineRecordOperator,
    DeleteTimelineCommentOperator,
    MoveTimelineRecordOperator,
    TransferTimelineOperator,
    UnbindTimelineRecordOperator,
    UpdateTimelineCommentOperator,
)

BINDINGS = {
    BindTimelineRecordOperator: "record_id",
    UnbindTimelineRecordOperator: "record_id",
    BindActivityOperator: "activity_id",
    UnbindActivityOperator: "activity_id",
}
COMMENTS = {UpdateTimelineCommentOperator: {"comment": "New"}, DeleteTimelineCommentOperator: {}}
ITEMS = [{"item": ("contact", 1)}, {"item": "C_1"}, {"entity_type": "contact", "entity_id": 1}]


@pytest.fixture
def numbers(portal):
    record = portal.add_comment("deal", 1, "Hello")
    activity = portal.add_activity("deal", 1, "Call")
    return {"record_id": record, "activity_id": activity}


@pytest.mark.parametrize("item", ITEMS, ids=str)
@pytest.mark.parametrize(("cls", "thing"), BINDINGS.items(), ids=str)
def test_a_binding_takes_a_whole_item_or_its_parts(portal, numbers, cls, thing, item):
    _, [row], _ = run(cls, **{thing: numbers[thing]}, **item)
    assert (row["ENTITY_TYPE"], row["ENTITY_ID"]) == ("contact", 1)
    assert row["STATUS"] in ("bound", "not_bound")


@pytest.mark.parametrize("item", ITEMS, ids=str)
@pytest.mark.parametrize(("cls", "more"), COMMENTS.items(), ids=str)
def test_a_comment_takes_a_whole_item_or_its_parts(portal, numbers, cls, more, item):
    record = numbers["record_id"]
    portal.bind(record, "contact", 1)
    run(cls, record_id=record, **more, **item)
    assert portal.bindings(record) == [("deal", 1)]
    texts = [comment.text for comment in portal.comments("contact", 1)]
    assert texts == (["New"] if more else [])


TWO_ENDS = {MoveTimelineRecordOperator: ["record_id"], TransferTimelineOperator: []}


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (("{{ kind }}", "{{ number }}"), ("company", "{{ number + 1 }}")),
        ({"entity_type": "{{ kind }}", "entity_id": "{{ number }}"}, "company_{{ number + 1 }}"),
    ],
    ids=["tuples of templates", "a mapping and a text"],
)
@pytest.mark.parametrize(("cls", "more"), TWO_ENDS.items(), ids=str)
def test_two_ends_may_come_from_templates_in_parts(portal, numbers, cls, more, source, target):
    record = numbers["record_id"]
    operator = cls(task_id="t", source=source, target=target, **{name: numbers[name] for name in more})
    operator.render_template_fields({"kind": "deal", "number": 1})
    operator.execute(context_of())
    assert ("company", 2) in portal.bindings(record)


WRONG = [
    ({"item": ("contact", 1), "entity_id": 1}, "item and entity_id: both are given"),
    ({"entity_type": "contact"}, "entity_id: it is not given"),
    ({"item": ("dael", 1)}, "item.entity_type: 'dael' is not a type of CRM item"),
    ({"entity_type": "contact", "entity_id": 0}, "entity_id: 0 is not an id"),
]


@cases(("item", "problem"), WRONG)
@cases("cls", [*BINDINGS, *COMMENTS])
def test_an_item_is_given_once_and_whole(cls, item, problem):
    thing = {BINDINGS.get(cls, "record_id"): 1}
    with pytest.raises(InvalidInputError) as caught:
        cls(task_id="t", **thing, **COMMENTS.get(cls, {}), **item)
    assert caught.value.description == problem


@cases("cls", BINDINGS)
@cases("more", [{"bindings": [[1, "contact", 1]]}, {}], ids=["with bindings", "alone"])
def test_an_item_goes_with_its_record_alone(cls, more):
    with pytest.raises(InvalidInputError) as caught:
        cls(task_id="t", item=("contact", 1), **more)
    expected = "bindings and item: both are given" if more else f"{BINDINGS[cls]}: it is not given"
    assert caught.value.description == expected


@pytest.mark.parametrize("cls", [*BINDINGS, *COMMENTS], ids=str)
def test_an_item_that_comes_late_is_checked_then(portal, numbers, cls):
    thing = {BINDINGS.get(cls, "record_id"): 1}
    operator = given_late(cls, "t", **thing, **COMMENTS.get(cls, {}), item="no item")
    with pytest.raises(InvalidInputError, match=r"^item: 'no item' is not a CRM item"):
        operator.execute(context_of())
    assert portal.requests == []
