from __future__ import annotations

from portal_client import Client


def _ids(answer):
    return [row["ID"] for row in answer.result]


def test_current(box, client):
    assert client("user.current").result == {
        "ID": "1",
        "ACTIVE": True,
        "NAME": "Admin",
        "LAST_NAME": "",
        "EMAIL": "user1@example.com",
        "USER_TYPE": "employee",
        "IS_ONLINE": "Y",
    }
    box.add_user(4, scopes=("crm",))
    assert Client(box, 4)("user.current").error[1] == "insufficient_scope"
    box.add_user(5, scopes=("user_brief",))
    assert "EMAIL" not in Client(box, 5)("user.current").result


def test_get(box, client):
    box.add_user(4, "Mona", active=False)
    answer = client("user.get")
    assert (_ids(answer), answer.body["total"]) == (["1", "2", "3", "4"], 4)
    assert answer.result[3]["ACTIVE"] is False
    assert _ids(client("user.get", {"ID": 2})) == ["2"], "conditions beside FILTER"
    assert _ids(client("user.get", {"FILTER": {"ID": [2, 3]}})) == ["2", "3"]
    assert _ids(client("user.get", {"filter": {"%NAME": "m"}})) == ["1", "2", "4"]
    for value in (False, "N", 0, "false"):
        assert _ids(client("user.get", {"FILTER": {"ACTIVE": value}})) == ["4"]
    assert _ids(client("user.get", {"ACTIVE": True})) == ["1", "2", "3"]
    assert _ids(client("user.get", {"FILTER": {"ID": 99}})) == []


def test_get_order_and_pages(box, client):
    assert _ids(client("user.get", {"sort": "ID", "order": "DESC"})) == ["3", "2", "1"]
    assert _ids(client("user.get", {"SORT": "NAME", "ORDER": "asc"})) == ["1", "3", "2"]
    for number in range(4, 61):
        box.add_user(number)
    answer = client("user.get", {"sort": "ID", "order": "ASC"})
    assert (len(answer.result), answer.body["next"], answer.body["total"]) == (50, 50, 60)
    assert _ids(client("user.get", {"sort": "ID", "order": "ASC", "start": 50}))[0] == "51"
