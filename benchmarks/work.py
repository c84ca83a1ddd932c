"""The work itself: what is to be bound, read and written, the same for portal, clients and checks.

Items and records are numbered from 1, so everybody knows them without being told.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BIND = "crm.timeline.bindings.bind"
LISTING = "crm.timeline.bindings.list"
ADD = "crm.timeline.comment.add"
DEALS = "crm.deal.list"
SELECT = ["ID", "TITLE", "STAGE_ID", "OPPORTUNITY"]

Binding = tuple[int, str, int]


@dataclass(frozen=True)
class Portal:
    """Where the portal is.

    :param webhook: the webhook's address
    :param domain: host and port
    :param token: user id and code as in the webhook's address
    """

    webhook: str
    domain: str
    token: str


def bindings(size: int) -> list[Binding]:
    """Return what is to be bound: each record to one contact."""
    return [(number, "contact", 1 + number % 100) for number in range(1, size + 1)]


def bind_fields(binding: Binding) -> dict[str, Any]:
    """Return the parameters that bind a record."""
    record, kind, item = binding
    return {"fields": {"OWNER_ID": record, "ENTITY_TYPE": kind, "ENTITY_ID": item}}


def list_filter(record: int) -> dict[str, Any]:
    """Return the parameters that list a record's bindings."""
    return {"filter": {"OWNER_ID": record}}


def comments(size: int) -> list[tuple[int, str]]:
    """Return the comments to add: deal and text."""
    return [(1 + number % 100, f"Comment {number}") for number in range(size)]


def comment_fields(comment: tuple[int, str]) -> dict[str, Any]:
    """Return the parameters that add a comment."""
    deal, text = comment
    return {"fields": {"ENTITY_ID": deal, "ENTITY_TYPE": "deal", "COMMENT": text}}


def is_listed(rows: Sequence[dict[str, Any]], binding: Binding) -> bool:
    """Tell whether a listing shows a binding."""
    record, kind, item = binding
    pair = (kind, item)
    return any(
        int(row["OWNER_ID"]) == record and (str(row["ENTITY_TYPE"]).lower(), int(row["ENTITY_ID"])) == pair
        for row in rows
    )


def deal_ids(job: str, size: int) -> list[int]:
    """Return the ids of the deals to read, in order: one next to the other, or half of twice as many."""
    if job == "sparse_deals":
        return sorted(random.Random(size).sample(range(1, 2 * size + 1), size))
    return list(range(1, size + 1))


def note(text: str) -> None:
    """Say something into a worker's log."""
    print(text, file=sys.stderr, flush=True)
