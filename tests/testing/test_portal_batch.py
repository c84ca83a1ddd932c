"""Batches: encoding of commands, references with all their traps, shapes of the answer."""

from __future__ import annotations

import pytest
from portal_client import Client


@pytest.fixture
def deal(box):
    return box.add_item("deal", {"TITLE": "Deal"}, item_id=10)


def _bind(record, kind, item):
    fields = {"OWNER_ID": record, "ENTITY_ID": item, "ENTITY_TYPE": kind}
    return "crm.timeline.bindings.bind?" + "&".join(
        f"fields[{name}]={value}" for name, value in fields.items()
    )


def test_shape(box, client):
    for number in range(1, 61):
        box.bind(7, "deal", number)
    result = client.batch(
        {
            "a": "profile",
            "l": "crm.timeline.bindings.list?filter[OWNER_ID]=7",
            "d": "crm.deal.get?id=5",
            "n": "no.such",
        }
    )
    assert result["result"]["a"]["ID"] == "1"
    assert result["result_total"] == {"l": 60}
    assert result["result_next"] == {"l": 50}
    assert result["result_error"] == {
        "d": {"error": "", "error_description": "Not found"},
        "n": {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"},
    }
    assert set(result["result_time"]) == {"a", "l"}


def test_no_outer_paging(box, client):
    answer = client("batch", {"cmd": {"l": "crm.timeline.bindings.list?filter[OWNER_ID]=7"}})
    assert answer.body.keys() == {"result", "time"}


@pytest.mark.parametrize("params", [{}, {"cmd": []}, {"cmd": "profile"}, {"cmd": None}])
def test_nothing_to_do(client, params):
    result = client("batch", params).result
    assert result == {f"result{tail}": [] for tail in ("", "_error", "_total", "_next", "_time")}


def test_list_of_commands_gives_lists(client):
    assert client.batch(["server.time", "scope"])["result"] == [
        "2025-09-09T16:31:11+03:00",
        client("scope").result,
    ]
    by_number = client.batch({"0": "server.time", "1": "server.time"})
    assert isinstance(by_number["result"], list)
    assert by_number["result_error"] == []


def test_maps_with_holes(client):
    middle = client.batch(["server.time", "x", "server.time"])
    assert set(middle["result"]) == {"0", "2"}
    assert set(middle["result_error"]) == {"1"}
    first = client.batch(["x", "server.time", "server.time"])
    assert set(first["result"]) == {"1", "2"}
    assert first["result_error"] == [
        {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"}
    ]


def test_names_in_any_case(client):
    assert client("batch", {"CMD": {"a": "server.time"}, "Halt": 1}).result["result"].keys() == {"a"}


@pytest.mark.parametrize(
    ("halt", "stops"),
    [(0, 0), ("0", 0), (False, 0), ("", 0), (None, 0), (1, 1), ("1", 1), (True, 1), ("false", 1), ("N", 1)],
)
def test_halt(client, halt, stops):
    result = client.batch({"a": "server.time", "b": "crm.deal.get", "c": "server.time"}, halt=halt)
    assert set(result["result"]) == ({"a"} if stops else {"a", "c"})
    assert set(result["result_error"]) == {"b"}


def test_false_and_null_are_results(box, deal):
    guest = Client(box, 3)
    result = guest.batch({"bind": _bind(1, "deal", 10), "after": "server.time"}, halt=1)
    assert result["result"]["bind"] is False
    assert set(result["result"]) == {"bind", "after"}
    number = box.add_comment("deal", 10, "x", author_id=1)
    result = Client(box).batch({"d": f"crm.timeline.comment.delete?id={number}"})
    assert result["result"] == {"d": None}


def test_more_than_fifty(client, box):
    result = client.batch({f"c{n}": "server.time" for n in range(53)})
    assert list(result["result"]) == [f"c{n}" for n in range(50)]
    assert result["result_error"] == {
        f"c{n}": {"error": "ERROR_BATCH_LENGTH_EXCEEDED", "error_description": "Max batch length exceeded"}
        for n in (50, 51, 52)
    }
    assert len(box.calls("server.time")) == 50
    assert len(box.calls("server.time", executed=False)) == 3
    halted = client.batch({f"c{n}": "server.time" for n in range(53)}, halt=1)
    assert set(halted["result_error"]) == {"c50"}


@pytest.mark.parametrize("method", ["batch", "upload", "download", "BATCH"])
def test_forbidden_methods(client, method):
    error = client.batch({"a": f"{method}?cmd[x]=profile"})["result_error"]["a"]
    assert error == {
        "error": "ERROR_BATCH_METHOD_NOT_ALLOWED",
        "error_description": "Method is not allowed for batch usage",
    }


def test_what_is_no_string_is_skipped_but_takes_a_place(client):
    result = client.batch({"skip": {"method": "profile"}, **{f"c{n}": "server.time" for n in range(50)}})
    assert len(result["result"]) == 49
    assert list(result["result_error"]) == ["c49"]
    assert "skip" not in result["result"]


@pytest.mark.parametrize(
    "command", ["/profile", "//profile", "profile.json", "profile&a=1", "", "profile/", "http://x/profile"]
)
def test_commands_that_name_no_method(client, command):
    assert client.batch({"a": command})["result_error"]["a"]["error"] == "ERROR_METHOD_NOT_FOUND"


def test_fragment_is_lost(box, client, deal):
    client.batch({"a": "crm.deal.update?id=10&fields[TITLE]=one#two&fields[COMMENTS]=x"})
    assert box.items("deal")[10]["TITLE"] == "one"
    client.batch({"a": "crm.deal.update?id=10&fields[TITLE]=one%23two?three"})
    assert box.items("deal")[10]["TITLE"] == "one#two?three"


def test_everything_arrives_as_text(box, client):
    client.batch({"a": "profile?n=1&b=true&e[]=&x=a+b%20c"})
    assert box.calls("profile")[0].params == {"n": "1", "b": "true", "e": {"0": ""}, "x": "a b c"}


def test_scope_of_a_command(box):
    box.add_user(4, scopes=("im",))
    result = Client(box, 4).batch({"a": "profile", "b": "crm.deal.list"})
    assert set(result["result"]) == {"a"}
    assert result["result_error"]["b"] == {"error": "insufficient_scope", "error_description": ""}


def test_batch_as_form_and_in_the_address(client):
    for options in (
        {"data": {"cmd[a]": "crm.deal.list?filter[>ID]=1"}},
        {"params": {"cmd[a]": "profile?a=1&b=2"}},
    ):
        assert set(client.send("POST", client.base + "batch", **options).result["result"]) == {"a"}


def test_type_error_ends_the_whole_batch(box, client, deal):
    answer = client("batch", {"cmd": {"a": _bind(1, "deal", 10), "b": "crm.timeline.bindings.bind?fields=x"}})
    assert answer.status == 500
    assert "<html>" in answer.body
    assert box.bindings(1) == [("deal", 10)], "what came before has happened"


def test_journal_of_a_batch(box, client):
    client.batch({"a": "profile", "b": "no.such"})
    by_key = {entry.in_batch: entry for entry in box.journal}
    assert by_key["a"].executed
    assert (by_key["b"].executed, by_key["b"].error) == (False, "ERROR_METHOD_NOT_FOUND")
    assert (by_key[None].method, by_key[None].executed) == ("batch", True)
    assert box.requests[-1].n_commands == 2


# ---------------------------------------------------------------- references


def _echo(box, client, cmd):
    """Return what arrived at the last command, a profile call with a parameter v."""
    client("batch", {"cmd": cmd})
    return box.calls("profile")[-1].params["v"]


_FIRST = {
    "list": "crm.deal.list?select[]=ID&order[ID]=ASC",
    "one": "crm.deal.get?id=10",
    "time": "server.time",
}


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ("$result[one][ID]", "10"),
        ("$result[list][0][ID]", "10"),
        ("%24result%5Bone%5D%5BID%5D", "10"),
        ("CONTACT_$result[one][ID]", "CONTACT_10"),
        ("$result[one][ID]_suffix", "10"),
        ("$result[one][ID],$result[time]", "10"),
        ("$result[one][ID]+and+$result[list][1][ID].", "10 and 11"),
        ("$total[list]", 2),
        ("$error[bad][error_description]", "Not found"),
        ("x+$total[list]+y", "x 2 y"),
        ("$time[one][start]", 1757424671),
        ("$100", "$100"),
        ("$result", "$result"),
        ("$result+[one]", "$result [one]"),
        ("$unknown[one]", "$unknown[one]"),
        ("$RESULT[one]", None),
        ("$result[list]", [{"ID": "10"}, {"ID": "11"}]),
        ("x$result[list]", "x$result[list]"),
        ("$result[list][7][ID]", [{"ID": "10"}, {"ID": "11"}]),
        ("$result[one][ID][deeper]", "10"),
        ("CONTACT_$result[missing]", "CONTACT_$result[missing]"),
    ],
)
def test_references(box, client, deal, value, arrives):
    box.add_item("deal", item_id=11)
    assert (
        _echo(box, client, {**_FIRST, "bad": "crm.deal.get?id=99", "last": f"profile?v={value}"}) == arrives
    )


