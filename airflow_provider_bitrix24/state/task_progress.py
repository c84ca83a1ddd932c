"""What a task knows of its own earlier tries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Context

from airflow_provider_bitrix24.rest.progress import Progress, Span
from airflow_provider_bitrix24.state.stored_progress import StoredProgress


def task_progress(
    context: Context, digest: str, retries: int, state: Mapping[str, Any] | None = None
) -> Progress:
    """Return what is known of a task's work.

    :param context: the task's context
    :param digest: what the work is, from :func:`~airflow_provider_bitrix24.state.stored_progress.digest_of`
    :param retries: retries that the task has
    :param state: what :func:`deferral_state` returned before a deferral; ``None`` where there was none
    """
    ti = context.get("ti")
    most = int(getattr(ti, "max_tries", retries))
    store = context.get("task_state_store")
    if store is not None:
        return StoredProgress(store, digest, most)  # clearing a task by hand raises its max_tries
    if state is not None and state.get("digest", digest) != digest:  # the DAG or what it reads has changed
        return Progress(earlier_since=_started(context))
    if state is not None:
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
    """Return what a deferred task takes along, as plain JSON; nothing where the task state store keeps it.

    :param progress: what is known
    :param digest: what it is known of
    """
    if progress.outlives_a_try:
        return {}
    return {
        "digest": digest,
        "known": [[position, result] for position, result in progress.known.items()],
        "unclear": [[position, list(span)] for position, span in progress.unclear.items()],
        "earlier_since": progress.earlier_since,
    }


def _started(context: Context) -> float:
    """Return when the run may have begun; clearing a task of a finished run sets its start date anew."""
    run = context["dag_run"]
    moments = [getattr(run, name, None) for name in ("start_date", "run_after")]
    return min((moment.timestamp() for moment in moments if moment is not None), default=0.0)
