"""Reading whole lists: which page comes next, and whether what came is the list.

A pager says which call to make next and takes its reply. Lists with an id are read by id, so rows that come
or go meanwhile shift nothing. Other lists are read by offset.
"""

from __future__ import annotations

from typing import Any, Protocol

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.id_pager import IdPager
from airflow_provider_bitrix24.rest.list_query import BY_ID, ListQuery
from airflow_provider_bitrix24.rest.offset_pager import OffsetPager
from airflow_provider_bitrix24.rest.reply import Reply


class Pager(Protocol):
    """Reads one list, page by page."""

    def next_call(self) -> Call | None:
        """Return the call for the next page, ``None`` where the list is complete."""

    def take(self, reply: Reply) -> list[Any]:
        """Return the new rows of a page.

        :raises IncompleteListError: rows are missing or come twice
        """


def pager_for(call: Call) -> Pager:
    """Return the pager that reads the whole list of a call.

    :param call: a list method with filter, order and select, without ``start``
    :raises InvalidInputError: the call asks for a page in the middle
    """
    start = next((value for key, value in call.params.items() if key.lower() == "start"), 0)
    if str(start) not in ("0", "-1"):
        raise InvalidInputError(
            f"params.start: {start!r} asks for a page in the middle",
            remedy="Leave 'start' out: the whole list is read.",
        )
    query = ListQuery(call)
    shape = BY_ID.get(call.method.lower())
    if shape is not None and query.readable_by_id(shape):
        return IdPager(query, shape)
    return OffsetPager(query, shape)
