"""The page at the portal's root: CRM cards, their timelines, and where else each record is bound."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .timeline import Pair, TimelineRecord
    from .world import World

_MOST = 200

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bitrix24 portal in a box</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --dim: #888; --accent: #2067b0; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 46rem; padding: 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .2rem; }
h2 { font-size: 1rem; margin: 2rem 0 .5rem; text-transform: capitalize; }
.dim { color: var(--dim); font-size: .85rem; }
article { border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; margin: 0 0 .8rem; }
article:target { outline: 2px solid var(--accent); }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
ul { list-style: none; margin: .5rem 0 0; padding: 0; }
li { background: var(--soft); border-radius: .4rem; padding: .4rem .6rem; margin-top: .4rem; }
p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
a { color: var(--accent); }
</style>
</head>
<body>
"""


def render(world: World) -> str:
    """Return the page; the caller holds the lock."""
    parts = [_HEAD, "<h1>Bitrix24 portal in a box</h1>", f'<div class="dim">{_summary(world)}</div>']
    for kind, pairs in _cards(world).items():
        parts.append(f"<h2>{escape(kind.replace('_', ' '))}</h2>")
        parts.extend(_card(world, pair) for pair in pairs[:_MOST])
        if len(pairs) > _MOST:
            parts.append(f'<div class="dim">and {len(pairs) - _MOST} more</div>')
    parts.append("</body>\n</html>\n")
    return "\n".join(parts)


def _summary(world: World) -> str:
    requests = world.journal.requests
    refused = sum(entry.refused for entry in requests)
    return (
        f"{escape(world.base_url)} &middot; {len(world.timeline.records)} timeline records &middot; "
        f"{len(requests)} requests, {refused} refused"
    )


def _cards(world: World) -> dict[str, list[Pair]]:
    """Return every item, and everything else that records are bound to; those with records first."""
    found: dict[str, list[Pair]] = {}
    for kind in world.crm.kinds():
        found[kind] = [(kind, item_id) for item_id in world.crm.store(kind).ids]
    bound = set(world.timeline.bound_items())
    for pair in sorted(bound):
        if not world.crm.exists(*pair):
            found.setdefault(pair[0], []).append(pair)
    for pairs in found.values():
        pairs.sort(key=lambda pair: (pair not in bound, pair[1]))
    return found


def _card(world: World, pair: Pair) -> str:
    kind, item_id = pair
    missing = "" if world.crm.exists(*pair) else " (does not exist)"
    records = list(world.timeline.records_of(pair))
    rows = "".join(_record(world, record, pair) for record in reversed(records))
    timeline = f"<ul>{rows}</ul>" if rows else '<div class="dim">empty timeline</div>'
    return (
        f'<article id="{kind}-{item_id}"><h3>{escape(world.crm.title(kind, item_id))}</h3>'
        f'<div class="dim">{kind} {item_id}{missing}</div>{timeline}</article>'
    )


def _record(world: World, record: TimelineRecord, card: Pair) -> str:
    when = datetime.fromtimestamp(int(record.created), world.zone).strftime("%Y-%m-%d %H:%M:%S")
    author = world.users.get(record.author_id)
    others = [pair for pair in sorted(world.timeline.bindings(record.record_id)) if pair != card]
    links = ", ".join(f'<a href="#{kind}-{number}">{kind} {number}</a>' for kind, number in others)
    also = f" &middot; also in {links}" if links else ""
    return (
        f"<li><p>{escape(record.text)}</p>"
        f'<div class="dim">{escape(record.kind.replace("_", " "))} {record.record_id} &middot; {when} &middot; '
        f"{escape(author.name if author else str(record.author_id))}{also}</div></li>"
    )
