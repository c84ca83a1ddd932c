"""The plan of binding many records, without a portal: it is fed outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cases import cases
from plan_portal import owned

from airflow_provider_bitrix24.crm.timeline.record_binding import bind_records
from airflow_provider_bitrix24.crm.timeline.records import no_such_record, record_exists
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import parse_bindings, record_call
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    AmbiguousWriteError,
    Bitrix24Error,
    InvalidParameterError,
    NotFoundError,
    ServerError,
    TokenRenewalError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.replies import check_result
from airflow_provider_bitrix24.rest.reply import Reply

_BIND = "crm.timeline.bindings.bind"
_LIST = "crm.timeline.bindings.list"
_GET = "crm.timeline.comment.get"


class Portal:
    """Answers a plan's calls from tables, fifty commands a request.

    :param bound: items by record, as ``bindings.list`` tells them
    :param exists: which records exist; a record is bound to something it can be read by, unless it is in
        ``unreadable``
    """

    def __init__(self, bound: dict[int, list[tuple[str, Any]]], exists: Callable[[int], bool]) -> None:
        self.bound = bound
        self.exists = exists
        self.unreadable: set[int] = set()
        self.answers: dict[tuple[str, int], Any] = {}
        self.rounds: list[list[Call]] = []
        self.positions: list[list[int] | None] = []
        self.endless = False

    @property
    def requests(self) -> int:
        return sum(-(-len(calls) // 50) for calls in self.rounds)

    def made(self, method: str) -> list[int]:
        """Return the records that a method was called for."""
        return [_record(call) for calls in self.rounds for call in calls if call.method == method]

    def run(self, bindings: Any, progress: Progress | None = None, *, check_record: bool = True) -> list[Any]:
        plan = bind_records(parse_bindings(bindings), progress or Progress(), check_record=check_record)
        try:
            work = next(plan)
            while True:
                self.rounds.append(work.calls)
                self.positions.append(work.positions)
                work = plan.send([self.answer(call) for call in work.calls])
        except StopIteration as stop:
            return stop.value

    def answer(self, call: Call) -> Outcome:
        record = _record(call)
        answer = self.answers.get((call.method, record))
        if isinstance(answer, Bitrix24Error):
            return owned(Outcome(call, error=answer))
        if answer is not None:
            return owned(check_result(call, Reply(answer), "portal"))
        return {_BIND: self._bind, _LIST: self._list, _GET: self._get}[call.method](call, record)

    def _bind(self, call: Call, record: int) -> Outcome:
        fields = call.params["fields"]
        self.bound.setdefault(record, []).append((fields["ENTITY_TYPE"], fields["ENTITY_ID"]))
        return Outcome(call, Reply(True))

    def _list(self, call: Call, record: int) -> Outcome:
        start = call.params.get("start", 0)
        pairs = self.bound.get(record, [])
        if start >= len(pairs):
            start = 0
        rows = [
            {"OWNER_ID": str(record), "ENTITY_TYPE": kind, "ENTITY_ID": str(number)}
            for kind, number in pairs[start : start + 50]
        ]
        more = start + 50 < len(pairs) or self.endless
        return Outcome(call, Reply(rows, len(pairs), start + 50 if more else None))

    def _get(self, call: Call, record: int) -> Outcome:
        if not self.exists(record):
            return Outcome(call, error=NotFoundError("Not found.", method=_GET))
        if record in self.unreadable or not self.bound.get(record):
            return Outcome(call, error=AccessDeniedError("Access denied.", method=_GET))
        return Outcome(call, Reply({"ID": str(record)}))


def _record(call: Call) -> int:
    params = call.params
    return params.get("id") or params.get("filter", params.get("fields"))["OWNER_ID"]


def _statuses(outcomes: list[Any]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def _told(record: int, status: str) -> dict[str, Any]:
    return {"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 10, "STATUS": status}


def _home(records: range) -> dict[int, list[tuple[str, Any]]]:
    """Bind each record to a lead of its own, as the record's maker does."""
    return {record: [("lead", record)] for record in records}


# ---------------------------------------------------------------- statuses


def test_one_binding_takes_two_requests():
    portal = Portal(_home(range(1, 6)), lambda record: True)
    [outcome] = portal.run([(5, "deal", 10)])
    assert outcome.to_json() == _told(5, "bound")
    assert portal.requests == 2
    assert portal.bound[5] == [("lead", 5), ("deal", 10)]


