"""The operators for any method executed on their own, and what all operators share."""

from __future__ import annotations

import gzip
import json
import threading

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from operator_alone import GONE, Store, context_of, fails, run

from airflow_provider_bitrix24.hooks.errors import (
    AmbiguousWriteError,
    Bitrix24Error,
    ConnectionUnreadableError,
    DoneInPartError,
    InvalidInputError,
    MorePagesError,
    NotFoundError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.rest import (
    Bitrix24BatchOperator,
    Bitrix24CallOperator,
    Bitrix24ListOperator,
)
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentsOperator,
    BindTimelineRecordOperator,
    ListTimelineBindingsOperator,
    UnbindTimelineRecordOperator,
)
from airflow_provider_bitrix24.rest.calls import Call


def test_call(portal):
    _, result, _ = run(Bitrix24CallOperator, method="crm.deal.get", api_params={"id": 1})
    assert result["ID"] == "1"
    assert run(Bitrix24CallOperator, method="crm.deal.get", api_params='{"id": 1}')[1] == result
    assert run(Bitrix24CallOperator, method="server.time")[1]


@pytest.mark.parametrize("kept", [True, False], ids=["with a store", "without"])
@pytest.mark.parametrize("repeatable", [None, False])
def test_call_of_which_nobody_knows(portal, kept, repeatable):
    more = {"task_state_store": Store()} if kept else {}
    arguments = {
        "method": "crm.deal.add",
        "api_params": {"fields": {"TITLE": "Once"}},
        "repeatable": repeatable,
        "retries": 1,
    }
    portal.inject("drop_after", "crm.deal.add")
    fails(Bitrix24CallOperator, AmbiguousWriteError, context_of(1, 1, **more), **arguments)
    fails(Bitrix24CallOperator, AmbiguousWriteError, context_of(2, 1, **more), **arguments)
    assert len(portal.calls("crm.deal.add")) == 1


def test_call_that_may_be_repeated(portal):
    portal.inject("drop_after", "crm.deal.add")
    arguments = {"method": "crm.deal.add", "api_params": {"fields": {"TITLE": "x"}}, "repeatable": True}
    assert run(Bitrix24CallOperator, **arguments)[1] > 0
    assert len(portal.calls("crm.deal.add")) == 2


def test_list_of_rows(portal, written):
    count = len(portal.items("deal"))
    _, rows, _ = run(
        Bitrix24ListOperator, method="crm.deal.list", api_params={"select": ["ID"]}, max_rows=count
    )
    assert sorted(int(entry["ID"]) for entry in rows) == sorted(portal.items("deal"))
    assert f"crm.deal.list has {count} rows." in written()
    error, _ = fails(
        Bitrix24ListOperator, InvalidInputError, method="crm.deal.list", api_params={}, max_rows=count - 1
    )
    assert error.description == f"max_rows: crm.deal.list has more than {count - 1} rows"
    assert error.remedy == "Give output_path to write them to a file, or narrow the filter."


def test_list_to_a_file(portal, tmp_path, written):
    path = tmp_path / "quite" / "new" / "deals.jsonl"
    portal.add_item("deal", {"TITLE": "\u4e2d"})
    count = len(portal.items("deal"))
    for given in (path, str(path)):
        _, result, _ = run(Bitrix24ListOperator, method="crm.deal.list", max_rows=1, output_path=given)
        assert result == {"path": str(path), "count": count, "last_id": max(portal.items("deal"))}
        lines = path.read_text("utf-8").splitlines()
        assert [json.loads(line)["ID"] for line in lines] == [
            str(number) for number in sorted(portal.items("deal"))
        ]
        assert "\u4e2d" in lines[-1]
        assert f"The {count} rows of crm.deal.list are in {path}." in written()
    assert [entry.name for entry in path.parent.iterdir()] == ["deals.jsonl"]


def test_a_list_to_a_compressed_file(portal, tmp_path):
    path = tmp_path / "deals.jsonl.gz"
    _, result, _ = run(Bitrix24ListOperator, method="crm.deal.list", output_path=str(path))
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert result == {"path": str(path), "count": len(rows), "last_id": max(portal.items("deal"))}


