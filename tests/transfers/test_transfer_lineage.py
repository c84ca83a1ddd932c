"""What the transfers tell OpenLineage: source and target, which field comes from which, how many rows."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException
from extracting import context
from lineage_fixtures import completed, failed, started

from airflow_provider_bitrix24.hooks.errors import Bitrix24Error
from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator
from airflow_provider_bitrix24.transfers.bitrix24_to_sql import Bitrix24ToSqlOperator
from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator
from airflow_provider_bitrix24.transfers.query_values import QueryValues
from airflow_provider_bitrix24.transfers.sql.lineage import Database, database_of, queried
from airflow_provider_bitrix24.transfers.sql_to_bitrix24 import SqlToBitrix24Operator

ROWS = 5


@pytest.fixture
def filled(portal):
    portal.load_demo()
    return portal


def extraction(path, **arguments):
    return Bitrix24ToFileOperator(task_id="t", dataset="deal", path=str(path), **arguments)


def sql_load(**arguments):
    return Bitrix24ToSqlOperator(
        task_id="t", dataset="deal", table="deals", sql_conn_id="warehouse", **arguments
    )


def loading(sql, **arguments):
    given = {"operation": "update", "entity_type": "deal", **arguments}
    return SqlToBitrix24Operator(task_id="t", sql=sql, sql_conn_id="warehouse", **given)


def done(operator):
    operator.execute(context())
    return operator


def lost(operator):
    with pytest.raises((Bitrix24Error, AirflowSkipException)):
        operator.execute(context())
    return operator


def types(node):
    return {field.name: field.type for field in node.facets["schema"].fields}


def origins(node):
    fields = node.facets["columnLineage"].fields
    return {name: [(each.name, each.field) for each in found.inputFields] for name, found in fields.items()}


def test_an_extraction_into_a_file(filled, tmp_path):
    path = tmp_path / "a.parquet"
    operator = extraction(path, fields=["title", "observers", "opportunity"])
    assert started(operator) == ({"crm.deal": None}, {str(path): None})
    assert completed(done(operator)) == ({"crm.deal": ROWS}, {str(path): ROWS})
    facets = operator.get_openlineage_facets_on_complete(None)
    [source], [file] = facets.inputs, facets.outputs
    assert source.namespace == f"bitrix24://{filled.url.removeprefix('http://')}"
    assert types(source)["assignedById"] == "user"  # all fields, also those that were not read
    assert types(file) == {
        "id": "integer",
        "title": "text",
        "observers": "array<integer>",
        "opportunity": "decimal(18,2)",
    }
    assert origins(file)["observers"] == [("crm.deal", "observers")]
    assert file.outputFacets["outputStatistics"].size == path.stat().st_size


def test_an_extraction_that_writes_nothing_has_no_output(filled, tmp_path):
    none = {"where": {"title": "none such"}}
    empty = extraction(tmp_path / "a.csv", on_empty="skip", **none)
    assert completed(lost(empty)) == ({"crm.deal": 0}, {})
    assert failed(lost(extraction(tmp_path / "a.csv", on_empty="fail", **none))) == ({"crm.deal": 0}, {})
    written = done(extraction(tmp_path / "a.csv", **none))
    assert completed(written) == ({"crm.deal": 0}, {str(tmp_path / "a.csv"): 0})
    unknown = lost(Bitrix24ToFileOperator(task_id="t", dataset="dynamic_1042", path=str(tmp_path / "b.csv")))
    assert failed(unknown) == ({"crm.dynamic_1042": None}, {})


def test_a_file_in_storage_is_named_without_its_connection(filled):
    for path, namespace, name in (
        ("s3://conn@lake/deals/a.parquet", "s3://lake", "deals/a.parquet"),
        ("gcs://lake/a.parquet", "gs://lake", "a.parquet"),
        ("abfs://conn@container/a.parquet", "abfs://container", "a.parquet"),
    ):
        [file] = extraction(path).get_openlineage_facets_on_start().outputs
        assert (file.namespace, file.name) == (namespace, name)


def test_an_extraction_into_a_table(filled, warehouse):
    operator = done(sql_load(fields=["title", "observers"]))
    [table] = operator.get_openlineage_facets_on_complete(None).outputs
    url = warehouse.engine.url
    is_sqlite = url.get_backend_name() == "sqlite"
    schema = "main" if is_sqlite else f"{url.database}.public"
    assert completed(operator) == ({"crm.deal": ROWS}, {f"{schema}.deals": ROWS})
    assert types(table) == {"id": "integer", "title": "text", "observers": "json"}
    assert origins(table)["title"] == [("crm.deal", "title")]
    place = f"sqlite://{url.database}" if is_sqlite else f"postgres://{url.host}:{url.port}"
    assert table.namespace == place


def test_a_load_that_is_not_committed_has_no_output(filled, warehouse):
    operator = sql_load(fields=["title"], schema_changes="fail")
    done(operator)
    again = lost(sql_load(fields=["title", "observers"], schema_changes="fail"))
    assert failed(again) == ({"crm.deal": 0}, {})


def test_a_load_from_a_query(filled, warehouse, tmp_path):
    done(sql_load(fields=["title"]))
    path = tmp_path / "outcomes.jsonl"
    sql = "SELECT d.id, d.title || '!' AS title FROM deals d WHERE d.id < 3"
    operator = done(loading(sql, outcomes_path=str(path)))
    facets = operator.get_openlineage_facets_on_complete(None)
    [table], [items, _] = facets.inputs, facets.outputs
    assert completed(operator) == ({table.name: 2}, {"crm.deal": 2, str(path): 2})
    assert table.name.endswith(".deals")
    assert origins(items) == {"title": [(table.name, "title")]}
    [written] = sql_load().get_openlineage_facets_on_start().outputs or [table]
    assert (written.namespace, written.name) == (table.namespace, table.name)


def test_rows_that_failed_are_not_counted(filled, warehouse):
    sql = "SELECT 1 AS id, 'New' AS title UNION SELECT 999999, 'New'"
    assert failed(lost(loading(sql))) == ({}, {"crm.deal": 1})
    assert failed(lost(loading("SELECT 1 AS id, 'much' AS opportunity"))) == ({}, {})
    assert failed(lost(loading("SELECT id FROM no_table")))[1] == {}


def test_a_load_from_a_file(filled, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1, "Title": "New", "mine": 7}\n{"id": 2, "Title": "New"}\n')
    operator = FileToBitrix24Operator(
        task_id="t", entity_type="deal", operation="update", path=str(path), pass_through=["mine"]
    )
    assert started(operator) == ({str(path): None}, {"crm.deal": None})
    assert completed(done(operator)) == ({str(path): 2}, {"crm.deal": 2})
    facets = operator.get_openlineage_facets_on_complete(None)
    assert origins(facets.outputs[0]) == {"title": [(str(path), "Title")]}


def test_the_tables_of_a_query_are_found_whatever_its_placeholders():
    postgres = Database("postgres://db:5432", "shop", "public", "postgres")
    sqlite = Database("sqlite:///db", "", "main", "sqlite")
    for database, prefix, conditions in (
        (postgres, "shop.public", ("a = %(a)s", "a = %s", "a = '50%%'", "a ? 'b'")),
        (sqlite, "main", ("a = :a", "a = ?")),
    ):
        for where in conditions:
            found = queried(f"SELECT s.score AS x FROM scores s WHERE {where}", database)
            assert [table.name for table in found.tables] == [f"{prefix}.scores"]
            assert [(each.name, each.field) for each in found.origins["x"]] == [(f"{prefix}.scores", "score")]
    joined = "SELECT s.score AS x FROM scores s JOIN crm.deals d ON d.id = s.id"
    assert sorted(table.name for table in queried(joined, postgres).tables) == [
        *("shop.crm.deals", "shop.public.scores"),
    ]
    part = queried("WITH best AS (SELECT * FROM deals) SELECT id FROM best", sqlite)
    assert part.origins == {}
    assert queried("no query at all", postgres).tables == []


def test_texts_and_addresses_in_a_query_are_no_names():
    postgres = Database("postgres://db:5432", "shop", "public", "postgres")
    sqlite = Database("sqlite:///db", "", "main", "sqlite")
    for database in (postgres, sqlite):
        assert queried("SELECT * FROM 's3://key:s3cret@lake/a.parquet'", database).tables == []
        assert queried("SELECT * FROM 'https://lake/a.csv?sig=s3cret'", database).tables == []
    statement = 'SELECT s.score AS x, "Ada Byron" AS title FROM scores s'
    assert list(queried(statement, sqlite).origins) == ["x"]
    assert sorted(queried('SELECT "score" AS x, a AS y FROM scores', postgres).origins) == ["x", "y"]


def test_a_table_whose_schema_is_not_known_is_not_named():
    assert Database("postgres://db:5432", "shop", "", "postgres").table("deals") is None


def test_a_database_is_named_without_its_password(connection):
    connection("mysql://user:secret@db:3306/shop", "shop")
    connection("postgres://user:secret@db/shop", "shop_pg")
    found = database_of("shop_pg", "public")
    assert (found.namespace, found.table("deals").name) == ("postgres://db:5432", "shop.public.deals")
    assert "secret" not in repr(found)


def test_values_of_a_query_are_hidden_from_openlineage(connection):
    values = {"name": "Ada"}
    operator = loading("SELECT 1", parameters=values)
    assert isinstance(operator.parameters, QueryValues)
    assert operator.parameters == values
    assert operator.parameters.serialize() == values
    with pytest.raises(TypeError):
        json.dumps(operator.parameters)
    late = loading("SELECT 1", parameters={"name": "{{ params.name }}"})
    assert late.parameters == {"name": "{{ params.name }}"}
    prepared = late.prepare_for_execution()
    prepared.parameters = {"name": "like {{ this }}"}  # as Airflow sets what it has rendered
    assert isinstance(prepared.parameters, QueryValues)
    assert QueryValues({"day": object}).serialize().startswith("{'day'")
