"""Writes the rows of a file into the CRM."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import PurePath
from typing import Any, ClassVar, Literal

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.lineage import DataField
from airflow_provider_bitrix24.crm.writing.changes import Nulls, Operation
from airflow_provider_bitrix24.files.formats import file_format_of
from airflow_provider_bitrix24.files.reading import read_rows
from airflow_provider_bitrix24.files.writing import check_path
from airflow_provider_bitrix24.hooks.aliases import FilePathLike, KeyLike, TextLike
from airflow_provider_bitrix24.hooks.bulk import DEFAULT_IN_FLIGHT, FailOn
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.hooks.writing import MAX_ITEMS, Phones
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.operators.lineage import file_node
from airflow_provider_bitrix24.rest.shown import shown
from airflow_provider_bitrix24.transfers.loading import LoadingOperator, Row, Source


class FileToBitrix24Operator(LoadingOperator):
    """Create, update, upsert or delete items of the CRM by the rows of a file, each with an outcome.

    Columns go by the names of an extraction (``assigned_by_id``) or the API's (``assignedById``). Those that
    Bitrix24 sets itself are left out.

    All rows are read and checked against the portal's metadata before one is sent, and each gets an outcome.
    Rows are not held in memory. Of a file of any size, only a part is in memory at a time.

    The result is a mapping: ``entity_type``, ``operation``, ``rows``, how many of them were ``created``,
    ``updated``, ``unchanged``, ``deleted``, ``not_found`` and ``failed``, and ``outcomes_path``. The outcomes
    of up to 1,000 rows are in XCom under the key ``outcomes``: one mapping for each, as
    ``UpsertCrmItemsOperator`` returns them. Of more rows, only those that failed are there, up to 1,000 of
    them; ``outcomes_path`` takes all.

    :param entity_type: the items' type: ``lead``, ``deal``, ``contact``, ``company``, ``quote``,
        ``smart_invoice`` or ``dynamic_<number>`` of a smart process
    :param operation: ``create``, ``update`` (by the column ``id``), ``upsert`` (by ``key``) or ``delete`` (by
        the column ``id``)
    :param path: JSON Lines, CSV or Parquet file, local or in object storage, such as
        ``s3://conn@lake/scores.parquet``. CSV is in UTF-8, with commas, and its first line names the columns;
        an empty cell is no value
    :param file_format: ``jsonl``, ``csv`` or ``parquet``; without it, as the path ends
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
    :raises InvalidInputError: no such type, field, value or key, no file of its format, or rows are not valid
    :raises KeyNotUniqueError: several rows, or several items of the portal, have one id or key
    :raises ValueNotTakenError: the portal wrote an item, but with other values
    :raises AmbiguousWriteError: it is not known whether an item was created
    """

    template_fields: Sequence[str] = (
        "entity_type",
        "path",
        "key",
        "timezone",
        "outcomes_path",
        "bitrix24_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"key": "json"}

    def __init__(
        self,
        *,
        entity_type: TextLike,
        operation: Operation,
        path: FilePathLike,
        file_format: Literal["jsonl", "csv", "parquet"] | None = None,
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
        # Airflow 3.1 cannot render a path that is not text.
        self.path = str(path) if isinstance(path, PurePath) else path
        self.file_format = file_format
        self.arguments.note(path=path)
        self.arguments.check_literals(path=lambda value, _: file_format_of(value, file_format))
        if self.arguments.are_literal("path", "outcomes_path"):
            self._check_other_file()

    def _check_other_file(self) -> None:
        """Refuse to write the outcomes over the rows.

        :raises InvalidInputError: both are in the same file
        """
        if str(self.path) == str(self.outcomes_path):
            raise InvalidInputError(
                f"outcomes_path: {shown(str(self.path))} is the file that is read",
                remedy="Give another path.",
            )

    def sources(self) -> Source:
        """Return the file."""
        columns = [DataField(name) for name in self.columns_read]
        node = file_node(self.path, fields=columns, rows=self.rows_read)
        return Source([node], {name: [node.origin(name)] for name in self.columns_read})

    def read(self) -> Generator[Row]:
        """Yield the rows of the file."""
        self._check_other_file()
        with joined():
            path = check_path(self.path, "path", done="read")
            yield from read_rows(path, file_format_of(self.path, self.file_format))
