"""Install a wheel alone into a fresh environment with one release of Airflow, and use it there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DISTRIBUTION = "airflow-provider-bitrix24"
PACKAGE = "airflow_provider_bitrix24"
#: what of the repository is tried with the wheel: make demo's script runs the first of the examples
BORROWED = ("scripts/demo.py", "scripts/dist_probe.py", "dags_examples")
#: of a log that tells why the example failed
LAST_LINES = 40
#: modules that are named if they cannot be imported; the others fail for the same reason, most likely
NAMED = 10


class TryoutError(Exception):
    """The wheel does not do what it has to; the message says what was seen."""


@dataclass(frozen=True)
class Tryout:
    """What was seen, for the summary."""

    airflow: str
    modules: int
    listed: dict[str, int]
    seconds: dict[str, float]


class Environment:
    """A virtual environment in a folder of its own, and what runs in it.

    :param folder: where it is made
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        inherited = {name: value for name, value in os.environ.items() if _is_harmless(name)}
        self._variables = {**inherited, "AIRFLOW_HOME": str(folder / "airflow")}
        self._variables["PATH"] = os.pathsep.join([str(self.bin), os.environ.get("PATH", "")])

    def run(self, *command: str) -> str:
        """Run a program and return what it prints, or fail with all that it said.

        :param command: the program's path, and its arguments
        """
        run = subprocess.run(
            command, cwd=self.folder, env=self._variables, capture_output=True, text=True, timeout=600
        )
        if run.returncode:
            raise TryoutError(f"{' '.join(command)} ended with {run.returncode}:\n{run.stdout}{run.stderr}")
        return run.stdout

    def python(self, *arguments: str) -> str:
        """Run this environment's Python.

        :param arguments: its arguments
        """
        return self.run(str(self.bin / "python"), *arguments)

    def airflow(self, *arguments: str) -> Any:
        """Run an ``airflow`` command that prints JSON, and return what it tells.

        :param arguments: the command's arguments, without the format
        """
        said = self.run(str(self.bin / "airflow"), *arguments, "--output", "json")
        return json.loads(said[said.index("[") :])


def try_wheel(wheel: Path, constraints: Path, root: Path, folder: Path) -> Tryout:
    """Install a wheel, look at what Airflow makes of it, and run a DAG.

    :param wheel: the wheel
    :param constraints: names and versions that belong to the release of Airflow
    :param root: the repository, from which an example and the demo's script are copied
    :param folder: an empty folder outside of the repository
    :raises TryoutError: if something is not as it has to be
    """
    here = Environment(folder)
    marks = [time.monotonic()]
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    here.python(*install, f"{wheel}[testing]", "--constraint", str(constraints))
    here.python("-m", "pip", "check", "--disable-pip-version-check")
    marks.append(time.monotonic())
    for name in BORROWED:
        source, target = root / name, folder / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    found = json.loads(here.python("-I", "scripts/dist_probe.py").splitlines()[-1])
    providers = here.airflow("providers", "list")
    [shown] = here.airflow("providers", "get", DISTRIBUTION, "--full")
    refuse([*place_findings(found, root), *provider_findings(found, providers, shown)])
    marks.append(time.monotonic())
    run_demo(here)
    marks.append(time.monotonic())
    seconds = {
        what: marks[at + 1] - marks[at]
        for at, what in enumerate(("installed", "looked at", "example DAG run"))
    }
    return Tryout(found["airflow"], found["modules"], counts(found["info"]), seconds)


def run_demo(here: Environment) -> None:
    """Run the example, and if it fails, show the end of its log, which is removed with the folder.

    :param here: where the wheel is installed
    :raises TryoutError: if the example fails
    """
    try:
        here.python("scripts/demo.py")
    except TryoutError as error:
        log = here.folder / ".airflow" / "demo" / "dags-test.log"
        lines = log.read_text(encoding="utf-8").splitlines()[-LAST_LINES:] if log.exists() else []
        raise TryoutError("\n".join([str(error), *lines])) from error


def refuse(findings: Iterable[str]) -> None:
    """Fail with all findings, if there are any.

    :param findings: what is wrong
    :raises TryoutError: if something is
    """
    told = list(findings)
    if told:
        raise TryoutError("\n".join(told))


def place_findings(found: Mapping[str, Any], root: Path) -> list[str]:
    """Return what is wrong with where the package is, and with what came along with it.

    :param found: what the probe tells
    :param root: the repository, of which nothing may be seen
    """
    findings = [
        f"Python's path leads into the repository: {entry}"
        for entry in found["path"]
        if Path(entry).resolve().is_relative_to(root)
    ]
    if not Path(found["imported_from"]).is_relative_to(found["folder"]):
        findings.append(f"{PACKAGE} comes from {found['imported_from']}, not from {found['folder']}")
    wanted = [PACKAGE, f"{PACKAGE}-{found['version']}.dist-info"]
    if found["top_level"] != wanted:
        findings.append(f"the wheel installs {found['top_level']}, not {wanted}")
    failed = [
        f"{name} cannot be imported: {why}"
        for name, why in found["failed"].items()
        if not any(f"[{extra}]" in why for extra in found["extras"])  # it says which extra it needs
    ]
    if len(failed) > NAMED:
        failed[NAMED:] = [f"nor can {len(failed) - NAMED} other modules"]
    return findings + failed


def provider_findings(
    found: Mapping[str, Any], providers: Iterable[Mapping[str, Any]], shown: Mapping[str, Any]
) -> list[str]:
    """Return what of the provider Airflow does not show, or not as the package tells it.

    :param found: what the probe tells
    :param providers: what ``airflow providers list`` prints
    :param shown: what ``airflow providers get`` prints
    """
    listed = {row["package_name"]: row["version"] for row in providers}
    findings = []
    if listed.get(DISTRIBUTION) != found["version"]:
        findings.append(f"airflow providers list shows {DISTRIBUTION} as {listed.get(DISTRIBUTION)}")
    findings += [
        f"airflow providers get shows {name} otherwise than the package tells it"
        for name, value in found["info"].items()
        if name != "description" and as_text(shown.get(name)) != as_text(value)  # shown without its markup
    ]
    return findings + [
        f"Airflow has taken up no {kind} of the package" for kind, names in found["held"].items() if not names
    ]


def as_text(value: Any) -> Any:
    """Return a value of JSON with all that is in it as text: Airflow prints some so.

    :param value: the value
    """
    if isinstance(value, dict):
        return {name: as_text(part) for name, part in value.items()}
    return [as_text(part) for part in value] if isinstance(value, list) else str(value)


def counts(info: Mapping[str, Any]) -> dict[str, int]:
    """Return how many modules, classes or types of each kind a provider tells of, in its words.

    :param info: the provider's info
    """
    kinds = {name: value for name, value in info.items() if isinstance(value, list) and name != "versions"}
    return {
        name: sum(len(entry.get("python-modules", [1])) if isinstance(entry, dict) else 1 for entry in value)
        for name, value in kinds.items()
    }


def _is_harmless(name: str) -> bool:
    """Tell whether a variable may get into the environment: Python's and Airflow's own may not."""
    return not name.startswith(("AIRFLOW_", "PYTHON", "VIRTUAL_ENV", "COVERAGE"))
