"""The plan of taking records off items, without a portal."""

from __future__ import annotations

import pytest
from plan_portal import Portal

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline.record_unbinding import unbind_records
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    FinalRejectionError,
    NotFoundError,
    ServerError,
)
from airflow_provider_bitrix24.rest.progress import Progress

LEAD = CrmItem("lead", 1)
DEAL = CrmItem("deal", 2)
CONTACT = CrmItem("contact", 3)


def unbind(portal, *pairs, known=None, missing_ok=True, keep_last=True):
    bindings = [TimelineBinding(*pair) for pair in pairs]
    progress = Progress(known)
    plan = unbind_records(bindings, progress, missing_ok=missing_ok, keep_last=keep_last)
    outcomes = portal.run(plan)
    assert [outcome.subject for outcome in outcomes] == bindings
    return outcomes


def statuses(outcomes):
    return [outcome.status for outcome in outcomes]


def test_what_a_record_is_bound_to_is_read_before_it_is_unbound():
    portal = Portal({5: [LEAD, DEAL, CONTACT], 6: [LEAD, DEAL]})
    assert statuses(unbind(portal, (5, LEAD), (5, DEAL), (6, LEAD))) == ["unbound"] * 3
    assert portal.said == [
        ["list 5", "list 6"],
        ["unbind 5 lead 1", "unbind 5 deal 2", "unbind 6 lead 1"],
    ]
    assert portal.comments == {5: [CONTACT], 6: [DEAL]}


def test_the_last_binding_is_refused():
    portal = Portal({5: [LEAD], 6: [LEAD, DEAL]})
    refused, done = unbind(portal, (5, LEAD), (6, LEAD))
    assert (refused.status, done.status) == ("failed", "unbound")
    assert type(refused.error) is FinalRejectionError
    assert refused.error.code == "LAST_BINDING"
    assert refused.error.method == "crm.timeline.bindings.unbind"
    assert "record 5 on lead 1 was not unbound: the record would be left without any" in str(refused.error)
    assert "give keep_last=False" in refused.error.remedy
    assert portal.comments == {5: [LEAD], 6: [DEAL]}


def test_all_bindings_of_a_record_at_once_are_refused():
    portal = Portal({5: [LEAD, DEAL]})
    assert statuses(unbind(portal, (5, LEAD), (5, DEAL), (5, CONTACT))) == ["failed", "failed", "not_bound"]
    assert portal.said == [["list 5"]]


def test_what_another_record_leaves_does_not_count():
    portal = Portal({5: [LEAD, DEAL], 6: [DEAL, CONTACT]})
    assert statuses(unbind(portal, (5, LEAD), (6, DEAL))) == ["unbound", "unbound"]


def test_the_last_binding_goes_where_that_is_wanted():
    portal = Portal({5: [LEAD]})
    assert statuses(unbind(portal, (5, LEAD), keep_last=False)) == ["unbound"]
    assert portal.said == [["unbind 5 lead 1"]]


def test_all_pages_are_read_before_a_binding_is_taken_for_the_last():
    portal = Portal({5: [LEAD, DEAL, CONTACT]})
    portal.page = 2
    assert statuses(unbind(portal, (5, LEAD), (5, DEAL))) == ["unbound", "unbound"]
    assert portal.said[:2] == [["list 5"], ["list 5 from 2"]]


@pytest.mark.parametrize("keep_last", [True, False])
def test_what_is_not_bound_counts_as_done_where_that_is_wanted(keep_last):
    portal = Portal({5: [LEAD, DEAL]})
    [outcome] = unbind(portal, (5, CONTACT), keep_last=keep_last)
    assert (outcome.status, outcome.error) == ("not_bound", None)


@pytest.mark.parametrize(("keep_last", "why"), [(True, "it is not bound"), (False, "Not found")])
def test_what_is_not_bound_has_failed_where_it_has_to_be_there(keep_last, why):
    portal = Portal({5: [LEAD, DEAL]})
    portal.answers["unbind 5 contact 3"] = NotFoundError(
        "Not found", code="NOT_FOUND", method="crm.timeline.bindings.unbind"
    )
    [outcome] = unbind(portal, (5, CONTACT), missing_ok=False, keep_last=keep_last)
    assert outcome.status == "failed"
    assert type(outcome.error) is NotFoundError
    assert (outcome.error.code, outcome.error.method) == ("NOT_FOUND", "crm.timeline.bindings.unbind")
    assert outcome.error.description == f"record 5 on contact 3 was not unbound: {why}"


@pytest.mark.parametrize(
    ("words", "may_not"), [("list 5", "read the CRM"), ("unbind 5 lead 1", "change lead 1")]
)
def test_missing_rights_fail_this_record_only(words, may_not):
    portal = Portal({5: [LEAD, DEAL], 6: [LEAD, DEAL]})
    method = f"crm.timeline.bindings.{words.partition(' ')[0]}"
    portal.answers[words] = AccessDeniedError("Access denied.", method=method)
    failed, done = unbind(portal, (5, LEAD), (6, LEAD))
    assert (failed.status, done.status) == ("failed", "unbound")
    why = f"record 5 on lead 1 was not unbound: portal user 3, may not {may_not}"
    assert failed.error.description == why


def test_another_error_is_no_sign_of_an_absent_binding():
    portal = Portal({5: [LEAD, DEAL]})
    portal.answers["unbind 5 lead 1"] = ServerError("boom")
    [outcome] = unbind(portal, (5, LEAD))
    assert type(outcome.error) is ServerError


def test_duplicates_are_sent_once_and_reported_for_each():
    portal = Portal({5: [LEAD, DEAL], 6: [LEAD]})
    outcomes = unbind(portal, (5, LEAD), (6, LEAD), (5, LEAD), (6, LEAD))
    assert statuses(outcomes) == ["unbound", "failed", "unbound", "failed"]
    assert portal.said == [["list 5", "list 6"], ["unbind 5 lead 1"]]


def test_what_an_earlier_try_did_is_not_done_again():
    portal = Portal({5: [DEAL, CONTACT], 6: [LEAD, DEAL], 7: [LEAD, DEAL]})
    outcomes = unbind(portal, (6, LEAD), (5, LEAD), (7, CONTACT), (7, LEAD), known={1: True})
    assert statuses(outcomes) == ["unbound", "unbound", "not_bound", "unbound"]
    assert portal.said == [["list 6", "list 7"], ["unbind 6 lead 1", "unbind 7 lead 1"]]
    assert portal.works[0].positions is None
    assert portal.works[1].positions == [0, 3]


@pytest.mark.parametrize("known", [None, {0: True}], ids=["nothing to do", "all done before"])
def test_where_nothing_is_left_nothing_is_asked(known):
    portal = Portal({5: [LEAD]})
    outcomes = unbind(portal, *[(5, LEAD)] * len(known or ()), known=known)
    assert statuses(outcomes) == ["unbound"] * len(known or ())
    assert portal.said == []
