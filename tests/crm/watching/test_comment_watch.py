"""The plan of looking for a comment, without a portal: it is fed outcomes."""

from __future__ import annotations

import random
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.inputs import RETURNED_NOTHING
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.watching.comment_watch import CommentWatch
from airflow_provider_bitrix24.crm.watching.watch import Sight
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    Bitrix24Error,
    InvalidInputError,
    NotFoundError,
    ServerError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.reply import Reply

_LIST = "crm.timeline.comment.list"
_GET = "crm.item.get"
_NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Portal:
    """Lists comments, the newest first, two a page.

    :param comments: text, author and seconds after noon of each, in the order in which they were written
    """

    def __init__(self, *comments: tuple[str | None, int, int]) -> None:
        self.rows: list[Any] = [
            {
                "ID": str(number),
                "CREATED": (_NOON + timedelta(seconds=seconds)).isoformat(),
                "COMMENT": text,
                "AUTHOR_ID": str(author),
            }
            for number, (text, author, seconds) in enumerate(comments, 1)
        ][::-1]
        self.calls: list[Call] = []
        self.item_error: Bitrix24Error | None = None
        self.list_error: Bitrix24Error | None = None

    @property
    def starts(self) -> list[int]:
        return [call.params["start"] for call in self.calls if call.method == _LIST]

    def look(self, watch: CommentWatch) -> int | None:
        """Look once, and return the id of the comment that was found."""
        found = self.sight(watch).found
        return found["ID"] if found else None

    def sight(self, watch: CommentWatch) -> Sight:
        plan = watch.look()
        try:
            work = next(plan)
            while True:
                assert (work.positions, work.shared) == (None, False)
                self.calls += work.calls
                assert len(self.calls) < 100, "it reads on for ever"
                work = plan.send([self.answer(call) for call in work.calls])
        except StopIteration as stop:
            return stop.value

    def checks(self, watch: CommentWatch, looks: int) -> list[int]:
        """Look often and return at which of the looks, the first being 1, the item was asked for."""
        found = []
        for number in range(1, looks + 1):
            self.calls.clear()
            assert self.look(watch) is None
            found += [number for call in self.calls if call.method == _GET]
        return found

    def answer(self, call: Call) -> Outcome:
        if call.method == _GET:
            return Outcome(call, None if self.item_error else Reply({"item": {"id": 10}}), self.item_error)
        if self.list_error:
            return Outcome(call, error=self.list_error)
        start = call.params["start"]
        return Outcome(call, Reply(self.rows[start : start + 2], len(self.rows), self.following(start)))

    def following(self, start: int) -> int | None:
        return start + 2 if start + 2 < len(self.rows) else None


# ---------------------------------------------------------------- which comment fits


@cases(
    ("pattern", "author", "since", "found"),
    [
        (None, None, None, 5),
        ("paid", None, None, 4),
        ("^paid", None, None, 2),
        ("(?i)^PAID$", None, None, 2),
        ("^<b> &$", None, None, 3),
        ("^$", 7, None, 1),
        (" ", None, None, 4),
        ("unheard of", None, None, None),
        (None, 7, None, 3),
        (None, "8", None, 5),
        (None, 9, None, None),
        ("paid", 7, None, 2),
        (None, None, "2026-05-04T12:00:50Z", 5),
        (None, None, "2026-05-04T12:00:51Z", None),
        ("paid", None, "2026-05-04T12:00:40Z", 4),
        ("paid", None, "2026-05-04T12:00:41Z", None),
        ("^paid", None, "2026-05-04T12:00:20Z", 2),
        ("^paid", None, "2026-05-04T12:00:20.999Z", 2),
        ("^paid", None, "2026-05-04T12:00:21Z", None),
        ("^paid", 7, "2026-05-04T14:00:20+02:00", 2),
    ],
)
def test_the_newest_comment_that_fits(pattern, author, since, found):
    portal = Portal(
        (None, 7, 10), ("paid", 7, 20), (" &lt;b&gt; &amp; ", 7, 30), ("not paid", 8, 40), ("", 8, 50)
    )
    assert portal.look(CommentWatch("D_10", pattern, author, since)) == found


def test_a_comment_is_found_with_its_author_and_time_but_without_its_text():
    sight = Portal(("paid 500", 7, 1), ("later", 8, 2)).sight(CommentWatch("D_10", "paid", None, None))
    about = {"AUTHOR_ID": 7, "CREATED": "2026-05-04T12:00:01+00:00"}
    assert sight.found == {"ID": 1, "ENTITY_TYPE": "deal", "ENTITY_ID": 10, **about}
    assert sight.seen == (
        "the newest comment on deal 10 is 2, written by user 8 at 2026-05-04T12:00:02+00:00"
    )


