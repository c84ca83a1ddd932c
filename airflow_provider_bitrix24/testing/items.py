"""CRM items: storage, and the conversion of what is written into what is read."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from . import dates, php
from .fields import Field, numbered, user_field
from .files import FileStore
from .history import CREATED, FINAL, MOVED, OTHER_PIPELINE, Step
from .item_files import one_file, several_files
from .item_names import storage_names
from .item_store import ItemStore, Row
from .standard_fields import standard_fields
from .user_fields import UserField, check_kind, options
from .values import UNREADABLE, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import tzinfo

    from .history import StageHistory
    from .pipelines import Pipelines, Stage

    Check = Callable[[Row | None, Row], None]


class Crm:
    """The items of a portal, by type; ``revision`` grows with every change."""

    def __init__(
        self, server_zone: tzinfo, files: FileStore, pipelines: Pipelines, history: StageHistory
    ) -> None:
        self.zone = server_zone
        self._files = files
        self._pipelines = pipelines
        self._history = history
        self._stores: dict[str, ItemStore] = {}
        self._multi_ids = count(100)
        self._field_ids, self._option_ids = count(501), count(21)
        self.revision = 0

    def store(self, kind: str) -> ItemStore:
        """Return the items of a type, given by its lower-case name."""
        found = self._stores.get(kind)
        if found is None:
            standard = standard_fields(kind)
            known = numbered(standard or {"ID": Field("ID", "integer", read_only=True)}, self._field_ids)
            found = self._stores[kind] = ItemStore(kind, known, typed=standard is not None)
        return found

    def kinds(self) -> list[str]:
        """Return the types that have items."""
        return [kind for kind, store in self._stores.items() if store.rows]

    def exists(self, kind: str, item_id: int) -> bool:
        """Tell whether there is such an item."""
        store = self._stores.get(kind)
        return store is not None and item_id in store.rows

    def title(self, kind: str, item_id: int) -> str:
        """Return what a person would call the item."""
        row = self.store(kind).rows.get(item_id, {})
        names = [row.get("NAME"), row.get("LAST_NAME")]
        return str(row.get("TITLE") or " ".join(name for name in names if name) or f"{kind} {item_id}")

    def add_user_field(
        self, kind: str, name: str, field_type: str, *, choices: Iterable[Any] = (), **more: Any
    ) -> None:
        """Add a user field to a type.

        :param choices: options of a list
        :param more: the rest of its definition
        """
        check_kind(field_type)
        store = self.store(kind)
        known = options(choices, self._option_ids)
        definition = UserField(next(self._field_ids), field_type, options=known, **more)
        store.add_field(user_field(name, definition))

    def remove_user_field(self, kind: str, name: str) -> None:
        """Remove a user field of a type, with its values."""
        self.revision += 1
        self.store(kind).remove_field(name)

    # ------------------------------------------------------------ writing

    def remove(self, kind: str, item_id: int) -> Row:
        """Remove an item and return it as it was."""
        self.revision += 1
        row = self.store(kind).rows[item_id]
        self.store(kind).remove(item_id)
        self._history.item_deleted(kind, item_id)
        return row

    def put_back(self, kind: str, row: Row, moment: str) -> int:
        """Store a removed item under a new number, with its old dates; its history begins anew."""
        self.revision += 1
        store = self.store(kind)
        item_id = store.insert(None, dict(row))
        self._note_step(store, store.rows[item_id], CREATED, moment)
        return item_id

    def create(
        self,
        kind: str,
        values: Mapping[str, Any],
        *,
        author: int,
        now: float,
        item_id: int | None = None,
        given: Mapping[str, Any] | None = None,
        check: Check | None = None,
    ) -> int:
        """Create an item from what a caller gave, dropping what is unknown or read-only.

        :param given: stored values of read-only fields, such as the dates of an imported item
        :param check: raises if the item must not be as it would be
        """
        store = self.store(kind)
        moment = dates.stamp(now, self.zone)
        row: Row = {"DATE_CREATE": moment, "DATE_MODIFY": moment, "LAST_ACTIVITY_TIME": moment}
        if "MOVED_TIME" in store.fields:
            row["MOVED_TIME"] = moment
        for name in ("CREATED_BY_ID", "MODIFY_BY_ID", "ASSIGNED_BY_ID"):
            row[name] = str(author)
        self._write(store, row, values, author, now, creating=True)
        self._begin(store, row)
        row |= given or {}
        if check is not None:
            check(None, row)
        if not row.get("TITLE") and "TITLE" in store.fields:
            row["TITLE"] = kind.capitalize()
        self.revision += 1
        item_id = store.insert(item_id, row)
        self._note_step(store, row, CREATED)
        return item_id

    def update(
        self,
        kind: str,
        item_id: int,
        values: Mapping[str, Any],
        *,
        author: int,
        now: float,
        change_pipeline: bool = False,
        if_changed: bool = False,
        check: Check | None = None,
    ) -> bool:
        """Change an item and tell whether anything is another value now.

        :param change_pipeline: whether it may go to another pipeline, where it begins with the first stage
            that means the same as the one it had
        :param if_changed: whether an item that stays as it is keeps its dates, too
        :param check: raises if the item must not become what it would be; it may change that
        """
        store = self.store(kind)
        old = store.rows[item_id]
        row = dict(old)
        stage = stage_field(store)
        before, category = stage and store.value(row, stage), self.category(store, row)
        wanted = php.int_cast(values["CATEGORY_ID"]) if "CATEGORY_ID" in values else category
        moved = change_pipeline and wanted != category
        if moved:
            row |= {
                "CATEGORY_ID": str(wanted),
                "STAGE_ID": self._pipelines.counterpart(kind, wanted, before or ""),
            }
        self._write(store, row, values, author, now, creating=False)
        if check is not None:
            check(old, row)
        changed = any(not same(store.fields.get(name), old, row, name) for name in old.keys() | row.keys())
        if if_changed and not changed:
            return False
        self.revision += 1
        row["DATE_MODIFY"] = dates.stamp(now, self.zone)
        row["MODIFY_BY_ID"] = str(author)
        if stage and store.value(row, stage) != before:
            row |= {"MOVED_TIME": row["DATE_MODIFY"], "MOVED_BY_ID": str(author)}
            if "PREVIOUS_STAGE_ID" in store.fields:
                row["PREVIOUS_STAGE_ID"] = before
            self._note_step(store, row, OTHER_PIPELINE if moved else MOVED)
        old.clear()
        old.update(row)
        return changed

    def put(self, kind: str, values: Mapping[str, Any], item_id: int | None, now: float) -> int:
        """Create an item for a test: read-only fields may be given, unknown ones are an error."""
        store = self.store(kind)
        if not store.typed:
            self.revision += 1
            return store.insert(item_id, dict(values))
        values = self.stored_names(kind, values)
        for name in values:
            if name not in store.fields:
                if not name.startswith("UF_"):
                    raise ValueError(f"{name!r} is no field of a {kind}; user fields are named UF_CRM_...")
                self.add_user_field(kind, name, "string")
        new_id = self.create(kind, values, author=1, now=now, item_id=item_id)
        row = store.rows[new_id]
        for name, value in values.items():
            if store.fields[name].read_only and name != "ID":
                row[name] = self._converted(store.fields[name], value, 1, now)
                if row[name] is UNREADABLE:
                    raise ValueError(f"{name}={value!r} cannot be read")
        return new_id

    def stored_names(self, kind: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return values by the names they are stored by, given by those or by the names of ``crm.item.*``."""
        store = self.store(kind)
        if values.keys() <= store.fields.keys():
            return values
        known = storage_names(store)
        return {known.get(name, name): value for name, value in values.items()}

    def put_alike(self, kind: str, numbers: Sequence[int], values: Mapping[str, Any], now: float) -> None:
        """Create many items for a test, all alike."""
        first, *others = numbers
        self.put(kind, values, first, now)
        store = self.store(kind)
        for number in others:
            store.insert(number, dict(store.rows[first]))
        self._history.add_alike(kind, first, others)

    # ------------------------------------------------------------ stages

    def category(self, store: ItemStore, row: Row) -> int:
        """Return the number of an item's pipeline."""
        return int(store.value(row, "CATEGORY_ID") or 0) if "CATEGORY_ID" in store.fields else 0

    def stages(self, store: ItemStore, row: Row) -> list[Stage]:
        """Return the stages of an item's pipeline, none for a type without stages."""
        pipeline = self._pipelines.of(store.kind).get(self.category(store, row))
        return pipeline.stages if pipeline is not None else []

    def stage_ids(self, store: ItemStore, row: Row | None, values: Mapping[str, Any]) -> list[str]:
        """Return the stages that an item can have after a change.

        :param row: the item as it is, ``None`` for a new one
        :param values: what is written into it, perhaps another pipeline
        """
        pipelines = self._pipelines.of(store.kind)
        category = next(iter(pipelines), 0) if row is None else self.category(store, row)
        wanted = pipelines.get(php.int_cast(values.get("CATEGORY_ID", category)))
        return [stage.stage_id for stage in wanted.stages] if wanted is not None else []

    def set_stage(self, kind: str, item_id: int, stage_id: str, *, author: int, now: float) -> None:
        """Move an item to a stage of its pipeline."""
        store = self.store(kind)
        row = store.rows.get(item_id)
        if row is None:
            raise ValueError(f"{kind} {item_id} does not exist")
        known = [stage.stage_id for stage in self.stages(store, row)]
        field = stage_field(store)
        if field is None or stage_id not in known:
            stages = ", ".join(known) or "it has none"
            raise ValueError(f"{stage_id!r} is no stage of {kind} {item_id}: {stages}")
        self.update(kind, item_id, {field: stage_id}, author=author, now=now)

    def _begin(self, store: ItemStore, row: Row) -> None:
        """Give a new item the pipeline and the stage it was not given."""
        if "CATEGORY_ID" not in store.fields:
            return
        pipelines = self._pipelines.of(store.kind)
        if not row.get("CATEGORY_ID") and store.fields["CATEGORY_ID"].default is None:
            row["CATEGORY_ID"] = str(next(iter(pipelines), 0))
        pipeline = pipelines.get(self.category(store, row))
        if not row.get("STAGE_ID") and pipeline is not None:
            row["STAGE_ID"] = pipeline.stages[0].stage_id

    def _note_step(self, store: ItemStore, row: Row, how: int, moment: str | None = None) -> None:
        stage = stage_field(store)
        if stage is None:
            return
        stage_id = store.value(row, stage) or ""
        semantic = self._pipelines.semantic(store.kind, stage_id)
        if how == MOVED and semantic != "P":
            how = FINAL
        category, moment = self.category(store, row), moment or row["DATE_MODIFY"]
        self._history.add(store.kind, Step(how, int(row["ID"]), moment, category, semantic, stage_id))

    def _write(
        self,
        store: ItemStore,
        row: Row,
        values: Mapping[str, Any],
        author: int,
        now: float,
        *,
        creating: bool,
    ) -> None:
        for name, value in values.items():
            known = store.fields.get(name)
            if known is None or known.read_only or (known.immutable and not creating):
                continue
            if known.write_only:
                self._write_links(store.fields, row, known, value)
            elif known.is_multi:
                row[name] = self._merged_multi(known.name, row.get(name) or [], value)
            else:
                converted = self._converted(known, value, author, now, row.get(name))
                if converted is not UNREADABLE:
                    row[name] = converted
                    row.pop(f"{name}S", None)  # one contact replaces all of them
        self._derive(store, row)

    def _write_links(self, known_names: Collection[str], row: Row, known: Field, value: Any) -> None:
        """``CONTACT_IDS`` keeps the whole list; its first is ``CONTACT_ID``."""
        linked = [number for number in map(php.int_cast, php.values(value)) if number > 0]
        row[known.name] = linked
        first = known.name.removesuffix("S")
        if first in known_names:
            row[first] = str(linked[0]) if linked else None

    def _merged_multi(self, type_id: str, stored: list[Row], value: Any) -> list[Row]:
        """Entries with a known ID change or delete that one, all others are added."""
        merged = {entry["ID"]: dict(entry) for entry in stored}
        for entry in php.values(value) if php.is_array(value) else []:
            number, text = php.text(php.lookup(entry, "ID")), php.text(php.lookup(entry, "VALUE"))
            value_type = php.text(php.lookup(entry, "VALUE_TYPE")) or "WORK"
            if number in merged:
                if php.lookup(entry, "DELETE") == "Y" or not text:
                    del merged[number]
                else:
                    merged[number] |= {"VALUE": text, "VALUE_TYPE": value_type}
            elif text:
                new_id = str(next(self._multi_ids))
                merged[new_id] = {"ID": new_id, "VALUE_TYPE": value_type, "VALUE": text, "TYPE_ID": type_id}
        return list(merged.values())

    def _converted(self, known: Field, value: Any, author: int, now: float, stored: Any = None) -> Any:
        """Return the stored form of a value, ``UNREADABLE`` if the field shall stay as it is.

        :param stored: what it holds
        """
        if known.multiple and known.type != "file":
            plain = [scalar(known, item, self.zone, now) for item in php.values(value)]
            return [item for item in plain if item not in (UNREADABLE, "", None)]
        if known.type != "file":
            return scalar(known, value, self.zone, now)

        def keep(name: str, content: bytes) -> int:
            return self._files.add(name, content, author, now)

        return several_files(stored or [], value, keep) if known.multiple else one_file(stored, value, keep)

    def _derive(self, store: ItemStore, row: Row) -> None:
        """Fill the fields that follow from others."""
        for name, semantic in (("STAGE_ID", "STAGE_SEMANTIC_ID"), ("STATUS_ID", "STATUS_SEMANTIC_ID")):
            if name in row and semantic in store.fields:
                row[semantic] = self._pipelines.semantic(store.kind, row[name] or "")
                if "CLOSED" in store.fields:
                    row["CLOSED"] = "N" if row[semantic] == "P" else "Y"
        for name in ("PHONE", "EMAIL"):
            if name in row:
                row[f"HAS_{name}"] = "Y" if row[name] else "N"


def same(known: Field | None, before: Row, after: Row, name: str) -> bool:
    """Tell whether a row has the same value as before; no link is the same as a link to number 0."""
    default = None if known is None else known.default
    values = [row.get(name, default) or None for row in (before, after)]
    if known is not None and known.type.startswith("crm_"):
        values = [None if value == "0" else value for value in values]
    return values[0] == values[1]


def stage_field(store: ItemStore) -> str | None:
    """Return the field with an item's stage, if items of the type have one."""
    return next((name for name in ("STAGE_ID", "STATUS_ID") if name in store.fields), None)
