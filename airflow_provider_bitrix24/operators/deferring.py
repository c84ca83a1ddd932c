"""Operators that free their worker while they wait for the portal's limits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import Context

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.base import Bitrix24Operator
from airflow_provider_bitrix24.rest.errors import LimitError
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.state.stored_progress import digest_of
from airflow_provider_bitrix24.state.task_progress import LOST, deferral_state, for_trigger, task_progress
from airflow_provider_bitrix24.triggers.limit import LimitTrigger

#: seconds that one request of a deferrable task waits in the worker
MAX_WAIT_IN_WORKER = 60.0
#: the same after a deferral, at least: else what is asked first could use up each slot, and the work
#: would never begin
_LEAST_AFTER_A_DEFERRAL = 10.0


class DeferringOperator(Bitrix24Operator):
    """Base of operators that defer instead of waiting long."""

    #: whether something that must not be repeated may be done before the task defers
    has_steps: ClassVar[bool] = False

    _taken_along: Mapping[str, Any] | None = None
    _progress: Progress | None = None
    _digest = ""
    _is_resumed = False

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
        least = _LEAST_AFTER_A_DEFERRAL if self._is_resumed else 0.0
        return Bitrix24Hook(self.bitrix24_conn_id, max_wait=max(self.max_wait_in_worker, least))

    def digest_of(self, work: Any) -> str:
        """Return a digest of the task's work: an earlier try may have had other work.

        :param work: what it does, as plain JSON
        """
        return digest_of(type(self).__name__, *self.hook.identity, work)

    def progress_of(self, context: Context, work: Any) -> Progress:
        """Return what is known of the task's work.

        :param context: the task's context
        :param work: what it does, as plain JSON
        """
        self._digest = self.digest_of(work)
        self._progress = task_progress(context, self._digest, self.retries or 0, self._taken_along)
        return self._progress

    def check_first(self, plan: Plan[None], progress: Progress) -> None:
        """Carry out a check before the work, unless it was passed or the work may have begun.

        A check that were repeated after each deferral could use up what the limit leaves for the work.

        :param plan: the check
        :param progress: what is known of the work
        """
        if progress.needs_checks:
            self.hook.carry_out(plan)
            progress.checked = True

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Run a block that may run again from its start; defer if a limit refuses it for long."""
        try:
            yield
        except LimitError as error:
            if not self.deferrable or error.retry_after is None:
                raise
            reason, seconds = str(error), error.retry_after
        else:
            return
        self.wait_in_triggerer(seconds, reason)

    def resume(
        self, context: Context, event: Mapping[str, Any] | None = None, state: Mapping[str, Any] | None = None
    ) -> Any:
        """Run again after a wait in the triggerer, with what was known before it.

        Airflow may resume a deferred task without an event from its trigger, so what is known travels with
        the deferral as well.

        :param event: the trigger's event
        :param state: what the deferral took along
        """
        self._is_resumed = True
        self.__dict__.pop("hook", None)  # it was made for the waits before the deferral
        self._taken_along = state or (event or {}).get("state", state)
        if self._taken_along is None and self.has_steps:
            self._taken_along = LOST
        return self.execute(context)

    def wait_in_triggerer(self, seconds: float, reason: str) -> NoReturn:
        """Free the worker, and go on with :meth:`resume` after some time.

        :param seconds: how long
        :param reason: what is waited for
        """
        self.log.info("%s The task goes on in %.0f s and holds no worker until then.", reason, seconds)
        state: Mapping[str, Any] = self._taken_along or {}
        if self._progress is not None:
            state = deferral_state(self._progress, self._digest)
        trigger = LimitTrigger(until=time.time() + seconds, reason=reason, state=for_trigger(state))
        self.defer(trigger=trigger, method_name="resume", kwargs={"state": dict(state)})
