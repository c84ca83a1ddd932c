"""Operations that arrange timelines, edit comments, bind activities, and the sensors that look at items."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fault_scene import Operation, Scene, hurried, relieve

from airflow_provider_bitrix24.hooks.errors import AmbiguousWriteError, Bitrix24Error
from airflow_provider_bitrix24.operators.activity import BindActivityOperator, UnbindActivityOperator
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineLogMessageOperator,
    DeleteTimelineCommentOperator,
    ListTimelineBindingsOperator,
    MoveTimelineRecordOperator,
    SetTimelineBindingsOperator,
    TransferTimelineOperator,
    UnbindTimelineRecordOperator,
    UpdateTimelineCommentOperator,
)
from airflow_provider_bitrix24.rest.errors import Acted
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor, CrmItemsSensor
from airflow_provider_bitrix24.sensors.timeline import TimelineCommentSensor
from airflow_provider_bitrix24.triggers.crm import CrmItemsTrigger, CrmItemTrigger
from airflow_provider_bitrix24.triggers.timeline import TimelineCommentTrigger

_LOOKS = 400


def _items(scene: Scene) -> list[int]:
    return [item for _, item in scene.portal.bindings(scene.record)]


def _spread(scene: Scene) -> None:
    """Show the record on all deals."""
    for deal in scene.deals[1:]:
        scene.portal.bind(scene.record, "deal", deal)


def _never_ambiguous(error: Bitrix24Error | None) -> None:
    assert not isinstance(error, AmbiguousWriteError), "doing it again does no harm, so it is never ambiguous"


# --- bindings ---


def _list(scene: Scene) -> Any:
    return hurried(ListTimelineBindingsOperator, scene, record_id=scene.record)


def _is_listed(scene: Scene, result: Any) -> bool:
    return [int(row["ENTITY_ID"]) for row in result] == scene.deals[:1]


def _unbind(scene: Scene) -> Any:
    _spread(scene)
    return hurried(UnbindTimelineRecordOperator, scene, bindings=scene.pairs)


def _check_unbound(scene: Scene, error: Bitrix24Error | None) -> None:
    _never_ambiguous(error)
    left = _items(scene)
    assert scene.deals[0] in left, "taken off what nobody named"
    assert set(left) <= set(scene.deals)
    assert error is not None or left == scene.deals[:1], f"still bound: {left}"
    for outcome in error.outcomes if error else ():
        if outcome["STATUS"] != "failed":
            assert int(outcome["ENTITY_ID"]) not in left, f"said to be unbound, and is not: {outcome}"


def _move(scene: Scene) -> Any:
    source, target = scene.deals[:2]
    return hurried(
        MoveTimelineRecordOperator,
        scene,
        record_id=scene.record,
        source=("deal", source),
        target=("deal", target),
    )


def _transfer(scene: Scene) -> Any:
    source, target = scene.deals[:2]
    return hurried(
        TransferTimelineOperator, scene, source=("deal", source), target=("deal", target), mode="move"
    )


def _check_moved(scene: Scene, error: Bitrix24Error | None) -> None:
    _never_ambiguous(error)
    there = _items(scene)
    assert there, "the record was left without any binding"
    assert set(there) <= set(scene.deals[:2])
    assert error is not None or there == scene.deals[1:2], f"not moved: {there}"


def _set(scene: Scene) -> Any:
    return hurried(
        SetTimelineBindingsOperator,
        scene,
        record_id=scene.record,
        items=[("deal", deal) for deal in scene.deals[1:]],
    )


def _check_set(scene: Scene, error: Bitrix24Error | None) -> None:
    _never_ambiguous(error)
    there = _items(scene)
    assert there, "the record was left without any binding"
    assert set(there) <= set(scene.deals)
    if scene.deals[0] not in there:
        assert set(there) == set(scene.deals[1:]), "something was taken away before all the rest was there"
    assert error is not None or there == scene.deals[1:], f"not what was wanted: {there}"


# --- comments ---


def _update(scene: Scene) -> Any:
    return hurried(UpdateTimelineCommentOperator, scene, record_id=scene.record, comment=scene.text)


def _update_a_copy(scene: Scene) -> Any:
    _spread(scene)
    with scene.waiting():
        return hurried(
            UpdateTimelineCommentOperator,
            scene,
            record_id=scene.record,
            comment=scene.text,
            item=("deal", scene.deals[1]),
        )


def _with_text(scene: Scene) -> list[int]:
    return [record.record_id for record in scene.portal.comments() if record.text == scene.text]


def _holds_the_text(scene: Scene, result: Any) -> bool:
    return [result] == _with_text(scene)


def _check_updated(scene: Scene, error: Bitrix24Error | None) -> None:
    _never_ambiguous(error)
    assert set(_with_text(scene)) <= {scene.record}, "a comment was changed that nobody named"


def _check_copied(scene: Scene, error: Bitrix24Error | None) -> None:
    copies = _with_text(scene)
    assert len(copies) <= 1, f"copied twice: {copies}"
    assert scene.record not in copies, "the comment itself was changed, on all items"
    where = [[item for _, item in scene.portal.bindings(record)] for record in copies]
    assert where in ([], [[scene.deals[1]]])
    assert error is None or error.acted is not Acted.NO or not copies, f"{error!r}, and it was done"


def _delete(scene: Scene) -> Any:
    return hurried(DeleteTimelineCommentOperator, scene, record_id=scene.record, missing_ok=False)


def _is_deleted(scene: Scene, result: Any) -> bool:
    return bool(result == {"ID": scene.record, "STATUS": "deleted"}) and not _items(scene)


def _check_deleted(scene: Scene, error: Bitrix24Error | None) -> None:
    _never_ambiguous(error)
    assert _items(scene) in ([], scene.deals[:1])


def _log(scene: Scene) -> Any:
    item = ("deal", scene.deals[0])
    return hurried(
        AddTimelineLogMessageOperator, scene, item=item, title=scene.text, text="x", check_item=False
    )


def _logged(scene: Scene) -> list[int]:
    calls = scene.portal.calls("crm.timeline.logmessage.add")
    return [
        call.result["logMessage"]["id"]
        for call in calls
        if not call.error and call.params["fields"]["title"] == scene.text
    ]


def _is_logged(scene: Scene, result: Any) -> bool:
    return _logged(scene) == [result]


def _check_logged(scene: Scene, error: Bitrix24Error | None) -> None:
    found = _logged(scene)
    assert len(found) <= 1, "logged twice"
    if error is not None and error.acted is Acted.NO:
        assert not found, f"{type(error).__name__} says that nothing was done, and it is there"
    elif error is not None:
        assert isinstance(error, AmbiguousWriteError), f"unclear, and not said so: {error!r}"


# --- activities ---


def _activity(scene: Scene) -> int:
    """Return the scene's activity, on the first deal; it is made when it is asked for."""
    found = list(scene.portal.activities("deal", scene.deals[0]))
    return found[0] if found else scene.portal.add_activity("deal", scene.deals[0], subject=scene.text)


