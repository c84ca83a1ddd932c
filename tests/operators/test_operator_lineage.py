"""What each operator tells OpenLineage: the datasets it reads and writes, and how many rows."""

from __future__ import annotations

import pytest
from airflow.sdk import Asset
from cases import cases
from lineage_fixtures import completed, failed, started
from operator_alone import GONE, context_of, quick

from airflow_provider_bitrix24.hooks.errors import Bitrix24Error
from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.items import (
    CreateCrmItemsOperator,
    DeleteCrmItemsOperator,
    SetProductRowsOperator,
    UpdateCrmItemsOperator,
    UpsertCrmItemsOperator,
)
from airflow_provider_bitrix24.operators.rest import (
    Bitrix24BatchOperator,
    Bitrix24CallOperator,
    Bitrix24ListOperator,
)
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    AddTimelineLogMessageOperator,
    BindTimelineRecordOperator,
    DeleteTimelineCommentOperator,
    ListTimelineBindingsOperator,
    MoveTimelineRecordOperator,
    SetTimelineBindingsOperator,
    TransferTimelineOperator,
    UnbindTimelineRecordOperator,
    UpdateTimelineCommentOperator,
)

BINDINGS, COMMENTS = "crm.timeline.bindings", "crm.timeline.comment"
SET_DEAL = {"method": "crm.deal.update", "params": {"id": 1, "fields": {"TITLE": "T"}}}


def done(cls, **arguments):
    """Execute an operator, and return it."""
    operator = quick(cls, **arguments)
    operator.execute(context_of())
    return operator


def lost(cls, **arguments):
    """Execute an operator that fails, and return it."""
    operator = quick(cls, **arguments)
    with pytest.raises(Bitrix24Error):
        operator.execute(context_of())
    return operator


def test_operators_on_items_tell_the_items_and_how_many_were_written(portal):
    rows = [{"id": 1, "title": "New"}, {"id": 2, "title": "Newer"}]
    update = quick(UpdateCrmItemsOperator, entity_type="deal", rows=rows)
    assert started(update) == ({}, {"crm.deal": None})
    update.execute(context_of())
    assert completed(update) == ({}, {"crm.deal": 2})
    assert completed(done(UpdateCrmItemsOperator, entity_type="deal", rows=rows)) == ({}, {"crm.deal": 0})
    create = done(CreateCrmItemsOperator, entity_type="contact", rows=[{"name": "A"}])
    assert completed(create) == ({}, {"crm.contact": 1})
    row = {"origin_id": "1", "title": "Cup"}
    upsert = done(UpsertCrmItemsOperator, entity_type="company", rows=[row], key="origin_id")
    assert completed(upsert) == ({}, {"crm.company": 1})
    delete = done(DeleteCrmItemsOperator, entity_type="deal", ids=[1, GONE])
    assert completed(delete) == ({}, {"crm.deal": 1})


def test_items_tell_all_fields_of_their_type(portal):
    update = done(UpdateCrmItemsOperator, entity_type="deal", rows=[{"id": 1, "title": "T"}])
    [node] = update.get_openlineage_facets_on_complete(None).outputs
    fields = {field.name: field for field in node.facets["schema"].fields}
    assert node.namespace == f"bitrix24://{portal.url.removeprefix('http://')}"
    assert len(fields) > 20
    assert fields["assignedById"].type == "user"


def test_what_was_written_before_a_failure_is_told(portal):
    rows = [{"id": 1, "title": "New"}, {"id": GONE, "title": "New"}]
    assert failed(lost(UpdateCrmItemsOperator, entity_type="deal", rows=rows)) == ({}, {"crm.deal": 1})
    bad = [{"id": 1, "opportunity": "much"}]
    assert failed(lost(UpdateCrmItemsOperator, entity_type="deal", rows=bad)) == ({}, {})
    gone = lost(AddTimelineCommentOperator, item=("deal", GONE), comment="C")
    assert failed(gone) == ({}, {})


def test_product_rows_are_a_dataset_of_their_own(portal):
    rows = [{"owner_id": 1, "product_name": "Cup", "price": 2, "quantity": 1}]
    operator = done(SetProductRowsOperator, entity_type="deal", rows=rows)
    assert completed(operator) == ({}, {"crm.deal.product_rows": None})


