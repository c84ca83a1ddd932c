"""Operations that read much at once: long lists, and several who look together."""

from __future__ import annotations

import asyncio
from typing import Any

from fault_scene import Operation, Scene, relieve

from airflow_provider_bitrix24.triggers.timeline import TimelineBindingTrigger

_CONTACTS = "crm.contact.list"
_NOBODY = 10**9


# --- a list of several pages: the first one is read, then the fault begins ---


def _records(scene: Scene) -> list[int]:
    rows = scene.hook().records(_CONTACTS, {"select": ["ID"]})
    found = [next(rows)]
    with scene.fault():
        found += rows
    return [int(row["ID"]) for row in found]


def _arecords(scene: Scene) -> list[int]:
    async def read() -> list[int]:
        rows = scene.hook().arecords(_CONTACTS, {"select": ["ID"]})
        found = [await anext(rows)]
        with scene.fault():
            found += [row async for row in rows]
        return [int(row["ID"]) for row in found]

    return asyncio.run(read())


def _are_contacts(scene: Scene, result: Any) -> bool:
    return bool(result == scene.contacts)


# --- several who look together ---


def _gathered(scene: Scene) -> dict[str, Any]:
    """Let some wait for what is so, and one for a record that is not there; return what each was told."""
    records = [scene.record]
    records += [scene.portal.add_comment("deal", scene.deals[0], "looked at together") for _ in range(3)]

    async def event_of(record: int) -> Any:
        trigger = TimelineBindingTrigger(
            record_id=record,
            entity_type="deal",
            entity_id=scene.deals[0],
            bitrix24_conn_id="bitrix24_default",
            poke_interval=0.01,
        )
        return (await anext(aiter(trigger.run()))).payload

    async def look() -> list[Any]:
        events = [asyncio.ensure_future(event_of(record)) for record in (*records, _NOBODY)]
        _, waiting = await asyncio.wait(events, timeout=0.5)
        if waiting:
            await asyncio.to_thread(relieve, scene)
        return await asyncio.wait_for(asyncio.gather(*events), 30)

    *told, missing = asyncio.run(look())
    return {"told": [event["status"] for event in told], "missing": missing["error"]["type"]}


def _each_its_own(scene: Scene, result: Any) -> bool:
    return bool(result == {"told": ["met"] * 4, "missing": "NotFoundError"})


LONG_LISTS = (
    Operation("long", "`records`, long", "read", _records, _are_contacts, in_the_middle=True),
    Operation("along", "`records`, long", "read", _arecords, _are_contacts, in_the_middle=True),
)
GATHERED = (Operation("gathered", "triggers together", "wait", _gathered, _each_its_own),)
