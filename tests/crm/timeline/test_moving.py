"""The plans that move a timeline record and set its bindings, without a portal."""

from __future__ import annotations

import pytest
from cases import cases
from plan_portal import Portal

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.moving import check_ends, move_record, set_bindings
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    InvalidInputError,
    NotFoundError,
    ServerError,
)

LEAD = CrmItem("lead", 1)
DEAL = CrmItem("deal", 2)
CONTACT = CrmItem("contact", 3)
DENIED = AccessDeniedError("Access denied.", method="crm.timeline.bindings.bind")


def shown(outcomes):
    return [(str(outcome.subject), outcome.status) for outcome in outcomes]


# ---------------------------------------------------------------- one record


def move(portal):
    [outcome] = portal.run(move_record(5, LEAD, DEAL))
    return outcome


def test_the_target_is_not_the_source():
    with pytest.raises(
        InvalidInputError, match=r"^target: deal 2 is the source itself\. Give another item\.$"
    ):
        check_ends(DEAL, CrmItem("deal", 2))


@pytest.mark.parametrize("target", [CrmItem("deal", 3), CrmItem("lead", 2)])
def test_another_item_is_a_target(target):
    assert check_ends(DEAL, target) is None


def test_a_record_is_bound_to_the_target_before_it_leaves_the_source():
    portal = Portal({5: [LEAD]})
    assert move(portal) == ItemOutcome(TimelineBinding(5, DEAL), "moved")
    assert portal.said == [["list 5", "get 5"], ["see deal 2"], ["bind 5 deal 2"], ["unbind 5 lead 1"]]
    assert portal.comments == {5: [DEAL]}


def test_a_record_on_both_only_leaves_the_source():
    portal = Portal({5: [LEAD, DEAL]})
    assert move(portal).status == "moved"
    assert portal.said == [["list 5", "get 5"], ["see deal 2"], ["unbind 5 lead 1"]]


def test_a_record_stays_where_it_is_rather_than_on_what_does_not_exist_alone():
    portal = Portal({5: [LEAD, DEAL]})
    portal.deleted = {DEAL}
    assert type(move(portal).error) is NotFoundError
    assert portal.comments == {5: [LEAD, DEAL]}


def test_a_record_on_the_target_alone_has_been_moved():
    portal = Portal({5: [CONTACT, DEAL]})
    assert move(portal) == ItemOutcome(TimelineBinding(5, DEAL), "already_moved")
    assert portal.said == [["list 5", "get 5"]]


def test_a_record_on_neither_is_not_moved():
    portal = Portal({5: [CONTACT]})
    outcome = move(portal)
    assert outcome.status == "failed"
    assert type(outcome.error) is NotFoundError
    assert outcome.error.code == "NOT_FOUND"
    assert outcome.error.method == "crm.timeline.bindings.list"
    assert outcome.error.description == "record 5 on deal 2 was not moved: it is not on lead 1"
    assert outcome.error.remedy == "Check source: the record is neither there nor on the target."
    assert portal.said == [["list 5", "get 5"]]


@cases(
    ("words", "answer", "why"),
    [
        ("get 5", NotFoundError("Not found"), "timeline record 5 does not exist"),
        ("list 5", AccessDeniedError("Access denied."), "portal user 3, may not read the CRM"),
        ("see deal 2", NotFoundError("Not found"), "target: deal 2 does not exist"),
        ("see deal 2", ServerError("boom"), "boom"),
    ],
)
def test_what_cannot_be_moved_is_left_alone(words, answer, why):
    portal = Portal({5: [LEAD]})
    portal.answers[words] = answer
    outcome = move(portal)
    assert shown([outcome]) == [("record 5 on deal 2", "failed")]
    assert type(outcome.error) is type(answer)
    assert outcome.error.description == f"record 5 on deal 2 was not moved: {why}"
    assert portal.comments == {5: [LEAD]}


def test_a_record_that_cannot_be_bound_stays():
    portal = Portal({5: [LEAD]})
    portal.answers["bind 5 deal 2"] = DENIED
    outcome = move(portal)
    assert shown([outcome]) == [("record 5 on deal 2", "failed")]
    why = "record 5 on deal 2 was not bound: portal user 3, may not change deal 2"
    assert outcome.error.description == why
    assert portal.said[-1] == ["bind 5 deal 2"]


