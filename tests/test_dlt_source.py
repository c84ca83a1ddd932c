"""The source of dlt: what it takes, what it has, and a pipeline with it; more loads are in dlt_resources."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from cases import cases
from dlt_pipelines import deals

from airflow_provider_bitrix24.dlt_source import bitrix24
from airflow_provider_bitrix24.hooks.errors import InvalidInputError

_REFUSED = [
    ({"datasets": []}, "datasets: [] is neither a name nor a list"),
    ({"datasets": None}, "datasets: None is neither"),
    ({"datasets": ["deals"]}, "datasets[0]: 'deals' is not a dataset"),
    ({"datasets": ["deal", "Deal "]}, "datasets[1]: deal is there twice"),
    ({"fields": ["title"]}, "fields: ['title'] is no mapping of datasets"),
    ({"fields": {"contact": ["name"]}}, "fields: 'contact' is none of the datasets deal"),
    ({"where": {"deal": 5}}, "where['deal']: 5 is not a filter"),
    ({"where": {"deal": "None"}}, "where['deal']: 'None' is not JSON"),
    ({"where": {"deal": "[]"}}, "where['deal']: [] is not a filter"),
    ({"fields": {"deal": []}}, "fields: the list is empty"),
    ({"fields": {"deal": 7}}, "fields: 7 is not"),
    ({"fields": {"deal": ["title"], "Deal": ["id"]}}, "fields: deal is there twice"),
    ({"where": {">=opportunity": 1}}, "where: '>=opportunity' is none of the datasets deal"),
    ({"datasets": "stages", "where": {"stages": {"id": 1}}}, "where: stages is always read whole"),
    ({"incremental": 1}, "incremental: 1 is neither True nor False"),
    ({"deletions": "mark"}, "deletions: 'mark' is neither True nor False"),
    ({"since": "2026-05-04"}, "since: '2026-05-04' has no time zone"),
    ({"since": datetime(2026, 5, 4)}, "has no time zone"),
    ({"datasets": "stages", "since": ""}, "since: stages has no date of the last change"),
    ({"overlap": timedelta(-1)}, "overlap: "),
    ({"max_deleted_share": 5}, "max_deleted_share: 5 is not a share"),
    ({"datasets": "deal.stage_history", "deletions": True}, "deletions: the portal cannot be asked"),
    ({"names": "camel"}, "names: 'camel' is none of snake, api"),
    ({"on_bad_value": "skip"}, "on_bad_value: 'skip' is none of fail, null"),
    ({"max_in_flight": 0}, "max_in_flight"),
    ({"bitrix24_conn_id": ""}, "bitrix24_conn_id: '' is not a text"),
]


@cases("arguments, said", _REFUSED)
def test_bad_arguments_are_refused_before_anything_is_sent(arguments, said):
    with pytest.raises(InvalidInputError) as raised:
        bitrix24(**{"datasets": "deal", **arguments})
    assert said in str(raised.value)


def test_a_resource_for_each_dataset():
    source = bitrix24(["deal", "deal.stage_history", "deal.product_rows", "stages", "deal.enum_values"])
    found = {
        name: (resource.write_disposition, resource.compute_table_schema()["columns"])
        for name, resource in source.resources.items()
    }
    assert {name: (disposition, list(columns)) for name, (disposition, columns) in found.items()} == {
        "deal": ("merge", ["id"]),
        "deal_stage_history": ("merge", ["id"]),
        "deal_product_rows": ("replace", ["id"]),
        "stages": ("replace", ["id"]),
        "deal_enum_values": ("replace", ["field", "id"]),
    }
    [key] = bitrix24("activity", names="api").activity.compute_table_schema()["columns"].values()
    assert (key["name"], key["primary_key"]) == ("ID", True)
    assert list(source.with_resources("deal").selected_resources) == ["deal"]


def test_rows_can_be_looked_at_without_a_pipeline(crm_portal, dlt_folder):
    tables = list(bitrix24("deal", fields={"deal": ["title"]}).add_limit(1))
    assert [table.column_names for table in tables] == [["id", "title"]]
    [table] = bitrix24("deal", where={"deal": {"<=id": 7}})
    assert len(table) == 7


def test_what_changed_is_merged_and_what_is_gone_is_deleted(crm_portal, duck):
    def work():
        crm_portal.update_item("deal", 3, {"TITLE": "Changed"})
        crm_portal.delete_item("deal", 5)
        crm_portal.add_item("deal", {"TITLE": "New"})

    source = {"datasets": ["deal", "stages", "contact"], "deletions": True}
    duck.load(**source)
    assert duck.titles() == deals(crm_portal)
    assert duck.query("SELECT count(*) FROM contact") == [(0,)]  # the table is there

    crm_portal.move_clock(7_200)
    work()
    crm_portal.clear_journal()
    duck.load(**source)
    assert duck.titles() == deals(crm_portal)
    assert duck.query("SELECT count(*) FROM deal WHERE _deleted") == [(0,)]
    asked = [call.params for call in crm_portal.calls("crm.item.list") if "title" in call.params["select"]]
    assert [set(params["filter"]) for params in asked] == [{">=updatedTime", "<=id"}, {">id"}]


def test_without_the_extra_the_import_names_it():
    for missing in ("dlt", "pyarrow"):
        code = (
            f"import sys; sys.modules[{missing!r}] = None\n"
            "try:\n    import airflow_provider_bitrix24.dlt_source\n"
            "except ImportError as error:\n    print(error)"
        )
        assert "pip install 'airflow-provider-bitrix24[dlt]'" in _printed(code)


def _printed(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()
