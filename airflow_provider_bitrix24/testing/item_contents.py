"""Defining fields, and changing items as other people do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .item_names import item_fields
from .item_values import has_multi, reader, shown_multi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .fields import Field
    from .item_store import Row
    from .world import World


class PortalItems:
    """User fields, many items at once, and what other people do to items. Any thread may call."""

    _world: World

    def add_user_field(
        self,
        kind: str,
        name: str,
        field_type: str = "string",
        multiple: bool = False,
        options: Iterable[str | Mapping[str, Any]] = (),
        title: str = "",
        mandatory: bool = False,
        settings: Mapping[str, Any] | None = None,
        xml_id: str | None = None,
    ) -> list[int]:
        """Add a field ``UF_CRM_...`` to a type of items, or replace it, and return the ids of its options.

        :param field_type: ``string``, ``url``, ``integer``, ``double``, ``boolean``, ``date``, ``datetime``,
            ``money``, ``enumeration``, ``crm_status``, ``employee``, ``crm``, ``iblock_element``, ``file``,
            ``address``, ``resourcebooking``, or an application's own, ``rest_{app}_{type}``
        :param options: of an ``enumeration``: labels, or mappings with ``VALUE`` and, if wanted, ``ID``,
            ``SORT``, ``XML_ID`` and ``DEF``
        :param title: its label, by default its name
        :param mandatory: whether people have to fill it; REST does not check that
        :param settings: what differs from the type's usual settings, such as ``{"PRECISION": 4}`` of a
            ``double`` or ``{"ENTITY_TYPE": "INDUSTRY"}`` of a ``crm_status``
        """
        with self._world.lock:
            crm, owner = self._world.crm, self._kind(kind)
            crm.add_user_field(
                owner,
                name,
                field_type,
                choices=options,
                multiple=multiple,
                title=title,
                mandatory=mandatory,
                own_settings=settings or {},
                xml_id=xml_id,
            )
            return [option.number for option in crm.store(owner).fields[name].definition.options]

    def require_field(self, kind: str, name: str, required: bool = True) -> None:
        """Make a field required, as an administrator does in the form of a type, or end that.

        ``crm.item.add`` and imports refuse items that lack it, ``crm.item.update`` only where it would be
        emptied or the item goes to another stage of its pipeline. Classic methods do not check it.

        :param name: its classic name, such as ``SOURCE_ID``
        """
        with self._world.lock:
            store = self._world.crm.store(self._kind(kind))
            if name not in store.fields:
                raise ValueError(f"{name!r} is no field of a {kind}")
            store.add_field(replace(store.fields[name], required=required))

    def hide_user_field(self, kind: str, name: str, user_id: int = 1, hidden: bool = True) -> None:
        """Hide a user field from a user, or show it again; administrators lose it, too.

        Answers leave it out, and what the user writes into it is ignored, but ``crm.item.fields`` names it.
        """
        pairs = {(self._kind(kind), name)}
        with self._world.lock:
            user = self._world.users[user_id]
            user.hidden_fields = user.hidden_fields | pairs if hidden else user.hidden_fields - pairs

    def remove_user_field(self, kind: str, name: str) -> None:
        """Remove a field ``UF_CRM_...`` of a type, with its values."""
        with self._world.lock:
            self._world.crm.remove_user_field(self._kind(kind), name)

    def add_many(
        self,
        kind: str,
        count: int,
        ids: Iterable[int] | None = None,
        fields: Mapping[str, Any] | Callable[[int], Mapping[str, Any]] | None = None,
    ) -> list[int]:
        """Create many items and return their numbers; 100,000 alike take about a second.

        :param ids: their numbers, by default the next ones
        :param fields: values by name, the same for all, or a function that returns those of a number, which
            takes longer
        """
        with self._world.lock:
            owner = self._kind(kind)
            free = self._world.crm.store(owner).last_id + 1
            numbers = list(range(free, free + count) if ids is None else ids)
            if len(numbers) != count:
                raise ValueError(f"count={count}, but {len(numbers)} ids")
            crm, now = self._world.crm, self._world.now()
            if callable(fields):
                for number in numbers:
                    crm.put(owner, fields(number), number, now)
            elif numbers:
                crm.put_alike(owner, numbers, fields or {}, now)
            return numbers

    def item(self, kind: str, item_id: int) -> dict[str, Any]:
        """Return an item as ``crm.item.get`` shows it to an administrator, but files by their numbers.

        :raises KeyError: if there is no such item
        """
        with self._world.lock:
            owner = self._world.types.require(kind)
            store = self._world.crm.store(owner.kind)
            row = store.rows[item_id]
            shown: dict[str, Any] = {"entityTypeId": owner.type_id}
            shown |= {name: _value(field, row) for name, field in item_fields(store).items()}
            return shown | ({"fm": shown_multi(row)} if has_multi(store) else {})

    def file_contents(self, file_id: int) -> tuple[str, bytes]:
        """Return name and contents of a file.

        :param file_id: its number, as ``item`` and ``items`` show it
        :raises KeyError: if there is no such file
        """
        with self._world.lock:
            stored = self._world.files.files[file_id]
            return stored.name, stored.content

    def update_item(self, kind: str, item_id: int, fields: Mapping[str, Any], author_id: int = 1) -> None:
        """Change an item, as a user does on its card.

        :param fields: values by name, ``STAGE_ID`` or ``stageId``
        """
        with self._world.lock:
            crm, owner = self._world.crm, self._kind(kind)
            if not crm.exists(owner, item_id):
                raise ValueError(f"{owner} {item_id} does not exist")
            values = crm.stored_names(owner, fields)
            crm.update(owner, item_id, values, author=author_id, now=self._world.now())

    def hide_items(self, kind: str, item_ids: Iterable[int], user_id: int = 1, hidden: bool = True) -> None:
        """Take the right to read items from a user, or give it back; administrators lose it, too.

        Lists leave such items out without a word, ``get`` answers that access is denied.
        """
        pairs = {(self._kind(kind), item_id) for item_id in item_ids}
        with self._world.lock:
            user = self._world.users[user_id]
            user.hidden = user.hidden | pairs if hidden else user.hidden - pairs

    def _kind(self, name: str) -> str:
        return self._world.types.require(name).kind


def _value(field: Field, row: Row) -> Any:
    if field.type == "file":
        return row.get(field.name, [] if field.multiple else None)
    return reader(field, 0.0)(row)
