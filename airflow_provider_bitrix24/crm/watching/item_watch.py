"""Looks whether a CRM item meets conditions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from airflow_provider_bitrix24.crm.cards import card_address
from airflow_provider_bitrix24.crm.inputs import is_sequence
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.relations import check_readable, fields_of, item_call, item_result
from airflow_provider_bitrix24.crm.stages import (
    Semantic,
    Stage,
    all_stages_call,
    check_semantic,
    has_stages,
    stages_call,
    stages_of,
    stages_of_type,
)
from airflow_provider_bitrix24.crm.watching.conditions import Condition, FieldTest, parse_conditions, typed
from airflow_provider_bitrix24.crm.watching.watch import ITEM_PARSERS, Parser, Sight
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.shown import shown


def check_some_condition(conditions: Any, stage_semantic: Any) -> None:
    """Refuse a wait for nothing.

    :raises InvalidInputError: neither conditions nor a meaning of the stage are given
    """
    if conditions is None and stage_semantic is None:
        raise InvalidInputError(
            "conditions: neither they nor stage_semantic are given",
            remedy="Say what to wait for, such as stage_semantic='success'.",
        )


class ItemWatch:
    """Looks whether an item meets conditions.

    :param item: the item
    :param conditions: on its fields; ``None`` for none
    :param stage_semantic: what its stage is to mean; ``None`` where that does not matter
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :raises InvalidInputError: one of them is not valid, or there is nothing to look for
    """

    parsers: ClassVar[Mapping[str, Parser]] = {
        **ITEM_PARSERS,
        "conditions": parse_conditions,
        "stage_semantic": check_semantic,
    }

    def __init__(
        self,
        item: Any = None,
        conditions: Any = None,
        stage_semantic: Any = None,
        *,
        entity_type: Any = None,
        entity_id: Any = None,
    ) -> None:
        given = CrmItem.given(item, entity_type, entity_id)
        self.item = check_readable(given, "entity_type" if item is None else "item")
        check_some_condition(conditions, stage_semantic)
        self._conditions = [] if conditions is None else parse_conditions(conditions)
        self._semantic: Semantic | None = None if stage_semantic is None else check_semantic(stage_semantic)
        if self._semantic is not None and not has_stages(self.item):
            raise InvalidInputError(f"stage_semantic: a {self.item.entity_type} stands in no stage")
        self.goal = _in_words(self._conditions, self._semantic)
        self._tests: list[FieldTest] | None = None
        self._stages_checked = False

    def address(self, origin: str) -> str:
        """Return where the item's card is, ``""`` where it has none.

        :param origin: the portal's scheme, host and port
        """
        return card_address(origin, self.item)

    def look(self) -> Plan[Sight]:
        """Look once.

        :raises NotFoundError: the item does not exist
        :raises InvalidInputError: it has no such field, or no pipeline of its type has such a stage
        """
        if self._tests is None:
            self._tests = yield from self._read_fields()
        [outcome] = yield Work([item_call(self.item)])
        fields = fields_of(self.item, item_result(self.item, outcome))
        seen, semantic = [], self._semantic
        if self._semantic is not None or any(test.name == "stageId" for test in self._tests):
            stage, elsewhere = yield from self._read_stage(fields)
            semantic = None if stage.semantic == semantic else semantic
            seen.append(f"is in stage {stage}")
            seen += [f"has no stage {', '.join(elsewhere)} in its pipeline"] if elsewhere else []
        unmet = [test for test in self._tests if not test.is_met(fields.get(test.name))]
        others = [test.describe(fields.get(test.name)) for test in unmet if test.name != "stageId"]
        seen += [f"does not meet {', '.join(others)}"] if others else []
        missing = _in_words([test.source for test in unmet], semantic)
        found = None if missing else self._found(fields)
        return Sight(f"{self.item} {' and '.join(seen) or 'meets all conditions'}", found, missing)

    def _found(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the item's id, its pipeline and stage where it stands in one, and the conditions' fields."""
        names = ["categoryId", "stageId"] if self._semantic is not None else []
        names += [test.name for test in self._tests or []]
        return {"id": self.item.entity_id, **{name: fields[name] for name in names if name in fields}}

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

    def _read_stage(self, fields: Mapping[str, Any]) -> Plan[tuple[Stage, list[str]]]:
        """Return the item's stage, and which of the stages that are waited for its pipeline does not have."""
        current = str(fields.get("stageId") or "")
        call = stages_call(self.item, _category_of(fields))
        wanted = self._stages_wanted()
        needed = {current} if self._stages_checked else {current, *wanted}
        [outcome] = yield Work([call], shared=True)
        stages = stages_of(outcome.unwrap())
        if not needed <= set(stages):  # one may have been added since
            [outcome] = yield Work([call])
            stages = stages_of(outcome.unwrap())
        elsewhere = sorted(wanted - set(stages))
        if elsewhere and not self._stages_checked:
            yield from self._check_stages(elsewhere, stages)
        self._stages_checked = True
        if current not in stages:
            raise UnexpectedResultError(
                f"{self.item} stands in stage {current!r}, which its pipeline does not list",
                method=call.method,
            )
        return stages[current], elsewhere

    def _stages_wanted(self) -> set[str]:
        tests = [test for test in self._tests or [] if test.name == "stageId" and test.operator in ("", "!")]
        return {str(stage) for test in tests for stage in test.wanted if stage}

    def _check_stages(self, names: Collection[str], own: Collection[str]) -> Plan[None]:
        """See that each stage exists in some pipeline: the item may stand in another one, now or later.

        :param names: stages that the item's pipeline does not have
        :param own: the stages that it has, for the message
        """
        call = all_stages_call()
        [outcome] = yield Work([call], shared=True)
        if not set(names) <= set(stages_of_type(self.item, outcome.unwrap())):
            [outcome] = yield Work([call])
        unknown = [name for name in names if name not in stages_of_type(self.item, outcome.unwrap())]
        if unknown:
            raise InvalidInputError(
                f"conditions: no pipeline of a {self.item.entity_type} has a stage {unknown[0]!r}",
                remedy=f"The pipeline of {self.item} has {', '.join(own)}.",
            )


def _in_words(conditions: Sequence[Condition], semantic: Semantic | None) -> str:
    goals = [
        condition.name if _may_be_private(condition) else f"{condition.name} {shown(condition.value)}"
        for condition in conditions
    ]
    return ", ".join([*goals, f"stage semantic {semantic}"] if semantic else goals)


def _may_be_private(condition: Condition) -> bool:
    """Tell whether a wanted value may be a customer's, which stands in no log."""
    values = condition.value if is_sequence(condition.value) else [condition.value]
    if condition.field in ("stageId", "categoryId"):
        return False
    return any(isinstance(value, str) and value not in ("", "Y", "N") for value in values)


def _category_of(fields: Mapping[str, Any]) -> int:
    text = str(fields.get("categoryId") or 0)
    if text.isascii() and text.isdigit():
        return int(text)
    raise UnexpectedResultError(f"a pipeline without a number: {shown(text)}", method="crm.item.get")
