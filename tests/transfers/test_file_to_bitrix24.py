"""Rows of files into the CRM: what is written, what becomes of each row, and what is told."""

from __future__ import annotations

import json
import logging
import os
import traceback

import pytest
from operator_alone import Log, Store, card, context_of, logging_to

from airflow_provider_bitrix24.hooks.errors import Bitrix24Error, InvalidInputError, KeyNotUniqueError
from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator

SECRET = "Private Person"
ZEROS = {"created": 0, "updated": 0, "unchanged": 0, "deleted": 0, "not_found": 0, "failed": 0}
WRITES = ("crm.item.add", "crm.item.update", "crm.item.delete")


class Loading:
    """Operators executed on their own, with files in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.log = Log()
        self.pushed = {}
        self.operator = None

    def file(self, *rows, name="rows.jsonl"):
        """Write rows into a file, and return its path."""
        (self.folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return str(self.folder / name)

    def run(self, *rows, operation="upsert", context=None, **arguments):
        """Load rows, and return the result."""
        if operation == "upsert":
            arguments = {"key": "uf_crm_ext"} | arguments
        path = arguments.pop("path", None) or self.file(*rows)
        self.log = Log()
        self.operator = FileToBitrix24Operator(
            task_id="t", entity_type="deal", operation=operation, path=path, **arguments
        )
        context = context or context_of()
        try:
            return logging_to(self.log, self.operator).execute(context)
        finally:
            self.pushed = context["ti"].pushed

    def fails(self, *rows, error=Bitrix24Error, **arguments):
        """Load rows, which has to fail, and return what is told; that holds no value of a row."""
        with pytest.raises(error) as caught:
            self.run(*rows, **arguments)
        told = "".join(traceback.format_exception(caught.value)) + str(self.lines)
        assert SECRET not in told
        return str(caught.value)

    @property
    def lines(self):
        """What was logged."""
        return [line for _, line in self.log.lines]

    @property
    def statuses(self):
        """What became of the rows that stand in XCom."""
        return [row["STATUS"] for row in self.pushed["outcomes"]]


@pytest.fixture
def loading(portal, tmp_path):
    portal.add_user_field("deal", "UF_CRM_EXT", "string")
    return Loading(tmp_path)


def deals(*names, **fields):
    """Return a row for each name."""
    return [{"uf_crm_ext": name, "title": name, **fields} for name in names]


def writes(portal):
    """Return the methods of the calls that wrote something."""
    return [call.method for call in portal.calls() if call.method in WRITES]


def test_an_upsert_creates_changes_and_leaves_alone(portal, loading):
    known = portal.add_items("deal", [{"UF_CRM_EXT": "A", "TITLE": "A"}, {"UF_CRM_EXT": "B", "TITLE": "old"}])
    result = loading.run(*deals("A", "B", "C"))
    assert result == {
        "entity_type": "deal",
        "operation": "upsert",
        "rows": 3,
        **ZEROS,
        **dict.fromkeys(("created", "updated", "unchanged"), 1),
        "outcomes_path": None,
    }
    outcomes = loading.pushed["outcomes"]
    assert [(row["KEY"], row["STATUS"]) for row in outcomes] == [
        ("A", "unchanged"),
        ("B", "updated"),
        ("C", "created"),
    ]
    assert [row["ENTITY_ID"] for row in outcomes[:2]] == known
    assert loading.lines[-1] == "3 rows: 1 created, 1 updated, 1 unchanged."
    assert loading.operator.card_address == card(portal, "deal", known[0])
    portal.clear_journal()
    assert loading.run(*deals("A", "B", "C"))["unchanged"] == 3
    assert writes(portal) == []


def test_items_are_changed_and_deleted_by_their_ids(portal, loading):
    numbers = portal.add_items("deal", [{"TITLE": "a"}, {"TITLE": "b"}])
    (loading.folder / "a.csv").write_text(f"id,title\n{numbers[0]},new\n{numbers[1]},b\n")
    result = loading.run(operation="update", path=str(loading.folder / "a.csv"))
    assert (result["updated"], result["unchanged"]) == (1, 1)
    assert portal.items("deal")[numbers[0]]["TITLE"] == "new"
    rows = [{"id": number} for number in (*numbers, 999_999)]
    result = loading.run(*rows, operation="delete")
    assert (result["deleted"], result["not_found"]) == (2, 1)
    assert not set(numbers) & set(portal.items("deal"))


def test_more_rows_to_delete_than_expected_are_refused(portal, loading):
    numbers = portal.add_items("deal", [{"TITLE": "a"}] * 3)
    rows = [{"id": number} for number in numbers]
    told = loading.fails(*rows, operation="delete", max_items=2, error=InvalidInputError)
    assert told.startswith("max_items: it is 2, and there are more rows. Nothing was deleted.")
    assert writes(portal) == []


def test_with_fail_on_any_nothing_is_sent_if_a_row_is_not_valid(portal, loading):
    rows = [*deals("A"), *deals(*map(str, range(12)), opportunity=SECRET)]
    told = loading.fails(*rows, error=InvalidInputError)
    assert told.startswith("rows[1].opportunity: ")
    assert "rows[10].opportunity" in told
    assert "rows[11]" not in told
    assert "2 more rows are not valid" in told
    assert writes(portal) == []
    assert "outcomes" not in loading.pushed


def test_rows_that_are_not_valid_fail_beside_the_others_and_all_keep_their_order(portal, loading):
    rows = [
        {"uf_crm_ext": "A", "opportunity": SECRET, "mine": 1},
        {"uf_crm_ext": "B", "title": "b", "mine": [2]},
        {"uf_crm_ext": "C", "opportunity": SECRET, "mine": 3},
        {"uf_crm_ext": "D", "title": "d"},
        {"uf_crm_ext": "E", "opportunity": SECRET},
    ]
    path = loading.folder / "out.jsonl"
    result = loading.run(*rows, fail_on="all", pass_through=["mine"], outcomes_path=path)
    assert (result["created"], result["failed"], result["outcomes_path"]) == (2, 3, str(path))
    assert loading.statuses == ["failed", "created", "failed", "created", "failed"]
    assert [row["mine"] for row in loading.pushed["outcomes"]] == [1, [2], 3, None, None]
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["row"] for row in written] == [0, 1, 2, 3, 4]
    assert [row["status"] for row in written] == loading.statuses
    assert [row["mine"] for row in written] == [1, [2], 3, None, None]
    failed = [line for level, line in loading.log.lines if level == logging.WARNING]
    assert [line.split(".")[0] for line in failed] == [f"Failed: rows[{n}]" for n in (0, 2, 4)]
    assert SECRET not in str(loading.lines) + path.read_text()


def test_rows_about_one_item_are_refused_or_fail(portal, loading):
    rows = deals("A", "B", "a", "C")
    told = loading.fails(*rows, error=KeyNotUniqueError)
    assert "rows[0]: another row has the same id or key" in told
    assert "rows[2]: another row" in told
    assert writes(portal) == []
    result = loading.run(*rows, fail_on="never")
    assert (result["created"], result["failed"]) == (2, 2)
    assert loading.statuses == ["failed", "created", "failed", "created"]
    assert {row.get("ERROR") for row in loading.pushed["outcomes"]} == {None, "KEY_NOT_UNIQUE"}


def test_the_file_of_outcomes_is_there_also_if_the_task_fails(portal, loading):
    portal.inject("error", "crm.item.add", code="NOPE", status=400, params={"fields": {"title": "B"}})
    path = loading.folder / "out.csv"
    told = loading.fails(*deals("A", "B", "C"), outcomes_path=str(path))
    assert f"1 of 3 failed, see {path}" in told
    assert "rows[1]" in told
    assert [line.split(",")[4] for line in path.read_text().splitlines()] == [
        '"status"',
        '"created"',
        '"failed"',
        '"created"',
    ]
    assert loading.statuses == ["created", "failed", "created"]
    assert any(line.startswith("Failed: rows[1]: ") for line in loading.lines)


def test_xcom_holds_the_failed_ones_where_there_are_too_many_of_all(portal, loading):
    numbers = portal.add_items("deal", [{"TITLE": "a"}])
    rows = [{"id": number} for number in range(90_001, 91_001)]
    result = loading.run(
        *rows, {"id": numbers[0]}, operation="delete", missing_ok=False, fail_on="all", max_items=1_001
    )
    assert (result["rows"], result["failed"], result["deleted"]) == (1_001, 1_000, 1)
    assert loading.statuses == ["failed"] * 1_000
    assert any("Give outcomes_path to have those of all rows." in line for line in loading.lines)
    assert loading.lines[-2].endswith("990 more failed, see XCom key 'outcomes'.")


def test_a_second_try_goes_on_where_the_first_ended(portal, loading):
    store = Store()
    portal.inject("error", "crm.item.add", code="NOPE", status=400, params={"fields": {"title": "deal 7"}})
    rows = [{"title": f"deal {number}"} for number in range(60)]
    loading.fails(*rows, operation="create", context=context_of(task_state_store=store))
    assert loading.statuses.count("created") == 59
    result = loading.run(*rows, operation="create", context=context_of(2, task_state_store=store))
    assert result["created"] == 60
    titles = [item["TITLE"] for item in portal.items("deal").values()]
    assert sorted(titles)[:60] == sorted(row["title"] for row in rows)


def test_no_rows_are_nothing_to_do(portal, loading):
    assert loading.run() | {"outcomes_path": None} == {
        "entity_type": "deal", "operation": "upsert", "rows": 0, **ZEROS, "outcomes_path": None,
    }  # fmt: skip
    assert loading.lines == ["Read and checked 0 rows.", "0 rows."]


def test_the_log_tells_how_far_long_work_is(portal, loading):
    rows = [*[{"id": "x"}] * 2_500, {"id": portal.add_item("deal", {"TITLE": "a"})}]
    result = loading.run(*rows, operation="delete", fail_on="never", max_items=3_000)
    assert (result["failed"], result["deleted"]) == (2_500, 1)
    assert loading.lines[:2] == ["Read and checked 2501 rows.", "2500 of 2501 rows are done."]


def test_a_broken_file_stops_the_task_before_anything_is_sent(portal, loading):
    path = loading.file(*deals("A"))
    with open(path, "a") as file:
        file.write(f'{{"title": "{SECRET}"')
    assert "line 2 is not JSON" in loading.fails(path=path, error=InvalidInputError)
    assert writes(portal) == []


def test_literals_are_checked_when_the_dag_file_is_parsed(tmp_path):
    good = {"entity_type": "deal", "operation": "create", "path": "/data/rows.jsonl"}
    for name, changes in {
        "entity_type": {"entity_type": "dael"},
        "operation": {"operation": "insert"},
        "path": {"path": "/data/rows"},
        "file_format": {"file_format": "xml"},
        "key": {"operation": "upsert"},
        "key:": {"operation": "update", "key": "xml_id"},
        "timezone": {"timezone": "Mars"},
        "phones": {"phones": "both"},
        "nulls": {"nulls": "none"},
        "skip_unchanged": {"skip_unchanged": 1},
        "missing_ok": {"missing_ok": None},
        "max_items": {"max_items": 0},
        "fail_on": {"fail_on": "some"},
        "max_in_flight": {"max_in_flight": 21},
        "pass_through": {"pass_through": ["row"]},
        "outcomes_path: '/data/out'": {"outcomes_path": "/data/out"},
        "outcomes_path": {"outcomes_path": "/data/rows.jsonl"},
    }.items():
        with pytest.raises(InvalidInputError, match=f"^{name}"):
            FileToBitrix24Operator(task_id="t", **{**good, **changes})
    assert os.listdir(tmp_path) == []
