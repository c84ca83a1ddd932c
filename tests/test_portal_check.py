"""The check of a user's own portal, tried on portals in a box in several disguises."""

from __future__ import annotations

import pytest

from airflow_provider_bitrix24.portal_check import main
from airflow_provider_bitrix24.testing import Bitrix24Portal


@pytest.fixture
def portal(box, connect):
    box.load_demo()
    box.connect = lambda **options: connect(box.connection(plan="self-hosted", **options))
    box.connect()
    return box


@pytest.fixture
def check(portal, capsys):
    """Run the command, and return its exit status and its findings: each check's mark and what was found."""

    def check(*arguments):
        status = main(arguments)
        text = capsys.readouterr().out
        found = {}
        for line in text.splitlines():
            if line.startswith("- "):
                mark, name, what = line[2:].split(": ", 2)
                found[name] = (mark, what)
        check.text = text
        return status, found

    return check


def differing(found):
    return {name for name, (mark, _) in found.items() if mark == "DIFFERS"}


def test_portal_as_expected(check, portal):
    status, found = check()
    assert (status, differing(found)) == (0, set()), check.text
    assert found["scope"] == ("ok", "crm is granted")
    assert found["time zone"] == ("ok", "the user has the server's")
    assert found["a refused right"] == ("?", "nothing was refused to this user")
    assert found["bound of a date filter"] == ("ok", "the moment that is given")
    assert "All is as expected, and 2 could not be told." in check.text


def test_check_only_reads(check, portal):
    before = portal.items("lead"), portal.items("deal"), len(portal.records())
    check()
    assert (portal.items("lead"), portal.items("deal"), len(portal.records())) == before
    assert {entry.method.rpartition(".")[2] for entry in portal.journal if entry.executed} <= {
        "batch",
        "fields",
        "get",
        "list",
        "profile",
        "scope",
        "time",
    }


@pytest.mark.parametrize(
    ("zone", "clock", "bound", "loses"),
    [
        ("Asia/Tokyo", "+6 h", "an earlier one: '>' finds a row by its own date", "too many rows"),
        ("America/Bogota", "-8 h", "a later one: '>=' does not find a row by its own date", "misses rows"),
    ],
)
def test_user_in_another_zone(check, portal, zone, clock, bound, loses):
    portal.add_user(9, "Traveller", admin=True, time_zone=zone)
    portal.connect(user_id=9)
    status, found = check()
    assert (status, differing(found)) == (1, {"time zone", "bound of a date filter"}), check.text
    assert found["time zone"][1] == f"the user's clock is {clock} from the server's"
    assert found["bound of a date filter"][1] == bound
    assert loses in " ".join(check.text.split())


def test_filters_ignored(check, portal):
    portal.set_date_filters_ignored(True)
    status, found = check()
    names = {name for name in found if name.startswith("date filter of ")}
    assert (status, differing(found)) == (1, names), check.text
    assert len(names) == 2
    assert all("every row comes, though none changed after 2100" in found[name][1] for name in names)
    assert found["bound of a date filter"] == ("?", "it cannot be tried")


def test_no_rights(check, portal):
    portal.add_user(9, "Nobody", may_read=False, may_update=False)
    portal.connect(user_id=9)
    status, found = check()
    assert (status, differing(found)) == (1, {"reading the CRM"}), check.text
    assert found["reading the CRM"][1].startswith(
        "cannot be read: lead, deal, contact, company (AccessDenied"
    )
    assert found["a refused right"][0] == "ok"
    assert found["filters"] == ("?", "no rows to try them on")


def test_missing_scope(check, portal):
    portal.add_user(9, "Chat", admin=True, scopes=["im"])
    portal.connect(user_id=9)
    status, found = check()
    assert status == 1
    assert {"scope", "methods", "reading the CRM"} <= differing(found), check.text
    assert "crm.item.list" in found["methods"][1]


SCOPE_ERROR = {"code": "ERROR_METHOD_NOT_FOUND", "description": "Method not found!", "status": 404}


@pytest.mark.parametrize(
    ("fault", "answer", "told"),
    [
        (
            "error",
            SCOPE_ERROR,
            ("?", f"the portal does not tell (MethodNotFoundError {SCOPE_ERROR['code']})"),
        ),
        ("result", {"result": None}, ("?", "the portal does not tell (UnexpectedResultError)")),
        ("result", {"result": ["im"]}, ("DIFFERS", "crm is not granted")),
    ],
)
def test_scope_that_is_not_told_is_not_called_missing(check, portal, fault, answer, told):
    portal.inject(fault, "scope", times=None, **answer)
    _, found = check()
    assert found["scope"] == told


def test_empty_portal(box, connect, capsys):
    connect(box.connection(plan="self-hosted"))
    assert main([]) == 0
    assert "no rows to try them on" in capsys.readouterr().out


def test_portal_that_counts_operating_time(connect, capsys):
    with Bitrix24Portal() as portal:
        connect(portal.connection())
        assert main([]) == 0
    assert "- ok: operating time: they do\n" in capsys.readouterr().out


def test_long_lists_are_paged_as_expected(check, portal):
    portal.add_items("lead", [{"TITLE": "x"}] * 60)
    status, found = check()
    assert status == 0
    assert found["pages of classic lists"] == found["pages of crm.item.list"] == ("ok", "as expected")


@pytest.mark.parametrize(
    ("method", "result", "name"),
    [
        ("crm.deal.list", [{"ID": "1"}] * 20, "pages of classic lists"),
        ("crm.item.list", {"items": [{"id": 1}] * 20}, "pages of crm.item.list"),
        ("crm.item.get", {"item": {}}, "an item that does not exist"),
    ],
)
def test_other_answers_than_expected_are_told(check, portal, method, result, name):
    portal.inject("result", method, result=result)
    status, found = check()
    assert (status, differing(found)) == (1, {name})


def test_written_lead_is_deleted_again(check, portal):
    before = portal.items("lead")
    status, found = check("--write")
    assert (status, differing(found)) == (0, set()), check.text
    assert found["deleting the lead"] == ("ok", "it is deleted")
    assert len(portal.calls("crm.lead.add")) == 1
    assert portal.items("lead") == before


def test_lead_that_cannot_be_deleted_is_named(check, portal):
    portal.inject("error", "crm.lead.delete", code="", description="Access denied.", status=400)
    status, found = check("--write")
    assert (status, differing(found)) == (1, {"deleting the lead"})
    [number] = [n for n, fields in portal.items("lead").items() if "portal_check" in str(fields["TITLE"])]
    assert f"Delete lead {number} yourself." in check.text


def test_lead_that_cannot_be_added_ends_the_writing(check, portal):
    portal.connect(user_id=3)
    status, found = check("--write")
    assert status == 1
    assert differing(found) == {"adding a lead, with a field that does not exist"}
    assert "deleting the lead" not in found


def test_text_holds_no_names_and_no_secrets(check, portal):
    portal.add_user(9, "Somebody Special", admin=True, time_zone="Asia/Tokyo")
    portal.connect(user_id=9)
    check("--write")
    for secret in (portal.webhook_code(9), portal.host, str(portal.port), "Somebody", "Tokyo"):
        assert secret not in check.text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["--conn-id", "nowhere"], "does not find the connection 'nowhere'"), ([], "could not be checked")],
)
def test_portal_that_cannot_be_asked(portal, capsys, arguments, told):
    portal.revoke_webhook()
    assert main(arguments) == 1
    assert told in capsys.readouterr().err
