"""The calls about comments, and how their texts compare."""

from __future__ import annotations

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline.comment_calls import (
    ListedComment,
    comment_call,
    comment_fields,
    comments_call,
    newest_comments_call,
    plain,
)
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError

DEAL = CrmItem("deal", 10)
FILTER = {"ENTITY_TYPE": "deal", "ENTITY_ID": 10}


def test_adding():
    call = comment_call(DEAL, " text ")
    assert call == Call("crm.timeline.comment.add", {"fields": {**FILTER, "COMMENT": " text "}})
    assert not call.may_repeat


def test_adding_with_files():
    call = comment_call(DEAL, "text", files=[("a.txt", "QQ=="), ("b.txt", "")])
    files = [["a.txt", "QQ=="], ["b.txt", ""]]
    assert call.params == {"fields": {**FILTER, "COMMENT": "text", "FILES": files}}


@pytest.mark.parametrize(
    ("files", "fields"),
    [(None, {}), ((), {"FILES": []}), ([("a.txt", "QQ==")], {"FILES": [["a.txt", "QQ=="]]})],
)
def test_a_change_keeps_or_replaces_files(files, fields):
    assert comment_fields("New", files) == {"COMMENT": "New", **fields}


@cases("comment", ["", "  \n", None, True, ["text"], b"text"])
@cases(("field", "name"), [({}, "comment"), ({"field": "rows[3].comment"}, "rows[3].comment")])
def test_a_comment_without_text(comment, field, name):
    for make in (lambda: comment_call(DEAL, comment, **field), lambda: comment_fields(comment, **field)):
        with pytest.raises(InvalidInputError) as raised:
            make()
        assert raised.value.description == f"{name}: {comment!r} is not a text"


def test_a_comment_that_came_out_as_none_is_refused():
    with pytest.raises(InvalidInputError, match=r"the text is 'None'.*XCom"):
        comment_call(DEAL, " None ")


def test_listing():
    assert comments_call(DEAL) == Call("crm.timeline.comment.list", {"filter": FILTER})
    more = {"order": {"ID": "ASC"}, "select": ["ID"]}
    assert comments_call(DEAL, **more) == Call("crm.timeline.comment.list", {"filter": FILTER, **more})


def test_the_newest_come_first_with_what_tells_them_apart():
    call = newest_comments_call(DEAL)
    assert call.method == "crm.timeline.comment.list"
    assert call.params == {
        "filter": FILTER,
        "order": {"ID": "DESC"},
        "select": ["ID", "CREATED", "COMMENT", "AUTHOR_ID"],
        "start": 0,
    }
    assert call.reads_page, "what has more pages is no error"


@cases(
    ("text", "same"),
    [
        ("a", "a"),
        ("  a\n", "a"),
        ("a\r\nb", "a\nb"),
        ("a &amp; b &lt;c&gt; &quot;d&quot;", 'a & b <c> "d"'),
        ("", ""),
        ("a  b", "a  b"),
    ],
)
def test_texts_compare_as_the_portal_keeps_them(text, same):
    assert plain(text) == same


ROW = {"ID": "7", "CREATED": "2026-05-04T12:00:00+02:00", "AUTHOR_ID": "3", "COMMENT": " A &amp; B\r\n"}


def test_a_row_of_a_page_is_a_comment():
    comment = ListedComment.of(ROW)
    assert comment == (7, 1777888800.0, ROW["CREATED"], "3", "A & B")
    assert ListedComment.of({**ROW, "COMMENT": None}).text == "", "a comment of files alone"


@cases("wrong", [{"ID": "x"}, {"ID": None}, {"CREATED": "P1D"}, {"CREATED": None}])
def test_a_row_without_what_tells_a_comment_is_refused(wrong):
    with pytest.raises(UnexpectedResultError, match="a comment without id, author, date or text"):
        ListedComment.of({**ROW, **wrong})
