"""What operators share that act on many items: outcomes of each, progress that outlives a try, deferring."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import Context

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.lineage import DataNode, count_written
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.rows import Rows, check_pass_through
from airflow_provider_bitrix24.hooks.bulk import (
    FailOn,
    check_fail_on,
    check_in_flight,
    check_outcomes,
    keeps_invalid,
    limit_wait,
)
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.links.card import CrmCardLink
from airflow_provider_bitrix24.operators.base import RESULT_KEY
from airflow_provider_bitrix24.operators.deferring import DeferringOperator
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress

Result = list[dict[str, Any]]
Outcomes = Sequence[ItemOutcome[Any]]

#: more things than this are counted in the log instead of named
_NAMED = 5


class BulkOperator(DeferringOperator):
    """Base of operators that act on many items: a subclass parses them, plans the work and words the result.

    The task tries every item. On Airflow 3.3 and newer it keeps its progress in the task state store, so a
    retry continues where the last try ended, and so does a task that is cleared after a failure.
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)

    has_steps = True

    #: what the items are called in the log
    noun: ClassVar[str] = "items"
    #: what happened to each item, as far as the work got
    _outcomes: Outcomes | None = None

    def take_bulk(self, fail_on: FailOn, max_in_flight: int, pass_through: Sequence[str] = ()) -> None:
        """Keep the arguments that bound the work: when failures fail the task, and how much is under way.

        :param fail_on: ``any``, ``all`` or ``never``
        :param max_in_flight: requests that may be under way at once
        :param pass_through: columns of the user's own, which come back in the outcomes
        :raises InvalidInputError: one of them is no such value
        """
        with joined():
            self.fail_on = check_fail_on(fail_on)
            self.max_in_flight = check_in_flight(max_in_flight)
            self.pass_through = check_pass_through(pass_through)

    @property
    def parsing(self) -> dict[str, Any]:
        """How rows are parsed: whether those that are not valid are kept, and which columns come back."""
        return {"keep_invalid": keeps_invalid(self.fail_on), "pass_through": self.pass_through}

    @abstractmethod
    def parse(self) -> Sequence[Any]:
        """Return the items to act on.

        :raises InvalidInputError: one of them is not valid
        """

    @abstractmethod
    def plan(self, items: Sequence[Any], progress: Progress) -> Plan[list[ItemOutcome[Any]]]:
        """Return the work on the items.

        :param items: from :meth:`parse`
        :param progress: what an earlier try did
        """

    def fingerprint(self, items: Sequence[Any]) -> Any:
        """Return what identifies these items, as plain JSON."""
        return [item.row() for item in items]

    def sentence(self, outcomes: Outcomes) -> str:
        """Return a sentence on what happened to a few items, ``""`` to have them counted instead."""
        return ""

    def check(self, outcomes: Outcomes, progress: Progress) -> Result:
        """Return the rows, unless failures fail the task."""
        return check_outcomes(outcomes, self.fail_on)

    def card(self, items: Sequence[Any]) -> CrmItem | None:
        """Return the CRM item to whose card the task's page leads."""
        item: CrmItem = items[0].item
        return item

    @property
    def has_written(self) -> bool:
        """Whether the task is about to write, or has written; some items may have failed."""
        return super().has_written or bool(self.written_rows)

    def written_nodes(self) -> list[DataNode]:
        """Return the portal's datasets that the task writes; of a single one also how many rows of it."""
        return [
            self.dataset_node(name, rows=self.written_rows if len(self.writes) == 1 else None)
            for name in self.writes
        ]

    @property
    def written_rows(self) -> int | None:
        """How many items were written, ``None`` where that is not known."""
        if self._outcomes is None:
            return None
        return count_written(outcome.status for outcome in self._outcomes)

    def execute(self, context: Context) -> Result:
        """Act on the items."""
        with self.traced(context):
            with self.deferring():
                items = self.parse()
            rows = items if isinstance(items, Rows) else Rows(items)
            if not (rows or rows.invalid):
                self.log.info("The list of %s is empty: nothing to do.", self.noun)
                return []
            if items and (item := self.card(items)):
                self.link_card(item)
            progress = self.progress_of(context, self.fingerprint(items))
            with self.deferring():
                outcomes = self._outcomes = rows.complete(self._carry_out(items, progress))
            if any(outcome.error is not None for outcome in outcomes):
                progress.flush()
            wait = limit_wait(outcomes)
            if self.deferrable and wait is not None:
                self.wait_in_triggerer(wait, "The portal's limits are used up.")
            result = self.check(outcomes, progress)
        progress.delete()
        self.log_failed(result, logging.WARNING, RESULT_KEY)
        self.log.info("%s", self._summary(outcomes))
        return result

    def _carry_out(self, items: Sequence[Any], progress: Progress) -> list[ItemOutcome[Any]]:
        if not items:  # no row is valid
            return []
        return self.hook.carry_out(self.plan(items, progress), progress, self.max_in_flight)

    def _summary(self, outcomes: Outcomes) -> str:
        few = len(outcomes) <= _NAMED and all(outcome.error is None for outcome in outcomes)
        return (self.sentence(outcomes) if few else "") or counted(self.noun, outcomes)


def counted(noun: str, outcomes: Outcomes) -> str:
    """Return how many things came to what, as a sentence.

    :param noun: what the things are
    :param outcomes: what happened to each
    """
    if len(outcomes) == 1 and " " not in noun:
        noun = noun.removesuffix("s")
    counts = Counter(outcome.status.replace("_", " ") for outcome in outcomes)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"{len(outcomes)} {noun}{': ' if told else ''}{told}."


def named(things: Sequence[Any]) -> str:
    """Return some things as words: ``contact 1``, ``contact 1 and company 2``.

    :param things: the things
    """
    words = [str(thing) for thing in things]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
