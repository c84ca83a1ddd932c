"""No secret of the CRM gets into what dlt keeps, writes or loads."""

from __future__ import annotations

import json
import logging

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt_pipelines import Crm

from airflow_provider_bitrix24.dlt_source import bitrix24
from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

pytestmark = pytest.mark.slow


def test_no_secret_leaves_the_connection(dlt_folder, monkeypatch, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("dlt").setLevel(logging.DEBUG)
    code, customer = "c0de4canary77", "Canary Customer"
    with Bitrix24Portal(limits=Limits.off(), code=code) as portal:
        portal.add_item("deal", {"TITLE": customer})
        monkeypatch.setenv("AIRFLOW_CONN_BITRIX24_DEFAULT", json.dumps(portal.connection()))
        crm = Crm(dlt_folder, str(dlt_folder / "warehouse.duckdb"))
        crm.load(["deal", "stages"], deletions=True)
        crm.pipeline.extract(bitrix24("deal"))  # what waits in the folder is looked at, too
        portal.inject("error", "crm.item.fields", status=401, code="ACCESS_DENIED")
        waiting = {str(path): _text(path) for path in dlt_folder.rglob("*.parquet")}
        pipeline = crm.pipeline
        pipeline.abort_packages()
        with pytest.raises(PipelineStepFailed) as raised:
            pipeline.run(bitrix24("deal"))
        told = str(pipeline.last_trace.asdict())
        kept = [json.dumps(pipeline.state, default=str), pipeline.default_schema.to_pretty_yaml()]
        tables = [name for (name,) in crm.query("SELECT table_name FROM information_schema.tables")]
        rows = {f"table {name}": str(crm.query(f"SELECT * FROM crm.{name}")) for name in tables}
    out, err = capfd.readouterr()
    texts = {
        "log": caplog.text,
        "output": out + err,
        "error": str(raised.value),
        "trace": told,
        "kept": " ".join(kept),
        **rows,
        **waiting,
        **{str(path): _text(path) for path in dlt_folder.rglob("*") if path.is_file()},
    }
    assert customer in texts["table deal"]
    assert len(texts) > 10
    assert [name for name, text in texts.items() if code in text] == []
    spoken = ("log", "output", "error", "trace", "kept")
    assert [name for name in spoken if customer in texts[name]] == []


def _text(path):
    return path.read_bytes().decode("latin-1")
