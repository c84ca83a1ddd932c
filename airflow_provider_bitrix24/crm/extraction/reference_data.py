"""Small datasets that are read whole: users, stages, currencies, the fields of a type and the like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.fields.field_names import as_column
from airflow_provider_bitrix24.crm.listing import read_list
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    InvalidParameterError,
    NotFoundError,
    RejectedError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, Work

Rows = list[dict[str, Any]]

#: which list of ``crm.status.list`` holds the stages of which type
_STAGE_LISTS = re.compile(
    r"(?P<lead>STATUS)|(?P<quote>QUOTE_STATUS)|(?P<deal>DEAL_STAGE)(?:_(?P<deal_category>\d+))?"
    r"|(?P<smart_invoice>SMART_INVOICE_STAGE)_(?P<invoice_category>\d+)"
    r"|(?P<dynamic>DYNAMIC_\d+)_STAGE_(?P<dynamic_category>\d+)"
)
_DEALS = 2
#: types with pipelines, beside smart processes
_WITH_PIPELINES = (_DEALS, 3, 4, 31)
#: a type that has none on this portal, or that the user may not read
_NO_PIPELINES = (AccessDeniedError, InvalidParameterError, NotFoundError, RejectedError)
_SMART_PROCESS = re.compile(r"DYNAMIC_\d+")


@dataclass(frozen=True)
class SmallData:
    """A dataset that is read whole.

    :param fields: types by name
    :param key: columns that tell a row from all others
    :param read: reads its rows
    """

    fields: Mapping[str, str]
    key: tuple[str, ...]
    read: Callable[..., Plan[Rows]]


def _rows_at_once(call: Call) -> Plan[Rows]:
    """Read a list whose method returns all rows at once."""
    [outcome] = yield Work([call])
    return _rows_of(outcome)


def _rows_of(outcome: Outcome, key: str = "") -> Rows:
    result = outcome.unwrap()
    if key and isinstance(result, Mapping):
        result = result.get(key)
    if not isinstance(result, list) or not all(isinstance(row, dict) for row in result):
        raise UnexpectedResultError("the answer holds no list of rows", method=outcome.call.method)
    return result


def _statuses() -> Plan[Rows]:
    return _rows_at_once(Call("crm.status.list"))


def _stages() -> Plan[Rows]:
    rows = yield from _statuses()
    return [stage for row in rows if (stage := _stage(row)) is not None]


def _stage(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a status as a stage, ``None`` where it is none."""
    match = _STAGE_LISTS.fullmatch(str(row.get("ENTITY_ID")))
    if match is None:
        return None
    found = {name: value for name, value in match.groupdict().items() if value is not None}
    category = next((value for name, value in found.items() if name.endswith("_category")), None)
    kind = next(name for name in found if not name.endswith("_category"))
    return {
        **row,
        "ENTITY_TYPE": found[kind].lower() if kind == "dynamic" else kind,
        "CATEGORY_ID": category if category is not None else (0 if kind == "deal" else None),
        "STAGE_ID": row.get("STATUS_ID"),
        "STAGE_SEMANTIC_ID": row.get("SEMANTICS") or _semantic_in(row.get("EXTRA")) or "P",
    }


def _semantic_in(extra: Any) -> str | None:
    found = extra.get("SEMANTICS") if isinstance(extra, Mapping) else None
    return {"success": "S", "failure": "F", "apology": "F", "process": "P"}.get(str(found))


def _pipelines() -> Plan[Rows]:
    """Read the pipelines of all types; a type that has none, or that the user may not read, is left out."""
    types = yield from _rows_at_once(Call("crm.enum.ownertype"))
    own = [
        number
        for row in types
        if _SMART_PROCESS.fullmatch(str(row.get("SYMBOL_CODE")))
        and (number := number_of(row.get("ID"))) is not None
    ]
    type_ids = list(dict.fromkeys([*_WITH_PIPELINES, *own]))
    calls = [Call("crm.category.list", {"entityTypeId": type_id}) for type_id in type_ids]
    outcomes = yield Work(calls)
    rows: Rows = []
    for type_id, outcome in zip(type_ids, outcomes, strict=True):
        if type_id == _DEALS or not isinstance(outcome.error, _NO_PIPELINES):
            rows += [{"entityTypeId": type_id, **row} for row in _rows_of(outcome, "categories")]
    return rows


def _currencies() -> Plan[Rows]:
    return _rows_at_once(Call("crm.currency.list"))


def _users() -> Plan[Rows]:
    return read_list(Call("user.get", {"sort": "ID", "order": "ASC"}))


def _departments() -> Plan[Rows]:
    return read_list(Call("department.get", {"sort": "ID", "order": "ASC"}))


