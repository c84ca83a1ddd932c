"""What every client is told to do, and how the portal has to look then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

DEALS = 320  # seven pages, the last one not full
TEXT = "Grüße & 1+1=2, <b>100%</b> #1? [b]да[/b]"

BIND, UNBIND, LISTING = (f"crm.timeline.bindings.{name}" for name in ("bind", "unbind", "list"))
ADD = "crm.timeline.comment.add"

COMMENT = {"ENTITY_ID": 1, "ENTITY_TYPE": "deal", "COMMENT": TEXT}
NOWHERE = {"OWNER_ID": 0, "ENTITY_ID": 1, "ENTITY_TYPE": "contact"}
BAD_OWNER = {"error": "", "error_description": "OWNER_ID is not defined or invalid."}
NO_METHOD = {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"}


def pair(record: int) -> dict[str, Any]:
    """Return the fields that bind a record to contact 1."""
    return {"OWNER_ID": record, "ENTITY_ID": 1, "ENTITY_TYPE": "contact"}


def rows(record: int, *kinds: str) -> list[dict[str, str]]:
    """Return the rows that list a record's bindings to item 1 of some kinds."""
    return [{"OWNER_ID": str(record), "ENTITY_ID": "1", "ENTITY_TYPE": kind} for kind in kinds]


def are_all_deals(found: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether these are all deals, each of them once and with its own title."""
    seen = sorted((int(row["ID"]), row["TITLE"]) for row in found)
    return seen == [(number, f"Deal {number}") for number in range(1, DEALS + 1)]
