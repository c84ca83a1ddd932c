"""Adding comments, each of them once in all tries.

Bitrix24 cannot add a comment idempotently. A comment that is known to be added is not sent again. A comment
that may have been added is looked up (``comment_lookups.py``) and sent again only if it is not there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.existence import missing_items
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import check_text, is_sequence, not_a_row, pick, refuse_others
from airflow_provider_bitrix24.crm.items import ID_KEYS, TYPE_KEYS, CrmItem, parse_entity_type
from airflow_provider_bitrix24.crm.outcomes import FAILED, ItemOutcome
from airflow_provider_bitrix24.crm.rows import RowKind, Rows, parse_rows, valid_or_none
from airflow_provider_bitrix24.crm.telling import counted, reason_of, told
from airflow_provider_bitrix24.crm.timeline.comment_calls import comment_call, plain
from airflow_provider_bitrix24.crm.timeline.comment_lookups import (
    Wanted,
    author_of,
    look_up,
    portal_time,
    present,
    undecided,
)
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, Bitrix24Error, UnexpectedResultError
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.progress import Progress

log = logging.getLogger(__name__)

ADDED = "added"
ALREADY_PRESENT = "already_present"

#: how often what is proven absent is sent again
_ROUNDS = 3


@dataclass(frozen=True)
class Comment:
    """A comment to be added.

    :param item: the CRM item on whose timeline it is to stand
    :param text: its text
    :param files: its files: name and content in base64
    """

    item: CrmItem
    text: str
    files: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, value: Any, field: str = "row") -> Comment:
        """Return a comment from ``{"item": ..., "comment": ...}``; the item may be given in its two parts.

        :param value: the mapping; ``entity_type`` and ``entity_id`` may stand for the item; or
            ``(entity_type, entity_id, comment)`` in this order
        :param field: where it stands, for the message
        :raises InvalidInputError: it is not a comment
        """
        names = (TYPE_KEYS[0], ID_KEYS[0], "comment")
        row = dict(zip(names, value, strict=True)) if is_sequence(value) and len(value) == 3 else value
        if not isinstance(row, Mapping):
            raise not_a_row(value, field, names)
        texts = ("comment", "COMMENT")
        if "item" in row:
            refuse_others(row, ("item", *texts), field)
            item = CrmItem.parse(row["item"], f"{field}.item")
        else:
            refuse_others(row, (*TYPE_KEYS, *ID_KEYS, *texts), field)
            item = CrmItem.in_row(row, field)
        return cls(item, check_text(pick(row, texts, field), f"{field}.comment"))

    def call(self) -> Call:
        """Return the call of ``crm.timeline.comment.add``."""
        return comment_call(self.item, self.text, files=self.files)


@dataclass(frozen=True)
class AddedComment:
    """A comment that was to be added, and its timeline record.

    :param comment: the comment
    :param record_id: the record; ``None`` where there is none
    """

    comment: Comment
    record_id: int | None = None

    def row(self) -> dict[str, Any]:
        """Return it under the API's keys."""
        return {"ID": self.record_id, **self.comment.item.row()}


def _names(row: Any) -> dict[str, Any]:
    """Return the item of a row that is no comment, under the API's keys, as far as it is valid."""
    parts: Sequence[Any] = row[:2] if is_sequence(row) and len(row) == 3 else (None, None)
    if isinstance(row, Mapping):
        if (item := valid_or_none(CrmItem.parse, row.get("item"))) is not None:
            return {"ID": None, **item.row()}
        parts = [row.get(keys[0], row.get(keys[1])) for keys in (TYPE_KEYS, ID_KEYS)]
    kind, number = valid_or_none(parse_entity_type, parts[0]), valid_or_none(parse_id, parts[1])
    return {"ID": None, "ENTITY_TYPE": kind, "ENTITY_ID": number}


_ROWS = RowKind(
    "comments", "Give a list of {'item': ..., 'comment': ...}.", Comment.parse, _names, is_private=True
)


