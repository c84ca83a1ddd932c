"""Files of an item."""

from __future__ import annotations

import pytest
from field_writers import parse, read_file, refused, sent, writer

from airflow_provider_bitrix24.rest.errors import InvalidInputError

ITEM = {"ufCrm_1": {"id": 9, "url": "/u"}}
ITEMS = {"ufCrm_1": [{"id": 9}, {"id": "10"}]}


def test_a_file_is_a_path_or_the_id_of_one_that_is_there():
    file = writer("file")
    assert parse(file, "/data/a.pdf") == {"path": "/data/a.pdf", "name": ""}
    assert parse(file, '{"path": "12", "name": "b.pdf"}') == {"path": "12", "name": "b.pdf"}
    assert [parse(file, value) for value in (9, "9", 9.0, {"id": 9}, '{"id": 9}')] == [{"id": 9}] * 5
    assert parse(file, 0) is None
    assert parse(writer("file", isMultiple=True), '[9, "/data/a.pdf"]') == [
        {"id": 9}, {"path": "/data/a.pdf", "name": ""},
    ]  # fmt: skip
    for value in (True, 7.5, -1, {"url": "x"}, {"id": 9, "path": "secret.pdf"}, {"path": ""}, ["a"], {}):
        refused(file, value)


def test_one_file_is_sent_kept_or_deleted():
    file = writer("file")
    assert sent(file, "/data/a.pdf", ITEM) == {"ufCrm_1": ["a.pdf", "aGk="]}
    assert sent(file, {"path": "/data/a.pdf", "name": "b.pdf"}) == {"ufCrm_1": ["b.pdf", "aGk="]}
    assert sent(file, 9, ITEM) == {}
    assert sent(file, None, ITEM) == {"ufCrm_1": ""}
    assert sent(file, None, {"ufCrm_1": None}) == sent(file, None) == {}
    assert [file.agrees(parse(file, value), ITEM) for value in (9, 10, None, "/a")] == [
        True,
        False,
        False,
        False,
    ]
    assert [file.taken(parse(file, value), ITEM) for value in (9, 10, None, "/a")] == [
        True,
        False,
        False,
        True,
    ]
    assert not file.taken(parse(file, "/a"), {"ufCrm_1": None})


def test_many_files_are_sent_all_together():
    files = writer("file", isMultiple=True)
    assert sent(files, [9, "/data/a.pdf"], ITEMS) == {"ufCrm_1": [{"id": 9}, ["a.pdf", "aGk="]]}
    assert [files.agrees(parse(files, value), ITEMS) for value in ([10, 9], [9], ["/a", 9])] == [
        True,
        False,
        False,
    ]
    assert files.taken(parse(files, ["/a", 9]), ITEMS)
    assert not files.taken(parse(files, ["/a", "/b", 9]), ITEMS)
    assert files.clears_by_classic(None)
    assert sent(files, None, ITEMS) == {}
    assert files.emptied(ITEMS) == [{"id": 9, "remove": "Y"}, {"id": 10, "remove": "Y"}]
    with pytest.raises(InvalidInputError, match="cannot empty"):
        sent(writer("file", isMultiple=True, dataset="dynamic_1042"), None, ITEMS)


def test_a_file_that_the_item_does_not_have_is_never_sent_for_the_api_would_delete_the_present_one():
    for one, value, item in (
        (writer("file"), 4321, ITEM),
        (writer("file"), 4321, None),
        (writer("file", isMultiple=True), [9, 4321], ITEMS),
    ):
        assert one.needs_item(parse(one, value))
        with pytest.raises(InvalidInputError, match=r"^the item does not have the file") as caught:
            one.sent(parse(one, value), item, read_file)
        assert "4321" not in str(caught.value)