# --- what the metadata of a type tells ---


def _descriptions(type_id: int) -> Plan[list[tuple[str, str, Mapping[str, Any]]]]:
    """Read the fields of a type: the column's name, the API's, and the description of each."""
    [outcome] = yield Work([Call("crm.item.fields", {"entityTypeId": type_id})])
    result = outcome.unwrap()
    fields = result.get("fields") if isinstance(result, Mapping) else None
    if not isinstance(fields, Mapping) or not all(isinstance(told, Mapping) for told in fields.values()):
        raise UnexpectedResultError("no descriptions of fields", method=outcome.call.method)
    return [
        (str(told.get("upperName") or as_column(str(name))).lower(), str(name), told)
        for name, told in fields.items()
    ]


def _fields_of(type_id: int) -> Plan[Rows]:
    described = yield from _descriptions(type_id)
    return [{**told, "name": name, "apiName": api_name} for name, api_name, told in described]


def _enum_values_of(type_id: int) -> Plan[Rows]:
    described = yield from _descriptions(type_id)
    return [row for name, _, told in described for row in _options_of(name, told)]


def _options_of(name: str, told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    items = told.get("items")
    for position, option in enumerate(items if isinstance(items, list) else []):
        yield {"field": name, "id": option.get("ID"), "value": option.get("VALUE"), "sort": position}


_STATUS = {
    "ID": "integer",
    "ENTITY_ID": "string",
    "STATUS_ID": "string",
    "NAME": "string",
    "NAME_INIT": "string",
    "SORT": "integer",
    "SYSTEM": "char",
    "COLOR": "string",
    "SEMANTICS": "string",
    "CATEGORY_ID": "integer",
    "EXTRA": "object",
}

#: small datasets of a portal, by name
DATASETS: dict[str, SmallData] = {
    "statuses": SmallData(_STATUS, ("id",), _statuses),
    "stages": SmallData(
        {
            "ID": "integer",
            "ENTITY_TYPE": "string",
            "CATEGORY_ID": "integer",
            "STAGE_ID": "string",
            "NAME": "string",
            "SORT": "integer",
            "STAGE_SEMANTIC_ID": "string",
            "COLOR": "string",
        },
        ("id",),
        _stages,
    ),
    "pipelines": SmallData(
        {
            "entityTypeId": "integer",
            "id": "integer",
            "name": "string",
            "sort": "integer",
            "isDefault": "boolean",
            "originId": "string",
            "originatorId": "string",
        },
        ("entity_type_id", "id"),
        _pipelines,
    ),
    "currencies": SmallData(
        {
            "CURRENCY": "string",
            "AMOUNT_CNT": "integer",
            "AMOUNT": "double",
            "SORT": "integer",
            "BASE": "char",
            "FULL_NAME": "string",
            "LID": "string",
            "FORMAT_STRING": "string",
            "DEC_POINT": "string",
            "THOUSANDS_SEP": "string",
            "DECIMALS": "integer",
            "DATE_UPDATE": "datetime",
        },
        ("currency",),
        _currencies,
    ),
    "users": SmallData(
        {
            "ID": "integer",
            "XML_ID": "string",
            "ACTIVE": "boolean",
            "NAME": "string",
            "LAST_NAME": "string",
            "SECOND_NAME": "string",
            "TITLE": "string",
            "EMAIL": "string",
            "WORK_POSITION": "string",
            "WORK_PHONE": "string",
            "PERSONAL_MOBILE": "string",
            "PERSONAL_CITY": "string",
            "TIME_ZONE": "string",
            "DATE_REGISTER": "datetime",
            "LAST_LOGIN": "datetime",
            "IS_ONLINE": "char",
            "USER_TYPE": "string",
            "UF_DEPARTMENT": "integer[]",
            "UF_EMPLOYMENT_DATE": "date",
        },
        ("id",),
        _users,
    ),
    "departments": SmallData(
        {"ID": "integer", "NAME": "string", "SORT": "integer", "PARENT": "user", "UF_HEAD": "user"},
        ("id",),
        _departments,
    ),
}

#: small datasets of a type, by name
OF_TYPES: dict[str, SmallData] = {
    "fields": SmallData(
        {
            "name": "string",
            "apiName": "string",
            "type": "string",
            "title": "string",
            "isMultiple": "boolean",
            "isRequired": "boolean",
            "isReadOnly": "boolean",
            "isImmutable": "boolean",
            "isDynamic": "boolean",
            "statusType": "string",
        },
        ("name",),
        _fields_of,
    ),
    "enum_values": SmallData(
        {"field": "string", "id": "integer", "value": "string", "sort": "integer"},
        ("field", "id"),
        _enum_values_of,
    ),
}
