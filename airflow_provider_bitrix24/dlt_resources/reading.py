"""What a resource of dlt yields: a dataset as Arrow tables, from the watermark of the last load on."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import current_thread
from typing import Any

import dlt
import pyarrow as pa

from airflow_provider_bitrix24.crm.extraction.arrow import arrow_schema, record_batch
from airflow_provider_bitrix24.crm.extraction.datasets import Dataset, ListDataset, SmallDataset
from airflow_provider_bitrix24.crm.extraction.typed_rows import OnBadValue
from airflow_provider_bitrix24.crm.extraction.windows import Beginning, Window, window_after, window_since
from airflow_provider_bitrix24.crm.fields.columns import Chunk
from airflow_provider_bitrix24.crm.fields.json_values import without_lists
from airflow_provider_bitrix24.crm.fields.schema import Names, static_schema
from airflow_provider_bitrix24.crm.lineage import dataset_name
from airflow_provider_bitrix24.crm.telling import counted
from airflow_provider_bitrix24.dlt_resources.destination import check_deletes, held_ids, takes_lists
from airflow_provider_bitrix24.dlt_resources.watermark import Watermark
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.hooks.extraction import Extraction, open_extraction
from airflow_provider_bitrix24.hooks.lineage import reporting
from airflow_provider_bitrix24.hooks.rest import RestHook
from airflow_provider_bitrix24.transfers.deletions import Sweep
from airflow_provider_bitrix24.transfers.runs import as_text, naming_rows, say_bad_values

#: the column that tells dlt to delete a row; no row that stays says so
DELETED = "_deleted"
#: how names of threads begin in dlt's pools
_POOL = "dlt-pool-"


@dataclass(frozen=True, kw_only=True)
class DatasetReader:
    """Reads a dataset for a resource of dlt.

    :param dataset: the dataset
    :param fields: names of the fields to read; ``None`` for all but those that cost much
    :param where: a filter
    :param incremental: whether to read what changed since the last load
    :param since: otherwise, the moment in UTC from which changes are read; ``None`` reads everything
    :param overlap: how much of the time before the window is read again
    :param max_deleted_share: the most of the rows that may go at once; ``None`` looks for no deletions
    :param names: ``snake`` or ``api``
    :param on_bad_value: ``fail`` or ``null``
    :param max_in_flight: how many requests may be under way at once
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    """

    dataset: Dataset
    fields: Sequence[str] | None
    where: Mapping[str, Any] | None
    incremental: bool
    since: datetime | None
    overlap: timedelta
    max_deleted_share: float | None
    names: Names
    on_bad_value: OnBadValue
    max_in_flight: int
    bitrix24_conn_id: str

    @property
    def is_merged(self) -> bool:
        """Whether rows are merged by their key; what is always read whole replaces what was there."""
        return isinstance(self.dataset, ListDataset)

    @property
    def finds_deletions(self) -> bool:
        """Whether it looks for what is gone."""
        return self.max_deleted_share is not None

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the columns that tell a row from all others, which no request is needed for."""
        if isinstance(self.dataset, SmallDataset):
            return static_schema(self.dataset.name, self.dataset.fields, self.dataset.key, self.names).key
        if isinstance(self.dataset, ListDataset) and self.names == "api":
            return (self.dataset.id_name,)
        return ("id",)

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows, and then what is gone; the watermark moves once all of it was taken.

        :raises InvalidInputError: the resource is parallelized, no such field, or a filter with which
            everything would come
        :raises BadValueError: a value does not fit its field's type
        :raises IncompleteListError: rows are missing or come twice
        :raises TooManyDeletionsError: more rows would go than ``max_deleted_share``
        :raises Bitrix24Error: a request failed
        """
        with joined():
            _check_thread()
            hook = RestHook(self.bitrix24_conn_id)
            try:
                yield from self._tables(hook)
            finally:
                hook.close()

    def _tables(self, hook: RestHook) -> Iterator[pa.Table]:
        self._check_use()
        extraction = open_extraction(
            hook,
            self.dataset.name,
            fields=self.fields,
            where=self.where,
            names=self.names,
            on_bad_value=self.on_bad_value,
            max_in_flight=self.max_in_flight,
        )
        beginning = extraction.begin()
        if beginning is None:
            yield from self._rows(extraction, hook)
            return
        portal, _ = hook.identity
        watermark = Watermark(portal, self.names, extraction, hook.log)
        window = self._window(beginning, watermark)
        extraction.narrow(window)
        self._say_since(window, hook.log)
        yield from self._rows(extraction, hook)
        yield from self._gone(extraction, beginning, hook.log)
        if self.incremental or window.since is None:
            watermark.keep(window, whole=self.fields is None)

    def _check_use(self) -> None:
        """Refuse what cannot be done with the resource as it is used."""
        if self.since is not None and _takes_everything():
            raise InvalidInputError(
                "since: only what changed would be left in the table",
                remedy="Leave it out, or load with write_disposition='merge'.",
            )
        if self.finds_deletions and not _takes_everything():
            check_deletes()

    def _window(self, beginning: Beginning, watermark: Watermark) -> Window:
        if not self.incremental or _takes_everything():
            return window_since(beginning, self.since, self.overlap)
        last = watermark.last(self.fields)
        return window_after(beginning, last.watermark, last.highest, self.overlap)

    def _rows(self, extraction: Extraction, hook: RestHook) -> Iterator[pa.Table]:
        """Yield the rows, and report the dataset to Airflow's lineage.

        Where there are none, yield an empty table, so that its columns are known.
        """
        count = 0
        lists = takes_lists()
        for chunk in reporting(hook, dataset_name(self.dataset.name), extraction.chunks()):
            with naming_rows(extraction, chunk):
                batch = record_batch(chunk if lists else without_lists(chunk))
            count += len(chunk)
            yield self._table(batch.columns, batch.schema, deleted=False)
        if not count:
            schema = _schema_of(extraction)
            yield self._table([pa.nulls(0, each.type) for each in schema], schema, deleted=False)
        say_bad_values(extraction, hook.log)
        hook.log.info("Read %s of %s.", counted(count, "row"), self.dataset.name)

    def _gone(
        self, extraction: Extraction, beginning: Beginning, log: logging.Logger | Any
    ) -> Iterator[pa.Table]:
        if self.max_deleted_share is None or _takes_everything():
            return
        sweep = Sweep(held_ids(self.key[0]), extraction, beginning.highest, log)
        gone = sweep.gone(self.max_deleted_share)
        if gone:
            log.info("%s of %s will be deleted.", counted(len(gone), "row"), self.dataset.name)
            yield self._of_ids(_schema_of(extraction), gone)

    def _of_ids(self, schema: pa.Schema, ids: Sequence[int]) -> pa.Table:
        """Return rows that are gone: their ids, and nothing else, because a file of dlt's has one schema."""
        [key] = self.key
        columns = [
            pa.array(ids, each.type) if each.name == key else pa.nulls(len(ids), each.type) for each in schema
        ]
        return self._table(columns, schema, deleted=True)

    def _table(self, columns: Sequence[pa.Array], schema: pa.Schema, *, deleted: bool) -> pa.Table:
        """Return rows as dlt takes them: a key is never null."""
        fields = [each.with_nullable(each.name not in self.key) for each in schema]
        if self.finds_deletions:
            fields.append(pa.field(DELETED, pa.bool_()))
            columns = [*columns, pa.array([deleted] * len(columns[0]), pa.bool_())]
        return pa.Table.from_arrays(columns, schema=pa.schema(fields))

    def _say_since(self, window: Window, log: logging.Logger | Any) -> None:
        if window.since is None:
            log.info("Reading all of %s.", self.dataset.name)
        else:
            log.info("Reading what changed in %s since %s.", self.dataset.name, as_text(window.since))


def _schema_of(extraction: Extraction) -> pa.Schema:
    """Return the schema of an extraction's tables at the running pipeline's destination."""
    empty = Chunk(extraction.columns, [()] * len(extraction.columns))
    return arrow_schema((empty if takes_lists() else without_lists(empty)).columns)


def _check_thread() -> None:
    """Refuse to be read in a thread of dlt's pool, which would mix up the resources that are running."""
    if current_thread().name.startswith(_POOL):
        raise InvalidInputError(
            "parallelize: a resource of this source is not read in a thread of its own",
            remedy="Leave it out: each reads with several requests at once, max_in_flight of them.",
        )


def _takes_everything() -> bool:
    """Whether the running resource's table is to hold what is read, and nothing else."""
    hint: Any = dlt.current.resource().write_disposition
    if isinstance(hint, Mapping):
        return "scd2" in hint.values() or "replace" in hint.values()
    return bool(hint == "replace")
