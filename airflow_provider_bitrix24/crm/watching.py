"""Watches: what a sensor waits for. Each look is a plan."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from typing import Any, Protocol

import pendulum

from airflow_provider_bitrix24.crm.comment_calls import newest_comments_call, plain
from airflow_provider_bitrix24.crm.conditions import FieldTest, parse_conditions, typed
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import check_text, shown
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.listing import read_list, read_pages
from airflow_provider_bitrix24.crm.records import see_record
from airflow_provider_bitrix24.crm.relations import (
    check_readable,
    fields_of,
    is_readable,
    item_call,
    item_result,
)
from airflow_provider_bitrix24.crm.stages import (
    Semantic,
    check_semantic,
    has_stages,
    stages_call,
    stages_of,
)
from airflow_provider_bitrix24.crm.timeline_bindings import TimelineBinding, bindings_call
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.rest.plans import Plan, Work

#: looks in a row that find nothing and do not ask whether the thing looked at is still there
_UNCHECKED = 9
_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)$")


class Watch(Protocol):
    """What a sensor waits for."""

    item: CrmItem

    def look(self) -> Plan[Any]:
        """Look once; a result that is true means that the condition is met."""


class _NowAndThen:
    """Tells when to ask whether the thing looked at still exists: at the first look, then at every tenth."""

    def __init__(self) -> None:
        self._unchecked: int | None = None

    def is_due(self) -> bool:
        """Count a look, and tell whether to ask at this one."""
        if self._unchecked:
            self._unchecked -= 1
            return False
        return True

    def answered(self) -> None:
        """Note that it exists; until that is told, each look asks."""
        # Many that begin together are not to ask again in the same round.
        first = self._unchecked is None
        self._unchecked = random.randint(0, _UNCHECKED) if first else _UNCHECKED  # noqa: S311 - no secret


class BindingWatch:
    """Looks whether a timeline record is bound to an item, or no longer is.

    :param record_id: the record
    :param entity_type: the item's type
    :param entity_id: the item's id
    :param bound: whether the binding is waited for, or its end
    :raises InvalidInputError: one of them is not valid
    """

    def __init__(self, record_id: Any, entity_type: Any, entity_id: Any, bound: bool = True) -> None:
        self.binding = TimelineBinding.of(record_id, entity_type, entity_id)
        self.item = self.binding.item
        self._bound = bound
        self._now_and_then = _NowAndThen()

    def look(self) -> Plan[bool]:
        """Look once.

        A record that does not exist has no bindings either. So where there are none, the record is asked for,
        too; while a binding is waited for, only now and then.

        :raises NotFoundError: the record does not exist
        """
        record_id = self.binding.record_id
        rows = yield from read_list(bindings_call(record_id))
        if not rows and (not self._bound or self._now_and_then.is_due()):
            yield from see_record(record_id)
            self._now_and_then.answered()
        return self.binding.is_among(rows) is self._bound


class ItemWatch:
    """Looks whether an item meets conditions.

    :param item: the item
    :param conditions: on its fields; ``None`` for none
    :param stage_semantic: what its stage is to mean; ``None`` where that does not matter
    :raises InvalidInputError: one of them is not valid, or there is nothing to look for
    """

    def __init__(self, item: Any, conditions: Any, stage_semantic: Any) -> None:
        self.item = check_readable(CrmItem.parse(item), "item")
        self._conditions = [] if conditions is None else parse_conditions(conditions)
        self._semantic: Semantic | None = None if stage_semantic is None else check_semantic(stage_semantic)
        if not self._conditions and self._semantic is None:
            raise InvalidInputError("conditions: neither they nor stage_semantic are given")
        if self._semantic is not None and not has_stages(self.item):
            raise InvalidInputError(f"stage_semantic: a {self.item.entity_type} stands in no stage")
        self._tests: list[FieldTest] | None = None

    def look(self) -> Plan[bool]:
        """Look once.

        :raises NotFoundError: the item does not exist
        :raises InvalidInputError: it has no such field, or its pipeline no such stage
        """
        if self._tests is None:
            self._tests = yield from self._read_fields()
        [outcome] = yield Work([item_call(self.item)])
        fields = fields_of(self.item, item_result(self.item, outcome))
        stages = [test for test in self._tests if test.name == "stageId"]
        if self._semantic is not None or stages:
            semantic = yield from self._semantic_of(fields, stages)
            if self._semantic is not None and semantic != self._semantic:
                return False
        return all(test.is_met(fields.get(test.name)) for test in self._tests)

    def _read_fields(self) -> Plan[list[FieldTest]]:
        if not self._conditions:
            return []
        call = Call("crm.item.fields", {"entityTypeId": self.item.type_id})
        [outcome] = yield Work([call], shared=True)
        result = outcome.unwrap()
        fields = result.get("fields") if isinstance(result, Mapping) else None
        if not isinstance(fields, Mapping):
            raise UnexpectedResultError("no fields", method=call.method)
        return typed(self._conditions, fields)

    def _semantic_of(self, fields: Mapping[str, Any], tests: list[FieldTest]) -> Plan[Semantic]:
        """Return what the item's stage means, and see that its pipeline has the stages it is waited for."""
        current = str(fields.get("stageId") or "")
        call = stages_call(self.item, _category_of(fields))
        wanted = {
            str(stage) for test in tests if test.operator in ("", "!") for stage in test.wanted if stage
        }
        [outcome] = yield Work([call], shared=True)
        stages = stages_of(outcome.unwrap())
        if not {current, *wanted} <= set(stages):  # one may have been added since
            [outcome] = yield Work([call])
            stages = stages_of(outcome.unwrap())
        unknown = sorted(wanted - set(stages))
        if unknown:
            raise InvalidInputError(
                f"conditions: the pipeline of {self.item} has no stage {unknown[0]!r}",
                remedy=f"It has {', '.join(stages)}.",
            )
        if current not in stages:
            raise UnexpectedResultError(
                f"{self.item} stands in stage {current!r}, which its pipeline does not list",
                method=call.method,
            )
        return stages[current]


