"""What lineage calls a portal's data, and what a task has read and written, however that is reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_bitrix24.crm.fields.columns import PRECISION, Column, ValueType
from airflow_provider_bitrix24.crm.fields.schema import CrmSchema
from airflow_provider_bitrix24.crm.items import parse_entity_type
from airflow_provider_bitrix24.crm.outcomes import FAILED

_SCHEME = "bitrix24"
#: datasets that are no part of the CRM
_BESIDE_THE_CRM = frozenset({"users", "departments"})
#: what becomes one JSON text where there are no lists and no structures
_NESTED = (ValueType.MULTIFIELD, ValueType.JSON)
#: statuses of things that failed, or were left as they were
_NOT_WRITTEN = frozenset({
    FAILED, "unchanged", "not_found", "not_bound",
    "already_bound", "already_moved", "already_present", "already_shared",
})  # fmt: skip


@dataclass(frozen=True)
class DataField:
    """A field of a dataset, or a column of a table or a file.

    :param name: its name
    :param type: what its values are, in words; empty where that is not known
    :param title: how people call it
    """

    name: str
    type: str = ""
    title: str = ""


@dataclass(frozen=True)
class Origin:
    """A field that a column's values come from.

    :param namespace: namespace of the dataset
    :param name: name of the dataset
    :param field: the field
    """

    namespace: str
    name: str
    field: str


@dataclass(frozen=True, kw_only=True)
class DataNode:
    """A dataset that a task reads or writes: its two names, and no value of it.

    :param namespace: where it is, such as ``bitrix24://portal.bitrix24.com``
    :param name: its name there, such as ``crm.deal``
    :param fields: its fields, as far as they are known
    :param rows: how many rows were read or written, ``None`` where that is not known
    :param size: how many bytes were, ``None`` where that is not known
    :param origins: which fields its columns come from
    """

    namespace: str
    name: str
    fields: Sequence[DataField] = ()
    rows: int | None = None
    size: int | None = None
    origins: Mapping[str, Sequence[Origin]] = field(default_factory=dict, hash=False)

    def origin(self, name: str) -> Origin:
        """Return one of its fields as the origin of a column.

        :param name: the field
        """
        return Origin(self.namespace, self.name, name)


@dataclass(frozen=True)
class Lineage:
    """What a task reads and writes.

    :param inputs: what it reads
    :param outputs: what it writes
    """

    inputs: Sequence[DataNode] = ()
    outputs: Sequence[DataNode] = ()


def namespace_of(portal: str) -> str:
    """Return what lineage calls a portal.

    :param portal: its host, with its port where it has one
    """
    return f"{_SCHEME}://{portal}"


def dataset_name(dataset: str) -> str:
    """Return what lineage calls a dataset: ``crm.deal``, ``crm.deal.stage_history``, ``users``.

    :param dataset: its name in this package, such as ``deal``
    """
    return dataset if dataset in _BESIDE_THE_CRM else f"crm.{dataset}"


def product_rows_name(entity_type: Any) -> str:
    """Return what lineage calls the product rows of a type's items.

    :param entity_type: the type's name
    :raises InvalidInputError: it names no type
    """
    return dataset_name(f"{parse_entity_type(entity_type, 'entity_type')}.product_rows")


def portal_node(
    portal: str, name: str, *, schema: CrmSchema | None = None, rows: int | None = None
) -> DataNode:
    """Return a portal's dataset.

    :param portal: the portal's host, with its port where it has one
    :param name: what lineage calls the dataset
    :param schema: its fields, where they are known
    :param rows: how many rows were read or written
    """
    fields = () if schema is None else fields_of(schema)
    return DataNode(namespace=namespace_of(portal), name=name, fields=fields, rows=rows)


def asset_uri(portal: str, name: str) -> str:
    """Return the URI of the asset that means the same dataset: ``bitrix24://portal.bitrix24.com/crm/deal``.

    :param portal: the portal's host, with its port where it has one
    :param name: what lineage calls the dataset
    """
    return f"{namespace_of(portal)}/{name.replace('.', '/')}"


def name_in_path(path: str) -> str:
    """Return what lineage calls the dataset of an asset's URI.

    :param path: the URI's path, such as ``/crm/deal``
    """
    return path.strip("/").replace("/", ".")


def fields_of(schema: CrmSchema) -> list[DataField]:
    """Return the fields of a portal's dataset, by the API's names: all tasks call a field the same.

    :param schema: the metadata
    """
    found = {
        known.api_name: DataField(
            known.api_name, f"array<{known.type}>" if known.multiple else known.type, known.title
        )
        for known in schema.fields
    }
    return list(found.values())


def columns_of(columns: Iterable[Column], *, nested: bool) -> list[DataField]:
    """Return the columns of a table or a file that holds extracted rows.

    :param columns: the columns
    :param nested: whether it holds lists and structures; else they are JSON texts
    """
    return [DataField(column.name, _type_of(column, nested), column.title) for column in columns]


def _type_of(column: Column, nested: bool) -> str:
    if not nested and (column.multiple or column.type in _NESTED):
        return ValueType.JSON.value
    kind: str = column.type.value
    if column.type is ValueType.DECIMAL:
        kind = f"decimal({PRECISION},{column.scale})"
    return f"array<{kind}>" if column.multiple else kind


def column_origins(schema: CrmSchema, source: DataNode) -> dict[str, list[Origin]]:
    """Return which field of the portal each column of extracted rows comes from.

    :param schema: what was read
    :param source: the portal's dataset
    """
    return {reading.column.name: [source.origin(reading.api_name)] for reading in schema.readings}


def is_written(status: str) -> bool:
    """Return whether a thing was written: if it failed, or was so already, it was not.

    :param status: what happened to it
    """
    return status not in _NOT_WRITTEN


def count_written(statuses: Iterable[str]) -> int:
    """Return how many things were written.

    :param statuses: what happened to each
    """
    return sum(map(is_written, statuses))
