"""The plan of deleting a comment, without a portal: it is fed outcomes."""

from __future__ import annotations

import pytest
from cases import cases
from editing_portal import CONTACT, CUT, DEAL, DELETE, UNBIND, Portal, outcome

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    NotFoundError,
    RejectedError,
)
from airflow_provider_bitrix24.rest.progress import Span


@cases("missing_ok", [True, False])
@cases("item", [None, DEAL])
def test_a_comment_on_one_item_is_deleted(item, missing_ok):
    portal = Portal({5: [DEAL]})
    assert portal.delete(item, missing_ok=missing_ok) == outcome(5, "deleted")
    assert portal.bound == {}
    [call] = portal.made(DELETE)
    assert call.params == {"id": 5}
    assert call.may_repeat == missing_ok, "what is gone is an error in another try, so that has to know"
    assert portal.positions == [[0]]


@pytest.mark.parametrize("missing_ok", [True, False])
def test_a_comment_on_several_items_is_taken_off_the_one_meant(missing_ok):
    portal = Portal({5: [DEAL, CONTACT]})
    assert portal.delete(CONTACT, missing_ok=missing_ok) == outcome(5, "unbound")
    assert portal.bound == {5: [DEAL]}
    assert portal.made(DELETE) == [], "which may go by bindings that the portal remembers"
    [call] = portal.made(UNBIND)
    assert call.params == {"fields": {"OWNER_ID": 5, "ENTITY_TYPE": "contact", "ENTITY_ID": 2}}
    assert not call.may_repeat, "another try has to know that it was on the item"
    assert portal.positions == [[0]]


def test_a_comment_on_several_items_is_not_deleted_without_one():
    portal = Portal({5: [CrmItem("deal", number) for number in range(6, 0, -1)] + [CONTACT]})
    items = "contact 2, deal 1, deal 2, deal 3, deal 4. Give item"
    with pytest.raises(RejectedError, match=f"comment 5 is bound to several items: {items}") as raised:
        portal.delete()
    assert (raised.value.code, raised.value.method) == ("MULTIPLE_BINDINGS", DELETE)
    assert portal.made(DELETE) == []


@pytest.mark.parametrize(
    ("bound", "problem", "method"),
    [
        ({}, "timeline record 5 does not exist", "crm.timeline.comment.get"),
        ({5: [DEAL]}, "timeline record 5 is not on contact 2", DELETE),
    ],
)
def test_a_comment_that_is_not_there_is_done_or_an_error(bound, problem, method):
    portal = Portal(bound)
    assert portal.delete(CONTACT) == outcome(5, "not_found")
    with pytest.raises(NotFoundError, match=problem) as raised:
        portal.delete(CONTACT, missing_ok=False)
    assert (raised.value.code, raised.value.method) == ("NOT_FOUND", method)
    assert portal.made(DELETE) == []


@pytest.mark.parametrize("missing_ok", [True, False])
def test_a_comment_taken_off_with_the_answer_lost_is_taken_off(missing_ok):
    portal = Portal({5: [DEAL, CONTACT]})
    portal.lost = 1
    assert portal.delete(CONTACT, missing_ok=missing_ok) == outcome(5, "unbound")
    assert len(portal.made(UNBIND)) == 1
    assert portal.waits == [CUT]


def test_a_comment_that_an_earlier_try_may_have_taken_off_was_taken_off():
    portal = Portal({5: [DEAL]})
    progress = portal.progress(unclear={0: Span(900.0, 900.0)})
    assert portal.delete(CONTACT, progress, missing_ok=False) == outcome(5, "unbound")
    assert portal.made(DELETE) == []


@pytest.mark.parametrize("missing_ok", [True, False])
def test_a_comment_that_an_earlier_try_may_have_deleted_was_deleted(missing_ok):
    portal = Portal({})
    progress = portal.progress(unclear={0: Span(900.0, 900.0)})
    assert portal.delete(None, progress, missing_ok=missing_ok) == outcome(5, "deleted")
    assert portal.made(DELETE) == []


def test_a_comment_deleted_with_the_answer_lost_is_deleted():
    portal = Portal({5: [DEAL]})
    portal.lost = 1
    assert portal.delete(missing_ok=False) == outcome(5, "deleted")
    assert len(portal.made(DELETE)) == 1
    assert portal.waits == [CUT]


def test_a_comment_on_nothing_was_not_deleted_by_an_earlier_try():
    portal = Portal({5: []})
    progress = portal.progress(unclear={0: Span(900.0, 900.0)})
    with pytest.raises(NotFoundError, match="timeline record 5 is bound to no item"):
        portal.delete(None, progress)


def test_what_was_not_taken_off_is_sent_again():
    portal = Portal({5: [DEAL, CONTACT]})
    portal.never = 2
    assert portal.delete(CONTACT) == outcome(5, "unbound")
    assert portal.bound == {5: [DEAL]}


def test_a_comment_that_somebody_took_off_meanwhile_is_not_there():
    portal = Portal({5: [DEAL, CONTACT]})
    portal.errors[UNBIND] = NotFoundError("Not found.")
    assert portal.delete(CONTACT) == outcome(5, "not_found")
    with pytest.raises(NotFoundError, match="Not found"):
        portal.delete(CONTACT, missing_ok=False)


def test_bindings_that_the_portal_remembers_may_be_in_the_way():
    portal = Portal({5: [DEAL]})
    portal.errors[DELETE] = RejectedError("Entity has multiple bindings", code="MULTIPLE_BINDINGS")
    with pytest.raises(RejectedError, match="earlier bindings for up to an hour: try again then"):
        portal.delete()


def test_a_refused_deletion_is_not_sent_again():
    portal = Portal({5: [DEAL]})
    portal.errors[DELETE] = AccessDeniedError("no rights")
    with pytest.raises(AccessDeniedError, match="no rights"):
        portal.delete()
    assert len(portal.made(DELETE)) == 1
