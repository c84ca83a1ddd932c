from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hook_helpers import secrets_in

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

_HTML = b"<!DOCTYPE html><html><body>Welcome to nginx!</body></html>"


class Site:
    """A web server that is no portal: the same answer to everything."""

    def __init__(self, status: int, body: bytes, **headers: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def connection(self) -> dict[str, Any]:
        port = self.server.server_address[1]
        return {"conn_type": "bitrix24", "password": f"http://127.0.0.1:{port}/rest/1/s3cr3tcode0123456/"}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def site(*args: Any, **headers: str) -> Site:
        sites.append(Site(*args, **headers))
        return sites[-1]

    yield site
    for opened in sites:
        opened.close()


@pytest.fixture
def diagnose(connect: Callable[..., Any], box: Bitrix24Portal) -> Callable[..., tuple[bool, str]]:
    """Test a connection, and look whether a secret got into the answer."""

    def diagnose(connection: Any) -> tuple[bool, str]:
        renewed = box.renew_count
        works, message = connect(connection).test_connection()
        known = [box.webhook_code(user) for user in (1, 2, 3)]
        known += [*box._world.oauth.access, *box._world.oauth.refresh, box.client_secret]
        assert not secrets_in(message, *known, "s3cr3t")
        assert box.renew_count == renewed
        return works, message

    return diagnose


# ---------------------------------------------------------------- fine


@pytest.mark.parametrize(
    ("user", "who"),
    [(1, "Admin (user 1, administrator)"), (2, "Manager (user 2, not an administrator)")],
)
def test_fine(box, diagnose, user, who):
    granted = "scopes: crm, department, disk, im, task, user, user_basic, user_brief"
    assert diagnose(box.connection(user_id=user)) == (True, f"Connected as {who}; {granted}.")
    assert diagnose(box.oauth_connection(user)) == (True, f"Connected as {who}; {granted}.")
    pasted = {"conn_type": "bitrix24", "password": box.webhook_url(user)}
    assert diagnose(pasted) == (True, f"Connected as {who}; {granted}.")
    assert [entry.method for entry in box.requests] == ["batch"] * 3


def test_a_user_without_a_name(box, diagnose):
    box.add_user(9)
    works, message = diagnose(box.connection(user_id=9))
    assert works
    assert message.startswith("Connected as user (user 9, not an administrator)")


def test_over_tls(connect):
    with Bitrix24Portal(limits=Limits.off(), tls=True) as portal:
        assert connect(portal.connection()).test_connection()[0]
        works, message = connect(portal.connection(verify=True)).test_connection()
    assert not works
    assert message.startswith("The portal's certificate is not trusted: ")
    assert "set the connection's 'verify' to the path of its CA bundle" in message


# ---------------------------------------------------------------- not there, or not a portal


def test_unreachable(box, diagnose):
    connection = box.connection()
    box.stop()
    works, message = diagnose(connection)
    assert not works
    assert message.startswith("The portal cannot be reached: ")
    assert "Check the connection's host, the network and the proxy" in message


def test_a_name_that_nobody_has(box, diagnose):
    works, message = diagnose({**box.connection(), "host": "no-such-portal.invalid", "schema": "https"})
    assert not works
    assert message.startswith("The portal cannot be reached: ")


def test_a_proxy_that_does_not_answer(box, diagnose):
    works, message = diagnose(box.connection(proxy="http://me:s3cr3t@127.0.0.1:9"))
    assert not works
    assert message.startswith("The portal cannot be reached: ")


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_connection_that_breaks(box, diagnose, kind):
    box.inject(kind, times=None)
    works, message = diagnose(box.connection())
    assert not works
    assert message.startswith("The portal cannot be reached: ")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, _HTML),
        (404, _HTML),
        (405, _HTML),
        (200, b'{"status": "ok"}'),
        (200, b'{"result": "hello"}'),
        (200, b'{"result": {"profile": 1}}'),
        (200, b'{"result": []}'),
        (200, b'["a", "b"]'),
        (200, b""),
        (200, b"true"),
        (404, b'{"detail": "Not Found"}'),
    ],
    ids=str,
)
def test_not_a_portal(site, diagnose, status, body):
    works, message = diagnose(site(status, body).connection)
    assert not works
    assert message.startswith("What answers there is not a Bitrix24 portal: ")


