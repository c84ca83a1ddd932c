"""``make dist``: what is not fit for a release is refused, in the archives and in a fresh environment."""

from __future__ import annotations

import io
import re
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from cases import cases

import airflow_provider_bitrix24

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "scripts"))
import dist_contents  # noqa: E402
import dist_tryout  # noqa: E402

PYPROJECT = """
[project]
name = "some-provider"
description = "Something"
license = "Apache-2.0"
license-files = ["LICENSE", "NOTICE"]
requires-python = ">=3.11"
keywords = ["some", "airflow"]
classifiers = ["Typing :: Typed"]
dependencies = ["apache-airflow>=3.1.8"]
[project.optional-dependencies]
arrow = ["pyarrow>=18.0"]
[project.entry-points.apache_airflow_provider]
provider_info = "some_provider:get_provider_info"
"""
METADATA = """Metadata-Version: 2.4
Name: some-provider
Version: 1.2.3
Summary: Something
License-Expression: Apache-2.0
License-File: LICENSE
License-File: NOTICE
Keywords: airflow,some
Classifier: Typing :: Typed
Requires-Python: >=3.11
Requires-Dist: apache-airflow>=3.1.8
Provides-Extra: arrow
Requires-Dist: pyarrow>=18.0; extra == 'arrow'
Description-Content-Type: text/markdown

# some-provider

Read docs/more.md, or [its site](https://example.org).
"""
INFO = "some_provider-1.2.3.dist-info"
PROJECT = dist_contents.Project(
    {
        "pyproject.toml": PYPROJECT.encode(),
        "README.md": b"# some-provider\n\n[docs/more.md](docs/more.md)\n",
        "LICENSE": b"Apache",
        "NOTICE": b"Notice",
        "some_provider/__init__.py": b'__version__ = "1.2.3"\n',
        "some_provider/hooks/some.py": b"x = 1\n",
        "some_provider/py.typed": b"",
        "tests/test_some.py": b"",
    }
)
WHEEL = {
    **{name: content for name, content in PROJECT.files.items() if name.startswith("some_provider/")},
    f"{INFO}/METADATA": METADATA.encode(),
    f"{INFO}/RECORD": b"",
    f"{INFO}/WHEEL": b"",
    f"{INFO}/entry_points.txt": (
        b"[apache_airflow_provider]\nprovider_info = some_provider:get_provider_info\n"
    ),
    f"{INFO}/licenses/LICENSE": b"Apache",
    f"{INFO}/licenses/NOTICE": b"Notice",
}
SDIST = {f"some_provider-1.2.3/{name}": content for name, content in PROJECT.files.items()} | {
    "some_provider-1.2.3/PKG-INFO": METADATA.encode()
}


def told(old, new):
    """The metadata with other words."""
    assert old in METADATA
    return METADATA.replace(old, new).encode()


def test_what_is_as_it_has_to_be_is_not_refused():
    assert dist_contents.wheel_findings(WHEEL, PROJECT) == []
    assert dist_contents.sdist_findings(SDIST, PROJECT) == []


@cases(
    ("name", "finding"),
    [
        ("some_provider/hooks/some.py", "the wheel lacks some_provider/hooks/some.py"),
        ("some_provider/py.typed", "the wheel has no py.typed"),
        (f"{INFO}/licenses/NOTICE", f"the wheel lacks {INFO}/licenses/NOTICE"),
        (f"{INFO}/METADATA", f"the wheel lacks {INFO}/METADATA"),
        (f"{INFO}/entry_points.txt", f"the wheel lacks {INFO}/entry_points.txt"),
    ],
)
def test_a_wheel_without_a_file_is_refused(name, finding):
    wheel = {key: content for key, content in WHEEL.items() if key != name}
    assert finding in "\n".join(dist_contents.wheel_findings(wheel, PROJECT))


@cases("name", ["tests/test_some.py", "dags_examples/some.py", "some_provider/notes.txt", f"{INFO}/LICENSE"])
def test_a_wheel_with_a_stray_file_is_refused(name):
    [finding] = dist_contents.wheel_findings({**WHEEL, name: b""}, PROJECT)
    assert finding == f"the wheel has {name}, which does not belong there"


