"""The outputs of a mapped task, which Airflow passes as a sequence that is no list."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from operator_alone import run

from airflow_provider_bitrix24.operators.rest import (
    Bitrix24BatchOperator,
    Bitrix24CallOperator,
    Bitrix24ListOperator,
)
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    BindTimelineRecordOperator,
    SetTimelineBindingsOperator,
    TransferTimelineOperator,
)
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor


class Lazy(Sequence):
    """A sequence that fetches each of its values when it is asked for it."""

    def __init__(self, *values):
        self._values = values

    def __getitem__(self, position):
        return self._values[position]

    def __len__(self):
        return len(self._values)


@pytest.mark.parametrize("ids", [Lazy(1, 2), Lazy(2)], ids=["two instances", "one instance"])
def test_in_a_filter(portal, ids):
    params = {"filter": {"@ID": ids}, "select": ["ID"]}
    _, rows, _ = run(Bitrix24ListOperator, method="crm.deal.list", api_params=params)
    assert [int(row["ID"]) for row in rows] == list(ids)


def test_in_the_parameters_of_a_call(portal):
    params = {"id": 1, "fields": {"CONTACT_IDS": Lazy(1, Lazy(2))}}
    run(Bitrix24CallOperator, method="crm.deal.update", api_params=params)
    [call] = portal.calls("crm.deal.update")
    assert call.params["fields"] == {"CONTACT_IDS": [1, [2]]}


def test_as_calls_and_in_them(portal):
    calls = Lazy({"method": "crm.deal.list", "params": {"filter": {"@ID": Lazy(1)}, "select": Lazy("ID")}})
    _, rows, _ = run(Bitrix24BatchOperator, calls=calls)
    assert [row["RESULT"] for row in rows] == [[{"ID": "1"}]]


def test_as_bindings_items_rows_and_kinds_and_in_them(portal, record):
    run(BindTimelineRecordOperator, bindings=Lazy(Lazy(record, "contact", 1)))
    run(SetTimelineBindingsOperator, record_id=record, items=Lazy(Lazy("deal", 1), "C_1"))
    assert portal.bindings(record) == [("contact", 1), ("deal", 1)]
    run(AddTimelineCommentsOperator, rows=Lazy({"item": Lazy("deal", 2), "comment": "x"}))
    run(AddTimelineCommentOperator, item=Lazy("deal", 2), comment="y", bind_to=Lazy("C_1"))
    assert [comment.text for comment in portal.comments("deal", 2)][-2:] == ["x", "y"]
    run(TransferTimelineOperator, source="D_2", target="C_2", kinds=Lazy("comments"))
    assert {comment.text for comment in portal.comments("contact", 2)} >= {"x", "y"}


@pytest.mark.parametrize("stages", [Lazy("NEW", "WON"), Lazy("NEW")], ids=["two instances", "one instance"])
def test_in_conditions_here_and_in_the_triggerer(portal, stages):
    number = portal.add_item("deal", {"STAGE_ID": "NEW"})
    sensor = CrmItemSensor(task_id="t", item=Lazy("deal", number), conditions={"@stageId": stages})
    assert sensor.poke({})
    assert sensor.trigger().serialize()[1]["conditions"] == {"@stageId": list(stages)}
