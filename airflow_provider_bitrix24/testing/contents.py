"""Filling a portal and looking at what is in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import demo
from .fields import user_field
from .timeline import Pair, TimelineRecord
from .users import DEFAULT_SCOPES, Rights, User, new_code

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .world import World


class PortalContents:
    """Users, CRM items and timelines. All functions may be called from any thread."""

    _world: World

    # ------------------------------------------------------------ users

    def add_user(
        self,
        user_id: int,
        name: str = "",
        admin: bool = False,
        code: str | None = None,
        scopes: Collection[str] = DEFAULT_SCOPES,
        active: bool = True,
        may_read: Rights = True,
        may_update: Rights = True,
    ) -> User:
        """Add or replace a user.

        :param code: the webhook's secret, by default a random one
        :param scopes: scopes of the webhook
        :param may_read: true, false, or the items that may be read, such as ``[("deal", 10)]``
        :param may_update: the same for changes; administrators may change even what does not exist
        """
        user = User(
            user_id,
            name,
            admin,
            code or new_code(),
            tuple(scopes),
            active,
            _rights(may_read),
            _rights(may_update),
        )
        with self._world.lock:
            self._world.users[user_id] = user
        return user

    def revoke_webhook(self, user_id: int = 1) -> None:
        """Delete a user's webhook."""
        self._world.users[user_id].webhook_active = False

    # ------------------------------------------------------------ CRM

    def add_smart_process(self, type_id: int) -> str:
        """Create a smart process and return the name of its type, such as ``dynamic_1042``."""
        with self._world.lock:
            return self._world.types.add_dynamic(type_id).kind

    def add_user_field(
        self, kind: str, name: str, field_type: str = "string", multiple: bool = False
    ) -> None:
        """Add a field ``UF_CRM_...`` to a type of items."""
        with self._world.lock:
            field = user_field(name, field_type, multiple=multiple)
            self._world.crm.store(self._kind(kind)).fields[name] = field

    def add_item(self, kind: str, fields: Mapping[str, Any] | None = None, item_id: int | None = None) -> int:
        """Create an item.

        :param kind: ``deal``, ``lead``, ``contact``, ``company``, ``quote``, ``dynamic_1042``, ...
        :param fields: values by name; ``UF_...`` fields that do not exist yet are created as strings
        :param item_id: its number, by default the next one
        """
        with self._world.lock:
            return self._world.crm.put(self._kind(kind), fields or {}, item_id, self._world.clock())

    def delete_item(self, kind: str, item_id: int) -> None:
        """Delete an item, its bindings, and the records that were bound to nothing else."""
        with self._world.lock:
            self._world.delete_item((self._kind(kind), item_id))

    def items(self, kind: str) -> dict[int, dict[str, Any]]:
        """Return all items of a type with all their fields as stored: text, file numbers, lists."""
        with self._world.lock:
            store = self._world.crm.store(self._kind(kind))
            return {
                item_id: {name: row.get(name, field.default) for name, field in store.fields.items()} | row
                for item_id, row in sorted(store.rows.items())
            }

    def load_demo(self) -> None:
        """Fill the CRM with a few companies, contacts, deals and leads."""
        demo.load(self)

    def _kind(self, name: str) -> str:
        return self._world.types.require(name).kind

    # ------------------------------------------------------------ timeline

    def add_comment(
        self, kind: str, item_id: int, text: str, author_id: int = 1, files: Mapping[str, bytes] | None = None
    ) -> int:
        """Add a comment to an item's timeline and return its number.

        :param files: contents by name
        """
        with self._world.lock:
            now = self._world.clock()
            numbers = [
                self._world.files.add(name, data, author_id, now) for name, data in (files or {}).items()
            ]
            record = TimelineRecord(0, "comment", text, author_id, now, numbers)
            return self._world.timeline.add(record, (self._kind(kind), item_id))

    def add_record(
        self,
        kind_of_item: str,
        item_id: int,
        kind: str = "creation",
        text: str = "",
        author_id: int = 1,
        record_id: int = 0,
    ) -> int:
        """Add a record that is no comment to an item's timeline and return its number.

        :param kind: ``creation``, ``modification``, ``log_message``, ``document``, ...
        :param record_id: its number, by default the next one
        """
        with self._world.lock:
            record = TimelineRecord(record_id, kind, text, author_id, self._world.clock())
            return self._world.timeline.add(record, (self._kind(kind_of_item), item_id))

    def delete_record(self, record_id: int) -> None:
        """Delete a record with its bindings."""
        with self._world.lock:
            self._world.timeline.delete(record_id)

    def records(self, kind: str | None = None, item_id: int | None = None) -> list[TimelineRecord]:
        """Return copies of all records, or of those bound to an item."""
        with self._world.lock:
            timeline = self._world.timeline
            if kind is not None and item_id is not None:
                found = list(timeline.records_of((self._kind(kind), item_id)))
            else:
                found = list(timeline.records.values())
            return [replace(record, files=list(record.files)) for record in found]

    def comments(self, kind: str | None = None, item_id: int | None = None) -> list[TimelineRecord]:
        """Return copies of all comments, or of those bound to an item."""
        return [record for record in self.records(kind, item_id) if record.kind == "comment"]

    def bind(self, record_id: int, kind: str, item_id: int) -> None:
        """Bind a record to an item."""
        with self._world.lock:
            self._world.timeline.bind(record_id, (self._kind(kind), item_id))

    def unbind(self, record_id: int, kind: str, item_id: int) -> bool:
        """Unbind a record and tell whether it was bound."""
        with self._world.lock:
            return self._world.timeline.unbind(record_id, (self._kind(kind), item_id))

    def bindings(self, record_id: int) -> list[Pair]:
        """Return the items a record is bound to, sorted."""
        with self._world.lock:
            return sorted(self._world.timeline.bindings(record_id))


def _rights(rights: Rights) -> Rights:
    """Take pairs from JSON, where they are lists, too."""
    return rights if isinstance(rights, bool) else frozenset((kind, item_id) for kind, item_id in rights)
