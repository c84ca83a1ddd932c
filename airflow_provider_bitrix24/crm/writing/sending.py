"""One change as it is sent: the fields that differ, the call, what of it the portal took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.fields.schema import MULTIFIELDS
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.telling import fate, told
from airflow_provider_bitrix24.crm.writing.changes import Change
from airflow_provider_bitrix24.crm.writing.writing import CREATED, UPDATED, Writing
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    InvalidInputError,
    UnexpectedResultError,
    ValueNotTakenError,
)
from airflow_provider_bitrix24.rest.methods import number_of

#: characters of files that are kept in memory together
_FILES = 32_000_000


@dataclass(frozen=True)
class Sending:
    """What is sent of a change.

    :param writing: how the item is written
    :param change: the change
    :param target: the item as it is now; ``None`` where it is to be added
    :param names: the writers of what is sent
    :param fields: what ``crm.item.add`` or ``crm.item.update`` is given
    :param clears: the writers of fields that only the classic update empties
    """

    writing: Writing
    change: Change
    target: Mapping[str, Any] | None
    names: Sequence[str]
    fields: Mapping[str, Any]
    clears: Sequence[str] = ()

    @property
    def entity_id(self) -> int | None:
        """The item's id, where it has one."""
        return None if self.target is None else number_of(self.target.get("id"))

    @property
    def status(self) -> str:
        """What becomes of the item."""
        return CREATED if self.target is None else UPDATED

    @property
    def call(self) -> Call:
        """The call that makes the change."""
        params: dict[str, Any] = {"entityTypeId": self.writing.type_id, "fields": dict(self.fields)}
        if self.target is None:
            return Call("crm.item.add", params)
        return Call("crm.item.update", {**params, "id": self.entity_id})

    @property
    def clearing_call(self) -> Call:
        """The call that empties multiple fields."""
        writers = [self.writing.writers[name] for name in self.clears]
        fields = {writer.classic_name: writer.emptied(self.target or {}) for writer in writers}
        return Call(f"crm.{self.writing.entity_type}.update", {"id": self.entity_id, "fields": fields})

    def wrong_item(self, outcome: Outcome) -> Bitrix24Error | None:
        """Return the error of an answer that shows another item than the one that was changed.

        :param outcome: the answer
        """
        if outcome.error is not None or self.entity_id in (None, number_of(outcome.result["item"].get("id"))):
            return None
        return UnexpectedResultError("the portal answered another item", method=self.call.method)

    def not_taken(self, item: Mapping[str, Any]) -> list[str]:
        """Return the columns whose values an item does not hold after the change.

        :param item: the item as the portal answered it
        """
        writers, shifts = self.writing.writers, self.writing.shifts
        return [
            writers[name].columns[0]
            for name in self.names
            if not (_is_shown(name, item) and writers[name].taken(self.change.wanted[name], item, shifts))
        ]

    def refused(self, columns: Sequence[str]) -> Bitrix24Error:
        """Return the error that the portal did not take some values.

        :param columns: the columns
        """
        done = "created" if self.target is None else "changed"
        return ValueNotTakenError(
            f"{self._thing} was {done}, but the portal did not take {', '.join(columns)}",
            code="VALUE_NOT_TAKEN",
            method=self.call.method,
        )

    def told(self, error: Bitrix24Error) -> Bitrix24Error:
        """Return an error that says what was to be done to what.

        :param error: what went wrong
        """
        number = self.entity_id
        if number is None:
            description = f"{fate(error, self._thing, 'created')}: {error.description or 'no reason given'}"
            return error.but(description=description)
        item = CrmItem(self.writing.entity_type, number)
        return told(error, self._thing, "changed", item)

    @property
    def _thing(self) -> str:
        number = self.entity_id
        return f"the {self.writing.entity_type}" if number is None else f"{self.writing.entity_type} {number}"


def sendings(
    writing: Writing,
    changes: Sequence[Change],
    targets: Mapping[int, Mapping[str, Any] | None],
    fail: Callable[[Change, Bitrix24Error], None],
) -> Iterator[list[Sending]]:
    """Yield what is sent of changes, all of it at once unless the files would take much memory.

    :param writing: how the items are written
    :param changes: the changes
    :param targets: the items as they are now, by position
    :param fail: is told of a change that cannot be made
    """
    part: list[Sending] = []
    size = 0

    def read_file(path: str, name: str) -> tuple[str, str]:
        nonlocal size
        found = writing.read_file(path, name)
        size += len(found[1])
        return found

    for change in changes:
        try:
            part.append(_sending(writing, change, targets[change.position], read_file))
        except InvalidInputError as error:
            fail(change, error)
        if size > _FILES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _sending(
    writing: Writing,
    change: Change,
    target: Mapping[str, Any] | None,
    read_file: Callable[[str, str], tuple[str, str]],
) -> Sending:
    """Return what is sent of a change.

    :raises InvalidInputError: it cannot be made; the message holds none of the row's values
    """
    fields: dict[str, Any] = {}
    names, clears = [], []
    for name, wanted in change.wanted.items():
        writer = writing.writers[name]
        if target is None and wanted is None:
            continue  # a new item is empty
        if target is not None and _is_so(writing, name, wanted, target):
            continue
        names.append(name)
        if target is not None and writer.clears_by_classic(wanted):
            clears.append(name)
            continue
        try:
            sent = writer.sent(wanted, target, read_file)
        except InvalidInputError as error:
            place = f"{change.place}.{writer.columns[0]}"
            raise error.but(description=f"{place}: {error.description}") from None
        for field, value in sent.items():
            is_part = isinstance(value, Mapping) and isinstance(fields.get(field), Mapping)
            fields[field] = {**fields[field], **value} if is_part else value
    return Sending(writing, change, target, names, fields, clears)


def _is_so(writing: Writing, name: str, wanted: Any, target: Mapping[str, Any]) -> bool:
    return writing.skip_unchanged and _is_shown(name, target) and writing.writers[name].agrees(wanted, target)


def _is_shown(name: str, item: Mapping[str, Any]) -> bool:
    """Tell whether an item shows a field: one that it does not show looks as if it were empty."""
    return name in item or name in MULTIFIELDS
