"""Answers of a wrong shape, and arguments of odd types, where timelines and items are asked or changed."""

from __future__ import annotations

import re

import numpy
import pytest

from airflow_provider_bitrix24.crm.watching.comment_watch import CommentWatch
from airflow_provider_bitrix24.crm.watching.item_watch import ItemWatch
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import UnexpectedResultError
from airflow_provider_bitrix24.rest.errors import InvalidInputError

COMMENTS = "crm.timeline.comment.list"


@pytest.fixture
def hook(portal):
    return Bitrix24Hook()


def wait_for_stage(hook):
    return hook.carry_out(ItemWatch("D_1", None, "process").look())


def wait_for_title(hook):
    return hook.carry_out(ItemWatch("D_1", {"title": "x"}, None).look())


def wait_for_comment(hook):
    return hook.carry_out(CommentWatch("D_1", ".", None, None).look())


def change_again(hook):
    """Change a comment on an item that it has left: the copy that took its place is looked for."""
    return hook.update_timeline_comment(2, "New", item="L_1")


def item(**fields):
    return {"item": {"id": 1, "stageId": "NEW", "categoryId": 0, **fields}}


WHEN = "2026-01-01T00:00:00+00:00"
WRONG = [
    (wait_for_stage, "crm.item.get", item(categoryId="abc")),
    (wait_for_stage, "crm.item.get", item(categoryId=[1])),
    (wait_for_stage, "crm.item.get", item(categoryId=-1)),
    (wait_for_stage, "crm.item.get", {"item": []}),
    (wait_for_stage, "crm.status.list", [1]),
    (wait_for_title, "crm.item.fields", {"fields": {"title": None}}),
    (wait_for_title, "crm.item.fields", {"fields": {"title": []}}),
    (wait_for_title, "crm.item.fields", {"fields": []}),
    (wait_for_comment, COMMENTS, [None]),
    (wait_for_comment, COMMENTS, [{"ID": True, "CREATED": WHEN, "COMMENT": "x"}]),
    (wait_for_comment, COMMENTS, [{"ID": "-3", "CREATED": WHEN, "COMMENT": "x"}]),
    (wait_for_comment, COMMENTS, [{"ID": "3", "CREATED": "soon", "COMMENT": "x"}]),
    (change_again, COMMENTS, [1]),
    (change_again, COMMENTS, [{"ID": "3"}]),
    (change_again, COMMENTS, [{"ID": "x", "AUTHOR_ID": "1", "COMMENT": "New"}]),
    (change_again, "profile", []),
    (change_again, "profile", None),
    (change_again, "profile", "x"),
]


@pytest.mark.parametrize(("act", "method", "answer"), WRONG)
def test_an_answer_of_a_wrong_shape_is_an_error_of_ours(hook, portal, act, method, answer):
    portal.inject("result", method, result=answer, times=None)
    with pytest.raises(UnexpectedResultError, match=re.escape(method)):
        act(hook)
    assert portal.calls("crm.timeline.comment.update") == []


@pytest.mark.parametrize("kinds", [[["comments"]], [{"comments": 1}], [[]], "comments", [None], []])
def test_kinds_that_are_none(hook, portal, kinds):
    portal.clear_journal()
    with pytest.raises(InvalidInputError, match=r"kinds: .* is not a list of kinds"):
        hook.transfer_timeline("D_1", "D_2", kinds=kinds)
    assert portal.journal == []


def test_each_kind_is_transferred_once(hook):
    rows = hook.transfer_timeline("D_1", "C_4", kinds=["activities", "comments", "activities"])
    assert [row["KIND"] for row in rows] == ["comment", "activity", "activity"]


@pytest.mark.parametrize(
    ("conditions", "met"),
    [({"id": numpy.int64(1)}, True), ({">opportunity": numpy.float64(5e6)}, False), ({"id": [2, 1]}, True)],
)
def test_numbers_of_numpy_are_compared(hook, conditions, met):
    assert (hook.carry_out(ItemWatch("D_1", conditions, None).look()).found is not None) is met


def test_a_time_of_no_day_is_no_moment():
    """It would mean today's, and tomorrow tomorrow's."""
    with pytest.raises(InvalidInputError, match=r"since: '10:00\+02:00' is not a moment"):
        CommentWatch("D_1", None, None, "10:00+02:00")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (["nowhere://folder/file.pdf"], r"files\[0\]: 'nowhere:/+folder/file.pdf' (is not a path|cannot be)"),
        (
            "/folder/file.pdf",
            r"files: .* is not JSON\. Give local or object-storage paths",
        ),
    ],
)
def test_files_that_cannot_be_meant(hook, portal, files, problem):
    portal.clear_journal()
    with pytest.raises(InvalidInputError, match=problem):
        hook.add_timeline_comment("D_1", "Text", files=files)
    assert portal.journal == []
