from __future__ import annotations

import pytest


@pytest.fixture
def tokens(box):
    return box.oauth_connection(2)["extra"]


@pytest.fixture
def token_url(box):
    return f"{box.url}/oauth/token/"


def _refresh(tokens):
    wanted = ("client_id", "client_secret", "refresh_token")
    return {"grant_type": "refresh_token", **{name: tokens[name] for name in wanted}}


def _call(box, client, token):
    return client.send("POST", f"{box.url}/rest/profile", json={"auth": token})


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_refresh(box, client, clock, tokens, token_url, verb):
    options = {"params" if verb == "GET" else "data": _refresh(tokens)}
    answer = client.send(verb, token_url, **options)
    assert answer.status == 200
    new = answer.body
    assert new["expires_in"] == 3600
    assert new["expires"] == int(clock.now + 3600)
    assert new["client_endpoint"] == f"{box.url}/rest/"
    assert (new["user_id"], new["status"]) == (2, "L")
    assert new["refresh_token"] != tokens["refresh_token"]
    assert _call(box, client, new["access_token"]).result["ID"] == "2"
    assert _call(box, client, tokens["access_token"]).result["ID"] == "2", "works until it runs out"
    assert box.renew_count == 1


def test_old_refresh_token_is_dead_at_once(client, box, tokens, token_url):
    first = client.send("POST", token_url, data=_refresh(tokens)).body
    assert client.send("POST", token_url, data=_refresh(tokens)).error[:2] == (400, "invalid_grant")
    again = client.send("POST", token_url, data=_refresh({**tokens, **first}))
    assert again.status == 200
    assert box.renew_count == 2


def test_access_token_runs_out(box, client, clock, tokens):
    clock.now += 3599.9
    assert _call(box, client, tokens["access_token"]).status == 200
    clock.now += 0.2
    assert _call(box, client, tokens["access_token"]).error == (
        401,
        "expired_token",
        "The access token provided has expired",
    )


def test_expire_access_tokens(box, client, tokens):
    box.expire_access_tokens()
    assert _call(box, client, tokens["access_token"]).error[1] == "expired_token"


def test_refresh_token_runs_out_after_180_days(client, clock, tokens, token_url):
    clock.now += 180 * 24 * 3600
    assert client.send("GET", token_url, params=_refresh(tokens)).error[1] == "invalid_grant"


def test_revoke_refresh_token(box, client, tokens, token_url):
    box.revoke_refresh_token(2)
    assert client.send("GET", token_url, params=_refresh(tokens)).error[1] == "invalid_grant"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_secret": "x"}, (401, "invalid_client")),
        ({"client_id": "x"}, (401, "invalid_client")),
        ({"refresh_token": "x"}, (400, "invalid_grant")),
        ({"grant_type": "password"}, (400, "invalid_request")),
    ],
)
def test_errors(client, tokens, token_url, change, error):
    assert client.send("GET", token_url, params={**_refresh(tokens), **change}).error[:2] == error


def test_a_failed_renewal_does_not_use_up_the_token(client, tokens, token_url):
    client.send("GET", token_url, params={**_refresh(tokens), "client_secret": "x"})
    assert client.send("GET", token_url, params=_refresh(tokens)).status == 200


def test_uninstalled(box, client, tokens, token_url):
    box.install_application(False)
    assert client.send("GET", token_url, params=_refresh(tokens)).error[1] == "invalid_client"


def test_authorization_code(box, client, clock, token_url):
    def exchange(code):
        return client.send(
            "GET",
            token_url,
            params={
                "grant_type": "authorization_code",
                "client_id": box.client_id,
                "client_secret": box.client_secret,
                "code": code,
            },
        )

    code = box.authorize(2)
    token = exchange(code).body["access_token"]
    assert _call(box, client, token).result["ID"] == "2"
    assert exchange(code).error[1] == "invalid_grant", "once only"
    late = box.authorize(2)
    clock.now += 30
    assert exchange(late).error[1] == "invalid_grant"


def test_faults_of_the_token_address(box, client, tokens, token_url):
    box.inject("error", "oauth.token", code="wrong_client", status=200)
    box.inject("status", "oauth.token", status=502, body="html")
    assert client.send("GET", token_url, params=_refresh(tokens)).error[:2] == (200, "wrong_client")
    assert client.send("GET", token_url, params=_refresh(tokens)).status == 502
    assert box.renew_count == 0
    box.inject("drop_after", "oauth.token")
    with pytest.raises(OSError, match=r"[Cc]onnection"):
        client.send("GET", token_url, params=_refresh(tokens))
    assert box.renew_count == 1
    box.inject("error", "oauth.token", code="x", executed=True)
    new = {**tokens, **box.oauth_connection(2)["extra"]}
    assert client.send("GET", token_url, params=_refresh(new)).error[1] == "x"
    assert box.renew_count == 2


def test_faults_without_a_method_do_not_hit_the_token_address(box, client, tokens, token_url):
    box.inject("status", times=None)
    assert client.send("GET", token_url, params=_refresh(tokens)).status == 200


def test_file_link_of_an_application_carries_its_token(box, client, tokens):
    box.add_item("deal", {"UF_CRM_DOCUMENT": {"fileData": ["a.txt", "aGk="]}}, item_id=1)
    answer = client.send(
        "POST",
        f"{box.url}/rest/crm.item.get",
        json={"auth": tokens["access_token"], "entityTypeId": 2, "id": 1},
    )
    link = answer.result["item"]["ufCrmDocument"]["urlMachine"]
    assert tokens["access_token"] in link
    assert client.send("GET", link).response.content == b"hi"
    box.expire_access_tokens()
    assert client.send("GET", link).error[1] == "expired_token"
