"""The page at the portal's root: CRM cards, their timelines, where else a record is bound, and messages."""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import TYPE_CHECKING

from .page_assets import SCRIPT, SPRITE, STYLE
from .page_calls import calls
from .page_card import card
from .page_messages import messages
from .page_timeline import record_entry, render, style

if TYPE_CHECKING:
    from .timeline import Pair
    from .world import World

_MOST_CARDS = 200
_MOST_UNBOUND = 20
_ORDER = ("deal", "contact", "company", "lead")
_PLURALS = {"company": "Companies"}


def page(world: World, wanted: str = "") -> str:
    """Return the page; the caller holds the lock.

    :param wanted: a card that is shown in any case, however many there are: ``deal-10``
    """
    return (
        f'<!doctype html>\n<html lang="en" data-version="{escape(etag(world))}">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<title>Bitrix24 portal in a box</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{SPRITE}\n<header>{_bar(world)}{calls(world)}</header>\n"
        f'<main><div id="board">{_board(world, wanted)}</div></main>\n'
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
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


# ---------------------------------------------------------------- cards


def _board(world: World, wanted: str) -> str:
    columns = [
        _column(world, kind, *cards)
        for kind, cards in sorted(_cards(world, wanted).items(), key=_column_order)
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
    columns.append(messages(world))
    return "".join(columns) or '<p class="empty dim">The CRM is empty.</p>'


def _column_order(entry: tuple[str, object]) -> tuple[int, str]:
    kind = entry[0]
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), kind)


def is_shown(world: World, pair: Pair) -> bool:
    """Tell whether the page shows a card without being asked for it; the caller holds the lock."""
    return any(pair in pairs for pairs, _ in _cards(world, "").values())


def _cards(world: World, wanted: str) -> dict[str, tuple[list[Pair], int]]:
    """Return the cards of each type, the wanted one and those with a timeline first, and how many more."""
    bound = {*world.timeline.bound_items(), *world.activities.bound_items()}
    kind, _, number = wanted.rpartition("-")
    first = (kind, int(number) if number.isascii() and number.isdigit() else 0)
    if world.crm.exists(*first):
        bound.add(first)
    found: dict[str, list[Pair]] = {}
    for pair in sorted(bound, key=lambda pair: (pair != first, pair)):
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
    cards = "".join(card(world, pair) for pair in pairs)
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
