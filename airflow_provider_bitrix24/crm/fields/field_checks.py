"""The names of fields in calls, compared with the metadata before anything is sent.

Bitrix24 ignores most names that it does not know: a filter by a misspelt name lists every row, a misspelt
name in ``fields`` writes nothing, and both succeed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.fields.field_names import ClassicNames, FieldNames, ItemNames
from airflow_provider_bitrix24.crm.telling import first_of
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError, RejectedError
from airflow_provider_bitrix24.rest.list_query import parameter_name
from airflow_provider_bitrix24.rest.plans import Plan, Work

#: the metadata read so far, by the call that reads it
Known = MutableMapping[str, Outcome]

_CLASSIC = re.compile(r"crm\.(lead|deal|contact|company|quote)\.(?:list|add|update)")
_ITEM = re.compile(r"crm\.item\.(?:list|add|update|import)")
#: what stands before a field's name in a filter
_OPERATOR = re.compile(r"[^A-Za-z0-9_$]*")
#: stands for fields, or is put in by a batch
_NO_NAME = re.compile(r"|\*|UF_\*|_.*|\$.*|.*\..*", re.DOTALL)
#: a time of day at the end of a date, where its offset from UTC would follow
_NO_OFFSET = re.compile(r".*\d[T ]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?: ?[ap]m)?", re.IGNORECASE)


@dataclass(frozen=True)
class FieldNotes:
    """What a check of fields has to say of calls that may be sent.

    :param unchecked: a sentence on each type whose fields are not known
    :param doubtful: a sentence on each condition that the portal may read in another way than it is meant
    """

    unchecked: list[str]
    doubtful: list[str]


@dataclass(frozen=True)
class _Check:
    """A call to be checked.

    :param call: the call
    :param stands: where it stands, for the message
    :param source: reads the metadata
    """

    call: Call
    stands: str
    source: Call

    @property
    def original(self) -> bool:
        """Whether users' fields may go by the names that they were created with."""
        return str(self.call.params.get("useOriginalUfNames")).upper() in ("Y", "TRUE", "1")

    def wrong(self, known: FieldNames | None) -> Iterator[str]:
        """Yield a sentence on each name that is no field's.

        :param known: the fields of the call's type, ``None`` where they are not known
        """
        if known is None:
            return
        for place, name in dict.fromkeys(named_fields(self.call)):
            if not known.knows(name, place):
                near = known.near(name)
                hint = f" (did you mean {' or '.join(near)}?)" if near else ""
                yield f"{self.stands}params.{place}: {name!r} is not a field of {known.subject}{hint}"

    def without_offset(self, known: FieldNames | None) -> Iterator[str]:
        """Yield the conditions whose time has no offset from UTC.

        :param known: the fields of the call's type, ``None`` where they are not known
        """
        for condition, wanted in _conditions(_filter_of(self.call)):
            times = wanted if isinstance(wanted, list) else [wanted]
            if (
                known is not None
                and known.is_moment(_OPERATOR.sub("", condition, count=1))
                and any(isinstance(time, str) and _NO_OFFSET.fullmatch(time.strip()) for time in times)
            ):
                yield condition


def check_field_names(calls: Sequence[Call], known: Known, stands: Sequence[str] = ()) -> Plan[FieldNotes]:
    """Compare the names of fields in calls with the metadata, and say what could not be compared, and why.

    Metadata that cannot be read for lack of rights or the like is no error: then nothing is known.

    :param calls: the calls; those of other methods pass
    :param known: the metadata read so far, completed here: each type's is read once
    :param stands: where each call stands, for the message, such as ``calls[3].``
    :raises InvalidInputError: a call names what is not a field, or groups conditions in a classic list
    :raises Bitrix24Error: the metadata could not be read, and another try may help
    """
    checks = [
        _Check(call, stand, source)
        for call, stand in zip(calls, stands or [""] * len(calls), strict=True)
        if (source := _source(call)) is not None
    ]
    for check in checks:
        _refuse_groups(check)
    checks = [check for check in checks if any(named_fields(check.call))]
    unread = {check.source.command(): check.source for check in checks}
    unread = {command: call for command, call in unread.items() if command not in known}
    outcomes = (yield Work(list(unread.values()))) if unread else []
    for command, outcome in zip(unread, outcomes, strict=True):
        if outcome.error is not None and not _is_final(outcome.error):
            raise outcome.error
        known[command] = outcome
    names = {
        key: _names(check, known[key[0]])
        for key, check in {(check.source.command(), check.original): check for check in checks}.items()
    }
    wrong = [line for check in checks for line in check.wrong(names[check.source.command(), check.original])]
    if wrong:
        raise _misspelt(wrong)
    unknown = {command for (command, _), found in names.items() if found is None}
    unchecked = [
        "The names of fields are not checked, because their list cannot be read: "
        f"{known[command].error or 'the portal answered no fields'}"
        for command in unread
        if command in unknown
    ]
    conditions = (
        (check.call.method, condition)
        for check in checks
        for condition in check.without_offset(names[check.source.command(), check.original])
    )
    return FieldNotes(unchecked, [_naive(*condition) for condition in dict.fromkeys(conditions)])


