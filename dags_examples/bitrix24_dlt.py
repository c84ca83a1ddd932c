"""Every hour: dlt loads what changed in the CRM, and deletes what is gone, in any of its destinations.

Here it is a file of DuckDB. It takes the extras ``[dlt]`` of this package and ``[duckdb]`` of dlt.
"""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory
from typing import Any

from airflow.sdk import Param, dag, task

#: dlt reports nothing, and takes no settings from Airflow's Variables, which would be a request for each
SETTINGS = {"RUNTIME__DLTHUB_TELEMETRY": "false", "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false"}


@dag(
    schedule="@hourly",
    max_active_runs=1,
    catchup=False,
    tags=["bitrix24"],
    params={"database": Param("warehouse.duckdb", type="string", description="path of a file")},
)
def bitrix24_dlt() -> None:
    @task
    def load(params: dict[str, Any] | None = None) -> None:
        os.environ.update(SETTINGS)  # before dlt is imported
        import dlt

        from airflow_provider_bitrix24.dlt_source import bitrix24

        # A folder for each try: what a killed one left is read anew, and never loaded over newer rows.
        with TemporaryDirectory() as folder:
            pipeline = dlt.pipeline(
                "bitrix24",
                destination=dlt.destinations.duckdb((params or {})["database"]),
                dataset_name="crm",
                pipelines_dir=folder,
            )
            pipeline.run(bitrix24(["deal", "contact"], deletions=True))
            pipeline.run(bitrix24(["deal.stage_history", "stages", "users"]))

    load()


bitrix24_dlt()
