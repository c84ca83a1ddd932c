"""Copies of the deals that incremental runs keep up to date: in a table, and in files."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from extracting import Warehouse
from killed_runs import Death, Runs

from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator

Rows = dict[int, dict[str, Any]]


class TableCopy:
    """The deals in a table, or what belongs to them.

    :param runs: execute the operators
    :param warehouse: the table's database
    :param seed: decides which run is of which kind
    :param dataset: what is read
    :param where: a filter
    """

    def __init__(
        self,
        runs: Runs,
        warehouse: Warehouse,
        seed: Any,
        dataset: str = "deal",
        where: Mapping[str, Any] | None = None,
    ) -> None:
        self._runs = runs
        self._warehouse = warehouse
        self._random = random.Random(seed)
        self._given = {"dataset": dataset, "sql_conn_id": "warehouse", "where": where}
        self._sweeps = ("mark", "delete") if dataset == "deal" else (None,)
        self._last: tuple[str, dict[str, Any]] | None = None

    def run(self, number: int, deaths: Sequence[Death]) -> None:
        """Let the next run, or the last one again, bring the copy up to date."""
        if self._last is not None and self._random.random() < 0.1:
            self._runs.run(Bitrix24ToSqlOperator, *self._last, deaths)  # somebody clears it
            return
        arguments: dict[str, Any] = {"incremental": self._random.random() < 0.9}
        arguments["deletions"] = self._random.choice([None, None, None, *self._sweeps])
        self._last = f"run_{number}", self._load(arguments)
        self._runs.run(Bitrix24ToSqlOperator, *self._last, deaths)

    def finish(self, number: int) -> None:
        """Read once more what has changed, and find out what is gone."""
        arguments = self._load({"incremental": True, "deletions": self._sweeps[-1]})
        self._runs.run(Bitrix24ToSqlOperator, f"run_{number}_quiet", arguments)
        tables = self._warehouse.tables()
        assert [name for name in tables if name not in ("bitrix24_loads", "deal", "afresh")] == []

    def _load(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {**self._given, "table": "deal", "max_deleted_share": 0.9, **arguments}

    def rows(self) -> Rows:
        """Return the rows of the copy, but the history of deals that are gone, which nothing tells of."""
        rows, deals = self._rows("deal"), self._runs.portal.items("deal")
        return {
            number: row for number, row in rows.items() if "owner_id" not in row or row["owner_id"] in deals
        }

    def afresh(self, number: int) -> Rows:
        """Read everything, and return the rows as they ought to be."""
        arguments = {**self._given, "table": "afresh", "mode": "replace"}
        self._runs.run(Bitrix24ToSqlOperator, f"run_{number}_afresh", arguments)
        return self._rows("afresh")

    def _rows(self, table: str) -> Rows:
        with self._warehouse.engine.connect() as connection:
            found = connection.exec_driver_sql(f"SELECT * FROM {table}").mappings().all()
        rows = [dict(row) for row in found]
        live = [row for row in rows if row.pop("deleted_at", None) is None]
        assert len({row["id"] for row in rows}) == len(rows), "a row is there twice"
        return {row["id"]: row for row in live}


class FileCopy:
    """The deals in the files of all runs; their reader merges them by id.

    :param runs: execute the operators
    :param folder: of the files
    :param seed: decides which run is of which kind
    :param where: a filter
    """

    def __init__(self, runs: Runs, folder: Path, seed: Any, where: Mapping[str, Any] | None = None) -> None:
        self._runs = runs
        self._folder = folder
        self._random = random.Random(seed)
        self._given = {"dataset": "deal", "where": where}
        self._last: list[tuple[str, dict[str, Any]]] = []

    def run(self, number: int, deaths: Sequence[Death]) -> None:
        """Let the next run, or an earlier one again, write its file."""
        if self._last and self._random.random() < 0.1:
            self._runs.run(Bitrix24ToFileOperator, *self._random.choice(self._last), deaths)
            return
        arguments: dict[str, Any] = {"path": self._path(f"{number:03}")}
        if self._random.random() < 0.9:
            arguments |= {"incremental": True, "asset": "deals"}
        run = f"run_{number}", {**self._given, **arguments}
        self._last = [*self._last[-2:], run]
        self._runs.run(Bitrix24ToFileOperator, *run, deaths)

    def finish(self, number: int) -> None:
        """Read once more what has changed, and then all ids."""
        arguments = {"path": self._path(f"{number:03}_quiet"), "incremental": True, "asset": "deals"}
        self._runs.run(Bitrix24ToFileOperator, f"run_{number}_quiet", {**self._given, **arguments})
        arguments = {"path": str(self._folder / "ids.jsonl"), "fields": ["id"]}
        self._runs.run(Bitrix24ToFileOperator, f"run_{number}_ids", {**self._given, **arguments})
        hidden = [path.name for path in self._folder.iterdir() if path.name.startswith(".")]
        assert [name for name in hidden if "quiet" in name or "ids" in name] == []

    def rows(self) -> Rows:
        """Return the rows of all files, in the order of the runs, but what is gone."""
        merged: Rows = {}
        for path in sorted(self._folder.glob("deals_*.jsonl")):
            merged |= _rows_of(path)
        there = _rows_of(self._folder / "ids.jsonl")
        return {number: row for number, row in merged.items() if number in there}

    def afresh(self, number: int) -> Rows:
        """Read everything, and return the rows as they ought to be."""
        path = self._folder / "afresh.jsonl"
        self._runs.run(Bitrix24ToFileOperator, f"run_{number}_afresh", {**self._given, "path": str(path)})
        return _rows_of(path)

    def _path(self, name: str) -> str:
        return str(self._folder / f"deals_{name}.jsonl")


def _rows_of(path: Path) -> Rows:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


Copy = TableCopy | FileCopy
