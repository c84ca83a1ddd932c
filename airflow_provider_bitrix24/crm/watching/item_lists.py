"""Lists of the items of a type that meet a filter: what is asked again and again by who waits or watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bitrix24.crm.extraction.datasets import ENTITY_TYPES, ListDataset, parse_dataset
from airflow_provider_bitrix24.crm.fields.where import parse_where
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import RETURNED_NOTHING, from_json
from airflow_provider_bitrix24.crm.items import parse_entity_type
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.plans import Plan, shared
from airflow_provider_bitrix24.rest.shown import shown

#: more ids are data, which belongs into a file or a table
_MOST_IDS = 1000


def parse_listed_type(value: Any, field: str = "entity_type") -> str:
    """Return the name of a type whose items ``crm.item.list`` lists.

    :param value: the name, in any case
    :param field: where it stands, for the message
    :raises InvalidInputError: it is none
    """
    name = parse_entity_type(value, field)
    if name in ENTITY_TYPES or name.startswith("dynamic_"):
        return name
    raise InvalidInputError(
        f"{field}: the items of the type {name} cannot be listed by a filter",
        remedy=f"Give one of {', '.join(ENTITY_TYPES)}, dynamic_1042 and the like.",
    )


def check_narrows(value: Any, field: str = "where") -> Any:
    """Return a filter that holds a condition at least; the names and values of it need the metadata.

    :param value: a mapping of operator and field to value, or its JSON
    :param field: where it stands, for the message
    :raises InvalidInputError: it is no mapping, or an empty one
    """
    found = from_json(value, field) if isinstance(value, str) else value
    if isinstance(found, Mapping) and found:
        return found
    remedy = RETURNED_NOTHING if found is None else "Give it as {'stage_id': 'WON', '>=opportunity': 1000}."
    raise InvalidInputError(f"{field}: {shown(found)} is not a filter that leaves items out", remedy=remedy)


def parse_most_ids(value: Any, field: str = "max_ids") -> int:
    """Return how many ids are told at most.

    :param value: a whole number from 1 to 1000, or its digits
    :param field: where it stands, for the message
    :raises InvalidInputError: it is none
    """
    number = parse_count(value, field)
    if number <= _MOST_IDS:
        return number
    raise InvalidInputError(
        f"{field}: {number} ids are too many",
        remedy=f"Give up to {_MOST_IDS}. Read more items with crm_rows or a transfer.",
    )


def parse_count(value: Any, field: str) -> int:
    """Return a whole number from 1 up, or of its digits.

    :param value: the number
    :param field: where it stands, for the message
    :raises InvalidInputError: it is none
    """
    try:
        return parse_id(value, field)
    except InvalidInputError:
        text = f"{field}: {shown(value)} is not a whole number from 1 up"
    raise InvalidInputError(text, remedy=RETURNED_NOTHING if value is None else "Give a number such as 1.")


def list_of(entity_type: str) -> ListDataset:
    """Return the dataset of a type's items.

    :param entity_type: from :func:`parse_listed_type`
    """
    found = parse_dataset(entity_type, "entity_type")
    assert isinstance(found, ListDataset)  # noqa: S101 - items of a type are a list
    return found


def read_filter(entity_type: str, where: Any) -> Plan[dict[str, Any]]:
    """Read the fields of a type, and return a filter in the API's names and values.

    :param entity_type: from :func:`parse_listed_type`
    :param where: the filter as a user writes it; ``None`` for all items
    :raises InvalidInputError: the portal has no such type, or the filter names no field, has a value of
        another type, or the API would return everything
    """
    described = list_of(entity_type).describe("snake")
    try:
        schema = yield from shared(described)
    except InvalidInputError as error:
        missing, remedy = f"entity_type: the portal has no {entity_type}", error.remedy
    else:
        return parse_where(where, schema, of_items=True)
    raise InvalidInputError(missing, remedy=remedy)


def matching_ids(entity_type: str, where: Mapping[str, Any]) -> Call:
    """Return the call for the ids of the items that meet a filter, in the order of their ids.

    :param entity_type: from :func:`parse_listed_type`
    :param where: the filter, in the API's names
    """
    call = list_of(entity_type).ids_call(where)
    return Call(call.method, {**call.params, "order": {"id": "ASC"}, "start": 0})