def _naive(method: str, condition: str) -> str:
    return (
        f"{method}: the time in the filter {condition!r} has no offset from UTC, so the portal reads it in "
        "its own time zone or the user's. Write it with its offset, such as 2026-05-04T10:00:00+02:00."
    )


def _is_final(error: Bitrix24Error) -> bool:
    return error.permanent or isinstance(error, RejectedError)


def _misspelt(wrong: list[str]) -> InvalidInputError:
    return InvalidInputError(
        "; ".join(first_of(wrong, "more names are not fields")),
        remedy="Correct the name. If there is such a field all the same, pass check_fields=False.",
    )


def _source(call: Call) -> Call | None:
    """Return the call that reads the metadata for another, ``None`` where it is not checked."""
    method = call.method.lower()
    if match := _CLASSIC.fullmatch(method):
        return Call(f"crm.{match[1]}.fields")
    type_id = str(call.params.get("entityTypeId"))
    if _ITEM.fullmatch(method) and re.fullmatch("[0-9]{1,9}", type_id):
        return Call("crm.item.fields", {"entityTypeId": int(type_id)})
    return None


def _names(check: _Check, outcome: Outcome) -> FieldNames | None:
    """Return the fields of a call's type, ``None`` where the metadata does not tell them."""
    is_item = bool(check.source.params)
    result = outcome.result if outcome.error is None else None
    described = result.get("fields") if is_item and isinstance(result, Mapping) else result
    if not isinstance(described, Mapping) or not described:
        return None
    if not is_item:
        return ClassicNames.of(described, f"a {check.source.method.split('.')[1]}")
    subject = f"entityTypeId {check.source.params['entityTypeId']}"
    return ItemNames.of(described, subject, original=check.original)


# --- the names in a call -----------------------------------------------------------------------------


def named_fields(call: Call) -> Iterator[tuple[str, str]]:
    """Yield the fields that a call names: where each stands, and its name without an operator.

    :param call: the call
    """
    for key, value in call.params.items():
        place = parameter_name(key)
        for name in _named_in(place, value):
            if not _NO_NAME.fullmatch(name):
                yield place, name


def _named_in(place: str, value: Any) -> Iterator[str]:
    if place == "select":
        entries = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else []
        yield from (name for name in entries if isinstance(name, str))
    elif place == "filter":
        yield from (_OPERATOR.sub("", name, count=1) for name, _ in _conditions(value))
    elif place in ("fields", "order") and isinstance(value, Mapping):
        yield from map(str, value)


def _filter_of(call: Call) -> Any:
    """Return the filter of a call, ``None`` where it has none."""
    return next((value for key, value in call.params.items() if parameter_name(key) == "filter"), None)


def _conditions(filters: Any) -> Iterator[tuple[str, Any]]:
    """Yield the conditions of a filter, and of the groups in it: each key and what it is compared with."""
    if isinstance(filters, list):  # to PHP the same as a mapping by position
        filters = dict(enumerate(filters))
    for key, value in filters.items() if isinstance(filters, Mapping) else ():
        if str(key).isdigit():
            yield from _conditions(value)
        elif str(key).lower() != "logic":
            yield str(key), value


def _refuse_groups(check: _Check) -> None:
    """Refuse groups of conditions in a classic list, which drops them.

    :raises InvalidInputError: there are some
    """
    filters = _filter_of(check.call)
    if check.source.params or not isinstance(filters, Mapping):
        return
    groups = [key for key in filters if str(key).isdigit() or str(key).lower() == "logic"]
    if all(str(filters[key]).upper() == "AND" for key in groups):  # which holds anyway
        return
    raise InvalidInputError(
        f"{check.stands}params.filter: {check.call.method} would ignore {groups[0]!r} and list more rows",
        remedy=(
            "Classic lists know no LOGIC and no groups. Use crm.item.list with "
            "{'0': {'logic': 'OR', '0': {...}, '1': {...}}}, or '@FIELD' with a list of values."
        ),
    )