def test_bound_already_takes_one_request():
    portal = Portal({5: [("deal", 10)]}, lambda record: True)
    [outcome] = portal.run([(5, "deal", 10)])
    assert outcome.to_json() == _told(5, "already_bound")
    assert portal.requests == 1
    assert portal.made(_BIND) == []


def test_what_an_earlier_try_bound_is_neither_asked_for_nor_bound_again():
    portal = Portal({6: [("lead", 6)], 7: [("lead", 7)], 8: [("deal", 10)]}, lambda record: True)
    rows = [(record, "deal", 10) for record in (6, 5, 8, 7)]
    outcomes = portal.run(rows, Progress({1: True}))
    assert [outcome.to_json() for outcome in outcomes] == [
        _told(6, "bound"), _told(5, "bound"), _told(8, "already_bound"), _told(7, "bound")
    ]  # fmt: skip
    assert portal.made(_LIST) == portal.made(_GET) == [6, 8, 7]
    assert portal.made(_BIND) == [6, 7]
    assert portal.positions == [None, [0, 3]], "progress is kept by place among all that is to be bound"


def test_where_an_earlier_try_bound_everything_nothing_is_sent():
    portal = Portal({}, lambda record: True)
    assert _statuses(portal.run([(5, "deal", 10)], Progress({0: True}))) == ["bound"]
    assert portal.rounds == []


def test_without_checks_there_is_nothing_but_binding():
    portal = Portal({5: [("deal", 10)]}, lambda record: False)
    assert _statuses(portal.run([(5, "deal", 10), (6, "deal", 10)], check_record=False)) == ["bound"] * 2
    assert [call.method for calls in portal.rounds for call in calls] == [_BIND] * 2


def test_duplicates_are_sent_once_and_reported_for_each():
    portal = Portal(_home(range(1, 9)), lambda record: record != 8)
    rows = [(5, "deal", 10), ("5", "DEAL", "10"), (8, "deal", 10), (5, "deal", 11), (8, "deal", 10)]
    assert _statuses(portal.run(rows)) == ["bound", "bound", "failed", "bound", "failed"]
    assert portal.made(_BIND) == [5, 5]
    assert portal.made(_GET) == [5, 8]


def test_nothing_to_do():
    portal = Portal({}, lambda record: True)
    assert portal.run([]) == []


def test_a_record_that_does_not_exist():
    portal = Portal(_home(range(5, 6)), lambda record: record == 5)
    bound, failed = portal.run([(5, "deal", 10), (6, "deal", 10)])
    assert bound.status == "bound"
    assert isinstance(failed.error, NotFoundError)
    row = failed.to_json()
    assert (row["STATUS"], row["ERROR"]) == ("failed", "NOT_FOUND")
    assert "record 6 on deal 10 was not bound: timeline record 6 does not exist" in row["ERROR_DESCRIPTION"]
    assert "activities and CRM items have other ids" in row["ERROR_DESCRIPTION"]
    assert portal.made(_BIND) == [5]


def test_a_record_without_bindings_exists_though_nobody_may_read_it():
    portal = Portal({}, lambda record: True)
    assert _statuses(portal.run([(5, "deal", 10)])) == ["bound"]


def test_a_record_bound_to_what_the_user_may_not_read():
    portal = Portal(_home(range(5, 6)), lambda record: True)
    portal.unreadable = {5}
    assert _statuses(portal.run([(5, "deal", 10)])) == ["bound"]


@pytest.mark.parametrize("already", [False, True], ids=["bound to something else", "bound to the same"])
def test_an_orphan_is_no_record(already):
    portal = Portal({5: [("deal", 10 if already else 11)]}, lambda record: False)
    assert _statuses(portal.run([(5, "deal", 10)])) == ["failed"]
    assert portal.made(_BIND) == []


# ---------------------------------------------------------------- what it costs, and what it knows then


@cases(("records", "requests"), [(1, 2), (25, 2), (26, 3), (100, 6), (750, 45), (751, 32), (1000, 40)])
def test_requests(records, requests):
    portal = Portal(_home(range(1, records + 1)), lambda record: True)
    bindings = [(record, "deal", record) for record in range(1, records + 1)]
    assert _statuses(portal.run(bindings)) == ["bound"] * records
    assert portal.requests == requests
    portal.rounds.clear()
    assert _statuses(portal.run(bindings)) == ["already_bound"] * records
    assert portal.requests <= 40


