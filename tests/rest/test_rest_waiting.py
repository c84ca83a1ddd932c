"""What long work says of itself."""

from __future__ import annotations

import logging

from rest_feed import Clock

from airflow_provider_bitrix24.rest.announcing import Headway

LOG = logging.getLogger("bitrix24-headway")


def test_long_work_speaks_at_most_every_half_minute(caplog):
    caplog.set_level(logging.INFO, LOG.name)
    clock = Clock()
    headway = Headway(LOG, 1000, "rows", clock)
    for _ in range(10):
        clock.now += 10
        headway.made(50)
    assert caplog.messages == [
        "150 of 1000 rows done, 850 left; 5.0 a second, about 170 s left",
        "300 of 1000 rows done, 700 left; 5.0 a second, about 140 s left",
        "450 of 1000 rows done, 550 left; 5.0 a second, about 110 s left",
    ]


def test_a_list_that_grew_has_nothing_left(caplog):
    caplog.set_level(logging.INFO, LOG.name)
    clock = Clock()
    headway = Headway(LOG, 100, "rows", clock)
    clock.now += 50
    headway.made(150)
    assert caplog.messages == ["150 of 100 rows done, 0 left; 3.0 a second, about 0 s left"]


def test_nothing_done_for_half_a_minute_is_no_reason_to_divide(caplog):
    caplog.set_level(logging.INFO, LOG.name)
    clock = Clock()
    headway = Headway(LOG, 100, "rows", clock)
    clock.now += 40.0
    headway.made(0)
    assert caplog.messages == []
    clock.now += 40.0
    headway.made(10)
    assert len(caplog.messages) == 1
