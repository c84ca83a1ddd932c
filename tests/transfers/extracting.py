"""Extractions executed on their own, against a portal in a box, and what came of them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from operator_alone import Log, logging_to

from airflow_provider_bitrix24.testing import Bitrix24Portal
from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator

#: one of each kind
DATASETS = [
    *("stages", "statuses", "users", "departments", "currencies", "pipelines"),
    *("deal.fields", "deal.enum_values", "deal.product_rows", "deal.stage_history", "lead.stage_history"),
    *("activity", "contact", "lead", "company"),
]

_RUNS = itertools.count(1)


def fill(portal: Bitrix24Portal) -> None:
    """Put something of each dataset into a portal."""
    portal.load_demo()
    portal.add_user_field("deal", "UF_CRM_SIZE", "enumeration", options=["S", "M"])
    portal.add_product_rows("deal", 1, [{"PRODUCT_NAME": "Cup", "PRICE": 2.5, "QUANTITY": 4}])
    portal.add_department("Sales")


@dataclass
class Task:
    """What an operator sees of the task that runs it, and what it pushed."""

    try_number: int = 1
    max_tries: int = 0
    dag_id: str = "dag"
    task_id: str = "load"
    map_index: int = -1
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep what is pushed."""
        self.pushed[key] = value


def context(run_id: str = "", **more: Any) -> dict[str, Any]:
    """Return the context of a task in a run; without a name in a new one."""
    run_id = run_id or f"run_{next(_RUNS)}"
    run = SimpleNamespace(start_date=datetime.now(UTC), run_id=run_id)
    return {"ti": Task(), "dag_run": run, "run_id": run_id, **more}


def to_file(path: str, **arguments: Any) -> Bitrix24ToFileOperator:
    """Return an operator that writes a file; that of an incremental run comes by template, as it has to."""
    of_run = arguments.get("incremental") is True
    operator = Bitrix24ToFileOperator(task_id="extract", path="{{ path }}" if of_run else path, **arguments)
    operator.path = path
    return operator


class Store:
    """A state store of Airflow's; what is kept goes through JSON."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value."""
        return json.loads(self.kept[key]) if key in self.kept else default

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self.kept[key] = json.dumps(value)


class _ByName(dict[str, Any]):
    """Things of a task's assets, by the assets' names: not all releases hash an asset."""

    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__()
        self._make = make

    def __getitem__(self, asset: Any) -> Any:
        return self.setdefault(asset.name, self._make())


class Lake:
    """Runs that extract into files, with the state that Airflow keeps between them.

    :param folder: where the files are
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asset_stores = _ByName(Store)
        self._run_stores: dict[str, Store] = {}
        #: what the last run logged
        self.log = Log()

    def context(self, run_id: str = "") -> dict[str, Any]:
        """Return the context of a task as Airflow 3.3 has it; a run's state outlives its tries."""
        run_id = run_id or f"run_{next(_RUNS)}"
        return context(
            run_id,
            task_state_store=self._run_stores.setdefault(run_id, Store()),
            asset_state_store=self.asset_stores,
            outlet_events=_ByName(lambda: SimpleNamespace(extra={})),
        )

    def extract(
        self, dataset: str = "deal", name: str = "deal.jsonl", run_id: str = "", **arguments: Any
    ) -> dict[str, Any]:
        """Execute an operator that extracts a dataset into a file of the folder."""
        given = {"path": str(self.folder / name)} | arguments
        operator = to_file(dataset=dataset, **given)
        self.log = Log()
        return logging_to(self.log, operator).execute(self.context(run_id))

    def rows(self, name: str = "deal.jsonl") -> list[dict[str, Any]]:
        """Return the rows of a JSON Lines file of the folder."""
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]


class Warehouse:
    """A database with an Airflow connection ``warehouse``."""

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url)

    def load(
        self, dataset: str = "deal", table: str = "deal", run_id: str = "", **arguments: Any
    ) -> dict[str, Any]:
        """Execute an operator that loads a dataset."""
        operator = Bitrix24ToSqlOperator(
            task_id="load", dataset=dataset, table=table, sql_conn_id="warehouse", **arguments
        )
        return operator.execute(context(run_id))

    def query(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement), values)]

    def tables(self) -> list[str]:
        """Return the names of all tables."""
        return sorted(sa.inspect(self.engine).get_table_names())
