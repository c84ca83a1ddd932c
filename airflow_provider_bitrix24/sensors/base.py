"""What all sensors share: looking, deferring, starting straight in the triggerer where Airflow can."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    conf,
)
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.inputs import is_sequence
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.watching.watch import Watch
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.links.card import CrmCardLink
from airflow_provider_bitrix24.operators.arguments import is_literal, or_none, unless_none
from airflow_provider_bitrix24.operators.base import Bitrix24Operator
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.sensors.templates import renders_anywhere
from airflow_provider_bitrix24.triggers.base import Bitrix24Trigger
from airflow_provider_bitrix24.waiting.reports import Reports
from airflow_provider_bitrix24.waiting.trouble import Trouble, check_event, waiting_hook

#: seconds that the look after a timeout may wait for the portal's limits
_LAST_LOOK_WAIT = 5.0
#: Airflow's arguments that only the modes poke and reschedule heed
_NOT_DEFERRED = ("exponential_backoff", "max_wait", "silent_fail")


class Bitrix24Sensor(Bitrix24Operator, BaseSensorOperator):
    """Base of the sensors.

    Trouble that passes by itself (network, limits, a failing portal) counts as "not yet" and is logged once.
    Trouble that does not pass (credentials, rights, a record that is gone) fails the task at once. What was
    found is the result, a mapping; each of its values has an XCom key of its own, too.

    :param deferrable: wait in the triggerer; the default is Airflow's setting ``[operators]
        default_deferrable``
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)
    #: the trigger that waits for the same; its own arguments are the sensor's
    trigger_class: ClassVar[type[Bitrix24Trigger]]

    def __init__(
        self, *, deferrable: bool | None = None, bitrix24_conn_id: str = DEFAULT_CONN_ID, **kwargs: Any
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable
        self._names: tuple[str, ...] = ()
        self._is_linked = False

    def wait_for(self, **arguments: Any) -> None:
        """Keep the arguments that say what is waited for; they are the trigger's and the watch's, too.

        A deferrable task starts in the triggerer if Airflow can render its arguments there.

        :param arguments: the arguments by name, as the constructor got them
        :raises InvalidInputError: one that is literal is not valid
        """
        self._names = tuple(arguments)
        self.arguments.note(**arguments)
        if "item" in arguments:
            self.arguments.check_either(("entity_type", "entity_id"), "item")
        watch_class = self.trigger_class.watch_class
        self.arguments.check_literals(
            **{name: unless_none(parser) for name, parser in watch_class.parsers.items()}
        )
        if self.arguments.are_literal(*arguments):  # then also whether they fit together
            given = {name: value for name in arguments if (value := or_none(arguments[name])) is not None}
            with joined():
                watch_class(**given)
        for name, value in arguments.items():
            setattr(self, name, or_none(value))
        values = (*map(or_none, arguments.values()), self.bitrix24_conn_id)
        starts = AIRFLOW_V_3_3_PLUS and self.deferrable and not self._unheeded()
        if starts and all(map(_fits_triggerer, values)):
            self._start_in_triggerer()

    def trigger(self) -> Bitrix24Trigger:
        """Return the trigger that waits for the same."""
        arguments = {name: _as_json(getattr(self, name)) for name in self._names}
        return self.trigger_class(
            **arguments, bitrix24_conn_id=self.bitrix24_conn_id, poke_interval=self.poke_interval
        )

    @cached_property
    def hook(self) -> Bitrix24Hook:
        """The hook on the sensor's connection: a look that fails is made again at the next interval."""
        return waiting_hook(self.bitrix24_conn_id)

    @cached_property
    def watch(self) -> Watch:
        """What looks.

        :raises InvalidInputError: an argument is not valid
        """
        self.arguments.check_not_lost(self, *self._names)
        return self.trigger_class.watch_class(**{name: getattr(self, name) for name in self._names})

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        with self.traced(context), self._trouble.tolerated() as look:
            self._link()
            sight = look.sight = self.hook.carry_out(self.watch.look())
            self._reports.saw(sight.seen, met=sight.found is not None, missing=sight.missing)
        return PokeReturnValue(look.found is not None, look.found)

    def execute(self, context: Context) -> Any:
        """Wait here or in the triggerer."""
        if not self.deferrable:
            with self._telling_timeout(self._say_last_seen):
                return super().execute(context)
        return self._look_or_defer(context)

    def _look_or_defer(self, context: Context, deadline: float | None = None) -> Any:
        if unheeded := self._unheeded():
            self.log.warning("The triggerer does not heed %s.", " and ".join(unheeded))
        try:
            found = self.poke(context)
            if found:
                self._report()
                return found.xcom_value
        except AirflowException as error:
            # As the other modes do.
            if self.never_fail or (self.soft_fail and isinstance(error, AirflowFailException)):
                raise AirflowSkipException(f"Skipped instead of failed: {error}") from None
            raise
        return self._defer(deadline)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after the triggerer; after a timeout, look once more and say what is there.

        :param next_method: what Airflow calls
        :param next_kwargs: its arguments
        """
        with self._telling_timeout(self._look_last):
            return super().resume_execution(next_method, next_kwargs, context)

    def execute_complete(self, context: Context, event: Any = None, deadline: float | None = None) -> Any:
        """End with what the trigger found.

        Airflow may resume a deferred task before its trigger has fired. Then the sensor looks, and waits on
        for what is left of its time.

        :param event: the trigger's event
        :param deadline: Unix time at which waiting ends; ``None`` if the task started in the triggerer
        :raises AirflowSensorTimeout: the time is over
        :raises Bitrix24Error: the error that the trigger met
        """
        if event is None:
            started = getattr(context.get("ti"), "start_date", None)
            if deadline is None and started is not None:
                deadline = started.timestamp() + self.timeout
            return self._look_or_defer(context, deadline)
        with self.traced(context):
            found = check_event(event)
            self._link()
        self._report()
        return found

    def _link(self) -> None:
        """Let the task's page lead to what is looked at."""
        if not self._is_linked:
            self.link(self.watch.address)
            self._is_linked = True

    def _start_in_triggerer(self) -> None:
        module, name = self.trigger_class.__module__, self.trigger_class.__qualname__
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{module}.{name}",
            trigger_kwargs={
                **{name: getattr(self, name) for name in self._names},
                "bitrix24_conn_id": self.bitrix24_conn_id,
                "poke_interval": self.poke_interval,
            },
            next_method="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )
        self.start_from_trigger = True

    def _unheeded(self) -> list[str]:
        """Return the arguments that were given, but are not heeded in the triggerer."""
        return [name for name in _NOT_DEFERRED if getattr(self, name)]

    @contextmanager
    def _telling_timeout(self, tell: Callable[[], None]) -> Iterator[None]:
        """Tell what was seen, if waiting ends because its time is over."""
        try:
            yield
        except (AirflowSensorTimeout, AirflowSkipException) as error:
            # A skip instead of an error has that error as its cause, but for a timeout of the mode poke.
            if isinstance(error, AirflowSensorTimeout) or isinstance(
                error.__cause__, (AirflowSensorTimeout, type(None))
            ):
                tell()
            raise

    def _say_last_seen(self) -> None:
        self._reports.timed_out()

    def _look_last(self) -> None:
        """Say what is there now: what the trigger saw last is known in the triggerer only."""
        try:
            with closing(waiting_hook(self.bitrix24_conn_id, max_wait=_LAST_LOOK_WAIT)) as hook:
                sight = hook.carry_out(self.watch.look())
            Reports(self.log, self.watch.goal).timed_out(sight.seen, sight.missing)
        except rest.Bitrix24Error as error:
            self.log.warning("Timed out, and a last look failed: %s", error)

    def _report(self) -> None:
        self.log.info("Success criteria met. Exiting.")  # in the words of the other modes

    def _defer(self, deadline: float | None) -> NoReturn:
        """Wait in the triggerer.

        :param deadline: Unix time at which waiting ends; ``None`` if it begins now
        :raises AirflowSensorTimeout: the time is over
        """
        now = time.time()
        left = self.timeout if deadline is None else deadline - now
        if deadline is not None and left <= 0:
            raise AirflowSensorTimeout(f"The condition was not met within {self.timeout:g} s.")
        self.log.info("The condition is not met yet. The triggerer looks every %g s.", self.poke_interval)
        self.defer(
            trigger=self.trigger(),
            method_name="execute_complete",
            kwargs={"deadline": now + left},
            timeout=timedelta(seconds=left),
        )

    @cached_property
    def _reports(self) -> Reports:
        return Reports(self.log, self.watch.goal)

    @cached_property
    def _trouble(self) -> Trouble:
        return Trouble(None if self.deferrable else self.log, forgets=self.reschedule)


def _as_json(value: Any) -> Any:
    """Return an argument as plain JSON, in which it travels to the triggerer."""
    if isinstance(value, CrmItem):
        return list(value.pair)
    if isinstance(value, Mapping):
        return {name: _as_json(part) for name, part in value.items()}
    if is_sequence(value) or isinstance(value, (set, frozenset)):
        return [_as_json(part) for part in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if hasattr(value, "isoformat") else value


def _fits_triggerer(value: Any) -> bool:
    """Tell whether the triggerer can take an argument as it stands in the DAG file."""
    if isinstance(value, str):
        return renders_anywhere(value)
    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int))


def _is_plain(value: Any) -> bool:
    """Tell whether something inside an argument is no template, nor holds one."""
    return is_literal(value) and (isinstance(value, str) or _fits_triggerer(value))
