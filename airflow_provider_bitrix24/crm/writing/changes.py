"""Changes: what is to become of one item each, read from the rows that a user gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from airflow_provider_bitrix24.crm.fields.schema import MULTIFIELDS
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import RETURNED_NOTHING
from airflow_provider_bitrix24.crm.meant import meant
from airflow_provider_bitrix24.crm.writing.keys import Key
from airflow_provider_bitrix24.crm.writing.writer import Writer
from airflow_provider_bitrix24.crm.writing.writers import Writers
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

Operation = Literal["create", "update", "upsert", "delete"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
#: what an empty value means: that the field is to be empty, or that it stays as it is
Nulls = Literal["clear", "keep"]
NULLS: tuple[Nulls, ...] = get_args(Nulls)

_ID = "id"


@dataclass(frozen=True)
class Change:
    """What is to become of one item. All of it is plain JSON.

    :param position: where its row stands in the input
    :param entity_id: the item's id, ``None`` where that is not known yet
    :param key: what tells the item from others instead, as texts
    :param wanted: what its fields are to hold, by the names of their writers; ``None`` empties one
    """

    position: int
    entity_id: int | None
    key: tuple[str, ...]
    wanted: Mapping[str, Any] = field(hash=False)

    @property
    def place(self) -> str:
        """Where its row stands, in words."""
        return f"rows[{self.position}]"

    def to_json(self) -> list[Any]:
        """Return it as plain JSON."""
        return [self.position, self.entity_id, list(self.key), dict(self.wanted)]

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Change:
        """Return a change from :meth:`to_json`.

        :param value: plain JSON
        """
        position, entity_id, key, wanted = value
        return cls(position, entity_id, tuple(key), wanted)


class ChangeParser:
    """Reads rows of one operation.

    :param operation: what is done with them
    :param entity_type: the items' type
    :param writers: how values of the type's fields are written; of no use to ``delete``
    :param key: what tells items from others
    :param nulls: what an empty value means
    """

    def __init__(
        self,
        operation: Operation,
        entity_type: str,
        writers: Writers,
        key: Key | None = None,
        nulls: Nulls = "clear",
    ) -> None:
        self._operation = operation
        self._entity_type = entity_type
        self._writers = writers
        self._key = key
        self._nulls = nulls
        #: columns that the API never lets be written, in the order in which they came
        self.left_out: dict[str, None] = {}
        self._known: dict[str, Writer | None] = {}

    @property
    def fields(self) -> dict[str, str]:
        """Which field of the API each column is written to, as far as columns came."""
        return {
            str(column): "fm" if writer.name in MULTIFIELDS else writer.name
            for column, writer in self._known.items()
            if writer is not None
        }

    def parse(self, row: Any, position: int, place: str) -> Change:
        """Return what a row is to do.

        :param row: a mapping of columns to values; of ``delete`` also an id
        :param position: where it stands in the input
        :param place: the same in words, for messages
        :raises InvalidInputError: it is no such row; the message holds none of its values
        """
        if self._operation == "delete":
            return Change(position, _id_of(row, place), (), {})
        if not isinstance(row, Mapping):
            kind = "None" if row is None else f"of the type {type(row).__name__}"
            remedy = RETURNED_NOTHING if row is None else "Give a mapping of columns to values."
            raise InvalidInputError(f"{place}: the row is {kind}", remedy=remedy)
        wanted = self._wanted(row, place)
        entity_id = None
        if self._operation == "update":
            entity_id = _id_of(row, place)
        key = self._key.of(wanted, place) if self._key is not None else ()
        if self._operation == "create":
            wanted = {name: value for name, value in wanted.items() if value is not None}
        if not wanted and not self._may_be_empty(row):
            raise InvalidInputError(
                f"{place}: the row has nothing to write", remedy="Give at least one column of a field."
            )
        return Change(position, entity_id, key, wanted)

    def _may_be_empty(self, row: Mapping[Any, Any]) -> bool:
        """Tell whether a row has nothing to write only because its empty values leave the fields alone."""
        return self._operation == "update" and self._nulls == "keep" and len(row) > 1

    def _wanted(self, row: Mapping[Any, Any], place: str) -> dict[str, Any]:
        """Return what the fields are to hold, by the names of their writers."""
        given: dict[str, dict[str, Any]] = {}
        clears = self._nulls == "clear"
        for column, value in row.items():
            if column not in self._known:
                self._known[column] = self._writer(column, place)
            writer = self._known[column]
            if writer is not None and (clears or not _is_empty(value)):
                given.setdefault(writer.name, {})[column] = value
        return {
            name: self._writers[name].parse(values, f"{place}.{next(iter(values))}")
            for name, values in given.items()
        }

    def _writer(self, column: Any, place: str) -> Writer | None:
        """Return what writes a column, ``None`` for an id and for what the API does not let be written."""
        if _is_id(column) and self._operation == "update":
            return None
        writer = self._writers.find(column) if isinstance(column, str) else None
        if writer is None:
            raise self._unknown(column, place)
        if writer.read_only:
            self.left_out.setdefault(column)
            return None
        return writer

    def _unknown(self, column: Any, place: str) -> InvalidInputError:
        kind = self._entity_type
        remedy = meant(self._writers.near(str(column))) or f"See hook.crm_schema({kind!r}) for its fields."
        return InvalidInputError(
            f"{place}: {shown(column)} is not a field of {kind}",
            remedy=f"{remedy} A column of your own goes into pass_through.",
        )


def _id_of(row: Any, place: str) -> int:
    """Return the id of the item that a row is about, from the row or from the id itself.

    :raises InvalidInputError: there is none, or it is not an id; the message does not repeat it, because in
        rows whose columns are shifted it is some other value
    """
    given, where = [row], place
    if isinstance(row, Mapping):
        given, where = [value for column, value in row.items() if _is_id(column)], f"{place}.{_ID}"
    if len(given) != 1:
        problem = "has no id" if not given else "has more than one id"
        raise InvalidInputError(f"{place}: the row {problem}", remedy="Give the item's id as 'id'.")
    try:
        return parse_id(given[0], where)
    except InvalidInputError as error:
        raise error.but(description=f"{where}: the value is not an id") from None


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value == "")


def _is_id(column: Any) -> bool:
    return isinstance(column, str) and column.lower() == _ID
