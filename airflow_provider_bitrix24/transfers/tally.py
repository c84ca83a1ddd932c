"""What became of many rows: counts, the first failures, and as many outcomes as XCom should hold."""

from __future__ import annotations

from collections import Counter
from typing import Any

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.lineage import is_written
from airflow_provider_bitrix24.crm.outcomes import FAILED
from airflow_provider_bitrix24.crm.telling import counted
from airflow_provider_bitrix24.crm.writing.writing import (
    CREATED,
    DELETED,
    NOT_FOUND,
    UNCHANGED,
    UPDATED,
    Written,
)
from airflow_provider_bitrix24.hooks.bulk import FailOn
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, LimitError
from airflow_provider_bitrix24.transfers.outcomes_file import OutcomesFile

#: outcomes that go to XCom at most
KEPT = 1_000
#: failures that are logged
_LOGGED = 10
#: what can become of a row, in the order of the result
STATUSES = (CREATED, UPDATED, UNCHANGED, DELETED, NOT_FOUND, FAILED)


class Tally:
    """Counts the outcomes of rows.

    :param file: takes the outcome of each, if there is one
    """

    def __init__(self, file: OutcomesFile | None = None) -> None:
        self._file = file
        self._counts: Counter[str] = Counter()
        self._failures: list[str] = []
        self._error: tuple[tuple[bool, bool], str, Bitrix24Error] | None = None
        #: outcomes of all rows, or of the first failed ones if there are too many of all
        self.kept: list[dict[str, Any]] = []
        self.rows = 0
        #: seconds after which rows that met a limit may be tried again, ``None`` where none did
        self.limit_wait: float | None = None
        #: the first item that was written
        self.first: CrmItem | None = None

    def add(self, position: int, outcome: Written) -> None:
        """Count a row.

        :param position: where it stands in its source
        :param outcome: what became of it
        """
        row = outcome.to_json()
        if self._file is not None:
            self._file.add(position, row)
        self.rows += 1
        self._counts[outcome.status] += 1
        if self.rows == KEPT + 1:
            self.kept = [kept for kept in self.kept if kept["STATUS"] == FAILED]
        if len(self.kept) < KEPT and (self.rows <= KEPT or outcome.error is not None):
            self.kept.append(row)
        if outcome.error is not None:
            self._fail(position, outcome, outcome.error)
        elif self.first is None:
            self.first = outcome.subject.item

    def _fail(self, position: int, outcome: Written, error: Bitrix24Error) -> None:
        place = f"rows[{position}]"
        if len(self._failures) < _LOGGED:
            self._failures.append(_told(place, outcome.subject.item, str(error)))
        rank = (not error.connection_wide, error.permanent)
        if self._error is None or rank < self._error[0]:
            self._error = rank, place, error
        if isinstance(error, LimitError) and error.retry_after is not None:
            self.limit_wait = min(error.retry_after, self.limit_wait or error.retry_after)

    def __getitem__(self, status: str) -> int:
        """Return how many rows have a status."""
        return self._counts[status]

    @property
    def written(self) -> int:
        """How many items were written: those that were so already are not."""
        return sum(count for status, count in self._counts.items() if is_written(status))

    @property
    def kept_all(self) -> bool:
        """Whether the outcomes of all rows are kept."""
        return self.rows <= KEPT

    def failures(self, where: str) -> list[str]:
        """Return up to ten of the rows that failed, in words, and how many others did.

        :param where: where the others are, in words
        """
        left = self[FAILED] - len(self._failures)
        return [*self._failures, f"{left} more failed, see {where}."] if left else self._failures

    def check(self, fail_on: FailOn, where: str) -> None:
        """Raise an error if failures fail the whole; trouble with the connection itself always does.

        :param fail_on: ``any``, ``all`` or ``never``
        :param where: where the outcomes are, in words
        :raises Bitrix24Error: of the class of the failures; one that another try may cure goes first. Its
            ``outcomes`` hold those that are kept
        """
        if self._error is None:
            return
        (not_wide, _), place, error = self._error
        tolerated = fail_on == "never" or (fail_on == "all" and self[FAILED] < self.rows)
        if tolerated and not_wide:
            return
        what = error.description if error.description.startswith(place) else f"{place}: {error.description}"
        found = error.but(description=f"{what}; {self[FAILED]} of {self.rows} failed, see {where}")
        found.outcomes = tuple(self.kept)
        raise found

    def sentence(self) -> str:
        """Return how many rows came to what."""
        told = [f"{self[status]} {status.replace('_', ' ')}" for status in STATUSES if self[status]]
        return f"{counted(self.rows, 'row')}{': ' if told else ''}{', '.join(told)}."


def _told(place: str, item: CrmItem | None, error: str) -> str:
    """Return an error that names the row, and the item where it is known."""
    if error.startswith(place):
        return error
    named = [place] if item is None or str(item) in error else [place, str(item)]
    return ": ".join([*named, error])
