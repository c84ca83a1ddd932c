"""The hook's methods for any method: calls, batches and plans, in ordinary code and in an event loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from hook_helpers import secrets_in, whole_story

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import (
    AccessDeniedError,
    AmbiguousWriteError,
    AuthenticationError,
    ConnectionLostError,
    ConnectionUnreadableError,
    InsufficientScopeError,
    InvalidConnectionError,
    InvalidInputError,
    MethodNotFoundError,
    NotFoundError,
    PlanError,
    PortalUnreachableError,
    RejectedError,
    RequestLimitError,
    ServerError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.plans import Wait, Work, carry_out_calls
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.reply import Reply

_DEALS = "crm.deal.list"


def _deals(box: Any, count: int) -> None:
    box.add_items("deal", [{"TITLE": f"Deal {number}"} for number in range(count)])


# ---------------------------------------------------------------- calls


def test_a_call(box, hook, door):
    _deals(box, 1)
    assert door.call(hook, "crm.deal.get", {"id": 1})["TITLE"] == "Deal 0"
    assert box.calls("crm.deal.get")[0].params == {"id": 1}


def test_a_reply(box, hook, door):
    _deals(box, 3)
    reply = door.call_reply(hook, _DEALS, {"select": ["ID"]})
    assert [row["ID"] for row in reply.result] == ["1", "2", "3"]
    assert (reply.total, reply.next) == (3, None)
    assert "duration" in reply.time


def test_a_method_of_rest_3_is_not_just_a_misspelt_one(hook):
    with pytest.raises(MethodNotFoundError, match=r"this provider does not speak REST 3\.0"):
        hook.call("main.eventlog.list", {"pagination": {"limit": 50, "offset": 0}})


@pytest.mark.parametrize(
    ("arrange", "method", "params", "kind"),
    [
        (lambda box: None, "crm.deal.get", {"id": 99}, NotFoundError),
        (lambda box: None, "crm.no.such.method", {}, MethodNotFoundError),
        (lambda box: box.revoke_webhook(), "profile", {}, AuthenticationError),
        (lambda box: box.set_plan(False), "profile", {}, PlanError),
        (lambda box: box.inject("result", "crm.deal.get", result=True), "crm.deal.get", {"id": 1}, None),
        (lambda box: box.inject("error", code="NEW", description="x"), "profile", {}, RejectedError),
    ],
    ids=["no item", "no method", "revoked", "no plan", "a wrong result", "an unknown error"],
)
def test_a_call_that_fails(box, hook, door, arrange, method, params, kind):
    _deals(box, 1)
    arrange(box)
    code = box.webhook_code()
    with pytest.raises(kind or UnexpectedResultError) as caught:
        door.call(hook, method, params)
    error = caught.value
    assert error.method == method
    assert error.portal == f"127.0.0.1:{box.port}"
    assert isinstance(error, AirflowFailException) is error.permanent
    assert not secrets_in(whole_story(error), code)


def test_missing_rights_and_scopes(box, connect, door):
    box.add_user(9, "Nine", scopes=("im",))
    with pytest.raises(InsufficientScopeError, match="Add the scope crm to the webhook or application"):
        door.call(connect(box.connection(user_id=9)), "crm.deal.list")
    box.add_user(8, "Eight", may_read=False, may_update=False)
    with pytest.raises(AccessDeniedError):
        door.call(connect(box.connection(user_id=8)), "crm.deal.list")


@pytest.mark.parametrize(
    ("method", "params", "options"),
    [
        ("crm.deal.get?id=1", {}, {}),
        ("", {}, {}),
        (None, {}, {}),
        ("crm.deal.get", {"auth": "x"}, {}),
        ("crm.deal.get", {"id": b"1"}, {}),
        ("crm.deal.get", [1], {}),
        ("crm.deal.get", {"id": 1}, {"repeatable": "yes"}),
    ],
    ids=str,
)
def test_what_cannot_be_sent_is_not_sent(box, hook, door, method, params, options):
    with pytest.raises(InvalidInputError) as caught:
        door.call(hook, method, params, **options)
    assert isinstance(caught.value, ValueError)
    assert box.requests == []


def test_a_read_is_tried_again(box, hook, door):
    box.inject("status", status=502, body="html")
    assert door.call(hook, "profile")["ID"] == "1"
    assert [entry.status for entry in box.requests] == [502, 200]


def test_attempts_are_counted(box, connect, door):
    box.inject("status", status=502, body="html", times=None)
    with pytest.raises(ServerError):
        door.call(connect(box.connection(), max_attempts=2), "profile")
    assert len(box.requests) == 2


@pytest.mark.parametrize("fault", ["drop_after", "status", "truncate"])
def test_a_write_of_unknown_fate_is_not_sent_again(box, hook, door, fault):
    options = {"status": {"executed": True, "status": 504}, "truncate": {"clean": True}}.get(fault, {})
    box.inject(fault, "crm.deal.add", **options)
    with pytest.raises(AmbiguousWriteError, match="look in the portal") as caught:
        door.call(hook, "crm.deal.add", {"fields": {"TITLE": "once"}})
    assert isinstance(caught.value, AirflowFailException)
    assert len(box.items("deal")) == 1
    assert len(box.requests) == 1


def test_repeatable_says_that_twice_does_no_harm(box, hook, door):
    box.inject("drop_after", "crm.deal.add")
    assert door.call(hook, "crm.deal.add", {"fields": {"TITLE": "twice"}}, repeatable=True) == 2


def test_a_limit_that_would_take_too_long(box, connect, door):
    hook = connect(box.connection(requests_per_second=0.01, burst=1), max_wait=5)
    assert door.call(hook, "profile")["ID"] == "1"
    with pytest.raises(RequestLimitError, match="Try again in") as caught:
        door.call(hook, "profile")
    assert caught.value.retry_after > 50
    assert len(box.requests) == 1


def test_pacing_off_is_this_hooks_own(box, connect, door):
    slow = connect(box.connection(requests_per_second=0.01, burst=1), max_wait=5)
    door.call(slow, "profile")
    hook = connect(box.connection(pacing="off", requests_per_second=0.01, burst=1), max_wait=5)
    for _ in range(3):
        assert door.call(hook, "profile")["ID"] == "1"


def test_pacing_by_redis_needs_a_connection_to_it(box, connect, door):
    with pytest.raises(InvalidConnectionError, match="redis_conn_id: it is needed for pacing 'redis'"):
        door.call(connect(box.connection(pacing="redis")), "profile")
    assert box.requests == []


def test_no_connection_of_that_name(door):
    with pytest.raises(ConnectionUnreadableError, match="does not find the connection 'no_such_connection'"):
        door.call(Bitrix24Hook("no_such_connection"), "profile")


def test_a_portal_that_is_not_there(box, connect, door):
    hook = connect(box.connection(), max_attempts=1)
    box.stop()
    with pytest.raises(PortalUnreachableError):
        door.call(hook, "profile")


def test_a_late_answer(box, connect, door):
    hook = connect(box.connection(timeout=1), max_attempts=1)
    box.inject("delay", "crm.deal.update", seconds=3.0, executed=True)
    _deals(box, 1)
    with pytest.raises(ConnectionLostError):
        door.call(hook, "crm.deal.update", {"id": 1, "fields": {"TITLE": "late"}})


def test_a_moved_portal_is_followed(box, hook, door):
    old = box.url
    assert box.rename() != old
    assert door.call(hook, "profile")["ID"] == "1"


# ---------------------------------------------------------------- batches


def test_a_batch(box, hook, door):
    _deals(box, 120)
    outcomes = door.batch(hook, [Call("crm.deal.get", {"id": number}) for number in range(1, 121)])
    assert [outcome.result["ID"] for outcome in outcomes] == [str(number) for number in range(1, 121)]
    assert len(box.requests) == 3


def test_a_batch_with_a_failure_in_it(box, hook, door):
    _deals(box, 1)
    calls = [Call("crm.deal.get", {"id": 1}), Call("crm.deal.get", {"id": 9}), Call("profile")]
    found, missing, profile = door.batch(hook, iter(calls))
    assert found.ok
    assert missing.error.method == "crm.deal.get"
    with pytest.raises(NotFoundError) as caught:
        missing.unwrap()
    assert isinstance(caught.value, AirflowFailException)
    assert profile.result["ID"] == "1"


@pytest.mark.parametrize("calls", [["profile"], [Call("profile"), {"method": "profile"}], [None]], ids=str)
def test_what_is_no_call_is_not_sent(box, hook, door, calls):
    with pytest.raises(TypeError, match=r"calls\[\d\]: \w+ is not a Call"):
        door.batch(hook, calls)
    assert box.requests == []


def test_an_empty_batch(box, hook, door):
    assert door.batch(hook, []) == []
    assert box.requests == []


READ, CHANGE, ADD = Call("profile"), Call("crm.deal.update", {"id": 1}), Call("crm.deal.add")


@pytest.mark.parametrize(
    ("calls", "options", "in_flight"),
    [
        ([READ, READ], {}, 20),
        ([READ, CHANGE], {}, 1),
        ([ADD], {}, 1),
        ([Call("crm.deal.add", repeatable=True)], {}, 1),
        ([READ], {"max_in_flight": 3}, 3),
        ([ADD, READ], {"max_in_flight": 20}, 20),
        ([ADD, READ], {"max_in_flight": 1}, 1),
        ([READ], {"max_in_flight": None}, 20),
    ],
    ids=["reads", "a change", "an add", "repeatable", "as told", "adds, as told", "one", "none"],
)
def test_how_much_of_a_batch_is_under_way(hook, monkeypatch, calls, options, in_flight):
    seen = []

    def batch(given, *, in_flight):
        seen.append(in_flight)
        return [Outcome(call, Reply(True)) for call in given]

    monkeypatch.setattr(hook.get_conn(), "batch", batch)
    assert [outcome.call for outcome in hook.batch(iter(calls), **options)] == calls
    assert seen == [in_flight]


@pytest.mark.parametrize("value", [0, 21, -1, True, 2.0, "3"], ids=repr)
def test_how_much_of_a_batch_cannot_be_under_way(box, hook, value):
    with pytest.raises(InvalidInputError, match=r"^max_in_flight: .* is not a whole number from 1 to 20"):
        hook.batch([READ], max_in_flight=value)
    assert box.requests == []


@pytest.mark.parametrize("max_in_flight", [None, 1, 3])
def test_outcomes_of_a_batch_are_in_order_however_much_is_under_way(box, hook, max_in_flight):
    _deals(box, 220)
    calls = [Call("crm.deal.get", {"id": number}) for number in range(220, 0, -1)]
    outcomes = hook.batch(calls, max_in_flight=max_in_flight)
    assert [outcome.result["ID"] for outcome in outcomes] == [str(number) for number in range(220, 0, -1)]
    assert len(box.requests) == 5


# ---------------------------------------------------------------- plans


def asking(*calls):
    """A plan that asks once, and returns the results."""
    outcomes = yield Work(list(calls))
    return [outcome.unwrap() for outcome in outcomes]


def test_a_plan_that_asks(box, hook, door):
    _deals(box, 60)
    calls = [Call("crm.deal.get", {"id": number}) for number in range(1, 61)]
    found = door.carry_out(hook, asking(*calls))
    assert [deal["ID"] for deal in found] == [str(number) for number in range(1, 61)]
    assert len(box.requests) == 2


def test_a_plan_without_work_sends_nothing(box, hook, door):
    assert door.carry_out(hook, carry_out_calls([], Progress())) == []
    assert box.requests == []


def test_what_a_plan_raises_is_an_error_that_airflow_knows(hook, door):
    with pytest.raises(NotFoundError) as caught:
        door.carry_out(hook, asking(Call("crm.deal.get", {"id": 9})))
    assert isinstance(caught.value, AirflowFailException)


def test_missing_rights_say_whose(box, connect, door):
    box.add_user(9, "Nine", may_update=False)
    _deals(box, 1)
    with pytest.raises(AccessDeniedError) as caught:
        door.call(connect(box.connection(user_id=9)), "crm.deal.update", {"id": 1, "fields": {"TITLE": "x"}})
    assert caught.value.owner == "portal user 9, the owner of the webhook"


def test_a_plan_keeps_what_is_known_up_to_date(box, hook):
    calls = [Call("crm.deal.add", {"fields": {"TITLE": title}}) for title in "abc"]
    progress = Progress({1: 77})
    outcomes = hook.carry_out(carry_out_calls(calls, progress), progress)
    assert [outcome.result for outcome in outcomes] == [1, 77, 2]
    assert progress.known == {0: 1, 1: 77, 2: 2}
    assert progress.unclear == {}
    assert [deal["TITLE"] for deal in box.items("deal").values()] == ["a", "c"]


@pytest.mark.parametrize(("given", "in_flight"), [({}, 1), ({"in_flight": 7}, 7)])
def test_how_much_of_a_plan_is_under_way(hook, monkeypatch, given, in_flight):
    seen = []

    def carry_out(plan, progress, *, in_flight):
        seen.append((in_flight, progress.known))
        return "done"

    monkeypatch.setattr(hook.get_conn(), "carry_out", carry_out)
    assert hook.carry_out(asking(), **given) == "done"
    assert seen == [(in_flight, {})]


def test_a_plan_waits_in_ordinary_code_only(box, hook):
    def plan():
        yield Wait(0.01, "a moment")
        return (yield Work([READ]))[0].unwrap()["ID"]

    assert hook.carry_out(plan()) == "1"
    with pytest.raises(TypeError, match="is carried out by the synchronous client"):
        asyncio.run(hook.acarry_out(plan()))
