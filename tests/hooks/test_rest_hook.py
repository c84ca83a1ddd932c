from __future__ import annotations

import asyncio
import base64
import copy
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from hook_helpers import secrets_in, whole_story

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import (
    AccessDeniedError,
    AmbiguousWriteError,
    AuthenticationError,
    Bitrix24Error,
    ConnectionLostError,
    ConnectionUnreadableError,
    IncompleteListError,
    InsufficientScopeError,
    InvalidConnectionError,
    InvalidInputError,
    MethodNotFoundError,
    MorePagesError,
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
from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

_DEALS = "crm.deal.list"


class Doors:
    """The ordinary and the asynchronous methods of a hook under the same names."""

    def __init__(self, asynchronous: bool) -> None:
        self.asynchronous = asynchronous

    def _run(self, hook: Bitrix24Hook, name: str, *args: Any, **options: Any) -> Any:
        if self.asynchronous:
            return asyncio.run(getattr(hook, f"a{name}")(*args, **options))
        return getattr(hook, name)(*args, **options)

    def call(self, hook: Bitrix24Hook, *args: Any, **options: Any) -> Any:
        return self._run(hook, "call", *args, **options)

    def call_reply(self, hook: Bitrix24Hook, *args: Any, **options: Any) -> Any:
        return self._run(hook, "call_reply", *args, **options)

    def batch(self, hook: Bitrix24Hook, *args: Any) -> Any:
        return self._run(hook, "batch", *args)

    def carry_out(self, hook: Bitrix24Hook, plan: Any) -> Any:
        return self._run(hook, "carry_out", plan)

    def records(self, hook: Bitrix24Hook, *args: Any) -> list[Any]:
        if not self.asynchronous:
            return list(hook.records(*args))

        async def read() -> list[Any]:
            return [row async for row in hook.arecords(*args)]

        return asyncio.run(read())


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def door(request: pytest.FixtureRequest) -> Doors:
    return Doors(request.param)


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


# ---------------------------------------------------------------- lists


def test_a_list_with_more_pages_is_an_error(box, hook, door):
    _deals(box, 51)
    with pytest.raises(
        MorePagesError, match=r"rows in all: 51.*Bitrix24ListOperator or .*records\(\)"
    ) as caught:
        door.call(hook, _DEALS)
    assert isinstance(caught.value, IncompleteListError)
    assert isinstance(caught.value, AirflowFailException)


def test_a_list_with_more_pages_inside_a_batch(box, hook, door):
    _deals(box, 51)
    with pytest.raises(MorePagesError, match=r"calls\[1\]: .*records\(\)") as caught:
        door.batch(hook, [Call("profile"), Call(_DEALS)])
    profile, deals = caught.value.outcomes
    assert isinstance(deals.error, MorePagesError)
    assert profile.result["ID"] == "1"
    assert len(deals.reply.result) == 50


@pytest.mark.parametrize("start", [{"start": 0}, {"START": 50}, {"Start": -1}], ids=str)
def test_who_asks_for_a_page_gets_it(box, hook, door, start):
    _deals(box, 51)
    assert door.call(hook, _DEALS, start)
    [outcome] = door.batch(hook, [Call(_DEALS, start)])
    assert outcome.ok


def test_a_list_of_one_page(box, hook, door):
    _deals(box, 50)
    assert len(door.call(hook, _DEALS)) == 50


def test_all_records(box, hook, door):
    _deals(box, 120)
    rows = door.records(hook, _DEALS, {"select": ["TITLE"]})
    assert [row["TITLE"] for row in rows] == [f"Deal {number}" for number in range(120)]


@pytest.mark.parametrize("documented", [True, False])
def test_all_log_messages(box, hook, door, documented):
    """The documentation has them in pages by ``start``, the product by ``offset``."""
    box.set_log_messages_as_documented(documented)
    box.add_item("deal", item_id=10)
    numbers = [box.add_log_message("deal", 10, "Sync", str(number)) for number in range(25)]
    rows = door.records(hook, "crm.timeline.logmessage.list", {"entityTypeId": 2, "entityId": 10})
    assert [row["id"] for row in rows] == numbers


def test_records_that_are_missing(box, hook, door):
    _deals(box, 60)
    box.inject("result", _DEALS, result=[{"ID": "1"}], times=None)
    with pytest.raises(IncompleteListError):
        door.records(hook, _DEALS)


def test_records_of_what_is_no_list(box, hook, door):
    with pytest.raises(UnexpectedResultError):
        door.records(hook, "profile")
    with pytest.raises(InvalidInputError):
        door.records(hook, _DEALS, {"start": 50})


def test_records_are_read_as_they_are_wanted(box, hook):
    _deals(box, 120)
    rows = hook.records(_DEALS)
    next(rows)
    assert len(box.requests) == 1
    rows.close()


def test_who_stops_reading_leaves_nothing_open(box, hook):
    _deals(box, 120)

    async def first() -> Any:
        rows = hook.arecords(_DEALS)
        row = await anext(rows)
        await rows.aclose()
        return row

    assert asyncio.run(first())["ID"] == "1"
    assert len(box.requests) == 1


# ---------------------------------------------------------------- downloads


@pytest.fixture
def link(box, connect) -> Callable[..., str]:
    """Return the link to a file as the hook's result holds it, and its hook."""

    def link(connection: Any = None) -> tuple[Bitrix24Hook, str]:
        document = {"fileData": ["a.txt", base64.b64encode(b"contents").decode()]}
        deal = box.add_item("deal", {"UF_CRM_DOCUMENT": document})
        hook = connect(connection or box.connection())
        item = hook.call("crm.item.get", {"entityTypeId": 2, "id": deal})["item"]
        return hook, str(item["ufCrmDocument"]["urlMachine"])

    return link


@pytest.mark.parametrize("oauth", [False, True], ids=["webhook", "application"])
def test_a_download(box, link, tmp_path, oauth):
    hook, url = link(box.oauth_connection() if oauth else box.connection())
    assert not secrets_in(url, box.webhook_code(), *box._world.oauth.access)
    path = hook.download(url, tmp_path / "a.txt")
    assert path.read_bytes() == b"contents"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("field", ["showUrl", "downloadUrl", "urlDownload"])
def test_a_download_that_needs_a_browser_says_what_needs_none(box, hook, tmp_path, field):
    deal = box.add_item("deal", {"UF_CRM_DOCUMENT": {"fileData": ["a.txt", "aGk="]}})
    record = box.add_comment("deal", deal, "with a file", files={"a.txt": b"hi"})
    links = dict(hook.call("crm.deal.get", {"id": deal})["UF_CRM_DOCUMENT"])
    links |= next(iter(hook.call("crm.timeline.comment.get", {"id": record})["FILES"].values()))
    with pytest.raises(UnexpectedResultError, match="a page instead of the file") as caught:
        hook.download(links[field], tmp_path / "a.txt")
    assert "urlMachine of crm.item.get" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_download_from_elsewhere(box, link, tmp_path):
    hook, url = link()
    before = len(box.requests)
    with Bitrix24Portal(limits=Limits.off()) as other:
        stranger = url.replace(box.url, other.url) if box.url in url else f"{other.url}{url}"
        with pytest.raises(InvalidInputError, match="does not lead to") as caught:
            hook.download(stranger, tmp_path / "a.txt")
        assert other.requests == []
    assert not secrets_in(whole_story(caught.value), box.webhook_code())
    assert len(box.requests) == before
    assert list(tmp_path.iterdir()) == []


def test_the_secret_in_a_link_is_put_back_for_its_portal_only(box, hook, tmp_path):
    link = f"{box.webhook_url()}profile"
    box.inject("result", "crm.deal.get", result={"FILE": link})
    shown = hook.call("crm.deal.get", {"id": 1})["FILE"]
    assert not secrets_in(shown, box.webhook_code())
    assert b'"NAME":"Admin"' in hook.download(shown, tmp_path / "a.txt").read_bytes()
    with pytest.raises(InvalidInputError) as caught:
        hook.download(shown.replace("127.0.0.1", "localhost"), tmp_path / "b.txt")
    assert not secrets_in(whole_story(caught.value), box.webhook_code())


def test_a_download_that_fails_leaves_nothing(box, link, tmp_path):
    hook, url = link()
    (tmp_path / "a.txt").write_text("before")
    box.inject("status", status=404, body="html", times=None)
    with pytest.raises(Bitrix24Error) as caught:
        hook.download(url, str(tmp_path / "a.txt"))
    assert not secrets_in(whole_story(caught.value), box.webhook_code())
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "before"


# ---------------------------------------------------------------- the hook itself


def test_the_connection_is_read_when_it_is_needed(box, connect):
    hook = connect(box.connection())
    assert box.requests == []
    assert copy.copy(hook).call("profile")["ID"] == "1"
    assert hook.get_conn() is hook.get_conn()


def test_a_closed_hook_opens_again(hook):
    hook.call("profile")
    hook.close()
    hook.close()
    assert hook.call("profile")["ID"] == "1"


def test_both_doors_share_one_session(box, connect, supervisor):
    hook = connect(box.oauth_connection())
    box.expire_access_tokens()

    async def work() -> Any:
        return await hook.acall("profile")

    assert asyncio.run(work())["ID"] == "1"
    assert hook.call("profile")["ID"] == "1"
    assert box.renew_count == 1
    assert [entry.status for entry in box.requests] == [401, 200, 200]


def test_many_coroutines_at_once(box, hook):
    _deals(box, 20)

    async def work() -> list[Any]:
        return await asyncio.gather(*[hook.acall("crm.deal.get", {"id": n}) for n in range(1, 21)])

    assert [deal["ID"] for deal in asyncio.run(work())] == [str(number) for number in range(1, 21)]


def test_secrets_are_masked_before_anything_is_sent(box, connect, supervisor, door):
    hook = connect(box.connection())
    box.stop()
    hook = connect(box.connection(), max_attempts=1)
    with pytest.raises(PortalUnreachableError):
        door.call(hook, "profile")
    assert box.webhook_code() in supervisor.masked


def test_nothing_shown_of_a_hook_is_a_secret(box, hook):
    hook.call("profile")
    shown = f"{hook!r} {hook.get_conn()!r} {vars(hook)!r} {vars(hook.get_conn())!r}"
    assert not secrets_in(shown, box.webhook_code())


@pytest.mark.parametrize("oauth", [False, True], ids=["webhook", "application"])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_before"},
        {"kind": "drop_after"},
        {"kind": "status", "status": 500, "body": "html"},
        {"kind": "raw", "raw": b"echo: %s"},
        {"kind": "error", "code": "%s", "description": "token %s is wrong"},
        {"kind": "truncate"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_nothing_told_of_a_failure_is_a_secret(box, connect, door, fault, oauth):
    hook = connect(box.oauth_connection() if oauth else box.connection(), max_attempts=1)
    secrets = [box.webhook_code(), *box._world.oauth.access, *box._world.oauth.refresh, box.client_secret]
    echoed = secrets[1] if oauth else secrets[0]
    options = {
        name: value.replace(b"%s", echoed.encode())
        if isinstance(value, bytes)
        else value.replace("%s", echoed)
        if isinstance(value, str)
        else value
        for name, value in fault.items()
    }
    box.inject(**options, times=None)
    with pytest.raises(Bitrix24Error) as caught:
        door.call(hook, "profile")
    assert not secrets_in(whole_story(caught.value), *secrets)
    assert caught.value.to_json()["type"] == type(caught.value).__name__


def test_calls_of_known_methods_are_checked_at_every_door(hook, box):
    bad = Call("crm.deal.get", {"id": "12abc"})
    lost = {"filter": {">=DATE_MODIFY": "None"}}

    async def rows():
        return [row async for row in hook.arecords("crm.deal.list", lost)]

    for work, problem in [
        (lambda: hook.call(bad.method, bad.params), "params.id: '12abc' is not an id"),
        (lambda: hook.batch([bad]), "calls[0].params.id: '12abc' is not an id"),
        (lambda: list(hook.records("crm.deal.list", lost)), "params.filter['>=DATE_MODIFY']: 'None' is"),
        (lambda: asyncio.run(hook.acall(bad.method, bad.params)), "params.id: '12abc' is not an id"),
        (lambda: asyncio.run(hook.abatch([bad])), "calls[0].params.id: '12abc' is not an id"),
        (lambda: asyncio.run(rows()), "params.filter['>=DATE_MODIFY']: 'None' is"),
    ]:
        with pytest.raises(InvalidInputError) as caught:
            work()
        assert caught.value.description.startswith(problem)
    assert not box.calls()