def _bind_activity(scene: Scene) -> Any:
    bindings = [(_activity(scene), "deal", deal) for deal in scene.deals[1:]]
    return hurried(BindActivityOperator, scene, bindings=bindings)


def _unbind_activity(scene: Scene) -> Any:
    bindings = [(_activity(scene), "deal", deal) for deal in scene.deals[1:]]
    for activity, kind, deal in bindings:
        scene.portal.bind_activity(activity, kind, deal)
    return hurried(UnbindActivityOperator, scene, bindings=bindings)


def _activity_items(scene: Scene) -> list[int]:
    return [item for _, item in scene.portal.activity_bindings(_activity(scene))]


def _check_activity_bound(scene: Scene, error: Bitrix24Error | None) -> None:
    _never_ambiguous(error)
    there = _activity_items(scene)
    assert scene.deals[0] in there
    assert set(there) <= set(scene.deals)
    assert error is not None or there == scene.deals, f"not bound: {there}"


def _check_activity_unbound(scene: Scene, error: Bitrix24Error | None) -> None:
    _never_ambiguous(error)
    there = _activity_items(scene)
    assert scene.deals[0] in there
    assert set(there) <= set(scene.deals)
    assert error is not None or there == scene.deals[:1], f"still bound: {there}"


def _all_well(scene: Scene, result: Any) -> bool:
    rows = result if isinstance(result, list) else [result]
    return all(row["STATUS"] != "failed" for row in rows)


