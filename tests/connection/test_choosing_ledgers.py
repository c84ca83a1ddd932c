from __future__ import annotations

import os
import tempfile

from airflow_provider_bitrix24.connection.ledgers import ledger_for
from airflow_provider_bitrix24.rest.ledgers.machine import MachineLedger
from airflow_provider_bitrix24.rest.ledgers.process import PROCESS_LEDGER, ProcessLedger
from airflow_provider_bitrix24.rest.pacing import Limits


def test_what_is_shared_with_whom():
    assert isinstance(ledger_for("machine"), MachineLedger)
    assert ledger_for("machine") is ledger_for("machine")
    assert ledger_for("process") is PROCESS_LEDGER
    alone = ledger_for("off")
    assert isinstance(alone, ProcessLedger)
    assert alone is not ledger_for("off")


def test_a_machines_ledger_is_kept_in_airflows_home(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    ledger_for("machine").reserve("portal", Limits())
    assert list((tmp_path / "bitrix24").iterdir())


def test_where_there_is_no_home_it_is_kept_in_a_private_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ledger_for("machine").reserve("portal", Limits())
    folder = tmp_path / f"bitrix24-{os.getuid()}"
    assert list(folder.iterdir())
    assert folder.stat().st_mode & 0o077 == 0
