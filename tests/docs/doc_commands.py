"""Carrying out what the pages tell a reader to type: as far as it can be done without a network."""

from __future__ import annotations

import argparse
import contextlib
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import requests
from doc_blocks import ROOT

from airflow_provider_bitrix24 import portal_check
from airflow_provider_bitrix24.connection.parsing import parse_connection
from airflow_provider_bitrix24.connection.redis import redis_server
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.transfers.sql.engines import query_engine_of

#: these set the scene
_SCENE = {"cd", "mkdir", ".", "python3 -m venv", "python -m pytest"}
_VARIABLES = {"AIRFLOW_HOME", "REPOSITORY"}


def commands(code: str) -> list[list[str]]:
    """Return the commands of a block of shell, each as its words."""
    found, text = [], ""
    for line in code.split("\n"):
        text += line + "\n"
        if text.endswith("\\\n"):
            continue
        with contextlib.suppress(ValueError):  # a quotation goes on
            found.append(shlex.split(text.replace("\\\n", " "), comments=True))
            text = ""
    assert not text, f"a quotation does not end: {text}"
    return [part for words in found for part in _parts(words) if part]


def _parts(words: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word == "&&":
            yield part
            part = []
        else:
            part.append(word)
    yield part


def carry_out(words: list[str], monkeypatch: pytest.MonkeyPatch, portal: Any) -> None:
    """Do what a command does, or fail."""
    text = " ".join(words)
    for name, action in _ACTIONS.items():
        if text == name or text.startswith(f"{name} "):
            action(words[len(name.split()) :], monkeypatch, portal)
            return
    assert any(text.startswith(f"{name} ") for name in _SCENE), f"nothing here can do {text!r}"


def _export(words: list[str], monkeypatch: pytest.MonkeyPatch, portal: Any) -> None:
    for word in words:
        name, _, value = word.partition("=")
        if name not in _VARIABLES:
            monkeypatch.setenv(name, value)
        if name.startswith("AIRFLOW_CONN_"):
            check_connection(name.removeprefix("AIRFLOW_CONN_").lower())
        elif name.startswith("AIRFLOW__"):
            _check_setting(*name.removeprefix("AIRFLOW__").lower().split("__"))
        else:
            assert name in _VARIABLES, name


def check_connection(conn_id: str) -> None:
    """Let Airflow read a connection, and this package take it."""
    connection = Bitrix24Hook.get_connection(conn_id)
    if connection.conn_type == "redis":
        redis_server(conn_id)
    elif connection.conn_type in ("postgres", "sqlite"):
        query_engine_of(conn_id).dispose()
    else:
        assert connection.conn_type == "bitrix24"
        assert parse_connection(connection).credentials.portal


def _check_setting(section: str, key: str) -> None:
    from airflow.configuration import conf
    from airflow.providers_manager import ProvidersManager

    described = dict(conf.configuration_description)
    for _provider, configuration in ProvidersManager().provider_configs:
        described |= configuration
    known = described[section]["options"]
    assert key in known, f"Airflow has no setting [{section}] {key}"


def _make(words: list[str], *_: Any) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        name, given, _value = word.partition("=")
        pattern = rf"\$\({name}\)|\$\(or \$\({name}\)" if given else rf"^{name}:.*## "
        assert re.search(pattern, makefile, re.MULTILINE), f"make knows no {name}"


def _pip(words: list[str], *_: Any) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("requirements", nargs="+")
    parser.add_argument("--constraint", default="pyproject.toml")
    given = parser.parse_args(words)
    constraints = (ROOT / given.constraint.removeprefix("$REPOSITORY/")).read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for each in given.requirements:
        found = re.fullmatch(r"(\.|\$REPOSITORY|[\w-]+)(?:\[([\w,]+)\])?", each)
        assert found, each
        if found[1] in (".", "$REPOSITORY"):
            assert set((found[2] or "testing").split(",")) <= set(extras)
        else:
            assert f"\n{found[1]}==" in constraints, f"{found[1]} has no version there"


def _curl(words: list[str], monkeypatch: pytest.MonkeyPatch, portal: Any) -> None:
    """Exchange a code for tokens: the values are the portal's, the rest is as the page says."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("url")
    parser.add_argument("--data", action="append")
    given = parser.parse_args(words)
    path = re.fullmatch(r"https://oauth\.bitrix\.info(/oauth/token/)", given.url)
    assert path, given.url
    data = dict(pair.split("=", 1) for pair in given.data)
    ours = {"client_id": portal.client_id, "client_secret": portal.client_secret, "code": portal.authorize()}
    assert set(ours) < set(data)
    answer = requests.post(portal.url + path[1], data=data | ours, timeout=30).json()
    assert {"access_token", "refresh_token"} <= set(answer), answer


def _airflow(words: list[str], monkeypatch: pytest.MonkeyPatch, portal: Any) -> None:
    from airflow.models import Connection

    given = _airflow_parser().parse_args(words)
    if words[:2] == ["connections", "add"]:
        added = Connection(
            conn_id=given.conn_id,
            conn_type=given.conn_type,
            host=given.conn_host,
            login=given.conn_login,
            password=given.conn_password,
        )
        assert parse_connection(added).credentials.portal


@cache
def _airflow_parser() -> argparse.ArgumentParser:
    from airflow.cli.cli_parser import get_parser

    parser: argparse.ArgumentParser = get_parser()
    return parser


def _portal(words: list[str], *_: Any) -> None:
    assert portal_greeting(words)


def portal_greeting(words: list[str]) -> str:
    """Run the portal in a box on another port, and return what it says, told of the port asked for."""
    port = words[words.index("--port") + 1]
    command = [sys.executable, "-u", "-m", "airflow_provider_bitrix24.testing"]
    command += ["0" if word == port else word for word in words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        said = ""
        for line in run.stdout:
            said += line
            if "Stop with" in line:
                break
        run.terminate()
    found = re.search(r"address +http://127\.0\.0\.1:(\d+)", said)
    return said.replace(found[1], port) if found else ""


def _portal_check(words: list[str], monkeypatch: pytest.MonkeyPatch, portal: Any) -> None:
    assert portal_check.main(words) == 0


_ACTIONS: dict[str, Callable[[list[str], pytest.MonkeyPatch, Any], None]] = {
    "export": _export,
    "make": _make,
    "python -m airflow_provider_bitrix24.portal_check": _portal_check,
    "pip install": _pip,
    "curl": _curl,
    "python -m airflow_provider_bitrix24.testing": _portal,
    "airflow": _airflow,
}