def test_what_is_seen_of_an_item_without_comments():
    assert Portal().sight(CommentWatch("D_10", None, None, None)).seen == "there is no comment on deal 10"


@pytest.mark.parametrize(
    ("arguments", "goal"),
    [
        ((None, None, None), "a comment on deal 10"),
        (("paid", None, None), "a comment on deal 10 that matches the pattern"),
        (
            ("paid", "7", "2026-05-04T12:00:00Z"),
            "a comment on deal 10 that matches the pattern by user 7 since 2026-05-04T12:00:00Z",
        ),
    ],
)
def test_what_is_waited_for_in_words(arguments, goal):
    assert CommentWatch("D_10", *arguments).goal == goal


def test_the_item_is_given_whole_or_by_its_parts():
    assert CommentWatch(entity_type="deal", entity_id="10").item == CommentWatch("D_10").item


def test_what_the_calls_ask_for():
    portal = Portal()
    portal.look(CommentWatch("D_10", None, None, None))
    listing, item = portal.calls
    assert listing.params == {
        "filter": {"ENTITY_TYPE": "deal", "ENTITY_ID": 10},
        "order": {"ID": "DESC"},
        "select": ["ID", "CREATED", "COMMENT", "AUTHOR_ID"],
        "start": 0,
    }
    assert (item.method, item.params) == (_GET, {"entityTypeId": 2, "id": 10})


# ---------------------------------------------------------------- how far it reads


@cases(
    ("pattern", "since", "starts"),
    [
        ("text 5", None, [0]),
        ("text 3", None, [0, 2]),
        ("text 1", None, [0, 2, 4]),
        ("none", None, [0, 2, 4]),
        ("none", "2026-05-04T12:00:05Z", [0]),
        ("none", "2026-05-04T12:00:04Z", [0, 2]),
        ("none", "2026-05-04T12:00:03Z", [0, 2]),
        ("none", "2026-05-04T12:00:02Z", [0, 2, 4]),
    ],
)
def test_pages_are_read_until_one_fits_or_is_too_old(pattern, since, starts):
    portal = Portal(*((f"text {number}", 7, number) for number in range(1, 6)))
    portal.look(CommentWatch("D_10", pattern, None, since))
    assert portal.starts == starts


@cases(
    ("following", "starts"),
    [({0: 0}, [0]), ({0: 2, 2: 2}, [0, 2]), ({0: 2, 2: 0}, [0, 2]), ({0: 1, 1: 2, 2: None}, [0, 1, 2])],
)
def test_pages_that_go_back_are_not_followed(following, starts):
    portal = Portal(*((f"text {number}", 7, number) for number in range(1, 6)))
    portal.following = following.__getitem__
    assert portal.look(CommentWatch("D_10", "none", None, None)) is None
    assert portal.starts == starts


def test_an_empty_later_page_does_not_ask_for_the_item():
    portal = Portal(("a", 7, 1), ("b", 7, 2))
    portal.following = {0: 2, 2: None}.__getitem__
    assert portal.look(CommentWatch("D_10", "none", None, None)) is None
    assert [call.method for call in portal.calls] == [_LIST, _LIST]


# ---------------------------------------------------------------- whether the item is there


@pytest.mark.parametrize(
    ("draw", "checks"), [(min, [1, 2, 12, 22]), (max, [1, 11, 21, 31])], ids=["min", "max"]
)
def test_an_item_without_comments_is_asked_for_now_and_then(monkeypatch, draw, checks):
    """After the first time a drawn number of looks goes by, after all others nine."""
    monkeypatch.setattr(random, "randint", lambda low, high: draw(low, high))
    assert Portal().checks(CommentWatch("D_10", None, None, None), checks[-1] + 9) == checks


def test_an_item_that_could_not_be_asked_for_is_asked_for_at_the_next_look(monkeypatch):
    monkeypatch.setattr(random, "randint", max)
    portal, watch = Portal(), CommentWatch("D_10", None, None, None)
    portal.item_error = ServerError("boom")
    with pytest.raises(ServerError):
        portal.look(watch)
    portal.item_error = None
    assert portal.checks(watch, 1) == [1]


def test_an_item_with_comments_is_not_asked_for():
    assert Portal(("a", 7, 1)).checks(CommentWatch("D_10", "none", None, None), 12) == []


