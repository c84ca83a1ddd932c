"""The operator for a whole list of any list method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context, XComArg

from airflow_provider_bitrix24.assets.files import asset_of_path
from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.fields.known_calls import check_call
from airflow_provider_bitrix24.crm.lineage import Lineage
from airflow_provider_bitrix24.crm.lineage_of_methods import read_name
from airflow_provider_bitrix24.files.formats import is_gzip
from airflow_provider_bitrix24.files.trouble import refuse_password
from airflow_provider_bitrix24.files.writing import check_path, gzipped, json_line, whole_file
from airflow_provider_bitrix24.hooks.aliases import ApiParamsLike, TextLike
from airflow_provider_bitrix24.hooks.bulk import LIST_IN_FLIGHT, check_list_in_flight
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.operators.api_params import naming_api_params, parse_api_params, refuse_params
from airflow_provider_bitrix24.operators.base import Bitrix24Operator
from airflow_provider_bitrix24.operators.lineage import file_node
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.list_query import selecting_id
from airflow_provider_bitrix24.rest.methods import number_of

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath


class Bitrix24ListOperator(Bitrix24Operator):
    """Read a whole list, into XCom or into a JSON Lines file.

    Without ``output_path`` the result is the rows themselves. With it, the result is a mapping of ``path``,
    ``count`` and ``last_id`` (the id of the last row, a number), and the file appears only when the list is
    complete.

    :param method: a list method, such as ``crm.deal.list``
    :param api_params: ``filter``, ``select`` and ``order``
    :param max_rows: the most rows that go to XCom; without ``output_path`` more are an error
    :param output_path: local or object-storage path of a JSON Lines file, such as
        ``s3://conn@bucket/deals.jsonl``; compressed where it ends with ``.gz``
    :param check_fields: compare the names of fields with the CRM's metadata before anything is read
    :param max_in_flight: how many requests of a long list may be under way at once: 1 to 40
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises IncompleteListError: rows are missing or come twice
    :raises InvalidInputError: there are more rows than ``max_rows``, or a name in ``select``, ``filter`` or
        ``order`` is not a field's
    """

    #: how many rows the list has, and how many bytes the file, once it is read
    _count: int | None = None
    _size: int | None = None
    template_fields: Sequence[str] = ("method", "api_params", "output_path", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"api_params": "json"}

    def __init__(
        self,
        *,
        method: TextLike,
        api_params: ApiParamsLike | None = None,
        max_rows: int = 1000,
        output_path: str | PurePath | ObjectStoragePath | XComArg | None = None,
        check_fields: bool = True,
        max_in_flight: int = LIST_IN_FLIGHT,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        found = asset_of_path(output_path)
        if found is not None and "outlets" not in kwargs:
            kwargs["outlets"] = [found]
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        refuse_params(self, api_params)
        if isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 1:
            raise InvalidInputError(f"max_rows: {max_rows!r} is not a whole number from 1 up")
        self.method: Any = method
        self.api_params = api_params
        self.max_rows = max_rows
        with joined():
            self.max_in_flight = check_list_in_flight(max_in_flight)
        self.check_fields = check_flag(check_fields, "check_fields")
        # Airflow 3.1 cannot render a path that is not text.
        self.output_path = str(output_path) if isinstance(output_path, PurePath) else output_path
        self._to_a_file = output_path is not None
        self.arguments.note(method=method, api_params=api_params, output_path=output_path)
        self.arguments.check_literals(output_path=refuse_password)
        if self.arguments.are_literal("method", "api_params"):
            with joined():
                self._call()

    def _call(self) -> Call:
        with naming_api_params():
            return check_call(Call(self.method, parse_api_params(self.api_params)))

    def lineage(self) -> Lineage:
        """Return the list as far as its method tells what it is, and the file if there is one."""
        name = read_name(self._call())
        read = [] if name is None else [self.dataset_node(name, rows=self._count)]
        if not self._to_a_file or not self.has_written:
            return Lineage(read)
        return Lineage(read, [file_node(self.output_path, rows=self._count, size=self._size)])

    def execute(self, context: Context) -> list[dict[str, Any]] | dict[str, Any]:
        """Read the list."""
        with self.traced(context), naming_api_params():
            call = self._call()
            return self._to_file(call) if self._to_a_file else self._to_xcom(call)

    @contextmanager
    def _rows(self, call: Call) -> Iterator[Iterator[dict[str, Any]]]:
        """Read the list for the time of the block: what is read ahead ends with it."""
        if self.check_fields:
            self.hook.carry_out(self.hook.field_checks.look([call]))
        # not hook.records(), which reports what it reads to Airflow's lineage
        with closing(self.hook.get_conn().records(call, in_flight=self.max_in_flight)) as rows:
            yield rows

    def _to_xcom(self, call: Call) -> list[dict[str, Any]]:
        collected: list[dict[str, Any]] = []
        with self._rows(call) as rows:
            for row in rows:
                if len(collected) == self.max_rows:
                    raise InvalidInputError(
                        f"max_rows: {self.method} has more than {self.max_rows} rows",
                        remedy="Give output_path to write them to a file, or narrow the filter.",
                    )
                collected.append(row)
        self._count = len(collected)
        self.log.info("%s has %d rows.", self.method, len(collected))
        return collected

    def _to_file(self, call: Call) -> dict[str, Any]:
        count, last_id = 0, None
        call, surplus = selecting_id(call)
        path = check_path(self.output_path, "output_path", "Leave it out to get the rows in XCom.")
        with whole_file(path, "output_path") as file:
            with gzipped(file, is_gzip(path)) as lines, self._rows(call) as rows:
                for row in rows:
                    last_id = _id_of(row)
                    if surplus:
                        row.pop(surplus, None)
                    lines.write(json_line(row))
                    count += 1
            self._size = file.tell()
        self._count = count
        self.log.info("The %d rows of %s are in %s.", count, self.method, self.output_path)
        return {"path": str(self.output_path), "count": count, "last_id": last_id}


def _id_of(row: Any) -> int | str | None:
    """Return a row's id: a number, however the method writes it, or a text where it is none."""
    found = row.get("ID", row.get("id")) if isinstance(row, dict) else None
    number = number_of(found)
    return found if number is None else number
