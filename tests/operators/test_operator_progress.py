"""What a task knows of its earlier tries."""

from __future__ import annotations

import pytest
from operator_alone import context_of, quick

from airflow_provider_bitrix24.hooks.errors import AmbiguousWriteError, Bitrix24Error
from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    AddTimelineLogMessageOperator,
    DeleteTimelineCommentOperator,
    UpdateTimelineCommentOperator,
)

pytestmark = pytest.mark.usefixtures("long_waits_skipped")


class Killed(BaseException):
    """The worker is killed."""


class KillingStore(dict):
    """A task state store whose worker dies before a write, and makes no other one."""

    def __init__(self, kill_at):
        super().__init__()
        self.left = kill_at

    def set(self, key, value):
        self.left -= 1
        if self.left <= 0:
            raise Killed
        self[key] = value

    def delete(self, key):
        self.pop(key, None)


@pytest.mark.parametrize("kill_at", [1, 2, 3, 4])
def test_a_single_comment_is_added_once_wherever_its_worker_is_killed(portal, kill_at):
    """The writes: a head, what is about to be sent, what came of it, that all is done."""
    before = len(portal.comments("deal", 1))
    store = KillingStore(kill_at)
    operator = quick(AddTimelineCommentOperator, item=("deal", 1), comment="Once")
    with pytest.raises(Killed):
        operator.execute(context_of(1, 1, task_state_store=store))
    store.left = 99
    record = operator.execute(context_of(2, 1, task_state_store=store))
    added = portal.comments("deal", 1)[before:]
    assert [(comment.record_id, comment.text) for comment in added] == [(record, "Once")]


@pytest.mark.parametrize(("kill_at", "sent"), [(1, False), (2, False), (3, True)])
def test_a_call_that_must_not_be_repeated_is_not(portal, kill_at, sent):
    store = KillingStore(kill_at)
    operator = quick(Bitrix24CallOperator, method="crm.deal.add", api_params={"fields": {"TITLE": "Once"}})
    with pytest.raises(Killed):
        operator.execute(context_of(1, 1, task_state_store=store))
    assert len(portal.calls("crm.deal.add")) == sent
    store.left = 99
    if sent:
        with pytest.raises(AmbiguousWriteError, match="an earlier try of this task ended"):
            operator.execute(context_of(2, 1, task_state_store=store))
    else:
        assert operator.execute(context_of(2, 1, task_state_store=store)) > 0
    assert len(portal.calls("crm.deal.add")) == 1


def twice(cls, first, second, kill_at=4):
    """Do something in a task whose worker dies when all is done, and then something in its second try."""
    store = KillingStore(kill_at)
    with pytest.raises(Killed):
        quick(cls, **first).execute(context_of(1, 1, task_state_store=store))
    store.left = 99
    return quick(cls, **second).execute(context_of(2, 1, task_state_store=store))


DEAL = {"method": "crm.deal.add", "api_params": {"fields": {"TITLE": "Once"}}}
MESSAGE = {"item": "D_1", "title": "Sync", "text": "Done"}
COMMENT = {"item": "D_1", "comment": "Once"}


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (Bitrix24CallOperator, DEAL),
        (AddTimelineLogMessageOperator, MESSAGE),
        (AddTimelineCommentOperator, COMMENT),
    ],
)
def test_what_is_done_is_not_done_again(portal, cls, arguments):
    result = twice(cls, arguments, arguments)
    [sent] = [call for call in portal.calls() if call.method.endswith(".add")]
    number = sent.result if isinstance(sent.result, int) else sent.result["logMessage"]["id"]
    assert result == number


@pytest.mark.parametrize(
    ("cls", "arguments", "other"),
    [
        (Bitrix24CallOperator, DEAL, {"method": "crm.lead.add"}),
        (Bitrix24CallOperator, DEAL, {"api_params": {"fields": {"TITLE": "Twice"}}}),
        (Bitrix24CallOperator, DEAL, {"bitrix24_conn_id": "other_user"}),
        (AddTimelineLogMessageOperator, MESSAGE, {"item": "D_2"}),
        (AddTimelineLogMessageOperator, MESSAGE, {"text": "Nothing"}),
    ],
)
def test_other_work_is_not_taken_for_done(portal, connection, cls, arguments, other):
    """What was done before it may have been this: the task has changed, not the run."""
    connection(portal.connection(user_id=2), "other_user")
    with pytest.raises(AmbiguousWriteError):
        twice(cls, arguments, {**arguments, **other})
    assert len([call for call in portal.calls() if call.method.endswith(".add")]) == 1


@pytest.mark.parametrize("other", [{"comment": "Other"}, {"item": "D_2"}])
def test_another_comment_is_looked_up_and_added(portal, other):
    arguments = {**COMMENT, **other}
    record = twice(AddTimelineCommentOperator, COMMENT, arguments)
    [comment] = [comment for comment in portal.comments() if comment.record_id == record]
    assert comment.text == arguments["comment"]
    assert portal.bindings(record) == [("deal", int(arguments["item"].removeprefix("D_")))]


