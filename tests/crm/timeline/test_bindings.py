"""The plans that make, unmake, share and move bindings, of records and of activities, without a portal."""

from __future__ import annotations

from typing import Any

import pytest
from cases import cases
from plan_portal import Portal

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.activities import ActivityBinding
from airflow_provider_bitrix24.crm.timeline.bindings import (
    bind_each,
    binding_parts,
    move_each,
    share_each,
    unbind_each,
)
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    InvalidInputError,
    NotFoundError,
    RejectedError,
    ServerError,
)
from airflow_provider_bitrix24.rest.progress import Progress

LEAD = CrmItem("lead", 1)
DEAL = CrmItem("deal", 2)
CONTACT = CrmItem("contact", 3)
DENIED = AccessDeniedError("Access denied.", method="crm.timeline.bindings.bind")


class Kind:
    """Bindings of one kind, on a portal that has nothing else.

    :param make: makes such a binding
    :param name: what is bound, in words
    :param bind: what the portal calls binding it, and taking it off
    :param gone: what it answers where nothing is to be taken off
    """

    def __init__(self, make: Any, name: str, bind: str, unbind: str, gone: Any) -> None:
        self.make, self.name, self.bind, self.unbind, self.gone = make, name, bind, unbind, gone

    def portal(self, bound: dict[int, list[CrmItem]]) -> Portal:
        return Portal(bound, {}) if self.make is TimelineBinding else Portal({}, bound)

    def bound(self, portal: Portal) -> dict[int, list[CrmItem]]:
        return portal.comments if self.make is TimelineBinding else portal.activities

    def on(self, item: CrmItem, *numbers: int) -> list[Any]:
        return [self.make(number, item) for number in numbers]


RECORDS = Kind(TimelineBinding, "record", "bind", "unbind", NotFoundError("Not found"))
ACTIVITIES = Kind(ActivityBinding, "activity", "add", "delete", RejectedError("no", code="BINDING_NOT_FOUND"))
both = cases("kind", [RECORDS, ACTIVITIES], ids=["records", "activities"])


def shown(outcomes):
    return [(str(outcome.subject), outcome.status) for outcome in outcomes]


# ---------------------------------------------------------------- the parts of a binding

NAMES = ("thing_id", "THING_ID")