@cases(
    ("name", "content", "finding"),
    [
        (
            "some_provider/hooks/some.py",
            b"x = 2\n",
            "another some_provider/hooks/some.py than the repository",
        ),
        (f"{INFO}/licenses/LICENSE", b"MIT", f"another {INFO}/licenses/LICENSE than the repository"),
        (f"{INFO}/METADATA", told("Version: 1.2.3", "Version: 1.2.2"), "version is '1.2.2'"),
        (f"{INFO}/METADATA", told(">=3.11", ">=3.9"), "requires_python is '>=3.9'"),
        (f"{INFO}/METADATA", told("Provides-Extra: arrow\n", ""), "provides_extra is None"),
        (f"{INFO}/METADATA", told("airflow>=3.1.8", "airflow>=2.0"), "apache-airflow>=2.0"),
        (f"{INFO}/METADATA", told("Typing :: Typed", "Typing"), "classifiers is ['Typing']"),
        (f"{INFO}/METADATA", told("Summary: ", "Colour: red\nSummary: "), "colour, which is not known"),
        (f"{INFO}/METADATA", told("docs/more.md", "[more](docs/more.md)"), "'](docs/more.md)'"),
        (f"{INFO}/METADATA", told("Read", "![A](images/a.png)"), "'![A](images/a.png)'"),
        (f"{INFO}/METADATA", told("# some-provider", "Nothing"), "does not begin with '# some-provider'"),
        (f"{INFO}/entry_points.txt", b"[pytest11]\nx = y\n", "entry points are {'pytest11': {'x': 'y'}}"),
    ],
)
def test_a_wheel_that_says_something_else_is_refused(name, content, finding):
    assert finding in "\n".join(dist_contents.wheel_findings({**WHEEL, name: content}, PROJECT))


@cases(
    ("changes", "finding"),
    [
        (
            {"some_provider-1.2.3/notes.txt": b""},
            "has some_provider-1.2.3/notes.txt, which git does not have",
        ),
        ({"README.md": b""}, "has README.md, which git does not have"),
        ({"some_provider-1.2.3/LICENSE": None}, "lacks some_provider-1.2.3/LICENSE"),
        ({"some_provider-1.2.3/PKG-INFO": told("1.2.3", "1.0")}, "version is '1.0'"),
    ],
)
def test_an_sdist_that_is_not_the_repository_is_refused(changes, finding):
    sdist = {name: content for name, content in (SDIST | changes).items() if content is not None}
    assert finding in "\n".join(dist_contents.sdist_findings(sdist, PROJECT))


@cases(
    ("content", "found"),
    [
        (b"see /home/anna/work/x.py", True),
        (b"built on build-7 today", True),
        (b"/home/annabel, build-77, rebuild-7", False),
    ],
)
def test_what_names_this_machine_is_found(content, found):
    findings = dist_contents.private_findings("wheel", {"a.py": content}, ["/home/anna", "build-7"])
    assert bool(findings) is found


def test_archives_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        for name, content in WHEEL.items():
            wheel.writestr(name, content)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as sdist:
        for name, content in SDIST.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            sdist.addfile(member, io.BytesIO(content))
    assert dist_contents.read_wheel(tmp_path / "a.whl") == WHEEL
    assert dist_contents.read_sdist(tmp_path / "a.tar.gz") == SDIST


# ---------------------------------------------------------------- in a fresh environment

SEEN = {
    "version": "1.2.3",
    "path": ["/usr/lib/python3.11"],
    "folder": "/env/lib/site-packages",
    "imported_from": "/env/lib/site-packages/airflow_provider_bitrix24/__init__.py",
    "top_level": ["airflow_provider_bitrix24", "airflow_provider_bitrix24-1.2.3.dist-info"],
    "extras": ["arrow"],
    "failed": {"some.arrow": "ImportError: install airflow-provider-bitrix24[arrow]"},
    "info": {"name": "Bitrix24", "description": "`x`__", "extra-links": ["a"], "versions": ["1.2.3"]},
    "held": {"extra links": ["a"]},
}
SHOWN = {"name": "Bitrix24", "description": "x", "extra-links": ["a"], "versions": ["1.2.3"]}
LISTED = [{"package_name": "airflow-provider-bitrix24", "version": "1.2.3"}]