def test_a_list_with_too_many_rows_is_not_read_on(portal):
    """The name is so long that a request holds ten pages; so a list of 3,000 rows takes many."""
    portal.add_items("contact", [{"NAME": f"Contact {number}"} for number in range(3000)])
    params = {"select": ["ID"], "filter": {"!NAME": "x" * 39_000}}
    arguments = {"method": "crm.contact.list", "api_params": params, "max_rows": 60, "max_in_flight": 2}
    error, _ = fails(Bitrix24ListOperator, InvalidInputError, **arguments)
    sent = len(portal.requests)
    assert "more than 60 rows" in error.description
    assert sent < 8
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bitrix24_")]


def test_a_list_without_ids_has_no_last_one(portal, tmp_path):
    portal.inject("result", "user.get", result=[{"NAME": "x"}])
    _, result, _ = run(Bitrix24ListOperator, method="user.get", output_path=str(tmp_path / "x.jsonl"))
    assert (result["count"], result["last_id"]) == (1, None)


def test_the_last_id_of_items_in_lower_case(portal, tmp_path):
    arguments = {"method": "crm.item.list", "api_params": {"entityTypeId": 2}}
    _, result, _ = run(Bitrix24ListOperator, **arguments, output_path=str(tmp_path / "x.jsonl"))
    assert result["last_id"] == max(portal.items("deal"))


@pytest.mark.parametrize(
    ("method", "params", "row"),
    [
        ("crm.deal.list", {"select": ["TITLE"]}, {"TITLE"}),
        ("crm.deal.list", {"select": ["TITLE"], "order": {"TITLE": "ASC"}}, {"TITLE"}),
        ("crm.item.list", {"entityTypeId": 2, "select": ["title"]}, {"title"}),
    ],
    ids=["classic", "in another order", "items"],
)
def test_the_last_id_of_rows_that_do_not_show_it(portal, tmp_path, method, params, row):
    number = portal.add_item("deal", {"TITLE": "\uffff last"})
    path = tmp_path / "x.jsonl"
    _, result, _ = run(Bitrix24ListOperator, method=method, api_params=params, output_path=str(path))
    assert result["last_id"] == number
    assert {frozenset(json.loads(line)) for line in path.read_text("utf-8").splitlines()} == {frozenset(row)}


def test_a_page_in_the_middle_is_no_file(portal, tmp_path):
    params = {"select": ["TITLE"], "start": 100}
    path = str(tmp_path / "x.jsonl")
    arguments = {"method": "crm.deal.list", "api_params": params, "output_path": path}
    error, _ = fails(Bitrix24ListOperator, InvalidInputError, **arguments)
    assert error.description.startswith("api_params.start: 100 asks for a page in the middle")


def test_a_folder_is_refused_before_the_list_is_read(portal, tmp_path):
    attach("memory", fs=MemoryFileSystem())
    ObjectStoragePath("memory://of_lists/deals").mkdir(parents=True)
    for path in (str(tmp_path), "memory://of_lists/deals", f"{tmp_path}/new/", "s3://bucket/deals/"):
        error, _ = fails(Bitrix24ListOperator, InvalidInputError, method="crm.deal.list", output_path=path)
        assert error.description == f"output_path: {path!r} is a folder"
    assert not portal.calls()


def test_rows_that_are_no_mappings_have_no_id(portal, tmp_path):
    portal.inject("result", "user.get", result=["x", "y"])
    _, result, _ = run(Bitrix24ListOperator, method="user.get", output_path=str(tmp_path / "x.jsonl"))
    assert (result["count"], result["last_id"]) == (2, None)


def test_a_list_that_breaks_off_leaves_what_was_there(portal, tmp_path):
    path = tmp_path / "deals.jsonl"
    path.write_text("older\n")
    portal.inject("error", "crm.deal.list", code="", description="Odd.", status=400)
    fails(Bitrix24ListOperator, Bitrix24Error, method="crm.deal.list", output_path=str(path))
    assert path.read_text() == "older\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["deals.jsonl"]