def test_missing_reference_becomes_all_results(box, client):
    cmd = {"t": "server.time", "bad": "crm.deal.get?id=99", "last": "profile?v=$result[bad]"}
    assert _echo(box, client, cmd) == {"t": "2025-09-09T16:31:11+03:00"}
    assert _echo(box, client, {"last": "profile?v=$result[bad]"}) == {}


def test_missing_reference_binds_record_1(box, client, deal):
    cmd = {
        "t": "server.time",
        "add": "crm.timeline.comment.add?fields[ENTITY_ID]=0",
        "bind": _bind("$result[add]", "deal", 10),
    }
    assert client.batch(cmd)["result"]["bind"] is True
    assert box.bindings(1) == [("deal", 10)]
    del cmd["t"]
    error = client.batch(cmd)["result_error"]["bind"]
    assert error["error_description"] == "OWNER_ID is not defined or invalid."


def test_null_result_counts_as_missing(box, client, deal):
    number = box.add_comment("deal", 10, "x")
    cmd = {
        "t": "server.time",
        "del": f"crm.timeline.comment.delete?id={number}",
        "last": "profile?v=$result[del]",
    }
    assert _echo(box, client, cmd) == {"t": "2025-09-09T16:31:11+03:00", "del": None}


def test_chain_over_short_pages_starts_again(box, client):
    for _ in range(60):
        box.add_item("deal")
    page = "crm.deal.list?select[]=ID&order[ID]=ASC&start=-1&filter[>ID]="
    result = client.batch(
        {"p0": f"{page}0", "p1": f"{page}$result[p0][49][ID]", "p2": f"{page}$result[p1][49][ID]"}
    )["result"]
    assert [row["ID"] for row in result["p1"]] == [str(n) for n in range(51, 61)]
    assert result["p2"][0] == {"ID": "2"}, "the reference to a missing row was cast to 1"


def test_add_then_bind(box, client, deal):
    cmd = {
        "add": "crm.timeline.comment.add?fields[ENTITY_ID]=10&fields[ENTITY_TYPE]=deal&fields[COMMENT]=Hi",
        "bind": _bind("$result[add]", "contact", 39),
    }
    assert client.batch(cmd, halt=1)["result"] == {"add": 1, "bind": True}
    assert box.bindings(1) == [("contact", 39), ("deal", 10)]