def parse_comments(
    value: Any, field: str = "rows", *, keep_invalid: bool = False, pass_through: Sequence[str] | None = None
) -> Rows[Comment]:
    """Return a list of comments; one JSON text, as a template may give it, is read as such.

    :param value: the comments
    :param field: where they stand, for the message
    :param keep_invalid: keep rows that are no comments as failed ones instead of raising
    :param pass_through: columns of the user's own, which come back in the outcomes; ``None`` where
        there is no such argument
    :raises InvalidInputError: something in it is not a comment; nothing has been sent then
    """
    return parse_rows(value, field, _ROWS, keep_invalid=keep_invalid, pass_through=pass_through)


def add_comment(
    comment: Comment, progress: Progress, *, cut: float, unless_present: bool = False
) -> Plan[tuple[int, str]]:
    """Add one comment, once in all tries, and return its timeline record and its status.

    :param comment: the comment
    :param progress: what is known of it, at position 0
    :param cut: seconds after which the portal carries out nothing more of a request
    :param unless_present: whether the same user's comment of the same text on the item takes its place
    :raises Bitrix24Error: it was not added, or that is not known
    """
    [outcome] = yield from add_comments([comment], progress, cut=cut, unless_present=unless_present)
    record_id = outcome.subject.record_id
    if outcome.error is not None or record_id is None:
        raise outcome.error or UnexpectedResultError("a comment without id")
    return record_id, outcome.status


def add_comments(
    comments: Sequence[Comment],
    progress: Progress,
    *,
    cut: float,
    check_item: bool = False,
    unless_present: bool = False,
) -> Plan[list[ItemOutcome[AddedComment]]]:
    """Add comments, each of them once in all tries.

    :param comments: the comments
    :param progress: what is known of them, by position
    :param cut: seconds after which the portal carries out nothing more of a request
    :param check_item: whether to find out first which items exist
    :param unless_present: whether the same user's comment of the same text on the same item takes the place
        of one; then comments that are alike are one comment
    :return: one outcome for each comment, in order
    """
    work = _Adding(comments, progress)
    if work.left():
        yield from work.carry_out(cut, check_item=check_item, unless_present=unless_present)
    return [work.outcome(position) for position in range(len(comments))]


