"""The page at the portal's root: CRM cards, their timelines, and where else each record is bound."""

from __future__ import annotations

from datetime import datetime
from html import escape
from itertools import islice
from typing import TYPE_CHECKING

from .items import linked, stage_field
from .page_assets import SCRIPT, SPRITE, STYLE
from .page_timeline import record_entry, render, style, timeline

if TYPE_CHECKING:
    from .item_store import Row
    from .journal import JournalEntry
    from .timeline import Pair
    from .world import World

_MOST_CARDS = 200
_MOST_CALLS = 40
_MOST_UNBOUND = 20
_ORDER = ("deal", "contact", "company", "lead")
_PLURALS = {"company": "Companies"}

SIGN_IN = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Bitrix24</title></head><body>'
    '<form method="post" action="/auth/"><input name="USER_LOGIN"><input name="USER_PASSWORD">'
    "<button>Log in</button></form></body></html>\n"
)


def page(world: World) -> str:
    """Return the page; the caller holds the lock."""
    return (
        f'<!doctype html>\n<html lang="en" data-version="{escape(etag(world))}">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<title>Bitrix24 portal in a box</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{SPRITE}\n<header>{_bar(world)}{_calls(world)}</header>\n"
        f'<main id="board">{_board(world)}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n'
    )


def etag(world: World) -> str:
    """Return the page's version as a header has it, in quotes."""
    return f'"{world.version()}"'


# ---------------------------------------------------------------- head


def _bar(world: World) -> str:
    counts = f"{len(world.timeline.records)} records &middot; {len(world.activities.store.rows)} activities"
    return (
        f'<div class="bar" id="bar"><h1>Bitrix24 portal in a box</h1>'
        f'<span class="dim address">{escape(world.base_url)}</span><span class="dim">{counts}</span></div>'
        '<span class="dim" id="live"></span>'
    )


def _calls(world: World) -> str:
    """Return the latest calls, folded up; no parameters, which may hold anything."""
    requests = world.journal.requests
    refused = sum(entry.refused for entry in requests)
    rows = []
    for call in reversed(world.journal.calls[-_MOST_CALLS:]):
        when = datetime.fromtimestamp(int(call.at), world.zone)
        where = " in a batch" if call.in_batch is not None else ""
        failed = call.error is not None or call.status != 200 or call.result is False
        word = _outcome(call)
        rows.append(
            f"<li><span>{when:%H:%M:%S}</span><strong>{escape(call.method)}</strong>"
            f"<span>user {call.user_id or '?'}{where}</span>"
            f'<span class="{"bad" if failed else ""}">{escape(word)}</span></li>'
        )
    return (
        f'<details id="calls"><summary>{len(requests)} requests, {refused} refused</summary>'
        f"<ol>{''.join(rows)}</ol></details>"
    )


def _outcome(call: JournalEntry) -> str:
    """Return a word for what became of a call; ``false`` is how some methods say that there are no rights."""
    if call.error is None and call.status == 200:
        return "false" if call.result is False else "ok"
    return call.error or str(call.status)


# ---------------------------------------------------------------- cards


def _board(world: World) -> str:
    columns = [
        _column(world, kind, *cards) for kind, cards in sorted(_cards(world).items(), key=_column_order)
    ]
    unbound = [
        render(world, record_entry(world, record), None)
        for record in islice(world.timeline.unbound(), _MOST_UNBOUND)
    ]
    if unbound:
        columns.append(
            '<section class="other"><h2>Bound to nothing</h2><article id="nothing">'
            f'<ol class="timeline">{"".join(unbound)}</ol></article></section>'
        )
    return "".join(columns) or '<p class="empty dim">The CRM is empty.</p>'


def _column_order(entry: tuple[str, object]) -> tuple[int, str]:
    kind = entry[0]
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), kind)


def _cards(world: World) -> dict[str, tuple[list[Pair], int]]:
    """Return the cards of each type, those with a timeline first, and how many more there are."""
    bound = {*world.timeline.bound_items(), *world.activities.bound_items()}
    found: dict[str, list[Pair]] = {}
    for pair in sorted(bound):
        found.setdefault(pair[0], []).append(pair)
    counts = {kind: len(pairs) for kind, pairs in found.items()}
    for kind in world.crm.kinds():
        pairs, ids = found.setdefault(kind, []), world.crm.store(kind).ids
        counts[kind] = len(ids) + sum(not world.crm.exists(*pair) for pair in pairs)
        others = ((kind, item_id) for item_id in ids if (kind, item_id) not in bound)
        pairs.extend(islice(others, max(0, _MOST_CARDS - len(pairs))))
    return {
        kind: (pairs[:_MOST_CARDS], counts[kind] - len(pairs[:_MOST_CARDS])) for kind, pairs in found.items()
    }


def _column(world: World, kind: str, pairs: list[Pair], more: int) -> str:
    cards = "".join(_card(world, pair) for pair in pairs)
    rest = f'<div class="dim">and {more} more</div>' if more else ""
    return (
        f'<section class="{style(kind)}"><h2>{escape(_plural(world, kind))}'
        f'<span class="dim">{len(pairs) + more}</span></h2>{cards}{rest}</section>'
    )


def _plural(world: World, kind: str) -> str:
    owner = world.types.by_name(kind)
    if owner is not None and owner.title:
        return owner.title
    return _PLURALS.get(kind) or f"{kind.replace('_', ' ').capitalize()}s"


def _card(world: World, pair: Pair) -> str:
    kind, item_id = pair
    exists = world.crm.exists(*pair)
    facts = _facts(world, kind, world.crm.store(kind).rows[item_id]) if exists else " (does not exist)"
    return (
        f'<article id="{kind}-{item_id}" class="{"" if exists else "gone"}">'
        f"<h3>{escape(world.crm.title(kind, item_id))}</h3>"
        f'<div class="facts dim">{kind} {item_id}{facts}</div>{timeline(world, pair)}</article>'
    )


def _facts(world: World, kind: str, row: Row) -> str:
    """Return stage, amount and links of an item."""
    store = world.crm.store(kind)
    parts = []
    name = stage_field(store)
    stage = store.value(row, name) if name else None
    if stage:
        semantic = world.pipelines.semantic(kind, stage)
        shown = world.pipelines.stage_name(kind, stage)
        parts.append(f'<span class="stage {semantic}" title="{escape(stage)}">{escape(shown)}</span>')
    amount = float(row.get("OPPORTUNITY") or 0)
    if amount:
        currency = store.value(row, "CURRENCY_ID") if "CURRENCY_ID" in store.fields else ""
        parts.append(f"<span>{amount:,.0f} {escape(str(currency or ''))}</span>")
    parts.extend(_link(world, pair) for pair in _linked(world, row))
    return "".join(parts)


def _linked(world: World, row: Row) -> list[Pair]:
    pairs = [("contact", number) for number in linked(row, "CONTACT_ID")]
    pairs += [("company", number) for number in linked(row, "COMPANY_ID")]
    pairs += [("lead", number) for number in linked(row, "LEAD_ID")]
    for name in row:
        if name.startswith("PARENT_ID_"):
            owner = world.types.by_id(int(name.removeprefix("PARENT_ID_")))
            pairs += [(owner.kind, number) for number in linked(row, name)] if owner else []
    return [pair for pair in pairs if world.crm.exists(*pair)]


def _link(world: World, pair: Pair) -> str:
    kind, item_id = pair
    return f'<a href="#{kind}-{item_id}">{escape(world.crm.title(*pair))}</a>'
