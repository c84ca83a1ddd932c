"""``make dist``: build wheel and sdist into ``dist/``, check them, and try the wheel on both ends of Airflow.

Prints a summary, or all that is wrong. Nothing is uploaded.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from dist_contents import (
    Project,
    private_findings,
    read_project,
    read_sdist,
    read_wheel,
    sdist_findings,
    wheel_findings,
)
from dist_tryout import Tryout, TryoutError, try_wheel

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


def main(ends: list[str]) -> int:
    """Build, check and try, and return the exit status.

    :param ends: releases of Airflow that the wheel is tried with, such as ``3.3``
    """
    began = time.monotonic()
    project = read_project(ROOT)
    print(f"Building {project.settings['name']} {project.version} ...", flush=True)
    shutil.rmtree(DIST, ignore_errors=True)
    wheel, sdist = build(DIST, "--sdist", "--wheel")
    findings = [*content_findings(wheel, sdist, project), *twine_findings(wheel, sdist)]
    findings += repetition_findings(wheel, sdist)
    if findings:
        return refused(findings)
    print(f"Trying the wheel with Airflow {' and '.join(ends)} in fresh environments ...", flush=True)
    with empty_folder() as folder, ThreadPoolExecutor(len(ends)) as pool:
        tried = {end: pool.submit(_tried, wheel, end, folder / end) for end in ends}
        results = {end: future.result() for end, future in tried.items()}
    failed = [f"Airflow {end}: {result}" for end, result in results.items() if isinstance(result, str)]
    if failed:
        return refused(failed)
    succeeded = [result for result in results.values() if isinstance(result, Tryout)]
    print(summary(wheel, sdist, succeeded, changed(ROOT)))
    print(f"\n{time.monotonic() - began:.0f} s in all")
    return 0


def _tried(wheel: Path, end: str, folder: Path) -> Tryout | str:
    folder.mkdir()
    try:
        return try_wheel(wheel, ROOT / "constraints" / f"airflow-{end}.txt", ROOT, folder)
    except (TryoutError, subprocess.SubprocessError) as error:
        return str(error)


def refused(findings: list[str]) -> int:
    """Print what is wrong, and return the exit status.

    :param findings: what is wrong
    """
    print("\nNot fit for a release:")
    for finding in findings:
        print("  - " + finding.replace("\n", "\n    "))
    return 1


@contextmanager
def empty_folder() -> Iterator[Path]:
    """Give a folder outside of the repository, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="bitrix24-dist-", ignore_cleanup_errors=True) as name:
        yield Path(name).resolve()


def build(folder: Path, *kinds: str) -> tuple[Path, Path]:
    """Build both archives with the tools of constraints/dist.txt, and return wheel and sdist.

    :param folder: where they are written
    :param kinds: options of ``build``; without any, the wheel is made of the sdist
    """
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), *kinds, str(ROOT)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"The build failed:\n{run.stdout}{run.stderr}")
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def content_findings(wheel: Path, sdist: Path, project: Project) -> list[str]:
    """Return what is wrong with what is in the archives.

    :param wheel: the wheel
    :param sdist: the sdist
    :param project: what they are made of
    """
    in_wheel, in_sdist = read_wheel(wheel), read_sdist(sdist)
    findings = [*wheel_findings(in_wheel, project), *sdist_findings(in_sdist, project)]
    findings += private_findings(wheel.name, in_wheel, private_words())
    return findings + private_findings(sdist.name, in_sdist, private_words())


def private_words() -> list[str]:
    """Return what would tell of this machine: the repository's path, the user's home, the host."""
    host, home = socket.gethostname(), str(Path.home())
    told = bool({".", "-"} & set(host))  # other hosts have a name that is a word like any other
    return [str(ROOT), *([home] if home != "/" else []), *([host] if told else [])]


def twine_findings(*archives: Path) -> list[str]:
    """Return what an index would refuse: the description has to render, the metadata have to be valid.

    :param archives: wheel and sdist
    """
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, archives)]
    run = subprocess.run(command, capture_output=True, text=True)
    return [f"twine check: {run.stdout}{run.stderr}"] if run.returncode else []


def repetition_findings(wheel: Path, sdist: Path) -> list[str]:
    """Build once more, the wheel from the sdist this time, and return what differs.

    :param wheel: the wheel made of the repository
    :param sdist: the sdist
    """
    with empty_folder() as folder:
        again = build(folder)
        return [
            f"{first.name} is not the same when it is built again (the wheel from the sdist)"
            for first, second in zip((wheel, sdist), again, strict=True)
            if first.read_bytes() != second.read_bytes()
        ]


def changed(root: Path) -> bool:
    """Tell whether the repository has changes that are not committed.

    :param root: the repository
    """
    run = subprocess.run(["git", "-C", str(root), "status", "--porcelain"], capture_output=True, text=True)  # noqa: S607
    return bool(run.stdout.strip())


def summary(wheel: Path, sdist: Path, tried: list[Tryout], has_changes: bool) -> str:
    """Return what was built and what holds of it.

    :param wheel: the wheel
    :param sdist: the sdist
    :param tried: what was seen with each release of Airflow
    :param has_changes: whether the repository differs from its last commit
    """
    lines = [
        "",
        f"  {wheel.relative_to(ROOT)!s:<60} {_size(wheel)}",
        f"  {sdist.relative_to(ROOT)!s:<60} {_size(sdist)}",
        "",
        "  contents      the wheel has every file of the package and nothing else, the sdist what git has",
        "  metadata      as pyproject.toml says; licences, py.typed and entry points are there",
        "  description   renders (twine check --strict), and has no link that leads nowhere",
        "  built again   the wheel of the sdist is the same, byte for byte, and so is the sdist",
        "  privacy       no path and no host of this machine",
    ]
    for one in tried:
        times = ", ".join(f"{what} in {seconds:.0f} s" for what, seconds in one.seconds.items())
        lines.append(
            f"  {'Airflow ' + one.airflow:<13} the wheel alone: {times}; {one.modules} modules import"
        )
    kinds = ", ".join(f"{kind} {number}" for kind, number in tried[-1].listed.items())
    lines.append(f"  provider      airflow providers get shows what the package tells: {kinds}")
    if has_changes:
        lines += ["", "  Changes that are not committed are in it: commit before you release."]
    return "\n".join(lines)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1000:,.0f} kB"


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