def test_a_record_that_cannot_be_unbound_is_told_of_both_items():
    portal = Portal({5: [LEAD]})
    portal.answers["unbind 5 lead 1"] = DENIED
    outcomes = portal.run(move_record(5, LEAD, DEAL))
    assert shown(outcomes) == [("record 5 on deal 2", "bound"), ("record 5 on lead 1", "failed")]
    why = "record 5 on lead 1 was not unbound: portal user 3, may not change lead 1"
    assert outcomes[1].error.description == f"{why}; it is on deal 2 now, and still on lead 1"


def test_a_record_that_somebody_else_took_off_has_been_moved():
    portal = Portal({5: [LEAD]})
    portal.answers["unbind 5 lead 1"] = NotFoundError("Not found")
    assert move(portal) == ItemOutcome(TimelineBinding(5, DEAL), "moved")


# ---------------------------------------------------------------- exactly these bindings


def set_to(portal, *items):
    return portal.run(set_bindings(5, list(items)))


def test_what_is_wanted_is_bound_before_the_rest_is_unbound():
    portal = Portal({5: [LEAD, CrmItem("deal", 9), CONTACT]})
    outcomes = set_to(portal, DEAL, LEAD, DEAL)
    assert shown(outcomes) == [
        ("record 5 on deal 2", "bound"),
        ("record 5 on lead 1", "already_bound"),
        ("record 5 on contact 3", "unbound"),
        ("record 5 on deal 9", "unbound"),
    ]
    assert portal.said == [
        ["list 5", "get 5"],
        ["see deal 2", "see lead 1"],
        ["bind 5 deal 2"],
        ["unbind 5 contact 3", "unbind 5 deal 9"],
    ]
    assert portal.comments == {5: [LEAD, DEAL]}


def test_a_binding_to_a_type_that_was_removed_is_left():
    """It has no name by which to take it away, and nobody sees it."""
    portal = Portal({5: [LEAD, CrmItem("", 9), CONTACT]})
    assert shown(set_to(portal, LEAD)) == [
        ("record 5 on lead 1", "already_bound"),
        ("record 5 on contact 3", "unbound"),
    ]


def test_bindings_that_are_so_already_are_looked_at_and_left():
    portal = Portal({5: [LEAD, DEAL]})
    assert [outcome.status for outcome in set_to(portal, DEAL, LEAD)] == ["already_bound"] * 2
    assert portal.said == [["list 5", "get 5"], ["see deal 2", "see lead 1"]]


def test_an_item_that_does_not_exist_is_named_by_its_place_and_nothing_changes():
    portal = Portal({5: [CONTACT]})
    portal.deleted = {DEAL}
    with pytest.raises(NotFoundError, match=r"items\[2\]: deal 2 does not exist"):
        set_to(portal, LEAD, LEAD, DEAL, DEAL)
    assert portal.comments == {5: [CONTACT]}


@pytest.mark.parametrize(
    ("words", "answer", "why"),
    [
        ("get 5", NotFoundError("Not found"), "timeline record 5 does not exist"),
        ("list 5", AccessDeniedError("Access denied."), "portal user 3, may not read the CRM"),
    ],
)
def test_of_a_record_that_is_not_known_no_binding_is_set(words, answer, why):
    portal = Portal({5: [LEAD]})
    portal.answers[words] = answer
    outcomes = set_to(portal, DEAL, LEAD, DEAL)
    assert shown(outcomes) == [("record 5 on deal 2", "failed"), ("record 5 on lead 1", "failed")]
    assert outcomes[0].error.description == f"record 5 on deal 2 was not bound: {why}"
    assert portal.said == [["list 5", "get 5"]]


def test_where_one_cannot_be_bound_none_is_unbound():
    portal = Portal({5: [CONTACT]})
    portal.answers["bind 5 lead 1"] = DENIED
    outcomes = set_to(portal, DEAL, LEAD)
    assert shown(outcomes) == [("record 5 on deal 2", "bound"), ("record 5 on lead 1", "failed")]
    why = "record 5 on lead 1 was not bound: portal user 3, may not change lead 1"
    assert outcomes[1].error.description == why
    assert portal.comments == {5: [CONTACT, DEAL]}


def test_bindings_that_cannot_be_unbound_or_are_gone():
    portal = Portal({5: [LEAD, CONTACT, DEAL]})
    portal.answers["unbind 5 contact 3"] = NotFoundError("Not found")
    portal.answers["unbind 5 deal 2"] = DENIED
    outcomes = set_to(portal, LEAD)
    assert [outcome.status for outcome in outcomes] == ["already_bound", "not_bound", "failed"]
    why = "record 5 on deal 2 was not unbound: portal user 3, may not change deal 2"
    assert outcomes[2].error.description == why
