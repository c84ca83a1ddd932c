"""Filter and order of ``crm.item.list`` and its like, which refuse what they do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import php
from .errors import RestError
from .listing import Condition, Query, split_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .fields import Field


def refine(query: Query, fields: Mapping[str, Field], filters: Any, order: Any) -> Query:
    """Add a filter and an order to a query.

    :param fields: the fields that may be named, by the caller's names
    :param filters: conditions, and groups of them under numbers, with ``logic`` ``AND`` or ``OR``
    """
    for key, value in php.pairs(filters):
        if key == "logic":
            continue
        if key.isdigit():
            query.conditions.append(_group(query, fields, value))
            continue
        operator, field = _named(fields, key, value)
        query.where(field, operator, value)
    for name, direction in php.pairs(order):
        known = fields.get(name)
        if known is None or known.write_only:
            raise RestError("INVALID_ARG_VALUE", f"Invalid order: field '{name}' is not allowed in order")
        query.order_by(known, direction)
    return query


def _group(query: Query, fields: Mapping[str, Field], group: Any) -> Condition:
    if not php.is_array(group):
        raise RestError("INVALID_ARG_VALUE", "Invalid filter: a group of conditions is no array")
    conditions = []
    for key, value in php.pairs(group):
        if key.isdigit():
            conditions.append(_group(query, fields, value))
        elif key != "logic":
            operator, field = _named(fields, key, value)
            conditions.append(query.condition(field, operator, value))
    either = php.text(php.lookup(group, "logic")).upper() == "OR"
    return lambda row: (any if either else all)(condition(row) for condition in conditions)


def _named(fields: Mapping[str, Field], key: str, value: Any) -> tuple[str, Field]:
    operator, name = split_key(key)
    known = fields.get(name)
    if known is None:
        raise RestError("INVALID_ARG_VALUE", f"Invalid filter: field '{name}' is not allowed in filter")
    if operator in ("@", "!@") and php.is_array(value) and not value:
        raise RestError("0", "Mysql query error: (1064) You have an error in your SQL syntax")
    if php.is_array(value) and operator not in ("", "!", "@", "!@"):
        raise RestError("INVALID_ARG_VALUE", f"Invalid filter: value of '{key}' must not be an array")
    return operator, known
