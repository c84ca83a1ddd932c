"""What a task knows of its earlier tries."""

from __future__ import annotations

import pytest
from operator_alone import STARTED, context_of, quick

from airflow_provider_bitrix24.hooks.errors import AmbiguousWriteError, Bitrix24Error
from airflow_provider_bitrix24.hooks.progress import StoredProgress
from airflow_provider_bitrix24.operators.bulk import progress_of
from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
)
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.progress import Span

ADD = Call("crm.deal.add", {"fields": {}})
READ = Call("crm.deal.get", {"id": 1})


@pytest.mark.parametrize(
    ("try_number", "max_tries", "earlier"),
    [(1, 2, False), (2, 2, True), (3, 2, True), (4, 5, False), (5, 5, True)],
    ids=["first", "second", "third", "cleared after three", "second since it was cleared"],
)
def test_without_a_store_an_earlier_try_may_have_sent_anything(try_number, max_tries, earlier):
    progress = progress_of(context_of(try_number, max_tries), "d", 2, None)
    progress.suspect({0: ADD, 1: READ})
    assert set(progress.unclear) == ({0} if earlier else set())
    if earlier:
        assert progress.unclear[0].first == STARTED.timestamp()


def test_without_a_store_a_deferred_task_takes_along_what_it_knows():
    kept = {"known": [[0, 7], [1, True]], "unclear": [[2, [5.0, 6.0]]]}
    progress = progress_of(context_of(2, 2), "d", 2, kept)
    assert progress.known == {0: 7, 1: True}
    assert progress.unclear == {2: Span(5.0, 6.0)}
    progress.suspect({3: ADD})
    assert set(progress.unclear) == {2}


def test_with_a_store_it_is_asked():
    class Store(dict):
        def set(self, key, value):
            self[key] = value

        def delete(self, key):
            self.pop(key, None)

    store = Store()
    progress = progress_of(context_of(2, 2, task_state_store=store), "d", 2, None)
    assert isinstance(progress, StoredProgress)
    progress.sending({0: ADD})
    assert set(progress_of(context_of(3, 2, task_state_store=store), "d", 2, None).unclear) == {0}
    assert progress_of(context_of(4, 5, task_state_store=store), "d", 2, None).unclear == {}, (
        "cleared by hand"
    )


def test_a_context_without_a_task_is_a_first_try():
    assert progress_of({}, "d", 0, None).earlier_since is None


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
    operator = quick(Bitrix24CallOperator, method="crm.deal.add", parameters={"fields": {"TITLE": "Once"}})
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


def test_without_a_store_a_comment_is_looked_up_in_a_second_try(portal):
    operator = quick(AddTimelineCommentOperator, item=("deal", 1), comment="Once", retries=1)
    first = operator.execute(context_of(1, 1))
    assert operator.execute(context_of(2, 1)) == first
    assert len(portal.calls("crm.timeline.comment.add")) == 1


def test_other_input_after_a_deferral_takes_nothing_for_done():
    kept = {"digest": "other", "known": [[0, 7]], "unclear": []}
    progress = progress_of(context_of(1, 2), "d", 2, kept)
    assert progress.known == {}
    assert progress.earlier_since == STARTED.timestamp()


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
