"""Sixteen tasks at once, each of which adds comments to its deal and shows them on a contact."""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

TASKS, COMMENTS = 16, 3


@dag(schedule=None, catchup=False, is_paused_upon_creation=False, max_active_tasks=TASKS)
def bitrix24_sixteen():
    @task(retries=0)
    def work(number: int) -> list[int]:
        hook = Bitrix24Hook()
        records = []
        for count in range(COMMENTS):
            fields = {
                "ENTITY_TYPE": "deal",
                "ENTITY_ID": number,
                "COMMENT": f"task {number}, comment {count}",
            }
            records.append(hook.call("crm.timeline.comment.add", {"fields": fields}))
            binding = {"OWNER_ID": records[-1], "ENTITY_TYPE": "contact", "ENTITY_ID": number}
            hook.call("crm.timeline.bindings.bind", {"fields": binding})
        return records

    work.expand(number=list(range(1, TASKS + 1)))


bitrix24_sixteen()
