"""Operators that free their worker while they wait for the portal's limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import Context

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.base import Bitrix24Operator
from airflow_provider_bitrix24.rest.errors import LimitError
from airflow_provider_bitrix24.triggers.limit import LimitTrigger


class DeferringOperator(Bitrix24Operator):
    """Base of operators that defer instead of waiting long.

    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    """

    def __init__(
        self, *, deferrable: bool | None = None, max_wait_in_worker: float = 60.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        if isinstance(max_wait_in_worker, bool) or not isinstance(max_wait_in_worker, (int, float)):
            raise InvalidInputError(f"max_wait_in_worker: {max_wait_in_worker!r} is not a number of seconds")
        self.deferrable = deferrable
        self.max_wait_in_worker = max_wait_in_worker

    @property
    def hook(self) -> Bitrix24Hook:
        """A hook on the operator's connection."""
        if not self.deferrable:
            return Bitrix24Hook(self.bitrix24_conn_id)
        return Bitrix24Hook(self.bitrix24_conn_id, max_wait=self.max_wait_in_worker)

    @contextmanager
    def deferring(self, kept: Callable[[], dict[str, Any]] = dict) -> Iterator[None]:
        """Do something that can simply be done anew: defer where a limit refuses it for long.

        :param kept: returns what :meth:`go_on` is to know
        """
        try:
            yield
        except LimitError as error:
            if not self.deferrable or error.retry_after is None:
                raise
            reason, seconds = str(error), error.retry_after
        else:
            return
        self.wait_in_triggerer(seconds, reason, **kept())

    def resume(self, context: Context, event: Any = None) -> Any:
        """Go on after a wait in the triggerer.

        :param event: the trigger's event
        """
        return self.go_on(context, (event or {}).get("kept") or {})

    def go_on(self, context: Context, kept: Mapping[str, Any]) -> Any:
        """Start anew, unless there is something to know of what was done before the wait.

        :param kept: what was kept
        """
        return self.execute(context)

    def wait_in_triggerer(self, seconds: float, reason: str, **kept: Any) -> NoReturn:
        """Free the worker, and go on with ``resume`` after some time.

        :param seconds: how long
        :param reason: what is waited for
        :param kept: what :meth:`go_on` is to know
        """
        self.log.info("%s The task goes on in %.0f s and holds no worker until then.", reason, seconds)
        trigger = LimitTrigger(until=time.time() + seconds, reason=reason, kept=kept)
        self.defer(trigger=trigger, method_name="resume")
