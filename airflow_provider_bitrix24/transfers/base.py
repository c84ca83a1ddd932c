"""What the operators that extract a dataset share: their arguments, the window of a run, the result."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

from airflow_provider_bitrix24.crm.extraction.datasets import Dataset, parse_dataset
from airflow_provider_bitrix24.crm.extraction.narrowing import source_digest
from airflow_provider_bitrix24.crm.extraction.typed_rows import OnBadValue
from airflow_provider_bitrix24.crm.extraction.windows import (
    Beginning,
    Window,
    parse_overlap,
    parse_since,
    window_after,
    window_since,
)
from airflow_provider_bitrix24.crm.fields.schema import Names
from airflow_provider_bitrix24.crm.lineage import DataNode, Origin, column_origins, dataset_name
from airflow_provider_bitrix24.hooks.aliases import FieldNamesLike, SinceLike, WhereLike
from airflow_provider_bitrix24.hooks.bulk import check_list_in_flight
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.hooks.extraction import (
    Extraction,
    check_choice,
    check_dated,
    check_fields,
    open_extraction,
)
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.operators.arguments import or_none, unless_none
from airflow_provider_bitrix24.operators.deferring import DeferringOperator
from airflow_provider_bitrix24.transfers.runs import LastRun, as_text, usable


class ExtractionOperator(DeferringOperator):
    """Base of the operators that extract a dataset.

    A task that has to wait long for a limit frees its worker, and reads everything again when it goes on:
    what a whole table takes to read are minutes, and nothing half read has to be kept for them.
    """

    dataset: Any
    fields: Any
    where: Any
    since: Any
    incremental: bool
    overlap: timedelta
    #: the portal's host as the connection names it, also where the portal redirects to a new one
    portal: str
    #: what is read, once the metadata is there
    _extraction: Extraction | None = None

    def take_extraction(
        self,
        *,
        dataset: Any,
        fields: FieldNamesLike | None,
        where: WhereLike | None,
        since: SinceLike | None,
        incremental: bool,
        overlap: timedelta,
        names: Names,
        on_bad_value: OnBadValue,
        max_in_flight: int,
    ) -> None:
        """Keep the arguments that say what is read.

        :param dataset: the dataset's name
        :param fields: names of fields
        :param where: a filter
        :param since: from when on changes are read
        :param incremental: whether to read what changed since the last run
        :param overlap: how much of the time before is read again
        :param names: ``snake`` or ``api``
        :param on_bad_value: ``fail`` or ``null``
        :param max_in_flight: how many requests may be under way at once
        :raises InvalidInputError: one of them is not valid
        """
        self.dataset = dataset
        self.fields = or_none(fields)
        self.where = or_none(where)
        self.since = or_none(since)
        self.incremental = incremental
        self.overlap = overlap
        self.names = names
        self.on_bad_value = on_bad_value
        self.max_in_flight = max_in_flight
        self.arguments.note(dataset=dataset, fields=fields, where=where, since=since)
        with joined():
            self._check_reading()
        self.arguments.check_literals(
            dataset=lambda value, _: self._check_dated(parse_dataset(value)),
            fields=lambda value, _: check_fields(value),
            since=unless_none(parse_since),
        )

    def _check_reading(self) -> None:
        check_flag(self.incremental, "incremental")
        parse_overlap(self.overlap)
        check_list_in_flight(self.max_in_flight)
        check_choice(self.names, "names", get_args(Names))
        check_choice(self.on_bad_value, "on_bad_value", get_args(OnBadValue))
        if self.incremental and self.arguments.has_value("since"):
            raise InvalidInputError(
                "since and incremental: both are given",
                remedy="With incremental=True each run goes on where the last one began. Leave since out.",
            )

    def _check_dated(self, dataset: Dataset) -> None:
        """Refuse a window of a dataset that has no date of the last change.

        :raises InvalidInputError: there is one
        """
        if self.is_partial:
            check_dated(dataset, "incremental" if self.incremental else "since")

    @property
    def is_partial(self) -> bool:
        """Whether only what changed is read."""
        return self.incremental or self.arguments.is_meant("since")

    def extraction(self) -> Extraction:
        """Read the dataset's fields, and return what reads its rows."""
        self.arguments.check_not_lost(self, "fields", "where")
        self._check_dated(parse_dataset(self.dataset))
        self._moment()
        self.portal, _ = self.hook.identity
        self._extraction = open_extraction(
            self.hook,
            self.dataset,
            fields=self.fields,
            where=self.where,
            names=self.names,
            on_bad_value=self.on_bad_value,
            max_in_flight=self.max_in_flight,
        )
        return self._extraction

    def source_node(self) -> DataNode:
        """Return the dataset as one of the portal's, with all of its fields once they are known."""
        name = dataset_name(parse_dataset(self.dataset).name)
        if self._extraction is None:
            return self.dataset_node(name)
        return self.dataset_node(name, schema=self._extraction.whole, rows=self._extraction.rows_read)

    def column_origins(self, source: DataNode) -> dict[str, list[Origin]]:
        """Return which fields of the portal the columns come from, once they are known.

        :param source: the portal's dataset
        """
        return {} if self._extraction is None else column_origins(self._extraction.schema, source)

    def beginning(self, extraction: Extraction) -> Beginning | None:
        """Ask for the portal's clock and whether dates can be filtered by; ``None`` without a list by id."""
        return extraction.begin()

    def narrow(self, extraction: Extraction, beginning: Beginning, last: LastRun) -> Window:
        """Let an extraction read only what it has to, and return the window.

        :param extraction: reads everything so far
        :param beginning: what was so when reading began
        :param last: what the last run left; it counts where the task is incremental
        """
        if self.incremental:
            last = usable(last, extraction, self.fields, self.log)
            window = window_after(beginning, last.watermark, last.highest, self.overlap)
        else:
            window = window_since(beginning, self._moment(), self.overlap)
        extraction.narrow(window)
        return window

    def _moment(self) -> datetime | None:
        """Return the moment from which changes are read, as far as it was given."""
        return parse_since(self.since) if self.arguments.is_meant("since") else None

    def say_since(self, window: Window | None) -> None:
        """Log from when on an incremental run reads.

        :param window: what it reads; ``None`` of what is always read whole
        """
        if window is None or not self.incremental:
            return
        if window.since is None:
            self.log.info("Reading everything.")
        else:
            self.log.info("Reading what changed since %s.", as_text(window.since))

    def moves_watermark(self, window: Window) -> bool:
        """Whether the next incremental run may go on from a window, which has nothing missing before it.

        What a moment given as ``since`` left out is for that run, and so are items with old dates.

        :param window: what was read
        """
        return self.incremental or window.since is None

    def source(self, extraction: Extraction) -> str:
        """Return what tells this extraction from others: the portal, the dataset and the filter."""
        return source_digest(self.portal, extraction.dataset.name, extraction.where)

    def new_fields(self, extraction: Extraction, before: Sequence[str] | None) -> list[str]:
        """Return the columns that an earlier run did not have, and log them.

        :param extraction: this run's
        :param before: names of an earlier run's columns, ``None`` where they are not known
        """
        if before is None or self.fields is not None:
            return []
        names = [column.name for column in extraction.columns]
        new = [name for name in names if name not in before]
        if new:
            self.log.info("New fields of %s since the last run: %s.", self.dataset, ", ".join(new))
        gone = [name for name in before if name not in names]
        if gone:
            self.log.warning("Fields that %s no longer has: %s.", self.dataset, ", ".join(gone))
        return new
