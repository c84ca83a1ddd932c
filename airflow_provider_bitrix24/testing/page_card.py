"""One card of the page: its title, stage, links and fields, and its timeline."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from .item_names import item_name
from .item_store import linked
from .items import stage_field
from .page_timeline import timeline

if TYPE_CHECKING:
    from .item_store import ItemStore, Row
    from .timeline import Pair
    from .world import World


def card(world: World, pair: Pair) -> str:
    """Return the card of an item; the caller holds the lock."""
    kind, item_id = pair
    exists = world.crm.exists(*pair)
    facts, more = " (does not exist)", ""
    if exists:
        store = world.crm.store(kind)
        row = store.rows[item_id]
        facts, more = _facts(world, store, row), _fields(world, store, row)
    return (
        f'<article id="{kind}-{item_id}" class="{"" if exists else "gone"}">'
        f"<h3>{escape(world.crm.title(kind, item_id))}</h3>"
        f'<div class="facts dim">{kind} {item_id}{facts}</div>{more}{timeline(world, pair)}</article>'
    )


# ---------------------------------------------------------------- facts


def _facts(world: World, store: ItemStore, row: Row) -> str:
    """Return stage, amount and links of an item."""
    parts = [_stage(world, store, row)]
    amount = float(row.get("OPPORTUNITY") or 0)
    if amount:
        currency = store.value(row, "CURRENCY_ID") if "CURRENCY_ID" in store.fields else ""
        parts.append(f"<span>{amount:,.0f} {escape(str(currency or ''))}</span>")
    parts.extend(_link(world, pair) for pair in _linked(world, row))
    return "".join(parts)


def _stage(world: World, store: ItemStore, row: Row) -> str:
    """Return a choice of the stages that the item can have, so that somebody can move it by hand."""
    name = stage_field(store)
    stage = store.value(row, name) if name else None
    if not stage:
        return ""
    choices = {known.stage_id: known.name for known in world.crm.stages(store, row)}
    if stage not in choices:
        choices = {stage: stage} | choices
    options = "".join(
        f'<option value="{escape(key)}"{" selected" if key == stage else ""}>{escape(title)}</option>'
        for key, title in choices.items()
    )
    return (
        f'<select class="stage {world.pipelines.semantic(store.kind, stage)}" title="{escape(stage)}" '
        f'aria-label="Stage">{options}</select>'
    )


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


# ---------------------------------------------------------------- fields


def _fields(world: World, store: ItemStore, row: Row) -> str:
    """Return the fields that were given a value, folded up, in the order of the type's fields."""
    order = {name: number for number, name in enumerate(store.fields)}
    filled = [name for name, value in row.items() if value not in (None, "", [])]
    lines = "".join(
        f'<dt title="{escape(item_name(name))}">{escape(name)}</dt>'
        f"<dd>{escape(_shown(world, store, name, row[name]))}</dd>"
        for name in sorted(filled, key=lambda name: order.get(name, len(order)))
    )
    return (
        f'<details class="fields" id="fields-{store.kind}-{row["ID"]}">'
        f"<summary>Fields ({len(filled)})</summary><dl>{lines}</dl></details>"
    )


def _shown(world: World, store: ItemStore, name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(world, store, name, inner) for inner in value)
    if isinstance(value, dict):
        return f"{value['VALUE']} ({value['VALUE_TYPE']})"
    known = store.fields.get(name)
    if known is not None and known.type == "file":
        return f"{world.files.files[value].name} (file {value})"
    return str(value)
