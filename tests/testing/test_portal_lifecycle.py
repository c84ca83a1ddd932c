"""Start, stop, move, TLS, the command line, the pytest plugin, control from outside, the page."""

from __future__ import annotations

import gc
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
import requests
from portal_client import Client

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

_ROOT = Path(__file__).resolve().parents[2]


def _python(*args, **options):
    return subprocess.run(
        [sys.executable, *args], cwd=_ROOT, capture_output=True, text=True, timeout=60, check=False, **options
    )


# ---------------------------------------------------------------- life


def test_restart_keeps_address_and_contents(box, client):
    box.add_item("deal", item_id=10)
    url, sent = box.url, len(box.requests)
    box.stop()
    with pytest.raises(requests.ConnectionError):
        client("profile")
    assert box.items("deal").keys() == {10}, "looked at while stopped"
    box.add_comment("deal", 10, "while stopped")
    box.start()
    assert box.url == url
    assert client("crm.timeline.comment.get", {"id": 1}).result["COMMENT"] == "while stopped"
    assert len(box.requests) == sent + 1


def test_start_and_stop_twice_do_no_harm(box, client):
    box.start()
    assert client("profile").status == 200
    box.stop()
    box.stop()
    box.start()


def test_address_before_the_first_start():
    portal = Bitrix24Portal()
    with pytest.raises(RuntimeError, match="started"):
        _ = portal.url
    with pytest.raises(RuntimeError, match="started"):
        portal.rename()


def test_a_stopped_portal_keeps_its_port(box, client):
    """Outgoing connections are given ports that nobody has bound, and some would get this one."""
    box.stop()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((box.host, box.port))
    box.start()
    assert client("profile").status == 200
    with box:
        pass
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections may linger
        other.bind((box.host, box.port))
        other.listen()


def test_a_forgotten_portal_gives_its_port_away():
    portal = Bitrix24Portal().start()
    port = portal.port
    portal.stop()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del portal
        gc.collect()
    assert [str(warning.message) for warning in warned if f", {port})" in str(warning.message)] == []
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))


def test_fixed_port(box):
    with box:
        pass
    with Bitrix24Portal(port=box.port) as other:
        assert other.port == box.port
        with pytest.raises(OSError, match="in use"):
            box.start()


def test_stop_cuts_running_requests(box, client, caplog):
    box.inject("delay", seconds=30)
    errors = []

    def call():
        try:
            client("profile")
        except requests.ConnectionError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    while not box.requests:
        time.sleep(0.01)
    box.stop()
    thread.join(5)
    assert len(errors) == 1
    complaints = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert complaints == []


def test_nothing_is_logged_about_a_request(box, client, caplog):
    caplog.set_level("DEBUG")
    logging.getLogger("uvicorn.access").setLevel("DEBUG")
    box.inject("drop_after")
    box.inject("truncate")
    for _ in range(2):
        with pytest.raises(requests.RequestException):
            client("profile")
    client("profile")
    assert not [record for record in caplog.records if record.name.startswith(("uvicorn", "asyncio"))]


def test_only_on_the_loopback():
    for host in ("0.0.0.0", "192.168.1.1"):
        with pytest.raises(ValueError, match="loopback"):
            Bitrix24Portal(host=host)


def test_from_many_threads(box):
    box.add_item("deal", item_id=10)

    def work(number):
        client = Client(box)
        for index in range(20):
            assert client.pair("bind", number * 100 + index, "deal", 10).result is True
            box.add_comment("deal", 10, "x")
            assert isinstance(box.journal, list)
            assert box.requests

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(box.calls("crm.timeline.bindings.bind")) == 160
    assert len({entry.seq for entry in box.journal}) == 160
    assert len(box.comments("deal", 10)) == 160


def test_delays():
    with Bitrix24Portal(limits=Limits.off(), request_delay=0.05, command_delay=0.01) as portal:
        client = Client(portal)
        begun = time.monotonic()
        client.batch({f"c{n}": "server.time" for n in range(20)})
        assert time.monotonic() - begun >= 0.25


