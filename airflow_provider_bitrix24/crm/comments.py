"""Adding many comments, each of them once in all tries.

Bitrix24 has no way to add a comment only once. What is known to be added is not sent again; what may have
been added is looked up by item, author and text among the comments of the time in which it was sent. That it
is absent is proven only when the portal, which cuts requests off after a minute, can no longer be adding it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pendulum

from airflow_provider_bitrix24.crm.items import CrmItem, pick, refuse_others
from airflow_provider_bitrix24.crm.outcomes import told
from airflow_provider_bitrix24.crm.timeline_bindings import comment_call, listed, plain
from airflow_provider_bitrix24.rest.bulk import Plan, Wait, Work
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, Bitrix24Error, UnexpectedResultError
from airflow_provider_bitrix24.rest.progress import Progress, Span
from airflow_provider_bitrix24.rest.reply import Reply

ADDED = "added"
FAILED = "failed"

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

        :param value: the mapping; ``entity_type`` and ``entity_id`` may stand for the item
        :param field: where it stands, for the message
        :raises InvalidInputError: it is not a comment
        """
        row = value if isinstance(value, Mapping) else {}
        if "item" in row:
            refuse_others(row, ("item", "comment", "COMMENT"), field)
            item = CrmItem.parse(row["item"], f"{field}.item")
        else:
            names = ("entity_type", "ENTITY_TYPE"), ("entity_id", "ENTITY_ID")
            refuse_others(row, (*names[0], *names[1], "comment", "COMMENT"), field)
            item = CrmItem.of(pick(row, names[0], field), pick(row, names[1], field), prefix=f"{field}.")
        text = pick(row, ("comment", "COMMENT"), field)
        comment_call(item, text, f"{field}.comment")  # refuses what is no text
        return cls(item, text)

    def call(self) -> Call:
        """Return the call of ``crm.timeline.comment.add``."""
        return comment_call(self.item, self.text, files=self.files)


@dataclass(frozen=True)
class CommentOutcome:
    """What became of a comment.

    :param comment: the comment
    :param record_id: its timeline record, where it was added
    :param error: why it was not, or why that is not known
    """

    comment: Comment
    record_id: int | None = None
    error: Bitrix24Error | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON under the API's keys."""
        row = {
            "ID": self.record_id,
            "ENTITY_TYPE": self.comment.item.entity_type,
            "ENTITY_ID": self.comment.item.entity_id,
            "STATUS": ADDED if self.error is None else FAILED,
        }
        return told(row, self.error)


def parse_comments(value: Any, field: str = "rows") -> list[Comment]:
    """Return a list of comments; one JSON text, as a template may give it, is read as such.

    :param value: the comments
    :param field: where they stand, for the message
    :raises InvalidInputError: something in it is not a comment; nothing has been sent then
    """
    rows = listed(value, field, "comments", "Give a list of {'item': ..., 'comment': ...}.")
    return [Comment.parse(row, f"{field}[{position}]") for position, row in enumerate(rows)]


def add_comments(
    comments: Sequence[Comment], progress: Progress, *, cut: float
) -> Plan[list[CommentOutcome]]:
    """Add comments, each of them once in all tries.

    :param comments: the comments
    :param progress: what is known of them, by position
    :param cut: seconds after which the portal carries out nothing more of a request
    :return: one outcome for each comment, in order
    """
    calls = [comment.call() for comment in comments]
    [profile] = yield Work([Call("profile")])
    if profile.error is not None:  # without the portal's clock nothing could be looked up later
        failed = dict.fromkeys(range(len(comments)), profile.error)
        failed |= dict.fromkeys(progress.unclear, _undecided(profile.error, progress))
        return [_outcome(comments[n], n, progress, failed) for n in range(len(comments))]
    author = _author(profile)
    progress.set_clock(_portal_time(profile))
    progress.suspect(dict(enumerate(calls)))
    errors: dict[int, Bitrix24Error] = {}
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


def _is_ambiguous(error: Bitrix24Error) -> bool:
    return isinstance(error, AmbiguousWriteError)


