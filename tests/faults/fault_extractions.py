"""Operations that extract a list into a file or a table, which has to be as before or complete."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from fault_scene import Operation, Scene, hurried

from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator

_ALL = {"dataset": "contact", "fields": ["name"]}
#: the fields' metadata; the portal's clock and the like
_BEFORE_THE_LIST = 2


@contextmanager
def _failing(scene: Scene, spared: int, ids: Callable[[], list[int]]) -> Iterator[None]:
    """Put the fault in force after so many requests; see that an error leaves the ids as they are."""
    before = ids()
    try:
        with scene.fault():
            for fault in scene.portal.faults.active():
                fault.after_calls += spared
            yield
    except Exception:
        assert ids() == before, "half of the list is there"
        raise


def _to_file(scene: Scene, spared: int) -> list[int]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.jsonl"
        path.write_text('{"id": 0}\n')

        def ids() -> list[int]:
            assert os.listdir(folder) == [path.name], "remains are there"
            return [json.loads(line)["id"] for line in path.read_text().splitlines()]

        with _failing(scene, spared, ids):
            hurried(Bitrix24ToFileOperator, scene, path=str(path), **_ALL)
        return ids()


def _to_table(scene: Scene, spared: int) -> list[int]:
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/warehouse.db"
        engine = sa.create_engine(url)
        arguments = {"table": "contact", "sql_conn_id": "cell", "mode": "replace", **_ALL}

        def ids() -> list[int]:
            assert sorted(sa.inspect(engine).get_table_names()) == ["bitrix24_loads", "contact"]
            with engine.connect() as connection:
                return list(connection.scalars(sa.text("SELECT id FROM contact ORDER BY id")))

        with patch.dict(os.environ, AIRFLOW_CONN_CELL=url):
            hurried(Bitrix24ToSqlOperator, scene, where={"<=id": scene.contacts[0]}, **arguments)
            with _failing(scene, spared, ids):
                hurried(Bitrix24ToSqlOperator, scene, **arguments)
        found = ids()
        engine.dispose()
        return found


def _are_contacts(scene: Scene, result: Any) -> bool:
    return bool(result == scene.contacts)


def _operations(name: str, title: str, run: Callable[[Scene, int], list[int]]) -> Iterator[Operation]:
    """Yield an operation whose first request meets the fault, and one whose list does."""
    for suffix, spared in (("", 0), ("_later", _BEFORE_THE_LIST)):
        door = functools.partial(run, spared=spared)
        yield Operation(name + suffix, title, "read", door, _are_contacts, in_the_middle=True)


EXTRACTIONS = (
    *_operations("to_file", "extract into a file", _to_file),
    *_operations("to_table", "extract into a table", _to_table),
)
