"""Operators whose worker is freed while the portal's limits are used up, executed on their own."""

from __future__ import annotations

import time
from functools import cached_property

import pytest
from airflow.exceptions import TaskDeferred
from no_waits import no_long_waits
from operator_alone import Store, context_of

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import AmbiguousWriteError, LimitError
from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.items import (
    DeleteCrmItemsOperator,
    UpdateCrmItemsOperator,
    UpsertCrmItemsOperator,
)
from airflow_provider_bitrix24.operators.rest import Bitrix24BatchOperator, Bitrix24CallOperator
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    AddTimelineLogMessageOperator,
    BindTimelineRecordOperator,
    DeleteTimelineCommentOperator,
    ListTimelineBindingsOperator,
    MoveTimelineRecordOperator,
    SetTimelineBindingsOperator,
    TransferTimelineOperator,
    UnbindTimelineRecordOperator,
    UpdateTimelineCommentOperator,
)
from airflow_provider_bitrix24.triggers.limit import LimitTrigger

ADD, BIND = "crm.timeline.comment.add", "crm.timeline.bindings.bind"
DEAL = {"fields": {"TITLE": "Once"}}
DEAL_ADD = {"method": "crm.deal.add", "api_params": DEAL}


class Limit:
    """A limit of the portal, which both the portal and what remembers it for the client forget in the end."""

    def __init__(self, portal, connection):
        self._portal = portal
        self._connection = connection

    def begin(self, method=None, **options):
        """Let the portal refuse requests, or the calls of a method only."""
        self._connection(self._portal.connection(plan="self-hosted", pacing="process"))
        self._portal.inject("error", method, code="OPERATION_TIME_LIMIT", status=429, times=None, **options)

    def end(self):
        """Let it accept them again; another ledger knows of no limit."""
        self._portal.faults.clear()
        self._connection(self._portal.connection(plan="self-hosted", pacing="machine"))


@pytest.fixture
def limit(portal, connection):
    return Limit(portal, connection)


def waits(cls, **arguments):
    return cls(task_id="t", deferrable=True, max_wait_in_worker=0, **arguments)


def deferred(operator, work):
    """Do work that has to end in a deferral, and return what goes with it."""
    with pytest.raises(TaskDeferred) as caught:
        work(operator)
    assert caught.value.method_name == "resume"
    trigger = caught.value.trigger
    assert caught.value.kwargs == {"state": trigger.state}
    assert isinstance(trigger, LimitTrigger)
    assert time.time() < trigger.until < time.time() + 60
    assert trigger.reason
    return trigger.state


def statuses(result):
    rows = [result] if isinstance(result, dict) else result
    return [row["STATUS"] for row in rows]


def one_number(result):
    return "a number" if isinstance(result, int) and result > 0 else result


#: each with what its result comes to
OPERATORS = [
    (BindTimelineRecordOperator, {"bindings": [["{record}", "contact", 1]]}, statuses, ["bound"]),
    (BindTimelineRecordOperator, {"record_id": "{record}", "related_to": "D_{deal}"}, statuses, ["bound"]),
    (UnbindTimelineRecordOperator, {"bindings": [["{record}", "contact", 2]]}, statuses, ["unbound"]),
    (
        SetTimelineBindingsOperator,
        {"record_id": "{record}", "items": ["C_2"]},
        statuses,
        ["already_bound", "unbound"],
    ),
    (
        MoveTimelineRecordOperator,
        {"record_id": "{record}", "source": "D_1", "target": "C_1"},
        statuses,
        ["moved"],
    ),
    (ListTimelineBindingsOperator, {"record_id": "{record}"}, len, 2),
    (AddTimelineCommentOperator, {"item": "D_1", "comment": "x"}, one_number, "a number"),
    (AddTimelineCommentsOperator, {"rows": [{"item": "D_1", "comment": "x"}] * 2}, statuses, ["added"] * 2),
    (
        UpdateTimelineCommentOperator,
        {"record_id": "{record}", "comment": "x", "item": "C_2"},
        one_number,
        "a number",
    ),
    (DeleteTimelineCommentOperator, {"record_id": "{record}", "item": "C_2"}, statuses, ["unbound"]),
    (AddTimelineLogMessageOperator, {"item": "D_1", "title": "T", "text": "x"}, one_number, "a number"),
    (BindActivityOperator, {"bindings": [["{call}", "contact", 1]]}, statuses, ["bound"]),
    (UnbindActivityOperator, {"bindings": [["{call}", "contact", 2]]}, statuses, ["unbound"]),
    (TransferTimelineOperator, {"source": "D_{deal}", "target": "C_1"}, statuses, ["shared"]),
    (
        UpsertCrmItemsOperator,
        {"entity_type": "deal", "rows": [{"title": "x", "origin_id": "A1"}], "key": "origin_id"},
        statuses,
        ["created"],
    ),
    (
        UpdateCrmItemsOperator,
        {"entity_type": "deal", "rows": [{"id": 1, "title": "x"}]},
        statuses,
        ["updated"],
    ),
    (DeleteCrmItemsOperator, {"entity_type": "deal", "ids": ["{deal}"]}, statuses, ["deleted"]),
    (Bitrix24CallOperator, {"method": "crm.deal.get", "api_params": {"id": 1}}, lambda deal: deal["ID"], "1"),
    (Bitrix24CallOperator, DEAL_ADD, one_number, "a number"),
    (
        Bitrix24BatchOperator,
        {"calls": [{"method": "crm.deal.add", "params": DEAL}] * 2},
        statuses,
        ["done"] * 2,
    ),
]


