"""How items of a type are written, and what each of them is called in outcomes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_provider_bitrix24.crm.fields.schema import MULTIFIELDS
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import FAILED, ItemOutcome
from airflow_provider_bitrix24.crm.writing.changes import Change, ChangeParser, Nulls, Operation
from airflow_provider_bitrix24.crm.writing.keys import Key
from airflow_provider_bitrix24.crm.writing.writer import ReadFile
from airflow_provider_bitrix24.crm.writing.writers import Writers
from airflow_provider_bitrix24.rest.errors import Bitrix24Error

CREATED = "created"
UPDATED = "updated"
UNCHANGED = "unchanged"
DELETED = "deleted"
NOT_FOUND = "not_found"


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How items of a type are written.

    :param operation: what is done with them
    :param entity_type: the type's name, such as ``deal``
    :param writers: how values of its fields are written; of no use to ``delete``
    :param key: what tells items from others, where they have no ids
    :param skip_unchanged: whether what is so already is left alone
    :param missing_ok: whether an item to delete that is not there counts as done
    :param cut: seconds after which the portal carries out nothing more of a request
    :param read_file: reads a file that is to be uploaded
    :param shifts: by how much the portal may show a time otherwise than it was written
    """

    operation: Operation
    entity_type: str
    writers: Writers
    key: Key | None = None
    skip_unchanged: bool = True
    missing_ok: bool = True
    cut: float
    read_file: ReadFile
    shifts: Collection[timedelta] = ()

    @property
    def type_id(self) -> int:
        """The type's number."""
        return CrmItem(self.entity_type, 1).type_id

    def parser(self, nulls: Nulls = "clear") -> ChangeParser:
        """Return what reads rows.

        :param nulls: what an empty value means
        """
        return ChangeParser(self.operation, self.entity_type, self.writers, self.key, nulls)

    def subject(self, change: Change, entity_id: int | None = None) -> WrittenItem:
        """Return what names the item of a change.

        :param change: the change
        :param entity_id: the item's id, where it is known now
        """
        key = change.key if self.key is not None else None
        return WrittenItem(self.entity_type, entity_id or change.entity_id, key)

    def failed(self, change: Change, error: Bitrix24Error, entity_id: int | None = None) -> Written:
        """Return the outcome of a change that failed.

        :param change: the change
        :param error: why; it holds none of the row's values
        :param entity_id: the item's id, where it is known now
        """
        place = f"ids[{change.position}]" if self.operation == "delete" else change.place
        return ItemOutcome(self.subject(change, entity_id), FAILED, error, place)

    def done(self, change: Change, status: str, entity_id: int | None) -> Written:
        """Return the outcome of a change that was made, or did not have to be.

        :param change: the change
        :param status: what happened
        :param entity_id: the item's id
        """
        return ItemOutcome(self.subject(change, entity_id), status)

    def select(self, changes: Sequence[Change]) -> list[str]:
        """Return the API's names of the fields that tell whether items are so already.

        :param changes: what the items are to become
        """
        names = dict.fromkeys(name for change in changes for name in change.wanted)
        return ["*"] if any(name in MULTIFIELDS for name in names) else ["id", *names]


@dataclass(frozen=True)
class WrittenItem:
    """An item that is written, as far as it is known.

    :param entity_type: the type's name
    :param entity_id: its id
    :param key: what tells it from others, ``None`` where it goes by its id
    """

    entity_type: str
    entity_id: int | None
    key: tuple[str, ...] | None = None

    @property
    def item(self) -> CrmItem | None:
        """The item, where its id is known."""
        return None if self.entity_id is None else CrmItem(self.entity_type, self.entity_id)

    def row(self) -> dict[str, Any]:
        """Return it under the API's keys."""
        named = {"ENTITY_TYPE": self.entity_type, "ENTITY_ID": self.entity_id}
        if self.key is None:
            return named
        return {**named, "KEY": self.key[0] if len(self.key) == 1 else list(self.key)}


Written = ItemOutcome[WrittenItem]
