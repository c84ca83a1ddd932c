"""The operations of the matrix, each run through a public door, and what each of them wants."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fault_extractions import EXTRACTIONS
from fault_items import ITEMS
from fault_lists import COMMENT_LISTS, MIXED_CALLS
from fault_reading import GATHERED, LONG_LISTS
from fault_renewal import RENEWALS
from fault_scene import Operation, Scene, hurried, relieve
from fault_telling import TELLING
from fault_timelines import TIMELINES

from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    BindTimelineRecordOperator,
)
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.sensors.timeline import TimelineBindingSensor
from airflow_provider_bitrix24.triggers.timeline import TimelineBindingTrigger

_LOOKS = 400


# --- reading ---


def _ids(rows: Any) -> list[int]:
    return [int(row["ID"]) for row in rows]


def _listing(scene: Scene) -> dict[str, Any]:
    return {"filter": {"@ID": scene.deals}, "select": ["ID"]}


def _gets(scene: Scene) -> list[Call]:
    return [Call("crm.deal.get", {"id": deal}) for deal in scene.deals]


def _unwrapped(outcomes: Any) -> list[Any]:
    return [outcome.unwrap() for outcome in outcomes]


def _acall(scene: Scene) -> Any:
    return asyncio.run(scene.hook().acall("crm.deal.get", {"id": scene.deals[0]}))


def _abatch(scene: Scene) -> Any:
    return _unwrapped(asyncio.run(scene.hook().abatch(_gets(scene))))


def _arecords(scene: Scene) -> Any:
    async def read() -> list[Any]:
        return [row async for row in scene.hook().arecords("crm.deal.list", _listing(scene))]

    return asyncio.run(read())


def _is_deal(scene: Scene, result: Any) -> bool:
    return int(result["ID"]) == scene.deals[0]


def _are_deals(scene: Scene, result: Any) -> bool:
    return _ids(result) == scene.deals


# --- writing ---


def _bind_one(scene: Scene) -> Any:
    record, kind, item = scene.pairs[0]
    return hurried(BindTimelineRecordOperator, scene, record_id=record, entity_type=kind, entity_id=item)


def _bind_list(scene: Scene, check: bool) -> Any:
    return hurried(
        BindTimelineRecordOperator, scene, bindings=scene.pairs, check_record=check, check_item=check
    )


def _says_bound(scene: Scene, result: Any) -> bool:
    return all(row["STATUS"] in ("bound", "already_bound") for row in result)


def _add(scene: Scene) -> Any:
    item = ("deal", scene.deals[0])
    with scene.waiting():
        return hurried(AddTimelineCommentOperator, scene, item=item, comment=scene.text, check_item=False)


def _hook_add(scene: Scene) -> Any:
    with scene.waiting():
        return scene.hook().add_timeline_comment(("deal", scene.deals[0]), scene.text)


def _comment_call(scene: Scene) -> dict[str, Any]:
    return {"fields": {"ENTITY_ID": scene.deals[0], "ENTITY_TYPE": "deal", "COMMENT": scene.text}}


def _acall_add(scene: Scene) -> Any:
    return asyncio.run(scene.hook().acall("crm.timeline.comment.add", _comment_call(scene)))


def _batch_add(scene: Scene) -> Any:
    calls = [Call("crm.timeline.comment.add", _comment_call(scene)), _gets(scene)[0]]
    return _unwrapped(scene.hook().batch(calls))[0]


def _is_comment(scene: Scene, result: Any) -> bool:
    added = [record.record_id for record in scene.portal.comments() if record.text == scene.text]
    return added == [int(result)]


# --- waiting ---


def _waited_for(scene: Scene) -> dict[str, Any]:
    return {"record_id": scene.record, "entity_type": "deal", "entity_id": scene.deals[0]}


def _poke(scene: Scene) -> bool:
    """Look again and again, and end the fault when it lasts: the sensor has to have outlasted it."""
    sensor = TimelineBindingSensor(task_id="cell", **_waited_for(scene))
    for look in range(_LOOKS):
        if sensor.poke(scene.context()):
            return True
        if look == 2:
            relieve(scene)
        time.sleep(0.01)
    return False


def _fire(scene: Scene) -> bool:
    async def wait() -> Any:
        trigger = TimelineBindingTrigger(
            **_waited_for(scene), bitrix24_conn_id="bitrix24_default", poke_interval=0.01
        )
        events = asyncio.ensure_future(anext(aiter(trigger.run())))
        done, _ = await asyncio.wait([events], timeout=0.5)
        if not done:
            await asyncio.to_thread(relieve, scene)
        return (await asyncio.wait_for(events, 30)).payload

    return bool(asyncio.run(wait())["status"] == "met")


def _met(scene: Scene, result: Any) -> bool:
    return result is True


OPERATIONS = (
    Operation(
        "call", "`call`", "read", lambda s: s.hook().call("crm.deal.get", {"id": s.deals[0]}), _is_deal
    ),
    Operation("acall", "`call`", "read", _acall, _is_deal),
    Operation("batch", "`batch`", "read", lambda s: _unwrapped(s.hook().batch(_gets(s))), _are_deals),
    Operation("abatch", "`batch`", "read", _abatch, _are_deals),
    Operation(
        "records",
        "`records`",
        "read",
        lambda s: list(s.hook().records("crm.deal.list", _listing(s))),
        _are_deals,
    ),
    Operation("arecords", "`records`", "read", _arecords, _are_deals),
    *LONG_LISTS,
    *EXTRACTIONS,
    Operation("bind_one", "bind one", "bind_one", _bind_one, _says_bound),
    Operation(
        "bind_unchecked", "bind a list, no checks", "bind", lambda s: _bind_list(s, False), _says_bound
    ),
    Operation("bind_checked", "bind a list, checks", "bind", lambda s: _bind_list(s, True), _says_bound),
    Operation("add", "add a comment", "comment", _add, _is_comment, spares=1),
    Operation("hook_add", "add a comment", "comment", _hook_add, _is_comment, spares=1),
    Operation("acall_add", "add by `call` or in a batch", "add", _acall_add, _is_comment),
    Operation("batch_add", "add by `call` or in a batch", "add", _batch_add, _is_comment),
    *COMMENT_LISTS,
    *MIXED_CALLS,
    Operation("poke", "sensor", "wait", _poke, _met),
    Operation("fire", "trigger", "wait", _fire, _met),
    *GATHERED,
    *RENEWALS,
    *TIMELINES,
    *ITEMS,
    *TELLING,
)
