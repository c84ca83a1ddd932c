"""This package, by its public doors. The connection is in the environment, as Airflow reads it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks import deals as wide
from benchmarks import upserts, work
from benchmarks.work import Portal


def _hook() -> Any:
    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

    return Bitrix24Hook()


def bind(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Bind all records in one call of the hook, without looking at them first."""
    _hook().bind_timeline_records(work.bindings(size), check_record=False)


def bind_10(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Bind all records with fewer requests under way than by default."""
    _hook().bind_timeline_records(work.bindings(size), check_record=False, max_in_flight=10)


def bind_checked(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Bind all records, the existence of each of them checked first."""
    _hook().bind_timeline_records(work.bindings(size), check_record=True)


def singles(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Bind this process's share of the records with one call each."""
    hook = _hook()
    for binding in work.bindings(size)[rank::processes]:
        hook.call(work.BIND, work.bind_fields(binding))


def listings(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read the bindings of all records in one batch call."""
    from airflow_provider_bitrix24.rest.calls import Call

    wanted = work.bindings(size)
    outcomes = _hook().batch([Call(work.LISTING, work.list_filter(binding[0])) for binding in wanted])
    return sum(
        work.is_listed(outcome.unwrap(), binding) for binding, outcome in zip(wanted, outcomes, strict=True)
    )


def comments(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Add the comments."""
    rows = [{"item": ("deal", deal), "comment": text} for deal, text in work.comments(size)]
    _hook().add_timeline_comments(rows)


def upsert(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Upsert the rows."""
    _hook().upsert_crm_items("deal", upserts.rows(size), key=upserts.KEY)


def upsert_same(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Upsert the rows, and count those that the portal holds already."""
    outcomes = _hook().upsert_crm_items("deal", upserts.rows(size), key=upserts.KEY)
    return sum(outcome["STATUS"] == "unchanged" for outcome in outcomes)


def sensors(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Run the sensors' triggers in one event loop, as the triggerer does; all conditions are met already."""
    import asyncio

    from airflow_provider_bitrix24.triggers.timeline import TimelineBindingTrigger

    async def fired(binding: work.Binding) -> bool:
        record, kind, item = binding
        trigger = TimelineBindingTrigger(
            record_id=record,
            entity_type=kind,
            entity_id=item,
            bitrix24_conn_id="bitrix24_default",
            poke_interval=60.0,
        )
        async for event in trigger.run():
            return bool(event.payload["status"] == "met")
        return False

    async def all_of_them() -> int:
        return sum(await asyncio.gather(*(fired(binding) for binding in work.bindings(size))))

    return asyncio.run(all_of_them())


def deals(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read all deals row by row."""
    return _read("deals", size)


def deals_32(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read all deals with more requests under way than by default."""
    return _read("deals_32", size, max_in_flight=32)


def sparse_deals(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read all deals, where every second id is missing, at random."""
    return _read("sparse_deals", size)


def _read(job: str, size: int, **options: Any) -> int:
    """Return how many deals came, none if they came in another order."""
    rows = _hook().records(work.DEALS, {"select": work.SELECT}, **options)
    found = [int(row["ID"]) for row in rows]
    return len(found) if found == work.deal_ids(job, size) else 0


def deals_to_file(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Let the operator write all deals to a file of JSON lines."""
    import json

    from airflow_provider_bitrix24.operators.rest import Bitrix24ListOperator

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deals.jsonl"
        operator = Bitrix24ListOperator(
            task_id="deals", method=work.DEALS, api_params={"select": work.SELECT}, output_path=str(path)
        )
        operator.execute({})
        with path.open(encoding="utf-8") as file:
            return len({int(json.loads(line)["ID"]) for line in file} & set(range(1, size + 1)))


def wide_deals(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read the deals of 40 columns row by row."""
    seen = {row["id"] for row in _hook().records(wide.METHOD, wide.PARAMS)}
    return len(seen & set(range(1, size + 1)))


def wide_deals_to_parquet(portal: Portal, size: int, rank: int, processes: int) -> Callable[[], int]:
    """Let the operator write the deals to a Parquet file."""
    from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator

    folder = Path(os.environ["AIRFLOW_HOME"]) / "lake"
    operator = Bitrix24ToFileOperator(
        task_id="deals", dataset="deal", fields=wide.FIELDS, path=str(folder / "deals.parquet")
    )
    operator.execute({})
    return lambda: wide.in_parquet(str(folder))


def wide_deals_to_sql(portal: Portal, size: int, rank: int, processes: int) -> Callable[[], int]:
    """Let the operator load the deals into PostgreSQL; a later run takes what has changed since."""
    _load("first")
    return lambda: wide.in_table("deal", os.environ["AIRFLOW_CONN_WAREHOUSE"])


before_wide_deals_merged = wide_deals_to_sql


def wide_deals_merged(portal: Portal, size: int, rank: int, processes: int) -> Callable[[], int]:
    """Let the operator read what has changed and merge it."""
    _load("second")
    return lambda: wide.in_table("deal", os.environ["AIRFLOW_CONN_WAREHOUSE"], merged=True)


def wide_deals_by_dlt(portal: Portal, size: int, rank: int, processes: int) -> Callable[[], int]:
    """Let dlt load the deals into DuckDB; a later run takes what has changed since."""
    path = _into_duckdb()
    return lambda: wide.in_duckdb(path)


before_wide_deals_merged_by_dlt = wide_deals_by_dlt


def wide_deals_merged_by_dlt(portal: Portal, size: int, rank: int, processes: int) -> Callable[[], int]:
    """Let dlt read what has changed and merge it."""
    path = _into_duckdb()
    return lambda: wide.in_duckdb(path, merged=True)


def _into_duckdb() -> str:
    from benchmarks.clients import dlt

    dlt.loaded()
    from airflow_provider_bitrix24.dlt_source import bitrix24

    return dlt.into_duckdb(bitrix24("deal", fields={"deal": wide.FIELDS}))


def _load(run_id: str) -> None:
    from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator

    operator = Bitrix24ToSqlOperator(
        task_id="deals",
        dataset="deal",
        fields=wide.FIELDS,
        table="deal",
        sql_conn_id="warehouse",
        incremental=True,
    )
    task = SimpleNamespace(dag_id="benchmarks", task_id="deals", try_number=1, max_tries=0)
    operator.execute({"ti": task, "run_id": run_id})
