"""Telling Airflow's lineage which dataset of a portal the hook has read, or written.

Operators report on their own (``operators/lineage.py``), so this is for task code. Each call of the hook is
reported once, and only if it came to something: to a row, to the end of an empty list, or to a written item.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator
from contextlib import aclosing, closing
from itertools import islice
from typing import Any, TypeVar

from airflow_provider_bitrix24.connection.threads import in_thread
from airflow_provider_bitrix24.crm.lineage import asset_uri, count_written
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.hooks.connected import ConnectedHook

T = TypeVar("T")
_log = logging.getLogger(__name__)


def report_read(hook: ConnectedHook, name: str | None) -> None:
    """Report a dataset that was read. Lineage that does not work never fails the task.

    :param hook: the hook that read it
    :param name: what lineage calls it; ``None`` where that is not known, which reports nothing
    """
    _report(hook, name, writes=False)


def report_written(hook: ConnectedHook, name: str | None) -> None:
    """Report a dataset that was written. Lineage that does not work never fails the task.

    :param hook: the hook that wrote it
    :param name: what lineage calls it; ``None`` where that is not known, which reports nothing
    """
    _report(hook, name, writes=True)


def report_outcomes(hook: ConnectedHook, name: str, outcomes: Iterable[ItemOutcome[Any]]) -> None:
    """Report a dataset as written if one of its items was.

    :param hook: the hook that wrote them
    :param name: what lineage calls it
    :param outcomes: what happened to each item
    """
    if count_written(outcome.status for outcome in outcomes):
        report_written(hook, name)


def reporting(hook: ConnectedHook, name: str | None, rows: Generator[T]) -> Iterator[T]:
    """Yield what is read, and report it with the first row, or with the end where there is none.

    :param hook: the hook that reads it
    :param name: what lineage calls it
    :param rows: what is read; it is closed with this generator
    """
    with closing(rows):
        first = list(islice(rows, 1))
        report_read(hook, name)
        yield from first
        yield from rows


async def areporting(hook: ConnectedHook, name: str | None, rows: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """Yield what is read in an event loop, and report it as :func:`reporting` does.

    :param hook: the hook that reads it
    :param name: what lineage calls it
    :param rows: what is read; it is closed with this generator
    """
    async with aclosing(rows):
        is_reported = name is None
        async for row in rows:
            if not is_reported:
                await in_thread(report_read, hook, name)
                is_reported = True
            yield row
        if not is_reported:
            await in_thread(report_read, hook, name)


def _report(hook: ConnectedHook, name: str | None, *, writes: bool) -> None:
    if name is None:
        return
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    try:
        collector = get_hook_lineage_collector()
        report = collector.add_output_asset if writes else collector.add_input_asset
        report(context=hook, uri=asset_uri(hook.portal, name))
    except Exception as error:  # whatever a plugin of Airflow's raises: the rows are there all the same
        _log.debug("Lineage of %s cannot be reported: %s", name, type(error).__name__)
