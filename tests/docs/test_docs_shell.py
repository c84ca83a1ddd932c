"""What the pages tell a reader to type works, and so do the connections they show."""

from __future__ import annotations

import json
import re

import pytest
from doc_blocks import ROOT, of_kind
from doc_commands import carry_out, check_connection, commands, portal_greeting

PORTAL = "python -m airflow_provider_bitrix24.testing"


@pytest.mark.slow
@pytest.mark.parametrize("block", of_kind("shell"), ids=lambda block: block.id)
def test_shell_block(block, monkeypatch, portal):
    found = commands(block.code)
    assert found
    for words in found:
        carry_out(words, monkeypatch, portal)


@pytest.mark.parametrize("block", of_kind("connections"), ids=lambda block: block.id)
def test_file_of_connections(block, monkeypatch, tmp_path):
    from airflow.secrets.local_filesystem import LocalFilesystemBackend

    path = tmp_path / "connections.json"
    path.write_text(block.code)
    backend = LocalFilesystemBackend(connections_file_path=str(path))
    for conn_id in json.loads(block.code):
        found = backend.get_connection(conn_id)
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", found.as_json())
        check_connection(conn_id)


@pytest.mark.parametrize(
    "block", [block for block in of_kind("output") if block.output_of == PORTAL], ids=lambda block: block.id
)
def test_what_the_portal_in_a_box_says(block):
    [command] = [
        words
        for shell in of_kind("shell", block.page)
        for words in commands(shell.code)
        if " ".join(words).startswith(PORTAL)
    ]
    assert portal_greeting(command[len(PORTAL.split()) :]) == block.code


@pytest.mark.parametrize("block", of_kind("image"), ids=lambda block: block.id)
def test_docker_image(block, monkeypatch, portal):
    """The image is of the release that the constraints belong to, and installs what it copied."""
    [base, copy, install] = [line.partition(" ")[2].split() for line in block.code.splitlines()]
    [tag] = re.findall(r"^apache/airflow:([\d.]+)-python(3\.\d+)$", base[0])
    _chown, source, place = copy
    assert (source, install[:3]) == ("airflow-provider-bitrix24", ["pip", "install", "--no-cache-dir"])
    [package, option, constraint] = install[3:]
    assert (package, option) == (place, "--constraint")
    name = constraint.removeprefix(f"{place}/")
    carry_out(["pip", "install", ".", "--constraint", name], monkeypatch, portal)
    pinned = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert f"apache-airflow=={tag[0]}" in pinned
    assert f"Programming Language :: Python :: {tag[1]}" in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("a 'b\nc' d\n", [["a", "b\nc", "d"]]),
        ("a \\\n  b && c # why\n\nd\n", [["a", "b"], ["c"], ["d"]]),
    ],
)
def test_commands_are_told_apart(code, found):
    assert commands(code) == found


@pytest.mark.parametrize(
    "command",
    [
        "make nothing",
        "make bench SIZES=1",
        "pip install . --constraint constraints/airflow-1.0.txt",
        "pip install .[nothing]",
        "airflow dags test",
        "export AIRFLOW__CORE__NOTHING=1",
        "export AIRFLOW_CONN_X=bitrix24://portal.bitrix24.com",
        "export AIRFLOW_CONN_X=bitrix24://1:code@portal.bitrix24.com?plans=x",
        "frobnicate the portal",
    ],
)
def test_what_does_not_work_is_noticed(command, monkeypatch):
    with pytest.raises((Exception, SystemExit)):
        carry_out(command.split(), monkeypatch, None)
