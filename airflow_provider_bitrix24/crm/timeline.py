"""Timeline bindings: which record shows on which CRM item."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id, shown
from airflow_provider_bitrix24.crm.items import CrmItem, pick, refuse_others
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError

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

    def __str__(self) -> str:
        return f"record {self.record_id} on {self.item}"


def bindings_call(record_id: int) -> Call:
    """Return the call of ``crm.timeline.bindings.list`` for a record."""
    return Call("crm.timeline.bindings.list", {"filter": {"OWNER_ID": record_id}})


def record_call(record_id: int) -> Call:
    """Return the call of ``crm.timeline.comment.get``, which knows every kind of record by its id."""
    return Call("crm.timeline.comment.get", {"id": record_id})


def parse_bindings(value: Any, field: str = "bindings") -> list[TimelineBinding]:
    """Return a list of bindings; one JSON text, as a template may give it, is read as such.

    :param value: the bindings
    :param field: where they stand, for the message
    :raises InvalidInputError: something in it is not a binding; nothing has been sent then
    """
    rows = _from_json(value, field) if isinstance(value, str) else value
    if isinstance(rows, (str, Mapping, bytes)) or not hasattr(rows, "__iter__"):
        raise InvalidInputError(
            f"{field}: {shown(value)} is not a list of bindings",
            remedy="Give a list of (record_id, entity_type, entity_id).",
        )
    return [TimelineBinding.parse(row, f"{field}[{position}]") for position, row in enumerate(rows)]


def _from_json(text: str, field: str) -> Any:
    try:
        return json.loads(text, parse_float=str)
    except ValueError:
        raise InvalidInputError(
            f"{field}: {shown(text)} is not a JSON list",
            remedy="In a template write {{ ... | tojson }}, or pass the task's output itself.",
        ) from None
