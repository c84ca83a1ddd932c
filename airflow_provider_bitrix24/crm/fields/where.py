"""Filters of datasets: names and values as a user writes them, made the API's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_bitrix24.crm.fields.field_names import is_beside_items
from airflow_provider_bitrix24.crm.fields.filters import check_filter
from airflow_provider_bitrix24.crm.fields.schema import CrmField, CrmSchema
from airflow_provider_bitrix24.crm.fields.where_values import filter_value
from airflow_provider_bitrix24.crm.inputs import from_json, is_sequence
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

_NAME = re.compile(r"([^A-Za-z0-9_]*)([A-Za-z0-9_]+)")


def parse_where(value: Any, schema: CrmSchema, *, of_items: bool, field: str = "where") -> dict[str, Any]:
    """Return a filter in the API's names and values.

    :param value: a mapping of operator and field to value, ``None`` for all rows; one JSON text, as a
        template may give it, is read as such
    :param schema: the dataset's fields
    :param of_items: whether it is for ``crm.item.list``, which knows groups of conditions
    :param field: where it stands, for the message
    :raises InvalidInputError: it is none, names no field, or the API would return everything
    """
    if value is None:
        return {}
    found = from_json(value, field) if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise InvalidInputError(
            f"{field}: {shown(found)} is not a filter", remedy="Give it as {'>=opportunity': 1000}."
        )
    where = _conditions(found, schema, of_items, field)
    check_filter(where, field, of_crm=True, of_items=of_items)
    return where


def _conditions(found: Mapping[Any, Any], schema: CrmSchema, of_items: bool, field: str) -> dict[str, Any]:
    """Return conditions in the API's names; of one that stands twice, one would get lost."""
    where: dict[str, Any] = {}
    for name, wanted in found.items():
        key, condition = _condition(name, wanted, schema, of_items, field)
        if key in where:
            raise InvalidInputError(
                f"{field}[{name!r}]: this condition stands there twice, in two spellings",
                remedy="Write it once. A list of values means one of them.",
            )
        where[key] = condition
    return where


def _condition(name: Any, wanted: Any, schema: CrmSchema, of_items: bool, field: str) -> tuple[str, Any]:
    if str(name).isdigit() or str(name).lower() == "logic":
        if not of_items:
            raise InvalidInputError(
                f"{field}: {schema.dataset} would ignore {name!r} and list more rows",
                remedy="Its list knows no groups of conditions.",
            )
        group = wanted
        if isinstance(wanted, Mapping):
            group = _conditions(wanted, schema, of_items, f"{field}[{name!r}]")
        return str(name), group
    match = _NAME.fullmatch(str(name))
    known = schema.find(match[2]) if match else None
    place = f"{field}[{name!r}]"
    if match is None or (known is None and not (of_items and is_beside_items(match[2]))):
        raise schema.unknown(match[2] if match else str(name), place)
    operator = match[1]
    if is_sequence(wanted) or isinstance(wanted, (set, frozenset)):
        value: Any = [_value(one, known, operator, place) for one in wanted]
    else:
        value = _value(wanted, known, operator, place)
    return f"{operator}{known.api_name if known is not None else match[2]}", value


def _value(value: Any, known: CrmField | None, operator: str, place: str) -> Any:
    kind, name = (known.type, known.api_name) if known is not None else ("string", "")
    of_user = name.lower().startswith("uf")
    return filter_value(value, kind, place, of_user=of_user, is_part="%" in operator)
