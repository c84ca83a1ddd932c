from __future__ import annotations

import http.client
import socket
import time

import pytest
import requests
from cases import cases
from portal_client import Client

from airflow_provider_bitrix24.testing import Bitrix24Portal, Fault, Limits

_BIND = "crm.timeline.bindings.bind"


def _bind(client, record=5):
    return client.pair("bind", record, "deal", 9)


# ---------------------------------------------------------------- nothing on the wire


@cases("tls", [False, True])
@cases("reset", [False, True])
@cases(("kind", "bindings"), [("drop_before", []), ("drop_after", [("deal", 9)])])
def test_drops(kind, bindings, reset, tls):
    with Bitrix24Portal(limits=Limits.off(), tls=tls) as portal:
        client = Client(portal)
        client.session.verify = portal.ca_file or True
        assert client("profile").status == 200
        portal.faults.add(Fault(kind, method=_BIND, reset=reset))
        with pytest.raises(requests.ConnectionError):
            _bind(client)
        assert portal.bindings(5) == bindings
        assert [e.executed for e in portal.calls(_BIND, executed=None)] == [bool(bindings)]
        assert portal.requests[-1].status == 0
        assert _bind(client).result is True, "on a new connection all is well again"


def test_drop_sends_no_byte(box):
    box.inject("drop_before")
    connection = http.client.HTTPConnection(box.host, box.port, timeout=5)
    connection.request("GET", box.webhook_url().removeprefix(box.url) + "profile")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()


def test_drop_with_a_large_body(box, client):
    box.inject("drop_before")
    with pytest.raises(requests.ConnectionError):
        client("profile", {"x": "y" * 3_000_000})
    assert client("profile", {"x": "y" * 3_000_000}).status == 200


def test_half_a_request_is_none(box):
    """A client that dies while it sends has asked for nothing."""
    path = box.webhook_url().removeprefix(box.url) + "crm.timeline.bindings.bind"
    body = b'{"fields":{"OWNER_ID":5,"ENTITY_TYPE":"deal","ENTITY_ID":9}}'
    with socket.create_connection((box.host, box.port)) as connection:
        head = ["Host: x", "Content-Type: application/json", "Content-Length: 999", "", ""]
        connection.sendall("\r\n".join([f"POST {path} HTTP/1.1", *head]).encode() + body)
    assert Client(box)("profile").status == 200
    time.sleep(0.05)
    assert box.bindings(5) == []
    assert [entry.method for entry in box.requests] == ["profile"]


# ---------------------------------------------------------------- half answers


def test_truncated_connection(box, client):
    box.inject("truncate", _BIND)
    with pytest.raises(requests.RequestException):
        _bind(client)
    assert box.bindings(5) == [("deal", 9)]


def test_truncated_json(box, client):
    box.inject("truncate", _BIND, clean=True)
    answer = _bind(client)
    assert answer.status == 200
    assert isinstance(answer.body, str)
    assert answer.body.startswith('{"result":true')
    assert int(answer.response.headers["Content-Length"]) == len(answer.body)


# ---------------------------------------------------------------- statuses


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("executed", [False, True])
def test_status(box, client, status, executed):
    box.inject("status", _BIND, status=status, executed=executed)
    assert _bind(client).error == (status, "INTERNAL_SERVER_ERROR", "Internal server error")
    assert box.bindings(5) == ([("deal", 9)] if executed else [])


def test_bodies_of_a_status(box, client):
    box.inject("status", status=504, body="html", headers={"X-Test": "1"})
    answer = client("profile")
    assert "504 Gateway Timeout" in answer.body
    assert answer.response.headers["X-Test"] == "1"
    box.inject("status", status=502, body="empty")
    assert client("profile").body == ""


def test_raw(box, client):
    box.inject("raw", status=418, raw=b"\x00tea", headers={"Content-Type": "text/plain"})
    answer = client("profile")
    assert (answer.status, answer.response.content) == (418, b"\x00tea")
    assert answer.response.headers["Content-Type"] == "text/plain"


# ---------------------------------------------------------------- errors and wrong results


def test_error(box, client):
    box.inject("error", _BIND, code="INTERNAL_SERVER_ERROR", description="boom")
    assert _bind(client).error == (500, "INTERNAL_SERVER_ERROR", "boom")
    box.inject("error", _BIND, code="", description="Access denied.")
    assert _bind(client).error == (400, "", "Access denied.")
    box.inject("error", _BIND, code="X", status=499, executed=True)
    assert box.bindings(5) == []
    assert _bind(client).error[:2] == (499, "X")
    assert box.bindings(5) == [("deal", 9)]


def test_query_limit_as_a_fault_counts_as_refusal(box, client):
    box.inject("error", code="QUERY_LIMIT_EXCEEDED", description="Too many requests")
    assert client("profile").error[:2] == (503, "QUERY_LIMIT_EXCEEDED")
    assert box.refusals == 1


