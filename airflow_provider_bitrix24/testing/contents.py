"""Filling a portal and looking at what is in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .activities import KINDS
from .item_contents import PortalItems
from .timeline import Pair, TimelineRecord
from .user_cards import user_card
from .users import DEFAULT_SCOPES, Rights, User, new_code

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .messages import Message


class PortalContents(PortalItems):
    """Users, CRM items, timelines and activities. All functions may be called from any thread."""

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
        time_zone: str = "",
        fields: Mapping[str, Any] | None = None,
    ) -> User:
        """Add or replace a user.

        :param code: the webhook's secret, by default a random one
        :param scopes: scopes of the webhook
        :param may_read: true, false, or the items that may be read, such as ``[("deal", 10)]``
        :param may_update: the same for changes; administrators may change even what does not exist
        :param time_zone: name of the user's own zone, such as ``Asia/Tokyo``, by default the server's;
            ``crm.item.list`` reads the bounds of date filters on that clock, as the portal's source does
        :param fields: further values of ``user.get`` by name, such as ``LAST_NAME`` or ``UF_DEPARTMENT``
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
            time_zone=time_zone,
            card=user_card(fields or {}),
        )
        with self._world.lock:
            self._world.users[user_id] = user
        return user

    def revoke_webhook(self, user_id: int = 1) -> None:
        """Delete a user's webhook."""
        self._world.users[user_id].webhook_active = False

    # ------------------------------------------------------------ CRM

    def add_smart_process(self, type_id: int, title: str = "") -> str:
        """Create a smart process with a pipeline and return its type's name, such as ``dynamic_1042``."""
        with self._world.lock:
            return self._world.add_smart_process(type_id, title)

    def add_pipeline(self, kind: str, name: str) -> int:
        """Add a pipeline with the usual stages and return its number; stages such as ``C1:NEW`` carry it."""
        with self._world.lock:
            owner = self._world.types.require(kind)
            if owner.kind in ("lead", "quote") or not self._world.pipelines.of(owner.kind):
                raise ValueError(f"{kind!r} has no pipelines")
            return self._world.pipelines.add(owner.kind, owner.type_id, name).category_id

    def add_stage(self, kind: str, code: str, name: str, semantic: str = "P", category_id: int = 0) -> str:
        """Add a stage to a pipeline and return its id, with the pipeline's prefix.

        :param semantic: P in process, S success, F failure
        """
        with self._world.lock:
            pipeline = self._world.pipelines.of(self._kind(kind)).get(category_id)
            if pipeline is None:
                raise ValueError(f"{kind!r} has no pipeline {category_id}")
            return self._world.pipelines.add_stage(pipeline, code, name, semantic)

    def remove_smart_process(self, type_id: int) -> None:
        """Delete a smart process; what is bound to its items stays, under a type without a name."""
        with self._world.lock:
            self._world.types.remove_dynamic(type_id)

    def add_item(self, kind: str, fields: Mapping[str, Any] | None = None, item_id: int | None = None) -> int:
        """Create an item.

        :param kind: ``deal``, ``lead``, ``contact``, ``company``, ``quote``, ``dynamic_1042``, ...
        :param fields: values by name, ``STAGE_ID`` or ``stageId``; ``UF_...`` fields that do not exist yet
            are created as strings
        :param item_id: its number, by default the next one
        """
        with self._world.lock:
            return self._world.crm.put(self._kind(kind), fields or {}, item_id, self._world.now())

    def add_items(self, kind: str, rows: Iterable[Mapping[str, Any]]) -> list[int]:
        """Create many items and return their numbers."""
        return [self.add_item(kind, fields) for fields in rows]

    def set_stage(self, kind: str, item_id: int, stage_id: str, author_id: int = 1) -> None:
        """Move an item to a stage of its pipeline, as a user does on its card.

        :param stage_id: as the API shows it: ``WON``, or ``C1:WON`` in another pipeline
        """
        with self._world.lock:
            self._world.crm.set_stage(
                self._kind(kind), item_id, stage_id, author=author_id, now=self._world.now()
            )

    def delete_item(self, kind: str, item_id: int) -> None:
        """Delete an item, its bindings, and the records and activities that were bound to nothing else."""
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

    # ------------------------------------------------------------ timeline

    def add_comment(
        self, kind: str, item_id: int, text: str, author_id: int = 1, files: Mapping[str, bytes] | None = None
    ) -> int:
        """Add a comment to an item's timeline and return its number.

        :param files: contents by name
        """
        with self._world.lock:
            now = self._world.now()
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
            record = TimelineRecord(record_id, kind, text, author_id, self._world.now())
            return self._world.timeline.add(record, (self._kind(kind_of_item), item_id))

    def add_log_message(
        self, kind: str, item_id: int, title: str, text: str = "", icon: str = "info", author_id: int = 1
    ) -> int:
        """Add a log message to an item's timeline and return its number."""
        with self._world.lock:
            record = TimelineRecord(0, "log_message", text, author_id, self._world.now())
            record.title, record.icon = title, icon
            return self._world.timeline.add(record, (self._kind(kind), item_id))

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

    # ------------------------------------------------------------ activities

    def add_activity(
        self,
        kind_of_item: str,
        item_id: int,
        subject: str = "",
        kind: str = "todo",
        author_id: int = 1,
        fields: Mapping[str, Any] | None = None,
    ) -> int:
        """Add an activity to an item and return its number, which has nothing to do with those of records.

        :param kind: ``todo``, ``call``, ``email``, ``meeting`` or ``task``
        :param fields: further values by name, such as ``DESCRIPTION``, ``DEADLINE``, ``COMPLETED``
        """
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of activity: one of {', '.join(KINDS)} expected")
        values = {"SUBJECT": subject, **(fields or {})}
        with self._world.lock:
            pairs = [(self._kind(kind_of_item), item_id)]
            now = self._world.now()
            return self._world.activities.add(pairs, kind, values, author=author_id, now=now)

    def delete_activity(self, activity_id: int) -> None:
        """Delete an activity with its bindings."""
        with self._world.lock:
            self._world.activities.delete(activity_id)

    def activities(self, kind: str | None = None, item_id: int | None = None) -> dict[int, dict[str, Any]]:
        """Return all activities, or those bound to an item, with their fields as stored."""
        with self._world.lock:
            store = self._world.activities.store
            if kind is not None and item_id is not None:
                found = self._world.activities.of((self._kind(kind), item_id))
            else:
                found = store.ids
            return {
                number: {name: store.value(store.rows[number], name) for name in store.fields}
                for number in found
            }

    def bind_activity(self, activity_id: int, kind: str, item_id: int) -> None:
        """Bind an activity to a further item."""
        with self._world.lock:
            bound = self._world.activities.bindings(activity_id)
            self._world.activities.rebind(
                activity_id, list(dict.fromkeys([*bound, (self._kind(kind), item_id)]))
            )

    def activity_bindings(self, activity_id: int) -> list[Pair]:
        """Return the items an activity is bound to, sorted."""
        with self._world.lock:
            return sorted(self._world.activities.bindings(activity_id))

    # ------------------------------------------------------------ messages

    def add_chat(self, user_ids: Iterable[int]) -> str:
        """Open a chat and return its ``DIALOG_ID``, such as ``chat5``."""
        with self._world.lock:
            return f"chat{self._world.messenger.add_chat(frozenset(user_ids))}"

    def messages(self, dialog: str | int | None = None) -> list[Message]:
        """Return copies of all messages, or of those in the dialog with a user or in a chat."""
        return [
            message
            for message in self._messages()
            if message.kind == "message" and dialog in (None, message.dialog, _number(message.dialog))
        ]

    def notifications(self, user_id: int | None = None) -> list[Message]:
        """Return copies of all notifications, or of those to a user."""
        return [
            message
            for message in self._messages()
            if message.kind != "message" and user_id in (None, _number(message.dialog))
        ]

    def _messages(self) -> list[Message]:
        with self._world.lock:
            return [replace(message) for message in self._world.messenger.messages.values()]


def _number(dialog: str) -> int | None:
    return int(dialog) if dialog.isdecimal() else None


def _rights(rights: Rights) -> Rights:
    """Take pairs from JSON, where they are lists, too."""
    return rights if isinstance(rights, bool) else frozenset((kind, item_id) for kind, item_id in rights)
