"""Long lists over HTTP, with either client: every row, in few requests, whatever happens meanwhile."""

from __future__ import annotations

import pytest
from rest_drivers import QUICK, Keeper, application_of, session_of

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

DEALS = "crm.deal.list"
ROWS = 3000
REQUESTS = 3


@pytest.fixture(scope="module")
def full_portal():
    """A portal with some deals, and gaps between their numbers; nobody here changes them."""
    with Bitrix24Portal(limits=Limits.off()) as portal:
        deals = [{"TITLE": f"Deal {n}", "OPPORTUNITY": n % 7} for n in range(ROWS + 10)]
        for number in portal.add_items("deal", deals)[5:2005:200]:
            portal.delete_item("deal", number)
        yield portal


@pytest.fixture
def box(full_portal):
    full_portal.faults.clear()
    full_portal.clear_journal()
    return full_portal


@pytest.fixture
def full(box):
    return box


def ids(rows):
    return [int(row["ID"]) for row in rows]


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_all_rows_in_few_requests(driver, full, order):
    rows = driver.records(Call(DEALS, {"order": {"ID": order}}))
    assert ids(rows) == sorted(full.items("deal"), reverse=order == "DESC")
    assert len(full.requests) == REQUESTS


def test_any_selection_and_filter(driver, full):
    rows = driver.records(Call(DEALS, {"select": ["TITLE"], "filter": {"OPPORTUNITY": 3, "!%TITLE": "77"}}))
    kept = [deal for deal in full.items("deal").values() if float(deal["OPPORTUNITY"]) == 3]
    assert rows == [{"TITLE": deal["TITLE"]} for deal in kept if "77" not in deal["TITLE"]]
    assert len(full.requests) == 2


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(("status", {"status": 502, "body": "html"}), id="502"),
        pytest.param(("drop_after", {}), id="lost"),
        pytest.param(("truncate", {}), id="truncated", marks=pytest.mark.slow),
        pytest.param(("raw", {"raw": b"<html>"}), id="page", marks=pytest.mark.slow),
        pytest.param(
            ("error", {"code": "QUERY_LIMIT_EXCEEDED", "status": 503}), id="limit", marks=pytest.mark.slow
        ),
        pytest.param(
            ("error", {"code": "INTERNAL_SERVER_ERROR", "status": 500}), id="500", marks=pytest.mark.slow
        ),
    ],
)
def test_a_batch_that_fails_is_sent_again(driver, full, fault):
    kind, options = fault
    struck = full.inject(kind, "batch", times=1, **options)
    assert ids(driver.records(Call(DEALS))) == sorted(full.items("deal"))
    assert struck.struck == 1
    assert len(full.requests) == REQUESTS + 1


@pytest.mark.parametrize(
    "code", ["INTERNAL_SERVER_ERROR", pytest.param("ACCESS_DENIED", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("place", [1, pytest.param(2, marks=pytest.mark.slow), 50])
def test_a_command_that_fails_is_read_again(driver, full, place, code):
    struck = full.inject("error", DEALS, times=1, after_calls=place, code=code)
    assert ids(driver.records(Call(DEALS))) == sorted(full.items("deal"))
    assert struck.struck == 1


def test_operating_time_that_ends_inside_a_batch(driver, full):
    """The last page is read by itself; that is metered apart."""
    struck = full.inject("error", DEALS, times=1, after_calls=59, code="OPERATION_TIME_LIMIT")
    assert ids(driver.records(Call(DEALS))) == sorted(full.items("deal"))
    assert struck.struck == 1


def test_operating_time_that_does_not_come_back_in_time_is_an_error(driver, full):
    full.inject("error", DEALS, times=None, after_calls=9, code="OPERATION_TIME_LIMIT")
    with pytest.raises(e.OperationTimeLimitError):
        driver.records(Call(DEALS))


def test_a_token_that_expires_between_two_batches(open_driver, full):
    before = full.renew_count
    driver = open_driver(session_of(application_of(full)), keeper=Keeper())
    full.inject("expire_token", "batch", times=1, after_calls=1)
    assert ids(driver.records(Call(DEALS))) == sorted(full.items("deal"))
    assert full.renew_count == before + 1


def test_a_portal_that_stays_broken_is_an_error(driver, full):
    full.inject("status", times=None, status=502, body="html", after_calls=2)
    with pytest.raises(e.ServerError):
        driver.records(Call(DEALS))
    assert len(full.requests) <= 2 + 2 * QUICK.attempts
