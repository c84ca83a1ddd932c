"""Loads of dlt one after the other: what they read, what they keep, and what goes wrong."""

from __future__ import annotations

import datetime
import decimal
import json
import random
from contextlib import suppress

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt_pipelines import deals, failed_with, hours_later

from airflow_provider_bitrix24.dlt_source import bitrix24
from airflow_provider_bitrix24.hooks.errors import (
    AccessDeniedError,
    BadValueError,
    InvalidInputError,
)

pytestmark = pytest.mark.slow


def read(portal):
    """Return the filters by which deals were read since the journal was cleared."""
    asked = [call.params for call in portal.calls("crm.item.list")]
    return [params.get("filter", {}) for params in asked if "stageId" in params["select"]]


def goes_on(portal):
    """Whether only what changed was read since the journal was cleared."""
    [changed, new] = read(portal)
    return set(changed) >= {">=updatedTime", "<=id"} and ">id" in new


def now(portal):
    """Return the portal's time."""
    return datetime.datetime.fromtimestamp(portal._world.now(), datetime.UTC)


def test_a_table_follows_the_portal(crm_portal, crm):
    crm.load(deletions=True)
    assert crm.titles() == deals(crm_portal)
    for number in (1, 2):
        hours_later(crm_portal)
        crm_portal.update_item("deal", 3, {"TITLE": f"Changed {number}"})
        crm_portal.delete_item("deal", 10 + number)
        crm_portal.add_item("deal", {"TITLE": "Old", "DATE_MODIFY": "2019-03-04T05:06:07+03:00"})
        crm.load(deletions=True)
        assert crm.titles() == deals(crm_portal)
        assert goes_on(crm_portal)


def test_lineage_knows_what_was_read_and_nothing_of_what_failed(crm_portal, duck, collector):
    duck.load(["deal", "stages", "contact"])
    host = crm_portal.url.removeprefix("http://")
    duck.load(["company"], where={"company": {"title": "nobody"}})
    with failed_with(InvalidInputError, "lead"):
        duck.load(["lead"], fields={"lead": ["no_such_field"]})
    read = {entry.asset.uri: entry.count for entry in collector.collected_assets.inputs}
    assert read == {f"bitrix24://{host}/crm/{name}": 1 for name in ("deal", "stages", "contact", "company")}


def test_many_deals_and_what_becomes_of_them(crm_portal, duck):
    crm_portal.move_clock(-36_000)
    crm_portal.add_many("deal", 19_880, fields=lambda number: {"TITLE": f"Deal {number}"})
    hours_later(crm_portal, 10)
    duck.load(deletions=True)
    assert duck.titles() == deals(crm_portal)
    hours_later(crm_portal)
    for number in range(40, 20_001, 40):
        crm_portal.update_item("deal", number, {"TITLE": f"Changed {number}"})
    for number in range(399, 20_001, 400):
        crm_portal.delete_item("deal", number)
    pipeline = duck.pipeline
    pipeline.run(bitrix24("deal", deletions=True))
    assert pipeline.last_trace.last_normalize_info.row_counts["deal"] == 550
    assert duck.titles() == deals(crm_portal)
    assert len(deals(crm_portal)) == 19_950


def test_a_table_follows_a_portal_that_changes_while_it_is_read(crm_portal, duck):
    chance = random.Random("dlt")

    def work(_):
        if chance.random() < 0.5:
            crm_portal.move_clock(chance.choice([0, 5, 150]))
            number = chance.choice(list(crm_portal.items("deal")))
            what = chance.choice(["change", "change", "add", "delete", "restore"])
            if what == "change":
                crm_portal.update_item("deal", number, {"TITLE": f"Changed {chance.random()}"})
            elif what == "delete":
                crm_portal.delete_item("deal", number)
                deleted.append(number)
            elif what == "restore" and deleted:  # with a new id and its old dates
                crm_portal.restore_item("deal", deleted.pop())
            else:
                crm_portal.add_item("deal", {"TITLE": f"New {chance.random()}"})

    deleted: list[int] = []
    for _ in range(8):
        end = crm_portal.on_call(work)
        with suppress(PipelineStepFailed):  # rows that came and went are told; the next load reads them
            duck.load(deletions=True)
        end()
        crm_portal.move_clock(300)
    duck.load(deletions=True)
    assert duck.titles() == deals(crm_portal)