def _outcome(
    comment: Comment, position: int, progress: Progress, errors: Mapping[int, Bitrix24Error]
) -> CommentOutcome:
    if position in progress.known:
        return CommentOutcome(comment, int(progress.known[position]))
    error = errors[position]
    described = f"the comment on {comment.item} was not added: {error.description or 'no reason given'}"
    if _is_ambiguous(error):
        described = f"the comment on {comment.item} may have been added, or not: {error.description}"
    return CommentOutcome(
        comment, error=type(error).from_fields({**error.fields(), "description": described})
    )


# --- looking up what may have been added ---


def _look_up(
    comments: Sequence[Comment], progress: Progress, author: str | None, cut: float
) -> Plan[dict[int, Bitrix24Error]]:
    """Find out which of the unclear comments were added; return why it cannot be told of the others."""
    unclear = dict(progress.unclear)
    settled = max(span.last for span in unclear.values()) + cut + _SLACK
    wait = settled - progress.now()
    if wait > 0:
        yield Wait(
            wait, f"{len(unclear)} comments may have been added; they are looked up when that is certain"
        )
    if author is None:
        return {n: _ambiguous("the portal does not tell who the author is") for n in unclear}
    groups: dict[Comment, list[int]] = {}
    for position in sorted(unclear):
        comment = comments[position]
        groups.setdefault(Comment(comment.item, plain(comment.text)), []).append(position)
    since = {item: min(unclear[n].first for key, ns in groups.items() if key.item == item for n in ns)
             for item in dict.fromkeys(key.item for key in groups)}  # fmt: skip
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
            for record_id, text, created in found
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


_Found = list[tuple[int, str, float]]


def _recent(since: Mapping[CrmItem, float], author: str) -> Plan[dict[CrmItem, _Found | Bitrix24Error]]:
    """Read the author's comments of each item, the newest first, back to a moment."""
    found: dict[CrmItem, _Found | Bitrix24Error] = {item: [] for item in since}
    pages: dict[CrmItem, int] = dict.fromkeys(since, 0)
    while pages:
        outcomes = yield Work([_list_call(item, start) for item, start in pages.items()])
        for item, outcome in zip(list(pages), outcomes, strict=True):
            following = _take_page(found, item, outcome, author, since[item] - _SLACK)
            if following is None or following <= pages[item]:
                del pages[item]
            else:
                pages[item] = following
    return found


def _take_page(
    found: dict[CrmItem, _Found | Bitrix24Error], item: CrmItem, outcome: Outcome, author: str, since: float
) -> int | None:
    """Keep what a page shows; return where the next one starts, if it is needed."""
    rows = found[item]
    if isinstance(rows, Bitrix24Error):
        return None
    try:
        page = [_row(row) for row in outcome.unwrap()]
    except Bitrix24Error as error:
        found[item] = error
        return None
    known = {record_id for record_id, _, _ in rows}
    rows += [
        (record_id, text, created)
        for record_id, text, created, by in page
        if by == author and record_id not in known
    ]
    if any(created < since for _, _, created, _ in page):
        return None
    return outcome.reply.next if outcome.reply is not None else None


def _list_call(item: CrmItem, start: int) -> Call:
    params: dict[str, Any] = {
        "filter": {"ENTITY_TYPE": item.entity_type, "ENTITY_ID": item.entity_id},
        "order": {"ID": "DESC"},
        "select": ["ID", "CREATED", "COMMENT", "AUTHOR_ID"],
    }
    return Call(_LIST, {**params, "start": start})


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
        return type(error).from_fields({**error.fields(), "description": why})
    return _ambiguous(why)


def _author(profile: Outcome) -> str | None:
    result = profile.result if isinstance(profile.result, Mapping) else {}
    return str(result["ID"]) if result.get("ID") else None


def _portal_time(profile: Outcome) -> float | None:
    reply: Reply | None = profile.reply
    time = (reply.time if reply is not None else None) or {}
    finish = time.get("finish")
    return float(finish) if isinstance(finish, (int, float)) else None
