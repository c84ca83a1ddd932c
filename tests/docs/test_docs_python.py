"""Every Python block of the pages runs, against a portal with the demo's contents."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from airflow.sdk import DAG
from doc_blocks import ROOT, of_kind

#: runs in test_examples.py
EXAMPLE = (ROOT / "dags_examples" / "bitrix24_share_comment.py").read_text(encoding="utf-8")
EXAMPLE = EXAMPLE.split("from __future__ import annotations\n\n", 1)[1]

BLOCKS = [block for block in of_kind("python") if block.code != EXAMPLE]


def load(block, folder):
    """Import a block as the file that a reader would make of it."""
    path = folder / f"{re.sub(r'[^A-Za-z0-9]', '_', block.page)}_{block.line}.py"
    path.write_text("\n" * (block.line - 1) + block.code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_success(run):
    failed = [task for task, state in run.states.items() if state != "success"]
    assert failed == [], "".join(run.log(task) for task in failed)[-6000:] or run.states


PAGES = sorted({block.page for block in BLOCKS if "@dag" not in block.code})


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=() if page == "README.md" else pytest.mark.slow) for page in PAGES]
)
def test_blocks_of(page, portal, run_dag, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with DAG(f"docs_{re.sub('[^a-z]', '_', page.lower())}") as dag:
        for block in BLOCKS:
            if block.page == page and "@dag" not in block.code:
                load(block, tmp_path)
    if dag.task_dict:
        assert_success(run_dag(dag))


DAGS = [
    pytest.param(block, id=block.id, marks=pytest.mark.slow if block.page == "docs/cookbook.md" else ())
    for block in BLOCKS
    if "@dag" in block.code
]


def keeps_watermark_of_a_file(block):
    return "Bitrix24ToFileOperator(" in block.code and "incremental=True" in block.code


@pytest.mark.slow
@pytest.mark.parametrize("block", DAGS)
def test_dag(block, portal, run_dag, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = re.search(r"^(\w+)\(\)$", block.code, re.MULTILINE)[1]
    run = run_dag(getattr(load(block, tmp_path), name)())
    if keeps_watermark_of_a_file(block) and not AIRFLOW_V_3_3_PLUS:
        assert "Airflow keeps the state of assets only from 3.3 up. Give 'since' instead" in run.output
        return
    assert_success(run)
    for shown in of_kind("output", block.page):
        if shown.output_of == name:
            for line in shown.code.splitlines():
                assert line in run.output, line


def test_every_output_is_of_what_runs():
    dags = {(block.page, name) for block in BLOCKS for name in re.findall(r"^(\w+)\(\)$", block.code, re.M)}
    portals = "python -m airflow_provider_bitrix24.testing"  # test_docs_shell.py
    known = {*dags, *((block.page, portals) for block in of_kind("shell") if portals in block.code)}
    assert {(block.page, block.output_of) for block in of_kind("output")} <= known


def test_readme_shows_the_first_example():
    assert EXAMPLE in [block.code for block in of_kind("python", "README.md")]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_tests_of_a_project(tmp_path):
    """The files of a project, each saved where its first line says, pass their tests."""
    for block in [*of_kind("tests"), *of_kind("python")]:
        if block.path:
            path = tmp_path / block.path
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.code, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=theirs)
    assert run.returncode == 0, run.stdout + run.stderr
    wanted = sum(block.code.count("\ndef test_") for block in of_kind("tests"))
    assert f"{wanted} passed" in run.stdout