@pytest.fixture
def numbers(portal):
    """A record and an activity, each on deal 1 and contact 2, and a deal with one contact and one comment."""
    record = portal.add_comment("deal", 1, "Hello")
    portal.bind(record, "contact", 2)
    call = portal.add_activity("deal", 1, subject="Call")
    portal.bind_activity(call, "contact", 2)
    deal = portal.add_item("deal", {"CONTACT_ID": 3})
    portal.add_comment("deal", deal, "Alone")
    return {"record": record, "call": call, "deal": deal}


def filled(value, numbers):
    """Return arguments with the numbers that they name."""
    if isinstance(value, str):
        return value.format(**numbers)
    if isinstance(value, dict):
        return {key: filled(item, numbers) for key, item in value.items()}
    return [filled(item, numbers) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("cls", "arguments", "view", "expected"), OPERATORS)
def test_a_limit_frees_the_worker_and_the_work_is_done_after_it(
    portal, numbers, limit, cls, arguments, view, expected
):
    arguments = filled(arguments, numbers)
    limit.begin()
    state = deferred(waits(cls, **arguments), lambda operator: operator.execute(context_of()))
    assert portal.requests
    assert not any(entry.executed for entry in portal.journal)
    limit.end()
    operator = waits(cls, **arguments)
    assert view(operator.resume(context_of(), {"status": "over", "state": state})) == expected
    if cls not in (Bitrix24CallOperator, Bitrix24BatchOperator):
        assert operator.card_address.startswith(portal.url)


@pytest.mark.parametrize(("cls", "arguments", "view", "expected"), OPERATORS)
def test_without_an_event_the_task_knows_what_the_deferral_took_along(
    portal, numbers, limit, cls, arguments, view, expected
):
    """Airflow may resume a deferred task before its trigger has fired."""
    arguments = filled(arguments, numbers)
    limit.begin()
    state = deferred(waits(cls, **arguments), lambda operator: operator.execute(context_of()))
    limit.end()
    assert view(waits(cls, **arguments).resume(context_of(), state=state)) == expected


_ALL_BUT_BATCHES = [entry for entry in OPERATORS if entry[0] is not Bitrix24BatchOperator]


@pytest.mark.parametrize(("cls", "arguments", "view", "expected"), _ALL_BUT_BATCHES)
def test_where_nothing_tells_what_was_done_before_a_deferral_it_is_looked_up(
    portal, numbers, cls, arguments, view, expected
):
    arguments = filled(arguments, numbers)
    with no_long_waits():
        assert view(waits(cls, **arguments).resume(context_of(), None)) == expected


@pytest.mark.parametrize("event", [None, {}, {"status": "over"}], ids=["no event", "nothing", "no state"])
def test_calls_of_which_nothing_is_known_after_a_deferral_are_reported(portal, event):
    operator = waits(Bitrix24BatchOperator, calls=[{"method": "crm.deal.add", "params": DEAL}])
    with pytest.raises(AmbiguousWriteError):
        operator.resume(context_of(), event)
    assert not portal.calls("crm.deal.add")


@pytest.mark.parametrize("comes_back", [True, False], ids=["with what it took along", "with nothing"])
def test_comments_that_are_added_before_a_deferral_are_not_added_after_it_without_an_event(
    portal, limit, comes_back
):
    rows = [{"item": "D_1", "comment": f"Comment {number}"} for number in range(60)]
    limit.begin(ADD, params={"fields": {"COMMENT": "Comment 55"}})

    def operator():
        return waits(AddTimelineCommentsOperator, rows=rows, max_in_flight=1)

    context = context_of()
    state = deferred(operator(), lambda task: task.execute(context))
    assert len(portal.comments("deal", 1)) >= 50
    limit.end()
    with no_long_waits():
        result = operator().resume(context, None, **({"state": state} if comes_back else {}))
    assert statuses(result) == ["added"] * 60
    texts = [comment.text for comment in portal.comments("deal", 1) if "Comment " in comment.text]
    assert sorted(texts) == sorted(row["comment"] for row in rows)


