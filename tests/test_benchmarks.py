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
        "memory_mb": 30.0,
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


def test_a_client_that_failed_before_the_clock_started_is_told():
    from benchmarks.report import table

    text = table(run(result("ours", "i-merge", seconds=0.0, done=0, error="ImportError: no module")))
    assert row(text, "this package")[-1] == "0 of 10,000 done; `ImportError: no module`"


@pytest.mark.parametrize(("seconds", "verdict"), [(82.0, "kept"), (83.0, "**missed**")])
def test_bars_are_judged(seconds, verdict):
    from benchmarks.bars import bars

    assert row(bars([run(result("ours", seconds=seconds))]), "b")[-1] == verdict


def verdicts(text, case):
    return [line.split("|")[-2].strip() for line in text.splitlines() if line.startswith(f"| {case} |")]


def test_bars_of_reading_are_time_requests_and_memory():
    from benchmarks.bars import bars

    reading = run(result("ours", "g", requests=42, memory_mb=61.0), result("fast", "g", seconds=60.0))
    assert verdicts(bars([reading]), "g") == ["kept", "kept", "**missed**"]


def test_bars_of_loading_are_told_from_reading_alone_and_from_dlt():
    from benchmarks.bars import bars

    reading = run(result("ours", "h", seconds=4.0))
    file = run(result("ours", "h-parquet", seconds=6.1, memory_mb=120.4))
    load = run(result("ours", "i", seconds=9.0), result("dlt", "i", seconds=9.0))
    merge = run(result("ours", "i-merge", seconds=3.0), result("dlt", "i-merge", done=1))
    text = bars([reading, file, load, merge])
    assert verdicts(text, "h-parquet") == ["**missed**", "kept"]
    assert verdicts(text, "i") == ["kept", "kept"]
    assert verdicts(text, "i-merge") == ["kept"]  # dlt did not do all of it, so only memory is judged


def test_bars_of_dlt_are_told_from_dlt_with_dicts():
    from benchmarks.bars import bars

    load = run(result("ours", "l", seconds=4.0), result("dlt", "l", seconds=9.0))
    merge = run(result("ours", "l-merge", seconds=4.0), result("dlt", "l-merge", seconds=3.0))
    text = bars([load, merge])
    assert verdicts(text, "l") == ["kept", "kept"]
    assert verdicts(text, "l-merge") == [
        "kept"
    ]  # nothing is read for dlt, which counts where little is merged


def test_cases_of_different_size_are_not_compared():
    from benchmarks.bars import bars

    reading = run(result("ours", "h", seconds=1.0, size=10, done=10))
    assert verdicts(bars([reading, run(result("ours", "h-parquet"))]), "h-parquet") == ["kept"]


def test_bars_of_upserts_are_the_floor_and_the_requests():
    from benchmarks.bars import bars

    new = run(result("ours", "k", seconds=87.0))
    same = run(result("ours", "k-same", requests=30))
    text = bars([new, same])
    assert (verdicts(text, "k"), verdicts(text, "k-same")) == (["**missed**"], ["kept"])


def test_an_upsert_is_whole_only_with_each_key_once_and_its_values():
    from benchmarks import upserts

    right = [upserts.stored(row) for row in upserts.rows(3)]
    assert (upserts.held(right, 3), upserts.surplus([*right, {"ORIGIN_ID": None}], 3)) == (3, 0)
    doubled = [*right, right[0]]
    assert (upserts.held(doubled, 3), upserts.surplus(doubled, 3)) == (2, 1)
    wrong = [{**right[0], "TITLE": "Another"}, *right[1:]]
    assert (upserts.held(wrong, 3), upserts.surplus(wrong, 2)) == (2, 1)


def test_only_rows_whose_keys_are_not_there_are_added():
    from benchmarks import upserts

    [added] = upserts.additions([upserts.stored(row) for row in upserts.rows(2)], 3)
    assert (added["entityTypeId"], added["fields"]["originId"]) == (2, "order-3")


