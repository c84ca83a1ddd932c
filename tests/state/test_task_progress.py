"""What a task knows of its own earlier tries, and takes along when it is deferred."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline.comments import Comment, add_comments
from airflow_provider_bitrix24.hooks.bulk import limit_wait
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import OperationTimeLimitError
from airflow_provider_bitrix24.rest.plans import Wait
from airflow_provider_bitrix24.rest.progress import Progress, Span
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.state.stored_progress import StoredProgress
from airflow_provider_bitrix24.state.task_progress import LOST, deferral_state, for_trigger, task_progress

STARTED = datetime(2026, 5, 4, 10, tzinfo=UTC)
BEGUN = STARTED.timestamp()


class Store:
    """A task state store in memory."""

    def __init__(self):
        self.kept = {}

    def get(self, key, default=None):
        return self.kept.get(key, default)

    def set(self, key, value):
        self.kept[key] = value

    def delete(self, key):
        self.kept.pop(key, None)


def context_of(*, try_number=1, max_tries=2, started=STARTED, run_after=None, store=None):
    context = {
        "ti": SimpleNamespace(try_number=try_number, max_tries=max_tries),
        "dag_run": SimpleNamespace(start_date=started, run_after=run_after),
    }
    return context if store is None else {**context, "task_state_store": store}


def through_airflow(state):
    """Return what comes out of the metadata database, where it is kept as JSON."""
    return json.loads(json.dumps(state))


# ---------------------------------------------------------------- what is known at first


@cases(
    ("try_number", "max_tries", "retries", "is_first"),
    [
        (1, 0, 0, True),
        (1, 2, 2, True),
        (2, 2, 2, False),
        (3, 2, 2, False),
        # cleared by hand after its third try: nobody knows whether that one had failed
        (4, 5, 2, False),
        (5, 5, 2, False),
    ],
)
def test_a_later_try_knows_that_there_was_an_earlier_one(try_number, max_tries, retries, is_first):
    progress = task_progress(context_of(try_number=try_number, max_tries=max_tries), "d", retries)
    assert (progress.known, progress.unclear) == ({}, {})
    assert progress.earlier_since == (None if is_first else BEGUN)
    assert not progress.outlives_a_try


def test_a_run_that_was_cleared_began_before_its_start_date():
    """Airflow sets the start date of a finished run anew when one of its tasks is cleared."""
    due = datetime(2026, 5, 3, 10, tzinfo=UTC)
    progress = task_progress(context_of(try_number=2, run_after=due), "d", 2)
    assert progress.earlier_since == due.timestamp()


def test_a_run_without_a_beginning_may_have_begun_any_time():
    progress = task_progress(context_of(try_number=2, started=None), "d", 2)
    assert progress.earlier_since == 0.0


def test_outside_of_a_task_nothing_is_known():
    assert task_progress({}, "d", 2).doubtful is False


def test_where_there_is_a_store_it_keeps_what_is_known():
    store = Store()
    progress = task_progress(context_of(try_number=3, store=store), "d", 2)
    assert type(progress) is StoredProgress
    assert progress.outlives_a_try
    progress.sending({0: Call("crm.deal.add")})
    assert list(task_progress(context_of(try_number=3, store=store), "d", 2).unclear) == [0]
    assert task_progress(context_of(try_number=3, store=store), "else", 2).unclear == {}


def test_the_store_counts_more_than_what_was_taken_along():
    state = {"digest": "d", "known": [[0, 7]], "unclear": [], "earlier_since": None}
    progress = task_progress(context_of(store=Store()), "d", 2, state)
    assert type(progress) is StoredProgress
    assert progress.known == {}


# ---------------------------------------------------------------- what is taken along


@cases(
    "progress",
    [
        Progress(),
        Progress({0: 7, 12: {"ID": 8}}),
        Progress({}, {3: Span(1.5, 2.5)}),
        Progress({0: True}, {3: Span(1.5, 2.5)}, earlier_since=900.0),
        Progress(earlier_since=0.0),
    ],
    ids=["nothing", "known", "unclear", "all", "an earlier try"],
)
@cases("try_number", [1, 2])
def test_what_is_known_comes_back_as_it_was(progress, try_number):
    state = through_airflow(deferral_state(progress, "d"))
    again = task_progress(context_of(try_number=try_number), "d", 2, state)
    assert (again.known, again.unclear) == (progress.known, progress.unclear)
    assert all(isinstance(span, Span) for span in again.unclear.values())
    assert again.earlier_since == progress.earlier_since


def test_it_comes_back_after_any_number_of_deferrals():
    progress = Progress({0: 7}, {3: Span(1.5, 2.5)}, earlier_since=900.0)
    for _ in range(3):
        state = through_airflow(deferral_state(progress, "d"))
        progress = task_progress(context_of(try_number=2), "d", 2, state)
    assert (progress.known, progress.unclear) == ({0: 7}, {3: Span(1.5, 2.5)})
    assert progress.earlier_since == 900.0


@pytest.mark.slow
@pytest.mark.parametrize("count", [50, 6_000, 300_000])
def test_what_a_deferral_takes_along_fits_its_columns_and_comes_back(count):
    """MySQL limits the arguments of a trigger, which are encrypted, to 65,535 bytes."""
    progress = Progress({n: 100_000 + 3 * n for n in range(count)}, {count: Span(1.5, 2.5)})
    state = through_airflow(deferral_state(progress, "d"))
    in_trigger = for_trigger(state)
    assert len(json.dumps(in_trigger)) * 4 / 3 + 1_000 < 65_535
    assert in_trigger == (state if count <= 6_000 else LOST)
    by_trigger = task_progress(context_of(), "d", 2, through_airflow(in_trigger))
    assert by_trigger.known == progress.known or by_trigger.doubtful
    again = task_progress(context_of(), "d", 2, state)
    assert (again.known, again.unclear) == (progress.known, progress.unclear)


@pytest.mark.slow
def test_where_a_deferral_cannot_take_along_what_is_known_it_is_looked_up():
    noise = random.Random(5)
    progress = Progress({n: noise.randbytes(60).hex() for n in range(100_000)})
    state = through_airflow(deferral_state(progress, "d"))
    assert len(json.dumps(state)) < 4_000_100
    again = task_progress(context_of(), "d", 2, state)
    assert (again.known, again.earlier_since) == ({}, BEGUN)


def test_of_other_work_nothing_is_known_but_that_something_was_sent():
    state = deferral_state(Progress({0: 7}, {1: Span(1.0, 2.0)}), "other")
    progress = task_progress(context_of(), "d", 2, through_airflow(state))
    assert (progress.known, progress.unclear) == ({}, {})
    assert progress.earlier_since == BEGUN


def test_where_there_is_a_store_nothing_is_taken_along():
    assert deferral_state(StoredProgress(Store(), "d", 2), "d") == {}


def test_what_came_of_an_older_version_is_understood():
    """A task may be deferred while the package is updated."""
    state = {"digest": "d", "known": [[0, 7]], "unclear": [[1, [1.0, 2.0]]]}
    progress = task_progress(context_of(try_number=2), "d", 2, state)
    assert (progress.known, progress.unclear) == ({0: 7}, {1: Span(1.0, 2.0)})
    assert progress.earlier_since is None


# ---------------------------------------------------------------- comments, deferred at once

COMMENTS = [Comment(CrmItem("deal", 1), "a"), Comment(CrmItem("deal", 1), "b")]


def test_comments_deferred_on_their_first_call_are_looked_up_all_the_same():
    """An earlier try may have added them; that there was one must not be forgotten meanwhile."""
    context = context_of(try_number=2)
    first = task_progress(context, "d", 2)
    plan = add_comments(COMMENTS, first, cut=60.0)
    [profile] = next(plan).calls
    assert profile.method == "profile"
    with pytest.raises(StopIteration) as stop:
        plan.send([Outcome(profile, error=OperationTimeLimitError("used up", retry_after=300.0))])
    assert limit_wait(stop.value.value) == 300.0

    state = through_airflow(deferral_state(first, "d"))
    resumed = task_progress(context, "d", 2, state)
    plan = add_comments(COMMENTS, resumed, cut=60.0)
    [profile] = next(plan).calls
    wait = plan.send([Outcome(profile, Reply({"ID": "1"}, time={"finish": BEGUN + 400.0}))])
    assert isinstance(wait, Wait), "until the portal can no longer be adding them"
    assert sorted(resumed.unclear) == [0, 1]
    work = plan.send(None)
    assert [call.method for call in work.calls] == ["crm.timeline.comment.list"]
    assert work.positions is None


def test_comments_deferred_in_their_first_try_are_sent():
    context = context_of(try_number=1)
    state = through_airflow(deferral_state(task_progress(context, "d", 2), "d"))
    plan = add_comments(COMMENTS, task_progress(context, "d", 2, state), cut=60.0)
    [profile] = next(plan).calls
    work = plan.send([Outcome(profile, Reply({"ID": "1"}))])
    assert [call.method for call in work.calls] == ["crm.timeline.comment.add"] * 2
    assert work.positions == [0, 1]