@pytest.mark.parametrize("comes_back", [True, False], ids=["with what it took along", "with nothing"])
def test_a_comment_that_waits_to_be_bound_is_not_added_again_without_an_event(portal, limit, comes_back):
    limit.begin(BIND)
    arguments = {"item": "D_1", "comment": "x", "bind_to": ["C_1"]}
    context = context_of()
    state = deferred(waits(AddTimelineCommentOperator, **arguments), lambda task: task.execute(context))
    limit.end()
    more = {"state": state} if comes_back else {}
    with no_long_waits():
        record = waits(AddTimelineCommentOperator, **arguments).resume(context, None, **more)
    assert portal.bindings(record) == [("contact", 1), ("deal", 1)]
    assert len(portal.calls(ADD)) == 1


@pytest.mark.parametrize(("cls", "arguments", "view", "expected"), OPERATORS)
def test_a_limit_fails_a_task_that_does_not_defer(
    portal, numbers, limit, monkeypatch, cls, arguments, view, expected
):
    class Impatient(cls):
        @cached_property
        def hook(self):
            return Bitrix24Hook(self.bitrix24_conn_id, max_wait=0)

    limit.begin()
    operator = Impatient(task_id="t", **filled(arguments, numbers))
    with pytest.raises(LimitError) as caught:
        operator.execute(context_of())
    assert caught.value.retry_after > 0


def test_what_is_done_before_the_wait_comes_back_after_it(portal, limit):
    """The second batch is refused; what the first did is known, although nothing else keeps it."""
    deals = portal.add_items("deal", [{}] * 60)
    record = portal.add_comment("deal", 1, "Everywhere")
    bindings = [[record, "deal", deal] for deal in deals]
    limit.begin(BIND, params={"fields": {"ENTITY_ID": deals[55]}})

    def operator():
        return waits(BindTimelineRecordOperator, bindings=bindings, check_record=False, max_in_flight=1)

    state = deferred(operator(), lambda task: task.execute(context_of()))
    done = {position for position, _ in state["known"]}
    assert set(range(50)) <= done
    assert 55 not in done
    limit.end()
    portal.clear_journal()
    rows = operator().resume(context_of(), {"state": state})
    assert statuses(rows) == ["bound"] * 60
    assert len(portal.calls(BIND)) == 60 - len(done)


def test_what_a_store_keeps_does_not_travel(portal, limit):
    limit.begin(ADD, params={"fields": {"COMMENT": "b"}})
    rows = [{"item": "D_1", "comment": text} for text in "ab"]
    store = Store()

    def operator():
        return waits(AddTimelineCommentsOperator, rows=rows)

    context = context_of(task_state_store=store)
    state = deferred(operator(), lambda task: task.execute(context))
    assert state.keys() == {"digest", "checked"}
    limit.end()
    assert statuses(operator().resume(context, {"state": {}})) == ["added"] * 2
    assert [call.params["fields"]["COMMENT"] for call in portal.calls(ADD)] == ["a", "b"]


@pytest.mark.parametrize("event", [None, {"status": "over", "state": {}}], ids=["no event", "no state"])
def test_a_resumption_that_brings_nothing_does_not_hide_an_earlier_try(portal, event):
    """Nothing else tells what that one did, where nothing is kept."""
    call = {"method": "crm.deal.add", "params": DEAL}
    operator = waits(Bitrix24BatchOperator, calls=[call], retries=1)
    with pytest.raises(AmbiguousWriteError, match="an earlier try"):
        operator.resume(context_of(2, 1), event)
    assert not portal.calls("crm.deal.add")


def test_a_second_wait_in_a_second_try_knows_of_the_first_try(portal, limit):
    """What is not known to be done by then may have been done by the first try."""
    limit.begin("crm.deal.add")
    calls = [{"method": "crm.deal.get", "params": {"id": 1}}, {"method": "crm.deal.add", "params": DEAL}]

    def operator():
        return waits(Bitrix24BatchOperator, calls=calls, retries=1, fail_on="never")

    state = deferred(operator(), lambda task: task.execute(context_of(1, 1)))
    assert state["earlier_since"] is None
    limit.end()
    assert statuses(operator().resume(context_of(1, 1), {"state": state})) == ["done"] * 2
    [_, row] = operator().execute(context_of(2, 1))
    assert row["ERROR"] == "AmbiguousWriteError"
    assert len(portal.calls("crm.deal.add")) == 1


