"""The window of an incremental extraction: what has changed since the last one, and what is new.

The new watermark is the portal's clock when reading began, not the newest date that was read. Rows are read
by id, so a row may change after it was read, and still have an earlier date than rows that are read later.
Ids above the highest one known are read whatever their dates are, because restored and imported items come
with old dates. There is no upper bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from airflow_provider_bitrix24.crm.extraction.clocks import WIDEST, PortalClock
from airflow_provider_bitrix24.crm.extraction.list_questions import first_page, ids_of, shape_of
from airflow_provider_bitrix24.crm.extraction.narrowing import narrowed
from airflow_provider_bitrix24.crm.inputs import RETURNED_NOTHING
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.list_query import rows_of
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.shown import shown

#: no row is older; what is meant to be older is from the beginning
_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
#: how much of the time before a window is read again: a change shows a little later than its date
OVERLAP = timedelta(minutes=2)

#: the portal tells its time in whole seconds
_TICK = timedelta(seconds=1)

_SINCE_REMEDY = (
    "Give a time with its offset from UTC, such as 2026-05-04T10:00:00+02:00, or '' to read everything."
)


# --- arguments ---------------------------------------------------------------------------------------


def parse_since(value: Any, field: str = "since") -> datetime | None:
    """Return the moment from which changes are read, in UTC; ``None`` stands for the beginning.

    :param value: a moment with a time zone, or its ISO text as a template gives it; ``''`` is the beginning
    :param field: where it stands, for the message
    :raises InvalidInputError: it is no moment, has no time zone, or is ``None`` or the text ``'None'``
    """
    if isinstance(value, str) and not value.strip():
        return None
    if value is None or (isinstance(value, str) and value.strip() in ("None", "null")):
        remedy = f"{RETURNED_NOTHING} Write {{{{ ... or '' }}}} to read everything then."
        raise InvalidInputError(f"{field}: {shown(value)} is no time", remedy=remedy)
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            moment = None
    if not isinstance(moment, datetime):
        raise InvalidInputError(f"{field}: {shown(value)} is no time", remedy=_SINCE_REMEDY)
    if moment.utcoffset() is None:
        raise InvalidInputError(f"{field}: {shown(value)} has no time zone", remedy=_SINCE_REMEDY)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInputError(f"{field}: {shown(value)} is out of range", remedy=_SINCE_REMEDY) from None


def parse_overlap(value: Any, field: str = "overlap") -> timedelta:
    """Return how much of the time before the window is read again.

    :param value: a time span of 0 or more
    :param field: where it stands, for the message
    :raises InvalidInputError: it is none
    """
    if isinstance(value, timedelta) and value >= timedelta():
        return value
    raise InvalidInputError(
        f"{field}: {shown(value)} is not a time span of 0 or more", remedy="Give timedelta(minutes=2) or so."
    )


# --- when reading begins -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What was so when reading began.

    :param call: the list that is read
    :param clock: the portal's clock
    :param highest: the highest id of the list, whatever its filter; 0 where it is empty
    :param modified: the field with the date of the last change; ``""`` where there is none
    :param trouble: why the filter by that date cannot be used, as a sentence; ``""`` where it can
    """

    call: Call
    clock: PortalClock
    highest: int
    modified: str = ""
    trouble: str = ""

    @property
    def watermark(self) -> datetime:
        """The portal's time, in UTC: every later change has a later date."""
        return self.clock.now.astimezone(UTC)


def begin(call: Call, modified: str = "") -> Plan[Beginning]:
    """Ask for the portal's clock and the highest id, and whether the list's date filter works; one request.

    The filter works if it finds no row that changed after 2100, and some that changed after 1971. A shifted
    filter passes: :class:`Window` allows for the shift. Nothing is counted, because counting a long list may
    take the portal most of a minute.

    :param call: the list; it is asked about without its filter
    :param modified: the field with the date of the last change, such as ``updatedTime``
    :raises UnexpectedResultError: the portal does not tell its time, or answers no list
    :raises Bitrix24Error: a call failed
    """
    calls = [Call("server.time"), Call("profile"), first_page(call, "DESC")]
    if modified:
        bounds = (moment.isoformat() for moment in (_EARLIEST, _LATEST))
        calls += [first_page(call, "ASC", {f">={modified}": bound}) for bound in bounds]
    time, profile, last, *probes = yield Work(calls)
    highest = max(ids_of(last), default=0)
    return Beginning(
        call=call,
        clock=PortalClock.read(time.unwrap(), profile.unwrap()),
        highest=highest,
        modified=modified,
        trouble=_trouble(f"{call.method} by {modified}", *probes, filled=bool(highest)) if modified else "",
    )


def _trouble(what: str, past: Outcome, future: Outcome, *, filled: bool) -> str:
    """Say why a date filter cannot be used."""
    key = shape_of(past.call).rows
    changed, unchanged = (rows_of(page.call, page.unwrap_reply(), key) for page in (past, future))
    if unchanged:
        return f"The portal ignores the filter of {what}, so everything is read."
    if filled and not changed:
        return f"The filter of {what} finds no row at all, so everything is read."
    return ""


