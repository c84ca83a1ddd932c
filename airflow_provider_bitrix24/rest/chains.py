"""Reads a whole list in few requests: each carries fifty pages, and each page refers to the one before.

In a batch a page's filter takes the last id of the page before by a reference. If that page is short or
failed, the reference does not resolve. The API does not report that: it substitutes something else, and the
next page starts from the beginning. So the reader uses nothing behind such a page and reads the next page by
itself, as an ordinary call, which brings the list forward or says what is wrong.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_bitrix24.rest.batches import BATCH_BYTES, BATCH_SIZE
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    LimitError,
    SurplusCommandError,
)
from airflow_provider_bitrix24.rest.exchange import command_name, exchange
from airflow_provider_bitrix24.rest.id_pager import IdPager
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE
from airflow_provider_bitrix24.rest.paging import Pager
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.rest.session import Session
from airflow_provider_bitrix24.rest.steps import Step

#: a chain with fewer pages of use than this was not worth it
_WORTH_IT = 2
#: bytes of an answer's rows, which take about four times as much memory while they are read
_ANSWER_BYTES = 12_000_000
#: what a reference in place of an id, encoded, adds to a command
_REFERENCE_BYTES = 100
#: after so many chains in a row that were not worth it, the list is read page by page
_PATIENCE = 3


class Pace:
    """How many pages a request may ask for: what was learned from all chains of a list.

    :param longest: pages of the next chain
    :param in_vain: chains in a row that were not worth it
    :param page_bytes: of a page's rows
    """

    def __init__(self, longest: int = BATCH_SIZE) -> None:
        self.longest = longest
        self.in_vain = 0
        self.page_bytes = 1

    def pages(self, page: Call) -> int:
        """Return how many pages a request may ask for, given one of them."""
        if self.in_vain >= _PATIENCE or not page.fits_batch:
            return 1
        fitting = BATCH_BYTES // (len(page.command()) + _REFERENCE_BYTES)
        return max(1, min(self.longest, fitting, _ANSWER_BYTES // self.page_bytes))

    def measure(self, rows: list[Any]) -> None:
        """Learn how long rows are."""
        if rows:
            self.page_bytes = len(json.dumps(rows))


class PageReader:
    """Reads what a pager asks for: says which request comes next, and takes its outcomes.

    :param pager: of a list, or of a range of it
    :param session: credentials, limits and patience
    :param log: where to say which page has to be read again
    :param pace: what is known of the list's pages
    """

    def __init__(self, pager: Pager, session: Session, log: logging.Logger, pace: Pace) -> None:
        self.pager = pager
        self._session = session
        self._log = log
        self._pace = pace

    def next_request(self) -> Generator[Step, Any, list[Outcome]] | None:
        """Return the exchange of the next request, ``None`` where the list is complete."""
        page = self.pager.next_call()
        if page is None:
            return None
        chain = self._chain(page)
        return exchange(chain or [page], self._session, chained=bool(chain))

    def take(self, outcomes: list[Outcome]) -> Iterator[list[Any]]:
        """Yield the new rows, page by page; the outcomes are used up, because their rows take memory.

        :raises IncompleteListError: rows are missing or come twice
        :raises Bitrix24Error: a page could not be read
        """
        if isinstance(self.pager, IdPager) and len(outcomes) > 1:
            pages = self._take_chain(self.pager, outcomes)
        else:
            pages = self._take_page(outcomes)
        for position, rows in enumerate(pages):
            if not position:
                self._pace.measure(rows)
            yield rows

    def _chain(self, page: Call) -> list[Call]:
        """Return the pages to read at once; none where the next one is read by itself."""
        longest = self._pace.pages(page)
        if not isinstance(self.pager, IdPager) or longest == 1:
            return []
        chain = self.pager.next_chain(longest, command_name)
        return chain if len(chain) > 1 else []

    def _take_page(self, outcomes: list[Outcome]) -> Iterator[list[Any]]:
        yield self.pager.take(_reply_of(outcomes.pop()))

    def _take_chain(self, pager: IdPager, outcomes: list[Outcome]) -> Iterator[list[Any]]:
        """Yield a chain's pages up to the first that is not whole: nothing behind it can be trusted."""
        raise_what_hits_every_call(outcomes[0].error)
        pace = self._pace
        pace.longest = _length_of_next(pace.longest, outcomes, self._session.policy.near_the_cut)
        asked, used = len(outcomes), 0
        outcomes.reverse()
        while outcomes and not pager.is_done:
            try:
                reply = _reply_of(outcomes.pop())
                length = pager.length_of(reply)
                if not length:  # it proves the end only where it comes by itself, and is counted
                    break
                rows = pager.take(reply)
            except Bitrix24Error as error:
                self._log.debug("page %d of %d in a batch has to be read again: %s", used + 1, asked, error)
                break
            used += 1
            yield rows
            if length != PAGE_SIZE:
                break
        outcomes.clear()
        if used < asked:
            pager.count_next()
        worth_it = pager.is_done or used >= min(_WORTH_IT, asked)
        pace.in_vain = 0 if worth_it else pace.in_vain + 1


def _reply_of(outcome: Outcome) -> Reply:
    """Return a page's reply.

    :raises Bitrix24Error: the call failed
    """
    return outcome.unwrap_reply()


def raise_what_hits_every_call(error: Bitrix24Error | None) -> None:
    """Raise what reading a single page instead of many would not change.

    :param error: of the first call of a request
    :raises Bitrix24Error: it would meet the next request as well
    """
    too_long_a_wait = isinstance(error, LimitError) and error.retry_after is not None
    if error is not None and (error.connection_wide or too_long_a_wait):
        raise error


def _length_of_next(longest: int, outcomes: Sequence[Outcome], near_the_cut: float) -> int:
    """Return how many pages the next chain may have, given what happened to this one's."""
    surplus = sum(isinstance(outcome.error, SurplusCommandError) for outcome in outcomes)
    if surplus:
        return max(1, min(longest, len(outcomes) - surplus))
    cut_off = all(outcome.error is not None and not _is_limit(outcome.error) for outcome in outcomes)
    if cut_off or _duration(outcomes) > near_the_cut:
        return max(1, min(longest, len(outcomes) // 2))
    return longest


def _is_limit(error: Bitrix24Error) -> bool:
    return isinstance(error, LimitError)


def _duration(outcomes: Sequence[Outcome]) -> float:
    """Return the seconds from the first command's start to the last one's finish, on the portal's clock."""
    times = [outcome.reply.time for outcome in outcomes if outcome.reply is not None]
    starts = [time["start"] for time in times if isinstance(time, Mapping) and _is_number(time.get("start"))]
    ends = [time["finish"] for time in times if isinstance(time, Mapping) and _is_number(time.get("finish"))]
    return float(max(ends) - min(starts)) if starts and ends else 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
