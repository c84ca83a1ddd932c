"""Runs when deals change, and returns which ones."""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_bitrix24.assets.bitrix24 import crm_asset

deals = crm_asset("deal", portal="portal.bitrix24.com", watch=True, poke_interval=1)


@dag(schedule=[deals], catchup=False, is_paused_upon_creation=False)
def bitrix24_watched():
    @task
    def changed(triggering_asset_events=None):
        [events] = triggering_asset_events.values()
        return [number for event in events for number in event.extra["payload"]["ids"]]

    changed()


bitrix24_watched()
