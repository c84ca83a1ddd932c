"""The plan of looking whether a record is bound to an item, without a portal: it is fed outcomes."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from cases import cases
from plan_portal import Portal

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.crm.watching.binding_watch import BindingWatch
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    InvalidInputError,
    NotFoundError,
    ServerError,
    UnexpectedResultError,
)

DEAL = CrmItem("deal", 10)
LEAD = CrmItem("lead", 1)


def look(portal, watch):
    """Look once, and return whether that was found which is waited for, and what was asked for."""
    portal.works.clear()
    found = portal.run(watch.look()).found
    assert {(work.positions, work.shared) for work in portal.works} == {(None, False)}
    return found is not None, portal.said


def checks(portal, watch, looks):
    """Look often, and return at which of the looks, the first being 1, the record was asked for."""
    return [number for number in range(1, looks + 1) if ["get 5"] in look(portal, watch)[1]]


# ---------------------------------------------------------------- what it looks for


@pytest.mark.parametrize("bound", [True, False])
def test_whether_it_is_as_it_should_be(bound):
    watch = BindingWatch("5", "DEAL", "10", bound)
    assert (watch.binding, watch.item) == (TimelineBinding(5, DEAL), DEAL)
    assert look(Portal({5: [LEAD, DEAL]}), watch) == (bound, [["list 5"]])
    assert look(Portal({5: [LEAD]}), watch) == (not bound, [["list 5"]])
    assert look(Portal({5: []}), watch) == (not bound, [["list 5"], ["get 5"]])


@cases(
    ("bound", "items", "found", "seen"),
    [
        (True, [DEAL], "bound", "timeline record 5 shows on deal 10"),
        (True, [LEAD], None, "timeline record 5 does not show on deal 10"),
        (False, [DEAL], None, "timeline record 5 shows on deal 10"),
        (False, [LEAD], "not_bound", "timeline record 5 does not show on deal 10"),
    ],
)
def test_what_is_found_and_seen(bound, items, found, seen):
    sight = Portal({5: items}).run(BindingWatch(5, item="D_10", bound=bound).look())
    row = {"OWNER_ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 10, "STATUS": found}
    assert (sight.found, sight.seen) == (found and row, seen)


def test_what_is_waited_for_in_words():
    assert BindingWatch(5, item="D_10").goal == "timeline record 5 to show on deal 10"
    assert BindingWatch(5, "deal", 10, False).goal == "timeline record 5 to show on deal 10 no longer"


def test_the_binding_is_waited_for_where_nothing_else_is_said():
    assert look(Portal({5: [DEAL]}), BindingWatch(5, "deal", 10))[0] is True


def test_the_binding_may_stand_on_any_page():
    portal = Portal({5: [LEAD, CrmItem("deal", 9), DEAL]})
    portal.page = 1
    assert look(portal, BindingWatch(5, "deal", 10)) == (
        True,
        [["list 5"], ["list 5 from 1"], ["list 5 from 2"]],
    )


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ((0, "deal", 10), "record_id: 0 is not an id"),
        ((5, "deals", 10), "entity_type: 'deals' is not a type of CRM item"),
        ((5, "deal", None), "entity_id: None is not an id"),
    ],
)
def test_what_cannot_be_looked_for(parts, problem):
    with pytest.raises(InvalidInputError, match=f"^{re.escape(problem)}"):
        BindingWatch(*parts)


# ---------------------------------------------------------------- whether the record is there


@pytest.mark.parametrize("bound", [True, False])
def test_a_record_that_is_gone_ends_the_look_each_time(monkeypatch, bound):
    monkeypatch.setattr(random, "randint", max)
    watch = BindingWatch(5, "deal", 10, bound)
    for _ in range(3):
        portal = Portal({})
        with pytest.raises(NotFoundError, match="timeline record 5 does not exist"):
            look(portal, watch)
        assert portal.said == [["list 5"], ["get 5"]]


@pytest.mark.parametrize("bound", [True, False])
def test_a_record_that_could_not_be_asked_for_is_asked_for_at_the_next_look(monkeypatch, bound):
    monkeypatch.setattr(random, "randint", max)
    watch, portal = BindingWatch(5, "deal", 10, bound), Portal({5: []})
    portal.answers["get 5"] = ServerError("boom")
    with pytest.raises(ServerError):
        look(portal, watch)
    del portal.answers["get 5"]
    assert checks(portal, watch, 1) == [1]


@pytest.mark.parametrize(
    ("draw", "found"), [(min, [1, 2, 12, 22]), (max, [1, 11, 21, 31])], ids=["min", "max"]
)
def test_a_record_without_bindings_is_asked_for_now_and_then(monkeypatch, draw, found):
    """After the first time a drawn number of looks goes by, after all others nine."""
    monkeypatch.setattr(random, "randint", lambda low, high: draw(low, high))
    assert checks(Portal({5: []}), BindingWatch(5, "deal", 10), found[-1] + 9) == found


def test_at_the_first_look_and_then_at_every_tenth():
    first, *others = checks(Portal({5: []}), BindingWatch(5, "deal", 10), 60)
    assert first == 1
    assert others[0] <= 11
    assert {later - earlier for earlier, later in itertools.pairwise(others)} == {10}


def test_while_the_end_is_waited_for_no_bindings_always_ask_for_the_record():
    """The look would be the last one: that there are none of a record that is gone is not the end."""
    assert checks(Portal({5: []}), BindingWatch(5, "deal", 10, bound=False), 4) == [1, 2, 3, 4]


@pytest.mark.parametrize("bound", [True, False])
def test_a_record_with_other_bindings_is_not_asked_for(bound):
    assert checks(Portal({5: [LEAD]}), BindingWatch(5, "deal", 10, bound), 12) == []


def test_looks_that_find_bindings_do_not_count():
    """What goes by are the looks that find none."""
    watch, portal = BindingWatch(5, "deal", 10), Portal({5: [LEAD]})
    assert checks(portal, watch, 5) == []
    portal.comments[5] = []
    assert checks(portal, watch, 1) == [1]


def test_a_record_that_nobody_may_read_exists():
    portal = Portal({5: []})
    portal.answers["get 5"] = AccessDeniedError("Access denied.")
    assert look(portal, BindingWatch(5, "deal", 10, bound=False))[0] is True


# ---------------------------------------------------------------- answers that are none


@cases(
    ("answer", "kind"),
    [
        (ServerError("boom"), ServerError),
        (AccessDeniedError("denied"), AccessDeniedError),
        ([{"OWNER_ID": "6", "ENTITY_TYPE": "deal", "ENTITY_ID": "10"}], UnexpectedResultError),
    ],
    ids=["down", "denied", "another record's"],
)
@cases("bound", [True, False])
def test_bindings_that_cannot_be_read_end_the_look(answer, kind, bound):
    portal = Portal({5: [DEAL]})
    portal.answers["list 5"] = answer
    with pytest.raises(kind):
        look(portal, BindingWatch(5, "deal", 10, bound))
    assert portal.said == [["list 5"]]
