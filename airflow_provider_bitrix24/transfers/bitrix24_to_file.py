"""Extracts a dataset of the CRM into a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from airflow.providers.common.compat.sdk import AirflowSkipException, Asset
from airflow.sdk import Context, XComArg

from airflow_provider_bitrix24.assets.files import asset_of_path
from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.extraction.typed_rows import OnBadValue
from airflow_provider_bitrix24.crm.fields.schema import Names
from airflow_provider_bitrix24.crm.lineage import Lineage, columns_of
from airflow_provider_bitrix24.files.formats import FileFormat, FileKind, file_format_of
from airflow_provider_bitrix24.files.tables import Table, open_table
from airflow_provider_bitrix24.files.writing import check_path
from airflow_provider_bitrix24.hooks.aliases import FieldNamesLike, SinceLike, TextLike, WhereLike
from airflow_provider_bitrix24.hooks.bulk import LIST_IN_FLIGHT
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.hooks.extraction import Extraction, check_choice
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.operators.lineage import file_node
from airflow_provider_bitrix24.rest.errors import UnexpectedResultError
from airflow_provider_bitrix24.rest.shown import shown
from airflow_provider_bitrix24.state.watermarks import AssetWatermarks, Watermark
from airflow_provider_bitrix24.transfers.base import ExtractionOperator
from airflow_provider_bitrix24.transfers.runs import LastRun, as_text, naming_rows, say_bad_values

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

OnEmpty = Literal["write", "skip", "fail"]


class _NothingRead(Exception):  # noqa: N818 - it is no error
    """No row came, and no file is to be written."""


class Bitrix24ToFileOperator(ExtractionOperator):
    """Extract a dataset of the CRM into a JSON Lines, CSV or Parquet file, typed and complete.

    The file is there whole or not at all. What was there before stays until then.

    The result is a mapping: ``dataset``, ``path``, ``rows``, ``bytes``, ``columns`` (their names),
    ``new_fields`` (columns that the last incremental run did not have), ``since`` and ``watermark``.

    With ``incremental=True`` a run reads what changed since the last one, and what is new. Its watermark is
    the portal's clock when the last run began to read, and lies in the asset's state store. A run that is
    tried again or cleared reads the same changes again.

    :param dataset: a type of CRM items (``deal``, ``contact``, ``dynamic_1042``), ``activity``,
        ``deal.stage_history``, ``deal.product_rows``, ``deal.fields``, ``deal.enum_values``, ``statuses``,
        ``stages``, ``pipelines``, ``users``, ``departments`` or ``currencies``
    :param path: local or object-storage path, such as ``s3://conn@lake/deals/{{ run_id }}.parquet``; of
        incremental runs each needs a path of its own
    :param file_format: ``jsonl``, ``csv`` or ``parquet``; without it, as the path ends
    :param fields: names of the fields to read: the API's, the columns', or those of classic methods
        (``DATE_CREATE``); the id is always among them. Without it every field is read that there is, but
        those that cost much
    :param where: a filter of these fields, such as ``{">=opportunity": 1000}``
    :param since: a moment with its offset from UTC: read what changed since then; an empty text reads all
    :param incremental: read what changed since the last run; needs Airflow 3.3 and an asset as outlet
    :param overlap: how much of the time before the window is read again
    :param asset: the asset that the file belongs to; without it and without ``outlets``, a path that holds
        no template is one
    :param names: whether columns go by the common names in lower case (``snake``), or the API's (``api``)
    :param on_empty: ``write`` a file without rows, ``skip`` the task, or ``fail``
    :param on_bad_value: ``fail`` if a value does not fit its field's type, or take it as ``null``
    :param max_in_flight: how many requests may be under way at once: 1 to 40
    :param deferrable: wait in the triggerer for limits that last longer, and then read anew; the default is
        Airflow's setting ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: no such dataset, field or format, or a filter with which everything would come
    :raises BadValueError: a value does not fit its field's type
    :raises IncompleteListError: rows are missing or come twice
    """

    #: what was written, once the file is there
    _table: Table | None = None
    template_fields: Sequence[str] = ("dataset", "path", "fields", "where", "since", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"fields": "json", "where": "json"}

    def __init__(
        self,
        *,
        dataset: TextLike,
        path: str | PurePath | ObjectStoragePath | XComArg,
        file_format: Literal["jsonl", "csv", "parquet"] | None = None,
        fields: FieldNamesLike | None = NOT_GIVEN,
        where: WhereLike | None = NOT_GIVEN,
        since: SinceLike | None = NOT_GIVEN,
        incremental: bool = False,
        overlap: timedelta = timedelta(minutes=2),
        asset: Asset | None = None,
        names: Names = "snake",
        on_empty: OnEmpty = "write",
        on_bad_value: OnBadValue = "fail",
        max_in_flight: int = LIST_IN_FLIGHT,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        with joined():
            _check_asset(asset)
        found = asset or asset_of_path(path)
        if found is not None and "outlets" not in kwargs:
            kwargs["outlets"] = [found]
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.take_extraction(
            dataset=dataset,
            fields=fields,
            where=where,
            since=since,
            incremental=incremental,
            overlap=overlap,
            names=names,
            on_bad_value=on_bad_value,
            max_in_flight=max_in_flight,
        )
        with joined():
            check_choice(on_empty, "on_empty", get_args(OnEmpty))
        # Airflow 3.1 cannot render a path that is not text.
        self.path = str(path) if isinstance(path, PurePath) else path
        self.file_format = file_format
        self.asset = found
        self.on_empty = on_empty
        self.arguments.note(path=path)
        self.arguments.check_literals(path=lambda value, _: self._format(value))
        if self.incremental and not any(isinstance(outlet, Asset) for outlet in self.outlets):
            raise InvalidInputError(
                "asset: it is not given, and the watermark of an incremental task is kept with it",
                remedy="Give asset=Asset('deals'), or the asset that the files belong to.",
            )
        if self.incremental:
            self.arguments.check_literals(path=_refuse_one_path)

    def lineage(self) -> Lineage:
        """Return the dataset and the file; the file only if it was written, or is about to be."""
        source = self.source_node()
        table = self._table
        if table is None:
            return Lineage([source], [] if self._has_begun else [file_node(self.path)])
        columns = columns_of(table.columns, nested=self._format(self.path).kind is not FileKind.CSV)
        written = file_node(self.path, fields=columns, rows=table.rows, size=table.bytes)
        return Lineage([source], [replace(written, origins=self.column_origins(source))])

    def _format(self, path: Any) -> FileFormat:
        return file_format_of(path, self.file_format)

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the dataset, and write the file."""
        with self.traced(context), self.deferring():
            return self._extract(context)

    def _extract(self, context: Context) -> dict[str, Any]:
        path = check_path(self.path, "path")
        file_format = self._format(self.path)
        extraction = self.extraction()
        kept = self._watermarks(context, extraction)
        before = kept.fixed() if kept is not None else None
        beginning = self.beginning(extraction)
        window = self.narrow(extraction, beginning, _last_run(before)) if beginning is not None else None
        self.say_since(window)
        written = self._write(extraction, path, file_format)
        say_bad_values(extraction, self.log)
        names = [column.name for column in extraction.columns]
        new = self.new_fields(extraction, before.columns if before is not None else None)
        watermark = window.watermark if window is not None else None
        if kept is not None and window is not None:
            watermark = kept.advance(window.watermark, window.beginning.highest, names).moment
        if written is None:
            raise AirflowSkipException(f"{self.dataset} has no rows to write.")
        self.log.info("Wrote %d rows of %s into %s.", written.rows, extraction.dataset.name, path)
        result = {
            "dataset": extraction.dataset.name,
            "path": str(self.path),
            "rows": written.rows,
            "bytes": written.bytes,
            "columns": names,
            "new_fields": new,
            "since": as_text(window.since) if window is not None else None,
            "watermark": as_text(watermark),
        }
        self._tell_outlets(context, result)
        return result

    def _watermarks(self, context: Context, extraction: Extraction) -> AssetWatermarks | None:
        """Return where the watermark is kept, ``None`` where there is none."""
        if not self.incremental:
            return None
        return AssetWatermarks(context, self._own_asset, self.source(extraction))

    @property
    def _own_asset(self) -> Asset:
        """The asset that the file belongs to."""
        if self.asset is not None:
            return self.asset
        return next(outlet for outlet in self.outlets if isinstance(outlet, Asset))

    def _write(
        self, extraction: Extraction, path: ObjectStoragePath, file_format: FileFormat
    ) -> Table | None:
        """Write the file; return ``None`` where there are no rows and none is to be written."""
        try:
            with open_table(path, file_format, extraction.columns) as table:
                for chunk in extraction.chunks():
                    with naming_rows(extraction, chunk):
                        table.write(chunk)
                if not table.rows:
                    self._refuse_empty(extraction)
        except _NothingRead:
            return None
        self._table = table
        return table

    def _refuse_empty(self, extraction: Extraction) -> None:
        if self.on_empty == "skip":
            raise _NothingRead
        if self.on_empty == "fail":
            raise UnexpectedResultError(
                f"{extraction.dataset.name} has no rows to write",
                remedy="on_empty='write' writes a file without rows, 'skip' skips the task.",
            )

    def _tell_outlets(self, context: Context, result: dict[str, Any]) -> None:
        """Let the assets' events say what was written."""
        events = context.get("outlet_events")
        if events is None:  # outside of a task
            return
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                events[outlet].extra = dict(result)


def _check_asset(asset: Any) -> None:
    """Refuse what is no asset.

    :raises InvalidInputError: it is none
    """
    if asset is not None and not isinstance(asset, Asset):
        named = asset if isinstance(asset, str) and asset else "deals"
        raise InvalidInputError(
            f"asset: {shown(asset)} is not an Asset", remedy=f"Give asset=Asset({named!r})."
        )


def _refuse_one_path(path: Any, field: str) -> None:
    """Refuse a path that is the same in every run.

    :raises InvalidInputError: it is given
    """
    raise InvalidInputError(
        f"{field}: {shown(str(path))} is the same in every run, so each incremental run would replace all "
        "rows by the newest changes",
        remedy="Let each run write a file of its own, such as deals/{{ ts_nodash }}.parquet.",
    )


def _last_run(kept: Watermark | None) -> LastRun:
    if kept is None:
        return LastRun()
    return LastRun(watermark=kept.moment, highest=kept.max_id, columns=kept.columns)
