"""``crm.item.*``: the same methods for leads, deals, contacts, companies, quotes and smart processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import php
from ..corrections import corrected, keep_lists, missing, without_hidden
from ..errors import RestError, denied, not_found
from ..files import machine_link, show_link
from ..item_names import any_spelling, item_fields
from ..item_query import refine
from ..item_values import has_multi, reader, shown_multi, written
from ..items import stage_field
from ..listing import Query
from ..metadata import describe_items, unreachable_fields
from ..world import AUTOMATION, Call, Listed
from .params import controller_array, controller_int
from .registry import controller

if TYPE_CHECKING:
    from ..fields import Field
    from ..item_store import ItemStore, Row
    from ..item_values import Reader

_STATIC = ("lead", "deal", "contact", "company", "quote", "smart_invoice")


@dataclass
class ItemType:
    """The type a call is about, its fields by their names in answers, and by all that a caller may use."""

    call: Call
    type_id: int
    kind: str
    store: ItemStore
    fields: dict[str, Field]
    spellings: dict[str, Field]
    shift: float

    @classmethod
    def of(cls, call: Call) -> ItemType:
        """Resolve ``entityTypeId``."""
        type_id = controller_int(call, "entityTypeId")
        owner = call.world.types.by_id(type_id)
        if owner is None:
            raise not_found("Smart process")
        if owner.kind not in _STATIC and not owner.kind.startswith("dynamic_"):
            text = f"Entity type {owner.name} is not supported"
            raise RestError("ENTITY_TYPE_NOT_SUPPORTED", text)
        store = call.world.crm.store(owner.kind)
        names = _names(store, original=_original(call))
        return cls(call, type_id, owner.kind, store, *names, call.shown_shift())

    def existing(self) -> int:
        """Return ``id``."""
        item_id = controller_int(self.call, "id")
        if not self.call.world.crm.exists(self.kind, item_id):
            raise not_found()
        return item_id

    def render(self, row: Row) -> Row:
        """Write an item with everything it has."""
        return self.render_all([row])[0]

    def render_all(self, rows: list[Row], selected: set[str] | None = None) -> list[Row]:
        """Write items as answers show them.

        :param selected: names of fields; all if not given
        """
        readers = [
            (name, self._reader(field))
            for name, field in self.fields.items()
            if (self.kind, field.name) not in self.call.user.hidden_fields
            and (selected is None or name in selected or (field.is_user_field and "UF_*" in selected))
        ]
        if selected is None and has_multi(self.store):
            readers.append(("fm", shown_multi))
        if selected is None or "entityTypeId" in selected:
            readers.append(("entityTypeId", lambda row: self.type_id))
        return [php.Plain({name: read(row) for name, read in readers}) for row in rows]

    def _reader(self, field: Field) -> Reader:
        if field.type != "file" or not field.is_user_field:
            return reader(field, self.shift)
        return lambda row: self._files(field, row)

    def _files(self, field: Field, row: Row) -> Any:
        stored = row.get(field.name)
        if field.multiple:
            return [self._file(field, row, number) for number in stored or ()]
        return None if stored is None else self._file(field, row, stored)

    def _file(self, field: Field, row: Row, number: int) -> Row:
        """Write both links: ``url`` is for a browser, ``urlMachine`` carries the caller's credentials."""
        world, identity = self.call.world, self.call.identity
        link = machine_link(
            world.base_url, identity.via, self.call.user.user_id, identity.secret, world.files.token(number)
        )
        return {"id": number, "url": show_link(self.kind, row["ID"], field.name, number), "urlMachine": link}

    def changes(self, sent: dict[str, Any], row: Row | None) -> dict[str, Any]:
        """Read ``fields``; a pipeline that there is not is an error.

        :param row: the item as it is, ``None`` for a new one
        """
        for field in unreachable_fields(self.store):
            if field.name.lower() in sent:
                raise RestError("100", f"Field {field.name} cannot be set")
        for name, value in sent.items():
            known = self.spellings.get(name)
            if known is not None and known.is_user_field and known.multiple and _is_scalar(value):
                raise RestError(
                    "100", f"Invalid value for multiple field {name}. Should be value of type array."
                )
        world = self.call.world
        values = without_hidden(self.call.user, self.kind, written(self.spellings, sent, row))
        pipelines = world.pipelines.of(self.kind)
        category = values.get("CATEGORY_ID", "")
        if pipelines and category not in (None, "") and php.int_cast(category) not in pipelines:
            raise not_valid("categoryId")
        if world.switches.corrections:
            return corrected(world, self.store, row, values)
        stage = stage_field(self.store)
        if stage in values and values[stage] not in world.crm.stage_ids(self.store, row, values):
            raise not_valid("stageId")
        return values

    def check(self, before: Row | None, after: Row) -> None:
        """Raise if the item would lack what it has to have."""
        user_fields = self.call.world.switches.user_fields_required
        lacking = {id(field) for field in missing(self.store, before, after, user_fields=user_fields)}
        names = [name for name, field in self.fields.items() if id(field) in lacking]
        if names:
            text = "\n".join(f'Required field "{name}" is not filled' for name in names)
            raise RestError("CRM_FIELD_ERROR_REQUIRED", text)


