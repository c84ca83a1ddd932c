"""The pages are whole: blocks that something runs, links that lead somewhere, names of whatever is public."""

from __future__ import annotations

import re

import pytest
from cases import cases
from doc_blocks import BLOCKS, NOT_RUN, PAGES, ROOT, blocks_in, of_kind, read, surface

from airflow_provider_bitrix24.connection import diagnosis
from airflow_provider_bitrix24.connection.form import CONN_FIELDS
from airflow_provider_bitrix24.hooks import errors

#: the pages that somebody wrote; the reference is made of docstrings
GUIDES = [page for page in PAGES if page.startswith("docs/") and page != "docs/reference.md"]


def test_every_block_is_run_by_something():
    assert [block.id for block in BLOCKS if not block.kind] == []


def test_few_blocks_are_not_run():
    assert len(of_kind("not run")) <= 2
    lines = [line for page in PAGES for line in read(page).split("\n")]
    assert len(list(filter(NOT_RUN.fullmatch, lines))) == len(of_kind("not run"))


def test_an_unknown_kind_of_block_is_noticed():
    [block] = blocks_in("page", "Text\n\n```perl\nprint\n```\n")
    assert (block.kind, block.line, block.code) == ("", 4, "print\n")


@pytest.mark.parametrize("block", of_kind("drawing"), ids=lambda block: block.id)
def test_drawing_of_the_house_names_its_folders(block):
    names = [name for line in block.code.splitlines() for name in re.split(r" {2,}", line)[0].split(" | ")]
    assert [name for name in names if not (ROOT / surface.PACKAGE / name).is_dir()] == []


@cases("page", PAGES)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", read(page)):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            assert anchor in slugs, f"{target}#{anchor}"


def test_pictures_are_shown_small_and_told_in_words():
    shown = {}
    for page in PAGES:
        for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", read(page)):
            path = ((ROOT / page).parent / target).resolve()
            assert len(words.split()) > 4, f"{page}: {target} needs words for who does not see it"
            shown[path.name] = path.stat().st_size
    taken = {path.name for path in (ROOT / "docs" / "images").iterdir()}
    assert taken <= set(shown)
    assert {name for name in taken if f'"{name}"' not in read("scripts/pictures.py")} == set()
    assert max(shown.values()) < 100_000


def test_first_page_lists_every_page():
    listed = re.findall(r"^- \[[^]]*\]\((\w+\.md)\)", read("docs/index.md"), re.MULTILINE)
    assert sorted(f"docs/{name}" for name in [*listed, "index.md"]) == sorted(
        page for page in PAGES if page.startswith("docs/")
    )


def test_reference_shows_every_section():
    shown = re.findall(r"\.\. reference:: (\w+)", read("docs/reference.md"))
    there = [section for section in surface.FOLDERS if surface.classes(section)]
    assert sorted(shown) == sorted([*there, *surface.MODULES])


def public_names() -> list[str]:
    [hook] = surface.classes("hook").values()
    paths = [path for section in surface.FOLDERS for path in surface.classes(section)]
    return [*(path.rsplit(".", 1)[1] for path in paths), *surface.methods(hook), *surface.names("errors")]


@cases("name", public_names())
def test_guides_name_what_is_public(name):
    text = "".join(map(read, GUIDES))
    told = re.search(rf"`(?:hook\.)?{name}\b[^`]*`|^#+ .*\b{name}\b", text, re.MULTILINE)
    assert told, f"no page in docs/ speaks of {name}"


def test_what_is_public_is_found():
    names = public_names()
    assert {"BindTimelineRecordOperator", "Bitrix24CallOperator", "TimelineBindingSensor"} <= set(names)
    assert {"call", "acall", "records", "timeline_bindings", "AmbiguousWriteError"} <= set(names)
    assert not {"BulkOperator", "DeferringOperator", "Bitrix24Sensor", "get_ui_field_behaviour"} & set(names)


def test_error_page_says_of_every_error_whether_another_try_helps():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", read("docs/errors.md"), re.MULTILINE)
    listed = {name: again.startswith("no") for name, again in rows}
    assert len(rows) == len(listed)
    classes = surface.classes("errors").values()
    assert listed == {cls.__name__: cls.permanent for cls in classes if cls is not errors.Bitrix24Error}


def test_connection_page_lists_every_field():
    table = read("docs/connection.md").split("## All fields", 1)[1]
    assert [name for name in CONN_FIELDS if f"`{name}`" not in table] == []


def test_connection_page_explains_what_the_test_says():
    table = read("docs/connection.md").split("## What Test says", 1)[1]
    assert [what for _, what in diagnosis._PROBLEMS if what not in table] == []
