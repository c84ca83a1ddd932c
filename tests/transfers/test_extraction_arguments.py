"""Arguments of extractions that arrive late: by template, from other tasks, in mapped tasks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import DAG, Asset
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from extracting import Lake, context, to_file

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator
from airflow_provider_bitrix24.triggers.limit import LimitTrigger

OPERATORS = {
    Bitrix24ToFileOperator: {"path": "/data/deals.jsonl"},
    Bitrix24ToSqlOperator: {"table": "deal", "sql_conn_id": "warehouse"},
}


def mapped(cls, number=0, **arguments):
    """Return one of the operators that a mapped one becomes when it runs."""
    with DAG("mapped"):
        many = cls.partial(task_id="t").expand_kwargs([{"dataset": "deal", **OPERATORS[cls]}])
    return many.unmap({"dataset": "deal", **OPERATORS[cls], **arguments})


@pytest.mark.parametrize("cls", OPERATORS)
def test_a_mapped_task_leaves_optional_arguments_out(portal, warehouse_of_sqlite, tmp_path, cls):
    portal.add_many("deal", 3, fields={"TITLE": "Deal"})
    operator = mapped(cls)
    if cls is Bitrix24ToFileOperator:
        operator.path = str(tmp_path / "a.jsonl")
    assert operator.execute(context())["rows"] == 3


@pytest.mark.parametrize("cls", OPERATORS)
@pytest.mark.parametrize("name", ["fields", "where", "since"])
def test_a_mapped_task_refuses_nothing_in_place_of_an_argument(portal, warehouse_of_sqlite, cls, name):
    with pytest.raises(InvalidInputError, match=rf"^{name}: .*None") as caught:
        mapped(cls, **{name: None}).execute(context())
    assert caught.value.remedy
    assert not portal.calls("crm.item.list")


def test_a_mapped_task_refuses_nothing_in_place_of_a_schema(portal, warehouse_of_sqlite):
    with pytest.raises(InvalidInputError, match=r"^schema: .*None"):
        mapped(Bitrix24ToSqlOperator, schema=None).execute(context())


@pytest.fixture
def warehouse_of_sqlite(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite:///{tmp_path}/warehouse.db")


#: a value of each argument that is a template field
TEMPLATED = {
    "dataset": "deal",
    "fields": ["title", "opportunity"],
    "where": {">opportunity": 1},
    "since": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
    "bitrix24_conn_id": "bitrix24_default",
}


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
@pytest.mark.parametrize("cls", OPERATORS)
def test_every_template_field_takes_a_template(portal, warehouse_of_sqlite, tmp_path, cls, native):
    portal.add_many("deal", 3, fields=lambda number: {"TITLE": "Deal", "OPPORTUNITY": number})
    values = TEMPLATED | {"path": f"{tmp_path}/a.jsonl", "table": "deal", "sql_conn_id": "warehouse"}
    values = {name: value for name, value in values.items() if name in cls.template_fields}
    assert set(cls.template_fields) - set(values) <= {"schema"}
    plain = " | tojson" if not native else ""
    templates = {
        name: f"{{{{ values.{name}{plain if not isinstance(value, str) else ''} }}}}"
        for name, value in values.items()
    }
    with DAG("templates", render_template_as_native_obj=native):
        operator = cls(task_id="t", **templates)
    given = context()
    operator.render_template_fields({**given, "values": values})
    assert operator.execute(given)["rows"] == 2


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
def test_parts_of_a_filter_take_templates(portal, tmp_path, native):
    portal.add_many("deal", 3, fields=lambda number: {"TITLE": str(number), "OPPORTUNITY": number})
    with DAG("parts", render_template_as_native_obj=native):
        operator = Bitrix24ToFileOperator(
            task_id="t",
            dataset="deal",
            path=f"{tmp_path}/{{{{ name }}}}.jsonl",
            where={">=opportunity": "{{ least }}", "@title": ["{{ least }}", "3"]},
            fields=["{{ field }}"],
        )
    given = context()
    operator.render_template_fields({**given, "name": "a", "least": 2, "field": "title"})
    assert operator.execute(given)["rows"] == 2


def test_a_template_that_renders_to_nothing_reads_everything_where_the_dag_file_says_so(portal, tmp_path):
    portal.add_many("deal", 3, fields={"TITLE": "Deal"})
    for native in (False, True):
        with DAG("since", render_template_as_native_obj=native):
            operator = Bitrix24ToFileOperator(
                task_id="t", dataset="deal", path=f"{tmp_path}/a.jsonl", since="{{ last or '' }}"
            )
        given = context()
        operator.render_template_fields({**given, "last": None})
        assert operator.execute(given)["rows"] == 3


def test_default_args_reach_an_extraction():
    with DAG("defaults", default_args={"names": "api", "on_empty": "skip", "bitrix24_conn_id": "other"}):
        operator = Bitrix24ToFileOperator(task_id="t", dataset="deal", path="/data/deals.jsonl")
    assert (operator.names, operator.on_empty, operator.bitrix24_conn_id) == ("api", "skip", "other")


def test_a_dag_of_extractions_is_serialized_with_its_assets():
    with DAG("serialized") as dag:
        Bitrix24ToFileOperator(
            task_id="file",
            dataset="deal",
            path="/data/{{ ds }}.jsonl",
            where={">=opportunity": 1},
            overlap=timedelta(minutes=5),
            incremental=True,
            asset=Asset("deals"),
        )
        Bitrix24ToSqlOperator(task_id="sql", dataset="deal", **OPERATORS[Bitrix24ToSqlOperator])
        Bitrix24ToFileOperator.partial(task_id="many", path="/data/{{ ds }}.csv").expand(dataset=["deal"])
    again = LazyDeserializedDAG.from_dag(dag)._real_dag
    assert again.get_task("file").where == {">=opportunity": 1}
    assert [outlet.name for outlet in again.get_task("file").outlets] == ["deals"]


# --- a limit of the portal ---


def test_a_long_wait_frees_the_worker_and_reads_everything_anew(portal, tmp_path, monkeypatch):
    def connect(pacing):
        monkeypatch.setenv("AIRFLOW_CONN_BITRIX24_DEFAULT", json.dumps(portal.connection(pacing=pacing)))

    connect("process")
    portal.add_many("deal", 120, fields={"TITLE": "Deal"})
    lake = Lake(tmp_path)
    lake.extract()
    before = (tmp_path / "deal.jsonl").read_bytes()
    portal.add_many("deal", 5, fields={"TITLE": "Deal"})
    portal.inject(
        "error", "crm.item.list", code="OPERATION_TIME_LIMIT", status=429, times=None, after_calls=4
    )
    given = {"dataset": "deal", "path": f"{tmp_path}/deal.jsonl", "asset": Asset("deals")}
    given |= {"incremental": True, "deferrable": True, "max_wait_in_worker": 0}
    with pytest.raises(TaskDeferred) as caught:
        to_file(**given).execute(lake.context("monday"))
    assert isinstance(caught.value.trigger, LimitTrigger)
    assert caught.value.method_name == "resume"
    assert (tmp_path / "deal.jsonl").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["deal.jsonl"]
    portal.faults.clear()
    connect("machine")
    resumed = to_file(**given)
    assert resumed.resume(lake.context("monday"), None, **caught.value.kwargs)["rows"] == 125
