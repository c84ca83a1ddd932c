"""Extractions into files that are refused: with a sentence, and before anything is written."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG, Asset, BaseOperator, XComArg
from extracting import Lake, to_file
from operator_alone import given_late

from airflow_provider_bitrix24.hooks.errors import AccessDeniedError, Bitrix24Error, InvalidInputError
from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator

DEALS = Asset("deals")
NAIVE = datetime(2026, 5, 4)
TOMORROW = datetime.now(UTC) + timedelta(days=1)

#: what the DAG file alone shows to be wrong, and a word of the sentence
WRONG = {
    "no dataset": ({"dataset": "dael"}, r"dataset: 'dael' is not a dataset.*Write 'deal'"),
    "a part that is none": ({"dataset": "contact.stage_history"}, "is not a dataset"),
    "nothing as a dataset": ({"dataset": "None"}, "is not a dataset"),
    "a number as a dataset": ({"dataset": 2}, "is not a dataset"),
    "no suffix": ({"path": "deals"}, r"path: .* does not end with.*file_format"),
    "an unknown suffix": ({"path": "deals.xlsx"}, r"path: .* does not end with.*file_format"),
    "zipped Parquet": ({"path": "deals.parquet.gz"}, r"path: .* compressed Parquet"),
    "two formats": ({"path": "deals.csv", "file_format": "jsonl"}, "file_format: 'jsonl' contradicts path"),
    "a naive moment": ({"since": NAIVE}, "since: .* has no time zone"),
    "a naive text": ({"since": "2026-05-04T10:00:00"}, "since: .* has no time zone"),
    "no moment": ({"since": "yesterday"}, "since: 'yesterday' is no time"),
    "nothing as a moment": ({"since": "None"}, "since: 'None' is no time"),
    "no date of a change": ({"dataset": "stages", "since": TOMORROW}, "since: stages has no date"),
    "no fields": ({"fields": []}, "fields: the list is empty"),
    "no list of fields": ({"fields": 7}, "fields: 7 is not a list"),
}  # fmt: skip

#: what only the portal's metadata or clock shows
LATER = {
    "an unknown field": ({"fields": ["titel"]}, r"fields\[0\]: 'titel' is not.*Write 'title'"),
    "an unknown field in where": ({"where": {"titel": "a"}}, r"where\['titel'\].*Write 'title'"),
    "a number as a field": ({"fields": [7]}, r"fields\[0\]: 7 is not a field"),
    "an empty list": ({"where": {"@id": []}}, r"where.*"),
    "None as a bound": ({"where": {">opportunity": None}}, "where.*"),
    "no filter": ({"where": [1]}, "where: .* is not a filter"),
    "a naive bound": ({"where": {">createdTime": NAIVE}}, "where.* has no offset from UTC"),
    "groups of a classic list": ({"dataset": "activity", "where": {"LOGIC": "OR"}}, "would ignore 'LOGIC'"),
    "where of a small dataset": ({"dataset": "stages", "where": {"id": 1}}, "stages is always read whole"),
    "a moment to come": ({"since": TOMORROW}, "since: .* is later than the portal's clock"),
    "a smart process that is not there": ({"dataset": "dynamic_1042"}, "the portal has no dynamic_1042"),
}  # fmt: skip


@pytest.fixture
def lake(portal, tmp_path):
    portal.add_many("deal", 3, fields={"TITLE": "A secret customer"})
    return Lake(tmp_path)


def arguments_of(lake, given):
    path = given.get("path", "deals.jsonl")
    return {"dataset": "deal", **given, "path": f"{lake.folder}/{path}"}


def assert_nothing_was_read(portal):
    """Ids may have been asked for, to learn how far the list goes."""
    for call in portal.calls("crm.item.list"):
        select = call.params["select"]
        assert list(select.values() if isinstance(select, dict) else select) == ["id"]


def assert_refused(portal, lake, caught):
    assert caught.value.remedy
    assert os.listdir(lake.folder) == []
    assert_nothing_was_read(portal)
    assert "customer" not in str(caught.value)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_in_the_dag_file_is_refused_when_it_is_read(portal, lake, name):
    given, sentence = WRONG[name]
    with pytest.raises(InvalidInputError, match=sentence):
        Bitrix24ToFileOperator(task_id="t", **arguments_of(lake, given))
    assert not portal.calls()


@pytest.mark.parametrize("name", [*WRONG, *LATER])
def test_what_is_wrong_in_a_template_is_refused_when_the_task_runs(portal, lake, name):
    given, sentence = (WRONG | LATER)[name]
    operator = given_late(Bitrix24ToFileOperator, "t", **arguments_of(lake, given))
    with pytest.raises(Bitrix24Error, match=sentence) as caught:
        operator.execute(lake.context())
    assert_refused(portal, lake, caught)


def test_a_path_that_each_run_has_of_its_own_passes_in_incremental_runs():
    given = {"dataset": "deal", "incremental": True, "asset": DEALS}
    with DAG("paths", schedule=None):
        path = XComArg(BaseOperator(task_id="first"))
        Bitrix24ToFileOperator(task_id="from_a_task", path=path, **given)
        Bitrix24ToFileOperator(task_id="by_template", path="deals/{{ ts_nodash }}.jsonl", **given)
        partly = Bitrix24ToFileOperator.partial(task_id="mapped", **given)
        partly.expand(path=["monday.jsonl", "tuesday.jsonl"])


@pytest.mark.parametrize("name", ["fields", "where", "since", "path", "dataset"])
def test_an_argument_that_a_task_lost_is_refused(portal, lake, name):
    operator = given_late(Bitrix24ToFileOperator, "t", **{**arguments_of(lake, {}), name: None})
    if name not in ("path", "dataset"):
        operator = given_late(Bitrix24ToFileOperator, "t", **{**arguments_of(lake, {}), name: ["title"]})
        setattr(operator, name, None)
    with pytest.raises(InvalidInputError, match=rf"^{name}: ") as caught:
        operator.execute(lake.context())
    assert_refused(portal, lake, caught)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"incremental": True, "path": "a/{{ ds }}.jsonl"}, "asset: it is not given.*Give asset"),
        ({"incremental": True, "outlets": []}, "asset: it is not given"),
        ({"asset": "crm_deals"}, r"asset: 'crm_deals' is not an Asset\. Give asset=Asset\('crm_deals'\)\."),
        ({"asset": 7}, r"asset: 7 is not an Asset\. Give asset=Asset\('deals'\)\."),
        ({"asset": ""}, r"asset: '' is not an Asset"),
        ({"incremental": True, "asset": DEALS}, r"path: .* is the same in every run.*\{\{ ts_nodash \}\}"),
        ({"incremental": True}, r"path: .* is the same in every run"),
        ({"incremental": True, "asset": DEALS, "since": TOMORROW}, "since and incremental: both are given"),
        ({"incremental": True, "asset": DEALS, "dataset": "stages"}, "incremental: stages has no date"),
        ({"incremental": "yes"}, "incremental: 'yes' is neither True nor False"),
        ({"overlap": 120}, "overlap: 120 is not a time span"),
        ({"overlap": timedelta(seconds=-1)}, "overlap: .* is not a time span"),
        ({"names": "camel"}, "names: 'camel' is none of snake, api"),
        ({"on_empty": "ignore"}, "on_empty: 'ignore' is none of write, skip, fail"),
        ({"on_bad_value": "ignore"}, "on_bad_value: 'ignore' is none of fail, null"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"max_in_flight": 41}, "max_in_flight"),
        ({"file_format": "xlsx"}, "file_format: 'xlsx' is unknown"),
        ({"max_wait_in_worker": "1"}, "max_wait_in_worker"),
    ],
)  # fmt: skip
def test_an_argument_without_templates_is_checked_in_the_dag_file(lake, given, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        Bitrix24ToFileOperator(task_id="t", **arguments_of(lake, given))


def test_an_asset_that_is_no_outlet_is_refused_before_anything_is_read(portal, lake):
    operator = to_file(dataset="deal", path=f"{lake.folder}/a.jsonl", incremental=True, asset=DEALS)
    with pytest.raises(InvalidInputError, match="'deals' is no inlet or outlet of the task") as caught:
        operator.execute({**lake.context(), "asset_state_store": {}})
    assert_refused(portal, lake, caught)


def test_a_path_of_the_text_none_is_refused(portal, lake, monkeypatch):
    monkeypatch.chdir(lake.folder)
    operator = given_late(Bitrix24ToFileOperator, "t", dataset="deal", path="None", file_format="csv")
    with pytest.raises(InvalidInputError, match="path: the text is 'None'") as caught:
        operator.execute(lake.context())
    assert_refused(portal, lake, caught)


def test_a_folder_is_no_path(portal, lake):
    operator = given_late(
        Bitrix24ToFileOperator, "t", dataset="deal", path=str(lake.folder), file_format="csv"
    )
    with pytest.raises(InvalidInputError, match=r"path: .* is a folder") as caught:
        operator.execute(lake.context())
    assert_refused(portal, lake, caught)


def test_a_path_that_cannot_be_written_fails_before_rows_are_read(portal, lake):
    (lake.folder / "deals").write_text("a file where a folder should be")
    with pytest.raises(Exception, match=r"^path: .*deals/a\.jsonl' cannot be written: File exists") as caught:
        lake.extract(name="deals/a.jsonl")
    assert caught.value.remedy
    assert_nothing_was_read(portal)


def test_a_user_without_rights_is_told_so_and_nothing_is_written(portal, lake):
    portal.inject("error", "crm.item.fields", code="ACCESS_DENIED", description="Access denied.", status=400)
    with pytest.raises(AccessDeniedError, match=r"crm\.item\.fields") as caught:
        lake.extract()
    assert_refused(portal, lake, caught)


def test_a_connection_that_is_not_there_is_told(portal, lake):
    with pytest.raises(Exception, match="no_such"):
        lake.extract(bitrix24_conn_id="no_such")
    assert os.listdir(lake.folder) == []