# --- waiting ---


def _poke(scene: Scene, sensor: Any) -> bool:
    """Look again and again, and end the fault when it lasts: the sensor has to have outlasted it."""
    for look in range(_LOOKS):
        if sensor.poke(scene.context()):
            return True
        if look == 2:
            relieve(scene)
        time.sleep(0.01)
    return False


def _fire(scene: Scene, trigger: Any) -> bool:
    async def wait() -> Any:
        events = asyncio.ensure_future(anext(aiter(trigger.run())))
        done, _ = await asyncio.wait([events], timeout=0.5)
        if not done:
            await asyncio.to_thread(relieve, scene)
        return (await asyncio.wait_for(events, 30)).payload

    return bool(asyncio.run(wait())["status"] == "met")


_TRIGGER = {"bitrix24_conn_id": "bitrix24_default", "poke_interval": 0.01}


def _item_waited_for(scene: Scene) -> dict[str, Any]:
    return {"item": ["deal", scene.deals[0]], "conditions": {"stageId": "NEW"}, "stage_semantic": "process"}


def _comment_waited_for(scene: Scene) -> dict[str, Any]:
    return {"item": ["deal", scene.deals[0]], "pattern": "^record of cell"}


def _items_waited_for(scene: Scene) -> dict[str, Any]:
    return {"entity_type": "deal", "where": {"@id": scene.deals}, "min_count": len(scene.deals)}


def _met(scene: Scene, result: Any) -> bool:
    return result is True


TIMELINES = (
    Operation("list", "list bindings", "read", _list, _is_listed),
    Operation("unbind", "unbind", "own", _unbind, _all_well, check=_check_unbound),
    Operation("move", "move", "own", _move, _all_well, check=_check_moved),
    Operation("set", "set bindings", "own", _set, _all_well, check=_check_set),
    Operation("transfer", "transfer", "own", _transfer, _all_well, check=_check_moved),
    Operation("update", "change a comment", "own", _update, _holds_the_text, check=_check_updated),
    Operation(
        "copy", "change it on one of its items", "own", _update_a_copy, _holds_the_text, check=_check_copied
    ),
    Operation("delete", "delete a comment", "own", _delete, _is_deleted, check=_check_deleted),
    Operation("log", "log message", "own", _log, _is_logged, check=_check_logged),
    Operation(
        "bind_activity", "bind activities", "own", _bind_activity, _all_well, check=_check_activity_bound
    ),
    Operation(
        "unbind_activity",
        "unbind activities",
        "own",
        _unbind_activity,
        _all_well,
        check=_check_activity_unbound,
    ),
    Operation(
        "poke_item",
        "sensor of items and comments",
        "wait",
        lambda s: _poke(s, CrmItemSensor(task_id="cell", **_item_waited_for(s))),
        _met,
    ),
    Operation(
        "fire_item",
        "sensor of items and comments",
        "wait",
        lambda s: _fire(s, CrmItemTrigger(**_item_waited_for(s), **_TRIGGER)),
        _met,
    ),
    Operation(
        "poke_items",
        "sensor of items and comments",
        "wait",
        lambda s: _poke(s, CrmItemsSensor(task_id="cell", **_items_waited_for(s))),
        _met,
    ),
    Operation(
        "fire_items",
        "sensor of items and comments",
        "wait",
        lambda s: _fire(s, CrmItemsTrigger(**_items_waited_for(s), **_TRIGGER)),
        _met,
    ),
    Operation(
        "poke_comment",
        "sensor of items and comments",
        "wait",
        lambda s: _poke(s, TimelineCommentSensor(task_id="cell", **_comment_waited_for(s))),
        _met,
    ),
    Operation(
        "fire_comment",
        "sensor of items and comments",
        "wait",
        lambda s: _fire(s, TimelineCommentTrigger(**_comment_waited_for(s), **_TRIGGER)),
        _met,
    ),
)
