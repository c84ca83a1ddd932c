"""What operators share that act on many items: outcomes of each, progress that outlives a try, deferring."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow.sdk import Context

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.outcomes import (
    DEFAULT_IN_FLIGHT,
    BulkResult,
    FailOn,
    check_fail_on,
    check_in_flight,
)
from airflow_provider_bitrix24.links.card import CrmCardLink
from airflow_provider_bitrix24.operators.base import pushing_outcomes
from airflow_provider_bitrix24.operators.deferring import DeferringOperator
from airflow_provider_bitrix24.operators.progress import kept_of, progress_of, work_digest
from airflow_provider_bitrix24.rest.progress import Progress

Rows = list[dict[str, Any]]


class BulkOperator(DeferringOperator):
    """Base of operators that act on many items.

    Every item is tried. On Airflow 3.3 and newer what is done is kept in the task state store, so a task that
    is tried again, or was killed, goes on where it was; cleared by hand, it starts afresh.

    :param fail_on: fail if ``any`` or ``all`` of the items failed, or ``never``
    :param max_in_flight: how many requests, of up to 50 calls each, may be under way at once: 1 to 20
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)

    #: what the items are called in the log
    noun: ClassVar[str] = "items"

    def __init__(
        self, *, fail_on: FailOn = "any", max_in_flight: int = DEFAULT_IN_FLIGHT, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        with joined():
            self.fail_on = check_fail_on(fail_on)
            self.max_in_flight = check_in_flight(max_in_flight)

    @abstractmethod
    def parse(self) -> Sequence[Any]:
        """Return the items to act on.

        :raises InvalidInputError: one of them is not valid
        """

    @abstractmethod
    def fingerprint(self, items: Sequence[Any]) -> Any:
        """Return what tells these items from others, as plain JSON."""

    @abstractmethod
    def carry_out(self, hook: Bitrix24Hook, items: Sequence[Any], progress: Progress) -> BulkResult:
        """Act on the items that are not done yet."""

    @abstractmethod
    def report(self, rows: Rows) -> None:
        """Log what became of the items."""

    def checked(self, result: BulkResult, progress: Progress) -> Rows:
        """Return the rows, unless failures fail the task."""
        return result.check(self.fail_on)

    def card(self, items: Sequence[Any]) -> CrmItem | None:
        """Return the CRM item to whose card the task's page leads."""
        item: CrmItem = items[0].item
        return item

    def execute(self, context: Context) -> Rows:
        """Act on the items."""
        return self._act(context, None)

    def go_on(self, context: Context, kept: Mapping[str, Any]) -> Rows:
        """Act on the items that are left.

        :param kept: under ``kept`` the progress made, where Airflow has no task state store
        """
        return self._act(context, kept.get("kept") or {})

    def _act(self, context: Context, kept: dict[str, Any] | None) -> Rows:
        with self.traced(), self.deferring(lambda: {"kept": kept}):
            items = self.parse()
        if not items:
            self.log.info("The list of %s is empty: nothing to do.", self.noun)
            return []
        with self.traced():
            hook = self.hook
            digest = work_digest(self, hook, self.fingerprint(items))
            if item := self.card(items):
                self.link_card(hook, item)
            progress = progress_of(context, digest, self.retries or 0, kept)
        with self.traced(), self.deferring(lambda: kept_of(progress, digest)):
            result = self.carry_out(hook, items, progress)
        if result.failed:
            progress.flush()
        if self.deferrable and result.wait is not None:
            reason = "The portal's limits are used up."
            self.wait_in_triggerer(result.wait, reason, **kept_of(progress, digest))
        with self.traced():
            rows = pushing_outcomes(context, lambda: self.checked(result, progress))
        progress.delete()
        self.report(rows)
        return rows


def counted(rows: Rows, *statuses: str) -> str:
    """Return how many rows have each status, in words.

    :param rows: the rows
    :param statuses: the statuses that are counted
    """
    counts = {status: sum(row["STATUS"] == status for row in rows) for status in statuses}
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)