EMPTY_ROWS = {
    "method": "crm.item.list",
    "api_params": {"entityTypeId": 1, "select": ["id", "utmSource"], "useOriginalUfNames": "Y"},
}


@pytest.mark.parametrize(
    ("cls", "more"),
    [(Bitrix24ListOperator, {}), (Bitrix24CallOperator, {}), (Bitrix24CallOperator, {"start": 0})],
    ids=["list", "call", "call of a page"],
)
def test_rows_without_fields_are_an_error_that_no_retry_cures(portal, cls, more):
    """With both parameters Bitrix24 drops all fields; PHP writes a row without fields as an empty list."""
    portal.inject("result", "crm.item.list", result={"items": [[], [], []]}, times=None)
    arguments = {**EMPTY_ROWS, "api_params": {**EMPTY_ROWS["api_params"], **more}}
    error, _ = fails(cls, UnexpectedResultError, **arguments)
    assert isinstance(error, AirflowFailException)
    assert error.description.endswith("but the portal answered rows without fields")
    assert "leave out 'useOriginalUfNames'" in error.remedy
    assert len(portal.calls("crm.item.list", executed=None)) == 1


@pytest.mark.parametrize("code", ["ERROR_CORE", "INTERNAL_SERVER_ERROR"])
def test_a_list_outlives_a_failure_inside_the_portal(portal, code):
    portal.inject("error", "crm.deal.list", code=code, status=500, description="Something", times=1)
    _, rows, _ = run(Bitrix24ListOperator, method="crm.deal.list")
    assert len(rows) == len(portal.items("deal"))
    assert len(portal.requests) == 2


def test_pages_that_name_no_next_one_come_whole_and_in_order_or_not_at_all(portal):
    """Bitrix24 does so with addresses."""
    everything = [{"ENTITY_TYPE_ID": "3", "ENTITY_ID": str(number)} for number in range(120)]
    for start in (0, 50, 100):
        portal.inject("result", "user.get", result=everything[start : start + 50])
    assert run(Bitrix24ListOperator, method="user.get")[1] == everything
    portal.inject("result", "user.get", result=everything[:50], times=2)
    fails(Bitrix24CallOperator, MorePagesError, method="user.get")
    fails(Bitrix24BatchOperator, MorePagesError, calls=[{"method": "user.get"}])


@pytest.mark.parametrize("path", ["", "  ", 7, ["a"]])
def test_a_list_to_no_path(portal, path):
    error, _ = fails(Bitrix24ListOperator, InvalidInputError, method="crm.deal.list", output_path=path)
    assert error.description == f"output_path: {path!r} is not a path"
    assert error.remedy == "Leave it out to get the rows in XCom."


GET = {"method": "crm.deal.get", "params": {"id": 1}}
NOT_THERE = {"method": "crm.deal.get", "params": {"id": GONE}}
DEAL_ADD = {"method": "crm.deal.add", "params": {"fields": {"TITLE": "Once"}}}


def test_batch(portal, written):
    operator, rows, _ = run(Bitrix24BatchOperator, calls=[GET, Call("server.time")])
    assert [(entry["METHOD"], entry["STATUS"]) for entry in rows] == [
        ("crm.deal.get", "done"),
        ("server.time", "done"),
    ]
    assert [entry.keys() - {"RESULT"} for entry in rows] == [{"METHOD", "ID", "STATUS"}, {"METHOD", "STATUS"}]
    assert rows[0]["RESULT"]["ID"] == "1"
    assert operator.card_address == ""
    assert "2 calls: 2 done." in written()


