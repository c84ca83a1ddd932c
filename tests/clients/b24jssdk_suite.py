"""@bitrix24/b24jssdk, which Node runs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from client_work import (
    ADD,
    BAD_OWNER,
    BIND,
    COMMENT,
    DEALS,
    LISTING,
    NO_METHOD,
    NOWHERE,
    TEXT,
    UNBIND,
    are_all_deals,
    pair,
    rows,
)

HERE = Path(__file__).parent


def lacking():
    """Say what is missing here, or nothing."""
    if shutil.which("node") is None:
        return "Node.js is not installed"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < 20:
        return f"@bitrix24/b24jssdk needs Node.js 20, here is {version}"
    return (
        ""
        if (HERE / "node_modules").exists()
        else "@bitrix24/b24jssdk is not installed: there is no npm, or it could not fetch the package"
    )


pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking())


def node(told, steps):
    done = subprocess.run(
        ["node", str(HERE / "b24jssdk_steps.mjs")],
        input=json.dumps({**told, "steps": steps}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def run(box):
    return lambda *steps: node({"webhook": box.webhook_url()}, steps)


@pytest.fixture
def record(box):
    return box.add_comment("deal", 1, "Hello")


def test_a_comment_is_added_bound_listed_and_unbound(box, run):
    binding, listing = {"fields": pair(1)}, {"filter": {"OWNER_ID": 1}}
    assert run(
        ["call", ADD, {"fields": COMMENT}],
        ["call", BIND, binding],
        ["call", LISTING, listing],
        ["call", UNBIND, binding],
        ["call", LISTING, listing],
    ) == [1, True, rows(1, "deal", "contact"), True, rows(1, "deal")]
    assert [comment.text for comment in box.comments("deal", 1)] == [TEXT]


def test_errors_are_understood(run, record):
    absent, nonsense = run(["call", UNBIND, {"fields": pair(record)}], ["call", "crm.nonsense.get", {}])
    # It takes the empty code that comes with "Not found." for none, and the text is lost.
    assert (absent["status"], absent["thrown"]) == (400, "ERR_BAD_REQUEST")
    assert nonsense == {
        "status": 404,
        "thrown": NO_METHOD["error"],
        "message": NO_METHOD["error_description"],
    }


def test_a_batch(box, run, record):
    calls = [[BIND, {"fields": pair(record)}], [LISTING, {"filter": {"OWNER_ID": record}}]]
    calls += [[ADD, {"fields": COMMENT}]]
    numbered, named = run(["batch", calls, False], ["batch", dict(zip("abc", calls, strict=True)), True])
    assert numbered == {"data": [True, rows(record, "deal", "contact"), 2], "errors": []}
    assert named["data"] == {"a": True, "b": rows(record, "deal", "contact"), "c": 3}
    assert [comment.text for comment in box.comments("deal", 1)] == ["Hello", TEXT, TEXT]


@pytest.mark.parametrize("halt", [False, True])
def test_a_batch_with_an_error(box, run, record, halt):
    calls = {"bad": ["crm.nonsense.get", {}], "good": [BIND, {"fields": pair(record)}]}
    [answer] = run(["batch", calls, halt])
    assert answer["errors"] == [["bad", NO_METHOD["error"], NO_METHOD["error_description"]]]
    assert answer["data"] == ({} if halt else {"good": True})
    assert box.bindings(record) == ([("deal", 1)] if halt else [("contact", 1), ("deal", 1)])


def test_a_batch_with_an_error_that_has_no_code(box, run, record):
    calls = {"bad": [BIND, {"fields": NOWHERE}], "good": [BIND, {"fields": pair(record)}]}
    [answer] = run(["batch", calls, False])
    # It takes the empty code for none and tells of no error; only the result is missing.
    assert answer == {"data": {"good": True}, "errors": []}
    [refused] = [entry for entry in box.journal if entry.in_batch == "bad"]
    assert refused.error == BAD_OWNER["error"]


def test_more_calls_than_a_batch_holds(box, run):
    [answer] = run(["chunks", [[ADD, {"fields": COMMENT}]] * 60])
    assert answer == {"data": list(range(1, 61)), "errors": []}
    assert [comment.text for comment in box.comments("deal", 1)] == [TEXT] * 60
    assert [request.n_commands for request in box.requests] == [50, 10]


def test_hundreds_of_deals(many, run):
    """From the last number of the page before, at once and page by page, and by offsets."""
    options = {"method": "crm.deal.list", "params": {"select": ["ID", "TITLE"]}}
    for found in run(["callList", options], ["fetchList", options], ["fetchNext", options]):
        assert are_all_deals(found)


def test_hundreds_of_items(many, run):
    params = {"entityTypeId": 2, "select": ["id", "title"]}
    options = {"method": "crm.item.list", "params": params, "idKey": "id", "customKeyForResult": "items"}
    [found] = run(["callList", options])
    assert [item["id"] for item in found] == list(range(1, DEALS + 1))


@pytest.fixture
def application(box):
    """Run steps for the OAuth application; ``expires`` is when its access token does."""
    tokens = box.oauth_connection(2)["extra"]

    def run(expires, *steps):
        oauth = {
            "applicationToken": "",
            "userId": 2,
            "memberId": "",
            "accessToken": tokens["access_token"],
            "refreshToken": tokens["refresh_token"],
            "expires": expires,
            "expiresIn": 3600,
            "scope": "crm",
            "domain": f"{box.host}:{box.port}",
            "clientEndpoint": f"{box.url}/rest/",
            "serverEndpoint": f"{box.url}/rest/",
            "status": "L",
        }
        secret = {"clientId": box.client_id, "clientSecret": box.client_secret}
        return node({"oauth": oauth, "secret": secret}, [*steps, ["pairs"]])

    return run


FAR = 4_000_000_000


@pytest.mark.parametrize("noticed_by", ["portal", "client"])
def test_an_expired_token_is_renewed(box, application, noticed_by):
    """Its requests go to ``/rest//profile``, with two slashes."""
    box.expire_access_tokens()
    expires = 1 if noticed_by == "client" else FAR
    profile, deal, pairs = application(expires, ["call", "profile", {}], ["call", "crm.deal.get", {"id": 1}])
    assert (profile["ID"], deal["TITLE"]) == ("2", "Deal 1")
    assert (len(pairs), box.renew_count) == (1, 1)
    assert pairs[0]["clientEndpoint"] == f"{box.url}/rest/"
    refused = ["expired_token"] if noticed_by == "portal" else []
    assert [request.error for request in box.requests] == [*refused, None, None]


def test_a_refresh_token_that_is_dead(box, application):
    box.revoke_refresh_token(2)
    refused, pairs = application(1, ["call", "profile", {}])
    assert refused["message"] == "Token is wrong, used or expired"
    assert (pairs, box.requests) == ([], [])