def test_up_to_750_records_are_asked_for_whatever_they_are_bound_to():
    portal = Portal(_home(range(1, 751)), lambda record: record % 100 != 0)
    statuses = _statuses(portal.run([(record, "deal", 1) for record in range(1, 751)]))
    assert [record for record, status in enumerate(statuses, 1) if status == "failed"] == [
        *range(100, 750, 100)
    ]


def test_more_records_are_asked_for_where_binding_costs_as_much():
    portal = Portal(_home(range(1, 1001)), lambda record: record != 7)
    bindings = [(record, "deal", deal) for record in range(1, 1001) for deal in (1, 2)]
    outcomes = portal.run(bindings)
    assert [outcome.subject.record_id for outcome in outcomes if outcome.status == "failed"] == [7, 7]
    assert portal.requests == 80


@pytest.mark.parametrize(("twice", "failed"), [(741, [7, 7]), (740, [])])
def test_a_request_that_is_not_full_costs_as_much(twice, failed):
    """The check of 760 records takes 31 requests, and so does binding them from 1,501 bindings on."""
    portal = Portal(_home(range(1, 761)), lambda record: record != 7)
    bindings = [(record, "deal", 1) for record in range(1, 761)]
    outcomes = portal.run(bindings + [(record, "deal", 2) for record in range(1, twice + 1)])
    assert [outcome.subject.record_id for outcome in outcomes if outcome.status == "failed"] == failed


def test_in_a_longer_list_a_record_bound_to_something_else_is_taken_to_exist():
    """All that the portal tells of 1 is known to be no proof; 2 has no binding and is asked for."""
    portal = Portal(_home(range(1, 1001)), lambda record: record > 3)
    portal.bound[2] = []
    portal.bound[3] = [("deal", 1)]
    statuses = _statuses(portal.run([(record, "deal", 1) for record in range(1, 1001)]))
    assert statuses[:4] == ["bound", "failed", "failed", "bound"]
    assert portal.requests <= 45


# ---------------------------------------------------------------- records with many bindings


@pytest.mark.parametrize(("position", "requests"), [(10, 1), (60, 2), (119, 3)])
def test_a_binding_is_found_on_whatever_page_it_stands(position, requests):
    portal = Portal({5: [("deal", number) for number in range(1, 121)]}, lambda record: True)
    assert _statuses(portal.run([(5, "deal", position)])) == ["already_bound"]
    assert portal.requests == requests


def test_a_binding_that_is_on_no_page():
    portal = Portal({5: [("deal", number) for number in range(1, 121)]}, lambda record: True)
    assert _statuses(portal.run([(5, "deal", 1000)])) == ["bound"]
    assert portal.requests == 4


def test_a_portal_that_starts_over_is_not_followed_for_ever():
    portal = Portal({5: [("deal", number) for number in range(1, 101)]}, lambda record: True)
    portal.endless = True
    assert _statuses(portal.run([(5, "deal", 1000)])) == ["bound"]
    assert len(portal.made(_LIST)) == 3


@pytest.mark.timeout(20)
def test_pages_that_bring_nothing_new_end_though_the_next_one_is_always_further():
    class Repeating(Portal):
        def _list(self, call: Call, record: int) -> Outcome:
            rows = [{"OWNER_ID": "5", "ENTITY_TYPE": "deal", "ENTITY_ID": str(n)} for n in range(1, 51)]
            return Outcome(call, Reply(rows, 5000, call.params.get("start", 0) + 50))

    portal = Repeating({5: [("deal", 1)]}, lambda record: True)
    assert _statuses(portal.run([(5, "deal", 1000)])) == ["bound"]
    assert len(portal.made(_LIST)) == 2


def test_pages_of_a_record_that_does_not_exist_are_not_read():
    portal = Portal({5: [("deal", number) for number in range(1, 121)]}, lambda record: False)
    assert _statuses(portal.run([(5, "deal", 1000)])) == ["failed"]
    assert portal.requests == 1


def test_a_later_page_that_fails():
    portal = Portal({5: [("deal", number) for number in range(1, 121)]}, lambda record: True)
    answer = portal.answer
    portal.answer = lambda call: (
        Outcome(call, error=ServerError("boom", method=_LIST)) if "start" in call.params else answer(call)
    )
    [outcome] = portal.run([(5, "deal", 1000)])
    assert isinstance(outcome.error, ServerError)
    assert portal.made(_BIND) == []


