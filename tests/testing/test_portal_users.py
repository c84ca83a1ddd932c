from __future__ import annotations

import pytest
from portal_client import Client


def _ids(answer):
    return [row["ID"] for row in answer.result]


# ---------------------------------------------------------------- users


def test_current(box, client):
    card = client("user.current").result
    assert (
        card.items()
        >= {
            "ID": "1",
            "ACTIVE": True,
            "NAME": "Admin",
            "LAST_NAME": "",
            "EMAIL": "user1@example.com",
            "USER_TYPE": "employee",
            "IS_ONLINE": "Y",
        }.items()
    )
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


def test_types_of_a_users_values(box, client):
    """One boolean, one list of numbers, text; and dates that may be an empty object."""
    fields = {"LAST_NAME": "Okafor", "UF_DEPARTMENT": ["3", 5], "WORK_POSITION": "Buyer"}
    box.add_user(7, "Mira", time_zone="Asia/Tokyo", fields=fields)
    answer = client("user.get", {"ID": 7})
    (card,) = answer.result
    assert (card["ID"], card["ACTIVE"], card["UF_DEPARTMENT"]) == ("7", True, [3, 5])
    assert (card["LAST_NAME"], card["TIME_ZONE"]) == ("Okafor", "Asia/Tokyo")
    assert (card["PERSONAL_CITY"], card["UF_SKILLS"]) == ("", None)
    assert card["DATE_REGISTER"] == "2025-09-09T16:31:11+03:00"
    assert '"TIMESTAMP_X":{}' in answer.response.text
    assert '"LAST_ACTIVITY_DATE":{}' in answer.response.text
    box.add_user(7, fields={"TIMESTAMP_X": "2025-09-01T10:00:00+03:00"})
    assert client("user.get", {"ID": 7}).result[0]["TIMESTAMP_X"] == "2025-09-01T10:00:00+03:00"
    for wrong in ({"SURNAME": "x"}, {"ID": 8}):
        with pytest.raises(ValueError, match="no further field of a user"):
            box.add_user(8, fields=wrong)


def test_selection_and_departments_of_users(box, client):
    box.add_user(4, "Ada", fields={"UF_DEPARTMENT": [2]})
    box.add_user(5, "Tomas", fields={"UF_DEPARTMENT": [3, 2]})
    assert client("user.get", {"ID": 4, "select": ["ID", "NAME", "NO_SUCH"]}).result == [
        {"ID": "4", "NAME": "Ada"}
    ]
    assert len(client("user.get", {"ID": 4, "select": ["NO_SUCH"]}).result[0]) > 20
    assert _ids(client("user.get", {"UF_DEPARTMENT": 2})) == ["4", "5"]
    assert _ids(client("user.get", {"FILTER": {"@UF_DEPARTMENT": [1, 3]}})) == ["1", "2", "3", "5"]


def test_bots_are_never_listed(box, client):
    box.add_user(4, "Helper", fields={"USER_TYPE": "bot"})
    assert _ids(client("user.get", {"ID": 4})) == []
    assert client("user.get").body["total"] == 3


def test_names_of_users_fields_by_scope(box, client):
    assert client("user.fields").result.keys() == client("user.current").result.keys()
    assert client("user.fields").result["LAST_NAME"] == "Last name"
    box.add_user(4, scopes=("user_basic",))
    assert "LAST_LOGIN" not in Client(box, 4)("user.fields").result
    assert "EMAIL" in Client(box, 4)("user.fields").result
    box.add_user(5, scopes=("user_brief",))
    brief = Client(box, 5)("user.get", {"select": ["ID", "EMAIL", "UF_DEPARTMENT"]}).result[0]
    assert brief == {"ID": "1", "UF_DEPARTMENT": [1]}


# ---------------------------------------------------------------- departments


def test_departments_come_in_the_order_of_the_tree(box, client):
    sales = box.add_department("Sales", head=2)
    legal = box.add_department("Legal", sort=100)
    abroad = box.add_department("Sales abroad", parent=sales, sort=10)
    answer = client("department.get")
    assert _ids(answer) == ["1", str(legal), str(sales), str(abroad)]
    assert answer.body["total"] == 4
    assert answer.result[0] == {"ID": "1", "NAME": "Company", "SORT": 500}
    assert answer.result[2] == {"ID": "2", "NAME": "Sales", "SORT": 500, "PARENT": "1", "UF_HEAD": "2"}
    assert _ids(client("department.get", {"sort": "ID", "order": "DESC"})) == ["4", "3", "2", "1"]
    with pytest.raises(ValueError, match="no such department"):
        box.add_department("Lost", parent=99)


def test_departments_conditions_stand_beside_the_order(box, client):
    box.add_department("Sales", head=2)
    box.add_department("Legal", sort=100)
    assert _ids(client("department.get", {"PARENT": 1})) == ["3", "2"]
    assert _ids(client("department.get", {"ID": [1, 2], "sort": "NAME"})) == ["1", "2"]
    assert _ids(client("department.get", {"NAME": "Legal"})) == ["3"]
    assert _ids(client("department.get", {"UF_HEAD": 2})) == ["2"]
    assert _ids(client("department.get", {"SORT": "NAME"})) == [], "in capitals it is a condition, too"
    assert _ids(client("department.get", {"FILTER": {"PARENT": 1}, "NAME": "Company"})) == ["3", "2"]
    assert len(client("department.get", {"parent": 7}).result) == 3, "names in small letters are dropped"


def test_departments_pages_and_scope(box, client):
    for number in range(60):
        box.add_department(f"D{number}")
    answer = client("department.get")
    assert (len(answer.result), answer.body["next"], answer.body["total"]) == (50, 50, 61)
    assert len(client("department.get", {"start": 50}).result) == 11
    box.add_user(4, scopes=("crm", "user"))
    assert Client(box, 4)("department.get").error[1] == "insufficient_scope"
