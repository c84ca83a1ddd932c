"""Several ranges of one list at once over HTTP, with either client: in order, and stopped cleanly."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import aclosing
from dataclasses import replace

import pytest
from rest_drivers import QUICK, AsyncDriver, SyncDriver, session_of, webhook_of

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.pacing import Limits as Pace
from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

DEALS = "crm.deal.list"
ROWS = 2000
#: every row passes, and it is so long that ten pages fill a request: a list of 2,000 rows is a long one
FILTER = {"!TITLE": "x" * 39_000}
LONG = Call(DEALS, {"select": ["ID"], "filter": FILTER})
#: the first page, the last rows, and four ranges
REQUESTS = 6
IN_FLIGHT = 3


@pytest.fixture(scope="module")
def full_portal():
    with Bitrix24Portal(limits=Limits.off()) as portal:
        portal.add_items("deal", [{"TITLE": f"Deal {number}"} for number in range(ROWS)])
        yield portal


@pytest.fixture
def box(full_portal):
    full_portal.faults.clear()
    full_portal.clear_journal()
    return full_portal


@pytest.fixture
def sync(box):
    driver = SyncDriver(session_of(webhook_of(box)))
    yield driver
    driver.close()


@pytest.fixture
def loop(box):
    driver = AsyncDriver(session_of(webhook_of(box)))
    yield driver
    driver.close()


def numbers(rows):
    return [int(row["ID"]) for row in rows]


def readers():
    """Return the threads that read ranges."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("bitrix24_")]


ALL = list(range(1, ROWS + 1))


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_all_rows_in_order(driver, box, order):
    rows = driver.records(Call(DEALS, {**LONG.params, "order": {"ID": order}}), in_flight=IN_FLIGHT)
    assert numbers(rows) == (ALL if order == "ASC" else ALL[::-1])
    assert len(box.requests) == REQUESTS


def test_several_are_under_way(driver, box):
    box.inject("delay", "batch", seconds=0.7, times=None)
    assert numbers(driver.records(LONG, in_flight=4)) == ALL
    begun = [request.at for request in box.requests if request.n_commands]
    assert len(begun) == 5
    assert max(begun) - begun[1] < 0.7, "the last range begins before the first one has come"


def test_a_list_of_one_page_needs_no_thread(sync, box):
    rows = sync.client.records(Call(DEALS, {"filter": {"<=ID": 50}}), in_flight=IN_FLIGHT)
    next(rows)
    assert not readers()
    assert len(list(rows)) == 49
    assert len(box.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(("status", {"status": 502, "body": "html"}), id="502"),
        pytest.param(("drop_after", {}), id="drop"),
        pytest.param(("truncate", {}), id="cut off"),
        pytest.param(
            ("error", {"code": "QUERY_LIMIT_EXCEEDED", "status": 503}), id="limit", marks=pytest.mark.slow
        ),
    ],
)
def test_trouble_of_some_does_not_fail_the_others(driver, box, fault):
    kind, options = fault
    box.inject(kind, "batch", times=2, after_calls=1, **options)
    assert numbers(driver.records(LONG, in_flight=IN_FLIGHT)) == ALL


def test_a_portal_in_trouble_has_fewer_under_way(sync, box):
    """All of the first four ranges fail, so those that follow are sent one or two at a time."""
    box.inject("status", "batch", status=502, body="html", times=4, after_calls=1)
    assert numbers(sync.client.records(LONG, in_flight=4)) == ALL
    assert len(box.requests) == REQUESTS + 4


def test_the_limit_of_requests_is_shared(open_driver, box):
    """Each takes a slot of its own, so that a full bucket slows all of them down and refuses none."""
    pace = Pace(10.0, burst=1)
    driver = open_driver(session_of(webhook_of(box), limits=pace))
    started = time.monotonic()
    assert numbers(driver.records(LONG, in_flight=4)) == ALL
    assert time.monotonic() - started > (REQUESTS - 1) / 10 - 0.05