@pytest.mark.slow
def test_requests_do_not_wait_for_each_other():
    with Bitrix24Portal(limits=Limits.off(), request_delay=3.0) as portal:
        threads = [threading.Thread(target=Client(portal), args=("profile",)) for _ in range(10)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - begun < 10 * 3.0


# ---------------------------------------------------------------- moving


def test_rename(box, client):
    old = box.url
    new = box.rename()
    assert (box.url, new != old) == (new, True)
    answer = client.send("POST", client.base + "profile.json?a=%20b", json={"x": 1})
    assert answer.status == 302
    assert "<html>" in answer.body
    assert answer.response.headers["Location"] == f"{new}/rest/1/{box.webhook_code()}/profile.json?a=%20b"
    assert Client(box)("profile").result["ID"] == "1"
    assert box.requests[0].status == 302
    assert [entry.method for entry in box.calls(executed=None)] == ["profile"], "a redirect is no call"


def test_rename_twice_and_restart(box, client):
    box.rename()
    newest = box.rename()
    assert client("profile").response.headers["Location"].startswith(newest)
    box.stop()
    box.start()
    assert box.url == newest
    assert client("profile").status == 302
    assert Client(box)("profile").status == 200


def test_redirect_elsewhere(box, client):
    assert box.rename(location="https://evil.example{path}") == "https://evil.example{path}"
    location = client("profile").response.headers["Location"]
    assert location == f"https://evil.example/rest/1/{box.webhook_code()}/profile"
    box.rename(location="http://evil.example/x")
    assert client("profile").response.headers["Location"] == "http://evil.example/x"


def test_rename_while_requests_run(box):
    stop = threading.Event()

    def work():
        client = Client(box)
        while not stop.is_set():
            client("profile")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        box.rename()
    stop.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


# ---------------------------------------------------------------- TLS


def test_tls():
    with Bitrix24Portal(tls=True) as portal:
        assert portal.url.startswith("https://127.0.0.1:")
        connection = portal.connection()
        assert (connection["schema"], connection["extra"]) == ("https", {"verify": portal.ca_file})
        assert requests.get(portal.webhook_url() + "profile", verify=portal.ca_file, timeout=5).ok
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(portal.webhook_url() + "profile", timeout=5)
        portal.set_https_required(True)
        assert requests.get(portal.webhook_url() + "profile", verify=portal.ca_file, timeout=5).ok


def test_certificates_go_with_the_portal():
    portal = Bitrix24Portal(tls=True)
    folder = Path(portal.ca_file).parent
    assert folder.exists()
    del portal
    gc.collect()
    assert not folder.exists()


# ---------------------------------------------------------------- connections


def test_connection(box):
    assert box.connection(user_id=2, pacing="off") == {
        "conn_type": "bitrix24",
        "host": "127.0.0.1",
        "schema": "http",
        "port": box.port,
        "login": "2",
        "password": box.webhook_code(2),
        "extra": {"pacing": "off"},
    }
    assert json.dumps(box.connection())


def test_oauth_connection(box):
    connection = box.oauth_connection(2, timeout=5)
    assert connection.keys() == {"conn_type", "host", "schema", "port", "extra"}
    assert connection["extra"].keys() == {
        "client_id",
        "client_secret",
        "access_token",
        "refresh_token",
        "oauth_server",
        "timeout",
    }
    assert connection["extra"]["client_id"].startswith("local.demo")
    assert connection["extra"]["oauth_server"] == box.url


def test_codes_are_long_and_different(box):
    codes = {box.webhook_code(user) for user in (1, 2, 3)}
    assert len(codes) == 3
    assert min(map(len, codes)) >= 16
    assert Bitrix24Portal(code="fixed").webhook_code() == "fixed"


# ---------------------------------------------------------------- imports, plugin, command line


def test_nothing_is_imported_before_it_is_used():
    code = (
        "import sys, airflow_provider_bitrix24.testing, airflow_provider_bitrix24.testing.pytest_plugin\n"
        "print([name for name in ('uvicorn', 'starlette', 'h11', 'cryptography', 'airflow', 'requests')"
        " if name in sys.modules])"
    )
    assert _python("-c", code).stdout == "[]\n"


def test_unknown_name():
    import airflow_provider_bitrix24.testing as package

    with pytest.raises(AttributeError, match="nonsense"):
        _ = package.nonsense
    for name in package.__all__:
        assert getattr(package, name).__name__ == name


def test_pytest_plugin(tmp_path):
    test = tmp_path / "test_with_plugin.py"
    test.write_text(
        "import urllib.request\n"
        "def test_fresh(bitrix24_portal):\n"
        "    assert bitrix24_portal.items('deal') == {}\n"
        "    bitrix24_portal.add_item('deal', {'TITLE': 'x'})\n"
        "    assert urllib.request.urlopen(bitrix24_portal.webhook_url() + 'profile').status == 200\n"
        "test_again = test_fresh\n"
    )
    result = _python(
        *("-m", "pytest", "-q", "-p", "airflow_provider_bitrix24.testing.pytest_plugin", str(test)),
        *("-c", "/dev/null", "--rootdir", str(tmp_path)),
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(_ROOT), "PATH": "/usr/bin:/bin"},
    )
    assert "2 passed" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_line(number):
    command = [
        sys.executable,
        "-m",
        "airflow_provider_bitrix24.testing",
        "--port",
        "0",
        "--demo-data",
        "--code",
        "abc",
    ]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = [process.stdout.readline() for _ in range(4)]
            webhook = lines[2].split()[-1]
            assert webhook.endswith("/rest/1/abc/")
            assert json.loads(lines[3].split(None, 1)[1])["password"] == "abc"
            assert len(requests.get(webhook + "crm.deal.list", timeout=5).json()["result"]) == 5
        finally:
            process.send_signal(number)
        assert process.wait(5) == 0


