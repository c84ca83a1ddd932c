"""What the network does to a call, through both transports alike: nothing lost, nothing done twice."""

from __future__ import annotations

import sys

import pytest
from free_ports import free_port
from rest_drivers import Keeper, application_of, session_of, webhook_of
from rest_sockets import HANG_UP, RESET, http

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest import wire
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.credentials import Tokens, Webhook
from airflow_provider_bitrix24.rest.wire import Wire
from airflow_provider_bitrix24.testing import Bitrix24Portal

BIND, ADD, GET = "crm.timeline.bindings.bind", "crm.deal.add", "crm.deal.get"
CODE = "s3cr3twebhookcode"


def fields(record: int) -> dict[str, object]:
    return {"fields": {"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 9}}


NEW_DEAL = {"fields": {"TITLE": "x"}}


def raw(server) -> Webhook:
    return Webhook(server.origin, "1", CODE)


# ---------------------------------------------------------------- answers that are none

BAD_ANSWERS = {
    **{
        f"{status}-{body}": {"kind": "status", "status": status, "body": body}
        for status in (500, 502, 503, 504)
        for body in ("json", "html", "empty")
    },
    "200-html": {"kind": "raw", "status": 200, "raw": b"<html>maintenance</html>"},
    "200-empty": {"kind": "raw", "status": 200, "raw": b""},
    "200-json-cut": {"kind": "truncate", "clean": True},
    "200-cut": {"kind": "truncate"},
    "drop-before": {"kind": "drop_before"},
    "drop-after": {"kind": "drop_after"},
    "reset-before": {"kind": "drop_before", "reset": True},
    "reset-after": {"kind": "drop_after", "reset": True},
}
DONE_ALREADY = {
    name: {**fault, "executed": True} for name, fault in BAD_ANSWERS.items() if fault["kind"] == "status"
}
bad_answers = pytest.mark.parametrize("fault", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
done_already = pytest.mark.parametrize(
    "fault", DONE_ALREADY.values(), ids=[f"{name}-executed" for name in DONE_ALREADY]
)


def inject(box: Bitrix24Portal, fault: dict[str, object], method: str, **more: object) -> None:
    options = {**fault, **more}
    box.inject(options.pop("kind"), method, **options)


@bad_answers
def test_a_read_is_repeated(box, driver, fault):
    deal = box.add_item("deal", {"TITLE": "x"})
    inject(box, fault, GET, times=2)
    assert driver.call(GET, {"id": deal})["TITLE"] == "x"
    assert len(box.requests) == 3


@bad_answers
def test_a_repeatable_write_is_repeated(box, driver, fault):
    inject(box, fault, BIND)
    assert driver.call(BIND, fields(5)) is True
    assert box.bindings(5) == [("deal", 9)]
    assert len(box.requests) == 2


@bad_answers
def test_a_one_shot_write_is_sent_once(box, driver, fault):
    inject(box, fault, ADD, times=None)
    with pytest.raises(e.AmbiguousWriteError):
        driver.call(ADD, NEW_DEAL)
    assert len(box.requests) == 1
    assert len(box.items("deal")) <= 1


@done_already
def test_a_one_shot_write_that_was_carried_out_is_not_repeated(box, driver, fault):
    inject(box, fault, ADD)
    with pytest.raises(e.AmbiguousWriteError, match="not sent again"):
        driver.call(ADD, NEW_DEAL)
    assert len(box.items("deal")) == 1


@bad_answers
def test_a_batch(box, driver, fault):
    """Of a batch that broke, what may be repeated is, and the new deal is created at most once."""
    inject(box, fault, "batch")
    outcomes = driver.batch([Call(BIND, fields(1)), Call(ADD, NEW_DEAL), Call(BIND, fields(2))])
    assert [type(outcome.error) for outcome in outcomes] == [type(None), e.AmbiguousWriteError, type(None)]
    assert box.bindings(1) == box.bindings(2) == [("deal", 9)]
    assert len(box.calls(ADD)) == len(box.items("deal")) <= 1


def test_an_unclear_unbind_that_was_carried_out_counts_as_done(box, driver):
    box.bind(5, "deal", 9)
    box.inject("drop_after", "crm.timeline.bindings.unbind")
    assert driver.call("crm.timeline.bindings.unbind", fields(5)) is True
    assert box.bindings(5) == []


def test_a_front_end_that_forbids(box, driver):
    box.inject("raw", ADD, status=403, raw=b"<html>Forbidden by the firewall</html>")
    with pytest.raises(e.AccessDeniedError, match="HTTP 403 with a body that is HTML"):
        driver.call(ADD, NEW_DEAL)
    assert len(box.requests) == 1


def test_a_refusal_by_the_limit_is_waited_for(box, driver):
    box.inject("error", ADD, code="QUERY_LIMIT_EXCEEDED")
    assert driver.call(ADD, NEW_DEAL) == 1
    assert len(box.items("deal")) == 1
    assert box.refusals == 1


def test_attempts_end(box, driver):
    box.inject("status", times=None, status=502, body="html")
    with pytest.raises(e.ServerError, match="HTTP 502"):
        driver.call(GET, {"id": 1})
    assert len(box.requests) == 4


# ---------------------------------------------------------------- the wire itself


@pytest.mark.parametrize(
    "answer",
    [
        HANG_UP,
        RESET,
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\x00bad: x\r\n\r\n",
        http(b'{"result": tr', length=500),
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"res\r\n',
        http(b"not gzip at all", "200 OK", "Content-Encoding: gzip"),
    ],
    ids=["hang-up", "reset", "half-a-head", "garbage", "bad-header", "short", "half-a-chunk", "not-gzip"],
)
@pytest.mark.parametrize("kind", ["read", "one-shot"])
def test_answers_that_break_off(open_driver, raw_server, answer, kind):
    server = raw_server(answer, http(b'{"result": {"ID": "1"}}'))
    driver = open_driver(session_of(raw(server)))
    if kind == "read":
        assert driver.call(GET, {"id": 1}) == {"ID": "1"}
        assert len(server.bodies) == 2
    else:
        with pytest.raises(e.AmbiguousWriteError):
            driver.call(ADD, NEW_DEAL)
        assert len(server.bodies) == 1


def test_a_slow_portal(box, open_driver):
    """The time-out is the connection's; what the portal does afterwards is not asked for again."""
    box.inject("delay", seconds=0.4, method=ADD)
    driver = open_driver(session_of(webhook_of(box)), Wire(timeout=0.1))
    with pytest.raises(e.AmbiguousWriteError, match=r"imed out|Timeout"):
        driver.call(ADD, NEW_DEAL)
    box.inject("delay", seconds=0.4, method=GET)
    deal = box.add_item("deal", {"TITLE": "x"})
    assert driver.call(GET, {"id": deal})["TITLE"] == "x"
    assert [entry.method for entry in box.requests] == [ADD, GET, GET]


@pytest.mark.parametrize("method", [GET, ADD])
@pytest.mark.parametrize("where", ["refused", "unknown-host"])
def test_no_connection_comes_about(open_driver, method, where):
    """Nothing was sent, so even a one-shot write is tried again, and its error is not ambiguous."""
    host = f"127.0.0.1:{free_port()}" if where == "refused" else "nowhere.invalid"
    driver = open_driver(session_of(Webhook(f"http://{host}", "1", CODE)))
    with pytest.raises(e.PortalUnreachableError) as caught:
        driver.call(method, NEW_DEAL)
    assert caught.value.portal == host
    assert ("ConnectionRefusedError" if where == "refused" else "gaierror") in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses the connection")
@pytest.mark.parametrize("method", [GET, ADD])
def test_a_connection_that_takes_too_long(open_driver, deaf_port, monkeypatch, method):
    """It has a time-out of its own; nothing was sent, so nothing is unclear."""
    monkeypatch.setattr(wire, "_CONNECT_TIMEOUT", 0.1)
    driver = open_driver(session_of(Webhook(f"http://127.0.0.1:{deaf_port}", "1", CODE)), Wire(timeout=600))
    with pytest.raises(e.PortalUnreachableError, match=r"imed out|Timeout"):
        driver.call(method, NEW_DEAL)


def test_a_portal_that_comes_back(box, open_driver):
    driver = open_driver(session_of(webhook_of(box)))
    assert driver.call(ADD, NEW_DEAL) == 1
    box.stop()
    with pytest.raises(e.PortalUnreachableError):
        driver.call(ADD, NEW_DEAL)
    box.start()
    assert driver.call(ADD, NEW_DEAL) == 2


def test_a_stale_connection_leaves_no_one_shot_write_unclear(box, driver):
    """The portal closes idle connections; a read meets that, a write goes out on a new one."""
    driver.call("server.time")
    box.stop()
    box.start()
    assert driver.call(ADD, NEW_DEAL) == 1
    assert driver.call("server.time")
    assert len(box.items("deal")) == 1


def test_a_one_shot_write_has_a_connection_of_its_own(open_driver, raw_server):
    server = raw_server(http(b'{"result": 1}'), keep_alive=True)
    driver = open_driver(session_of(raw(server)))
    for _ in range(3):
        driver.call("x.get")
    assert server.came_on == [1, 1, 1]
    for _ in range(3):
        driver.call("x.add")
        driver.call("x.get")
    assert server.came_on[3:] == [2, 1, 3, 1, 4, 1]


# ---------------------------------------------------------------- a renamed portal


@pytest.mark.parametrize("method", [GET, ADD])
def test_a_renamed_portal(box, driver, method):
    box.rename()
    if method == GET:
        deal = box.add_item("deal", {"TITLE": "x"})
        assert driver.call(GET, {"id": deal})["TITLE"] == "x"
    else:
        assert driver.call(ADD, {"fields": {"TITLE": "kept"}}) == 1
        assert [item["TITLE"] for item in box.items("deal").values()] == ["kept"]
    assert {entry.http_method for entry in box.requests} == {"POST"}
    assert driver.session.credentials.origin == box.url
    driver.call("server.time")
    assert [entry.status for entry in box.requests] == [302, 200, 200], "the new address is remembered"


@pytest.mark.parametrize("location", ["https://evil.example{path}", "http://10.0.0.1{path}", "/login"])
def test_a_redirect_that_is_refused(box, driver, location):
    box.rename(location)
    with pytest.raises(e.RedirectRefusedError) as caught:
        driver.call(ADD, NEW_DEAL)
    assert box.webhook_code() not in str(caught.value)
    assert len(box.requests) == 1
    assert box.items("deal") == {}


# ---------------------------------------------------------------- lists, batches


@pytest.mark.parametrize("rows", [0, 50, 120])
def test_records(box, driver, rows):
    for _ in range(rows):
        box.add_item("deal", {"TITLE": "x"})
    box.inject("status", "crm.deal.list", status=502)
    found = driver.records(Call("crm.deal.list", {"select": ["TITLE"]}))
    assert found == [{"TITLE": "x"}] * rows


def test_records_of_a_list_that_lies(box, driver):
    box.inject("result", "crm.deal.list", result=[{"ID": "2"}, {"ID": "1"}])
    with pytest.raises(e.IncompleteListError):
        driver.records(Call("crm.deal.list"))


def test_many_calls(box, driver):
    outcomes = driver.batch([Call(BIND, fields(record)) for record in range(1, 121)])
    assert all(outcome.ok for outcome in outcomes)
    assert [entry.n_commands for entry in box.requests] == [50, 50, 20]
    assert all(box.bindings(record) == [("deal", 9)] for record in range(1, 121))


def test_commands_that_failed_are_sent_again_without_the_others(box, driver):
    box.inject("error", BIND, code="ERROR_UNEXPECTED_ANSWER", params={"fields": {"OWNER_ID": 2}})
    box.inject("error", ADD, code="", description="Access denied.", params=NEW_DEAL)
    outcomes = driver.batch([Call(BIND, fields(1)), Call(BIND, fields(2)), Call(ADD, NEW_DEAL)])
    assert [type(outcome.error) for outcome in outcomes] == [type(None), type(None), e.AccessDeniedError]
    assert [entry.method for entry in box.requests] == ["batch", BIND]
    assert len(box.calls(BIND)) == 2


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize("expired", ["at-once", "in-between"])
def test_an_expired_token_is_renewed_once(box, open_driver, expired):
    keeper = Keeper()
    driver = open_driver(session_of(application_of(box)), keeper=keeper)
    if expired == "at-once":
        box.expire_access_tokens()
    else:
        assert driver.call(ADD, NEW_DEAL) == 1
        box.inject("expire_token", ADD)
    assert driver.call(ADD, NEW_DEAL)
    assert driver.call("server.time")
    assert box.renew_count == 1
    assert [tokens.access for tokens in keeper.saved] == [driver.session.credentials.tokens.access]
    assert len(box.items("deal")) == len(box.calls(ADD))


@pytest.mark.parametrize("fault", ["status", "drop_before"])
def test_trouble_with_the_authorisation_server_passes(box, open_driver, fault):
    driver = open_driver(session_of(application_of(box)), keeper=Keeper())
    box.expire_access_tokens()
    box.inject(fault, "oauth.token", **({"status": 502, "body": "html"} if fault == "status" else {}))
    assert driver.call(ADD, NEW_DEAL) == 1
    assert box.renew_count == 1


def test_a_revoked_refresh_token(box, open_driver):
    driver = open_driver(session_of(application_of(box)), keeper=Keeper())
    box.expire_access_tokens()
    box.revoke_refresh_token()
    with pytest.raises(e.TokenRenewalError, match="invalid_grant"):
        driver.call(ADD, NEW_DEAL)


def test_a_pair_renewed_by_another_process_is_taken(box, open_driver):
    application = application_of(box)
    box.expire_access_tokens()
    newer = application_of(box).tokens
    driver = open_driver(session_of(application), keeper=Keeper(newer))
    assert driver.call(ADD, NEW_DEAL) == 1
    assert box.renew_count == 0


def test_a_kept_pair_that_has_run_out_as_well(box, open_driver):
    """The connection has only its first refresh token; what was kept is hours old."""
    application = application_of(box)
    keeper = Keeper(application.tokens)
    box.expire_access_tokens()
    driver = open_driver(
        session_of(application.with_tokens(Tokens("", application.tokens.refresh))), keeper=keeper
    )
    assert driver.call(ADD, NEW_DEAL) == 1
    assert box.renew_count == 1


def test_without_a_keeper(box, open_driver):
    driver = open_driver(session_of(application_of(box)))
    box.expire_access_tokens()
    assert driver.call(ADD, NEW_DEAL) == 1