@cases(
    "value",
    [
        (5, "deal", 2),
        [5, "deal", 2],
        {"thing_id": 5, "entity_type": "deal", "entity_id": 2},
        {"ENTITY_ID": 2, "ENTITY_TYPE": "deal", "THING_ID": 5},
        {"THING_ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 2, "STATUS": "failed", "ERROR": "X"},
        {"thing_id": 5, "entity_type": "deal", "entity_id": 2, "ERROR_DESCRIPTION": "x"},
    ],
)
def test_three_parts(value):
    assert list(binding_parts(value, "binding", NAMES, "a binding")) == [5, "deal", 2]


@cases(
    ("value", "problem"),
    [
        (None, ": None is not a thing on an item"),
        ("5", ": '5' is not a thing on an item"),
        (("deal", 2), r" is a tuple of 2 values; give \(thing_id, entity_type, entity_id\)"),
        ([5, "deal", 2, 1], r" is a list of 4 values; give \(thing_id, entity_type, entity_id\)"),
        ({"entity_type": "deal", "entity_id": 2}, ": .* has no 'thing_id'"),
        ({"thing_id": 5, "entity_id": 2}, ": .* has no 'entity_type'"),
        ({"thing_id": 5, "entity_type": "deal"}, ": .* has no 'entity_id'"),
        (
            {"thing_id": 5, "THING_ID": 5, "entity_type": "deal", "entity_id": 2},
            ": .* has both 'thing_id' and 'THING_ID'",
        ),
        ({"thing_id": 5, "id": 5}, ": .* has an unknown key 'id'"),
    ],
)
def test_what_has_not_three_parts(value, problem):
    with pytest.raises(InvalidInputError, match=rf"^bindings\[3\]{problem}") as raised:
        binding_parts(value, "bindings[3]", NAMES, "a thing on an item")
    assert raised.value.remedy


def test_how_to_give_three_parts():
    with pytest.raises(InvalidInputError) as raised:
        binding_parts(None, "binding", NAMES, "a binding")
    remedy = "Give it as (thing_id, entity_type, entity_id) or as a mapping with these names."
    assert raised.value.remedy == remedy


# ---------------------------------------------------------------- making and unmaking


@both
def test_what_is_not_bound_yet_is_bound(kind):
    portal = kind.portal({5: [LEAD], 6: [LEAD], 7: [LEAD], 8: [LEAD]})
    portal.answers[f"{kind.bind} 7 deal 2"] = ServerError("boom")
    wanted = kind.on(DEAL, 5, 6, 5, 7, 8)
    settled = {wanted[4]: ItemOutcome(wanted[4], "already_bound")}
    outcomes = portal.run(bind_each(wanted, Progress({1: True}), settled))
    name = kind.name
    assert shown(outcomes) == [
        (f"{name} 5 on deal 2", "bound"),
        (f"{name} 6 on deal 2", "bound"),
        (f"{name} 5 on deal 2", "bound"),
        (f"{name} 7 on deal 2", "failed"),
        (f"{name} 8 on deal 2", "already_bound"),
    ]
    assert outcomes[3].error.description == f"{name} 7 on deal 2 may have been bound, or not: boom"
    assert portal.said == [[f"{kind.bind} 5 deal 2", f"{kind.bind} 7 deal 2"]]
    assert portal.works[0].positions == [0, 2]


@both
@cases("missing_ok", [True, False])
def test_what_is_bound_is_taken_off(kind, missing_ok):
    portal = kind.portal({5: [LEAD, DEAL], 6: [DEAL], 7: [LEAD, DEAL], 8: [LEAD, DEAL]})
    portal.answers[f"{kind.unbind} 6 lead 1"] = kind.gone
    portal.answers[f"{kind.unbind} 7 lead 1"] = ServerError("boom")
    wanted = kind.on(LEAD, 9, 5, 6, 7, 8)
    settled = {wanted[4]: ItemOutcome(wanted[4], "not_bound")}
    plan = unbind_each(wanted, Progress({0: True}), missing_ok=missing_ok, settled=settled)
    outcomes = portal.run(plan)
    assert [outcome.status for outcome in outcomes] == [
        "unbound",
        "unbound",
        "not_bound" if missing_ok else "failed",
        "failed",
        "not_bound",
    ]
    name = kind.name
    assert outcomes[3].error.description == f"{name} 7 on lead 1 may have been unbound, or not: boom"
    assert portal.said == [[f"{kind.unbind} {number} lead 1" for number in (5, 6, 7)]]
    assert portal.works[0].positions == [1, 2, 3]
    assert kind.bound(portal)[5] == [DEAL]


# ---------------------------------------------------------------- sharing


@both
def test_only_what_is_not_there_is_shared(kind):
    portal = kind.portal({5: [LEAD], 6: [LEAD, DEAL], 7: [LEAD]})
    portal.answers[f"{kind.bind} 7 deal 2"] = ServerError("boom")
    on_target = dict(zip(kind.on(DEAL, 5, 6, 7), [False, True, False], strict=True))
    outcomes = portal.run(share_each(on_target))
    name = kind.name
    assert shown(outcomes) == [
        (f"{name} 5 on deal 2", "bound"),
        (f"{name} 6 on deal 2", "already_bound"),
        (f"{name} 7 on deal 2", "failed"),
    ]
    assert [outcome.error is None for outcome in outcomes] == [True, True, False]
    assert outcomes[2].error.description == f"{name} 7 on deal 2 may have been bound, or not: boom"
    assert portal.said == [[f"{kind.bind} 5 deal 2", f"{kind.bind} 7 deal 2"]]


def test_a_record_that_may_not_be_shared_names_whose_rights_were_missing():
    portal = Portal({7: [LEAD]})
    portal.answers["bind 7 deal 2"] = DENIED
    [outcome] = portal.run(share_each({TimelineBinding(7, DEAL): False}))
    why = "record 7 on deal 2 was not bound: portal user 3, may not change deal 2"
    assert outcome.error.description == why


@both
def test_each_may_go_to_an_item_of_its_own(kind):
    portal = kind.portal({5: [LEAD]})
    on_target = {kind.make(5, DEAL): False, kind.make(5, CONTACT): False}
    assert [outcome.status for outcome in portal.run(share_each(on_target))] == ["bound", "bound"]
    assert kind.bound(portal) == {5: [LEAD, DEAL, CONTACT]}


# ---------------------------------------------------------------- moving


@both
def test_only_those_on_the_target_leave_the_source(kind):
    portal = kind.portal({5: [LEAD], 6: [LEAD, DEAL], 7: [LEAD]})
    portal.answers[f"{kind.bind} 7 deal 2"] = ServerError("boom")
    on_target = dict(zip(kind.on(DEAL, 7, 6, 5), [False, True, False], strict=True))
    outcomes = portal.run(move_each(on_target, LEAD))
    name = kind.name
    assert shown(outcomes) == [
        (f"{name} 7 on deal 2", "failed"),
        (f"{name} 6 on deal 2", "moved"),
        (f"{name} 5 on deal 2", "moved"),
    ]
    why = "it is still on lead 1, and may be on deal 2, too"
    assert outcomes[0].error.description == f"{name} 7 on deal 2 may have been bound, or not: boom; {why}"
    assert portal.said == [
        [f"{kind.bind} 7 deal 2", f"{kind.bind} 5 deal 2"],
        [f"{kind.unbind} 6 lead 1", f"{kind.unbind} 5 lead 1"],
    ]
    assert kind.bound(portal) == {5: [DEAL], 6: [DEAL], 7: [LEAD]}


@both
def test_where_none_is_on_the_target_none_leaves_the_source(kind):
    portal = kind.portal({5: [LEAD]})
    portal.answers[f"{kind.bind} 5 deal 2"] = ServerError("boom")
    [outcome] = portal.run(move_each({kind.make(5, DEAL): False}, LEAD))
    assert outcome.status == "failed"
    assert portal.said == [[f"{kind.bind} 5 deal 2"]]


@both
@cases(("was_there", "status"), [(True, "already_bound"), (False, "bound")])
@cases(
    ("error", "done", "where"),
    [
        (ServerError("boom"), "may have been unbound, or not: boom", "may still be on"),
        (RejectedError("no."), "was not unbound: no", "still on"),
    ],
)
def test_what_does_not_leave_is_told_of_both_items(kind, error, done, where, was_there, status):
    portal = kind.portal({5: [LEAD, DEAL] if was_there else [LEAD]})
    portal.answers[f"{kind.unbind} 5 lead 1"] = error
    outcomes = portal.run(move_each({kind.make(5, DEAL): was_there}, LEAD))
    assert shown(outcomes) == [
        (f"{kind.name} 5 on deal 2", status),
        (f"{kind.name} 5 on lead 1", "failed"),
    ]
    why = f"{kind.name} 5 on lead 1 {done}; it is on deal 2 now, and {where} lead 1"
    assert outcomes[1].error.description == why


@both
def test_what_somebody_else_took_off_has_been_moved(kind):
    portal = kind.portal({5: [LEAD]})
    portal.answers[f"{kind.unbind} 5 lead 1"] = kind.gone
    outcomes = portal.run(move_each({kind.make(5, DEAL): False}, LEAD))
    assert outcomes == [ItemOutcome(kind.make(5, DEAL), "moved")]


@both
def test_nothing_is_no_work(kind):
    portal = kind.portal({})
    for plan in (
        move_each({}, LEAD),
        share_each({}),
        bind_each([], Progress()),
        unbind_each([], Progress(), missing_ok=True),
    ):
        assert portal.run(plan) == []
    assert portal.said == []
