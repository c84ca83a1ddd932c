"""What writes each field of an entity type, found by the names of its columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import tzinfo
from typing import Literal

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.fields.columns import ValueType
from airflow_provider_bitrix24.crm.fields.field_names import letters
from airflow_provider_bitrix24.crm.fields.schema import CrmField, CrmSchema
from airflow_provider_bitrix24.crm.writing.file_values import FilesWriter, FileWriter
from airflow_provider_bitrix24.crm.writing.moments import Day, Moment
from airflow_provider_bitrix24.crm.writing.monies import MoneyWriter, MoniesWriter
from airflow_provider_bitrix24.crm.writing.multifields import EntriesWriter
from airflow_provider_bitrix24.crm.writing.options import OptionId
from airflow_provider_bitrix24.crm.writing.plain_fields import ListWriter, SingleWriter
from airflow_provider_bitrix24.crm.writing.scalars import (
    Address,
    Code,
    CrmItemText,
    Flag,
    Id,
    Number,
    Scalar,
    Text,
    Whole,
)
from airflow_provider_bitrix24.crm.writing.writer import Writer


class Writers:
    """What writes the fields of an entity type.

    :param schema: the fields
    :param writers: a writer for each field, and for each kind of phones and the like
    """

    def __init__(self, schema: CrmSchema, writers: Collection[Writer]) -> None:
        self.schema = schema
        self._by_name = {writer.name: writer for writer in writers}
        self._by_column = {letters(column): writer for writer in writers for column in writer.columns}

    def __iter__(self) -> Iterator[Writer]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Writer:
        return self._by_name[name]

    def find(self, column: str) -> Writer | None:
        """Return what writes a column, ``None`` where there is none of the name.

        :param column: its name, in any spelling
        """
        known = self.schema.find(column)
        if known is not None and known.api_name in self._by_name:
            return self._by_name[known.api_name]
        return self._by_column.get(letters(column))

    def near(self, column: str) -> list[str]:
        """Return names of columns that may have been meant.

        :param column: a name that is no column's
        """
        return self.schema.near(column)


def writers_of(
    schema: CrmSchema,
    *,
    phones: Literal["add", "replace"] = "add",
    zone: tzinfo | None = None,
    codes: Mapping[str, Collection[str]] | None = None,
) -> Writers:
    """Return what writes the fields of an entity type.

    :param schema: the fields, by names in lower case
    :param phones: whether phones and the like are added to those of the item, or replace them
    :param zone: the zone of moments that name none, ``None`` to refuse them
    :param codes: the codes that exist, by the API's name of their field; others are not checked
    """
    writers: list[Writer] = []
    for field in schema.fields:
        columns = [reading.column.name for reading in field.readings]
        if field.type == "crm_multifield":
            writers += [
                EntriesWriter(column.upper(), column, phones=phones, read_only=field.read_only)
                for column in columns
            ]
        else:
            scalar = _scalar(field, zone, (codes or {}).get(field.api_name))
            writers.append(_writer(field, columns, scalar, schema.dataset))
    return Writers(schema, writers)


def _writer(field: CrmField, columns: Collection[str], scalar: Scalar, dataset: str) -> Writer:
    names = tuple(columns)
    if field.type == "file":
        return FilesWriter(field, dataset) if field.multiple else FileWriter(field)
    if field.type == "money":
        return MoniesWriter(field, names, dataset) if field.multiple else MoneyWriter(field, names)
    if field.multiple:
        return ListWriter(field, names, scalar, dataset)
    return SingleWriter(field, names, scalar)


def _scalar(field: CrmField, zone: tzinfo | None, codes: Collection[str] | None) -> Scalar:
    """Return the type of a field's single values."""
    kind, value_type = field.type, ft.value_type(field.type)
    if kind == "enumeration":
        return OptionId(field.options)
    if kind == "address":
        return Address()
    if kind == "crm":
        return CrmItemText()
    if kind == "crm_status" or codes is not None:
        return Code(codes)
    if value_type is ValueType.INTEGER:
        return Id() if ft.read_as(kind, 0) is ft.link else Whole()
    if value_type is ValueType.DECIMAL:
        return Number(field.scale)
    simple: dict[ValueType, Scalar] = {
        ValueType.BOOLEAN: Flag(),
        ValueType.DATE: Day(),
        ValueType.TIMESTAMP: Moment(zone),
    }
    return simple.get(value_type, Text())