def test_batch_that_fails_in_part(portal, written):
    error, pushed = fails(Bitrix24BatchOperator, NotFoundError, calls=[GET, NOT_THERE])
    assert f"calls[1] crm.deal.get (id {GONE}): " in error.description
    assert "1 of 2 failed, see 'outcomes'" in error.description
    first, second = pushed["outcomes"]
    assert first["STATUS"] == "done"
    assert second.keys() == {"METHOD", "ID", "STATUS", "ERROR", "ERROR_DESCRIPTION"}
    assert (second["METHOD"], second["ID"], second["STATUS"], second["ERROR"]) == (
        "crm.deal.get",
        GONE,
        "failed",
        "NotFoundError",
    )
    assert second["ERROR_DESCRIPTION"].startswith("crm.deal.get at ")
    run(Bitrix24BatchOperator, calls=[GET, NOT_THERE], fail_on="all")
    assert "2 calls: 1 done, 1 failed." in written()


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"id": 7}, "(id 7)"),
        ({"ID": "7", "fields": {"TITLE": "Mr Smith"}}, "(id 7)"),
        ({"entityTypeId": 2, "id": 7}, "(id 7)"),
        ({}, ""),
    ],
    ids=str,
)
def test_a_call_that_fails_is_named_by_its_id_and_by_nothing_else(portal, params, named):
    portal.inject("error", "crm.deal.update", code="", description="Locked", status=400, times=None)
    call = {"method": "crm.deal.update", "params": params}
    error, pushed = fails(Bitrix24BatchOperator, Bitrix24Error, calls=[GET, call])
    assert f"calls[1] {' '.join(['crm.deal.update', named]).strip()}: Locked" in error.description
    assert pushed["outcomes"][1].get("ID") == (7 if named else None)
    assert "Smith" not in str([error, pushed["outcomes"][1]])


LOCKED = {"method": "crm.deal.update", "params": {"id": 1, "fields": {"TITLE": "x"}}}


@pytest.mark.parametrize(
    ("calls", "kept", "error"),
    [
        ([DEAL_ADD, LOCKED], False, DoneInPartError),
        ([DEAL_ADD, LOCKED], True, Bitrix24Error),
        ([GET, LOCKED], False, Bitrix24Error),
        ([{**DEAL_ADD, "repeatable": True}, LOCKED], False, Bitrix24Error),
        ([DEAL_ADD, NOT_THERE], False, NotFoundError),
    ],
    ids=["a write is done", "a store knows of it", "only reads are done", "may be repeated", "no try helps"],
)
def test_batch_that_is_done_in_part(portal, calls, kept, error):
    """Another try must not add the deal again: without progress that is kept there is none."""
    portal.inject("error", "crm.deal.update", code="", description="Locked", status=400, times=None)
    more = {"task_state_store": Store()} if kept else {}
    caught, pushed = fails(Bitrix24BatchOperator, error, context_of(**more), calls=calls)
    assert isinstance(caught, DoneInPartError) == (error is DoneInPartError)
    assert len(pushed["outcomes"]) == 2
    if error is DoneInPartError:
        assert caught.permanent
        assert caught.retry_after is None


@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop_after"}, {"kind": "status", "status": 500, "executed": True}],
    ids=["no answer", "an answer with a code"],
)
def test_batch_with_a_call_of_which_nobody_knows(portal, fault):
    calls = [DEAL_ADD, {**DEAL_ADD, "params": {"fields": {"TITLE": "Twice"}}}]
    portal.inject(method="batch", times=1, **fault)
    _, pushed = fails(Bitrix24BatchOperator, AmbiguousWriteError, calls=calls)
    assert [entry["ERROR"] for entry in pushed["outcomes"]] == ["AmbiguousWriteError"] * 2
    assert len(portal.calls("crm.deal.add")) == 2


@pytest.mark.parametrize(
    ("calls", "problem"),
    [
        (GET, f"calls: {GET!r} is not a list of calls. Give a list of {{'method': ..., 'params': ...}}."),
        (7, "calls: 7 is not a list of calls"),
        (None, "calls: None is not a list of calls"),
        ([GET, 7], "calls[1]: it has no method. Give {'method': ..., 'params': ...}."),
        ([GET, {"params": {}}], "calls[1]: it has no method"),
        (
            [{**GET, "more": 1, "less": 1}],
            "calls[0]: 'less' is unknown. Known are method, params and repeatable.",
        ),
        ([GET, {"method": "a/b"}], "calls[1].method: 'a/b' is not the name of an API method"),
        ([{**GET, "repeatable": 1}], "calls[0].repeatable: 1 is not one of"),
        (
            "[1",
            "calls: '[1' is not JSON. Give a list of {'method': ..., 'params': ...}. In a template write "
            "{{ ... | tojson }}, or pass the task's output itself",
        ),
        ("[" * 100_000, "calls: '[[[["),
    ],
)
def test_calls_that_are_none(portal, calls, problem):
    error, _ = fails(Bitrix24BatchOperator, InvalidInputError, calls=calls)
    assert str(error).startswith(problem)
    assert portal.requests == []