def test_values_have_types(crm_portal, crm):
    crm_portal.add_user_field("deal", "UF_CRM_TAGS", "string", multiple=True)
    crm_portal.update_item(
        "deal", 1, {"OPPORTUNITY": "1234567890.25", "UF_CRM_TAGS": ["a", "b"], "BEGINDATE": "2026-05-04"}
    )
    names = ["opportunity", "uf_crm_tags", "begindate", "created_time", "opened", "webform_id"]
    crm.load(fields={"deal": names})
    [row] = crm.query(f"SELECT {', '.join(names)} FROM deal WHERE id = 1")
    money, tags, day, created, opened, nothing = row
    assert money == decimal.Decimal("1234567890.25")
    assert json.loads(tags) == ["a", "b"]
    assert (day, opened, nothing) == (datetime.date(2026, 5, 4), True, None)
    assert abs(created - now(crm_portal)) < datetime.timedelta(hours=2)
    types = {name: kind.lower() for name, kind in crm.types("deal").items()}
    assert types["opportunity"].startswith(("decimal(18,2)", "numeric"))
    assert types["created_time"] == "timestamp with time zone"
    assert types["id"] == "bigint"
    assert "webform_id" in types  # no row has a value


def test_a_new_field_is_a_new_column(crm_portal, crm):
    crm.load()
    hours_later(crm_portal)
    crm_portal.add_user_field("deal", "UF_CRM_SCORE", "integer")
    crm_portal.update_item("deal", 7, {"UF_CRM_SCORE": 42})
    crm.load()
    assert crm.query("SELECT id, uf_crm_score FROM deal WHERE uf_crm_score IS NOT NULL") == [(7, 42)]
    assert crm.titles() == deals(crm_portal)


def test_another_worker_goes_on_from_what_the_database_says(crm_portal, duck):
    duck.load()
    hours_later(crm_portal)
    crm_portal.update_item("deal", 3, {"TITLE": "Changed"})
    duck.worker = "another"
    duck.load()
    assert goes_on(crm_portal)
    assert duck.titles() == deals(crm_portal)


def test_other_fields_or_filters_read_everything_again(crm_portal, duck):
    def reads_everything(**arguments):
        hours_later(crm_portal)
        duck.load(**arguments)
        return not any(">=updatedTime" in str(found) for found in read(crm_portal))

    one, both = {"deal": ["stage_id"]}, {"deal": ["title", "stage_id"]}
    few = {"deal": {"<=id": 50}}
    assert reads_everything(fields=one)
    assert not reads_everything(fields=one)
    assert reads_everything(fields=both)
    assert not reads_everything(fields=both)
    assert reads_everything()  # every field
    assert not reads_everything()
    assert reads_everything(where=few)
    assert not reads_everything(where=few)
    assert reads_everything(names="api")
    assert reads_everything(names="api", incremental=False)
    assert not reads_everything(names="api")


def test_since_reads_its_own_window_and_leaves_the_watermark(crm_portal, duck):
    duck.load()
    hours_later(crm_portal, 4)
    crm_portal.update_item("deal", 3, {"TITLE": "Earlier"})
    hours_later(crm_portal)
    duck.load(since=now(crm_portal) - datetime.timedelta(minutes=5))
    assert duck.titles()[3] == "Deal 3"
    duck.load()
    assert duck.titles() == deals(crm_portal)


def test_what_a_table_holds_alone_is_read_whole(crm_portal, duck):
    duck.load(["deal", "stages"])
    hours_later(crm_portal)
    crm_portal.delete_item("deal", 4)
    duck.run(bitrix24("deal"), write_disposition="replace")
    assert duck.titles() == deals(crm_portal)
    source = bitrix24("deal")
    source.deal.apply_hints(write_disposition="replace")
    duck.run(source)
    assert duck.titles() == deals(crm_portal)
    with failed_with(InvalidInputError, "since: only what changed would be left in the table"):
        duck.run(bitrix24("deal", since=now(crm_portal)), write_disposition="replace")


def test_a_resource_that_is_cut_off_keeps_no_watermark(crm_portal, duck):
    crm_portal.add_many("deal", 5_000)
    duck.run(bitrix24("deal", fields={"deal": ["title"]}).add_limit(1))
    assert len(duck.titles()) == 2_500
    duck.load(fields={"deal": ["title"]})
    assert duck.titles() == deals(crm_portal)


def test_another_table_begins_anew(crm_portal, duck):
    source = bitrix24("deal", deletions=True)
    source.deal.apply_hints(table_name="crm_deal")
    duck.load()
    duck.run(source)
    assert duck.query("SELECT count(*) FROM crm_deal") == duck.query("SELECT count(*) FROM deal")
    crm_portal.delete_item("deal", 1)
    duck.run(source)
    assert duck.query("SELECT count(*) FROM crm_deal WHERE id = 1") == [(0,)]


@pytest.mark.parametrize("refresh", ["drop_sources", "drop_resources", "drop_data"])
def test_a_refresh_reads_everything(crm_portal, duck, refresh):
    duck.load()
    hours_later(crm_portal)
    duck.run(bitrix24("deal"), refresh=refresh)
    assert duck.titles() == deals(crm_portal)


