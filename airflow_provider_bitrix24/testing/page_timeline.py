"""The timeline of one card: records and activities, newest first."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from . import dates
from .activities import deadline
from .page_assets import icon

if TYPE_CHECKING:
    from .item_store import Row
    from .timeline import Pair, TimelineRecord
    from .world import World

_MOST = 30
_BB_CODE = re.compile(r"(\[/?(?:[bius]|url)\]|\[url=https?://[^\]\s]+\])", re.IGNORECASE)
_NAMES = {"comment": "Comment", "log_message": "Log message", "email": "E-mail", "todo": "To-do"}


@dataclass
class Entry:
    """One entry of a timeline, still to be escaped.

    :param key: tells apart all records and activities of a portal
    :param bindings: all items it is bound to
    """

    key: str
    created: float
    number: int
    kind: str
    symbol: str
    author_id: int
    text: str
    bindings: list[Pair]
    title: str = ""
    notes: list[str] = field(default_factory=list)


def timeline(world: World, card: Pair) -> str:
    """Return the list of a card's entries; empty if there are none. The caller holds the lock."""
    entries = [record_entry(world, record) for record in world.timeline.records_of(card)]
    entries += [
        _activity_entry(world, world.activities.store.rows[number], number)
        for number in world.activities.of(card)
    ]
    entries.sort(key=lambda entry: (entry.created, entry.number), reverse=True)
    shown = [render(world, entry, card) for entry in entries[:_MOST]]
    if len(entries) > _MOST:
        shown.append(f'<li class="dim">and {len(entries) - _MOST} older ones</li>')
    shown += [_missing(number) for number in world.timeline.missing_of(card)[:_MOST]]
    return f'<ol class="timeline">{"".join(shown)}</ol>' if shown else ""


def record_entry(world: World, record: TimelineRecord) -> Entry:
    """Return the entry of a timeline record."""
    symbol = {"comment": "comment", "log_message": "log"}.get(record.kind, "other")
    names = [world.files.files[number].name for number in record.files]
    return Entry(
        f"record-{record.record_id}",
        record.created,
        record.record_id,
        record.kind,
        symbol,
        record.author_id,
        record.text,
        world.timeline.bindings(record.record_id),
        record.title,
        [f"with {', '.join(names)}"] if names else [],
    )


def _activity_entry(world: World, row: Row, number: int) -> Entry:
    kind = world.activities.kind(row)
    if row.get("COMPLETED") == "Y":
        notes = ["done"]
    else:
        due = deadline(row)
        notes = [f"due {dates.shown(datetime.fromisoformat(due).timestamp(), world.zone)}"] if due else []
    return Entry(
        f"activity-{number}",
        datetime.fromisoformat(row["CREATED"]).timestamp(),
        number,
        kind,
        kind,
        int(row["AUTHOR_ID"]),
        row.get("DESCRIPTION") or "",
        world.activities.bindings(number),
        row.get("SUBJECT") or "",
        notes,
    )


def render(world: World, entry: Entry, card: Pair | None) -> str:
    """Write an entry; ``card`` is left out of where else it is bound."""
    when = datetime.fromtimestamp(int(entry.created), world.zone)
    shown = dates.shown(entry.created, world.zone)
    author = world.users.get(entry.author_id)
    name = (author.name if author else "") or (f"user {entry.author_id}" if entry.author_id else "the system")
    kind = _NAMES.get(entry.kind) or entry.kind.replace("_", " ").capitalize()
    title = f"<p><strong>{formatted(entry.title)}</strong></p>" if entry.title else ""
    text = f"<p>{formatted(entry.text)}</p>" if entry.text else ""
    foot = " &middot; ".join(escape(part) for part in (name, entry.key.replace("-", " "), *entry.notes))
    return (
        f'<li data-entry="{entry.key}">{icon(entry.symbol)}<div class="entry"><div class="top">'
        f'<b>{escape(kind)}</b><time class="dim" datetime="{when.isoformat()}">{shown}</time>'
        f'</div>{title}{text}<div class="dim">{foot}</div>{_also(world, entry, card)}</div></li>'
    )


def _also(world: World, entry: Entry, card: Pair | None) -> str:
    others = [pair for pair in sorted(entry.bindings) if pair != card]
    if not others:
        return ""
    links = "".join(link(world, pair) for pair in others)
    return f'<div class="also"><span class="dim">also in</span>{links}</div>'


def link(world: World, pair: Pair) -> str:
    """Return a link to another card."""
    kind, item_id = pair
    title = world.crm.title(*pair)
    shown = title if title == f"{kind} {item_id}" else f"{title} ({kind} {item_id})"
    return f'<a class="{style(kind)}" href="#{kind}-{item_id}" title="{escape(shown)}">{escape(shown)}</a>'


def style(kind: str) -> str:
    """Return the class that gives a type its colour."""
    return kind if kind in ("deal", "lead", "contact", "company") else "other"


def _missing(number: int) -> str:
    return (
        f'<li>{icon("other")}<div class="entry"><div class="dim">Record {number} is bound here '
        "and does not exist</div></div></li>"
    )


def formatted(text: str) -> str:
    """Escape a text and make its simple BB codes visible, those that are closed in the right order."""
    written: list[str] = []
    waiting: list[tuple[str, int, str]] = []
    for part in _BB_CODE.split(text):
        name, _, address = part[1:-1].partition("=") if _BB_CODE.fullmatch(part) else ("", "", "")
        name = name.lower()
        written.append(escape(part))
        if name.startswith("/") and waiting and waiting[-1][0] == name[1:]:
            _, position, begin = waiting.pop()
            written[position], written[-1] = begin, "</a>" if name == "/url" else f"<{name}>"
        elif address:
            waiting.append((name, len(written) - 1, f'<a href="{escape(address)}" rel="noreferrer">'))
        elif name and name != "url" and not name.startswith("/"):
            waiting.append((name, len(written) - 1, f"<{name}>"))
    return "".join(written)
