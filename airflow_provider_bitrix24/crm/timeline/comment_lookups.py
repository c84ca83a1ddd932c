"""Looking up comments by item, author and text: those that may have been added, and those that are there.

A comment that may have been added is looked for among the comments of the time in which it was sent. Only
when the portal, which cuts requests off after a minute, can no longer be adding it, does the look-up prove
that it is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.listing import read_pages
from airflow_provider_bitrix24.crm.timeline.comment_calls import ListedComment, newest_comments_call
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, Bitrix24Error, UnexpectedResultError
from airflow_provider_bitrix24.rest.plans import Plan, Wait
from airflow_provider_bitrix24.rest.progress import Progress, Span
from airflow_provider_bitrix24.rest.reply import Reply

_ADD = "crm.timeline.comment.add"
#: comments are dated in whole seconds, and clocks are read at different moments
_SLACK = 5.0
_NO_AUTHOR = "the portal does not tell who the author is"


class Wanted(NamedTuple):
    """What tells a comment of a user from others.

    :param item: the item on whose timeline it is to stand
    :param text: its text, as :func:`~airflow_provider_bitrix24.crm.timeline.comment_calls.plain` returns it
    """

    item: CrmItem
    text: str


_Listed = dict[int, ListedComment]


def look_up(
    wanted: Mapping[int, Wanted], progress: Progress, author: str | None, cut: float, why: str
) -> Plan[dict[int, Bitrix24Error]]:
    """Find out which unclear comments were added; return why it cannot be told of the others.

    :param wanted: the comments by position
    :param progress: what is known of them
    :param author: the user who adds them
    :param cut: seconds after which the portal carries out nothing more of a request
    :param why: why they are looked up, in words
    """
    unclear = {position: progress.unclear[position] for position in wanted}
    settled = max(span.last for span in unclear.values()) + cut + _SLACK
    wait = settled - progress.now()
    if wait > 0:
        yield Wait(wait, f"{why}; they can be looked up only later")
    if author is None:
        return {n: _ambiguous(_NO_AUTHOR) for n in unclear}
    groups: dict[Wanted, list[int]] = {}
    for position in sorted(unclear):
        groups.setdefault(wanted[position], []).append(position)
    since: dict[CrmItem, float] = {}
    for comment, positions in groups.items():
        first = min(unclear[n].first for n in positions)
        since[comment.item] = min(first, since.get(comment.item, first))

    def goes_on(item: CrmItem, page: Iterable[ListedComment]) -> bool:
        return all(found.created >= since[item] - _SLACK for found in page)

    listed = yield from _read(since, author, goes_on)
    errors: dict[int, Bitrix24Error] = {}
    claimed = {int(result) for result in progress.known.values()}
    for comment, positions in groups.items():
        there = listed[comment.item]
        if isinstance(there, Bitrix24Error):
            errors |= dict.fromkeys(positions, undecided(there, progress))
            continue
        spans = [unclear[n] for n in positions]
        candidates = [
            record_id
            for record_id, found in there.items()
            if found.text == comment.text and record_id not in claimed and _among(found.created, spans, cut)
        ]
        if len(candidates) > len(positions):
            many = f"there are {len(candidates)} like it where {len(positions)} may have been added"
            errors |= {n: _ambiguous(many) for n in positions}
            continue
        for position, record_id in zip(positions, sorted(candidates), strict=False):
            progress.found(position, record_id)
        for position in positions[len(candidates) :]:
            progress.absent(position)
    return errors


def present(
    wanted: Mapping[int, Wanted], author: str | None
) -> Plan[tuple[dict[int, int], dict[int, Bitrix24Error]]]:
    """Find comments that the user has written already, whenever that was.

    :param wanted: the comments by position
    :param author: the user
    :return: the newest record of each that is there, and why it cannot be told of others
    """
    if author is None:
        return {}, {n: UnexpectedResultError(_NO_AUTHOR, method="profile") for n in wanted}
    missing: dict[CrmItem, set[str]] = {}
    for comment in wanted.values():
        missing.setdefault(comment.item, set()).add(comment.text)

    def goes_on(item: CrmItem, page: Iterable[ListedComment]) -> bool:
        missing[item] -= {found.text for found in page if found.author == author}
        return bool(missing[item])

    listed = yield from _read(missing, author, goes_on)
    records: dict[int, int] = {}
    errors: dict[int, Bitrix24Error] = {}
    for position, comment in wanted.items():
        there = listed[comment.item]
        if isinstance(there, Bitrix24Error):
            errors[position] = there
            continue
        same = [record_id for record_id, found in there.items() if found.text == comment.text]
        if same:
            records[position] = max(same)
    return records, errors


def undecided(error: Bitrix24Error, progress: Progress) -> Bitrix24Error:
    """Return what a failed look-up means: another try decides it, if it will know what is unclear.

    :param error: why the look-up failed
    :param progress: what is known
    """
    why = f"it may have been added, and the look-up failed: {error.description or error}"
    if progress.outlives_a_try and error.passes:
        return error.but(description=why)
    return _ambiguous(why)


def author_of(profile: Outcome) -> str | None:
    """Return the user whose comments the connection adds, ``None`` where the portal does not tell.

    :param profile: the outcome of ``profile``
    """
    result = profile.result if isinstance(profile.result, Mapping) else {}
    return str(result["ID"]) if result.get("ID") else None


def portal_time(profile: Outcome) -> float | None:
    """Return the portal's time, ``None`` where it does not tell.

    :param profile: the outcome of ``profile``
    """
    reply: Reply | None = profile.reply
    time = (reply.time if reply is not None else None) or {}
    finish = time.get("finish")
    return float(finish) if isinstance(finish, (int, float)) else None


def _read(
    items: Iterable[CrmItem], author: str, goes_on: Callable[[CrmItem, Iterable[ListedComment]], bool]
) -> Plan[dict[CrmItem, _Listed | Bitrix24Error]]:
    """Read the author's comments of each item, the newest first, as long as it goes on.

    :param goes_on: is given everyone's comments of a page, and tells whether the next one is needed
    """
    listed: dict[CrmItem, _Listed] = {item: {} for item in items}
    errors: dict[CrmItem, Bitrix24Error] = {}

    def take(item: CrmItem, outcome: Outcome) -> bool:
        try:
            page = [ListedComment.of(row) for row in outcome.unwrap()]
        except Bitrix24Error as error:
            errors[item] = error
            return False
        listed[item] |= {found.number: found for found in page if found.author == author}
        return goes_on(item, page)

    yield from read_pages({item: newest_comments_call(item) for item in listed}, take)
    return {item: errors.get(item, found) for item, found in listed.items()}


def _among(created: float, spans: Sequence[Span], cut: float) -> bool:
    return any(span.first - _SLACK <= created <= span.last + cut + _SLACK for span in spans)


def _ambiguous(why: str) -> AmbiguousWriteError:
    return AmbiguousWriteError(why, method=_ADD)