def test_a_connection_that_does_not_exist(portal):
    wrong = {"record_id": 1, "bitrix24_conn_id": "no"}
    error, _ = fails(ListTimelineBindingsOperator, ConnectionUnreadableError, **wrong)
    assert error.description.startswith("bitrix24_conn_id: ")


WIDE = 120


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (
            BindTimelineRecordOperator,
            lambda record: {
                "bindings": [[record, "deal", 1 + number] for number in range(WIDE)],
                "check_record": False,
                "check_item": False,
            },
        ),
        (
            UnbindTimelineRecordOperator,
            lambda record: {
                "bindings": [[record, "lead", 1 + number] for number in range(WIDE)],
                "keep_last": False,
            },
        ),
        (BindActivityOperator, lambda record: {"bindings": [[1, "deal", 1 + n] for n in range(WIDE)]}),
        (UnbindActivityOperator, lambda record: {"bindings": [[1, "lead", 1 + n] for n in range(WIDE)]}),
        (
            AddTimelineCommentsOperator,
            lambda record: {"rows": [{"item": "D_1", "comment": str(n)} for n in range(WIDE)]},
        ),
        (Bitrix24BatchOperator, lambda record: {"calls": [GET] * WIDE}),
    ],
)
def test_how_many_requests_are_under_way_at_once(portal, record, cls, arguments, most):
    portal.inject("delay", "batch", seconds=1.0 if most > 1 else 0.05, times=None)
    cls(task_id="t", max_in_flight=most, fail_on="never", **arguments(record)).execute(context_of())
    second = [request.seq for request in portal.requests if request.n_commands > 1][1]
    done = min(call.seq for call in portal.journal if call.in_batch)
    assert (second < done) == (most > 1), "the second came before the first was answered, or not"


def test_an_empty_list_opens_no_connection(portal, written):
    for cls, arguments, noun in (
        (BindTimelineRecordOperator, {"bindings": []}, "bindings"),
        (UnbindTimelineRecordOperator, {"bindings": []}, "bindings"),
        (BindActivityOperator, {"bindings": "[]"}, "bindings"),
        (UnbindActivityOperator, {"bindings": []}, "bindings"),
        (AddTimelineCommentsOperator, {"rows": "[]"}, "comments"),
        (Bitrix24BatchOperator, {"calls": "[]"}, "calls"),
    ):
        assert run(cls, bitrix24_conn_id="no", **arguments)[1] == []
        assert written().count(f"The list of {noun} is empty: nothing to do.") >= 1
    assert portal.requests == []


@pytest.mark.parametrize("value", [True, [4], {"id": 3}, 7.9, "12abc", None, "None"], ids=repr)
def test_no_call_of_a_known_method_is_sent_with_a_bad_id(portal, value):
    params = {"id": value, "fields": {"TITLE": "Renamed"}}
    error, _ = fails(Bitrix24CallOperator, InvalidInputError, method="crm.deal.update", api_params=params)
    assert error.description.startswith("api_params.id: ")
    call = {"method": "crm.deal.update", "params": params}
    error, _ = fails(Bitrix24BatchOperator, InvalidInputError, calls=[call])
    assert error.description.startswith("calls[0].params.id: ")
    error, _ = fails(Bitrix24BatchOperator, InvalidInputError, calls=[Call(**call)])
    assert error.description.startswith("calls[0].params.id: ")
    assert not portal.calls()


def test_no_list_is_read_with_a_bound_that_is_nothing(portal):
    for value in (None, "None"):
        params = {"filter": {">=DATE_MODIFY": value}}
        error, _ = fails(Bitrix24ListOperator, InvalidInputError, method="crm.deal.list", api_params=params)
        assert error.description.startswith("api_params.filter['>=DATE_MODIFY']: ")
    assert not portal.calls()
