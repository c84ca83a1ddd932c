"""Reads a whole list: which requests may be sent now, and which rows come next."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from typing import Any

from airflow_provider_bitrix24.rest.announcing import Headway
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.chains import Pace, PageReader
from airflow_provider_bitrix24.rest.id_pager import IdPager
from airflow_provider_bitrix24.rest.paging import pager_for
from airflow_provider_bitrix24.rest.session import Session
from airflow_provider_bitrix24.rest.spreading import Job, Spread, is_worth_cutting


class Reader:
    """Reads a whole list; a long one, in several ranges at once.

    The first request brings the first page, by itself. If it says that the list is long, the rest is read in
    ranges; else from there to the end, one request after the other. So is what the ranges leave open.

    :param call: a list method with filter, order and select, without ``start``
    :param session: credentials, limits and patience
    :param log: where to say now and then how far a long list has come
    :param in_flight: how many requests may be under way at once
    :param pace: what is known of the list's pages
    :raises InvalidInputError: the call asks for a page in the middle
    """

    def __init__(
        self,
        call: Call,
        session: Session,
        log: logging.Logger,
        in_flight: int = 1,
        pace: Pace | None = None,
    ) -> None:
        self._pager = pager_for(call)
        self._session = session
        self._log = log
        self._in_flight = in_flight
        self._headway: Headway | None = None
        self._pace = pace or Pace()
        self._pages = PageReader(self._pager, session, log, self._pace)
        self._ready: deque[list[Any]] = deque()
        self._is_busy = False
        self._may_spread = in_flight > 1
        self._spread: Spread | None = None
        #: whether all rows were handed out
        self.is_done = False

    @property
    def is_spread(self) -> bool:
        """Whether several requests may be under way now."""
        return self._spread is not None

    def jobs(self, most: int) -> Iterator[Job]:
        """Yield requests that may be sent now; none, while outcomes are missing or rows are to be handed out.

        :param most: how many, at most
        :raises Bitrix24Error: the list cannot be read
        """
        if self._may_spread and not self._is_busy and not self._ready:
            self._begin_to_spread()
        if self._spread is not None:
            yield from self._spread.jobs(most)
            if not self._spread.is_done:
                return
            self._gather(self._spread)
        if self._is_busy or self._ready or self.is_done:
            return
        request = self._pages.next_request()
        if request is None:
            self.is_done = True
        else:
            self._is_busy = True
            yield Job(request, self._take)

    def next_page(self) -> list[Any] | None:
        """Return the rows that come next, ``None`` while they have not come."""
        rows = self._ready.popleft() if self._ready else None
        if rows is None and self._spread is not None:
            rows = self._spread.next_page()
        if rows is not None:
            self._say(len(rows))
        return rows

    def _take(self, outcomes: list[Outcome]) -> None:
        self._is_busy = False
        self._ready.extend(rows for rows in self._pages.take(outcomes) if rows)

    def _begin_to_spread(self) -> None:
        if isinstance(self._pager, IdPager) and is_worth_cutting(self._pager, self._pace):
            self._may_spread = False
            self._spread = Spread(self._pager, self._session, self._log, self._pace, self._in_flight)

    def _gather(self, spread: Spread) -> None:
        """Go on behind the ranges, if the list could be cut."""
        self._spread = None
        if isinstance(self._pager, IdPager) and spread.place is not None:
            self._pager.skip(spread.place, spread.count)

    def _say(self, count: int) -> None:
        left = self._pager.left if isinstance(self._pager, IdPager) else None
        if self._headway is None and left is not None:
            self._headway = Headway(self._log, count + left, "rows")
        if self._headway is not None:
            self._headway.made(count)
