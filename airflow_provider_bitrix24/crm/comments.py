"""Adding many comments, each of them once in all tries.

Bitrix24 cannot add a comment idempotently. A comment that is known to be added is not sent again. A comment
that may have been added is looked up by item, author and text, among the comments of the time in which it was
sent. Only when the portal, which cuts requests off after a minute, can no longer be adding it, does the
look-up prove that it is absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pendulum

from airflow_provider_bitrix24.crm.comment_calls import comment_call, newest_comments_call, plain
from airflow_provider_bitrix24.crm.existence import missing_items
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import check_text, is_sequence, pick, refuse_others
from airflow_provider_bitrix24.crm.items import ID_KEYS, TYPE_KEYS, CrmItem, parse_entity_type
from airflow_provider_bitrix24.crm.listing import read_pages
from airflow_provider_bitrix24.crm.outcomes import FAILED, ItemOutcome
from airflow_provider_bitrix24.crm.rows import RowKind, Rows, parse_rows, valid_or_none
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, Bitrix24Error, UnexpectedResultError
from airflow_provider_bitrix24.rest.plans import Plan, Wait, Work
from airflow_provider_bitrix24.rest.progress import Progress, Span
from airflow_provider_bitrix24.rest.reply import Reply

ADDED = "added"

_LIST = "crm.timeline.comment.list"
#: comments are dated in whole seconds, and clocks are read at different moments
_SLACK = 5.0
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
        if is_sequence(value) and len(value) == 3:
            value = dict(zip((TYPE_KEYS[0], ID_KEYS[0], "comment"), value, strict=True))
        row = value if isinstance(value, Mapping) else {}
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
    :param record_id: the record; ``None`` where it was not added
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


_ROWS = RowKind("comments", "Give a list of {'item': ..., 'comment': ...}.", Comment.parse, _names)


def parse_comments(
    value: Any, field: str = "rows", *, keep_invalid: bool = False, pass_through: Sequence[str] = ()
) -> Rows[Comment]:
    """Return a list of comments; one JSON text, as a template may give it, is read as such.

    :param value: the comments
    :param field: where they stand, for the message
    :param keep_invalid: keep rows that are no comments as failed ones instead of raising
    :param pass_through: columns of the user's own, which come back in the outcomes
    :raises InvalidInputError: something in it is not a comment; nothing has been sent then
    """
    return parse_rows(value, field, _ROWS, keep_invalid=keep_invalid, pass_through=pass_through)


def add_comments(
    comments: Sequence[Comment], progress: Progress, *, cut: float, check_item: bool = False
) -> Plan[list[ItemOutcome[AddedComment]]]:
    """Add comments, each of them once in all tries.

    :param comments: the comments
    :param progress: what is known of them, by position
    :param cut: seconds after which the portal carries out nothing more of a request
    :param check_item: whether to find out first which items exist
    :return: one outcome for each comment, in order
    """
    if not comments:
        return []
    calls = [comment.call() for comment in comments]
    [profile] = yield Work([Call("profile")])
    if profile.error is not None:  # without the portal's clock nothing could be looked up later
        failed = dict.fromkeys(range(len(comments)), profile.error)
        failed |= dict.fromkeys(progress.unclear, _undecided(profile.error, progress))
        return [_outcome(comments[n], n, progress, failed) for n in range(len(comments))]
    author = _author(profile)
    progress.set_clock(_portal_time(profile))
    progress.suspect(dict(enumerate(calls)))
    errors = (yield from _without_item(comments, progress)) if check_item else {}
    undecided: dict[int, Bitrix24Error] = {}  # as of the last look-up: a later one may decide it
    for _ in range(_ROUNDS):
        if progress.unclear:
            undecided = yield from _look_up(comments, progress, author, cut)
        left = [n for n in range(len(comments)) if n not in progress.known and n not in progress.unclear]
        left = [n for n in left if n not in errors or _is_ambiguous(errors[n])]
        if not left:
            break
        outcomes = yield Work([calls[n] for n in left], left)
        for position, outcome in zip(left, outcomes, strict=True):
            errors.pop(position, None)
            if outcome.error is not None:
                errors[position] = outcome.error
    return [_outcome(comments[n], n, progress, errors | undecided) for n in range(len(comments))]


def _without_item(comments: Sequence[Comment], progress: Progress) -> Plan[dict[int, Bitrix24Error]]:
    """Return the errors of comments that nothing was done for yet, and whose items do not exist."""
    left = {
        n: comment.item
        for n, comment in enumerate(comments)
        if n not in progress.known and n not in progress.unclear
    }
    missing = yield from missing_items(left.values())
    return {n: missing[item] for n, item in left.items() if item in missing}


def _is_ambiguous(error: Bitrix24Error) -> bool:
    return isinstance(error, AmbiguousWriteError)


def _outcome(
    comment: Comment, position: int, progress: Progress, errors: Mapping[int, Bitrix24Error]
) -> ItemOutcome[AddedComment]:
    if position in progress.known:
        return ItemOutcome(AddedComment(comment, int(progress.known[position])), ADDED)
    error = errors[position]
    described = f"the comment on {comment.item} was not added: {error.description or 'no reason given'}"
    if _is_ambiguous(error):
        described = f"the comment on {comment.item} may have been added, or not: {error.description}"
    return ItemOutcome(AddedComment(comment), FAILED, error.but(description=described), f"rows[{position}]")


# --- looking up what may have been added ---


def _look_up(
    comments: Sequence[Comment], progress: Progress, author: str | None, cut: float
) -> Plan[dict[int, Bitrix24Error]]:
    """Find out which of the unclear comments were added; return why it cannot be told of the others."""
    unclear = dict(progress.unclear)
    settled = max(span.last for span in unclear.values()) + cut + _SLACK
    wait = settled - progress.now()
    if wait > 0:
        yield Wait(wait, f"{len(unclear)} comments may have been added; they can be looked up only later")
    if author is None:
        return {n: _ambiguous("the portal does not tell who the author is") for n in unclear}
    groups: dict[Comment, list[int]] = {}
    for position in sorted(unclear):
        comment = comments[position]
        groups.setdefault(Comment(comment.item, plain(comment.text)), []).append(position)
    since: dict[CrmItem, float] = {}
    for comment, positions in groups.items():
        first = min(unclear[n].first for n in positions)
        since[comment.item] = min(first, since.get(comment.item, first))
    listed = yield from _recent(since, author)
    errors: dict[int, Bitrix24Error] = {}
    claimed = {int(result) for result in progress.known.values()}
    for comment, positions in groups.items():
        found = listed[comment.item]
        if isinstance(found, Bitrix24Error):
            errors |= dict.fromkeys(positions, _undecided(found, progress))
            continue
        spans = [unclear[n] for n in positions]
        candidates = [
            record_id
            for record_id, (text, created) in found.items()
            if text == comment.text and record_id not in claimed and _among(created, spans, cut)
        ]
        if len(candidates) > len(positions):
            why = f"there are {len(candidates)} like it where {len(positions)} may have been added"
            errors |= {n: _ambiguous(why) for n in positions}
            continue
        for position, record_id in zip(positions, sorted(candidates), strict=False):
            progress.found(position, record_id)
        for position in positions[len(candidates) :]:
            progress.absent(position)
    return errors


#: text and date of comments, by record
_Found = dict[int, tuple[str, float]]


def _recent(since: Mapping[CrmItem, float], author: str) -> Plan[dict[CrmItem, _Found | Bitrix24Error]]:
    """Read the author's comments of each item, the newest first, back to a moment."""
    found: dict[CrmItem, dict[int, tuple[str, float]]] = {item: {} for item in since}
    errors: dict[CrmItem, Bitrix24Error] = {}

    def take(item: CrmItem, outcome: Outcome) -> bool:
        try:
            page = [_row(row) for row in outcome.unwrap()]
        except Bitrix24Error as error:
            errors[item] = error
            return False
        found[item] |= {number: (text, created) for number, text, created, by in page if by == author}
        return all(created >= since[item] - _SLACK for _, _, created, _ in page)

    yield from read_pages({item: newest_comments_call(item) for item in since}, take)
    return {item: errors.get(item, found[item]) for item in since}