def test_operators_on_timelines_tell_what_the_api_calls_it(portal, record, call):
    for cls, arguments, read, written in (
        (BindTimelineRecordOperator, {"record_id": record, "item": "D_2"}, {}, {BINDINGS: 1}),
        (UnbindTimelineRecordOperator, {"record_id": record, "item": "D_2"}, {}, {BINDINGS: 1}),
        (UnbindTimelineRecordOperator, {"record_id": record, "item": "D_2"}, {}, {BINDINGS: 0}),
        (SetTimelineBindingsOperator, {"record_id": record, "items": ["D_1"]}, {}, {BINDINGS: 1}),
        (
            MoveTimelineRecordOperator,
            {"record_id": record, "source": "D_1", "target": "D_2"},
            {},
            {BINDINGS: None},
        ),
        (ListTimelineBindingsOperator, {"record_id": record}, {BINDINGS: None}, {}),
        (
            TransferTimelineOperator,
            {"source": "D_2", "target": "D_3"},
            {COMMENTS: None, "crm.activity": None},
            {BINDINGS: None, "crm.activity.binding": None},
        ),
        (BindActivityOperator, {"activity_id": call, "item": "D_2"}, {}, {"crm.activity.binding": 1}),
        (UnbindActivityOperator, {"activity_id": call, "item": "D_2"}, {}, {"crm.activity.binding": 1}),
        (AddTimelineCommentOperator, {"item": "D_1", "comment": "C"}, {}, {COMMENTS: None}),
        (
            AddTimelineCommentOperator,
            {"item": "D_1", "comment": "D", "bind_to": ["D_2"]},
            {},
            {COMMENTS: None, BINDINGS: None},
        ),
        (AddTimelineCommentsOperator, {"rows": [("deal", 1, "E")]}, {}, {COMMENTS: 1}),
        (UpdateTimelineCommentOperator, {"record_id": record, "comment": "F"}, {}, {COMMENTS: None}),
        (DeleteTimelineCommentOperator, {"record_id": record, "item": "D_2"}, {}, {COMMENTS: None}),
        (
            AddTimelineLogMessageOperator,
            {"item": "D_1", "title": "T", "text": "x"},
            {},
            {"crm.timeline.logmessage": None},
        ),
    ):
        operator = done(cls, **arguments)
        assert completed(operator) == (read, written), cls.__name__


def test_calls_tell_what_their_methods_do(portal):
    read = done(Bitrix24CallOperator, method="crm.item.get", api_params={"entityTypeId": 2, "id": 1})
    assert completed(read) == ({"crm.deal": None}, {})
    assert completed(done(Bitrix24CallOperator, method="profile")) == ({}, {})
    calls = [
        SET_DEAL,
        {"method": "crm.deal.get", "params": {"id": 2}},
        {"method": "crm.contact.get", "params": {"id": GONE}},
    ]
    batch = quick(Bitrix24BatchOperator, calls=calls, fail_on="never")
    assert started(batch) == ({"crm.contact": None, "crm.deal": None}, {"crm.deal": None})
    batch.execute(context_of())
    assert completed(batch) == ({"crm.deal": None}, {"crm.deal": None})
    lone = lost(
        Bitrix24CallOperator, method="crm.deal.update", api_params={"id": GONE, "fields": {"TITLE": "T"}}
    )
    assert failed(lone) == ({}, {})


def test_a_list_tells_its_rows_and_its_file(portal, tmp_path):
    path = tmp_path / "deals.jsonl"
    alone = done(Bitrix24ListOperator, method="crm.deal.list")
    assert completed(alone) == ({"crm.deal": 5}, {})
    listed = quick(Bitrix24ListOperator, method="crm.deal.list", output_path=str(path))
    assert started(listed) == ({"crm.deal": None}, {str(path): None})
    listed.execute(context_of())
    assert completed(listed) == ({"crm.deal": 5}, {str(path): 5})
    [file] = listed.get_openlineage_facets_on_complete(None).outputs
    assert (file.namespace, file.outputFacets["outputStatistics"].size) == ("file", path.stat().st_size)
    portal.inject("error", "crm.deal.list", status=403, code="ACCESS_DENIED")
    denied = lost(Bitrix24ListOperator, method="crm.deal.list", output_path=str(path))
    assert failed(denied) == ({"crm.deal": None}, {})


def test_a_list_has_its_file_as_outlet_unless_it_is_told_others(tmp_path):
    def outlets(**arguments):
        return Bitrix24ListOperator(task_id="t", method="crm.deal.list", **arguments).outlets

    assert outlets(output_path=tmp_path / "a.jsonl") == [Asset(uri=(tmp_path / "a.jsonl").as_uri())]
    assert outlets(output_path="s3://conn@lake/a.jsonl") == [Asset(uri="s3://lake/a.jsonl")]
    assert outlets(output_path=str(tmp_path / "{{ ds }}.jsonl")) == []
    assert outlets(output_path=str(tmp_path / "a.jsonl"), outlets=[]) == []
    assert outlets() == []


def test_a_task_that_goes_on_tells_the_same(portal):
    operator = quick(
        UpdateCrmItemsOperator, entity_type="deal", rows=[{"id": 1, "title": "T"}], deferrable=True
    )
    assert started(operator) == ({}, {"crm.deal": None})
    operator.resume(context_of(), None, {})
    assert completed(operator) == ({}, {"crm.deal": 1})


def test_a_task_that_failed_before_it_began_has_done_nothing(portal, tmp_path):
    operator = quick(Bitrix24ListOperator, method="crm.deal.list", output_path=str(tmp_path / "a.jsonl"))
    assert operator.get_openlineage_facets_on_failure(None) is None


@cases("conn_id", ["missing", "broken"])
def test_lineage_without_a_connection_is_none(connection, conn_id):
    connection({"conn_type": "bitrix24", "host": "portal.local", "password": "not a code!"}, "broken")
    operator = CreateCrmItemsOperator(
        task_id="t", entity_type="deal", rows=[{"title": "T"}], bitrix24_conn_id=conn_id
    )
    assert operator.get_openlineage_facets_on_start() is None


def test_lineage_asks_the_portal_nothing(portal):
    operator = quick(UpdateCrmItemsOperator, entity_type="deal", rows=[{"id": 1, "title": "T"}])
    before = len(portal.requests)
    operator.get_openlineage_facets_on_start()
    assert len(portal.requests) == before
    operator.execute(context_of())
    before = len(portal.requests)
    operator.get_openlineage_facets_on_complete(None)
    assert len(portal.requests) == before
