"""Operations on many items that must not be repeated: lists of comments, and calls of all kinds."""

from __future__ import annotations

from typing import Any

from fault_scene import Operation, Scene, hurried

from airflow_provider_bitrix24.operators.rest import Bitrix24BatchOperator
from airflow_provider_bitrix24.operators.timeline import AddTimelineCommentsOperator

_ADD, _BIND, _GET = "crm.timeline.comment.add", "crm.timeline.bindings.bind", "crm.deal.get"


# --- comments; the fault spares the question who adds them, and at another door the first fifty too ---


def _rows(scene: Scene) -> list[dict[str, Any]]:
    return [{"item": ("deal", scene.deals[0]), "comment": text} for text in scene.texts]


def _comments(scene: Scene) -> Any:
    with scene.waiting():
        return hurried(AddTimelineCommentsOperator, scene, rows=_rows(scene), check_item=False)


def _comments_of_the_hook(scene: Scene) -> Any:
    with scene.waiting():
        return scene.hook().add_timeline_comments(_rows(scene), max_in_flight=1)


def _are_comments(scene: Scene, result: Any) -> bool:
    texts = {record.record_id: record.text for record in scene.portal.comments()}
    return [texts.get(row["ID"]) for row in result] == scene.texts


# --- reads, bindings and comments in one list, one read of which no batch would carry exactly ---


def mixed_calls(scene: Scene) -> list[dict[str, Any]]:
    """Return the calls; a batch takes those before and those after the one that travels alone."""
    calls: list[dict[str, Any]] = []
    for number, (record, kind, item) in enumerate(scene.pairs):
        fields = {"OWNER_ID": record, "ENTITY_TYPE": kind, "ENTITY_ID": item}
        comment = {"ENTITY_ID": item, "ENTITY_TYPE": kind, "COMMENT": scene.texts[number]}
        calls += [
            {"method": _GET, "params": {"id": item}},
            {"method": _BIND, "params": {"fields": fields}},
            {"method": _ADD, "params": {"fields": comment}},
        ]
    calls.insert(6, {"method": _GET, "params": {"id": scene.deals[0], "whole": True}})
    return calls


def _mixed(scene: Scene) -> Any:
    return hurried(Bitrix24BatchOperator, scene, calls=mixed_calls(scene))


def _are_answers(scene: Scene, result: Any) -> bool:
    texts = {record.record_id: record.text for record in scene.portal.comments()}
    return all(
        row["STATUS"] == "done" and _is_answer(call, row["RESULT"], texts)
        for call, row in zip(mixed_calls(scene), result, strict=True)
    )


def _is_answer(call: dict[str, Any], result: Any, texts: dict[int, str]) -> bool:
    if call["method"] == _GET:
        return int(result["ID"]) == int(call["params"]["id"])
    if call["method"] == _BIND:
        return result is True
    return texts.get(int(result)) == call["params"]["fields"]["COMMENT"]


COMMENT_LISTS = (
    Operation("comments", "add a list of comments", "comments", _comments, _are_comments, spares=1),
    Operation(
        "hook_comments", "add a list of comments", "comments", _comments_of_the_hook, _are_comments, spares=2
    ),
)
MIXED_CALLS = (
    Operation("mixed", "mixed calls", "calls", _mixed, _are_answers),
    Operation("mixed_later", "mixed calls, the last of them", "calls", _mixed, _are_answers, spares=2),
)