def test_a_comment_that_is_added_is_only_bound_after_the_wait(portal, limit):
    limit.begin(BIND)
    arguments = {"item": "D_1", "comment": "x", "bind_to": ["C_1", "C_2"]}
    state = deferred(
        waits(AddTimelineCommentOperator, **arguments), lambda operator: operator.execute(context_of())
    )
    [[_, record]] = state["known"]
    limit.end()
    operator = waits(AddTimelineCommentOperator, **arguments)
    assert operator.resume(context_of(), {"state": state}) == record
    assert operator.card_address == f"{portal.url}/crm/deal/details/1/"
    assert portal.bindings(record) == [("contact", 1), ("contact", 2), ("deal", 1)]
    assert len(portal.calls(ADD)) == 1


def test_a_comment_that_waits_twice_is_added_once(portal, limit, long_waits_skipped):
    limit.begin(BIND)
    arguments = {"item": "D_1", "comment": "x", "bind_to": ["C_1"]}
    state = deferred(
        waits(AddTimelineCommentOperator, **arguments), lambda operator: operator.execute(context_of())
    )
    for _ in range(2):
        again = deferred(
            waits(AddTimelineCommentOperator, **arguments),
            lambda operator: operator.resume(context_of(), {"state": state}),
        )
        assert again == state
    assert len(portal.calls(ADD)) == 1


def test_the_log_says_for_how_long_and_why(portal, numbers, limit, written):
    limit.begin()
    operator = waits(ListTimelineBindingsOperator, record_id=numbers["record"])
    deferred(operator, lambda task: task.execute(context_of()))
    line = next(line for line in written().splitlines() if "holds no worker until then" in line)
    assert "The task goes on in " in line
    assert "LimitError" in line or "limit" in line.lower()


def test_what_is_known_comes_along_while_the_items_are_still_looked_up(
    portal, numbers, limit, long_waits_skipped
):
    """What a record is to be bound to is asked for anew after each wait."""
    state = {"digest": "d", "known": [[0, True]], "unclear": [], "earlier_since": None}
    limit.begin()
    operator = waits(BindTimelineRecordOperator, record_id=numbers["record"], related_to="D_1")
    assert deferred(operator, lambda task: task.resume(context_of(), {"state": state})) == state


@pytest.mark.parametrize(
    ("cls", "arguments", "method", "check"),
    [
        (Bitrix24CallOperator, DEAL_ADD, "crm.deal.add", "crm.deal.fields"),
        (
            Bitrix24CallOperator,
            {"method": "crm.deal.update", "api_params": {"id": 1, **DEAL}},
            "crm.deal.update",
            "crm.deal.fields",
        ),
        (
            Bitrix24BatchOperator,
            {"calls": [{"method": "crm.deal.add", "params": DEAL}]},
            "crm.deal.add",
            "crm.deal.fields",
        ),
        (
            AddTimelineLogMessageOperator,
            {"item": "D_1", "title": "T", "text": "x"},
            "crm.timeline.logmessage.add",
            "crm.item.get",
        ),
        (AddTimelineCommentOperator, {"item": "D_1", "comment": "x"}, ADD, "crm.item.get"),
        (AddTimelineCommentsOperator, {"rows": [{"item": "D_1", "comment": "x"}]}, ADD, "crm.item.get"),
        (BindTimelineRecordOperator, {"bindings": [["{record}", "contact", 1]]}, BIND, "crm.item.get"),
    ],
)
@pytest.mark.parametrize("stored", [False, True], ids=["no store", "a store"])
def test_what_was_checked_before_a_deferral_is_not_checked_after_it(
    portal, numbers, limit, cls, arguments, method, check, stored, long_waits_skipped
):
    arguments = filled(arguments, numbers)
    context = context_of(**({"task_state_store": Store()} if stored else {}))
    limit.begin(method)
    state = deferred(waits(cls, **arguments), lambda operator: operator.execute(context))
    assert len(portal.calls(check)) == 1
    state = deferred(waits(cls, **arguments), lambda operator: operator.resume(context, state=state))
    limit.end()
    waits(cls, **arguments).resume(context, state=state)
    assert len(portal.calls(check)) == 1


def test_an_item_that_does_not_exist_gets_no_binding_after_a_deferral_either(portal, numbers, limit):
    bindings = [[numbers["record"], "contact", 1], [numbers["record"], "contact", 999_999]]
    arguments = {"bindings": bindings, "fail_on": "never"}
    limit.begin(BIND)
    state = deferred(waits(BindTimelineRecordOperator, **arguments), lambda task: task.execute(context_of()))
    limit.end()
    operator = waits(BindTimelineRecordOperator, **arguments)
    assert statuses(operator.resume(context_of(), state=state)) == ["bound", "failed"]
    assert ("contact", 999_999) not in portal.bindings(numbers["record"])
