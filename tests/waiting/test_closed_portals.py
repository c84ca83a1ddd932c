"""A self-hosted portal that is closed for an update opens again; one in the cloud is gone."""

from __future__ import annotations

import asyncio

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from trigger_helpers import LIST, MET, running, trigger_for, until

from airflow_provider_bitrix24.hooks.errors import PortalClosedError, PortalMaintenanceError
from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator
from airflow_provider_bitrix24.rest.session import Policy
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor


@pytest.fixture
def record(box):
    deal = box.add_item("deal", {"TITLE": "Deal"})
    box.add_item("contact", {"NAME": "Ada"})
    return box.add_comment("deal", deal, "Comment")


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(Policy, "pause", lambda self, attempt: 0.01)


def test_a_task_is_tried_again_when_a_self_hosted_portal_is_closed(box, connect):
    connect(box.connection(plan="self-hosted"))
    box.set_deleted(True)
    with pytest.raises(PortalMaintenanceError, match="PORTAL_DELETED") as caught:
        Bitrix24CallOperator(task_id="t", method="profile").execute({})
    assert not isinstance(caught.value, AirflowFailException)
    box.set_deleted(False)
    assert Bitrix24CallOperator(task_id="t", method="profile").execute({})["ID"] == "1"


def test_a_task_ends_for_good_when_a_portal_in_the_cloud_is_closed(box, connect):
    connect(box.connection())
    box.set_deleted(True)
    with pytest.raises(PortalClosedError, match="set the connection's 'plan' to self-hosted") as caught:
        Bitrix24CallOperator(task_id="t", method="profile").execute({})
    assert isinstance(caught.value, AirflowFailException)


def test_a_sensor_waits_for_a_self_hosted_portal_to_open(box, connect, record):
    connect(box.connection(plan="self-hosted"))
    sensor = TimelineBindingSensor(task_id="t", record_id=record, entity_type="contact", entity_id=1)
    box.bind(record, "contact", 1)
    box.set_deleted(True)
    assert not sensor.poke({})
    box.set_deleted(False)
    assert sensor.poke({})


def test_a_deferred_sensor_waits_for_a_self_hosted_portal_to_open(box, connect, record):
    connect(box.connection(plan="self-hosted"))

    async def scenario():
        task = running(trigger_for(record))
        await until(lambda: box.calls(LIST))
        box.set_deleted(True)
        asked = len(box.requests)
        await until(lambda: len(box.requests) >= asked + 3)
        assert not task.done()
        box.bind(record, "contact", 1)
        box.set_deleted(False)
        return await task

    assert asyncio.run(scenario()) == [MET]


def test_the_test_button_tells_the_two_apart(box, connect):
    own, cloud = connect(box.connection(plan="self-hosted"), "own"), connect(box.connection(), "cloud")
    box.set_deleted(True)
    assert own.test_connection()[1].startswith("The portal is closed for a while: ")
    assert cloud.test_connection()[1].startswith("The portal is closed: ")
