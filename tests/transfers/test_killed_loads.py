"""Loads whose workers are killed: the old state or the new one, and the next run clears up."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from extracting import Warehouse
from killable import Workers
from killed_runs import MODULES, Death, Runs
from postgres_box import new_database

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits
from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator

_DEALS = 250
_FIELDS = ["title", "opportunity", "stage_id", "updated_time"]


@pytest.fixture(scope="module")
def workers():
    found = Workers(*MODULES)
    yield found
    found.close()


@pytest.fixture(scope="module")
def portal():
    with Bitrix24Portal(limits=Limits.off()) as box:
        yield box


class Table:
    """A table that deals are loaded into.

    :param warehouse: its database
    :param arguments: more arguments of the operator
    """

    operator = Bitrix24ToSqlOperator

    def __init__(self, warehouse: Warehouse, **arguments: Any) -> None:
        self._warehouse = warehouse
        self.arguments = {
            "dataset": "deal", "table": "deal", "sql_conn_id": "warehouse", "fields": _FIELDS, **arguments
        }  # fmt: skip

    def state(self) -> tuple[list[Any], int]:
        """Return what everybody sees: the rows, and how many loads are noted."""
        rows = self._warehouse.query("SELECT id, title FROM deal ORDER BY id")
        [(loads,)] = self._warehouse.query("SELECT count(*) FROM bitrix24_loads")
        return rows, loads

    def remains(self) -> list[str]:
        """Return what a killed run left."""
        return [name for name in self._warehouse.tables() if name not in ("bitrix24_loads", "deal")]


class File:
    """A file that deals are written into."""

    operator = Bitrix24ToFileOperator

    def __init__(self, path: Path) -> None:
        self._path = path
        self.arguments = {"dataset": "deal", "path": str(path), "fields": _FIELDS}

    def state(self) -> bytes:
        """Return the file's content."""
        return self._path.read_bytes()

    def remains(self) -> list[str]:
        """Return what a killed run left."""
        return [path.name for path in self._path.parent.iterdir() if path != self._path]


@pytest.fixture
def place_of(request, tmp_path):
    """Return what makes a place for deals, and the variables that its workers need."""
    made = []

    def make(kind: str) -> tuple[Table | File, dict[str, str]]:
        folder = tmp_path / "place"
        folder.mkdir()
        if kind.startswith("deals."):
            return File(folder / kind), {}
        kind, _, mode = kind.partition(" ")
        if kind == "sqlite":
            url = connection = f"sqlite:///{folder}/warehouse.db"
        else:
            address = new_database(request.getfixturevalue("postgres_of_session"))
            url, connection = f"postgresql+psycopg2://{address}", f"postgres://{address}"
        made.append(Warehouse(url))
        return Table(made[0], mode=mode), {"AIRFLOW_CONN_WAREHOUSE": connection}

    yield make
    for warehouse in made:
        warehouse.engine.dispose()


def change(portal: Bitrix24Portal, chance: random.Random) -> None:
    """Change a few deals, add one and delete one."""
    numbers = list(portal.items("deal"))
    for number in chance.sample(numbers, 5):
        portal.update_item("deal", number, {"TITLE": f"Changed {chance.random()}"})
    portal.add_item("deal", {"TITLE": f"New {chance.random()}"})
    portal.delete_item("deal", chance.choice(numbers))


def kill_loads(
    portal: Bitrix24Portal, workers: Workers, folder: Path, place: Table | File, variables: dict[str, str],
    deaths: int, seed: str,
) -> None:  # fmt: skip
    """Kill the loads of changed deals at moments all over, and each time see what is there."""
    chance = random.Random(seed)
    for number in portal.items("deal"):
        portal.delete_item("deal", number)
    portal.add_many("deal", _DEALS, fields=lambda number: {"TITLE": f"Deal {number}"})
    runs = Runs(workers, folder, portal, variables)
    runs.run(place.operator, "first", place.arguments)
    runs.run(place.operator, "second", place.arguments)  # how long it takes when the table is there
    for position in range(deaths):
        before = place.state()
        change(portal, chance)
        seconds = runs.seconds * (position + chance.random()) / deaths
        where = f"seed {seed!r}, killed after {seconds:.3f} s of {runs.seconds:.3f} s"
        ended = runs.attempt(place.operator, f"run_{position}", place.arguments, Death("seconds", seconds))
        left = place.state()
        runs.run(place.operator, f"run_{position}", place.arguments)
        after = place.state()
        assert place.remains() == [], where
        assert contents(after) != contents(before), where
        assert contents(left) in (contents(before), contents(after)), where
        if isinstance(place, Table) and ended is None:
            noted = left[1] - before[1]
            assert noted == (contents(left) == contents(after)), f"{where}: data and watermark disagree"
    assert runs.kills


def contents(state: Any) -> Any:
    """Return a state without the number of loads."""
    return state[0] if isinstance(state, tuple) else state


@pytest.mark.slow
def test_a_killed_load_leaves_the_old_table_or_the_new_one(portal, workers, tmp_path, place_of):
    place, variables = place_of("sqlite replace")
    kill_loads(portal, workers, tmp_path, place, variables, 3, "sqlite")


@pytest.mark.slow
def test_a_killed_extraction_leaves_the_old_file_or_the_new_one(portal, workers, tmp_path, place_of):
    place, variables = place_of("deals.jsonl")
    kill_loads(portal, workers, tmp_path, place, variables, 3, "file")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "kind",
    ["sqlite replace", "sqlite merge", "postgresql replace", "postgresql merge", "deals.jsonl",
     "deals.csv.gz", "deals.parquet"],
)  # fmt: skip
def test_twenty_loads_that_are_killed_leave_the_old_state_or_the_new_one(
    portal, workers, tmp_path, place_of, kind
):
    place, variables = place_of(kind)
    kill_loads(portal, workers, tmp_path, place, variables, 20, kind)