def _category_of(fields: Mapping[str, Any]) -> int:
    text = str(fields.get("categoryId") or 0)
    if text.isascii() and text.isdigit():
        return int(text)
    raise UnexpectedResultError(f"a pipeline without a number: {shown(text)}", method="crm.item.get")


class CommentWatch:
    """Looks whether there is a comment on an item.

    :param item: the item
    :param pattern: regular expression that is found in the text; ``None`` for any text
    :param author_id: the user who wrote it; ``None`` for any
    :param since: not written before this, with an offset from UTC; ``None`` for any time
    :raises InvalidInputError: one of them is not valid
    """

    def __init__(self, item: Any, pattern: Any, author_id: Any, since: Any) -> None:
        self.item = CrmItem.parse(item)
        self._pattern = None if pattern is None else _compiled(pattern)
        self._author = None if author_id is None else parse_id(author_id, "author_id")
        self._since = None if since is None else _moment(since)
        self._now_and_then = _NowAndThen()

    def look(self) -> Plan[int | None]:
        """Look once, at the newest comments first, and return the newest one that fits.

        The timeline of an item that does not exist is empty for an administrator, so where there is nothing
        on it, the item is asked for at the first look, and now and then.

        :raises NotFoundError: the item does not exist
        :raises AccessDeniedError: the item does not exist, or may not be read
        """
        is_empty, last = True, None

        def take(_: CrmItem, outcome: Outcome) -> bool:
            nonlocal is_empty, last
            page = outcome.unwrap()
            is_empty = is_empty and not page
            last = next((row for row in page if self._ends(row)), None)
            return last is None

        yield from read_pages({self.item: newest_comments_call(self.item)}, take)
        if is_empty and is_readable(self.item) and self._now_and_then.is_due():
            [outcome] = yield Work([item_call(self.item)])
            item_result(self.item, outcome)
            self._now_and_then.answered()
        return None if last is None or self._is_too_old(last) else _comment_of(last)[0]

    def _ends(self, row: Any) -> bool:
        """Tell whether no further comment needs to be read."""
        return self._is_too_old(row) or self._fits(row)

    def _is_too_old(self, row: Any) -> bool:
        _, created = _comment_of(row)
        return self._since is not None and created < self._since

    def _fits(self, row: Mapping[str, Any]) -> bool:
        if self._author is not None and str(row.get("AUTHOR_ID")) != str(self._author):
            return False
        return self._pattern is None or bool(self._pattern.search(plain(str(row.get("COMMENT") or ""))))


def _comment_of(row: Any) -> tuple[int, float]:
    try:
        created = pendulum.parse(str(row["CREATED"])).timestamp()  # type: ignore[union-attr]
        return parse_id(row["ID"], "ID"), created
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, InvalidInputError):
        raise UnexpectedResultError(
            "a comment without id or date", method="crm.timeline.comment.list"
        ) from None


def _compiled(pattern: Any) -> re.Pattern[str]:
    text = pattern if isinstance(pattern, str) and pattern.isspace() else check_text(pattern, "pattern")
    try:
        return re.compile(text)
    except re.error as error:
        problem = f"pattern: {shown(pattern)} is not a regular expression: {error}"
    raise InvalidInputError(problem, remedy="Give a text; (?i) at its begin ignores case.")


def _moment(value: Any) -> float:
    text = value.isoformat() if hasattr(value, "isoformat") else value
    try:
        found = pendulum.parse(text, exact=True) if isinstance(text, str) and _OFFSET.search(text) else None
    except (ValueError, TypeError, AttributeError, OverflowError):  # some for periods, such as P1D/10:00Z
        found = None
    if isinstance(found, pendulum.DateTime):
        return math.floor(found.timestamp())  # comments are dated in whole seconds
    raise InvalidInputError(
        f"since: {shown(value)} is not a moment with its offset from UTC",
        remedy="Give it as 2026-05-04T10:00:00+02:00, or {{ data_interval_start }} in a template.",
    )
