"""What operators share that write items of the CRM: their arguments, the metadata, the words for outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, get_args

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.lineage import DataNode, dataset_name
from airflow_provider_bitrix24.crm.rows import Rows
from airflow_provider_bitrix24.crm.writing.changes import Change, Nulls, Operation
from airflow_provider_bitrix24.crm.writing.parsing import parse_changes
from airflow_provider_bitrix24.crm.writing.work import write_all
from airflow_provider_bitrix24.crm.writing.writing import Writing, Written
from airflow_provider_bitrix24.hooks.extraction import check_choice
from airflow_provider_bitrix24.hooks.writing import (
    Phones,
    check_count,
    check_key,
    check_phones,
    open_writing,
    parse_writable,
    parse_zone,
    say_left_out,
)
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN, or_none, unless_none
from airflow_provider_bitrix24.operators.bulk import BulkOperator, Outcomes, Result, named
from airflow_provider_bitrix24.operators.deferring import DeferringOperator
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress


class ItemsOperator(DeferringOperator):
    """Base of operators that write items of the CRM: the arguments that say how, and the metadata."""

    operation: Operation
    entity_type: Any
    key: Any = None
    timezone: Any = None
    nulls: Nulls = "clear"
    phones: Phones = "add"
    skip_unchanged = True
    missing_ok = True

    #: how the items are written, once the metadata is read
    _writing: Writing | None = None

    def take_writing(self, *, entity_type: Any, key: Any, timezone: Any, nulls: Any, phones: Any) -> None:
        """Keep the arguments that say how items are written.

        :param entity_type: the items' type
        :param key: columns that tell an item from all others
        :param timezone: the zone of times without an offset
        :param nulls: ``clear`` or ``keep``
        :param phones: ``add`` or ``replace``
        :raises InvalidInputError: one of them is not valid
        """
        check_phones(phones)
        check_choice(nulls, "nulls", get_args(Nulls))
        self.entity_type = entity_type
        self.key = or_none(key)
        self.timezone = or_none(timezone)
        self.nulls = nulls
        self.phones = phones
        self.arguments.note(entity_type=entity_type, key=key, timezone=timezone)
        self.arguments.check_literals(
            entity_type=parse_writable,
            key=unless_none(check_key),
            timezone=unless_none(parse_zone),
        )

    def open_writing(self) -> Writing:
        """Read the metadata of the type, and return how its items are written."""
        self.arguments.check_not_lost(self, "key", "timezone")
        self._writing = open_writing(
            self.hook,
            self.operation,
            self.entity_type,
            key=self.key,
            skip_unchanged=self.skip_unchanged,
            phones=self.phones,
            timezone=self.timezone,
            missing_ok=self.missing_ok,
        )
        return self._writing

    def written_node(self, rows: int | None) -> DataNode:
        """Return the type's items as the portal's dataset that the task writes.

        :param rows: how many items were written, ``None`` where that is not known
        """
        name = dataset_name(parse_writable(self.entity_type).name)
        schema = None if self._writing is None else self._writing.writers.schema
        return self.dataset_node(name, schema=schema, rows=rows)


class WritingOperator(ItemsOperator, BulkOperator):
    """Base of operators that write items which stand in an argument."""

    #: the argument that holds the items
    rows_name: ClassVar[str] = "rows"

    max_items: int | None = None

    def take_rows(
        self,
        entity_type: Any,
        rows: Any,
        *,
        key: Any = NOT_GIVEN,
        timezone: Any = NOT_GIVEN,
        nulls: Any = "clear",
        phones: Any = "add",
    ) -> None:
        """Keep the arguments that say what is written.

        :param entity_type: the items' type
        :param rows: what becomes of each
        :param key: columns that tell an item from all others
        :param timezone: the zone of times without an offset
        :param nulls: ``clear`` or ``keep``
        :param phones: ``add`` or ``replace``
        :raises InvalidInputError: one of them is not valid
        """
        setattr(self, self.rows_name, rows)
        self.arguments.note(**{self.rows_name: rows})
        self.take_writing(entity_type=entity_type, key=key, timezone=timezone, nulls=nulls, phones=phones)

    def parse(self) -> Sequence[Change]:
        """Read the metadata, and return what the rows are to do."""
        writing = self.open_writing()
        parser = writing.parser(self.nulls)
        given = getattr(self, self.rows_name)
        changes: Rows[Change] = parse_changes(given, self.rows_name, writing, parser, **self.parsing)
        check_count(len(changes) + len(changes.invalid), self.max_items)
        say_left_out(self.log, writing.entity_type, parser.left_out)
        return changes

    def written_nodes(self) -> list[DataNode]:
        """Return the type's items."""
        return [self.written_node(self.written_rows)]

    def fingerprint(self, items: Sequence[Change]) -> Any:
        """Return what identifies these changes."""
        return [self._at_work.entity_type, [change.to_json() for change in items]]

    def plan(self, items: Sequence[Change], progress: Progress) -> Plan[list[Written]]:
        """Return the work."""
        return write_all(self._at_work, items, progress)

    def card(self, items: Sequence[Change]) -> CrmItem | None:
        """Return the first item, where its id is known."""
        number = items[0].entity_id
        return None if number is None else CrmItem(self._at_work.entity_type, number)

    @property
    def _at_work(self) -> Writing:
        assert self._writing is not None  # noqa: S101 - parse() comes first
        return self._writing

    def check(self, outcomes: Outcomes, progress: Progress) -> Result:
        """Return the rows, unless failures fail the task, and let the task's page lead to the first item."""
        if not self.card_address:
            found = (outcome.subject for outcome in outcomes if outcome.error is None)
            item = next((subject.item for subject in found if subject.item is not None), None)
            if item is not None and self.operation != "delete":
                self.link_card(item)
        return super().check(outcomes, progress)

    def place_of(self, position: int, row: dict[str, Any]) -> str:
        """Return where a failed row stands, where its error does not say it."""
        place = f"{self.rows_name}[{position}]"
        return "" if row["ERROR_DESCRIPTION"].startswith(place) else f"{place}: "

    def sentence(self, outcomes: Outcomes) -> str:
        """Return what happened to a few items."""
        items: dict[str, list[CrmItem]] = {}
        for outcome in outcomes:
            items.setdefault(outcome.status, []).append(outcome.subject.item)
        text = "; ".join(f"{named(found)} {_TOLD[status][len(found) > 1]}" for status, found in items.items())
        return f"{text[:1].upper()}{text[1:]}."


#: what happened to one item, and to several
_TOLD = {
    "created": ("was created", "were created"),
    "updated": ("was changed", "were changed"),
    "unchanged": ("is so already", "are so already"),
    "deleted": ("was deleted", "were deleted"),
    "not_found": ("was not there", "were not there"),
}
