"""Progress in a task state store: what another try knows, wherever the one before ended."""

from __future__ import annotations

import json

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, RejectedError
from airflow_provider_bitrix24.rest.progress import Span
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.state.stored_progress import StoredProgress, digest_of

ADD = Call("crm.deal.add", {"fields": {"TITLE": "x"}})
BIND = Call("crm.timeline.bindings.bind", {"fields": {"OWNER_ID": 1}})
READ = Call("crm.deal.get", {"id": 1})


class Killed(BaseException):
    """The worker is killed."""


class Store:
    """A task state store; keeps what JSON keeps, and may kill its worker before or after a write."""

    def __init__(self):
        self.kept = {}
        self.writes = 0
        self.kill_at = None
        self.broken = False

    def get(self, key, default=None):
        return json.loads(self.kept[key]) if key in self.kept else default

    def set(self, key, value):
        self._write(lambda: self.kept.update({key: json.dumps(value)}))

    def delete(self, key):
        self._write(lambda: self.kept.pop(key, None))

    def _write(self, write):
        if self.broken:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={}))
        self.writes += 1
        if self.kill_at == self.writes:
            raise Killed
        write()
        if self.kill_at == -self.writes:
            raise Killed


def done(call, result=True):
    return Outcome(call, Reply(result))


def opened(store, digest="d", life=1, **options):
    return StoredProgress(store, digest, life, **options)


def test_what_is_done_is_known_to_another_try():
    store = Store()
    first = opened(store)
    first.sending({0: ADD, 1: ADD, 2: ADD, 3: ADD})
    assert set(opened(store).unclear) == {0, 1, 2, 3}
    first.ended({0: done(ADD, 7), 1: Outcome(ADD, error=RejectedError("no")),
                 2: Outcome(ADD, error=AmbiguousWriteError("lost"))})  # fmt: skip
    second = opened(store)
    assert second.known == {0: 7}
    assert set(second.unclear) == {2, 3}
    assert second.outlives_a_try


def test_what_may_be_repeated_is_written_seldom():
    store, now = Store(), [100.0]
    progress = opened(store, clock=lambda: now[0])
    head = store.writes
    for position in range(10):
        progress.sending({position: BIND})
        progress.ended({position: done(BIND)})
    assert store.writes == head
    now[0] += 2.0
    progress.ended({10: done(BIND), 11: done(READ), 12: done(BIND, "x" * 1000)})
    assert store.writes == head + 2, "the head and one part"
    assert opened(store).known == dict.fromkeys(range(11), True)
    progress.ended({13: done(BIND)})
    progress.flush()
    assert 13 in opened(store).known


def test_what_a_look_up_finds_is_not_written_one_by_one():
    store, now = Store(), [100.0]
    progress = opened(store, clock=lambda: now[0])
    progress.sending(dict.fromkeys(range(50), ADD))
    writes = store.writes
    for position in range(50):
        progress.found(position, position)
    assert store.writes == writes
    assert set(opened(store).unclear) == set(range(50)), "should it get lost, it is looked up again"
    progress.sending({50: ADD})
    progress.ended({50: done(ADD, 50)})
    assert store.writes == writes + 2
    assert opened(store).known == {position: position for position in range(51)}


def failed(store, count=3):
    """Do some work of which nobody says that it is done: its task failed."""
    progress = opened(store, clock=lambda: 1000.0)
    for position in range(count):
        progress.sending({position: ADD})
        progress.ended({position: done(ADD, position)})
    progress.sending({count: ADD})
    return progress


@pytest.mark.parametrize("life", [1, 2], ids=["retried", "cleared"])
def test_a_task_that_failed_goes_on_after_a_retry_and_after_a_clear(life):
    store = Store()
    failed(store)
    again = opened(store, life=life)
    assert again.known == {0: 0, 1: 1, 2: 2}
    assert set(again.unclear) == {3}


@pytest.mark.parametrize("life", [1, 2], ids=["retried", "cleared"])
def test_what_was_sent_of_other_input_counts_as_unclear(life):
    """Somebody repaired the rows that failed: what the others became is looked up."""
    store = Store()
    failed(store)
    again = opened(store, "other", life)
    assert (again.known, again.unclear) == ({}, {})
    again.suspect({0: ADD, 1: READ})
    assert {position: span.first for position, span in again.unclear.items()} == {0: 1000.0}
    assert set(store.kept) == {"bitrix24_progress"}


@pytest.mark.parametrize("digest", ["d", "other"], ids=["the same", "other input"])
def test_a_task_that_is_cleared_after_it_succeeded_starts_afresh(digest):
    store = Store()
    progress = opened(store)
    progress.sending({0: ADD})
    progress.ended({0: done(ADD, 7)})
    progress.delete()
    again = opened(store, digest, life=2)
    again.suspect({0: ADD})
    assert (again.known, again.unclear, again.earlier) == ({}, {}, None)
    again.sending({0: ADD})
    assert set(opened(store, digest, life=2).unclear) == {0}


def test_nothing_is_left_of_work_that_is_done():
    store = Store()
    store.set("mine", 1)
    progress = opened(store)
    progress.sending({0: BIND})
    progress.ended({0: done(BIND)})
    progress.flush()
    progress.delete()
    assert set(store.kept) == {"mine"}