class _Adding:
    """The work on some comments: what is found out of them on the way.

    :param comments: the comments
    :param progress: what is known of them, by position
    """

    def __init__(self, comments: Sequence[Comment], progress: Progress) -> None:
        self._comments = comments
        self._progress = progress
        self._calls = [comment.call() for comment in comments]
        self._wanted = [Wanted(comment.item, plain(comment.text)) for comment in comments]
        self._errors: dict[int, Bitrix24Error] = {}
        #: whether an earlier try may have added any of them, and they were not looked up
        self._in_doubt = False
        #: whose errors are the answers to adding them
        self._answered: set[int] = set()
        #: why it cannot be told, as of the last look-up: a later one may decide it
        self._undecided: dict[int, Bitrix24Error] = {}
        self._present: dict[int, int] = {}
        #: the position of the first that is alike, for those that are not sent because of it
        self._stands_for: dict[int, int] = {}

    def left(self) -> list[int]:
        """Return the positions that need something more."""
        known = self._progress.known
        return [n for n in range(len(self._comments)) if n not in known]

    def carry_out(self, cut: float, *, check_item: bool, unless_present: bool) -> Plan[None]:
        """Add the comments that are left, in a few rounds: what a look-up proves absent is sent again."""
        [profile] = yield Work([Call("profile")])
        if profile.error is not None:  # without the portal's clock nothing could be looked up later
            self._errors = dict.fromkeys(self.left(), profile.error)
            self._in_doubt = self._progress.earlier is not None or self._progress.earlier_since is not None
            doubt = undecided(profile.error, self._progress)
            self._undecided = dict.fromkeys(self._progress.unclear, doubt)
            return
        author = author_of(profile)
        self._progress.set_clock(portal_time(profile))
        self._progress.suspect(dict(enumerate(self._calls)))
        if check_item and not self._progress.checked:
            yield from self._refuse_missing()
            self._progress.checked = not self._errors
        for number in range(_ROUNDS):
            unclear = {n for n in self._progress.unclear if self._is_open(n)}
            if unclear:
                wanted = {n: self._wanted[n] for n in unclear}
                self._undecided = yield from look_up(wanted, self._progress, author, cut, self._why(unclear))
            if unless_present and not number:
                yield from self._find_present(author)
            to_send = self._to_send()
            if unclear:
                self._tell_of(unclear, unclear.intersection(to_send))
            if not to_send:
                return
            outcomes = yield Work([self._calls[n] for n in to_send], to_send)
            self._answered.update(to_send)
            for position, outcome in zip(to_send, outcomes, strict=True):
                self._errors.pop(position, None)
                if outcome.error is not None:
                    self._errors[position] = outcome.error

    def outcome(self, position: int) -> ItemOutcome[AddedComment]:
        """Return what happened to a comment."""
        comment, known = self._comments[position], self._progress.known
        first = self._stands_for.get(position, position)
        found = self._present.get(first, known.get(first))
        if found is not None:
            is_added = position in known
            return ItemOutcome(AddedComment(comment, int(found)), ADDED if is_added else ALREADY_PRESENT)
        may_be_done: bool | None
        if first in self._undecided:
            error, may_be_done = self._undecided[first], True
        else:
            error, may_be_done = self._errors[first], None if first in self._answered else self._in_doubt
        return ItemOutcome(
            AddedComment(comment), FAILED, _told(error, comment, may_be_done), f"rows[{position}]"
        )

    def _is_open(self, position: int) -> bool:
        """Tell whether a comment may be sent again: what is no answer to adding it is never repeated."""
        return position not in self._errors or _is_ambiguous(self._errors[position])

    def _to_send(self) -> list[int]:
        settled = {**self._progress.unclear, **self._present, **self._stands_for}
        left = [n for n in self.left() if n not in settled]
        return [n for n in left if self._is_open(n)]

    def _refuse_missing(self) -> Plan[None]:
        """Fail the comments of which nothing was done yet, and whose items do not exist."""
        items = {n: self._comments[n].item for n in self.left() if n not in self._progress.unclear}
        missing = yield from missing_items(items.values())
        self._errors |= {n: missing[item] for n, item in items.items() if item in missing}

    def _find_present(self, author: str | None) -> Plan[None]:
        """Find comments that are there already; of those that are alike, one stands for all."""
        known, unclear = self._progress.known, self._progress.unclear
        first: dict[Wanted, int] = {}
        for position in [*known, *unclear, *(n for n in self.left() if n not in self._errors)]:
            stands_for = first.setdefault(self._wanted[position], position)
            if stands_for != position and position not in unclear and position not in known:
                self._stands_for[position] = stands_for
        wanted = {n: self._wanted[n] for n in first.values() if n not in known and n not in unclear}
        self._present, failed = yield from present(wanted, author)
        self._errors |= failed

    def _why(self, looked_for: set[int]) -> str:
        """Return in words why comments are looked up."""
        comments = counted(len(looked_for), "comment")
        lost = next((self._errors[n] for n in looked_for if n in self._errors), None)
        if lost is None:
            return f"an earlier try may have added {comments}"
        return f"the answer to adding {comments} was lost ({reason_of(lost)})"

    def _tell_of(self, looked_for: set[int], sent: set[int]) -> None:
        """Log how a look-up ended."""
        comments = counted(len(looked_for), "comment")
        there, open_ = len(looked_for & self._progress.known.keys()), len(looked_for & self._undecided.keys())
        doubt = f", and of {open_} it cannot be told" if open_ else ""
        log.info(
            "Of %s that may have been added, %d %s there%s; %d %s added now.",
            comments,
            there,
            _was(there),
            doubt,
            len(sent),
            "is" if len(sent) == 1 else "are",
        )


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _told(error: Bitrix24Error, comment: Comment, may_be_done: bool | None) -> Bitrix24Error:
    """Return an error that names the comment's item and, where it is not known, what to do."""
    remedy = ""
    if _is_ambiguous(error):
        remedy = (
            f"Look at the timeline of {comment.item}. If the comment is there, mark the task as successful. "
            "If you clear the task, it looks the comment up again, and adds it only if it is not there."
        )
    thing = f"the comment on {comment.item}"
    return told(error, thing, "added", comment.item, may_be_done=may_be_done, remedy=remedy)


def _is_ambiguous(error: Bitrix24Error) -> bool:
    return isinstance(error, AmbiguousWriteError)
