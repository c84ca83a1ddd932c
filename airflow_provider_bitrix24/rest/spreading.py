"""Reads the rest of a long list in several ranges at once, and hands the rows out in order."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

from airflow_provider_bitrix24.rest.batches import Many
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.chains import Pace, PageReader, raise_what_hits_every_call
from airflow_provider_bitrix24.rest.errors import Bitrix24Error
from airflow_provider_bitrix24.rest.id_pager import IdPager
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE
from airflow_provider_bitrix24.rest.ranges import Range
from airflow_provider_bitrix24.rest.session import Session
from airflow_provider_bitrix24.rest.steps import Step
from airflow_provider_bitrix24.rest.surveying import survey

#: bytes of the answers that are under way or wait to be handed out; in memory they take about four times that
_AHEAD_BYTES = 9_000_000
#: a list is cut where its rest takes more requests than this
_FEW_REQUESTS = 2


class Job(NamedTuple):
    """A request that may be sent now.

    :param exchange: carries it out
    :param take: takes its outcomes, in the thread that reads the list
    """

    exchange: Generator[Step, Any, list[Outcome]]
    take: Callable[[list[Outcome]], None]


class _Lane:
    """Reads one range, and keeps its rows until it is their turn."""

    def __init__(self, reader: PageReader, pager: IdPager) -> None:
        self.pager = pager
        self.pages: deque[list[Any]] = deque()
        self._reader = reader
        self._is_busy = False

    def job(self, most: int) -> Job | None:
        """Return the next request, ``None`` while there is none to send.

        :param most: pages to keep; a range that holds more is read on when these are handed out
        """
        if self._is_busy or len(self.pages) >= most:
            return None
        request = self._reader.next_request()
        if request is None:
            return None
        self._is_busy = True
        return Job(request, self._take)

    def _take(self, outcomes: list[Outcome]) -> None:
        self._is_busy = False
        self.pages.extend(rows for rows in self._reader.take(outcomes) if rows)


class _Round:
    """Calls that are answered all together: one round of a survey."""

    def __init__(self, calls: list[Call], session: Session) -> None:
        self._many = Many(calls, session)
        self._waiting = deque(self._many.groups)
        self._outcomes: dict[int, list[Outcome]] = {}

    def job(self, take: Callable[[], None]) -> Job | None:
        """Return the next request, ``None`` where all were sent.

        :param take: called when one of them was answered
        """
        if not self._waiting:
            return None
        first, group = self._waiting.popleft()

        def answered(outcomes: list[Outcome]) -> None:
            self._outcomes[first] = outcomes
            take()

        return Job(self._many.exchange(group), answered)

    def outcomes(self) -> list[Outcome] | None:
        """Return the outcomes in order, ``None`` while some are missing."""
        if len(self._outcomes) < len(self._many.groups):
            return None
        return [outcome for first in sorted(self._outcomes) for outcome in self._outcomes[first]]


class Spread:
    """Reads the rest of a list in ranges, as many at once as are allowed and memory holds.

    Where the list cannot be cut, it is done at once and no row has come.

    :param pager: of the list, whose first page was taken
    :param session: credentials, limits and patience
    :param log: where to say why the list is not cut
    :param pace: what is known of the list's pages
    :param in_flight: how many ranges may be under way at once
    """

    def __init__(
        self, pager: IdPager, session: Session, log: logging.Logger, pace: Pace, in_flight: int
    ) -> None:
        self._pager = pager
        self._session = session
        self._log = log
        self._pace = pace
        self._in_flight = in_flight
        self._pages = _pages_of_a_request(pager, pace)
        self._survey = survey(pager, self._pages * PAGE_SIZE)
        self._round: _Round | None = None
        self._ranges: deque[Range] = deque()
        self._lanes: deque[_Lane] = deque()
        #: the rows of the first range, where all of them have come
        self._ready: deque[list[Any]] = deque()
        #: where the last row of the ranges that are complete stands
        self.place: int | None = None
        #: how many rows these had
        self.count = 0
        self._look(None)

    @property
    def is_done(self) -> bool:
        """Whether all ranges are complete and all rows were handed out."""
        return not (self._round or self._ranges or self._lanes or self._ready)

    def jobs(self, most: int) -> Iterator[Job]:
        """Yield requests that may be sent now.

        :param most: how many, at most
        """
        for _ in range(most):
            job = self._round.job(self._answered) if self._round else self._job()
            if job is None:
                return
            yield job

    def next_page(self) -> list[Any] | None:
        """Return the rows that come next, ``None`` while they have not come."""
        while self._lanes and not self._ready:
            first = self._lanes[0]
            if not first.pager.is_done:
                return first.pages.popleft() if first.pages else None
            self._lanes.popleft()
            self._ready = first.pages
            self.place, self.count = first.pager.place, self.count + first.pager.count
        return self._ready.popleft() if self._ready else None

    def _job(self) -> Job | None:
        """Return the next request of a range, of the first ones first."""
        for lane in self._lanes:
            if (job := lane.job(self._pages)) is not None:
                return job
        if not self._ranges or len(self._lanes) >= self._ahead:
            return None
        pager = self._pager.part(self._ranges.popleft())
        self._lanes.append(_Lane(PageReader(pager, self._session, self._log, self._pace), pager))
        return self._lanes[-1].job(self._pages)

    @property
    def _ahead(self) -> int:
        """How many ranges may be under way, or wait to be handed out."""
        fitting = _AHEAD_BYTES // (self._pages * self._pace.page_bytes)
        return max(1, min(self._in_flight, fitting))

    def _answered(self) -> None:
        outcomes = self._round.outcomes() if self._round else None
        if outcomes is not None:
            self._look(outcomes)

    def _look(self, outcomes: list[Outcome] | None) -> None:
        """Go on with the survey."""
        self._round = None
        try:
            calls = next(self._survey) if outcomes is None else self._survey.send(outcomes)
            self._round = _Round(calls, self._session)
        except StopIteration as stop:
            self._ranges.extend(stop.value)
        except Bitrix24Error as error:
            raise_what_hits_every_call(error)
            self._log.debug("The list is read from its beginning to its end, not in ranges: %s", error)


def is_worth_cutting(pager: IdPager, pace: Pace) -> bool:
    """Tell whether the rest of a list is so long that reading it in ranges saves time.

    :param pager: of the list
    :param pace: what is known of the list's pages
    """
    pages = _pages_of_a_request(pager, pace) if pager.may_be_cut else 1
    return pages > 1 and (pager.left or 0) > _FEW_REQUESTS * pages * PAGE_SIZE


def _pages_of_a_request(pager: IdPager, pace: Pace) -> int:
    page = pager.next_call()
    return 1 if page is None else pace.pages(page)
