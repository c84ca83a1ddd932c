"""Assets of a portal: one URI for one thing, and a watcher for it."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, Asset
from airflow.serialization.serialized_objects import LazyDeserializedDAG

from airflow_provider_bitrix24.assets.bitrix24 import crm_asset
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.triggers.changes import CrmChangesTrigger

URI = "bitrix24://portal.bitrix24.com/crm/deal"


def test_an_asset_has_one_uri_in_all_spellings():
    for portal in (
        "portal.bitrix24.com",
        " Portal.Bitrix24.COM ",
        "portal.bitrix24.com:443",
        "portal.bitrix24.com.",
    ):
        assert crm_asset("Deal", portal=portal).uri == URI
    for uri in (
        "bitrix24://Portal.Bitrix24.com/CRM/Deal/",
        "BITRIX24://portal.bitrix24.com:443/crm/deal#x",
        URI,
    ):
        assert Asset(uri=uri).uri == URI
    assert (
        crm_asset("dynamic_1042", portal="crm.example.com:8443").uri
        == "bitrix24://crm.example.com:8443/crm/dynamic_1042"
    )
    assert crm_asset("lead", portal="портал.рф").uri == "bitrix24://xn--80awhdgm.xn--p1ai/crm/lead"


@pytest.mark.parametrize(
    "host", ["my_portal.local:8443", "[::1]:8443", "127.0.0.1:8080", "Crm.Example.com:443"]
)
def test_an_asset_goes_by_the_name_that_the_connection_has(host, connection):
    connection({"password": f"https://{host}/rest/1/abcdefgh12345678/", "extra": {}})
    uri = f"bitrix24://{Bitrix24Hook().portal}/crm/deal"
    assert crm_asset("deal", portal=host).uri == uri
    assert Asset(uri=uri).uri == uri


def test_a_port_has_one_spelling():
    assert crm_asset("deal", portal="portal.bitrix24.com:0443").uri == URI
    assert crm_asset("deal", portal="p.com:08443").uri == "bitrix24://p.com:8443/crm/deal"
    for wrong in ("p.com:0", "p.com:65536", "p.com:", "None", "[::1", "[1.2.3.4]"):
        with pytest.raises(InvalidInputError, match=r"^portal: "):
            crm_asset("deal", portal=wrong)


@pytest.mark.parametrize("watch", ["False", "", 0, 1, None])
def test_a_watcher_is_asked_for_with_a_flag(watch):
    with pytest.raises(InvalidInputError, match=r"^watch: .* is neither True nor False$"):
        crm_asset("deal", portal="portal.bitrix24.com", watch=watch)


def test_an_asset_leads_to_the_portals_list():
    asset = crm_asset("deal", portal="portal.bitrix24.com")
    assert asset.extra == {"url": "https://portal.bitrix24.com/crm/deal/list/"}
    assert asset.name == URI
    assert crm_asset("quote", portal="p.bitrix24.com").extra["url"].endswith("/crm/type/7/list/category/0/")


def test_a_portal_that_may_hold_a_secret_is_refused_and_not_shown():
    for wrong in (
        "https://portal.bitrix24.com",
        "portal.bitrix24.com/rest/1/s3cret",
        "1:s3cret@portal.bitrix24.com",
        "s3cret portal",
        "",
        None,
    ):
        with pytest.raises(InvalidInputError, match=r"^portal: ") as caught:
            crm_asset("deal", portal=wrong)
        assert "s3cret" not in str(caught.value)
    for wrong in ("bitrix24://me@portal.bitrix24.com/crm/deal", URI + "?auth=s3cret", "bitrix24:///crm/deal"):
        with pytest.raises(ValueError, match=r"host|query") as caught:
            Asset(uri=wrong)
        assert "s3cret" not in str(caught.value)
    with pytest.raises(InvalidInputError, match=r"^entity_type: "):
        crm_asset("dael", portal="portal.bitrix24.com")


def test_a_watched_asset_starts_a_dag_by_a_trigger_that_airflow_can_keep():
    asset = crm_asset(
        "deal", portal="portal.bitrix24.com", watch=True, poke_interval=30, bitrix24_conn_id="crm"
    )
    [watcher] = asset.watchers
    assert isinstance(watcher.trigger, CrmChangesTrigger)
    with DAG("on_change", schedule=[asset]) as dag:
        pass
    data = LazyDeserializedDAG.from_dag(dag).data
    assert "CrmChangesTrigger" in str(data)
    assert crm_asset("deal", portal="portal.bitrix24.com").watchers == []