def test_a_wheel_that_is_there_alone_is_not_refused():
    assert dist_tryout.place_findings(SEEN, ROOT) == []
    assert dist_tryout.provider_findings(SEEN, LISTED, SHOWN) == []
    dist_tryout.refuse([])


@cases(
    ("seen", "finding"),
    [
        ({"path": [str(ROOT)]}, f"leads into the repository: {ROOT}"),
        ({"path": [f"{ROOT}/scripts"]}, "leads into the repository"),
        ({"imported_from": f"{ROOT}/airflow_provider_bitrix24/__init__.py"}, "comes from"),
        ({"top_level": [*SEEN["top_level"], "tests"]}, "the wheel installs"),
        ({"failed": {"some.module": "ImportError"}}, "some.module cannot be imported"),
    ],
)
def test_what_came_from_elsewhere_is_noticed(seen, finding):
    findings = dist_tryout.place_findings({**SEEN, **seen}, ROOT)
    assert finding in "\n".join(findings)
    with pytest.raises(dist_tryout.TryoutError, match=re.escape(finding)):
        dist_tryout.refuse(findings)


def test_of_many_modules_some_are_named():
    failed = {f"some.module{number}": "ImportError" for number in range(15)}
    findings = dist_tryout.place_findings({**SEEN, "failed": failed}, ROOT)
    assert len(findings) == 11
    assert findings[-1] == "nor can 5 other modules"


def test_a_failed_example_shows_the_end_of_its_log(tmp_path):
    """The folder is removed, and the log with it."""
    here = dist_tryout.Environment(tmp_path)
    here.bin.mkdir(parents=True)
    (here.bin / "python").write_text("#!/bin/sh\necho The run failed; exit 1\n")
    (here.bin / "python").chmod(0o755)
    log = tmp_path / ".airflow" / "demo" / "dags-test.log"
    log.parent.mkdir(parents=True)
    log.write_text("why\n", encoding="utf-8")
    with pytest.raises(dist_tryout.TryoutError, match=r"ended with 1:\nThe run failed\n\nwhy"):
        dist_tryout.run_demo(here)


@cases(
    ("seen", "listed", "shown", "finding"),
    [
        ({}, [], {}, "airflow providers list shows airflow-provider-bitrix24 as None"),
        ({}, LISTED, {"extra-links": []}, "shows extra-links otherwise"),
        ({"held": {"extra links": []}}, LISTED, {}, "has taken up no extra links"),
    ],
)
def test_what_airflow_does_not_show_is_noticed(seen, listed, shown, finding):
    findings = dist_tryout.provider_findings({**SEEN, **seen}, listed, {**SHOWN, **shown})
    assert finding in "\n".join(findings)


def test_values_that_airflow_prints_as_text_are_the_same():
    assert dist_tryout.as_text({"a": [False, None]}) == dist_tryout.as_text({"a": ["False", "None"]})
    assert dist_tryout.as_text({"a": [1]}) != dist_tryout.as_text({"a": [2]})


# ---------------------------------------------------------------- of this repository


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an unpacked sdist has no list of what git has")
def test_the_repository_is_read():
    project = dist_contents.read_project(ROOT)
    assert (project.package, project.version) == (
        airflow_provider_bitrix24.__name__,
        airflow_provider_bitrix24.__version__,
    )
    assert {"LICENSE", "NOTICE", f"{project.package}/py.typed", "tests/test_dist.py"} <= set(project.files)


def test_the_description_of_this_package_has_no_link_that_leads_nowhere():
    hooks = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["metadata"]["hooks"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert dist_contents.RELATIVE.search(text), "there is something to replace"
    for rule in hooks["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    assert dist_contents.RELATIVE.findall(text) == []
    assert "*(Picture: " in text


def test_the_changelog_has_the_version():
    titles = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert airflow_provider_bitrix24.__version__ in titles