def _original(call: Call) -> bool:
    """Tell whether user fields go by the names that they were created with."""
    return call.params.get("useOriginalUfNames") in ("Y", "y", "true", True)


def _names(store: ItemStore, *, original: bool) -> tuple[dict[str, Field], dict[str, Field]]:
    """Return the fields by their names in answers, and by all that a caller may use."""
    found = store.cache.get(original)
    if found is None:
        fields = item_fields(store, original=original)
        found = store.cache[original] = fields, any_spelling(fields)
    return found


def _is_scalar(value: Any) -> bool:
    return value is not None and not php.is_array(value)


def not_valid(name: str) -> RestError:
    """Return the error for a value that a field cannot have."""
    return RestError("CRM_FIELD_ERROR_VALUE_NOT_VALID", f'Invalid value for field "{name}"')


# ---------------------------------------------------------------- methods


def get(call: Call) -> dict[str, Any]:
    """Return an item with everything it has."""
    wanted = ItemType.of(call)
    item_id = wanted.existing()
    if not call.world.may_read(call.user, (wanted.kind, item_id)):
        raise denied()
    return {"item": wanted.render(wanted.store.rows[item_id])}


def list_items(call: Call) -> Listed:
    """List items."""
    wanted = ItemType.of(call)
    shift = call.date_shift(on_users_clock=True)
    query = Query(
        wanted.store,
        call.world.zone,
        call.now,
        overrun_first=False,
        date_shift=shift,
        revision=call.world.crm.revision,
    )
    refine(query, wanted.spellings, call.params.get("filter"), call.params.get("order"))
    if not call.user.reads_everything:
        query.only(lambda item_id: call.world.may_read(call.user, (wanted.kind, item_id)))
    page = query.page(call.start)
    selected = _selection(wanted, call.params.get("select"))
    rows = {"items": wanted.render_all(page.rows, selected)}
    return Listed(rows, None if (call.start or 0) < 0 else page.total, page.next)


def _selection(wanted: ItemType, select: Any) -> set[str] | None:
    """Return the names selected, ``None`` for all; unknown ones are dropped.

    Where user fields go by their original names, the standard fields that a caller selects are lost: the
    portal looks for their upper-case names among the others.
    """
    names = {php.text(name) for name in php.values(select)} if php.is_array(select) else set()
    if names and "*" not in names and _original(wanted.call):
        return {name for name in names if name.startswith("UF_")}
    chosen = {id(wanted.spellings[name]) for name in names if name in wanted.spellings}
    known = {name for name, field in wanted.fields.items() if id(field) in chosen}
    known |= names & {"UF_*", "entityTypeId"}
    return None if "*" in names or not known else known


def add(call: Call) -> dict[str, Any]:
    """Add an item."""
    wanted = ItemType.of(call)
    values = wanted.changes(controller_array(call, "fields"), None)
    if not call.user.writes_anything:
        raise denied()
    item_id = call.world.crm.create(
        wanted.kind, values, author=call.user.user_id, now=call.now, check=wanted.check
    )
    call.started.extend(AUTOMATION)
    return {"item": wanted.render(wanted.store.rows[item_id])}


def update(call: Call) -> dict[str, Any]:
    """Change an item; this is the only way into another pipeline."""
    wanted = ItemType.of(call)
    item_id = _changeable(wanted)
    row = wanted.store.rows[item_id]
    values = wanted.changes(controller_array(call, "fields"), row)
    emptied: set[str] = set()

    def settle(before: Row | None, after: Row) -> None:
        if call.world.switches.corrections:
            emptied.update(keep_lists(wanted.store, before or {}, after, values))
        wanted.check(before, after)

    changed = call.world.crm.update(
        wanted.kind,
        item_id,
        values,
        author=call.user.user_id,
        now=call.now,
        change_pipeline=True,
        if_changed=True,
        check=settle,
    )
    if changed:
        call.started.extend(AUTOMATION)
    shown = wanted.render(row)
    shown.update((name, None) for name, field in wanted.fields.items() if field.name in emptied)
    return {"item": shown}


def delete(call: Call) -> list[Any]:
    """Delete an item, its bindings, and the records that belong to nothing else."""
    wanted = ItemType.of(call)
    call.world.delete_item((wanted.kind, _changeable(wanted)))
    return []


def _changeable(wanted: ItemType) -> int:
    item_id = wanted.existing()
    if not wanted.call.world.may_update(wanted.call.user, (wanted.kind, item_id)):
        raise denied()
    return item_id


def fields(call: Call) -> dict[str, Any]:
    """Describe the fields."""
    wanted = ItemType.of(call)
    described = describe_items(wanted.kind, wanted.store, call.world.pipelines, original=_original(call))
    return {"fields": described}


METHODS = (
    controller("crm.item.get", get),
    controller("crm.item.list", list_items),
    controller("crm.item.add", add),
    controller("crm.item.update", update),
    controller("crm.item.delete", delete),
    controller("crm.item.fields", fields),
)