@pytest.mark.parametrize("item", [("order", 10), ("invoice", 10), ("activity", 10)])
def test_an_item_that_cannot_be_asked_for(item):
    assert Portal().checks(CommentWatch(item, None, None, None), 12) == []


@pytest.mark.parametrize("error", [NotFoundError("Not found"), AccessDeniedError("Access denied")])
def test_an_item_that_is_not_there_ends_the_look_each_time(monkeypatch, error):
    monkeypatch.setattr(random, "randint", max)
    portal, watch = Portal(), CommentWatch("D_10", None, None, None)
    portal.item_error = error
    for _ in range(3):
        with pytest.raises(type(error)):
            portal.look(watch)
    assert [call.method for call in portal.calls] == [_LIST, _GET] * 3


# ---------------------------------------------------------------- answers that are none


def test_an_error_ends_the_look():
    portal = Portal()
    portal.list_error = ServerError("boom")
    with pytest.raises(ServerError):
        portal.look(CommentWatch("D_10", None, None, None))
    assert [call.method for call in portal.calls] == [_LIST]


@cases(
    "row",
    [
        None,
        "comment",
        {},
        {"ID": "1"},
        {"CREATED": "2026-05-04T12:00:00Z"},
        {"ID": "0", "CREATED": "2026-05-04T12:00:00Z"},
        {"ID": "1", "CREATED": "never"},
        {"ID": "1", "CREATED": "P1D"},
        {"ID": "1", "CREATED": None},
    ],
)
def test_a_row_that_is_no_comment(row):
    portal = Portal()
    portal.rows = [row]
    with pytest.raises(
        UnexpectedResultError, match=f"^{re.escape(_LIST)}: a comment without id, author, date or text$"
    ):
        portal.look(CommentWatch("D_10", None, None, None))


# ---------------------------------------------------------------- what can be looked for


@cases(
    ("pattern", "problem"),
    [
        ("None", f"pattern: the text is 'None'. {RETURNED_NOTHING}"),
        (" None\n", f"pattern: the text is 'None'. {RETURNED_NOTHING}"),
        ("", "pattern: '' is not a text. Give a text that is not empty."),
        (True, "pattern: True is not a text. Give a text that is not empty."),
        (b"a", "pattern: b'a' is not a text. Give a text that is not empty."),
        (
            "(",
            "pattern: '(' is not a regular expression: missing ), unterminated subpattern at position 0. "
            "Give a text; (?i) at its start ignores case.",
        ),
    ],
)
def test_what_is_no_pattern(pattern, problem):
    with pytest.raises(InvalidInputError, match=f"^{re.escape(problem)}$"):
        CommentWatch("D_10", pattern, None, None)


@pytest.mark.parametrize(
    ("item", "author", "problem"),
    [("D_0", 7, "item: '0' is not an id"), ("D_1", 0, "author_id: 0 is not an id")],
)
def test_what_is_no_id(item, author, problem):
    with pytest.raises(InvalidInputError, match=f"^{re.escape(problem)}"):
        CommentWatch(item, None, author, None)


def test_any_type_of_item_has_comments():
    assert CommentWatch(("order", 10), None, None, None).item == CrmItem("order", 10)


@cases(
    "since",
    [
        "2026-05-04T12:00:01Z",
        "2026-05-04T12:00:01+0000",
        "2026-05-04T07:30:01-04:30",
        "2026-05-04T12:00:01.5Z",
        datetime(2026, 5, 4, 12, 0, 1, tzinfo=UTC),
        datetime(2026, 5, 4, 14, 0, 1, 999_999, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_spellings_of_a_moment(since):
    watch = CommentWatch("D_10", None, None, since)
    assert Portal(("a", 7, 1)).look(watch) == 1
    assert Portal(("a", 7, 0)).look(watch) is None


@cases(
    "since",
    [
        "",
        "None",
        "yesterday",
        "2026-05-04",
        "2026-05-04Z",
        "2026-05-04T12:00:00",
        "2026-05-04T12:00:00Z Berlin",
        "2026-13-04T12:00:00Z",
        "12:00:00Z",
        "4 May 2026 12:00:00+02:00",
        "P1D/12:00:00Z",
        1_777_888_800,
        date(2026, 5, 4),
        datetime(2026, 5, 4, 12),  # of no zone
    ],
)
def test_what_is_no_moment(since):
    message = (
        f"since: {since!r} is not a moment with its offset from UTC. "
        "Give it as 2026-05-04T10:00:00+02:00, or {{ data_interval_start }} in a template."
    )
    with pytest.raises(InvalidInputError, match=f"^{re.escape(message)}$"):
        CommentWatch("D_10", None, None, since)
