"""What has to be in the wheel and in the sdist, and nothing besides: findings, one line each.

Nothing is built or installed here. A file is its name in the archive and its bytes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.metadata import parse_email
from packaging.requirements import Requirement

Files = Mapping[str, bytes]

#: what Python's installers want beside the package; the licences are added to it
DIST_INFO = {"METADATA", "RECORD", "WHEEL", "entry_points.txt"}
#: a picture, or a link that leads to a file instead of an address
RELATIVE = re.compile(r"!\[[^\]]*\]\([^)]*\)|\]\((?!https?://|#)[^)]*\)")


@dataclass(frozen=True)
class Project:
    """What is to be released.

    :param files: all files of the repository
    """

    files: Files

    @property
    def settings(self) -> dict[str, Any]:
        """The table ``project`` of pyproject.toml."""
        found: dict[str, Any] = tomllib.loads(self.files["pyproject.toml"].decode())["project"]
        return found

    @property
    def package(self) -> str:
        """The folder that Python imports."""
        return str(self.settings["name"]).replace("-", "_")

    @property
    def version(self) -> str:
        """The version that the package says it has."""
        source = self.files[f"{self.package}/__init__.py"].decode()
        found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
        if found is None:
            raise ValueError(f"{self.package}/__init__.py names no __version__")
        return found[1]

    @property
    def dist_info(self) -> str:
        """The folder in which a wheel describes itself."""
        return f"{self.package}-{self.version}.dist-info"


def read_project(root: Path) -> Project:
    """Return the project of a folder, with the files that git has, as they are at the moment.

    :param root: a git checkout
    """
    run = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True)  # noqa: S607
    if run.returncode:
        sys.exit(f"make dist compares the archives with what git has, and git says: {run.stderr.strip()}")
    names = [name for name in run.stdout.split("\0") if name and (root / name).is_file()]
    return Project({name: (root / name).read_bytes() for name in names})


def read_wheel(path: Path) -> Files:
    """Return the files of a wheel.

    :param path: the wheel
    """
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}


def read_sdist(path: Path) -> Files:
    """Return the files of an sdist, whose names begin with its only folder.

    :param path: the archive
    """
    files = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                files[member.name] = content.read()
    return files


def wheel_findings(wheel: Files, project: Project) -> list[str]:
    """Return what is wrong with a wheel.

    :param wheel: its files
    :param project: what it is made of
    """
    settings, info = project.settings, project.dist_info
    licences = {f"{info}/licenses/{name}": name for name in settings["license-files"]}
    package = {name: name for name in project.files if name.startswith(f"{project.package}/")}
    own = {f"{info}/{name}" for name in DIST_INFO}
    wanted = licences | package
    findings = list(_compared("the wheel", wheel, project.files, wanted, own, "which does not belong there"))
    if f"{project.package}/py.typed" not in wheel:
        findings.append("the wheel has no py.typed, so that no type checker reads its types")
    if f"{info}/METADATA" in wheel:
        findings += metadata_findings(wheel[f"{info}/METADATA"].decode(), project)
    if f"{info}/entry_points.txt" in wheel:
        findings += _entry_point_findings(wheel[f"{info}/entry_points.txt"].decode(), settings)
    return findings


def sdist_findings(sdist: Files, project: Project) -> list[str]:
    """Return what is wrong with an sdist: it has the files of the repository and its metadata.

    :param sdist: its files
    :param project: what it is made of
    """
    folder = f"{project.package}-{project.version}"
    wanted = {f"{folder}/{name}": name for name in project.files}
    own = {f"{folder}/PKG-INFO"}
    findings = list(_compared("the sdist", sdist, project.files, wanted, own, "which git does not have"))
    if f"{folder}/PKG-INFO" in sdist:
        findings += metadata_findings(sdist[f"{folder}/PKG-INFO"].decode(), project)
    return findings


def metadata_findings(text: str, project: Project) -> list[str]:
    """Return where the metadata differ from pyproject.toml, and what a package index cannot show.

    :param text: the metadata as they are in an archive
    :param project: what they have to say
    """
    settings = project.settings
    raw, unknown = parse_email(text)
    wanted = {
        "name": settings["name"],
        "version": project.version,
        "summary": settings["description"],
        "requires_python": settings["requires-python"],
        "license_expression": settings["license"],
        "license_files": sorted(settings["license-files"]),
        "keywords": sorted(settings["keywords"]),
        "classifiers": sorted(settings["classifiers"]),
        "provides_extra": sorted(settings["optional-dependencies"]),
        "requires_dist": _requirements(_dependencies(settings)),
        "description_content_type": "text/markdown",
    }
    found: dict[str, Any] = dict(raw)
    found["requires_dist"] = _requirements(found.get("requires_dist", ()))
    told = {name: sorted(value) if isinstance(value, list) else value for name, value in found.items()}
    findings = [
        f"the metadata's {name} is {told.get(name)!r}, pyproject.toml has {value!r}"
        for name, value in wanted.items()
        if told.get(name) != value
    ]
    findings += [f"the metadata have {name}, which is not known" for name in unknown]
    description = found.get("description", "")
    title = project.files["README.md"].decode().split("\n", 1)[0]
    if not description.startswith(title):
        findings.append(f"the metadata's description does not begin with {title!r}, as README.md does")
    findings += [
        f"the metadata's description has {link!r}, which leads nowhere on a package index"
        for link in RELATIVE.findall(description)
    ]
    return findings


def private_findings(name: str, files: Files, private: Iterable[str]) -> list[str]:
    """Return where an archive names this machine: a path, a host.

    :param name: what to call the archive
    :param files: its files
    :param private: what must not be in it
    """
    words = {word: re.compile(rb"(?<![\w.-])" + re.escape(word.encode()) + rb"(?![\w-])") for word in private}
    return [
        f"{name}: {path} names this machine: {word}"
        for path, content in files.items()
        for word, pattern in words.items()
        if pattern.search(content)
    ]


def _compared(
    what: str, found: Files, sources: Files, wanted: Mapping[str, str], own: set[str], stray: str
) -> Iterator[str]:
    """Yield what is missing, what is not wanted, and what has other bytes than its source.

    :param wanted: of each name in the archive, its name in the repository
    :param own: names of what an archive has of its own
    :param stray: what to say of a file that is not wanted
    """
    for name in sorted({*wanted, *own} - set(found)):
        yield f"{what} lacks {name}"
    for name in sorted(set(found) - {*wanted, *own}):
        yield f"{what} has {name}, {stray}"
    for name in sorted(set(found) & set(wanted)):
        if found[name] != sources[wanted[name]]:
            yield f"{what} has another {name} than the repository"


def _dependencies(settings: Mapping[str, Any]) -> Iterator[str]:
    yield from settings["dependencies"]
    for extra, requirements in settings["optional-dependencies"].items():
        for requirement in requirements:
            yield f"{requirement}; extra == '{extra}'"


def _requirements(texts: Iterable[str]) -> list[str]:
    return sorted(str(Requirement(text)) for text in texts)


def _entry_point_findings(text: str, settings: Mapping[str, Any]) -> list[str]:
    parser = ConfigParser(delimiters="=")
    parser.read_string(text)
    found = {section: dict(parser[section]) for section in parser.sections()}
    if found == settings["entry-points"]:
        return []
    return [f"the wheel's entry points are {found}, pyproject.toml has {settings['entry-points']}"]