def _commands(*records):
    return {
        f"c{record}": f"{_BIND}?fields[OWNER_ID]={record}&fields[ENTITY_ID]=9&fields[ENTITY_TYPE]=deal"
        for record in records
    }


def test_single_command_by_its_parameters(box, client):
    box.inject("error", _BIND, code="OPERATION_TIME_LIMIT", params={"fields": {"OWNER_ID": 2}})
    result = client.batch(_commands(1, 2, 3))
    assert result["result"] == {"c1": True, "c3": True}
    assert result["result_error"]["c2"]["error"] == "OPERATION_TIME_LIMIT"
    assert box.bindings(2) == []
    assert client.batch(_commands(2))["result"] == {"c2": True}, "once"


def test_single_command_by_a_function(box, client):
    box.inject("false", match=lambda params: params.get("fields", {}).get("OWNER_ID") == "3", times=None)
    assert client.batch(_commands(1, 3))["result"] == {"c1": True, "c3": False}


def test_command_executed_and_then_lost(box, client):
    box.inject("error", _BIND, code="ERROR_CORE", executed=True)
    assert client.batch(_commands(1))["result_error"]["c1"]["error"] == "ERROR_CORE"
    assert box.bindings(1) == [("deal", 9)]


def test_wrong_results(box, client):
    box.inject("false", "profile")
    assert client("profile").result is False
    box.inject("result", "profile", result={"unexpected": [1]})
    assert client("profile").result == {"unexpected": [1]}
    box.inject("result", "profile", result="text")
    assert client.batch({"a": "profile"})["result"] == {"a": "text"}
    assert box.calls("profile") == []


def test_whole_batch(box, client):
    box.inject("error", "batch", code="INTERNAL_SERVER_ERROR")
    assert client("batch", {"cmd": _commands(1)}).error[:2] == (500, "INTERNAL_SERVER_ERROR")
    assert box.bindings(1) == []
    box.inject("error", "batch", code="INTERNAL_SERVER_ERROR", executed=True)
    assert client("batch", {"cmd": _commands(1)}).status == 500
    assert box.bindings(1) == [("deal", 9)]
    box.inject("result", "batch", result=None)
    assert client("batch", {"cmd": _commands(2)}).result is None
    entries = box.calls("batch", executed=None)
    assert [e.executed for e in entries] == [False, True, False]


def test_nameless_error_hits_the_request_not_its_commands(box, client):
    box.inject("error", code="X")
    assert client("batch", {"cmd": _commands(1)}).error[1] == "X"


def test_expire_token(box, client):
    token = box.oauth_connection(2)["extra"]["access_token"]
    box.inject("expire_token", "profile", after_calls=1)

    def call():
        return client.send("POST", f"{box.url}/rest/profile", json={"auth": token})

    assert call().status == 200
    assert call().error[1] == "expired_token"
    assert box.faults.active() == []


# ---------------------------------------------------------------- when it strikes


def test_times_and_after_calls(box, client):
    box.inject("status", "profile", times=2, after_calls=2)
    assert [client("profile").status for _ in range(6)] == [200, 200, 500, 500, 200, 200]


def test_until_cleared(box, client):
    box.inject("status", times=None)
    assert [client("profile").status for _ in range(3)] == [500] * 3
    box.faults.clear()
    assert client("profile").status == 200


def test_probability(box, client):
    def run(seed):
        box.faults.clear()
        box.inject("status", times=None, probability=0.5, seed=seed)
        return [client("profile").status for _ in range(40)]

    assert run(1) == run(1)
    assert 5 < run(1).count(500) < 35
    assert run(1) != run(2)


def test_method_in_any_form(box, client):
    box.inject("status", "CRM.Deal.List", times=2)
    assert client("crm.deal.list.json").status == 500
    assert client("Crm.Deal.List/").status == 500


def test_in_the_order_they_were_added(box, client):
    box.inject("status", status=502)
    box.inject("status", status=504)
    assert [client("profile").status for _ in range(3)] == [502, 504, 200]


def test_delay(box, client):
    box.inject("delay", "profile", seconds=0.15)
    begun = time.monotonic()
    assert client("profile").status == 200
    assert time.monotonic() - begun >= 0.15


def test_delay_together_with_another_fault(box, client):
    box.inject("delay", seconds=0.05)
    box.inject("status")
    assert client("profile").status == 500
    assert box.faults.active() == []


@pytest.mark.slow
@pytest.mark.parametrize("executed", [False, True])
def test_client_gives_up_while_the_portal_goes_on(box, client, executed):
    box.inject("delay", _BIND, seconds=2.0, executed=executed)
    fields = {"OWNER_ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 9}
    with pytest.raises(requests.Timeout):
        client.session.post(client.base + _BIND, json={"fields": fields}, timeout=0.5)
    assert bool(box.bindings(5)) is executed
    deadline = time.monotonic() + 30
    while not box.bindings(5) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert box.bindings(5) == [("deal", 9)]


def test_unknown_kind():
    with pytest.raises(ValueError, match="kind='explode'"):
        Fault("explode")