def copied(numbers, **changes):
    from benchmarks import deals

    rows = [deals.fields(number) for number in numbers]
    names = ("TITLE", "OPPORTUNITY", "STAGE_ID", "UF_CRM_SCORE")
    return [
        (number, *({**row, **changes}[name] for name in names))
        for number, row in zip(numbers, rows, strict=True)
    ]


def test_forty_fields_are_read_of_each_deal():
    from benchmarks import deals

    assert len(set(deals.FIELDS)) == len(deals.FIELDS) == 40


def test_a_copy_counts_only_if_each_deal_is_right_and_there_once():
    from benchmarks.deals import right

    assert right(copied([1, 2, 10])) == 3
    with pytest.raises(ValueError, match="deal 2 comes twice"):
        right(copied([1, 2, 2]))
    with pytest.raises(ValueError, match="deal 1 is not as it should be"):
        right(copied([1], TITLE="Deal 7"))


def test_after_a_merge_each_changed_deal_has_to_be_changed():
    from benchmarks.deals import right

    assert right(copied([10, 20], STAGE_ID="WON") + copied([1]), merged=True) == 3
    with pytest.raises(ValueError, match="deal 10 is not as it should be"):
        right(copied([10]), merged=True)
    with pytest.raises(ValueError, match="deal 1 is not as it should be"):
        right(copied([1], STAGE_ID="WON"), merged=True)


def test_the_least_requests_of_a_merge_read_what_has_changed():
    from benchmarks.cases import CASES

    assert (CASES["i"].least_requests, CASES["i-merge"].least_requests) == (40, 4)


def test_what_looks_at_the_result_runs_after_the_clock_and_may_fail():
    from benchmarks.worker import checked

    def wrong():
        raise ValueError("deal 7 comes twice")

    assert checked({"done": 3, "loaded": 0.1})["done"] == 3
    assert checked({"done": lambda: 4, "loaded": 0.1})["done"] == 4
    assert checked({"done": wrong, "loaded": 0.1})["error"] == "ValueError: deal 7 comes twice"


def test_a_case_that_needs_postgresql_is_left_out_without_it(monkeypatch, capsys, tmp_path):
    from benchmarks import __main__ as command

    (tmp_path / "benchmarks.md").write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(command, "programs", lambda: None)
    assert command.main(["i", "--results", str(tmp_path), "--docs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "i is left out: it needs PostgreSQL" in said
    assert "i-merge is left out" in said
    assert not (tmp_path / "i.json").exists()


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
    assert [case.letter for case in chosen(["g"])] == ["g", "g-32", "g-sparse", "g-file"]
    assert [case.letter for case in chosen(["i", "i-merge"])] == ["i", "i-merge"]


@pytest.mark.slow
def test_a_database_is_there_for_one_measurement_only():
    from benchmarks.database import postgres, programs

    psycopg2 = pytest.importorskip("psycopg2")
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres() as address:
        with psycopg2.connect(address) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
        connection.close()
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(address)


@pytest.mark.slow
def test_a_tiny_table_is_read_whole_by_clients_with_and_without_a_connection(tmp_path):
    from benchmarks.cases import CASES
    from benchmarks.measure import measure

    case = CASES["h"].scaled(0.0026)
    ours, plain = measure(case, "ours", (0, 0)), measure(case, "plain", (0, 0))
    assert (ours["done"], ours["error"], plain["done"], plain["error"]) == (260, None, 260, None)
    assert plain["requests"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(("letter", "requests"), [("k", 4), ("k-same", 3)])
def test_a_few_rows_are_upserted_and_the_portal_is_judged(letter, requests):
    from benchmarks.cases import CASES
    from benchmarks.measure import measure

    measured = measure(CASES[letter].scaled(0.002), "ours", (0, 0))
    assert (measured["done"], measured["surplus"], measured["error"]) == (20, 0, None)
    assert measured["requests"] == requests


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
