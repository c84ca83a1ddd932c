"""``make demo``: the story it tells is the portal's, and it ends with what to try next."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "scripts"))
import demo  # noqa: E402


@pytest.fixture
def portal(bitrix24_portal):
    bitrix24_portal.load_demo()
    return bitrix24_portal


def comment(portal, *shared):
    record = portal.add_comment("deal", 5, "Offer sent.")
    for kind, number in shared:
        portal.bind(record, kind, number)
    return record


def test_the_demo_says_where_the_comment_is(portal, capsys):
    record = comment(portal, ("contact", 1), ("company", 2))
    assert demo.report(portal) == 0
    said = capsys.readouterr().out
    assert f"number {record}, and 3 cards show it" in said
    for card in ("deal      5  Loyalty cards", "contact   1  Ada Lindqvist", "company   2  Alder & Sons"):
        assert card in said


def test_a_comment_that_is_not_everywhere_fails_the_demo(portal):
    comment(portal, ("contact", 1))
    assert demo.report(portal) == 1


def test_the_next_steps_are_there():
    steps = re.findall(r"^  (\S+(?: \S+)?)  ", demo.NEXT, re.MULTILINE)
    assert steps[0] == "make demo-ui"
    assert "\ndemo-ui:" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [step for step in steps[1:] if not (ROOT / step).exists()] == []


def test_no_offer_is_sent_on_a_deal_that_is_closed(portal):
    assert portal.items("deal")[5]["CLOSED"] == "N"


@pytest.mark.slow
def test_the_demo_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.getenv("PYTHONPATH")])]))
    monkeypatch.delenv("AIRFLOW_CONN_BITRIX24_DEFAULT", raising=False)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import demo; from pathlib import Path;"
        "demo.HOME = Path(sys.argv[2]); sys.exit(demo.main())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "scripts"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "add_comment\n      Timeline record 7 was added to deal 5." in run.stdout
    assert "make demo-ui" in run.stdout.split("What to try next:")[1]
