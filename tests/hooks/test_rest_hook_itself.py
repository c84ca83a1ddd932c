"""The hook itself: when it reads its connection, what it shares, what it never shows."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from hook_helpers import secrets_in, whole_story

from airflow_provider_bitrix24.hooks.errors import (
    Bitrix24Error,
    InvalidInputError,
    PortalUnreachableError,
)
from airflow_provider_bitrix24.rest.calls import Call


def _deals(box: Any, count: int) -> None:
    box.add_items("deal", [{"TITLE": f"Deal {number}"} for number in range(count)])


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
