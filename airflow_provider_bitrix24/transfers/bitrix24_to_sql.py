"""Extracts a dataset of the CRM into a table of a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from airflow.sdk import Context

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.extraction.datasets import parse_dataset
from airflow_provider_bitrix24.crm.extraction.deletions import parse_share
from airflow_provider_bitrix24.crm.extraction.typed_rows import OnBadValue
from airflow_provider_bitrix24.crm.fields.schema import Names
from airflow_provider_bitrix24.crm.inputs import check_text
from airflow_provider_bitrix24.crm.lineage import Lineage, columns_of
from airflow_provider_bitrix24.crm.telling import counted, first_of
from airflow_provider_bitrix24.hooks.aliases import FieldNamesLike, SinceLike, TextLike, WhereLike
from airflow_provider_bitrix24.hooks.bulk import LIST_IN_FLIGHT
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.hooks.extraction import Extraction, check_choice
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN, or_none
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.transfers.base import ExtractionOperator
from airflow_provider_bitrix24.transfers.runs import LastRun, as_text, naming_rows, say_bad_values

if TYPE_CHECKING:
    from airflow_provider_bitrix24.transfers.sql.loads import SqlLoad
    from airflow_provider_bitrix24.transfers.sql.tables import Prepared
    from airflow_provider_bitrix24.transfers.sql.target import SqlTarget

Mode = Literal["merge", "replace", "append"]
SchemaChanges = Literal["add", "fail", "ignore"]
Deletions = Literal["mark", "delete"]
_DONE = {
    "merge": "Merged %s of %s into table %s.",
    "replace": "Wrote %s of %s into table %s in place of what was there.",
    "append": "Added %s of %s to table %s.",
}


class Bitrix24ToSqlOperator(ExtractionOperator):
    """Extract a dataset of the CRM into a table of a database, typed and complete.

    The table is made where it is missing. A load is committed whole or not at all, together with its row in
    the table ``bitrix24_loads``, from which the next incremental run takes its watermark.

    The result is a mapping: ``dataset``, ``table``, ``rows`` (read), ``deleted``, ``columns`` (their names),
    ``new_fields`` (columns that the last load did not have), ``since`` and ``watermark``.

    PostgreSQL and SQLite are tested; for MySQL and SQL Server the statements are made, and not tried.

    :param dataset: a type of CRM items (``deal``, ``contact``, ``dynamic_1042``), ``activity``,
        ``deal.stage_history``, ``deal.product_rows``, ``deal.fields``, ``deal.enum_values``, ``statuses``,
        ``stages``, ``pipelines``, ``users``, ``departments`` or ``currencies``
    :param table: the table's name, without its schema
    :param sql_conn_id: Airflow connection of the database
    :param schema: the table's schema, such as ``crm``, which has to be there; without it the schema that the
        database uses by itself, such as ``public`` in PostgreSQL
    :param mode: ``merge`` by the id, ``replace`` all rows, or ``append``; an incremental run merges
    :param fields: names of the fields to read, in the API's spelling or the columns'; the id is always among
        them. Without it every field is read that there is, but those that cost much
    :param where: a filter of these fields, such as ``{">=opportunity": 1000}``
    :param since: a moment with its offset from UTC: read what changed since then; an empty text reads all
    :param incremental: read what changed since the last load of this table
    :param overlap: how much of the time before the window is read again
    :param schema_changes: ``add`` columns that the table lacks, ``fail``, or ``ignore`` them
    :param deletions: what happens to rows that the portal does not have any more: ``mark`` them in a column
        ``deleted_at``, or ``delete`` them; without it they stay
    :param max_deleted_share: the most of the table's rows that may go at once, from 0 to 1; up to ten may
        always, unless they are all or it is 0
    :param names: whether columns go by the common names in lower case (``snake``), or the API's (``api``)
    :param on_bad_value: ``fail`` if a value does not fit its field's type, or take it as ``null``
    :param max_in_flight: how many requests may be under way at once: 1 to 40
    :param deferrable: wait in the triggerer for limits that last longer, and then read anew; the default is
        Airflow's setting ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: no such dataset or field, a filter with which everything would come, or a table
        whose columns do not fit, or which holds another dataset or that of another portal
    :raises BadValueError: a value does not fit its field's type
    :raises IncompleteListError: rows are missing or come twice
    :raises TooManyDeletionsError: more rows would go than ``max_deleted_share``; nothing was changed
    :raises SqlLoadError: the database failed or refused; nothing was committed
    """

    #: what was loaded, once it is committed, and the schema that the database uses by itself
    _loaded: SqlLoad | None = None
    _default_schema = ""
    template_fields: Sequence[str] = (
        "dataset",
        "table",
        "schema",
        "sql_conn_id",
        "fields",
        "where",
        "since",
        "bitrix24_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"fields": "json", "where": "json"}

    def __init__(
        self,
        *,
        dataset: TextLike,
        table: TextLike,
        sql_conn_id: str,
        schema: TextLike | None = NOT_GIVEN,
        mode: Mode = "merge",
        fields: FieldNamesLike | None = NOT_GIVEN,
        where: WhereLike | None = NOT_GIVEN,
        since: SinceLike | None = NOT_GIVEN,
        incremental: bool = False,
        overlap: timedelta = timedelta(minutes=2),
        schema_changes: SchemaChanges = "add",
        deletions: Deletions | None = None,
        max_deleted_share: float = 0.05,
        names: Names = "snake",
        on_bad_value: OnBadValue = "fail",
        max_in_flight: int = LIST_IN_FLIGHT,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
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
        self.table = table
        self.sql_conn_id = sql_conn_id
        self.schema = or_none(schema)
        self.mode = mode
        self.schema_changes = schema_changes
        self.deletions = deletions
        self.max_deleted_share = max_deleted_share
        self.arguments.note(table=table, schema=schema, sql_conn_id=sql_conn_id)
        self.arguments.check_literals(
            table=self._check_table, sql_conn_id=check_text, dataset=lambda value, _: self._check_sweep(value)
        )
        with joined():
            self._check_modes()

    def _check_modes(self) -> None:
        check_choice(self.mode, "mode", get_args(Mode))
        check_choice(self.schema_changes, "schema_changes", get_args(SchemaChanges))
        parse_share(self.max_deleted_share)
        if self.mode == "replace" and self.is_partial:
            raise InvalidInputError(
                "mode: 'replace' would leave only what changed in the table",
                remedy="Read the dataset whole, or use mode='merge'.",
            )
        if self.mode == "append" and self.incremental:
            raise InvalidInputError(
                "mode: 'append' would add rows again in each incremental run, because windows overlap",
                remedy="Use mode='merge', which adds a row once.",
            )
        if self.deletions is None:
            return
        check_choice(self.deletions, "deletions", get_args(Deletions))
        if self.mode != "merge":
            raise InvalidInputError(
                f"deletions: mode={self.mode!r} does not compare the table with the portal",
                remedy="Leave it out, or use mode='merge'.",
            )

    def _check_table(self, value: Any, field: str = "table") -> str:
        """Return the table's name; refuse one with the schema in it, which would be a name with a dot."""
        table = check_text(value, field)
        if self.schema is None and "." in table:
            schema, _, name = table.rpartition(".")
            raise InvalidInputError(
                f"{field}: {table!r} has a dot, and no schema is given",
                remedy=f"Write schema={schema!r}, table={name!r}, if you meant that.",
            )
        return table

    def _check_sweep(self, dataset: Any) -> None:
        """Refuse to look for what is gone of a dataset whose rows cannot be asked for one by one."""
        found = parse_dataset(dataset)
        if self.deletions is not None and not found.has_single_rows:
            raise InvalidInputError(
                f"deletions: the portal cannot be asked for single rows of {found.name}",
                remedy="Read it whole with mode='replace'.",
            )

    def lineage(self) -> Lineage:
        """Return the dataset and the table; the table only if a load was committed."""
        from airflow_provider_bitrix24.transfers.sql.lineage import database_of

        source = self.source_node()
        if self._has_begun and self._loaded is None:
            return Lineage([source])
        database = database_of(self.sql_conn_id, self._default_schema)
        table = database.table(str(self.table), None if self.schema is None else str(self.schema))
        if table is None or self._extraction is None or self._loaded is None:
            return Lineage([source], [] if table is None else [table])
        columns = [column for column in self._extraction.columns if column.name in self._loaded.columns]
        origins = self.column_origins(source)
        loaded = replace(
            table,
            fields=columns_of(columns, nested=False),
            rows=self._loaded.row_count,
            origins={column.name: origins[column.name] for column in columns},
        )
        return Lineage([source], [loaded])

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the dataset, and load it."""
        with self.traced(context), self.deferring():
            return self._load(context)

    def _load(self, context: Context) -> dict[str, Any]:
        # SQLAlchemy is loaded where it is needed
        from airflow_provider_bitrix24.transfers.sql.engines import engine_of
        from airflow_provider_bitrix24.transfers.sql.lineage import default_schema
        from airflow_provider_bitrix24.transfers.sql.target import SqlTarget

        self.arguments.check_not_lost(self, "schema")
        self._check_sweep(self.dataset)
        table = self._check_table(self.table)
        engine = engine_of(self.sql_conn_id)
        extraction = self.extraction()
        target = SqlTarget(
            engine=engine,
            table=table,
            columns=extraction.columns,
            key=extraction.schema.key,
            dataset=extraction.dataset.name,
            portal=self.portal,
            run_id=_name_of_run(context),
            schema=None if self.schema is None else check_text(self.schema, "schema"),
            filter_digest=self.source(extraction),
            mode=self.mode,
            schema_changes=self.schema_changes,
            deletions=self.deletions,
        )
        with target:
            self._default_schema = default_schema(engine)
            return self._into(target, extraction)

    def _into(self, target: SqlTarget, extraction: Extraction) -> dict[str, Any]:
        """Read, stage and load."""
        if target.recall():
            self.log.warning(
                "Table %s is gone or empty, though rows were loaded into it before. "
                "This run does not go on from an earlier load.",
                self.table,
            )
        done = target.load_of_run() if self.mode == "append" else None
        if done is not None:
            self.log.info("This run has appended its %s already.", counted(done.row_count, "row"))
            return self._result(extraction, done, ())
        before = target.load_before()
        beginning = self.beginning(extraction)
        last = self._last_run(before, extraction)
        window = self.narrow(extraction, beginning, last) if beginning is not None else None
        self.say_since(window)
        self._say_prepared(target.prepare())
        for chunk in extraction.chunks():
            with naming_rows(extraction, chunk):
                target.stage(chunk)
        gone: list[int] = []
        if self.deletions is not None and beginning is not None:
            from airflow_provider_bitrix24.transfers.deletions import Sweep

            sweep = Sweep(target, extraction, beginning.highest, self.log)
            gone = sweep.gone(parse_share(self.max_deleted_share))
        reached = window if window is not None and self.moves_watermark(window) else None
        load = self._loaded = target.load(
            since=window.since if window is not None else None,
            watermark=reached.watermark if reached is not None else None,
            max_id=reached.beginning.highest if reached is not None else None,
            deleted=gone,
        )
        say_bad_values(extraction, self.log)
        new = self.new_fields(extraction, before.columns if before is not None else None)
        self._say_deleted(gone)
        self.log.info(
            _DONE[self.mode], counted(load.row_count, "row"), extraction.dataset.name, load.table_name
        )
        if window is not None and reached is None:
            load = replace(load, watermark=window.watermark)  # for whoever passes it on as since
        return self._result(extraction, load, new)

    def _say_prepared(self, prepared: Prepared) -> None:
        if prepared.created:
            self.log.info("Made table %s with %s.", self.table, counted(len(prepared.columns), "column"))
        elif prepared.added:
            self.log.info("Added columns to table %s: %s.", self.table, ", ".join(prepared.added))

    def _say_deleted(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        what = "Marked %s in deleted_at: id %s." if self.deletions == "mark" else "Deleted %s: id %s."
        named = ", ".join(first_of([str(each) for each in ids], "more"))
        self.log.info(what, counted(len(ids), "row"), named)

    def _last_run(self, load: SqlLoad | None, extraction: Extraction) -> LastRun:
        if load is None:
            return LastRun()
        ignored = self.schema_changes == "ignore"  # what the table has no column for is never loaded
        columns = [column.name for column in extraction.columns] if ignored else load.columns
        return LastRun(watermark=load.watermark, highest=load.max_id, columns=columns)

    def _result(self, extraction: Extraction, load: SqlLoad, new_fields: Sequence[str]) -> dict[str, Any]:
        return {
            "dataset": extraction.dataset.name,
            "table": load.table_name,
            "rows": load.row_count,
            "deleted": load.deleted,
            "columns": [column.name for column in extraction.columns],
            "new_fields": list(new_fields),
            "since": as_text(load.since),
            "watermark": as_text(load.watermark),
        }


def _name_of_run(context: Context) -> str:
    """Return what names a task in a run, the same in each of its tries; mapped ones each have their own."""
    ti = context["ti"]
    return f"{ti.dag_id} {ti.task_id} {getattr(ti, 'map_index', -1)} {context['run_id']}"