@pytest.mark.parametrize("kill_at", [1, None], ids=["killed meanwhile", "killed later"])
def test_a_try_that_is_killed_when_all_is_done_returns_what_it_had(kill_at):
    """Airflow does not know yet that the task succeeded."""
    store = Store()
    progress = opened(store, clock=lambda: 1000.0)
    results = {position: 100 + position for position in range(120)}
    for position, result in results.items():
        progress.sending({position: ADD})
        progress.ended({position: done(ADD, result)})
    store.writes, store.kill_at = 0, kill_at
    if kill_at:
        with pytest.raises(Killed):
            progress.delete()
        store.kill_at = None
    else:
        progress.delete()
    for _ in range(2):
        again = opened(store, clock=lambda: 5000.0)
        again.suspect(dict.fromkeys(results, ADD))
        assert again.known == results
        assert again.unclear == {}
        again.delete()


def test_large_results_are_kept_in_parts():
    store = Store()
    progress = opened(store)
    calls = dict.fromkeys(range(50), ADD)
    progress.sending(calls)
    progress.ended({position: done(ADD, {"text": "x" * 5_000}) for position in calls})
    assert max(len(value) for value in store.kept.values()) < 65_535
    assert len(opened(store).known) == 50


def test_a_store_that_fails_stops_what_must_not_be_repeated():
    store = Store()
    progress = opened(store)
    store.broken = True
    with pytest.raises(AirflowRuntimeError):
        progress.sending({0: ADD})


def test_a_store_that_fails_does_not_stop_the_rest(caplog):
    store = Store()
    progress = opened(store)
    progress.sending({0: BIND})
    progress.ended({0: done(BIND)})
    store.broken = True
    progress.flush()
    assert "Storing the progress made so far failed" in caplog.text


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    requests=st.lists(
        st.lists(st.sampled_from(["done", "refused", "unclear"]), min_size=1, max_size=4), max_size=6
    ),
    kill_at=st.integers(-40, 40).filter(bool),
    earlier=st.integers(0, 3),
)
def test_wherever_a_try_is_killed_the_next_one_neither_repeats_nor_forgets(requests, kill_at, earlier):
    store = Store()
    before = opened(store, "earlier")
    for position in range(earlier):
        before.sending({position: ADD})
    carried_out, sent = {}, set()
    store.writes, store.kill_at = 0, kill_at
    try:
        progress, position = opened(store), 0
        for answers in requests:
            part = {position + offset: answer for offset, answer in enumerate(answers)}
            position += len(answers)
            progress.sending(dict.fromkeys(part, ADD))
            sent |= set(part)
            carried_out |= {number: 100 + number for number, answer in part.items() if answer != "refused"}
            results = {
                "done": lambda number: done(ADD, 100 + number),
                "refused": lambda _: Outcome(ADD, error=RejectedError("no")),
                "unclear": lambda _: Outcome(ADD, error=AmbiguousWriteError("lost")),
            }
            progress.ended({number: results[answer](number) for number, answer in part.items()})
    except Killed:
        pass
    store.kill_at = None
    after = opened(store)
    assert after.known.items() <= carried_out.items(), "nothing is taken for done that is not"
    assert set(carried_out) <= set(after.known) | set(after.unclear), "what may be done is not sent again"


def test_spans_survive():
    store = Store()
    progress = opened(store, clock=lambda: 1000.0)
    progress.set_clock(5000.0)
    progress.sending({3: ADD})
    assert opened(store).unclear == {3: Span(5000.0, 5010.0)}, "it may have gone out a little later"


def test_a_part_that_is_sent_again_may_have_been_done_the_first_time():
    store, now = Store(), [1000.0]
    progress = opened(store, clock=lambda: now[0])
    progress.sending({0: ADD, 1: ADD})
    now[0] = 1600.0
    progress.sending({0: ADD, 1: ADD})
    assert opened(store).unclear[0] == Span(1000.0, 1610.0)
    now[0] = 1700.0
    progress.ended({0: done(ADD, 5), 1: Outcome(ADD, error=AmbiguousWriteError("lost"))})
    assert progress.unclear == {1: Span(1000.0, 1700.0)}
    progress.absent(1)
    now[0] = 2000.0
    progress.sending({1: ADD})
    assert progress.unclear == {1: Span(2000.0, 2000.0)}


def test_other_items_of_the_same_life_may_have_been_sent_before():
    """The DAG, or what it reads, changed between two tries; even a kill in between does not hide that."""
    store = Store()
    first = opened(store, clock=lambda: 1000.0)
    first.sending({0: ADD})
    first.ended({0: done(ADD, 5)})
    for kill_at in (1, -1, 2, None):
        store.writes, store.kill_at = 0, kill_at
        try:
            second = opened(store, "other", clock=lambda: 3000.0)
        except Killed:
            continue
        second.suspect({0: ADD, 1: ADD, 2: READ})
        assert second.doubtful
        assert {span.first for span in second.unclear.values()} == {1000.0}
        assert set(second.unclear) == {0, 1}
        second.sending({0: ADD})
    third = opened(store, "other", clock=lambda: 4000.0)
    assert third.earlier.first == 1000.0
    assert opened(store, "other", life=2).earlier.first == 1000.0, "it was not done before it was cleared"


def test_digests():
    assert digest_of("A", [1, 2]) == digest_of("A", [1, 2])
    assert len({digest_of("A", [1]), digest_of("A", [2]), digest_of("B", [1])}) == 3
