"""What is known of work on many items, and what another try may conclude from it."""

from __future__ import annotations

from typing import Any

import pytest
from cases import cases
from rest_feed import Clock

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.progress import Progress, Span
from airflow_provider_bitrix24.rest.reply import Reply

ADD = Call("crm.deal.add", {"fields": {"TITLE": "x"}})
BIND = Call("crm.timeline.bindings.bind", {"fields": {"OWNER_ID": 1}})
UPDATE = Call("crm.item.update", {"id": 1})
READ = Call("crm.deal.get", {"id": 1})


class Written(Progress):
    """Keeps what it is told to write, with what is unclear and known at that moment."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.begun: list[tuple[list[int], dict[int, Span]]] = []
        self.over: list[tuple[list[int], bool]] = []

    def write_begun(self, positions):
        self.begun.append((list(positions), dict(self.unclear)))

    def write_ended(self, positions, *, at_once):
        self.over.append((list(positions), at_once))


def done(call: Call, result: Any = True) -> Outcome:
    return Outcome(call, Reply(result))


def failed(call: Call, error: e.Bitrix24Error) -> Outcome:
    return Outcome(call, error=error)


def test_it_starts_from_what_is_known_and_leaves_it_as_it_was():
    known, unclear = {0: 7}, {1: Span(1.0, 2.0)}
    progress = Progress(known, unclear)
    assert (progress.known, progress.unclear) == (known, unclear)
    progress.found(1, 8)
    assert (known, unclear) == ({0: 7}, {1: Span(1.0, 2.0)})
    assert progress.outlives_a_try is False


def test_nothing_is_known_and_nothing_is_doubtful_at_first():
    progress = Progress()
    assert (progress.known, progress.unclear, progress.doubtful) == ({}, {}, False)
    assert (progress.earlier, progress.earlier_since) == (None, None)


@pytest.mark.parametrize("doubt", ["unclear", "earlier", "earlier_since"])
def test_each_trace_of_an_earlier_try_is_a_doubt(doubt):
    progress = Progress()
    setattr(progress, doubt, {"unclear": {0: Span(1, 2)}, "earlier": Span(1, 2), "earlier_since": 0.0}[doubt])
    assert progress.doubtful is True


@pytest.mark.parametrize(("portal_time", "now"), [(None, 1000.0), (1300.0, 1300.0), (0.0, 0.0)])
def test_time_is_measured_as_the_portal_does(portal_time, now):
    clock = Clock()
    progress = Progress(clock=clock)
    assert progress.now() == 1000.0
    progress.set_clock(portal_time)
    assert progress.now() == now
    clock.now += 5
    assert progress.now() == now + 5


def test_a_portal_that_stops_telling_its_time_is_taken_to_agree_with_ours():
    progress = Progress(clock=Clock())
    progress.set_clock(1300.0)
    progress.set_clock(None)
    assert progress.now() == 1000.0


# ---------------------------------------------------------------- what an earlier try may have sent


def test_without_an_earlier_try_nothing_is_suspected():
    progress = Progress()
    progress.suspect({0: ADD})
    assert progress.unclear == {}


def test_an_earlier_try_may_have_sent_what_is_not_known_and_not_repeatable():
    progress = Progress({1: 5}, {2: Span(3.0, 4.0)})
    progress.earlier = Span(1.0, 2.0)
    progress.suspect({0: ADD, 1: ADD, 2: ADD, 3: BIND, 4: READ})
    assert progress.unclear == {0: Span(1.0, 2.0), 2: Span(3.0, 4.0)}


def test_an_earlier_try_of_which_only_the_beginning_is_known_may_have_sent_until_now():
    progress = Progress(earlier_since=900.0, clock=Clock())
    progress.set_clock(1300.0)
    progress.suspect({5: ADD, 6: BIND})
    assert progress.unclear == {5: Span(1200.0, 1300.0)}


def test_what_was_proven_absent_is_not_suspected_again():
    progress = Progress(earlier_since=900.0, clock=Clock())
    progress.suspect({0: ADD, 1: ADD})
    progress.absent(0)
    progress.suspect({0: ADD, 1: ADD})
    assert progress.unclear.keys() == {1}
    assert progress.earlier_since is None


def test_what_is_known_of_an_earlier_try_counts_more_than_when_it_began():
    progress = Progress(earlier_since=900.0, clock=Clock())
    progress.earlier = Span(1.0, 2.0)
    progress.suspect({0: ADD})
    assert progress.unclear == {0: Span(1.0, 2.0)}


# ---------------------------------------------------------------- while it is carried out


def test_what_must_not_be_repeated_is_written_as_unclear_before_it_is_sent():
    progress = Written(clock=Clock())
    progress.sending({0: ADD, 1: BIND, 2: ADD, 3: READ})
    spans = {0: Span(1000.0, 1000.0), 2: Span(1000.0, 1000.0)}
    assert progress.begun == [([0, 2], spans)]
    assert progress.unclear == spans


def test_what_may_be_repeated_needs_no_word_before_it_is_sent():
    progress = Written()
    progress.sending({0: BIND, 1: READ})
    progress.sending({})
    assert (progress.begun, progress.unclear) == ([], {})


def test_what_is_sent_again_was_sent_between_the_first_time_and_the_last():
    clock = Clock()
    progress = Progress(clock=clock)
    progress.sending({0: ADD})
    clock.now = 1050.0
    progress.sending({0: ADD, 1: ADD})
    assert progress.unclear == {0: Span(1000.0, 1050.0), 1: Span(1050.0, 1050.0)}


@pytest.mark.parametrize(
    "outcome",
    [done(ADD, 7), failed(ADD, e.RejectedError("no")), failed(ADD, e.DoneInPartError("half"))],
    ids=["done", "not-done", "done-in-part"],
)
def test_an_answer_ends_the_doubt(outcome):
    progress = Progress()
    progress.sending({0: ADD, 1: ADD})
    progress.ended({0: outcome})
    assert list(progress.unclear) == [1]


def test_an_answer_of_what_was_never_in_doubt_leaves_none():
    progress = Progress()
    progress.ended({0: done(ADD, 7), 1: failed(BIND, e.ServerError())})
    assert progress.unclear == {}


def test_without_a_clear_answer_the_doubt_stays_and_lasts_until_now():
    clock = Clock()
    progress = Progress(clock=clock)
    progress.sending({0: ADD})
    clock.now = 1070.0
    progress.ended({0: failed(ADD, e.AmbiguousWriteError("lost"))})
    assert progress.unclear == {0: Span(1000.0, 1070.0)}
    assert progress.known == {}


@cases(
    ("outcome", "kept"),
    [
        (done(ADD, 7), True),
        (done(ADD, "x" * 900), True),
        (done(BIND), True),
        (done(UPDATE, "x" * 498), True),
        (done(UPDATE, "x" * 499), False),
        (done(READ, {"ID": "1"}), False),
        (done(Call("crm.deal.get", repeatable=False), {"ID": "1"}), False),
        (failed(BIND, e.RejectedError("no")), False),
    ],
    ids=["one-shot", "large-one-shot", "small", "at-the-limit", "large", "read", "read-once", "failed"],
)
def test_results_are_kept_unless_they_are_as_well_asked_for_again(outcome, kept):
    progress = Progress()
    progress.ended({4: outcome})
    assert progress.known == ({4: outcome.result} if kept else {})


@cases(("calls", "at_once"), [([ADD], True), ([BIND, ADD], True), ([BIND, READ], False), ([], False)])
def test_another_try_must_know_at_once_what_must_not_be_repeated(calls, at_once):
    progress = Written()
    progress.ended({position + 5: done(call) for position, call in enumerate(calls)})
    assert progress.over == [([position + 5 for position in range(len(calls))], at_once)]


# ---------------------------------------------------------------- what a look-up shows


def test_what_is_found_is_known_and_need_not_be_written_at_once():
    progress = Written(unclear={3: Span(1, 2), 4: Span(1, 2)})
    progress.found(3, 77)
    assert (progress.known, list(progress.unclear)) == ({3: 77}, [4])
    assert progress.over == [([3], False)]


def test_what_was_never_in_doubt_may_be_found_or_absent_as_well():
    progress = Progress()
    progress.found(3, 77)
    progress.absent(4)
    assert (progress.known, progress.unclear) == ({3: 77}, {})


def test_what_is_absent_is_neither_unclear_nor_known():
    progress = Written(unclear={3: Span(1, 2), 4: Span(1, 2)})
    progress.absent(3)
    assert (progress.known, list(progress.unclear), progress.over) == ({}, [4], [])


def test_progress_in_memory_has_nothing_to_write():
    progress = Progress({0: 1})
    assert (progress.write_begun([0]), progress.write_ended([0], at_once=True)) == (None, None)
    assert (progress.flush(), progress.delete()) == (None, None)