def _row(row: Any) -> tuple[int, str, float, str]:
    try:
        created = pendulum.parse(str(row["CREATED"]))
        return int(row["ID"]), plain(str(row["COMMENT"])), created.timestamp(), str(row["AUTHOR_ID"])  # type: ignore[union-attr]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise UnexpectedResultError("a comment without id, author, date or text", method=_LIST) from None


def _among(created: float, spans: Sequence[Span], cut: float) -> bool:
    return any(span.first - _SLACK <= created <= span.last + cut + _SLACK for span in spans)


def _ambiguous(why: str) -> AmbiguousWriteError:
    return AmbiguousWriteError(why, method="crm.timeline.comment.add")


def _undecided(error: Bitrix24Error, progress: Progress) -> Bitrix24Error:
    """Return what a failed look-up means: another try decides it, if it will know what is unclear."""
    why = f"it may have been added, and the look-up failed: {error.description or error}"
    if progress.outlives_a_try and error.passes:
        return error.but(description=why)
    return _ambiguous(why)


def _author(profile: Outcome) -> str | None:
    result = profile.result if isinstance(profile.result, Mapping) else {}
    return str(result["ID"]) if result.get("ID") else None


def _portal_time(profile: Outcome) -> float | None:
    reply: Reply | None = profile.reply
    time = (reply.time if reply is not None else None) or {}
    finish = time.get("finish")
    return float(finish) if isinstance(finish, (int, float)) else None
