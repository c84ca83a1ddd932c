"""Timeline bindings: which record shows on which CRM item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import FAILED, ItemOutcome
from airflow_provider_bitrix24.crm.rows import RowKind, Rows, parse_rows
from airflow_provider_bitrix24.crm.telling import told
from airflow_provider_bitrix24.crm.timeline.bindings import (
    BOUND,
    NOT_BOUND,
    UNBOUND,
    binding_names,
    binding_parts,
)
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, NotFoundError, UnexpectedResultError
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.shown import shown

_BIND = "crm.timeline.bindings.bind"
_UNBIND = "crm.timeline.bindings.unbind"
_LIST = "crm.timeline.bindings.list"

_ID_KEYS = ("record_id", "OWNER_ID")


@dataclass(frozen=True, order=True)
class TimelineBinding:
    """A timeline record on a CRM item.

    The API calls the record's id ``OWNER_ID``, which elsewhere in its CRM means the item.

    :param record_id: the timeline record, such as a comment
    :param item: the CRM item on whose timeline it shows
    """

    record_id: int
    item: CrmItem

    @classmethod
    def parse(cls, value: Any, field: str = "binding") -> TimelineBinding:
        """Return a binding from any of its spellings.

        :param value: ``(record_id, entity_type, entity_id)`` in this order, a mapping with these names or the
            API's, or a binding
        :param field: where it stands, for the message
        :raises InvalidInputError: it is none of these
        """
        if isinstance(value, cls):
            return value
        parts = binding_parts(value, field, _ID_KEYS, "a binding")
        return cls.of(*parts, prefix=f"{field}.")

    @classmethod
    def of(cls, record_id: Any, entity_type: Any, entity_id: Any, *, prefix: str = "") -> TimelineBinding:
        """Return a binding from its three parts.

        :param record_id: the timeline record
        :param entity_type: the item's type
        :param entity_id: the item's id
        :param prefix: goes before the fields' names in messages
        :raises InvalidInputError: one of the parts is not valid
        """
        return cls(
            parse_id(record_id, f"{prefix}record_id"), CrmItem.of(entity_type, entity_id, prefix=prefix)
        )

    @property
    def thing(self) -> str:
        """The record, in words."""
        return f"Timeline record {self.record_id}"

    def row(self) -> dict[str, Any]:
        """Return the binding under the API's keys."""
        return {"OWNER_ID": self.record_id, **self.item.row()}

    def on(self, item: CrmItem) -> TimelineBinding:
        """Return the binding of the same record to another item."""
        return replace(self, item=item)

    def bind_call(self) -> Call:
        """Return the call of ``crm.timeline.bindings.bind``."""
        return Call(_BIND, {"fields": self.row()})

    def unbind_call(self) -> Call:
        """Return the call of ``crm.timeline.bindings.unbind``."""
        return Call(_UNBIND, {"fields": self.row()})

    def when_bound(self, outcome: Outcome) -> ItemOutcome[TimelineBinding]:
        """Return what happened to the binding, given the outcome of :meth:`bind_call`."""
        if outcome.error is None:
            return ItemOutcome(self, BOUND)
        return self.failed(outcome.error)

    def when_unbound(self, outcome: Outcome, *, missing_ok: bool) -> ItemOutcome[TimelineBinding]:
        """Return what happened to the binding, given the outcome of :meth:`unbind_call`.

        :param outcome: the outcome
        :param missing_ok: whether a binding that is not there counts as done
        """
        if outcome.error is None:
            return ItemOutcome(self, UNBOUND)
        if isinstance(outcome.error, NotFoundError) and missing_ok:
            return ItemOutcome(self, NOT_BOUND)
        return self.failed(outcome.error, "unbound")

    def failed(
        self, error: Bitrix24Error, done: str = "bound", *, may_be_done: bool | None = None
    ) -> ItemOutcome[TimelineBinding]:
        """Return the outcome of a failure: the same error, with the binding's name in it.

        :param error: what went wrong
        :param done: what was to be done, in words
        :param may_be_done: whether it may have happened; ``None`` if the error is the answer to doing it
        """
        return ItemOutcome(self, FAILED, told(error, str(self), done, self.item, may_be_done=may_be_done))

    def is_among(self, rows: Any) -> bool:
        """Tell whether the binding is one of the rows of ``crm.timeline.bindings.list`` for its record.

        :param rows: the method's result, all pages
        :raises UnexpectedResultError: these are not the bindings of that record
        """
        return self.item.pair in bound_items(self.record_id, rows)

    def __str__(self) -> str:
        return f"record {self.record_id} on {self.item}"


def bindings_call(record_id: int) -> Call:
    """Return the call of ``crm.timeline.bindings.list`` for a record."""
    return Call(_LIST, {"filter": {"OWNER_ID": record_id}})


def bound_items(record_id: int, rows: Any) -> set[tuple[str, int]]:
    """Return the items that rows of ``crm.timeline.bindings.list`` name, as type and id.

    :param record_id: the record that was asked for
    :param rows: the method's result; its ids may be texts or numbers, its types in any case
    :raises UnexpectedResultError: these are not the bindings of that record
    """
    return {_bound_item(record_id, row) for row in rows}


def binding_rows(record_id: int, rows: Any) -> list[dict[str, Any]]:
    """Return rows of ``crm.timeline.bindings.list`` with numbers as ids, as rows of outcomes have them.

    :param record_id: the record that was asked for
    :param rows: the method's result; the type of a smart process that was removed has no name
    :raises UnexpectedResultError: these are not the bindings of that record
    """
    items = [_bound_item(record_id, row) for row in rows]
    return [
        {"OWNER_ID": record_id, "ENTITY_TYPE": kind or None, "ENTITY_ID": number} for kind, number in items
    ]


def _bound_item(record_id: int, row: Any) -> tuple[str, int]:
    values = row if isinstance(row, Mapping) else {}
    owner, number = (number_of(values.get(name)) for name in ("OWNER_ID", "ENTITY_ID"))
    if owner != record_id or number is None:
        raise UnexpectedResultError(
            f"asked for the bindings of record {record_id}, the portal answered {shown(row)}", method=_LIST
        )
    return str(values.get("ENTITY_TYPE") or "").lower(), number


def record_call(record_id: int) -> Call:
    """Return the call of ``crm.timeline.comment.get``, which knows every kind of record by its id."""
    return Call("crm.timeline.comment.get", {"id": record_id})


_ROWS = RowKind(
    "bindings",
    "Give a list of (record_id, entity_type, entity_id).",
    TimelineBinding.parse,
    lambda row: binding_names(row, _ID_KEYS),
)


def parse_bindings(
    value: Any,
    field: str = "bindings",
    *,
    keep_invalid: bool = False,
    pass_through: Sequence[str] | None = None,
) -> Rows[TimelineBinding]:
    """Return a list of bindings; one JSON text, as a template may give it, is read as such.

    :param value: the bindings
    :param field: where they stand, for the message
    :param keep_invalid: keep rows that are no bindings as failed ones instead of raising
    :param pass_through: columns of the user's own, which come back in the outcomes; ``None`` where
        there is no such argument
    :raises InvalidInputError: something in it is not a binding; nothing has been sent then
    """
    return parse_rows(value, field, _ROWS, keep_invalid=keep_invalid, pass_through=pass_through)
