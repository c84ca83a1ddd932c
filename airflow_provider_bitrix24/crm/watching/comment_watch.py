"""Looks whether there is a comment on a CRM item's timeline."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import pendulum

from airflow_provider_bitrix24.crm.cards import card_address
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import check_text
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.listing import read_pages
from airflow_provider_bitrix24.crm.relations import is_readable, item_call, item_result
from airflow_provider_bitrix24.crm.timeline.comment_calls import ListedComment, newest_comments_call
from airflow_provider_bitrix24.crm.watching.watch import ITEM_PARSERS, NowAndThen, Parser, Sight
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.shown import shown

_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)$")


def _compiled(pattern: Any, field: str) -> re.Pattern[str]:
    text = pattern if isinstance(pattern, str) and pattern.isspace() else check_text(pattern, field)
    try:
        return re.compile(text)
    except re.error as error:
        problem = f"{field}: {shown(pattern)} is not a regular expression: {error}"
    raise InvalidInputError(problem, remedy="Give a text; (?i) at its start ignores case.")


def _moment(value: Any, field: str) -> float:
    text = value.isoformat() if hasattr(value, "isoformat") else value
    try:
        found = pendulum.parse(text, exact=True) if isinstance(text, str) and _OFFSET.search(text) else None
    except (ValueError, TypeError, AttributeError, OverflowError):  # some for periods, such as P1D/10:00Z
        found = None
    if isinstance(found, pendulum.DateTime):
        return math.floor(found.timestamp())  # comments are dated in whole seconds
    raise InvalidInputError(
        f"{field}: {shown(value)} is not a moment with its offset from UTC",
        remedy="Give it as 2026-05-04T10:00:00+02:00, or {{ data_interval_start }} in a template.",
    )


class CommentWatch:
    """Looks whether there is a comment on an item.

    :param item: the item
    :param pattern: regular expression that is found in the text; ``None`` for any text
    :param author_id: the user who wrote it; ``None`` for any
    :param since: not written before this, with an offset from UTC; ``None`` for any time
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :raises InvalidInputError: one of them is not valid
    """

    parsers: ClassVar[Mapping[str, Parser]] = {
        **ITEM_PARSERS,
        "pattern": _compiled,
        "author_id": parse_id,
        "since": _moment,
    }

    def __init__(
        self,
        item: Any = None,
        pattern: Any = None,
        author_id: Any = None,
        since: Any = None,
        *,
        entity_type: Any = None,
        entity_id: Any = None,
    ) -> None:
        self.item = CrmItem.given(item, entity_type, entity_id)
        self._pattern = None if pattern is None else _compiled(pattern, "pattern")
        self._author = None if author_id is None else parse_id(author_id, "author_id")
        self._since = None if since is None else _moment(since, "since")
        self.goal = f"a comment on {self.item}"
        self.goal += "" if pattern is None else " that matches the pattern"
        self.goal += "" if author_id is None else f" by user {self._author}"
        self.goal += "" if since is None else f" since {since}"
        self._now_and_then = NowAndThen()

    def address(self, origin: str) -> str:
        """Return where the item's card is, ``""`` where it has none.

        :param origin: the portal's scheme, host and port
        """
        return card_address(origin, self.item)

    def look(self) -> Plan[Sight]:
        """Look once, at the newest comments first; the newest one that fits is found.

        The timeline of an item that does not exist is empty for an administrator, so where there is nothing
        on it, the item is asked for at the first look, and now and then.

        :raises NotFoundError: the item does not exist
        :raises AccessDeniedError: the item does not exist, or may not be read
        """
        newest: ListedComment | None = None
        last: ListedComment | None = None

        def take(_: CrmItem, outcome: Outcome) -> bool:
            nonlocal newest, last
            for comment in map(ListedComment.of, outcome.unwrap()):
                newest = newest or comment
                if self._is_too_old(comment) or self._fits(comment):
                    last = comment
                    return False
            return True

        yield from read_pages({self.item: newest_comments_call(self.item)}, take)
        if newest is None and is_readable(self.item) and self._now_and_then.is_due():
            [outcome] = yield Work([item_call(self.item)])
            item_result(self.item, outcome)
            self._now_and_then.answered()
        found = None if last is None or self._is_too_old(last) else self._row(last)
        return Sight(self._seen(newest), found)

    def _is_too_old(self, comment: ListedComment) -> bool:
        return self._since is not None and comment.created < self._since

    def _fits(self, comment: ListedComment) -> bool:
        if self._author is not None and comment.author != str(self._author):
            return False
        return self._pattern is None or bool(self._pattern.search(comment.text))

    def _row(self, comment: ListedComment) -> dict[str, Any]:
        """Return what a comment is, under the API's keys; not its text, which may be long and personal."""
        about = {"AUTHOR_ID": number_of(comment.author), "CREATED": comment.date}
        return {"ID": comment.number, **self.item.row(), **about}

    def _seen(self, newest: ListedComment | None) -> str:
        if newest is None:
            return f"there is no comment on {self.item}"
        by = f"by user {number_of(newest.author)} at {newest.date}"
        return f"the newest comment on {self.item} is {newest.number}, written {by}"