def test_a_limit_that_lasts_too_long_is_an_error(open_driver, box):
    box.inject("error", "crm.deal.list", code="OPERATION_TIME_LIMIT", after_calls=9, times=None)
    driver = open_driver(session_of(webhook_of(box), policy=replace(QUICK, max_wait=0.5)))
    with pytest.raises(e.OperationTimeLimitError) as caught:
        driver.records(LONG, in_flight=IN_FLIGHT)
    assert caught.value.retry_after


# ---------------------------------------------------------------- who takes the rows decides


def test_nothing_is_read_far_ahead(sync, box):
    rows = sync.client.records(LONG, in_flight=2)
    assert numbers(next(rows) for _ in range(51)) == ALL[:51]
    time.sleep(0.2)
    assert len(box.requests) <= 2 + 3, "the range that is handed out, and two ahead of it"
    assert numbers(rows) == ALL[51:]


def test_who_stops_early_stops_the_reading(sync, box):
    box.inject("delay", "batch", seconds=0.1, times=None)
    rows = sync.client.records(LONG, in_flight=2)
    for _ in range(60):
        next(rows)
    rows.close()
    assert not readers(), "what was under way has ended"
    sent = len(box.requests)
    time.sleep(0.2)
    assert len(box.requests) == sent
    assert numbers(sync.client.records(Call(DEALS, {"filter": {"<=ID": 9}}))) == ALL[:9], "others go on"


def test_what_waits_is_given_up_by_who_stops_early(sync, box):
    box.inject("error", "batch", code="QUERY_LIMIT_EXCEEDED", status=503, after_calls=2, times=None)
    rows = sync.client.records(LONG, in_flight=IN_FLIGHT)
    for _ in range(60):
        next(rows)
    started = time.monotonic()
    rows.close()
    assert time.monotonic() - started < 1.0


def test_a_list_read_inside_another_one_does_not_end_it(sync):
    found = []
    for row in sync.client.records(LONG, in_flight=2):
        if not found:
            inner = sync.client.records(LONG, in_flight=2)
            next(inner)
            inner.close()
        found.append(row)
    assert numbers(found) == ALL


def test_a_stopped_client_reads_no_more(sync, box):
    box.inject("delay", "batch", seconds=0.1, times=None)
    rows = sync.client.records(LONG, in_flight=2)
    next(rows)
    sync.client.stop()
    with pytest.raises(InterruptedError, match="the task is being stopped"):
        list(rows)
    assert not readers()
    assert len(box.requests) < REQUESTS


# ---------------------------------------------------------------- in an event loop


def test_a_loop_that_ends_early_cancels_what_is_under_way(loop, box):
    box.inject("delay", "batch", seconds=5.0, after_calls=2, times=None)

    async def read():
        found = []
        async with aclosing(loop.client.records(LONG, in_flight=IN_FLIGHT)) as rows:
            async for row in rows:
                found.append(row)
                if len(found) == 60:
                    break
        return found, len(asyncio.all_tasks())

    started = time.monotonic()
    found, left = loop.run(read())
    assert numbers(found) == ALL[:60]
    assert left == 1
    assert time.monotonic() - started < 2.0


def test_a_cancelled_reader_leaves_nothing_behind(loop, box):
    box.inject("delay", "batch", seconds=5.0, times=None)

    async def read():
        async def drain():
            return [row async for row in loop.client.records(LONG, in_flight=IN_FLIGHT)]

        reading = asyncio.ensure_future(drain())
        await asyncio.sleep(0.3)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        return len(asyncio.all_tasks())

    assert loop.run(read()) == 1


def test_others_have_their_turn_while_pages_are_handed_out(loop):
    async def read():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        rows = [row async for row in loop.client.records(LONG, in_flight=IN_FLIGHT)]
        ticking.cancel()
        return len(rows), ticks

    rows, ticks = loop.run(read())
    assert rows == ROWS
    assert ticks > ROWS // 50
