"""Operations that write items, and the same work for workers that are killed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from fault_kills import Task, Work
from fault_scene import Operation, Scene, hurried

from airflow_provider_bitrix24.hooks.errors import AmbiguousWriteError, Bitrix24Error
from airflow_provider_bitrix24.operators.items import (
    CreateCrmItemsOperator,
    DeleteCrmItemsOperator,
    SetProductRowsOperator,
    UpdateCrmItemsOperator,
    UpsertCrmItemsOperator,
)
from airflow_provider_bitrix24.rest.errors import Acted
from airflow_provider_bitrix24.testing import Bitrix24Portal
from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator
from airflow_provider_bitrix24.transfers.sql_to_bitrix24 import SqlToBitrix24Operator

_ADD = "crm.item.add"
#: rows that two requests carry
_MANY = 52


# --- under faults ---


def _rows(scene: Scene) -> list[dict[str, Any]]:
    return [{"origin_id": text, "title": text} for text in scene.texts]


def _create(scene: Scene, key: str | None) -> Any:
    with scene.waiting():
        return hurried(CreateCrmItemsOperator, scene, entity_type="deal", rows=_rows(scene), key=key)


def _upsert(scene: Scene) -> Any:
    """Half of the rows are there already, with another title."""
    for text in scene.texts[: _MANY // 2]:
        scene.portal.add_item("deal", {"ORIGIN_ID": text, "TITLE": "old"})
    with scene.waiting():
        return hurried(UpsertCrmItemsOperator, scene, entity_type="deal", rows=_rows(scene), key="origin_id")


def _update(scene: Scene) -> Any:
    rows = [{"id": deal, "title": scene.text} for deal in scene.deals]
    return hurried(UpdateCrmItemsOperator, scene, entity_type="deal", rows=rows)


def _delete(scene: Scene) -> Any:
    return hurried(DeleteCrmItemsOperator, scene, entity_type="deal", ids=scene.deals[1:])


_LOADED = {"entity_type": "deal", "operation": "upsert", "key": "origin_id"}


@contextmanager
def _csv(texts: list[str]) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "deals.csv"
        path.write_text("origin_id,title\n" + "".join(f'"{text}","{text}"\n' for text in texts))
        yield path


def _load_file(scene: Scene) -> Any:
    with _csv(scene.texts) as path, scene.waiting():
        return hurried(FileToBitrix24Operator, scene, path=str(path), **_LOADED)


def _load_query(scene: Scene) -> Any:
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/warehouse.db"
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE deals (origin_id TEXT, title TEXT)"))
            rows = sa.text("INSERT INTO deals VALUES (:origin_id, :title)")
            connection.execute(rows, _rows(scene))
        engine.dispose()
        with patch.dict(os.environ, AIRFLOW_CONN_CELL=url), scene.waiting():
            sql = "SELECT * FROM deals ORDER BY rowid"
            return hurried(SqlToBitrix24Operator, scene, sql=sql, sql_conn_id="cell", **_LOADED)


def _all_loaded(scene: Scene, result: Any) -> bool:
    return sorted(_ids_by_key(scene)) == sorted(scene.texts) and result["failed"] == 0


def _set_rows(scene: Scene) -> Any:
    rows = [
        {"owner_id": deal, "product_name": scene.text, "price": 2, "quantity": number}
        for deal in scene.deals
        for number in (1, 2)
    ]
    return hurried(SetProductRowsOperator, scene, entity_type="deal", rows=rows)


def _quantities(scene: Scene) -> list[list[str]]:
    return [[str(row["QUANTITY"]) for row in scene.portal.product_rows("deal", deal)] for deal in scene.deals]


def _are_set(scene: Scene, result: Any) -> bool:
    sizes = {len(quantities) for quantities in _quantities(scene)}
    return sizes == {2} and {row["STATUS"] for row in result} <= {"set", "unchanged"}


def _check_set(scene: Scene, error: Bitrix24Error | None) -> None:
    assert not isinstance(error, AmbiguousWriteError), "doing it again does no harm, so it is never ambiguous"
    for quantities, outcome in zip(_quantities(scene), error.outcomes if error else (), strict=False):
        assert len(quantities) in (0, 2), "half of an item's rows are there, or more"
        if outcome["STATUS"] != "failed":
            assert len(quantities) == 2, f"said to be set, and is not: {outcome}"


def _ids_by_key(scene: Scene) -> dict[str, int]:
    wanted = set(scene.texts)
    found = [
        (item["ORIGIN_ID"], number)
        for number, item in scene.portal.items("deal").items()
        if item["ORIGIN_ID"] in wanted
    ]
    assert len(dict(found)) == len(found), "an item was created twice"
    return dict(found)


def _all_there(scene: Scene, result: Any) -> bool:
    there = _ids_by_key(scene)
    return [row["ENTITY_ID"] for row in result] == [there.get(text) for text in scene.texts]


def _check_created(scene: Scene, error: Bitrix24Error | None) -> None:
    there = _ids_by_key(scene)
    for text, outcome in zip(scene.texts, error.outcomes if error else (), strict=False):
        if outcome["STATUS"] != "failed":
            assert there.get(text) == outcome["ENTITY_ID"], f"said to be created, and is not: {text}"
        elif (
            outcome["ERROR"] != "AmbiguousWriteError" and "may have been" not in outcome["ERROR_DESCRIPTION"]
        ):
            assert text not in there, f"said not to be created, and is there: {outcome}"
    if error is not None and error.acted is Acted.NO and not error.outcomes:
        assert not there, f"{type(error).__name__} says that nothing was done, and items are there"


def _check_upserted(scene: Scene, error: Bitrix24Error | None) -> None:
    there = _ids_by_key(scene)
    items = scene.portal.items("deal")
    for text, outcome in zip(scene.texts, error.outcomes if error else (), strict=False):
        if outcome["STATUS"] != "failed":
            assert items[there[text]]["TITLE"] == text, f"said to be written, and is not: {text}"


def _titles(scene: Scene) -> set[str]:
    items = scene.portal.items("deal")
    return {items[deal]["TITLE"] for deal in scene.deals}


def _check_updated(scene: Scene, error: Bitrix24Error | None) -> None:
    assert not isinstance(error, AmbiguousWriteError), "doing it again does no harm, so it is never ambiguous"
    items = scene.portal.items("deal")
    for deal, outcome in zip(scene.deals, error.outcomes if error else (), strict=False):
        if outcome["STATUS"] != "failed":
            assert items[deal]["TITLE"] == scene.text, f"said to be changed, and is not: {deal}"


def _check_deleted(scene: Scene, error: Bitrix24Error | None) -> None:
    assert not isinstance(error, AmbiguousWriteError), "doing it again does no harm, so it is never ambiguous"
    left = set(scene.portal.items("deal")) & set(scene.deals)
    assert scene.deals[0] in left, "deleted what nobody named"
    for deal, outcome in zip(scene.deals[1:], error.outcomes if error else (), strict=False):
        if outcome["STATUS"] != "failed":
            assert deal not in left, f"said to be deleted, and is not: {deal}"


def _is_deleted(scene: Scene, result: Any) -> bool:
    left = set(scene.portal.items("deal")) & set(scene.deals)
    return left == {scene.deals[0]} and {row["STATUS"] for row in result} <= {"deleted", "not_found"}


def _are_updated(scene: Scene, result: Any) -> bool:
    return _titles(scene) == {scene.text} and {row["STATUS"] for row in result} <= {"updated", "unchanged"}


#: what is asked before: the fields and the clock, the codes of statuses; then the items
_METADATA, _AND_ITEMS = 2, 3
#: of product rows: who asks, and which rows there are
_ROWS_READ = 2

ITEMS = (
    Operation(
        "create_items",
        "create items",
        "write",
        lambda scene: _create(scene, None),
        _all_there,
        spares=_METADATA,
        check=_check_created,
    ),
    Operation(
        "create_items_by_key",
        "create items by key",
        "write",
        lambda scene: _create(scene, "origin_id"),
        _all_there,
        spares=_AND_ITEMS,
        check=_check_created,
    ),
    Operation(
        "upsert_items", "upsert items", "write", _upsert, _all_there, spares=_AND_ITEMS, check=_check_upserted
    ),
    Operation(
        "update_items",
        "update items",
        "write",
        _update,
        _are_updated,
        spares=_AND_ITEMS,
        check=_check_updated,
    ),
    Operation("delete_items", "delete items", "write", _delete, _is_deleted, check=_check_deleted),
    Operation(
        "set_rows", "set product rows", "write", _set_rows, _are_set, spares=_ROWS_READ, check=_check_set
    ),
    Operation(
        "load_file", "load a file", "write", _load_file, _all_loaded, spares=_AND_ITEMS, check=_check_upserted
    ),
    Operation(
        "load_query",
        "load a query",
        "write",
        _load_query,
        _all_loaded,
        spares=_AND_ITEMS,
        check=_check_upserted,
    ),
)


# --- under kills ---

Arguments = dict[str, Any]
_SHARED = {"entity_type": "deal", "max_in_flight": 1, "fail_on": "never"}


def _created_rows(portal: Bitrix24Portal) -> Arguments:
    rows = [{"origin_id": f"K{n}", "title": f"row {n}"} for n in range(52)]
    return {"rows": rows, **_SHARED}


def _very_many_rows(portal: Bitrix24Portal) -> Arguments:
    """Every third row is there already, with another title."""
    rows = [{"origin_id": f"K{n}", "title": f"row {n}"} for n in range(2_000)]
    for row in rows[::3]:
        portal.add_item("deal", {"ORIGIN_ID": row["origin_id"], "TITLE": "old"})
    return {**_SHARED, "rows": rows, "key": "origin_id", "max_in_flight": 4}


def _upserted_rows(portal: Bitrix24Portal) -> Arguments:
    """Every third row is there already, with another title."""
    arguments = _created_rows(portal)
    for row in arguments["rows"][::3]:
        portal.add_item("deal", {"ORIGIN_ID": row["origin_id"], "TITLE": "old"})
    return {**arguments, "key": "origin_id"}


def _changed_phones(portal: Bitrix24Portal) -> Arguments:
    contacts = portal.add_items("contact", [{"NAME": f"Contact {n}"} for n in range(51)])
    rows = [{"id": contact, "phone": f"+49 30 {contact}", "name": "New"} for contact in contacts]
    return {"rows": rows, **_SHARED, "entity_type": "contact"}


def _deleted_ids(portal: Bitrix24Portal) -> Arguments:
    ids = portal.add_items("deal", [{"TITLE": f"row {n}"} for n in range(51)])
    return {"ids": ids, **_SHARED, "missing_ok": False}


def _loaded_file(portal: Bitrix24Portal) -> Arguments:
    """The rows are in a file, which each try reads again."""
    arguments = _upserted_rows(portal)
    lines = "".join(f"{row['origin_id']},{row['title']}\n" for row in arguments.pop("rows"))
    with NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
        file.write(f"origin_id,title\n{lines}")
    return {**arguments, "operation": "upsert", "path": file.name}


def _check_loaded_file(task: Task) -> None:
    path = Path(task.arguments["path"])
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    path.unlink()
    there, items = _by_key(task), task.portal.items("deal")
    assert {key: [items[number]["TITLE"] for number in numbers] for key, numbers in there.items()} == {
        key: [title] for key, title in rows
    }
    assert (task.answer.result["rows"], task.answer.result["failed"]) == (len(rows), 0)


def _by_key(task: Task) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, item in task.portal.items("deal").items():
        if item["ORIGIN_ID"]:
            found.setdefault(item["ORIGIN_ID"], []).append(number)
    return found


def _check_created_rows(task: Task) -> None:
    there = _by_key(task)
    assert {len(numbers) for numbers in there.values()} <= {1}, "an item was created twice"
    unclear = 0
    for row, outcome in zip(task.arguments["rows"], task.answer.result, strict=True):
        if outcome["STATUS"] == "created":
            assert there[row["origin_id"]] == [outcome["ENTITY_ID"]]
        else:
            assert outcome["ERROR"] == "AmbiguousWriteError", outcome
            unclear += 1
    if task.kept and len(task.kills) == 1:
        assert unclear <= 50, "one request was under way"


def _check_upserted_rows(task: Task) -> None:
    rows, result = task.arguments["rows"], task.answer.result
    there, items = _by_key(task), task.portal.items("deal")
    assert {outcome["STATUS"] for outcome in result} <= {"created", "updated", "unchanged"}, result
    assert Counter(len(numbers) for numbers in there.values()) == Counter({1: len(rows)})
    for row, outcome in zip(rows, result, strict=True):
        assert there[row["origin_id"]] == [outcome["ENTITY_ID"]]
        assert items[outcome["ENTITY_ID"]]["TITLE"] == row["title"]


def _check_changed_phones(task: Task) -> None:
    items = task.portal.items("contact")
    assert {outcome["STATUS"] for outcome in task.answer.result} <= {"updated", "unchanged"}
    for row in task.arguments["rows"]:
        item = items[row["id"]]
        assert item["NAME"] == "New"
        assert [phone["VALUE"] for phone in item["PHONE"]] == [row["phone"]], "a phone was added twice"


def _check_deleted_ids(task: Task) -> None:
    assert not set(task.arguments["ids"]) & set(task.portal.items("deal"))
    if task.kept:
        assert {outcome["STATUS"] for outcome in task.answer.result} == {"deleted"}


WRITING = {
    "created items": Work(CreateCrmItemsOperator, _created_rows, _check_created_rows),
    "upserted items": Work(UpsertCrmItemsOperator, _upserted_rows, _check_upserted_rows),
    "changed phones": Work(UpdateCrmItemsOperator, _changed_phones, _check_changed_phones),
    "loaded file": Work(FileToBitrix24Operator, _loaded_file, _check_loaded_file),
    "deleted items": Work(DeleteCrmItemsOperator, _deleted_ids, _check_deleted_ids),
}

#: a work of some forty requests
LONG = Work(UpsertCrmItemsOperator, _very_many_rows, _check_upserted_rows)