# --- the window --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Window:
    """What an incremental extraction reads.

    :param beginning: what was so when reading began
    :param bound: the date from which changed rows are read, as the API takes it; ``""`` reads everything
    :param highest: the highest id known so far; ``None`` where it is not known
    :param watermark: the next window's ``since``, in UTC, to be kept once the data is there
    :param since: the moment from which changes are read, in UTC; ``None`` where everything is
    :param notes: sentences for the log
    """

    beginning: Beginning
    bound: str
    highest: int | None
    watermark: datetime
    since: datetime | None = None
    notes: tuple[str, ...] = ()

    def filters(self, where: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the filters of the lists to be read: no row is in two of them, and their ids ascend.

        :param where: the filter of the extraction
        :raises InvalidInputError: it has a condition that the window sets itself
        """
        method = self.beginning.call.method
        if not self.bound:
            return [narrowed(where, method, {})]
        changed: dict[str, Any] = {f">={self.beginning.modified}": self.bound}
        if self.highest is None:
            return [narrowed(where, method, changed)]
        name = shape_of(self.beginning.call).filter_id
        parts = ({**changed, f"<={name}": self.highest}, {f">{name}": self.highest})
        # Nothing has an id up to 0.
        return [narrowed(where, method, part) for part in parts[0 if self.highest else 1 :]]


def window_since(
    beginning: Beginning, since: datetime | None, overlap: timedelta, field: str = "since"
) -> Window:
    """Return the window from a moment that the user gave.

    :param beginning: what was so when reading began
    :param since: from :func:`parse_since`
    :param overlap: how much of the time before is read again
    :param field: where the moment stands, for the message
    :raises InvalidInputError: it is later than the portal's clock
    """
    if since is not None and since >= beginning.watermark + _TICK:
        now = beginning.watermark.isoformat()
        raise InvalidInputError(
            f"{field}: {since.isoformat()} is later than the portal's clock, {now}",
            remedy="Give a time that has passed, such as the start of the last run that succeeded.",
        )
    return _window(beginning, since, overlap)


def window_after(
    beginning: Beginning, watermark: datetime | None, highest: int | None, overlap: timedelta
) -> Window:
    """Return the window from the watermark that an earlier extraction kept.

    If the portal's clock has gone back since, by more than the overlap, nobody knows which dates the changes
    in between have: everything is read. The watermark never moves back.

    :param beginning: what was so when reading began
    :param watermark: in UTC; ``None`` where nothing was extracted yet
    :param highest: the highest id that was extracted; ``None`` where it is not known, 0 where there was none
    :param overlap: how much of the time before is read again
    """
    now = beginning.watermark
    if watermark is None or watermark <= now:
        return _window(beginning, watermark, overlap, highest=highest, watermark=now)
    back = watermark - now
    note = f"The portal's clock is {back} behind the last extraction's watermark"
    if back > overlap:
        note += ", so everything is read. If this comes back, delete the watermark."
        return _window(beginning, None, overlap, watermark=watermark, notes=(note,))
    note += ", so changes are read from the portal's present time on."
    return _window(beginning, now, overlap, highest=highest, watermark=watermark, notes=(note,))


def _window(
    beginning: Beginning,
    since: datetime | None,
    overlap: timedelta,
    *,
    highest: int | None = None,
    watermark: datetime | None = None,
    notes: tuple[str, ...] = (),
) -> Window:
    bound = ""
    if since is not None and beginning.trouble:
        notes = (*notes, beginning.trouble)
    elif since is not None and not beginning.modified:
        note = (
            f"The rows of {beginning.call.method} have no date of their last change, so everything is read."
        )
        notes = (*notes, note)
    elif since is not None:
        bound, note = _bound(beginning.clock, since, overlap)
        notes = (*notes, *filter(None, [note]))
    return Window(
        beginning=beginning,
        bound=bound,
        highest=highest,
        watermark=watermark or beginning.watermark,
        since=since if bound else None,
        notes=notes,
    )


def _bound(clock: PortalClock, since: datetime, overlap: timedelta) -> tuple[str, str]:
    """Return the bound of the date filter, and what is to be said of it.

    It has the server's own offset: if a portal ignores the offset, it still means the same.
    """
    try:
        meant = since - overlap
        widening = clock.widening(meant)
        bound = meant - widening
    except OverflowError:
        return "", ""
    if bound <= _EARLIEST:
        return "", ""
    note = ""
    if widening == WIDEST:
        note = (
            "The user's time zone is not known, so changes are read from 26 hours earlier. "
            "Set a time zone, the server's, in the user's profile in Bitrix24."
        )
    elif widening:
        note = (
            "The user's clock and the server's may differ, so changes are read from "
            f"{widening / timedelta(hours=1):g} h earlier."
        )
    return bound.astimezone(timezone(clock.offset)).isoformat(timespec="seconds"), note
