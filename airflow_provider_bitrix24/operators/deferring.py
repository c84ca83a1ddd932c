"""Operators that free their worker while they wait for the portal's limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NoReturn

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import Context

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.base import Bitrix24Operator
from airflow_provider_bitrix24.rest.errors import LimitError
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.state.stored_progress import digest_of
from airflow_provider_bitrix24.state.task_progress import task_progress
from airflow_provider_bitrix24.triggers.limit import LimitTrigger

#: seconds that one request of a deferrable task waits in the worker
MAX_WAIT_IN_WORKER = 60.0


class DeferringOperator(Bitrix24Operator):
    """Base of operators that defer instead of waiting long."""

    def take_waiting(self, deferrable: bool | None, max_wait_in_worker: float) -> None:
        """Keep the arguments that say where the task waits for the portal's limits.

        :param deferrable: in the triggerer; ``None`` as Airflow's ``[operators] default_deferrable`` says
        :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
        :raises InvalidInputError: that is no number
        """
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        if isinstance(max_wait_in_worker, bool) or not isinstance(max_wait_in_worker, (int, float)):
            raise InvalidInputError(f"max_wait_in_worker: {max_wait_in_worker!r} is not a number of seconds")
        self.deferrable = deferrable
        self.max_wait_in_worker = max_wait_in_worker

    @cached_property
    def hook(self) -> Bitrix24Hook:
        """The hook on the operator's connection."""
        if not self.deferrable:
            return Bitrix24Hook(self.bitrix24_conn_id)
        return Bitrix24Hook(self.bitrix24_conn_id, max_wait=self.max_wait_in_worker)

    def digest_of(self, work: Any) -> str:
        """Return a digest of the task's work: an earlier try may have had other work.

        :param work: what it does, as plain JSON
        """
        return digest_of(type(self).__name__, *self.hook.identity, work)

    def progress_of(self, context: Context, work: Any) -> Progress:
        """Return what is known of the one thing that the task does.

        :param context: the task's context
        :param work: what it does, as plain JSON
        """
        return task_progress(context, self.digest_of(work), self.retries or 0)

    @contextmanager
    def deferring(self, state: Callable[[], dict[str, Any]] = dict) -> Iterator[None]:
        """Run a block that may run again from its start; defer if a limit refuses it for long.

        :param state: returns what :meth:`go_on` is to know
        """
        try:
            yield
        except LimitError as error:
            if not self.deferrable or error.retry_after is None:
                raise
            reason, seconds = str(error), error.retry_after
        else:
            return
        self.wait_in_triggerer(seconds, reason, state())

    def resume(self, context: Context, event: Any = None) -> Any:
        """Go on after a wait in the triggerer.

        :param event: the trigger's event
        """
        return self.go_on(context, (event or {}).get("state") or {})

    def go_on(self, context: Context, state: Mapping[str, Any]) -> Any:
        """Start anew; subclasses that know what was done before the wait continue from there.

        :param state: what is known
        """
        return self.execute(context)

    def wait_in_triggerer(self, seconds: float, reason: str, state: dict[str, Any]) -> NoReturn:
        """Free the worker, and go on with ``resume`` after some time.

        :param seconds: how long
        :param reason: what is waited for
        :param state: what :meth:`go_on` is to know
        """
        self.log.info("%s The task goes on in %.0f s and holds no worker until then.", reason, seconds)
        trigger = LimitTrigger(until=time.time() + seconds, reason=reason, state=state)
        self.defer(trigger=trigger, method_name="resume")
