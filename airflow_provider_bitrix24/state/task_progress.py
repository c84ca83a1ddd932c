"""What a task knows of its own earlier tries."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Context

from airflow_provider_bitrix24.rest.progress import Progress, Span
from airflow_provider_bitrix24.state.stored_progress import StoredProgress

_LOST, _PACKED = "lost", "packed"
#: what a deferral took along did not come back
LOST: Mapping[str, Any] = {_LOST: True}

#: characters of JSON that a deferral takes along as they are; Airflow writes nested values many times as long
_PLAIN = 3_000
#: characters that a trigger takes along: encrypted they are a third longer
_MOST_IN_TRIGGER = 40_000
#: characters that a deferral takes along
_MOST = 4_000_000


def task_progress(
    context: Context, digest: str, retries: int, state: Mapping[str, Any] | None = None
) -> Progress:
    """Return what is known of a task's work.

    :param context: the task's context
    :param digest: what the work is, from :func:`~airflow_provider_bitrix24.state.stored_progress.digest_of`
    :param retries: retries that the task has
    :param state: what :func:`deferral_state` returned before a deferral; ``None`` where there was none
    """
    state = _unpacked(state) if state else {}
    progress = _progress(context, digest, retries, state)
    progress.checked = bool(state.get("checked")) and state.get("digest") == digest
    return progress


def _progress(context: Context, digest: str, retries: int, state: Mapping[str, Any]) -> Progress:
    ti = context.get("ti")
    most = int(getattr(ti, "max_tries", retries))
    store = context.get("task_state_store")
    if store is not None:
        return StoredProgress(store, digest, most)  # clearing a task by hand raises its max_tries
    if state:
        if _LOST in state or state.get("digest", digest) != digest:  # the DAG or what it reads has changed
            return Progress(earlier_since=_started(context))
        return Progress(
            {int(position): result for position, result in state.get("known", ())},
            {int(position): Span(*span) for position, span in state.get("unclear", ())},
            earlier_since=state.get("earlier_since"),
        )
    # Whether a task that was cleared by hand had failed or succeeded is not known without the store.
    if getattr(ti, "try_number", 1) <= 1:
        return Progress()
    return Progress(earlier_since=_started(context))


def deferral_state(progress: Progress, digest: str) -> dict[str, Any]:
    """Return what a deferred task takes along, as plain JSON; little where the task state store keeps it.

    What is long is packed. If it is too long for any database even so, the task takes along only that there
    was something: then it looks up or reports what it may have done.

    :param progress: what is known
    :param digest: what it is known of
    """
    checked = {"checked": True} if progress.checked else {}
    if progress.outlives_a_try:
        return {"digest": digest, **checked} if checked else {}
    state = {
        "digest": digest,
        "known": [[position, result] for position, result in progress.known.items()],
        "unclear": [[position, list(span)] for position, span in progress.unclear.items()],
        "earlier_since": progress.earlier_since,
        **checked,
    }
    text = json.dumps(state, separators=(",", ":"))
    if len(text) <= _PLAIN:
        return state
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    return {_PACKED: packed} if len(packed) <= _MOST else dict(LOST)


def for_trigger(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a deferral's state a trigger can take along: :data:`LOST` where it is too long.

    Airflow keeps a trigger's arguments encrypted in a column that MySQL limits to 65,535 bytes. The arguments
    of the deferral itself have no such limit.

    :param state: from :func:`deferral_state`
    """
    return dict(LOST if len(state.get(_PACKED, "")) > _MOST_IN_TRIGGER else state)


def _unpacked(state: Mapping[str, Any]) -> Mapping[str, Any]:
    if _PACKED not in state:
        return state
    unpacked: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(state[_PACKED])))
    return unpacked


def _started(context: Context) -> float:
    """Return when the run may have begun; clearing a task of a finished run sets its start date anew."""
    run = context["dag_run"]
    moments = [getattr(run, name, None) for name in ("start_date", "run_after")]
    return min((moment.timestamp() for moment in moments if moment is not None), default=0.0)
