"""Writes the rows of a query into the CRM."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from airflow.sdk import XComArg

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.inputs import check_text, from_json, is_sequence
from airflow_provider_bitrix24.crm.writing.changes import Nulls, Operation
from airflow_provider_bitrix24.hooks.aliases import FilePathLike, KeyLike, TextLike
from airflow_provider_bitrix24.hooks.bulk import DEFAULT_IN_FLIGHT, FailOn
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.hooks.writing import MAX_ITEMS, Phones
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN, is_literal, or_none
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.transfers.loading import LoadingOperator, Row, Source
from airflow_provider_bitrix24.transfers.query_values import QueryValues


class SqlToBitrix24Operator(LoadingOperator):
    """Create, update, upsert or delete items of the CRM by the rows of a query, each with an outcome.

    Columns go by the names of an extraction (``assigned_by_id``) or the API's (``assignedById``); name them
    with ``AS``. Those that Bitrix24 sets itself are left out.

    All rows are read and checked against the portal's metadata before one is sent, and each gets an outcome.
    Rows are not held in memory. The database connection is closed before the first row is sent.

    The result is a mapping: ``entity_type``, ``operation``, ``rows``, how many of them were ``created``,
    ``updated``, ``unchanged``, ``deleted``, ``not_found`` and ``failed``, and ``outcomes_path``. The outcomes
    of up to 1,000 rows are in XCom under the key ``outcomes``: one mapping for each, as
    ``UpsertCrmItemsOperator`` returns them. Of more rows, only those that failed are there, up to 1,000 of
    them; ``outcomes_path`` takes all.

    :param entity_type: the items' type: ``lead``, ``deal``, ``contact``, ``company``, ``quote``,
        ``smart_invoice`` or ``dynamic_<number>`` of a smart process
    :param operation: ``create``, ``update`` (by the column ``id``), ``upsert`` (by ``key``) or ``delete`` (by
        the column ``id``)
    :param sql: one query, or the name of a file with one that ends with ``.sql``; it is not committed
    :param sql_conn_id: Airflow connection of the database, any that SQLAlchemy knows
    :param parameters: values for the placeholders of the query, a mapping or a list. Placeholders are those
        of the database's driver: ``%(name)s`` or ``%s`` in PostgreSQL and MySQL, ``:name`` or ``?`` in SQLite
    :param key: a column, or several, that tell an item from all others: ``xml_id``,
        ``["originator_id", "origin_id"]``, a user's field; of leads, contacts and companies also ``phone`` or
        ``email``. An upsert needs it; with it, an item whose creation got no answer is looked up
    :param skip_unchanged: leave alone what is so already, because every update starts the portal's automation
    :param phones: whether phones, e-mails and the like that a row does not name stay (``add``) or go
        (``replace``)
    :param nulls: whether an empty value empties the field (``clear``) or leaves it as it is (``keep``)
    :param timezone: the zone of times that have no offset from UTC; without it they are refused
    :param pass_through: columns of your own, such as ``["invoice"]``, which come back in the outcomes
    :param outcomes_path: file for what happened to each row, in JSON Lines, CSV or Parquet as its name ends,
        local or in object storage; it is written also if the task fails because rows failed
    :param max_items: fail before anything is deleted if there are more rows than this: a wrong source must
        not empty the CRM
    :param missing_ok: whether an item to delete that is not there counts as done
    :param fail_on: fail if ``any`` or ``all`` of the rows failed, or ``never``. With ``any``, nothing is sent
        if a row is not valid
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: no such type, field, value or key, no single query, or rows are not valid
    :raises SqlLoadError: the database failed or refused; nothing was sent
    :raises KeyNotUniqueError: several rows, or several items of the portal, have one id or key
    :raises ValueNotTakenError: the portal wrote an item, but with other values
    :raises AmbiguousWriteError: it is not known whether an item was created
    """

    template_fields: Sequence[str] = (
        "entity_type",
        "sql",
        "sql_conn_id",
        "parameters",
        "key",
        "timezone",
        "outcomes_path",
        "bitrix24_conn_id",
    )
    _values: Any = None
    #: the schema that the database uses by itself, once it was asked
    _default_schema = ""
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql", "parameters": "json", "key": "json"}

    def __init__(
        self,
        *,
        entity_type: TextLike,
        operation: Operation,
        sql: TextLike,
        sql_conn_id: str,
        parameters: Mapping[str, Any] | Sequence[Any] | XComArg | None = NOT_GIVEN,
        key: KeyLike | None = NOT_GIVEN,
        skip_unchanged: bool = True,
        phones: Phones = "add",
        nulls: Nulls = "clear",
        timezone: TextLike | None = NOT_GIVEN,
        pass_through: Sequence[str] = (),
        outcomes_path: FilePathLike | None = NOT_GIVEN,
        max_items: int = MAX_ITEMS,
        missing_ok: bool = True,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.take_loading(
            entity_type=entity_type,
            operation=operation,
            key=key,
            skip_unchanged=skip_unchanged,
            phones=phones,
            nulls=nulls,
            timezone=timezone,
            pass_through=pass_through,
            outcomes_path=outcomes_path,
            max_items=max_items,
            missing_ok=missing_ok,
            fail_on=fail_on,
            max_in_flight=max_in_flight,
        )
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.parameters = or_none(parameters)
        self.arguments.note(sql=sql, sql_conn_id=sql_conn_id, parameters=parameters)
        self.arguments.check_literals(sql=check_text, sql_conn_id=check_text, parameters=_check_parameters)

    @property
    def parameters(self) -> Any:
        """The values of the placeholders; wrapped, once they need not be rendered any more."""
        return self._values

    @parameters.setter
    def parameters(self, value: Any) -> None:
        is_rendered = is_literal(value) or self._lock_for_execution
        is_wrapped = value is None or isinstance(value, QueryValues)
        self._values = QueryValues(value) if is_rendered and not is_wrapped else value

    def sources(self) -> Source:
        """Return the tables of the query, as far as OpenLineage's parser finds them."""
        from airflow_provider_bitrix24.transfers.sql.lineage import database_of, queried

        found = queried(str(self.sql), database_of(self.sql_conn_id, self._default_schema))
        nodes = found.tables
        if len(nodes) == 1:  # else there is no telling which rows are whose
            nodes = [replace(nodes[0], rows=self.rows_read)]
        return Source(nodes, found.origins)

    def read(self) -> Generator[Row]:
        """Yield the rows of the query."""
        # SQLAlchemy is loaded where it is needed
        from airflow_provider_bitrix24.transfers.sql.engines import query_engine_of
        from airflow_provider_bitrix24.transfers.sql.lineage import default_schema
        from airflow_provider_bitrix24.transfers.sql.querying import query_rows

        self.arguments.check_not_lost(self, "parameters")
        with joined():
            statement = check_text(self.sql, "sql")
            given = self.parameters.values if isinstance(self.parameters, QueryValues) else self.parameters
            parameters = _check_parameters(given, "parameters")
        engine = query_engine_of(check_text(self.sql_conn_id, "sql_conn_id"))
        try:
            with closing(query_rows(engine, statement, parameters)) as rows:
                yield from rows
        finally:
            self._default_schema = default_schema(engine)
            engine.dispose()


def _check_parameters(value: Any, field: str) -> Mapping[str, Any] | Sequence[Any] | None:
    """Return the values of a query; one JSON text, as a template may give it, is read as such.

    :raises InvalidInputError: they are no mapping and no list
    """
    found = from_json(value, field, floats=Decimal) if isinstance(value, str) else value
    if found is None or isinstance(found, Mapping) or is_sequence(found):
        return found
    raise InvalidInputError(
        f"{field}: a value of the type {type(found).__name__} is no mapping and no list",
        remedy="Give {'name': value} for placeholders with names, or [value] for those without.",
    )
