"""What the operators that extract a dataset share: their arguments, the window of a run, the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from airflow_provider_bitrix24.crm.fields.columns import Chunk
from airflow_provider_bitrix24.crm.fields.fitting import UnfitValueError
from airflow_provider_bitrix24.crm.fields.schema import Names
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
from airflow_provider_bitrix24.operators.arguments import check_flag, or_none, unless_none
from airflow_provider_bitrix24.operators.deferring import DeferringOperator
from airflow_provider_bitrix24.rest.errors import BadValueError


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """What an earlier run of the same extraction left.

    :param watermark: the portal's clock when it began to read; ``None`` where there was none
    :param highest: the highest id known then
    :param columns: the names of the columns it read
    """

    watermark: datetime | None = None
    highest: int | None = None
    columns: Sequence[str] = ()


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
        return open_extraction(
            self.hook,
            self.dataset,
            fields=self.fields,
            where=self.where,
            names=self.names,
            on_bad_value=self.on_bad_value,
            max_in_flight=self.max_in_flight,
        )

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
            last = self._usable(extraction, last)
            window = window_after(beginning, last.watermark, last.highest, self.overlap)
        else:
            window = window_since(beginning, self._moment(), self.overlap)
        extraction.narrow(window)
        return window

    def _moment(self) -> datetime | None:
        """Return the moment from which changes are read, as far as it was given."""
        return parse_since(self.since) if self.arguments.is_meant("since") else None

    def _usable(self, extraction: Extraction, last: LastRun) -> LastRun:
        """Return the last run, or none where it did not read a field that ``fields`` names now.

        A field that the portal did not have then comes with the items that change.
        """
        missing = [column.name for column in extraction.columns if column.name not in last.columns]
        if last.watermark is None or self.fields is None or not missing:
            return last
        self.log.info("The last run did not read %s, so everything is read.", ", ".join(missing))
        return LastRun()

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

    def say_bad_values(self, extraction: Extraction) -> None:
        """Log how many values are null because they did not fit their fields' types."""
        for column, count in extraction.bad_values.items():
            what = "1 value of %s does not fit its type and is null."
            if count > 1:
                what = f"{count} values of %s do not fit its type and are null."
            self.log.warning(what, column)


@contextmanager
def naming_rows(extraction: Extraction, chunk: Chunk) -> Iterator[None]:
    """Let an error about a value name the dataset, the row's id and the column.

    :param extraction: what is read
    :param chunk: the rows
    :raises BadValueError: a value does not fit its column
    """
    try:
        yield
    except UnfitValueError as error:
        found = error
    else:
        return
    row = {column.name: values[found.row] for column, values in zip(chunk.columns, chunk.values, strict=True)}
    named = ", ".join(str(row.get(name)) for name in extraction.schema.key)
    raise BadValueError(
        f"{extraction.dataset.name} {named}: the value of {found.column} cannot be written: {found.reason}",
        remedy="Leave the field out of fields.",
    )


def as_text(moment: datetime | None) -> str | None:
    """Return a moment for XCom.

    :param moment: the moment, in UTC
    """
    return None if moment is None else moment.isoformat()
