"""Operations whose token has expired, so that it is renewed while the fault is in force there as well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fault_scene import Operation, Scene, hurried

from airflow_provider_bitrix24.operators.timeline import AddTimelineCommentOperator

_TOKEN = "oauth.token"
#: what is told in the words of the REST API the token address does not tell
_NOT_THERE = ("error", "expire_token")


def _at_both(scene: Scene) -> None:
    """Let what strikes the calls strike the token address as well, and the token have expired."""
    for fault in scene.portal.faults.active():
        if fault.method is None and fault.kind not in _NOT_THERE:
            scene.portal.faults.add(replace(fault, method=_TOKEN))
    scene.portal.expire_access_tokens()


def _call(scene: Scene) -> Any:
    _at_both(scene)
    return scene.hook().call("crm.deal.get", {"id": scene.deals[0]})


def _add(scene: Scene) -> Any:
    _at_both(scene)
    item = ("deal", scene.deals[0])
    with scene.waiting():
        return hurried(AddTimelineCommentOperator, scene, item=item, comment=scene.text, check_item=False)


def _is_deal(scene: Scene, result: Any) -> bool:
    return int(result["ID"]) == scene.deals[0]


def _is_comment(scene: Scene, result: Any) -> bool:
    added = [record.record_id for record in scene.portal.comments() if record.text == scene.text]
    return added == [result]


RENEWALS = (
    Operation("renew", "`call`, token expired", "read", _call, _is_deal, expired=True),
    Operation("renew_add", "add a comment, token expired", "comment", _add, _is_comment, expired=True),
)
