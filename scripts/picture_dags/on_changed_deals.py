"""A DAG that starts when deals change, for the picture of a watched asset."""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_bitrix24.assets.bitrix24 import crm_asset

deals = crm_asset("deal", portal="portal.bitrix24.com", watch=True, poke_interval=2)


@dag(schedule=[deals], catchup=False)
def on_changed_deals() -> None:
    """Start when deals change."""

    @task
    def changed() -> None:
        """Stand for what a DAG does with the changes."""

    changed()


on_changed_deals()