@pytest.mark.parametrize("result", [True, "x", 5, {"NAME": "x"}, None], ids=repr)
def test_a_portal_that_does_not_say_who(box, diagnose, result):
    box.inject("result", "profile", result=result)
    works, message = diagnose(box.connection())
    assert not works
    assert message.startswith("What answers there is not a Bitrix24 portal")


def test_a_redirect_to_a_stranger(site, diagnose):
    stranger = "https://phishing.example.com/rest/1/s3cr3tcode0123456/batch"
    works, message = diagnose(site(302, _HTML, Location=stranger).connection)
    assert not works
    assert message.startswith("The portal has moved: ")
    assert "put its new address into the connection" in message


@pytest.mark.parametrize(("status", "body"), [(502, _HTML), (500, b""), (503, _HTML)], ids=str)
def test_a_portal_in_trouble(site, diagnose, status, body):
    works, message = diagnose(site(status, body).connection)
    assert not works
    assert message.startswith("The portal has trouble of its own: ")


# ---------------------------------------------------------------- credentials


def test_a_wrong_webhook(box, diagnose):
    works, message = diagnose({**box.connection(), "password": "s3cr3twrong"})
    assert not works
    assert message.startswith("The portal does not accept the webhook or token: ")
    assert "INVALID_CREDENTIALS" in message
    assert "Check the webhook's code and user" in message


def test_a_deleted_webhook(box, diagnose):
    connection = box.connection()
    box.revoke_webhook()
    assert diagnose(connection)[1].startswith("The portal does not accept the webhook or token: ")


def test_a_webhook_over_plain_http(box, diagnose):
    box.set_https_required(True)
    works, message = diagnose(box.connection())
    assert not works
    assert message.startswith("The portal refuses the request before it looks at the webhook or token: ")
    assert message.endswith(
        "Https required. Have the connection use https: the portal accepts no credentials over plain http."
    )


def test_an_expired_token(box, diagnose):
    renewable, final = box.oauth_connection(), box.oauth_connection(refresh_token="")
    box.expire_access_tokens()
    assert diagnose(renewable) == (True, "The access token has expired; the first task renews it.")
    works, message = diagnose(final)
    assert not works
    assert message.startswith("The access token has expired, and there is no refresh token: ")


def test_a_token_that_the_portal_does_not_know(box, diagnose):
    unknown = "The portal does not know the access token any more"
    assert diagnose(box.oauth_connection(access_token="s3cr3t")) == (
        True,
        f"{unknown}; the first task renews it.",
    )
    works, message = diagnose(box.oauth_connection(access_token="s3cr3t", refresh_token=""))
    assert not works
    assert message.startswith(f"{unknown}, and there is no refresh token: ")


def test_a_refresh_token_alone(box, diagnose):
    works, message = diagnose(box.oauth_connection(access_token=""))
    assert works
    assert message == "There is no access token yet; the first task gets one with the refresh token."
    assert box.requests == []


@pytest.mark.parametrize("access_token", [None, ""], ids=["both tokens", "a refresh token alone"])
@pytest.mark.parametrize("field", ["client_id", "client_secret"])
def test_an_application_that_the_authorisation_server_does_not_know(box, diagnose, field, access_token):
    changes = {} if access_token is None else {"access_token": access_token}
    works, message = diagnose(box.oauth_connection(**{field: "s3cr3t-wrong"}, **changes))
    assert not works
    assert message.startswith("The authorisation server does not accept client_id and client_secret: ")
    assert "Correct client_id and client_secret in the connection" in message


def test_an_authorisation_server_that_does_not_answer_says_nothing_of_the_portal(box, diagnose):
    works, message = diagnose(box.oauth_connection(oauth_server="http://127.0.0.1:9"))
    assert works
    assert message.startswith("Connected as Admin")


def test_an_application_that_was_removed(box, diagnose):
    connection = box.oauth_connection()
    box.install_application(False)
    works, message = diagnose(connection)
    assert not works
    assert "see that the application is installed" in message


