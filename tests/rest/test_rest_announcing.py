"""What a wait says of itself, and in what parts it is slept."""

from __future__ import annotations

import logging

import pendulum
import pytest
from cases import cases
from rest_feed import Clock

from airflow_provider_bitrix24.rest.announcing import Headway, announced
from airflow_provider_bitrix24.rest.credentials import Address
from airflow_provider_bitrix24.rest.renewal import SendForm
from airflow_provider_bitrix24.rest.steps import Pause, Request

LOG = logging.getLogger("bitrix24-announcing")


@cases(
    ("seconds", "parts"),
    [
        (0.0, [0.0]),
        (0.5, [0.5]),
        (60.0, [60.0]),
        (61.5, [60.0, 1.5]),
        (120.0, [60.0, 60.0]),
        (150.0, [60.0, 60.0, 30.0]),
    ],
)
def test_a_long_wait_is_slept_minute_by_minute(seconds, parts):
    assert list(announced(LOG, Pause(seconds, "x"))) == parts


@pytest.mark.parametrize(("notable", "level"), [(True, logging.INFO), (False, logging.DEBUG)])
def test_it_says_why_how_long_and_until_when_and_what_is_left(caplog, monkeypatch, notable, level):
    monkeypatch.setattr(pendulum, "now", lambda zone: pendulum.datetime(2026, 1, 2, 3, 4, 5, tz=zone))
    caplog.set_level(logging.DEBUG, LOG.name)
    list(announced(LOG, Pause(150.0, "x.get: request limit of p", notable)))
    assert [record.levelno for record in caplog.records] == [level] * 3
    first, *later = caplog.messages
    assert first == "x.get: request limit of p; waiting 150.0 s, until 2026-01-02T03:06:35Z"
    assert later == ["x.get: request limit of p; 90 s left", "x.get: request limit of p; 30 s left"]


# ---------------------------------------------------------------- how far work has come


@pytest.mark.parametrize(("seconds", "speaks"), [(29.9, False), (30.0, True)])
def test_work_is_silent_for_half_a_minute(caplog, seconds, speaks):
    caplog.set_level(logging.INFO, LOG.name)
    clock = Clock()
    headway = Headway(LOG, 100, clock=clock)
    clock.now += seconds
    headway.made(30)
    assert caplog.messages == ["30 of 100 calls done, 70 left; 1.0 a second, about 70 s left"] * speaks


# ---------------------------------------------------------------- what a step shows of itself


def test_requests_show_neither_their_address_nor_their_body():
    address = Address("https://p", "/rest/1/secret/x", "/rest/1/***/x")
    assert repr(Request(address, b"private", False)) == "Request(https://p/rest/1/***/x, 7 bytes)"
    assert repr(SendForm(address, b"private")) == "SendForm(https://p/rest/1/***/x)"
