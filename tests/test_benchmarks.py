"""The benchmarks' harness: a tiny case of ours runs, and results become tables and a plot."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = "Above.\n\n<!-- results: written by make bench -->\nold\n<!-- end of results -->\n\nBelow.\n"


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def result(client, case="b", **changes):
    whole = {"case": case, "client": client, "seconds": 80.0, "size": 10_000, "done": 10_000, "requests": 200}
    return {
        **whole,
        "refused": 0,
        "portal_cpu": 8.0,
        "surplus": 0,
        "stopped": False,
        "failed": 0,
        "error": None,
        **changes,
    }


def run(*results):
    made = {"command": "make bench", "date": "2026-01-01", "machine": "2 cores", "versions": "Python 3"}
    return {"case": results[0]["case"], "size": results[0]["size"], "results": list(results), **made}


def row(text, name):
    [line] = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_report_replaces_what_is_between_the_markers_only():
    from benchmarks.report import rewritten

    page = rewritten(rewritten(PAGE, [run(result("ours"))]), [run(result("fast"))])
    assert page.startswith("Above.\n")
    assert page.endswith("\nBelow.\n")
    assert "| fast_bitrix24 | 80.00 |" in page
    assert "old" not in page
    assert "| this package |" not in page


def test_ratios_are_to_the_floor_and_to_the_fastest_that_did_everything():
    from benchmarks.report import table

    cheat = result("plain", seconds=1.0, done=9_999)
    text = table(run(result("ours"), result("sdk", seconds=160.0), cheat))
    assert row(text, "this package")[1:4] == ["80.00", "1.07", "1.00"]
    assert row(text, "b24pysdk")[1:4] == ["160.00", "2.13", "2.00"]
    assert row(text, "requests loop")[2:4] == ["-", "-"]
    assert "up to 800% of one processor" in text  # of the one second that the loop took
    assert row(text, "requests loop")[-1] == "9,999 of 10,000 done"


def test_who_breaks_off_is_refused_or_stopped_is_told_with_what_was_done():
    from benchmarks.report import outcome

    broken = result("fast", done=7, failed=2, error="RuntimeError: a|b")
    assert outcome(broken) == "7 of 10,000 done; 2 processes broke off: `RuntimeError: a/b`"
    assert outcome(result("plain", done=400, stopped=True)) == "stopped after 80 s, 400 of 10,000 done"
    assert outcome(result("ours", surplus=3)) == "10,000 of 10,000 done; 3 not wanted"
    assert outcome(result("ours")) == "complete"


@pytest.mark.parametrize(("seconds", "verdict"), [(82.0, "kept"), (83.0, "**missed**")])
def test_bars_are_judged(seconds, verdict):
    from benchmarks.report import bars

    assert row(bars([run(result("ours", seconds=seconds))]), "b")[-1] == verdict


def test_plot_is_an_svg_with_a_bar_for_each_client():
    from xml.etree import ElementTree

    from benchmarks.plot import svg

    root = ElementTree.fromstring(svg([run(result("ours"), result("sdk", done=1))]))
    assert root.tag.endswith("svg")
    bars = [element for element in root if element.get("fill-opacity")]
    assert [bar.get("fill-opacity") for bar in bars] == ["1", "0.35"]


def test_an_unknown_case_is_refused():
    from benchmarks.cases import chosen

    with pytest.raises(ValueError, match="'z' is no case"):
        chosen(["z"])
    assert [case.letter for case in chosen(["g"])] == ["g", "g-file"]


@pytest.mark.slow
def test_a_tiny_case_runs_from_portal_to_report(tmp_path):
    (tmp_path / "benchmarks.md").write_text(PAGE, encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks", "a-checked", "--size", "0.006", "--clients", "ours"]
    places = ["--results", str(tmp_path), "--docs", str(tmp_path), "--request-delay", "0"]
    done = subprocess.run([*command, *places], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [measured] = json.loads((tmp_path / "a-checked.json").read_text(encoding="utf-8"))["results"]
    assert (measured["size"], measured["done"], measured["surplus"]) == (6, 6, 0)
    assert (measured["refused"], measured["error"]) == (0, None)
    assert measured["requests"] >= 2
    assert "6 bindings, checked first" in (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert (tmp_path / "benchmarks.svg").exists()
