"""The call of a list method: its filter, order and selection, and where it keeps its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import UnexpectedResultError
from airflow_provider_bitrix24.rest.reply import Reply

PAGE_SIZE = 50


@dataclass(frozen=True)
class Shape:
    """Where a list method keeps its rows and their ids.

    :param rows: key of the rows inside ``result``, ``""`` where it is the list itself
    :param row_id: key of the id in a row
    :param filter_id: name of the id in ``filter``, ``order`` and ``select``
    """

    rows: str = ""
    row_id: str = "ID"
    filter_id: str = "ID"


#: lists that can be read by id
BY_ID: dict[str, Shape] = {
    "crm.item.list": Shape("items", "id", "id"),
    "crm.activity.list": Shape(),
    "crm.stagehistory.list": Shape("items"),
    "tasks.task.list": Shape("tasks", "id"),
    **{f"crm.{entity}.list": Shape() for entity in ("lead", "deal", "contact", "company", "quote")},
}
#: lists whose total is their number of rows; elsewhere a total of 50 may be the length of the page
_COUNTED = {*BY_ID, "crm.timeline.bindings.list", "crm.timeline.comment.list"}


#: other names of parameters that classic methods know
_CLASSIC_NAMES = {f"ar{name}": name for name in ("fields", "filter", "order", "select")}


def parameter_name(key: str) -> str:
    """Return a parameter's name in the one spelling used here; classic methods know several, in any case.

    :param key: the name as the caller wrote it
    """
    name = key.lower()
    return _CLASSIC_NAMES.get(name, name)


class ListQuery:
    """The parameters of a list call, whose names the API accepts in any case."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.params = {key: value for key, value in call.params.items() if key.lower() != "start"}

    def get(self, name: str) -> Any:
        """Return a parameter, ``None`` where it is missing."""
        return next((value for key, value in self.params.items() if parameter_name(key) == name), None)

    def with_params(self, **changes: Any) -> Call:
        """Return the call with some parameters replaced, under the names the caller used."""
        names = {parameter_name(key): key for key in self.params}
        replaced = {names.get(name, name): value for name, value in changes.items()}
        return Call(self.call.method, {**self.params, **replaced}, repeatable=self.call.repeatable)

    def mapping(self, name: str) -> dict[str, Any]:
        """Return a parameter as a mapping, an empty one where it is none."""
        value = self.get(name)
        if isinstance(value, list):  # to PHP the same as a mapping by position
            return {str(position): item for position, item in enumerate(value)}
        return dict(value) if isinstance(value, Mapping) else {}

    def readable_by_id(self, shape: Shape) -> bool:
        """Tell whether the list may be read in the order of its ids, within the caller's filter."""
        if not isinstance(self.get("filter"), (Mapping, list, type(None))):
            return False  # whatever the portal makes of it, it is sent as it is
        others = [field for field in self.mapping("order") if field.upper() != shape.filter_id.upper()]
        return not others and not any(key.lower() == "logic" for key in self.mapping("filter"))

    def select_with_id(self, shape: Shape) -> list[Any] | None:
        """Return what to select so that rows have an id, ``None`` where they have anyway."""
        select = self.get("select")
        fields = list(select.values()) if isinstance(select, Mapping) else select
        if not isinstance(fields, list) or not fields:
            return None
        if any(str(name).upper() in ("*", shape.filter_id.upper()) for name in fields):
            return None
        return [shape.filter_id, *fields]


def selecting_id(call: Call) -> tuple[Call, str]:
    """Return a list call whose rows have their ids, and the key to take out of each row again.

    :param call: a list method; the key is ``""`` where it selects the id itself, or is not known
    """
    query, shape = ListQuery(call), BY_ID.get(call.method.lower())
    select = query.select_with_id(shape) if shape is not None else None
    if shape is None or select is None:
        return call, ""
    return Call(call.method, {**call.params, **query.with_params(select=select).params}), shape.row_id


def rows_of(call: Call, reply: Reply, key: str = "") -> list[Any]:
    """Return the rows of a list's reply.

    :param call: the call, for messages
    :param reply: its reply
    :param key: where the rows are inside ``result``; ``""`` takes the list itself or the only list in it
    :raises UnexpectedResultError: there are no rows in it
    """
    result = reply.result
    if isinstance(result, dict) and key in result:
        result = result[key]
    elif isinstance(result, dict) and not key:
        lists = [value for value in result.values() if isinstance(value, list)]
        result = lists[0] if len(lists) == 1 else None
    if isinstance(result, list):
        return result
    raise UnexpectedResultError("the answer holds no list of rows", method=call.method)


def may_go_on(call: Call, reply: Reply) -> bool:
    """Tell whether rows may follow a full page of a list: the portal does not tell whether they do.

    :param call: the call of a list
    :param reply: its reply
    """
    is_counted = call.method.lower() in _COUNTED and reply.total is not None
    return not is_counted and reply.next is None and reply.total in (None, PAGE_SIZE)


def ends_unproven(call: Call, reply: Reply) -> bool:
    """Tell whether a page may be the last one or not: it is full, and the portal does not say what follows.

    :param call: any call
    :param reply: its reply
    """
    method = call.method.lower()
    is_list = isinstance(reply.result, list) or method.endswith(".list")
    if not is_list or not may_go_on(call, reply):
        return False
    try:
        rows = rows_of(call, reply, BY_ID.get(method, Shape()).rows)
    except UnexpectedResultError:
        return False
    return len(rows) == PAGE_SIZE and all(isinstance(row, Mapping) for row in rows)


def next_start(call: Call, reply: Reply) -> int | None:
    """Return where the next page starts, ``None`` where this one proves that there is none.

    :param call: the call for this page
    :param reply: its reply
    """
    if not ends_unproven(call, reply):
        return reply.next
    start = call.params.get("start", 0)
    return PAGE_SIZE + (start if isinstance(start, int) else 0)
