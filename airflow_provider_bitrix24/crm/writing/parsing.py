"""Rows that a user gives, as changes; rows whose key stands twice are refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.rows import RowKind, Rows, parse_rows, valid_or_none
from airflow_provider_bitrix24.crm.telling import first_of
from airflow_provider_bitrix24.crm.writing.changes import Change, ChangeParser, Operation
from airflow_provider_bitrix24.crm.writing.keys import Parts
from airflow_provider_bitrix24.crm.writing.writing import Writing, WrittenItem
from airflow_provider_bitrix24.rest.errors import KeyNotUniqueError

_REMEDIES: dict[Operation, str] = {
    "create": "Give a list of mappings of columns to values, such as [{'title': 'Fair'}].",
    "update": "Give a list of mappings with an id each, such as [{'id': 7, 'opportunity': 100}].",
    "upsert": "Give a list of mappings with a key each, such as [{'xml_id': 'A1', 'title': 'Fair'}].",
    "delete": "Give a list of ids, such as [7, 8].",
}


def parse_changes(
    value: Any,
    field: str,
    writing: Writing,
    parser: ChangeParser,
    *,
    keep_invalid: bool = False,
    pass_through: Sequence[str] | None = None,
) -> Rows[Change]:
    """Return what rows are to do; one JSON text, as a template may give it, is read as a list of rows.

    :param value: the rows
    :param field: where they stand, for messages
    :param writing: how they are written
    :param parser: reads one of them
    :param keep_invalid: keep rows that are not valid as failed ones instead of raising
    :param pass_through: columns of the user's own, which come back in the outcomes
    :raises InvalidInputError: it is no list, or rows are not valid; up to ten of these are named
    :raises KeyNotUniqueError: rows have one id or key; up to ten of these are named
    """
    kind = RowKind(
        "ids" if writing.operation == "delete" else "rows",
        _REMEDIES[writing.operation],
        lambda row, place: parser.parse(row, int(place[place.rindex("[") + 1 : -1]), place),
        lambda row: _names(writing, row),
        is_private=True,
    )
    rows = parse_rows(value, field, kind, keep_invalid=keep_invalid, pass_through=pass_through)
    if writing.operation == "delete":
        return rows
    return _without_doubles(rows, writing, keep_invalid=keep_invalid)


def identity(writing: Writing, change: Change) -> Parts:
    """Return what tells a change's item from others: its id, or its key; nothing where it has neither.

    :param writing: how it is written
    :param change: the change
    """
    if change.entity_id is not None:
        return (str(change.entity_id),)
    return writing.key.folded(change.key) if writing.key is not None else ()


def not_unique(place: str, other: str) -> KeyNotUniqueError:
    """Return the error of two rows about one item.

    :param place: where one of them stands
    :param other: where another one stands
    """
    return KeyNotUniqueError(
        f"{place}: {other} has the same id or key, or one that differs only by case or spaces at the end",
        code="KEY_NOT_UNIQUE",
        remedy="Give each item one row. Which of them counts is not guessed.",
    )


def _without_doubles(rows: Rows[Change], writing: Writing, *, keep_invalid: bool) -> Rows[Change]:
    """Return rows without those that are about one item; they count as failed."""
    same: dict[Parts, list[Change]] = defaultdict(list)
    for change in rows:
        same[identity(writing, change)].append(change)
    same.pop((), None)  # these are all new
    errors = {
        change.position: not_unique(change.place, next(other.place for other in found if other is not change))
        for found in same.values()
        if len(found) > 1
        for change in found
    }
    if not errors:
        return rows
    if not keep_invalid:
        told = first_of((errors[number].description for number in sorted(errors)), "more rows share a key")
        raise errors[min(errors)].but(description="; ".join(told))
    invalid = {
        change.position: writing.failed(change, errors[change.position])
        for change in rows
        if change.position in errors
    }
    return rows.without(invalid)


def _names(writing: Writing, row: Any) -> Mapping[str, Any]:
    """Return what is valid of what names a row's item."""
    number = row
    if isinstance(row, Mapping):
        number = next((part for name, part in row.items() if str(name).lower() == "id"), None)
    by_id = writing.operation in ("update", "delete")
    entity_id = valid_or_none(parse_id, number) if by_id else None
    return WrittenItem(writing.entity_type, entity_id).row()
