"""What an error says of a binding: that it was not made only where it was not."""

from __future__ import annotations

import pytest
from operator_alone import fails

from airflow_provider_bitrix24.hooks.errors import Bitrix24Error
from airflow_provider_bitrix24.operators.timeline import (
    BindTimelineRecordOperator,
    UnbindTimelineRecordOperator,
)


@pytest.mark.parametrize(
    ("cls", "method", "number", "done"),
    [
        (BindTimelineRecordOperator, "crm.timeline.bindings.bind", 3, "bound"),
        (UnbindTimelineRecordOperator, "crm.timeline.bindings.unbind", 2, "unbound"),
    ],
)
def test_after_a_lost_answer_a_refusal_does_not_say_that_nothing_was_done(
    portal, record, cls, method, number, done
):
    portal.inject("drop_after", method)
    portal.inject("error", method, code="ACCESS_DENIED", status=403, times=None)
    error, pushed = fails(cls, Bitrix24Error, record_id=record, entity_type="contact", entity_id=number)
    assert (("contact", number) in portal.bindings(record)) is (done == "bound"), "the first attempt did it"
    for told in (str(error), pushed["outcomes"][0]["ERROR_DESCRIPTION"]):
        assert f"record {record} on contact {number} may have been {done}, or not: " in told


@pytest.mark.parametrize(
    ("cls", "method", "number", "done"),
    [
        (BindTimelineRecordOperator, "crm.timeline.bindings.bind", 3, "bound"),
        (UnbindTimelineRecordOperator, "crm.timeline.bindings.list", 2, "unbound"),
    ],
)
def test_a_refusal_alone_says_that_nothing_was_done(portal, record, cls, method, number, done):
    portal.inject("error", method, code="ACCESS_DENIED", status=403, times=None)
    error, _ = fails(cls, Bitrix24Error, record_id=record, entity_type="contact", entity_id=number)
    assert f"record {record} on contact {number} was not {done}: " in str(error)
