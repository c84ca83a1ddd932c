"""Timeline bindings: which record shows on which CRM item."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id, shown
from airflow_provider_bitrix24.crm.items import CrmItem, pick, refuse_others
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.rest.methods import number_of

_RECORD_KEYS = ("record_id", "OWNER_ID")
_TYPE_KEYS = ("entity_type", "ENTITY_TYPE")
_ID_KEYS = ("entity_id", "ENTITY_ID")


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
        if isinstance(value, Mapping):
            # A result of this package can be passed on: it says what became of the binding.
            refuse_others(
                value,
                (*_RECORD_KEYS, *_TYPE_KEYS, *_ID_KEYS, "STATUS", "ERROR", "ERROR_DESCRIPTION"),
                field,
            )
            return cls.of(
                pick(value, _RECORD_KEYS, field),
                pick(value, _TYPE_KEYS, field),
                pick(value, _ID_KEYS, field),
                prefix=f"{field}.",
            )
        if isinstance(value, (list, tuple)) and len(value) == 3:
            return cls.of(*value, prefix=f"{field}.")
        raise InvalidInputError(
            f"{field}: {shown(value)} is not a binding",
            remedy="Give it as (record_id, entity_type, entity_id) or as a mapping with these names.",
        )

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

    def fields(self) -> dict[str, Any]:
        """Return the binding under the API's keys."""
        return {
            "OWNER_ID": self.record_id,
            "ENTITY_TYPE": self.item.entity_type,
            "ENTITY_ID": self.item.entity_id,
        }

    def bind_call(self) -> Call:
        """Return the call of ``crm.timeline.bindings.bind``."""
        return Call("crm.timeline.bindings.bind", {"fields": self.fields()})

    def unbind_call(self) -> Call:
        """Return the call of ``crm.timeline.bindings.unbind``."""
        return Call("crm.timeline.bindings.unbind", {"fields": self.fields()})

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
    return Call("crm.timeline.bindings.list", {"filter": {"OWNER_ID": record_id}})


def bound_items(record_id: int, rows: Any) -> set[tuple[str, int]]:
    """Return the items that rows of ``crm.timeline.bindings.list`` name, as type and id.

    :param record_id: the record that was asked for
    :param rows: the method's result; its ids may be texts or numbers, its types in any case
    :raises UnexpectedResultError: these are not the bindings of that record
    """
    return {_bound_item(record_id, row) for row in rows}


def _bound_item(record_id: int, row: Any) -> tuple[str, int]:
    values = row if isinstance(row, Mapping) else {}
    owner, number = (number_of(values.get(name)) for name in ("OWNER_ID", "ENTITY_ID"))
    if owner != record_id or number is None:
        raise UnexpectedResultError(
            f"asked for the bindings of record {record_id}, the portal answered {shown(row)}",
            method="crm.timeline.bindings.list",
        )
    return str(values.get("ENTITY_TYPE") or "").lower(), number


def record_call(record_id: int) -> Call:
    """Return the call of ``crm.timeline.comment.get``, which knows every kind of record by its id."""
    return Call("crm.timeline.comment.get", {"id": record_id})


def comment_call(
    item: CrmItem, comment: Any, field: str = "comment", files: Sequence[tuple[str, str]] = ()
) -> Call:
    """Return the call of ``crm.timeline.comment.add``.

    :param item: the item on whose timeline the comment is to stand
    :param comment: its text
    :param field: where it stands, for the message
    :param files: its files: name and content in base64
    :raises InvalidInputError: there is no text
    """
    fields = {"ENTITY_TYPE": item.entity_type, "ENTITY_ID": item.entity_id}
    fields |= comment_fields(comment, files or None, field)
    return Call("crm.timeline.comment.add", {"fields": fields})


def comment_fields(
    comment: Any, files: Sequence[tuple[str, str]] | None = None, field: str = "comment"
) -> dict[str, Any]:
    """Return what a comment is made of, under the API's keys.

    :param comment: its text
    :param files: its files: name and content in base64
    :param field: where the text stands, for the message
    :raises InvalidInputError: there is no text
    """
    if not isinstance(comment, str) or not comment.strip():
        raise InvalidInputError(f"{field}: {shown(comment)} is not a text", remedy="Give the comment's text.")
    if comment.strip() == "None":
        raise InvalidInputError(
            f"{field}: the text is 'None'",
            remedy="The task that should have passed it returned nothing: check what it pushes to XCom.",
        )
    fields: dict[str, Any] = {"COMMENT": comment}
    if files is not None:
        fields["FILES"] = [list(file) for file in files]
    return fields


def plain(text: str) -> str:
    """Return a text as it compares: the portal trims it, and may write marks in their HTML form."""
    return html.unescape(text).replace("\r\n", "\n").strip()


def parse_bindings(value: Any, field: str = "bindings") -> list[TimelineBinding]:
    """Return a list of bindings; one JSON text, as a template may give it, is read as such.

    :param value: the bindings
    :param field: where they stand, for the message
    :raises InvalidInputError: something in it is not a binding; nothing has been sent then
    """
    rows = listed(value, field, "bindings", "Give a list of (record_id, entity_type, entity_id).")
    return [TimelineBinding.parse(row, f"{field}[{position}]") for position, row in enumerate(rows)]


def parse_items(value: Any, field: str = "items") -> list[CrmItem]:
    """Return a list of items, at least one; one JSON text, as a template may give it, is read as such.

    :param value: the items
    :param field: where they stand, for the message
    :raises InvalidInputError: there is none, or something in it is not an item; nothing has been sent then
    """
    rows = listed(value, field, "CRM items", "Give a list of items such as ('deal', 10).")
    if not rows:
        raise InvalidInputError(f"{field}: the list is empty", remedy="Give at least one item.")
    return [CrmItem.parse(row, f"{field}[{position}]") for position, row in enumerate(rows)]


def listed(value: Any, field: str, what: str, remedy: str) -> list[Any]:
    """Return a list; one JSON text, as a template may give it, is read as such.

    :param value: the list
    :param field: where it stands, for the message
    :param what: what it is a list of, for the message
    :param remedy: how to give it
    :raises InvalidInputError: it is none
    """
    rows = _from_json(value, field, remedy) if isinstance(value, str) else value
    if isinstance(rows, (str, Mapping, bytes)) or not hasattr(rows, "__iter__"):
        raise InvalidInputError(f"{field}: {shown(value)} is not a list of {what}", remedy=remedy)
    return list(rows)


def _from_json(text: str, field: str, remedy: str) -> Any:
    try:
        return json.loads(text, parse_float=str)
    except (ValueError, RecursionError):
        raise InvalidInputError(
            f"{field}: {shown(text)} is not a JSON list",
            remedy=f"{remedy} In a template write {{{{ ... | tojson }}}}, or pass the task's output itself; "
            "one alone stands in a list, too.",
        ) from None
