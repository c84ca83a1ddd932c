"""Finds the rows of a table that the portal does not have any more."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from airflow_provider_bitrix24.crm.extraction.datasets import ListDataset
from airflow_provider_bitrix24.crm.extraction.deletions import (
    Confirmed,
    check_census,
    check_share,
    confirm_gone,
)
from airflow_provider_bitrix24.crm.telling import counted
from airflow_provider_bitrix24.hooks.extraction import Extraction
from airflow_provider_bitrix24.rest.methods import number_of


class HeldRows(Protocol):
    """What a table holds, as far as a sweep has to know."""

    def stage_ids(self, ids: Iterable[int]) -> None:
        """Keep ids that the portal has, to be compared with those of the table.

        :param ids: the ids
        """

    def missing_ids(self) -> Iterator[list[int]]:
        """Yield ids of rows whose id was not staged, in lists."""

    def count_live(self) -> int:
        """Return how many rows the table has that are not gone already."""


class Sweep:
    """Compares the ids of a table with those that the portal has now.

    Rows that came into being meanwhile do no harm: each id that is missing is asked for by itself.

    :param target: what the table holds
    :param extraction: what is loaded into it
    :param highest: the highest id when reading began
    :param log: where to say what was found
    """

    def __init__(
        self,
        target: HeldRows,
        extraction: Extraction,
        highest: int,
        log: logging.Logger | Any,
    ) -> None:
        assert isinstance(extraction.dataset, ListDataset)  # noqa: S101 - checked with the argument
        self._target = target
        self._extraction = extraction
        self._dataset = extraction.dataset
        self._call = self._dataset.ids_call(extraction.where)
        self._highest = highest
        self._log = log
        self._read = 0

    def gone(self, max_deleted_share: float) -> list[int]:
        """Return the ids of the table's rows that are gone, or match the filter no more.

        :param max_deleted_share: the most of the rows that may go at once
        :raises TooManyDeletionsError: more would go
        :raises IncompleteListError: the ids that were read are not all that there are
        """
        self._target.stage_ids(self._ids())
        self._extraction.carry_out(check_census(self._call, self._read, self._highest))
        live = self._target.count_live()
        found: list[int] = []
        hidden = 0
        for ids in self._target.missing_ids():
            plan = confirm_gone(self._call, self._dataset.name, ids)
            confirmed: Confirmed = self._extraction.carry_out(plan)
            found += (*confirmed.gone, *confirmed.left)
            hidden += len(confirmed.hidden)
            check_share(len(found), live, max_deleted_share)
        if hidden:
            stays, them = ("stays", "it") if hidden == 1 else ("stay", "them")
            self._log.warning(
                "%s of the table %s, because the connection's user may not see %s any more.",
                counted(hidden, "row"),
                stays,
                them,
            )
        return found

    def _ids(self) -> Iterator[int]:
        for row in self._extraction.rows_of([self._call]):
            number = number_of(row.get(self._dataset.id_name))
            if number is not None:
                self._read += number <= self._highest
                yield number
