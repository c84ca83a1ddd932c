"""The plan of adding many comments, without a portal: it is fed outcomes."""

from __future__ import annotations

import pytest
from cases import cases
from comments_portal import CUT, ITEM, Portal

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline.comments import Comment, parse_comments
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    AmbiguousWriteError,
    InvalidInputError,
    ServerError,
)
from airflow_provider_bitrix24.rest.progress import Progress, Span
from airflow_provider_bitrix24.rest.reply import Reply


def test_all_are_added_without_a_look_up():
    portal = Portal()
    outcomes = portal.run(["a", "b"])
    assert [outcome.subject.record_id for outcome in outcomes] == [1, 2]
    assert portal.waits == []


def test_what_was_added_with_the_answer_lost_is_found():
    portal = Portal()
    portal.lost = 2
    outcomes = portal.run(["a", "b", "c"])
    assert portal.texts() == ["a", "b", "c"]
    assert {outcome.subject.record_id for outcome in outcomes} == {1, 2, 3}
    assert len(portal.waits) == 1
    assert portal.waits[0] >= CUT, "the portal may be adding it until it cuts the request off"


def test_what_was_not_added_is_sent_again_when_that_is_certain():
    portal = Portal()
    portal.never = 1
    outcomes = portal.run(["a", "b"])
    assert portal.texts() == ["a", "b"]
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert portal.added == 3


def test_what_is_lost_again_and_again_is_ambiguous_in_the_end():
    portal = Portal()
    portal.never = 99
    [outcome] = portal.run(["a"])
    assert isinstance(outcome.error, AmbiguousWriteError)
    assert "the comment on deal 1 may have been added, or not" in str(outcome.error)
    assert portal.added == 3


def test_what_is_refused_is_not_sent_again():
    portal = Portal()
    portal.refused = {"b"}
    portal.lost = 1
    outcomes = portal.run(["a", "b", "c"])
    assert [type(outcome.error) for outcome in outcomes] == [type(None), AccessDeniedError, type(None)]
    assert portal.added == 3


def test_equal_comments_are_as_many_as_wanted():
    portal = Portal()
    portal.lost, portal.never = 1, 0
    outcomes = portal.run(["same", "same", "same"])
    assert portal.texts() == ["same"] * 3
    assert len({outcome.subject.record_id for outcome in outcomes}) == 3


def test_others_of_the_same_text_are_not_claimed():
    portal = Portal()
    portal.write("a", age=3_000.0)
    portal.write("a", author="8")
    portal.write("a", item=CrmItem.of("deal", 2))
    portal.never = 1
    [outcome] = portal.run(["a"])
    assert outcome.subject.record_id == 4


def test_more_candidates_than_expected_are_not_guessed_among():
    portal = Portal()
    portal.write("a")
    portal.lost = 1
    [outcome] = portal.run(["a"])
    assert isinstance(outcome.error, AmbiguousWriteError)
    assert "there are 2 like it where 1 may have been added" in str(outcome.error)
    assert portal.added == 1


@pytest.mark.parametrize("break_it", ["list", "author", "rows"])
def test_a_look_up_that_fails_leaves_it_ambiguous(break_it):
    portal = Portal()
    portal.lost = 1
    if break_it == "list":
        portal.list_error = ServerError("down")
    elif break_it == "author":
        portal.author = None
    else:
        portal.list = lambda call: Outcome(call, Reply([{"ID": "1"}]))
    [outcome] = portal.run(["a"])
    assert isinstance(outcome.error, AmbiguousWriteError)
    assert portal.added == 1


def test_the_look_up_reads_as_many_pages_as_it_needs():
    portal = Portal()
    portal.page = 3
    for number in range(10):
        portal.write(f"old {number}", age=9_000.0)
    portal.lost = 5
    outcomes = portal.run([f"new {number}" for number in range(5)])
    assert all(outcome.error is None for outcome in outcomes)
    assert portal.added == 5


def test_texts_compare_as_the_portal_keeps_them():
    portal = Portal()
    portal.lost = 1
    [outcome] = portal.run(["  a\r\nb & c "])
    assert outcome.error is None
    assert portal.added == 1


@pytest.mark.parametrize("added", [0, 1, 2])
def test_another_try_knows_what_was_under_way(added):
    portal = Portal()
    sent = portal.here + portal.ahead
    for text in ["a", "b"][:added]:
        portal.write(text)
    portal.here += 300.0
    progress = Progress({0: 77}, {1: Span(sent, sent), 2: Span(sent, sent)}, clock=portal.clock)
    outcomes = portal.run(["x", "a", "b", "c"], progress)
    assert outcomes[0].subject.record_id == 77
    assert portal.texts() == ["a", "b", "c"]
    assert portal.waits == [], "five minutes later the portal cannot be adding it any more"


def test_another_try_that_knows_nothing_looks_everything_up():
    portal = Portal()
    begun = portal.here
    portal.write("a")
    portal.here += 30.0
    progress = Progress(earlier_since=begun, clock=portal.clock)
    outcomes = portal.run(["a", "b"], progress)
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert portal.texts() == ["a", "b"]
    assert portal.waits[0] >= CUT


@pytest.mark.parametrize(
    "row",
    [
        {"item": ("deal", 1), "comment": "Hi"},
        {"entity_type": "deal", "entity_id": "1", "comment": "Hi"},
        {"ENTITY_TYPE": "deal", "ENTITY_ID": 1, "COMMENT": "Hi"},
    ],
)
def test_spellings_of_a_comment(row):
    assert parse_comments([row]) == [Comment(ITEM, "Hi")]


@cases(
    "row", [{"item": ("deal", 1)}, {"comment": "x"}, {"item": ("deal", 0), "comment": "x"}, "x", None, ["x"]]
)
def test_what_is_no_comment(row):
    with pytest.raises(InvalidInputError, match=r"^rows\[0\]"):
        parse_comments([row])


def test_comments_that_are_no_list_are_not_shown():
    for rows in ("[{'comment': 'Jane Doe'}]", {"item": "D_1", "comment": "Jane Doe"}):
        with pytest.raises(InvalidInputError, match="is not a list of comments") as caught:
            parse_comments(rows)
        assert "Jane" not in str(caught.value)
