"""Watching for changes of CRM items, as a triggerer does."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from airflow.sdk import AssetWatcher
from airflow.triggers.base import BaseEventTrigger
from trigger_helpers import until

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.triggers import changes
from airflow_provider_bitrix24.triggers.changes import CrmChangesTrigger

LIST = "crm.item.list"


class Stores:
    """The state store of one asset, as Airflow gives it to a trigger, with or without its own coroutines."""

    def __init__(self, *, broken=0, several=False):
        self.values = {}
        self.broken = broken
        self.several = several

    def get(self, key, default=None):
        self._fail()
        return json.loads(json.dumps(self.values.get(key, default)))

    def set(self, key, value):
        self._fail()
        self.values[key] = json.loads(json.dumps(value))

    def _fail(self):
        if self.several:
            raise ValueError("Task has 2 concrete inlets and outlets")
        if self.broken:
            self.broken -= 1
            raise RuntimeError("API server is restarting")


class Log:
    """Keeps what is logged."""

    def __init__(self):
        self.text = ""

    def warning(self, message, *args):
        self.text += f"{message % args}\n"

    info = error = debug = warning


class AsyncStores(Stores):
    async def aget(self, key, default=None):
        return self.get(key, default)

    async def aset(self, key, value):
        self.set(key, value)


@asynccontextmanager
async def watching(stores, log=None, **options):
    """Run a trigger, and give what it fired so far."""
    given = {"entity_type": "deal", "poke_interval": 0.02, **options}
    trigger = CrmChangesTrigger(**given)
    path, kwargs = trigger.serialize()
    again = CrmChangesTrigger(**json.loads(json.dumps(kwargs)))
    again.asset_state_store = stores
    again._log = log or Log()
    assert path == f"{CrmChangesTrigger.__module__}.{CrmChangesTrigger.__qualname__}"
    fired = []

    async def run():
        async for event in again.run():
            fired.append(event.payload)  # noqa: PERF401 - each is seen at once

    task = asyncio.create_task(run())
    try:
        yield fired
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.wait([task])


def looks(portal):
    return len(portal.calls(LIST, executed=None)) // 2  # changed items, and new ones


async def more_looks(portal, count=3):
    before = looks(portal)
    await until(lambda: looks(portal) >= before + count)


@pytest.mark.parametrize("stores", [Stores, AsyncStores])
def test_it_tells_of_new_and_changed_items_once_and_goes_on_after_a_restart(portal, stores):
    [old] = portal.add_items("deal", [{"TITLE": "old"}])
    kept = stores()

    async def scenario():
        async with watching(kept) as fired:
            await more_looks(portal)
            assert fired == [], "watching begins with the present"
            new = portal.add_item("deal", {"TITLE": "new"})
            await until(lambda: fired)
            assert fired[0]["ids"] == [new]
            await more_looks(portal)
            assert len(fired) == 1
        portal.move_clock(60)
        portal.update_item("deal", old, {"TITLE": "changed while nobody looked"})
        async with watching(kept) as again:
            await until(lambda: again)
            await more_looks(portal)
        return fired + again

    first, second = asyncio.run(scenario())
    assert second["ids"] == [old]
    assert (second["entity_type"], second["count"], second["truncated"]) == ("deal", 1, False)
    assert set(second) == {"entity_type", "since", "until", "count", "ids", "truncated"}
    assert datetime.fromisoformat(first["until"]) <= datetime.fromisoformat(second["since"])
    assert datetime.fromisoformat(second["since"]) < datetime.fromisoformat(second["until"])


def test_it_says_once_that_it_watches(portal):
    log = Log()

    async def scenario():
        async with watching(Stores(), log):
            await more_looks(portal)

    asyncio.run(scenario())
    assert log.text == "Watching deal items, with a look every 0.02 s.\n"


def test_an_event_that_airflow_may_not_have_taken_over_is_told_again(portal, monkeypatch):
    """It is killed right after it fired."""
    monkeypatch.setattr(changes, "_HANDOVER_SECONDS", 3600.0)
    kept = AsyncStores()

    async def scenario():
        async with watching(kept) as before:
            await more_looks(portal)
        assert not before
        new = portal.add_item("deal", {"TITLE": "new"})
        async with watching(kept, poke_interval=1) as fired:
            await until(lambda: fired)
        async with watching(kept) as again:
            await until(lambda: again)
        return new, fired, again

    new, fired, again = asyncio.run(scenario())
    assert fired[0]["ids"] == again[0]["ids"] == [new]


def test_it_tells_only_of_what_meets_the_filter(portal):
    async def scenario():
        async with watching(Stores(), where={"stage_id": "WON"}) as fired:
            await more_looks(portal)
            portal.add_item("deal", {"TITLE": "other"})
            await more_looks(portal)
            won = portal.add_item("deal", {"TITLE": "won", "STAGE_ID": "WON"})
            await until(lambda: fired)
        return won, fired

    won, fired = asyncio.run(scenario())
    assert [event["ids"] for event in fired] == [[won]]


def test_it_outlives_trouble_and_what_somebody_has_to_mend(portal, monkeypatch):
    monkeypatch.setattr(changes, "_MENDING_SECONDS", 0.02)

    log = Log()

    async def scenario():
        async with watching(Stores(broken=3), log) as fired:
            await more_looks(portal)
            for kind, options in (
                ("drop_before", {}),
                ("status", {"status": 500}),
                ("error", {"code": "INVALID_CREDENTIALS"}),
                ("error", {"code": "insufficient_scope"}),
            ):
                portal.inject(kind, times=None, **options)
                before = len(portal.requests)
                await until(lambda before=before: len(portal.requests) >= before + 2)
                portal.faults.clear()
                new = portal.add_item("deal", {"TITLE": kind})
                await until(lambda new=new: any(new in event["ids"] for event in fired))
        return fired

    fired = asyncio.run(scenario())
    ids = [number for event in fired for number in event["ids"]]
    assert len(ids) == len(set(ids)) == 4
    assert log.text.count("The trigger looks again every") == 2
    assert log.text.count("The asset's state cannot be read (RuntimeError)") == 1


@pytest.mark.parametrize("stores", [None, Stores(several=True)], ids=["before 3.3", "several assets"])
def test_without_a_store_a_restart_tells_again_of_the_last_minutes(portal, stores):
    portal.move_clock(3600)
    log = Log()

    async def scenario():
        async with watching(stores, log) as fired:
            await more_looks(portal)
        new = portal.add_item("deal", {"TITLE": "new"})
        portal.move_clock(300)
        async with watching(stores) as again:
            await until(lambda: again)
            await more_looks(portal)
        return new, fired, again

    new, fired, again = asyncio.run(scenario())
    assert fired == []
    assert [event["ids"] for event in again] == [[new]]
    assert "Airflow keeps no state for this trigger" in log.text


def test_its_arguments_are_checked_where_the_dag_file_is_parsed():
    for field, wrong in (
        ("entity_type", {"entity_type": "dael"}),
        ("where", {"where": {}}),
        ("where", {"where": {"title": object()}}),
        ("where", {"where": {">opportunity": float("nan")}}),
        ("bitrix24_conn_id", {"bitrix24_conn_id": None}),
        ("bitrix24_conn_id", {"bitrix24_conn_id": " "}),
        ("max_ids", {"max_ids": 0}),
        ("poke_interval", {"poke_interval": 0}),
        ("poke_interval", {"poke_interval": "60"}),
    ):
        with pytest.raises(InvalidInputError, match=f"^{field}: "):
            CrmChangesTrigger(**{"entity_type": "deal", **wrong})


def test_a_filter_is_kept_as_plain_json_with_one_hash():
    def of(where):
        trigger = CrmChangesTrigger(entity_type=" Deal ", where=where)
        return trigger.serialize()[1]

    moment = datetime(2026, 5, 4, 8, tzinfo=UTC)
    where = {">=opportunity": Decimal("1.50"), "@stageId": {"B", "A"}, ">begindate": date(2026, 5, 4)}
    kwargs = of({**where, "<updatedTime": moment})
    assert kwargs["where"] == {
        ">=opportunity": "1.50",
        "@stageId": ["A", "B"],
        ">begindate": "2026-05-04",
        "<updatedTime": "2026-05-04T08:00:00+00:00",
    }
    assert kwargs["entity_type"] == "deal"
    assert of(json.dumps(kwargs["where"])) == kwargs
    assert isinstance(CrmChangesTrigger(entity_type="deal"), BaseEventTrigger)
    assert AssetWatcher(name="w", trigger=CrmChangesTrigger(entity_type="deal"))
