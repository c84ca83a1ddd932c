from __future__ import annotations

import os
import tempfile

import pytest

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


@pytest.mark.parametrize("what", ["a file", "a dangling link", "no folder at all"])
def test_where_no_folder_can_be_used_a_part_of_the_rate_is_kept_to(tmp_path, monkeypatch, caplog, what):
    """A hardened pod has no folder to write to, and that is no reason for a task to fail."""
    home = tmp_path / "home" / what.replace(" ", "_")
    monkeypatch.setenv("AIRFLOW_HOME", str(home / "nowhere"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    private = tmp_path / f"bitrix24-{os.getuid()}"
    if what == "a file":
        private.write_text("")
    elif what == "a dangling link":
        private.symlink_to(tmp_path / "gone")
    else:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    home.parent.mkdir(exist_ok=True)
    home.write_text("")  # so that nothing can be made below it
    ledger = ledger_for("machine")
    waits = [ledger.reserve("portal", Limits()).wait for _ in range(3)]
    assert waits[2] - waits[1] == pytest.approx(2.0, abs=0.1), "a quarter of two a second, and no burst"
    assert sum("cannot be shared" in line for line in caplog.messages) == 1
