"""Filters of list methods: what the API would drop, and then return the whole list, is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import RETURNED_NOTHING
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

_NAME = re.compile(r"(\W*)(.*)", re.DOTALL)
#: what classic lists take off a name; they drop a condition on a name that they do not know
_CLASSIC = re.compile(r"!?\+?(?:>=?|<=?|=%|%=|%|@|=|\?|\*[=%]?)?")
#: ``crm.item.*`` knows more, and refuses what it does not know; these mistakes are found earlier here
_ITEMS = re.compile(r"!?(?:[<>]?=?|==|><)|\S*[^<>=!\s]\S*")
#: the CRM's own fields that hold dates, in both spellings, without underscores
_DATES = frozenset({
    "BEGINDATE", "BIRTHDATE", "CLOSEDATE", "CREATED", "CREATEDTIME", "DATECREATE", "DATEMODIFY", "DEADLINE",
    "ENDTIME", "LASTACTIVITYTIME", "LASTCOMMUNICATIONTIME", "LASTUPDATED", "MOVEDTIME", "STARTTIME",
    "UPDATEDTIME",
})  # fmt: skip
#: a day as ISO 8601 and the API write it, or as a portal's own language does; a time may follow
_ISO_DAY = re.compile(r"([0-9]{4}-?[0-9]{2}-?[0-9]{2})(?:[T ].+)?")
_LOCAL_DAY = re.compile(r"[0-9]{1,2}([./])[0-9]{1,2}\1[0-9]{4}(?: .+)?")


def check_filter(value: Any, field: str, *, of_crm: bool, of_items: bool = False) -> None:
    """Refuse a filter that the API would not understand, and so leave out.

    :param value: the filter, as plain JSON; conditions may be nested in it
    :param field: where it stands, for the message
    :param of_crm: whether it is a filter of the CRM, whose ids, dates and operators are known
    :param of_items: whether it is one of ``crm.item.*``, which knows more operators
    :raises InvalidInputError: a bound is nothing, a list is empty, or an id or a date is none
    """
    if _is_nothing(value):
        raise InvalidInputError(
            f"{field}: {shown(value)} is not a filter, and the API would return everything",
            remedy=f"Leave it out to read everything. {RETURNED_NOTHING}",
        )
    if isinstance(value, list):
        for position, part in enumerate(value):
            if isinstance(part, (dict, list)):
                check_filter(part, f"{field}[{position}]", of_crm=of_crm, of_items=of_items)
    if not isinstance(value, Mapping):
        return
    for name, wanted in value.items():
        where = f"{field}[{name!r}]"
        if isinstance(wanted, Mapping) and wanted:
            check_filter(wanted, where, of_crm=of_crm, of_items=of_items)
        else:
            _check_condition(name, wanted, where, of_crm=of_crm, of_items=of_items)


def _check_condition(name: str, wanted: Any, where: str, *, of_crm: bool, of_items: bool) -> None:
    sign, key = _NAME.fullmatch(name).groups()  # type: ignore[union-attr]  # it fits every text
    if of_crm and not (_ITEMS if of_items else _CLASSIC).fullmatch(sign):
        effect = "refuse it" if of_items else "return everything"
        raise InvalidInputError(
            f"{where}: {sign!r} is not an operator here, and the API would {effect}",
            remedy="Write one of =, !=, >, >=, <, <=, @, !@, %, !%, =%, !=% before the name, without blanks.",
        )
    is_bound = "<" in sign or ">" in sign
    is_id = key.upper() == "ID"
    if wanted in ([], {}) and "!" not in sign:
        raise InvalidInputError(
            f"{where}: the list is empty, and the API would return everything",
            remedy="Skip the task if there is nothing to look for.",
        )
    for value in wanted if isinstance(wanted, list) else [wanted]:
        if (is_bound or is_id or "@" in sign) and _is_nothing(value):
            raise InvalidInputError(
                f"{where}: {shown(value)} is nothing to compare with, and the API would return everything",
                remedy=RETURNED_NOTHING,
            )
        if not of_crm:
            continue
        if is_id and "%" not in sign:
            _check_id(value, where, is_bound=is_bound)
        elif key.replace("_", "").upper() in _DATES:
            check_date(value, where, is_bound=is_bound)


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip() in ("", "None", "null"))


def _check_id(value: Any, where: str, *, is_bound: bool) -> None:
    if not (is_bound and not isinstance(value, bool) and str(value) == "0"):
        parse_id(value, where)


def check_date(value: Any, where: str, *, is_bound: bool) -> None:
    """Refuse a value that is no date.

    :param value: the value, as plain JSON
    :param where: where it stands, for the message
    :param is_bound: whether it is a bound, which nothing cannot be
    :raises InvalidInputError: it is none
    """
    if not is_bound and (value is None or value in ("", False)):  # asks for items without a date
        return
    if not isinstance(value, str) or not _is_date(value.strip()):
        raise InvalidInputError(
            f"{where}: {shown(value)} is not a date, and the API would return everything",
            remedy="Give a time with its offset from UTC, such as 2026-05-04T10:00:00+02:00, or a day.",
        )


def _is_date(text: str) -> bool:
    match = _ISO_DAY.fullmatch(text)
    if match is None:
        return _LOCAL_DAY.fullmatch(text) is not None
    try:
        date.fromisoformat(match[1])
    except ValueError:
        return False
    return True
