"""Contacts of a CSV file go into the CRM: new ones are created, those that are there are changed.

The file comes from a shop, which names each customer by a number. The CRM keeps it in ``origin_id``, and
whose number it is in ``originator_id``. So the same file can be loaded again, and creates nobody twice::

    originator_id,origin_id,name,last_name,phone,email
    shop,1001,Ada,Lindqvist,+46 8 5550100,ada@example.com

What became of each row stands in a file of its own, which the next task reads.
"""

from __future__ import annotations

import csv
from collections import Counter
from typing import Any

from airflow.sdk import ObjectStoragePath, Param, dag, task

from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator


@dag(
    schedule=None,
    max_active_runs=1,
    catchup=False,
    tags=["bitrix24"],
    params={"folder": Param("lake", type="string", description="a folder, or s3://conn@bucket")},
)
def bitrix24_contacts_from_csv() -> None:
    load = FileToBitrix24Operator(
        task_id="load",
        entity_type="contact",
        operation="upsert",
        key=["originator_id", "origin_id"],
        path="{{ params.folder }}/contacts.csv",
        # An empty cell says nothing about the contact: what the CRM knows stays.
        nulls="keep",
        fail_on="all",
        outcomes_path="{{ params.folder }}/outcomes-{{ dag_run.run_after | ts_nodash }}.csv",
    )

    @task
    def summary(result: Any) -> dict[str, Any]:
        with ObjectStoragePath(result["outcomes_path"]).open("rt", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {
            # The ids of new contacts, which a warehouse may want to know.
            "new": {row["key"]: int(row["entity_id"]) for row in rows if row["status"] == "created"},
            "errors": Counter(row["error"] for row in rows if row["status"] == "failed"),
        }

    summary(load.output)


bitrix24_contacts_from_csv()
