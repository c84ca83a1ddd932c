"""dlt as its documentation recommends for plain dicts: a resource with a primary key that is merged.

It asks no portal. The rows lie in a file of JSON lines, as ``crm.item.list`` gave them, so what is measured
is loading alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import deals as wide
from benchmarks.clients import plain
from benchmarks.work import Portal

DATASET = "bench"


def before_wide_deals_to_parquet(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Write the rows to a file."""
    with _rows_path().open("w", encoding="utf-8") as file:
        for row in plain.wide_rows(portal):
            file.write(json.dumps(row) + "\n")


before_wide_deals_to_sql = before_wide_deals_by_dlt = before_wide_deals_to_parquet


def before_wide_deals_merged(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Write the rows to a file and load all of them once."""
    before_wide_deals_to_sql(portal, size, rank, processes)
    _load(_rows())


def before_wide_deals_merged_by_dlt(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Write the rows to a file and load all of them once."""
    before_wide_deals_to_sql(portal, size, rank, processes)
    into_duckdb(_resource(_rows()))


def wide_deals_to_parquet(portal: Portal, size: int, rank: int, processes: int) -> Callable[[], int]:
    """Write the rows to Parquet files."""
    return to_parquet(_resource(_rows()))


def wide_deals_to_sql(portal: Portal, size: int, rank: int, processes: int) -> Callable[[], int]:
    """Load the rows into PostgreSQL."""
    _load(_rows())
    return lambda: wide.in_table(f"{DATASET}.deal", os.environ["AIRFLOW_CONN_WAREHOUSE"])


def wide_deals_merged(portal: Portal, size: int, rank: int, processes: int) -> Callable[[], int]:
    """Merge the changed rows into PostgreSQL."""
    numbers = wide.changed(size)
    _load(wide.changed_row(row) for row in _rows() if row["id"] in numbers)
    return lambda: wide.in_table(f"{DATASET}.deal", os.environ["AIRFLOW_CONN_WAREHOUSE"], merged=True)


def wide_deals_by_dlt(portal: Portal, size: int, rank: int, processes: int) -> Callable[[], int]:
    """Load the rows into DuckDB."""
    path = into_duckdb(_resource(_rows()))
    return lambda: wide.in_duckdb(path)


def wide_deals_merged_by_dlt(portal: Portal, size: int, rank: int, processes: int) -> Callable[[], int]:
    """Merge the changed rows into DuckDB."""
    numbers = wide.changed(size)
    path = into_duckdb(_resource(wide.changed_row(row) for row in _rows() if row["id"] in numbers))
    return lambda: wide.in_duckdb(path, merged=True)


def into_duckdb(source: Any) -> str:
    """Run a pipeline that loads into a file of DuckDB, and return the file's path."""
    dlt = loaded()
    path = str(_home() / "warehouse.duckdb")
    dlt.pipeline("deals", destination=dlt.destinations.duckdb(path), dataset_name=DATASET).run(source)
    return path


def to_parquet(source: Any) -> Callable[[], int]:
    """Run a pipeline that writes Parquet files, and return what counts the deals in them."""
    dlt = loaded()
    folder = _home() / "lake"
    pipeline = dlt.pipeline(
        "bench", destination=dlt.destinations.filesystem(bucket_url=folder.as_uri()), dataset_name=DATASET
    )
    pipeline.run(source, loader_file_format="parquet")
    return lambda: wide.in_parquet(f"{folder}/{DATASET}/deal")


def loaded() -> Any:
    """Return dlt: it keeps its files in the worker's home, reports to nobody and asks Airflow for nothing."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["PROVIDERS__ENABLE_AIRFLOW_SECRETS"] = "false"  # of hundreds of Variables, one by one
    os.environ["DLT_DATA_DIR"] = str(_home() / "dlt")
    import dlt

    return dlt


def _load(rows: Iterator[dict[str, Any]]) -> None:
    dlt = loaded()
    destination = dlt.destinations.postgres(os.environ["AIRFLOW_CONN_WAREHOUSE"])
    dlt.pipeline("bench", destination=destination, dataset_name=DATASET).run(_resource(rows))


def _resource(rows: Iterator[dict[str, Any]]) -> Any:
    # Lists stay one column, as they do with this package.
    return loaded().resource(
        rows, name="deal", primary_key="id", write_disposition="merge", max_table_nesting=0
    )


def _rows() -> Iterator[dict[str, Any]]:
    import orjson  # which dlt brings and uses

    with _rows_path().open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def _rows_path() -> Path:
    return _home() / "rows.jsonl"


def _home() -> Path:
    return Path(os.environ["AIRFLOW_HOME"])
