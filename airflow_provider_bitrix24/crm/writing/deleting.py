"""Deleting items (``crm.item.delete``), each of them once in all tries."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.telling import told
from airflow_provider_bitrix24.crm.writing.changes import Change
from airflow_provider_bitrix24.crm.writing.writing import DELETED, NOT_FOUND, Writing, Written
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, Bitrix24Error, NotFoundError
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.progress import Progress

#: how often an item is tried whose answer was lost; deleting it again does no harm
_ROUNDS = 3


def delete(writing: Writing, changes: Sequence[Change], progress: Progress) -> Plan[list[Written]]:
    """Delete items.

    :param writing: how it is done
    :param changes: the items; one that comes twice is deleted once
    :param progress: what is known of them, by position
    """
    found: dict[int, Written] = {}
    for change in changes:
        if (known := progress.known.get(change.position)) is not None:
            found[change.position] = writing.done(change, known["STATUS"], known["ID"])
    first = {change.entity_id: change for change in reversed(changes)}
    left = [change for change in first.values() if change.position not in found]
    for _ in range(_ROUNDS):
        if not left:
            break
        maybe = {change.position for change in left if change.position in progress.unclear}
        outcomes = yield Work(
            [_call(writing, change) for change in left],
            [change.position for change in left],
            kept=lambda position, outcome: {"ID": outcome.call.params["id"], "STATUS": DELETED},
        )
        lost: list[Change] = []
        for change, outcome in zip(left, outcomes, strict=True):
            if isinstance(outcome.error, AmbiguousWriteError):
                lost.append(change)
            found[change.position] = _judge(
                writing, change, outcome, progress, maybe=change.position in maybe
            )
        left = lost
    return [found.get(change.position) or found[first[change.entity_id].position] for change in changes]


def _judge(writing: Writing, change: Change, outcome: Outcome, progress: Progress, *, maybe: bool) -> Written:
    error = outcome.error
    if error is None:
        return writing.done(change, DELETED, change.entity_id)
    if isinstance(error, NotFoundError) and (maybe or writing.missing_ok):
        status = DELETED if maybe else NOT_FOUND  # it was there when that was sent
        progress.found(change.position, {"ID": change.entity_id, "STATUS": status})
        return writing.done(change, status, change.entity_id)
    return writing.failed(change, _told(writing, change, error))


def _told(writing: Writing, change: Change, error: Bitrix24Error) -> Bitrix24Error:
    item = CrmItem(writing.entity_type, change.entity_id or 0)
    return told(error, str(item), "deleted", item)


def _call(writing: Writing, change: Change) -> Call:
    # sent again, what is gone counts as done, but another try could not tell by whom
    params = {"entityTypeId": writing.type_id, "id": change.entity_id}
    return Call("crm.item.delete", params, repeatable=writing.missing_ok)