# ---------------------------------------------------------------- answers that are none


@cases(
    ("method", "answer", "kind"),
    [
        (_LIST, True, UnexpectedResultError),
        (_LIST, {"result": []}, UnexpectedResultError),
        (_LIST, [True], UnexpectedResultError),
        (_LIST, [{"OWNER_ID": "6", "ENTITY_TYPE": "deal", "ENTITY_ID": "1"}], UnexpectedResultError),
        (_LIST, ServerError("boom"), ServerError),
        (_GET, True, UnexpectedResultError),
        (_GET, False, UnexpectedResultError),
        (_GET, [], UnexpectedResultError),
        (_GET, ServerError("boom"), ServerError),
        (_BIND, [], UnexpectedResultError),
        (_BIND, 1, UnexpectedResultError),
        (_BIND, InvalidParameterError("ENTITY_TYPE is not defined or invalid."), InvalidParameterError),
        (_BIND, TokenRenewalError("gone"), TokenRenewalError),
    ],
)
def test_what_is_no_answer_fails_this_binding_only(method, answer, kind):
    portal = Portal(_home(range(5, 7)), lambda record: True)
    portal.answers[method, 5] = answer
    failed, bound = portal.run([(5, "deal", 10), (6, "deal", 10)])
    assert bound.status == "bound"
    assert type(failed.error) is kind
    is_open = method == _BIND and kind is UnexpectedResultError
    words = "may have been bound, or not: " if is_open else "was not bound: "
    assert f"record 5 on deal 10 {words}" in str(failed.error)
    assert (5 in portal.made(_BIND)) is (method == _BIND)


@pytest.mark.parametrize(
    ("method", "answer", "words"),
    [
        (_BIND, False, "portal user 3, may not change deal 10"),
        (_BIND, AccessDeniedError("Access denied.", method=_BIND), "portal user 3, may not change deal 10"),
        (_LIST, AccessDeniedError("Access denied.", method=_LIST), "portal user 3, may not read the CRM"),
    ],
    ids=["false", "an error", "no rights at all"],
)
def test_missing_rights_name_binding_and_user(method, answer, words):
    portal = Portal(_home(range(5, 6)), lambda record: True)
    portal.answers[method, 5] = answer
    [outcome] = portal.run([(5, "deal", 10)])
    assert isinstance(outcome.error, AccessDeniedError)
    row = outcome.to_json()
    assert row["ERROR"] == "ACCESS_DENIED"
    assert f"record 5 on deal 10 was not bound: {words}. Give that user the right" in row["ERROR_DESCRIPTION"]


def test_an_error_without_a_code_is_named_by_its_class():
    portal = Portal(_home(range(5, 6)), lambda record: True)
    portal.answers[_BIND, 5] = InvalidParameterError(method=_BIND)
    [outcome] = portal.run([(5, "deal", 10)])
    assert outcome.to_json()["ERROR"] == "InvalidParameterError"
    assert "no reason given" in outcome.to_json()["ERROR_DESCRIPTION"]


def test_a_lost_answer_to_whether_the_item_exists_is_no_binding_that_may_have_been_made():
    plan = bind_records(parse_bindings([(5, "deal", 10)]), Progress(), check_record=False, check_item=True)
    [question] = next(plan).calls
    lost = AmbiguousWriteError(method=question.method)
    assert lost.may_have_acted
    with pytest.raises(StopIteration) as stopped:
        plan.send([Outcome(question, error=lost)])
    [outcome] = stopped.value.value
    assert "record 5 on deal 10 was not bound" in str(outcome.error)


# ---------------------------------------------------------------- existence


@pytest.mark.parametrize(
    ("error", "exists"),
    [(NotFoundError("Not found."), False), (AccessDeniedError("Access denied."), True), (None, True)],
)
def test_existence(error, exists):
    call = record_call(5)
    outcome = Outcome(call, error=error) if error else Outcome(call, Reply({"ID": "5"}))
    assert record_exists(outcome) is exists


def test_an_error_does_not_tell_of_existence():
    with pytest.raises(ServerError):
        record_exists(Outcome(record_call(5), error=ServerError("boom")))


def test_no_such_record():
    assert "timeline record 5 does not exist" in str(no_such_record(5))
