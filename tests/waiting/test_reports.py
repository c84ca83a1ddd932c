"""What a sensor says while it waits."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_bitrix24.waiting.reports import Reports


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def reports(clock, caplog):
    caplog.set_level(logging.INFO, "test_reports")
    return Reports(logging.getLogger("test_reports"), "stage semantic success", clock=clock)


def test_what_is_seen_is_said_at_first_and_after_a_change(reports, caplog):
    for stage in ("New", "New", "Execute", "Execute", "New"):
        reports.saw(f"deal 4 is in stage {stage}", met=False)
    assert caplog.messages == [
        f"Deal 4 is in stage {stage}, waiting for: stage semantic success."
        for stage in ("New", "Execute", "New")
    ]


def test_what_does_not_change_is_said_once_in_a_while(reports, clock, caplog):
    for minutes in (0, 10, 29, 30, 31, 59, 60):
        clock.now = 60.0 * minutes
        reports.saw("deal 4 is in stage New", met=False)
    assert len(caplog.messages) == 3


def test_only_what_is_missing_is_said_to_be_waited_for(reports, caplog):
    reports.saw("deal 4 is in stage New", met=False, missing="!title None")
    reports.timed_out()
    reports.timed_out("deal 4 is in stage Won", "opportunity 5")
    assert caplog.messages == [
        "Deal 4 is in stage New, waiting for: !title None.",
        "Timed out while waiting for: !title None. Last seen: deal 4 is in stage New.",
        "Timed out while waiting for: opportunity 5. Last seen: deal 4 is in stage Won.",
    ]


def test_what_is_found_is_said(reports, caplog):
    reports.saw("deal 4 is in stage Won", met=True)
    assert caplog.messages == ["Deal 4 is in stage Won."]


def test_what_was_seen_last_is_said_after_a_timeout(reports, caplog):
    reports.saw("deal 4 is in stage New", met=False)
    caplog.clear()
    reports.timed_out()
    assert caplog.messages == [
        "Timed out while waiting for: stage semantic success. Last seen: deal 4 is in stage New."
    ]
    assert caplog.records[0].levelno == logging.WARNING


def test_that_nothing_was_seen_is_said_after_a_timeout(reports, caplog):
    reports.timed_out()
    assert caplog.messages == ["Timed out while waiting for: stage semantic success. No look succeeded."]
