"""What a task knows of its own earlier tries."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.rest.progress import Progress, Span
from airflow_provider_bitrix24.state.stored_progress import StoredProgress, digest_of


def progress_for(operator: BaseOperator, context: Context, hook: Bitrix24Hook, work: Any) -> Progress:
    """Return what is known of the one thing that a task does.

    :param operator: the task's operator
    :param context: the task's context
    :param hook: whose connection it does it with
    :param work: what it does, as plain JSON
    """
    return progress_of(context, work_digest(operator, hook, work), operator.retries or 0, None)


def work_digest(operator: BaseOperator, hook: Bitrix24Hook, work: Any) -> str:
    """Return what tells a task's work from other work that it may have had in an earlier try.

    It stays the same when a webhook's code or a token is replaced.

    :param operator: the task's operator
    :param hook: whose connection it works with
    :param work: what it does, as plain JSON
    """
    credentials = hook.get_conn().session.credentials
    return digest_of(type(operator).__name__, credentials.portal, credentials.user_id, work)


def progress_of(context: Context, digest: str, retries: int, kept: dict[str, Any] | None) -> Progress:
    """Return what is known of a task's work.

    :param context: the task's context
    :param digest: what the work is
    :param retries: retries that the task has
    :param kept: what was kept while the task was deferred; ``None`` where it was not
    """
    ti = context.get("ti")
    most = int(getattr(ti, "max_tries", retries))
    store = context.get("task_state_store")
    if store is not None:
        return StoredProgress(store, digest, most)  # which clearing a task by hand raises
    if kept is not None and kept.get("digest", digest) != digest:  # the DAG or what it reads has changed
        return Progress(earlier_since=_started(context))
    if kept is not None:
        return Progress(
            {int(position): result for position, result in kept.get("known", ())},
            {int(position): Span(*span) for position, span in kept.get("unclear", ())},
        )
    first = most - retries + 1
    if getattr(ti, "try_number", first) <= first:
        return Progress()
    return Progress(earlier_since=_started(context))


def _started(context: Context) -> float:
    started = context["dag_run"].start_date
    return started.timestamp() if started is not None else 0.0


def kept_of(progress: Progress, digest: str) -> dict[str, Any]:
    """Return what a deferred task takes along: nothing, where it is kept in the task state store.

    :param progress: what is known
    :param digest: what it is known of
    """
    if progress.outlives_a_try:
        return {}
    known = [[position, result] for position, result in progress.known.items()]
    unclear = [[position, list(span)] for position, span in progress.unclear.items()]
    return {"kept": {"digest": digest, "known": known, "unclear": unclear}}