def test_a_dropped_dataset_is_loaded_again(crm_portal, duck):
    duck.load()
    hours_later(crm_portal)
    duck.query("DROP SCHEMA crm CASCADE")
    duck.load()
    assert duck.titles() == deals(crm_portal)


def test_an_emptied_table_is_loaded_again(crm_portal, crm):
    crm.load()
    hours_later(crm_portal)
    crm.query("DELETE FROM deal")
    crm.load()
    assert crm.titles() == deals(crm_portal)


def test_threads_of_their_own_are_refused(crm_portal, duck):
    with pytest.raises(PipelineStepFailed) as caught:
        duck.run(bitrix24(["deal", "contact"]).parallelize())
    assert "parallelize: a resource of this source is not read in a thread" in str(caught.value)
    duck.load()
    assert duck.titles() == deals(crm_portal)


def test_a_table_that_is_gone_is_told_with_what_brings_it_back(crm_portal, crm):
    crm.load()
    hours_later(crm_portal)
    crm.query("DROP TABLE deal")
    with pytest.raises(PipelineStepFailed) as caught:
        crm.load()
    error = caught.value.__cause__.__cause__
    assert isinstance(error, InvalidInputError)
    assert str(error) == (
        "deal: the table deal is gone from the destination, and dlt does not make it again. "
        'Run the pipeline once with refresh="drop_resources".'
    )
    crm.run(bitrix24("deal"), refresh="drop_resources")
    assert crm.titles() == deals(crm_portal)


# --- what fails ---


def test_a_failing_dataset_keeps_the_other_one_from_being_loaded(crm_portal, duck):
    duck.load(["deal", "contact"])
    hours_later(crm_portal)
    crm_portal.update_item("deal", 3, {"TITLE": "Changed"})
    crm_portal.inject("error", "crm.item.list", status=403, code="ACCESS_DENIED", match=_of_contacts)
    with failed_with(AccessDeniedError, "ACCESS_DENIED"):
        duck.load(["deal", "contact"])
    assert duck.titles()[3] == "Deal 3"
    duck.load(["deal", "contact"])
    assert duck.titles() == deals(crm_portal)


def _of_contacts(params):
    return params.get("entityTypeId") == 3 and "select" in params


def test_bad_values_fail_or_are_null(crm_portal, duck, caplog):
    crm_portal.add_user_field("deal", "UF_CRM_SIZE", "double")
    crm_portal.update_item("deal", 2, {"UF_CRM_SIZE": "77777777777777777777"})
    with failed_with(BadValueError, "deal 2: the value of ufCrmSize is no number"):
        duck.load()
    assert "7777" not in caplog.text
    duck.load(on_bad_value="null")
    assert duck.query("SELECT uf_crm_size FROM deal WHERE id = 2") == [(None,)]


def test_the_rows_of_another_portal_are_refused(crm_portal, duck, other_portal):
    duck.load()
    other_portal.add_item("deal", {"TITLE": "Of the other"})
    with failed_with(InvalidInputError, "deal: this pipeline has loaded the portal"):
        duck.load(bitrix24_conn_id="other")
    assert duck.titles() == deals(crm_portal)
    duck.run(bitrix24("deal", bitrix24_conn_id="other"), refresh="drop_sources")
    assert duck.titles() == deals(other_portal)


@pytest.fixture
def other_portal(monkeypatch):
    from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

    with Bitrix24Portal(limits=Limits.off()) as portal:
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(portal.connection()))
        yield portal


def test_a_load_whose_package_is_dropped_is_repeated(crm_portal, duck):
    """The state in the pipeline's folder is ahead of the database then."""
    duck.load()
    hours_later(crm_portal)
    crm_portal.update_item("deal", 3, {"TITLE": "Changed"})
    pipeline = duck.pipeline
    pipeline.extract(bitrix24("deal"))
    pipeline.abort_packages()
    hours_later(crm_portal)
    duck.load()
    assert duck.titles() == deals(crm_portal)


def test_a_load_that_the_database_refuses_is_repeated(crm_portal, duck):
    duck.load()
    hours_later(crm_portal)
    crm_portal.update_item("deal", 3, {"TITLE": "Changed"})
    duck.query("ALTER TABLE crm.deal RENAME COLUMN title TO name")
    with pytest.raises(PipelineStepFailed):
        duck.load()
    duck.query("ALTER TABLE crm.deal RENAME COLUMN name TO title")
    hours_later(crm_portal)
    duck.load()
    duck.load()  # the first one only brings what was pending
    assert duck.titles() == deals(crm_portal)
