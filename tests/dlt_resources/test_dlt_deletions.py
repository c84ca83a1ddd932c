"""What is gone from the portal goes from dlt's destination, too, and nothing else does."""

from __future__ import annotations

import dlt
import pytest
from dlt_pipelines import deals, failed_with, hours_later

from airflow_provider_bitrix24.dlt_source import bitrix24
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, TooManyDeletionsError

pytestmark = pytest.mark.slow


def test_too_many_deletions_load_nothing(crm_portal, crm):
    crm.load()
    hours_later(crm_portal)
    for number in range(1, 31):
        crm_portal.delete_item("deal", number)
    crm_portal.update_item("deal", 40, {"TITLE": "Changed"})
    with failed_with(TooManyDeletionsError, "30 of 120 rows would be deleted"):
        crm.load(deletions=True)
    assert (len(crm.titles()), crm.titles()[40]) == (120, "Deal 40")
    crm.load(deletions=True, max_deleted_share=0.5)
    assert crm.titles() == deals(crm_portal)


def test_what_may_not_be_read_stays(crm_portal, duck):
    duck.load()
    hours_later(crm_portal)
    crm_portal.hide_items("deal", [5])
    crm_portal.delete_item("deal", 6)
    duck.load(deletions=True)
    assert set(duck.titles()) == {number for number in range(1, 121) if number != 6}


def test_a_row_that_is_read_and_then_deleted_is_gone(crm_portal, crm):
    crm.load()
    hours_later(crm_portal)
    crm_portal.update_item("deal", 9, {"TITLE": "Changed"})

    def delete(call):
        if "<=id" in call.params.get("filter", {}) and 9 in crm_portal.items("deal"):
            crm_portal.delete_item("deal", 9)

    end = crm_portal.on_call(delete)
    crm.load(deletions=True)
    end()
    assert 9 not in crm_portal.items("deal")
    assert crm.titles() == deals(crm_portal)


def test_a_destination_that_cannot_delete_is_refused(crm_portal, dlt_folder):
    lake = dlt.destinations.filesystem((dlt_folder / "lake").as_uri())
    pipeline = dlt.pipeline(
        "lake", destination=lake, dataset_name="crm", pipelines_dir=str(dlt_folder / "worker")
    )
    with failed_with(InvalidInputError, "deletions: dlt cannot delete rows of deal"):
        pipeline.run(bitrix24("deal", deletions=True), loader_file_format="parquet")
    for count in (120, 1):
        hours_later(crm_portal)
        pipeline.run(bitrix24("deal"), loader_file_format="parquet")
        assert pipeline.last_trace.last_normalize_info.row_counts["deal"] == count
        crm_portal.update_item("deal", 1, {"TITLE": "Changed"})