def test_an_inactive_user(box, diagnose):
    box.add_user(9, "Gone", active=False)
    works, message = diagnose(box.connection(user_id=9))
    assert not works
    assert message.startswith("The portal knows the credentials, but their user is inactive or blocked: ")


def test_an_inactive_user_as_the_profile_tells_it(box, diagnose):
    box.inject("result", "profile", result=[])
    works, message = diagnose(box.connection())
    assert not works
    assert message == "The portal knows the credentials, but their user is inactive."


# ---------------------------------------------------------------- what is missing


@pytest.mark.parametrize(("scopes", "shown"), [(("im", "disk"), "disk, im"), ((), "none")])
def test_no_scope(box, diagnose, scopes, shown):
    box.add_user(9, "Nine", scopes=scopes)
    works, message = diagnose(box.connection(user_id=9))
    assert not works
    assert f"but scope crm is not granted (scopes: {shown}). Add it in Bitrix24." in message


def test_scopes_that_cannot_be_told(box, diagnose):
    box.inject("error", "scope", code="INTERNAL_SERVER_ERROR", description="boom", times=None)
    works, message = diagnose(box.connection())
    assert not works
    assert message.startswith("The portal has trouble of its own: scope ")


@pytest.mark.parametrize("oauth", [False, True], ids=["webhook", "application"])
def test_no_plan(box, diagnose, oauth):
    box.set_plan(False)
    works, message = diagnose(box.oauth_connection() if oauth else box.connection())
    assert not works
    assert message.startswith("The portal's plan does not include the REST API: ")
    assert "REST is available only" in message


def test_a_closed_portal(box, diagnose):
    box.set_deleted(True)
    works, message = diagnose(box.connection())
    assert not works
    assert message.startswith("The portal is closed: ")


@pytest.mark.parametrize("status", [401, 503])
def test_a_blocked_portal(box, diagnose, status):
    box.set_overload(True, status)
    works, message = diagnose(box.connection())
    assert not works
    assert message.startswith("Bitrix24 has blocked the portal's REST API: ")


def test_limits_that_are_used_up(box, diagnose):
    connection = box.connection(requests_per_second=0.01, burst=1)
    assert diagnose(connection)[0]
    works, message = diagnose(connection)
    assert not works
    assert message.startswith("The portal's limits are used up at the moment: ")
    assert "Try again in " in message


def test_anything_else_is_told_as_it_is(box, diagnose):
    box.inject("error", "profile", code="SOMETHING_NEW", description="of tomorrow")
    works, message = diagnose(box.connection())
    assert not works
    assert "SOMETHING_NEW of tomorrow" in message


# ---------------------------------------------------------------- the connection itself


def test_no_such_connection(connect):
    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

    works, message = Bitrix24Hook("no_such_connection").test_connection()
    assert not works
    assert "no_such_connection" in message


@pytest.mark.parametrize(
    ("extra", "begin"),
    [
        ({"plan": "gold"}, "plan: 'gold' is none of"),
        ({"pacing": "redis"}, "redis_conn_id: it is needed for pacing 'redis'"),
        ({"token_store": "no.such.Store"}, "token_store: 'no.such.Store' is no token store"),
        ({"verify": "/no/such/bundle.pem"}, "verify: no CA bundle can be read from '/no/such/bundle.pem'"),
    ],
    ids=["choice", "redis", "store", "bundle"],
)
def test_bad_fields(box, diagnose, extra, begin):
    connection = box.connection(**extra)
    if "verify" in extra:
        connection["schema"] = "https"
    works, message = diagnose(connection)
    assert not works
    assert message.startswith(begin)
    assert box.requests == []


def test_airflow_runs_the_test_by_the_connections_type(box, connect, monkeypatch):
    from airflow.models import Connection

    monkeypatch.setenv("AIRFLOW_CONN_B24", json.dumps(box.connection()))
    works, message = Connection.get_connection_from_secrets("b24").test_connection()
    assert works
    assert message.startswith("Connected as Admin (user 1, administrator)")
