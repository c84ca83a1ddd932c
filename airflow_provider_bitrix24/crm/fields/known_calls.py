"""Calls of known methods that a user wrote: what the API would misread or ignore is refused."""

from __future__ import annotations

import difflib
import re

from airflow_provider_bitrix24.crm.fields.filters import check_filter
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.meant import meant
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.list_query import parameter_name

_ITEMS = "lead|deal|contact|company|quote|invoice"
#: methods whose parameters of these names are ids from 1 up
_TAKES_IDS = re.compile(
    rf"crm\.(?:{_ITEMS}|activity|activity\.todo|product|requisite|timeline\.comment)\.(?:get|update|delete)"
    rf"|crm\.(?:{_ITEMS})\.(?:productrows|(?:contact|company)(?:\.items)?)\.[a-z]+"
    r"|crm\.item\..+"
)
_IDS = frozenset({"id", "entityid", "entitytypeid", "ownerid", "ownertypeid"})
#: methods that take one of these parameters, and what they ignore in its place
_TAKES_FIELDS = re.compile(
    rf"crm\.(?:{_ITEMS}|activity|product|requisite|timeline\.comment|item)\.(?:add|update)"
)
_TAKES_FILTER = re.compile(r"crm\..+\.list")
_ALIKE = 0.75


def check_call(call: Call, field: str = "params") -> Call:
    """Return a call that a user wrote, if the API takes it as it is meant.

    :param call: the call
    :param field: where its parameters stand, for the message
    :raises InvalidInputError: an id, a parameter's name or a filter is not valid
    """
    method = call.method.lower()
    if _TAKES_IDS.fullmatch(method):
        for name, value in call.params.items():
            if name.lower().replace("_", "") in _IDS:
                parse_id(value, f"{field}.{name}")
    if _TAKES_FIELDS.fullmatch(method):
        _refuse_misspelt(call, "fields", field)
    if _TAKES_FILTER.fullmatch(method):
        _refuse_misspelt(call, "filter", field)
    for name, value in call.params.items():
        if parameter_name(name) == "filter":
            of_crm, of_items = method.startswith("crm."), method.startswith("crm.item.")
            check_filter(value, f"{field}.{name}", of_crm=of_crm, of_items=of_items)
    return call


def _refuse_misspelt(call: Call, wanted: str, field: str) -> None:
    """Refuse a call that has no such parameter, but one of nearly this name."""
    is_item = call.method.lower().startswith("crm.item.")  # these know each parameter by one name
    names = {name.lower() if is_item else parameter_name(name): name for name in call.params}
    if wanted in names:
        return
    near = difflib.get_close_matches(wanted, names, 1, _ALIKE)
    if near:
        raise InvalidInputError(
            f"{field}.{names[near[0]]}: {call.method} has no parameter of this name, and would ignore it",
            remedy=meant([wanted]),
        )
