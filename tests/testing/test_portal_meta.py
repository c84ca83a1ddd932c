from __future__ import annotations

from portal_client import Client


def test_profile(box, client):
    assert client("profile").result == {
        "ID": "1",
        "ADMIN": True,
        "NAME": "Admin",
        "LAST_NAME": "",
        "PERSONAL_GENDER": "",
        "TIME_ZONE": "",
    }
    assert Client(box, 2)("profile").result["ADMIN"] is False


def test_scope(box, client):
    assert "crm" in client("scope").result
    box.add_user(4, scopes=("im",))
    assert Client(box, 4)("scope").result == ["im"]
    assert "crm" in Client(box, 4)("scope", {"full": True}).result


def test_methods_lists_classic_methods_only(client):
    names = client("methods").result
    assert {"profile", "crm.timeline.bindings.bind", "crm.timeline.comment.list"} <= set(names)
    assert "crm.timeline.comment.add" not in names
    assert "profile" not in client("methods", {"scope": "crm"}).result


def test_method_get(box, client):
    assert client("method.get", {"name": "crm.deal.get"}).result == {"isExisting": True, "isAvailable": True}
    assert client("method.get", {"name": "no.such"}).result == {"isExisting": False, "isAvailable": False}
    box.add_user(4, scopes=())
    assert Client(box, 4)("method.get", {"name": "crm.deal.get"}).result == {
        "isExisting": True,
        "isAvailable": False,
    }


def test_app_info(box, client):
    assert set(client("app.info").result) == {"SCOPE", "LICENSE"}
    token = box.oauth_connection()["extra"]["access_token"]
    answer = client.send("POST", f"{box.url}/rest/app.info", json={"auth": token})
    assert answer.result["CODE"] == box.client_id


def test_feature_get(client):
    assert client("feature.get", {"CODE": "rest_offline_extended"}).result == {"value": "Y"}
    assert client("feature.get").error[1] == "CODE_EMPTY"