def test_command_line_with_a_port_in_use(box):
    result = _python("-m", "airflow_provider_bitrix24.testing", "--port", str(box.port))
    assert result.returncode == 1
    assert "in use" in result.stderr


# ---------------------------------------------------------------- control


def _control(box, verb, path, body=None):
    response = requests.request(verb, f"{box.url}/_portal/{path}", json=body, timeout=5)
    return response.status_code, response.json()


def test_control(box, client):
    assert _control(box, "POST", "do", {"name": "add_item", "args": ["deal", {"TITLE": "x"}]}) == (
        200,
        {"result": 1},
    )
    added = _control(
        box, "POST", "do", {"name": "add_comment", "args": ["deal", 1, "Hi"], "kwargs": {"author_id": 2}}
    )
    assert added == (200, {"result": 1})
    assert box.comments("deal", 1)[0].author_id == 2
    client("profile")
    assert [entry["method"] for entry in _control(box, "GET", "journal")[1]] == ["profile"]
    assert _control(box, "GET", "journal?method=batch")[1] == []
    assert _control(box, "GET", "requests")[1][0]["path"] == "/rest/1/***/profile"
    state = _control(box, "GET", "state")[1]
    assert (state["items"], state["requests"]) == ({"deal": [1]}, 1)
    assert state["records"][0]["bindings"] == [["deal", 1]]
    assert _control(box, "POST", "reset") == (200, {})
    assert box.requests == []
    assert box.items("deal").keys() == {1}


def test_control_faults(box, client):
    body = [{"kind": "status", "status": 504}, {"kind": "raw", "raw": "hello", "method": "profile"}]
    assert _control(box, "POST", "faults", body) == (200, {"added": 2})
    assert [fault["kind"] for fault in _control(box, "GET", "faults")[1]] == ["status", "raw"]
    assert client("profile").status == 504
    assert client("profile").body == "hello"
    box.inject("status", times=None)
    _control(box, "DELETE", "faults")
    assert client("profile").status == 200
    assert _control(box, "POST", "faults", {"kind": "x"})[0] == 400


def test_control_of_users_and_addresses(box):
    status, answer = _control(
        box, "POST", "do", {"name": "add_user", "args": [4], "kwargs": {"may_update": [["deal", 10]]}}
    )
    assert (status, answer["result"]) == (200, box.webhook_code(4))
    box.add_item("deal", item_id=10)
    assert Client(box, 4).pair("bind", 1, "deal", 10).result is True
    assert _control(box, "POST", "do", {"name": "rename"})[1]["result"] == box.url
    assert _control(box, "POST", "do", {"name": "stop"})[0] == 400
    assert _control(box, "POST", "do", {"name": "add_item", "args": ["nonsense"]})[0] == 400


# ---------------------------------------------------------------- demo data


def test_demo_data(box):
    box.load_demo()
    deals = box.items("deal")
    assert all(box.items("contact").get(int(deal["CONTACT_ID"])) for deal in deals.values())
    assert all(box.items("company").get(int(deal["COMPANY_ID"])) for deal in deals.values())
    assert box.comments()
    won = next(deal for deal in deals.values() if deal["STAGE_ID"] == "WON")
    assert box.items("lead")[int(won["LEAD_ID"])]["STATUS_ID"] == "CONVERTED"
    assert {deal["CATEGORY_ID"] for deal in deals.values()} == {"0", "1"}
    assert int(box.items("dynamic_128")[1]["PARENT_ID_2"]) in deals
    assert any(len(box.bindings(record.record_id)) > 1 for record in box.records())
    assert any(len(box.activity_bindings(number)) > 1 for number in box.activities())