@pytest.mark.parametrize(
    ("cls", "arguments", "other"),
    [
        (AddTimelineCommentsOperator, {"rows": [COMMENT]}, {"rows": [{**COMMENT, "comment": "Other"}]}),
        (AddTimelineCommentsOperator, {"rows": [COMMENT]}, {"bitrix24_conn_id": "other_user"}),
        (AddTimelineCommentsOperator, {"rows": [COMMENT]}, {}),
    ],
    ids=["other rows", "another user", "the same"],
)
def test_many_comments_are_taken_for_done_where_they_are_the_same(portal, connection, cls, arguments, other):
    connection(portal.connection(user_id=2), "other_user")
    [row] = twice(cls, arguments, {**arguments, **other})
    adds = portal.calls("crm.timeline.comment.add")
    assert len(adds) == (2 if other else 1)
    assert row["ID"] == adds[-1].result


@pytest.mark.parametrize("other", [{"comment": "Newer", "item": "D_1"}, {"item": "CO_1"}, {}])
def test_another_change_of_a_comment_is_made(portal, other):
    record = portal.add_comment("deal", 1, "Old")
    portal.bind(record, "contact", 2)
    portal.bind(record, "company", 1)
    first = {"record_id": record, "comment": "New", "item": "C_2"}
    wanted = {**first, **other}
    changed = twice(UpdateTimelineCommentOperator, first, wanted)
    texts = {comment.record_id: comment.text for comment in portal.comments()}
    assert texts[changed] == wanted["comment"]
    items = {"C_2": ("contact", 2), "CO_1": ("company", 1), "D_1": ("deal", 1)}
    assert portal.bindings(changed) == [items[wanted["item"]]]


def test_another_comment_is_deleted(portal):
    one, two = (portal.add_comment("deal", 1, text) for text in ("One", "Two"))
    for record in (one, two):
        portal.bind(record, "contact", 2)
    first = {"record_id": one, "item": "C_2"}
    assert twice(DeleteTimelineCommentOperator, first, {**first, "record_id": two})["STATUS"] == "unbound"
    assert portal.bindings(one) == portal.bindings(two) == [("deal", 1)]
    portal.bind(one, "contact", 2)
    assert twice(DeleteTimelineCommentOperator, first, {**first, "item": "D_1"})["STATUS"] == "deleted"
    assert portal.bindings(one) == []


def test_a_comment_that_has_to_be_there_is_deleted_by_a_task_whose_worker_dies(portal):
    """Its second try finds nothing, and that is no error."""
    record = portal.add_comment("deal", 1, "Once")
    arguments = {"record_id": record, "missing_ok": False}
    result = twice(DeleteTimelineCommentOperator, arguments, arguments, kill_at=3)
    assert result == {"ID": record, "STATUS": "deleted"}
    assert len(portal.calls("crm.timeline.comment.delete")) == 1


@pytest.mark.parametrize("other", [{"record_id": 999_999}, {"item": "L_1"}])
def test_a_comment_that_is_not_there_is_not_taken_for_deleted(portal, other):
    """The first try may have deleted another one, or this one from another item."""
    record = portal.add_comment("deal", 1, "Once")
    portal.bind(record, "contact", 2)
    first = {"record_id": record, "item": "C_2"}
    done = twice(DeleteTimelineCommentOperator, first, {**first, **other}, kill_at=3)
    assert done["STATUS"] == "not_found"


def test_work_at_another_portal_is_not_taken_for_done(portal, bitrix24_portal, connection):
    connection(bitrix24_portal.connection(plan="self-hosted"), "other_portal")
    with pytest.raises(AmbiguousWriteError):
        twice(Bitrix24CallOperator, DEAL, {**DEAL, "bitrix24_conn_id": "other_portal"})


def test_without_a_store_a_comment_is_looked_up_in_a_second_try(portal):
    operator = quick(AddTimelineCommentOperator, item=("deal", 1), comment="Once", retries=1)
    first = operator.execute(context_of(1, 1))
    assert operator.execute(context_of(2, 1)) == first
    assert len(portal.calls("crm.timeline.comment.add")) == 1


def test_with_a_store_what_is_done_belongs_to_one_input(portal):
    """Of the same input the rest is done in a second try, of another one all of it."""
    store = KillingStore(1_000)

    def add(text, try_number):
        rows = [{"item": item, "comment": text} for item in ("D_1", "D_2")]
        operator = quick(AddTimelineCommentsOperator, rows=rows)
        return operator.execute(context_of(try_number, 2, task_state_store=store))

    denied = {"code": "ACCESS_DENIED", "status": 400, "params": {"fields": {"ENTITY_ID": 2}}}
    portal.inject("error", "crm.timeline.comment.add", times=1, **denied)
    with pytest.raises(Bitrix24Error):
        add("First", 1)
    portal.faults.clear()
    add("Second", 2)
    texts = [comment.text for number in (1, 2) for comment in portal.comments("deal", number)]
    assert [texts.count(text) for text in ("First", "Second")] == [1, 2]

    portal.inject("error", "crm.timeline.comment.add", times=1, **denied)
    with pytest.raises(Bitrix24Error):
        add("Third", 1)
    portal.faults.clear()
    add("Third", 2)
    texts = [comment.text for number in (1, 2) for comment in portal.comments("deal", number)]
    assert texts.count("Third") == 2
