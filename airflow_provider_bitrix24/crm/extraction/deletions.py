"""What is gone. The API has no list of deletions, so each item that a list no longer shows is asked for.

A list leaves out what the user may not read, as it does what does not exist. Gone is only what the portal
does not find. With a filter, what is there and no longer matches has *left*. Whatever else the portal answers
is an error: in doubt nothing may be deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_bitrix24.crm.extraction.list_questions import (
    first_page,
    ids_of,
    page_of,
    pages_among,
    shape_of,
)
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.relations import fields_of, item_call
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    IncompleteListError,
    InvalidInputError,
    NotFoundError,
    TooManyDeletionsError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.list_query import ListQuery
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.shown import shown

#: so many rows may go whatever their share is: one of three rows is a third of them
_FEW = 10
#: how many listed items are asked for, too
_WITNESSES = 3
#: codes of "not found" that mean the item itself
_NOT_FOUND = frozenset({"NOT_FOUND", ""})


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """What became of items that a list no longer shows, as their ids.

    :param gone: the portal does not find them
    :param left: they are there, and no longer match the filter
    :param hidden: the user may not read them
    :param there: they are there; they came back, or another kind of list would show them
    """

    gone: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()
    there: tuple[int, ...] = ()


class _State(StrEnum):
    GONE = "gone"
    HIDDEN = "hidden"
    THERE = "there"


def confirm_gone(call: Call, entity_type: str, ids: Collection[int]) -> Plan[Confirmed]:
    """Find out what became of items that a list no longer shows: each is asked for by itself.

    Items are asked for by ``crm.item.get``, activities by ``crm.activity.binding.list``. A few that the list
    shows are asked for, too: if the portal does not find them either, its answer means nothing.

    :param call: the list, with its filter
    :param entity_type: ``activity``, or a type that ``crm.item.get`` knows, such as ``deal``
    :param ids: the ids that it no longer shows
    :raises IncompleteListError: the portal does not find what it lists; another try may help
    :raises Bitrix24Error: a call failed, so it is not known what became of an item
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return Confirmed()
    [page] = yield Work([first_page(call, "DESC")])
    witnesses = [number for number in ids_of(page) if number not in ids][:_WITNESSES]
    asked = [CrmItem(entity_type, number) for number in (*witnesses, *wanted)]
    outcomes = yield Work([_question(item) for item in asked])
    states = [_state(item, outcome) for item, outcome in zip(asked, outcomes, strict=True)]
    if witnesses and all(state is _State.GONE for state in states[: len(witnesses)]):
        raise IncompleteListError(
            f"the portal lists {asked[0]} and does not find it, so nothing is known to be gone",
            method=outcomes[0].call.method,
        )
    found = dict(zip(wanted, states[len(witnesses) :], strict=True))
    there = [number for number, state in found.items() if state is _State.THERE]
    matching = (yield from _matching(call, there)) if ListQuery(call).mapping("filter") else set(there)
    return Confirmed(
        gone=_those(found, _State.GONE),
        hidden=_those(found, _State.HIDDEN),
        left=tuple(number for number in there if number not in matching),
        there=tuple(number for number in there if number in matching),
    )


def _those(found: dict[int, _State], wanted: _State) -> tuple[int, ...]:
    return tuple(number for number, state in found.items() if state is wanted)


def _question(item: CrmItem) -> Call:
    if item.entity_type == "activity":  # crm.activity.get does not know all kinds that are listed
        return Call("crm.activity.binding.list", {"activityId": item.entity_id})
    return item_call(item)


def _state(item: CrmItem, outcome: Outcome) -> _State:
    error = outcome.error
    if isinstance(error, NotFoundError) and error.code.upper() in _NOT_FOUND:
        return _State.GONE
    if isinstance(error, AccessDeniedError):
        return _State.HIDDEN
    if error is not None:
        said = f": {error.description}" if error.description else ""
        raise error.but(description=f"whether {item} is gone is not known{said}")
    if item.entity_type != "activity":
        fields_of(item, outcome.result)
        return _State.THERE
    if not isinstance(outcome.result, list):
        raise UnexpectedResultError(f"whether {item} is gone is not known", method=outcome.call.method)
    return _State.THERE if outcome.result else _State.HIDDEN


def _matching(call: Call, ids: Sequence[int]) -> Plan[set[int]]:
    """Return those of some ids that a list shows."""
    pages = pages_among(call, ids)
    outcomes = (yield Work(pages)) if pages else []
    return {number for outcome in outcomes for number in ids_of(outcome)}


# --- before anything is deleted ----------------------------------------------------------------------


def parse_share(value: Any, field: str = "max_deleted_share") -> float:
    """Return the largest share of the rows that may go at once.

    :param value: a number from 0 to 1
    :param field: where it stands, for the message
    :raises InvalidInputError: it is none
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise InvalidInputError(
        f"{field}: {shown(value)} is not a share", remedy="Give a number from 0 to 1, such as 0.05."
    )


def check_share(gone: int, live: int, max_deleted_share: float) -> None:
    """Refuse to delete more than a share of the rows, or all of them.

    Up to ten rows may go whatever their share is, unless they are all, or the largest share is 0. All may go
    only if the largest share is 1.

    :param gone: how many rows would go, with those that left the filter
    :param live: how many rows there are, those that would go among them
    :param max_deleted_share: the largest share that may go, from 0 to 1
    :raises TooManyDeletionsError: more would go
    """
    most = max(_FEW, int(live * max_deleted_share)) if max_deleted_share else 0
    if not gone or max_deleted_share == 1 or (gone <= most and gone < live):
        return
    share = f"{gone / live:.1%}" if live else "all"
    raise TooManyDeletionsError(
        f"{gone} of {live} rows would be deleted ({share}); max_deleted_share is {max_deleted_share:.1%}"
    )


def check_census(call: Call, read: int, highest: int) -> Plan[None]:
    """Compare how many ids were read with a fresh count; rows that were deleted meanwhile do not matter.

    :param call: the list, with its filter
    :param read: how many of its ids up to the highest were read
    :param highest: the highest id when reading began; newer rows do not count
    :raises IncompleteListError: the portal counts more, so rows are missing; another try helps
    :raises UnexpectedResultError: the portal does not count
    """
    [outcome] = yield Work([page_of(call, {f"<={shape_of(call).filter_id}": highest}, start=0)])
    total = outcome.unwrap_reply().total
    if total is None:
        raise UnexpectedResultError("the portal does not count the list's rows", method=call.method)
    if total > read:
        raise IncompleteListError(
            f"{read} ids up to {highest} were read, and the portal counts {total}", method=call.method
        )
