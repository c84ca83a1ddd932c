"""Addresses, parameters, credentials, and the order in which they are checked."""

from __future__ import annotations

import pytest
from portal_client import Client

_BIND = {"fields": {"OWNER_ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 9}}


@pytest.mark.parametrize(
    "path", ["profile", "profile.json", "profile/", "PROFILE", "Profile.json", "profile.json/"]
)
def test_forms_of_a_webhook_address(client, path):
    for verb in ("GET", "POST"):
        assert client.send(verb, client.base + path).result["ID"] == "1"


def test_webhook_by_parameters(box, client):
    code = box.webhook_code(2)
    assert client.send("GET", f"{box.url}/rest/profile?aplogin=2&ap={code}").result["ID"] == "2"
    assert (
        client.send("POST", f"{box.url}/rest/profile", json={"aplogin": "2", "ap": code}).result["ID"] == "2"
    )


def test_path_is_stronger_than_parameters(box, client):
    assert client("profile", {"aplogin": "2", "ap": box.webhook_code(2)}).result["ID"] == "1"


@pytest.mark.parametrize("where", ["auth", "access_token", "header"])
def test_application_token(box, client, where):
    token = box.oauth_connection(2)["extra"]["access_token"]
    if where == "header":
        answer = client.send("POST", f"{box.url}/rest/profile", headers={"Authorization": f"Bearer {token}"})
    else:
        answer = client.send("POST", f"{box.url}/rest/profile.json", json={where: token})
    assert answer.result["ID"] == "2"
    assert box.calls("profile")[-1].via == "application"


def test_header_wins_over_parameter(box, client):
    token = box.oauth_connection(2)["extra"]["access_token"]
    answer = client.send(
        "POST", f"{box.url}/rest/profile", json={"auth": "x"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.result["ID"] == "2"


@pytest.mark.parametrize("suffix", [".yaml", ".JSON", ".json.json"])
def test_unknown_suffix_belongs_to_the_method(client, suffix):
    assert client("profile" + suffix).error == (404, "ERROR_METHOD_NOT_FOUND", "Method not found!")


def test_xml(client):
    answer = client("profile.xml")
    assert answer.response.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert "<response><result><ID>1</ID><ADMIN>1</ADMIN>" in answer.body


def test_method_names_are_case_insensitive(client):
    assert client("crm.timeline.bindings.Bind", _BIND).result is True


@pytest.mark.parametrize("encoding", ["json", "form", "multipart", "query"])
def test_encodings(box, client, encoding):
    flat = {"fields[OWNER_ID]": "5", "fields[ENTITY_TYPE]": "deal", "fields[ENTITY_ID]": "9"}
    url = client.base + "crm.timeline.bindings.bind"
    options = {
        "json": {"json": _BIND},
        "form": {"data": flat},
        "multipart": {"files": {name: (None, value) for name, value in flat.items()}},
        "query": {"params": flat},
    }[encoding]
    assert client.send("GET" if encoding == "query" else "POST", url, **options).result is True
    assert box.bindings(5) == [("deal", 9)]
    assert box.requests[-1].encoding == encoding


def test_other_json_types_and_parameters_of_the_type(client):
    for content_type in ("application/json; charset=utf-8", "application/vnd.api+json", "APPLICATION/JSON"):
        answer = client.send(
            "POST",
            client.base + "method.get",
            data=b'{"name":"batch"}',
            headers={"Content-Type": content_type},
        )
        assert answer.result == {"isExisting": True, "isAvailable": True}


@pytest.mark.parametrize("body", [b"{broken", b"5", b'"text"'])
def test_malformed_json_is_ignored(client, body):
    headers = {"Content-Type": "application/json"}
    url = client.base + "crm.timeline.bindings.bind"
    answer = client.send("POST", url, data=body, headers=headers)
    assert answer.error == (400, "", "OWNER_ID is not defined or invalid.")
    query = "?fields[OWNER_ID]=5&fields[ENTITY_TYPE]=deal&fields[ENTITY_ID]=9"
    assert client.send("POST", url + query, data=body, headers=headers).result is True


def test_body_replaces_whole_keys_of_the_query(client):
    url = client.base + "crm.timeline.bindings.bind?fields[OWNER_ID]=5&fields[ENTITY_ID]=9"
    answer = client.send("POST", url, json={"fields": {"ENTITY_TYPE": "deal"}})
    assert answer.error == (400, "", "OWNER_ID is not defined or invalid.")


def test_names_that_never_reach_a_method(box, client):
    consumed = dict.fromkeys(
        ("method", "access_token", "auth_connector", "ap", "aplogin", "state", "sessid"), "x"
    )
    client("profile", {**consumed, "start": 50, "kept": 1})
    assert box.calls("profile")[-1].params == {"kept": 1}


def test_many_form_variables_are_cut_off(box, client):
    data = [("filter[OWNER_ID]", "1")] + [("x[]", "1")] * 1200
    client.send("POST", client.base + "crm.timeline.bindings.list", data=data)
    assert len(box.calls()[-1].params["x"]) == 999


# ---------------------------------------------------------------- credentials


def test_wrong_webhook(box, client):
    wrong = (401, "INVALID_CREDENTIALS", "Invalid request credentials")
    for path in ("/rest/1/wrong/profile", "/rest/99/x/profile", "/rest/admin/x/profile"):
        assert client.send("POST", box.url + path).error == wrong
    box.revoke_webhook(1)
    assert client("profile").error == wrong
    entry = box.calls(executed=False)[-1]
    assert (entry.method, entry.error, entry.status, entry.executed) == ("profile", wrong[1], 401, False)


def test_no_credentials(box, client):
    answer = client.send("POST", box.url + "/rest/profile")
    assert answer.error == (401, "NO_AUTH_FOUND", "Wrong authorization data")


def test_scope(box, client):
    box.add_user(4, "Clerk", scopes=("im",))
    status, code, _ = Client(box, 4)("crm.deal.list").error
    assert (status, code) == (401, "insufficient_scope")
    assert Client(box, 4)("profile").result["ID"] == "4"


def test_method_is_looked_for_before_the_credentials(box, client):
    answer = client.send("POST", f"{box.url}/rest/1/wrong/no.such.method")
    assert answer.error == (404, "ERROR_METHOD_NOT_FOUND", "Method not found!")


def test_deleted_portal_comes_before_everything(box, client):
    box.set_deleted(True)
    assert client("no.such.method").error[:2] == (403, "PORTAL_DELETED")


def test_order_of_webhook_checks(box):
    """Https, code, scope, hold, plan, user: each is reported although all later ones are wrong too."""
    box.add_user(4, "Clerk", scopes=(), active=False)
    clerk = Client(box, 4)
    box.set_overload(True)
    box.set_plan(False)
    box.set_https_required(True)
    assert clerk("crm.deal.list").error == (401, "INVALID_REQUEST", "Https required.")
    box.set_https_required(False)
    assert clerk("crm.deal.list").error[1] == "insufficient_scope"
    assert clerk("profile").error == (401, "OVERLOAD_LIMIT", "REST API is blocked due to overload.")
    box.set_overload(False)
    assert clerk("profile").error == (401, "ACCESS_DENIED", "REST is available only by subscription.")
    box.set_plan(True)
    assert clerk("profile").error == (401, "authorization_error", "Unable to authorize user")


def test_overload_status_of_the_documentation(box, client):
    box.set_overload(True, status=503)
    assert client("profile").error[:2] == (503, "OVERLOAD_LIMIT")


def test_order_of_application_checks(box, clock, client):
    token = box.oauth_connection(2)["extra"]["access_token"]

    def call(auth):
        return client.send("POST", f"{box.url}/rest/crm.deal.list", json={"auth": auth}).error

    assert call("nonsense")[:2] == (401, "invalid_token")
    clock.now += 3600
    box.install_application(False)
    box.set_plan(False)
    assert call(token) == (401, "ACCESS_DENIED", "REST is available only on commercial plans.")
    box.set_plan(True)
    assert call(token)[:2] == (401, "APPLICATION_NOT_FOUND")
    box.install_application(True)
    assert call(token) == (401, "expired_token", "The access token provided has expired")


def test_user_without_crm_rights_is_refused_before_parameters(box):
    box.add_user(4, "Clerk", may_read=False)
    clerk = Client(box, 4)
    for method in ("crm.timeline.bindings.bind", "crm.deal.get", "crm.timeline.comment.list"):
        assert clerk(method).error == (400, "", "Access denied.")
    assert clerk("crm.timeline.comment.add").error[1] == "100"


def test_version_3_is_another_api(client, box):
    answer = client.send("POST", f"{box.url}/rest/api/1/{box.webhook_code()}/crm.deal.get", json={"id": 1})
    assert answer.status == 404
    assert answer.body["error"]["code"] == "BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION"
    assert box.webhook_code() not in box.requests[-1].path


def test_requests_hide_the_secret(box, client):
    client("profile")
    entry = box.requests[-1]
    assert entry.path == "/rest/1/***/profile"
    assert (entry.http_method, entry.method, entry.status, entry.refused) == ("POST", "profile", 200, False)
    assert box.webhook_code() not in repr(box.requests)
