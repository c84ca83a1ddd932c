"""Conditions on a CRM item's fields, compared by each field's own type.

A condition's name is a field's with an operator before it, as in the API's filters: ``">=opportunity"``. Its
value is read as the field's type says, so ``"1000"`` is a number where the field is one, and a date is a
date.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.inputs import from_json, is_sequence
from airflow_provider_bitrix24.crm.meant import meant
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.rest.shown import shown
from airflow_provider_bitrix24.rest.texts import problem_of

_NAME = re.compile(r"(!@|!=|>=|<=|!%|@|=|!|>|<|%)?([A-Za-z][A-Za-z0-9_]*)")

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_NEGATED = ("!", "!=", "!@", "!%")


@dataclass(frozen=True)
class Condition:
    """One condition as the user wrote it.

    :param name: how the user named it
    :param operator: ``""``, ``!``, ``>``, ``>=``, ``<``, ``<=``, ``@``, ``!@``, ``%`` or ``!%``
    :param field: the field's name
    :param value: the value, or a list of values of which one is to be met
    """

    name: str
    operator: str
    field: str
    value: Any


def parse_conditions(value: Any, field: str = "conditions") -> list[Condition]:
    """Return conditions; one JSON text, as a template may give it, is read as such.

    :param value: a mapping of operator and field to value
    :param field: where it stands, for the message
    :raises InvalidInputError: it is no such mapping
    """
    mapping = from_json(value, field) if isinstance(value, str) else value
    if not isinstance(mapping, Mapping) or not mapping:
        raise InvalidInputError(
            f"{field}: {shown(mapping)} is not a mapping of fields to values",
            remedy="Give it as {'stageId': 'WON', '>=opportunity': 1000}.",
        )
    return [_condition(name, wanted, field) for name, wanted in mapping.items()]


def _condition(name: Any, value: Any, field: str) -> Condition:
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise InvalidInputError(
            f"{field}: {shown(name)} is not a field's name with an operator before it",
            remedy="Operators are =, !, >, >=, <, <=, @, !@, %, !%.",
        )
    sign = {"=": "", "!=": "!"}.get(match[1] or "", match[1] or "")
    if isinstance(value, (set, frozenset)) or is_sequence(value):
        value = list(value)
    if sign in ("@", "!@") and not isinstance(value, list):
        if ft.is_empty(value) or isinstance(value, Mapping):
            raise InvalidInputError(f"{field}[{name!r}]: {shown(value)} is not a list")
        value = [value]  # the output of a mapped task that ran once
    if isinstance(value, list) and (not value or sign in (*_ORDERED, "%", "!%")):
        raise InvalidInputError(
            f"{field}[{name!r}]: {shown(value)} cannot be compared so",
            remedy="A list means one of its values; it must have some, and goes with =, !, @ and !@.",
        )
    if isinstance(value, Mapping):
        raise InvalidInputError(f"{field}[{name!r}]: {shown(value)} is not a value or a list of values")
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str) and (problem := problem_of(part)):
            raise InvalidInputError(f"{field}[{name!r}]: {problem}", remedy="Take it out of the text.")
    return Condition(name, sign.replace("@", ""), match[2], value)


class FieldTest:
    """One condition on a field whose type is known.

    :param condition: the condition
    :param name: the field's name in an item
    :param description: of the field, as ``crm.item.fields`` gives it
    :param field: where the conditions stand, for messages
    :raises InvalidInputError: the value is none of the field's type
    """

    def __init__(
        self, condition: Condition, name: str, description: Mapping[str, Any], field: str = "conditions"
    ) -> None:
        self.name = name
        self.source = condition
        self.operator = condition.operator
        self._kind = str(description.get("type"))
        self._read, what = ft.reader(self._kind)
        values = condition.value if isinstance(condition.value, list) else [condition.value]
        self._text = condition.operator in ("%", "!%")
        self.wanted = [self._wanted(value, f"{field}[{condition.name!r}]", what) for value in values]

    def _wanted(self, value: Any, field: str, what: str) -> Any:
        if self.operator in ("", "!") and (ft.is_empty(value) or self._is_no_id(value)):
            return None
        if ft.is_empty(value):
            raise InvalidInputError(f"{field}: {shown(value)} cannot be compared so")
        if self._text:
            return str(value)
        found = None if isinstance(value, bool) and what != "yes or no" else self._read(value)
        if found is None:
            raise InvalidInputError(
                f"{field}: {shown(value)} is not {what}", remedy="The field is of that type."
            )
        return found

    def is_met(self, value: Any) -> bool:
        """Tell whether a field's value meets the condition; one of several values is enough.

        :param value: the value as ``crm.item.get`` gives it
        """
        entries = value if isinstance(value, list) else [value]
        values = [entry for entry in entries if not self._is_none(entry)]
        met = any(self._matches(entry) for entry in values) if values else None in self.wanted
        return not met if self.operator in _NEGATED else met

    def describe(self, value: Any) -> str:
        """Return the condition, and the field's value where that says nothing about a customer.

        :param value: the value as ``crm.item.get`` gives it
        """
        values = value if isinstance(value, list) else [value]
        if all(map(self._is_none, values)):
            return f"{self.source.name} (it is empty)"
        named = self.source.name
        return f"{named} (it is {shown(value)})" if self._kind in ft.HARMLESS else named

    def _is_none(self, value: Any) -> bool:
        """Tell whether the portal says that there is no value, which it does in several ways."""
        no = value is False and self._kind not in ft.FLAGS
        return no or ft.is_empty(value) or self._is_no_id(value)

    def _is_no_id(self, value: Any) -> bool:
        return self._kind in ft.IDS and str(value) == "0"

    def _matches(self, value: Any) -> bool:
        if self._text:
            return str(self.wanted[0]).casefold() in str(value).casefold()
        found = self._read(value)
        if found is None:
            return False
        compare: Callable[[Any, Any], Any] = _ORDERED.get(self.operator, operator.eq)
        return any(wanted is not None and compare(found, wanted) for wanted in self.wanted)


def typed(
    conditions: list[Condition], fields: Mapping[str, Mapping[str, Any]], field: str = "conditions"
) -> list[FieldTest]:
    """Return the conditions with the types of their fields.

    :param conditions: the conditions
    :param fields: descriptions by name, as ``crm.item.fields`` gives them
    :param field: where they stand, for messages
    :raises InvalidInputError: there is no such field, or a value is not of its type
    :raises UnexpectedResultError: these are no descriptions
    """
    if not all(isinstance(description, Mapping) for description in fields.values()):
        raise UnexpectedResultError("a field without a description", method="crm.item.fields")
    names = {str(description.get("upperName") or name): name for name, description in fields.items()}
    tests = []
    for condition in conditions:
        name = condition.field if condition.field in fields else names.get(condition.field)
        if name is None:
            near = difflib.get_close_matches(condition.field, list(fields), n=3)
            raise InvalidInputError(
                f"{field}: the item has no field {condition.field!r}",
                remedy=meant(near) or "See crm.item.fields for their names.",
            )
        tests.append(FieldTest(condition, name, fields[name], field))
    return tests
