"""An asset, and the dataset that operators report, are one node of OpenLineage's."""

from __future__ import annotations

from airflow.providers.openlineage.utils.utils import translate_airflow_asset
from airflow.sdk import Asset

from airflow_provider_bitrix24 import get_provider_info
from airflow_provider_bitrix24.assets.bitrix24 import crm_asset
from airflow_provider_bitrix24.assets.files import asset_of_path
from airflow_provider_bitrix24.crm.lineage import asset_uri, dataset_name, portal_node


def test_airflow_is_told_who_converts_assets():
    [uris] = get_provider_info()["asset-uris"]
    assert uris["to_openlineage_converter"].endswith(".convert_asset_to_openlineage")


def test_an_asset_becomes_the_dataset_of_the_same_name():
    for portal in ("portal.bitrix24.com", "portal.local:8443"):
        for asset in (
            crm_asset("deal", portal=portal),
            crm_asset("deal", portal=portal, name="deals", watch=True),
            Asset(uri=asset_uri(portal, dataset_name("deal"))),
        ):
            found = translate_airflow_asset(asset, None)
            node = portal_node(portal, dataset_name("deal"))
            assert (found.namespace, found.name) == (node.namespace, node.name)
    history = translate_airflow_asset(Asset(uri="bitrix24://Portal.local/crm/deal/stage_history/"), None)
    assert (history.namespace, history.name) == ("bitrix24://portal.local", "crm.deal.stage_history")


def test_a_path_is_an_asset_where_it_is_known(tmp_path):
    assert asset_of_path(tmp_path / "a.jsonl").uri == (tmp_path / "a.jsonl").as_uri()
    for path, uri in (
        ("s3://conn@lake/deals/a.parquet", "s3://lake/deals/a.parquet"),
        ("s3://key:a/secret@lake/a.parquet", "s3://lake/a.parquet"),
        ("s3://lake/me@example.com/a.parquet", "s3://lake/me@example.com/a.parquet"),
        ("s3://conn@lake/me@example.com.parquet", "s3://lake/me@example.com.parquet"),
        ("webhdfs://host:9870/me@example.com.csv", "webhdfs://host:9870/me@example.com.csv"),
        (f"file://{tmp_path}/me@example.com.csv", f"file://{tmp_path}/me@example.com.csv"),
    ):
        assert asset_of_path(path).uri == uri
    assert asset_of_path("s3://conn@lake/deals/a.parquet").uri == "s3://lake/deals/a.parquet"
    for path in ("lake/mail@crm.com/a@b.csv", "host:9000/a@b.csv"):
        for user in ("", "conn@"):
            assert asset_of_path(f"s3://{user}{path}").uri == Asset(uri=f"s3://{path}").uri
    for secret in ("key:s3cret", "key:s3/cret", ":s3cret"):
        assert asset_of_path(f"s3://{secret}@lake/a.csv").uri == "s3://lake/a.csv"
    assert asset_of_path("deals/{{ ds }}.parquet") is None
    assert asset_of_path(None) is None
