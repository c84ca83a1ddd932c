"""What all sensors share: looking, deferring, starting straight in the triggerer where Airflow can."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    conf,
)
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.links.card import CrmCardLink
from airflow_provider_bitrix24.operators.base import Bitrix24Operator
from airflow_provider_bitrix24.sensors.templates import renders_anywhere
from airflow_provider_bitrix24.triggers.base import Bitrix24Trigger
from airflow_provider_bitrix24.waiting.trouble import Trouble, check_event, waiting_hook


class Bitrix24Sensor(Bitrix24Operator, BaseSensorOperator):
    """Base of the sensors.

    Trouble that passes by itself (network, limits, a portal that fails inside) counts as "not yet" and is
    logged once; what does not pass (credentials, rights, a record that is gone) fails the task at once.

    :param deferrable: wait in the triggerer; by default as Airflow's ``[operators] default_deferrable`` says
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)

    def __init__(self, *, deferrable: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable
        self._is_linked = False

    @abstractmethod
    def card(self) -> CrmItem:
        """Return the CRM item to whose card the task's page leads."""

    @abstractmethod
    def is_met(self, hook: Bitrix24Hook) -> Any:
        """Look once; what is found is the task's result, unless it is just ``True``.

        :raises Bitrix24Error: what cannot be asked, or will never be met
        """

    @abstractmethod
    def trigger(self) -> Bitrix24Trigger:
        """Return the trigger that waits for the same.

        :raises InvalidInputError: an argument is not valid
        """

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        with self.traced(), self._trouble.tolerated() as look:
            hook = self._waiting_hook
            if not self._is_linked:
                self.link_card(hook, self.card())
                self._is_linked = True
            look.found = self.is_met(hook)
        return PokeReturnValue(look.met, look.result)

    def execute(self, context: Context) -> Any:
        """Wait here or in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        try:
            with self.traced():
                trigger = self.trigger()
            found = self.poke(context)
            if found:
                self._report()
                return found.xcom_value
        except AirflowException as error:
            # As the other modes do.
            if self.never_fail or (self.soft_fail and isinstance(error, AirflowFailException)):
                raise AirflowSkipException(f"Skipped instead of failed: {error}") from None
            raise
        return self._defer_to(trigger)

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """End with what the trigger found.

        :param event: the trigger's event
        :raises Bitrix24Error: the error that the trigger met
        """
        with self.traced():
            found = check_event(event)
            self.link_card(self.hook, self.card())
        self._report()
        return found

    def start_in_triggerer(self, trigger_cls: type[Bitrix24Trigger], arguments: Mapping[str, Any]) -> None:
        """Let a deferrable task start in the triggerer, if Airflow can render its arguments there.

        :param trigger_cls: the trigger
        :param arguments: the trigger's arguments by name; the templated ones have the sensor's own names
        """
        values = (*arguments.values(), self.bitrix24_conn_id)
        if not (AIRFLOW_V_3_3_PLUS and self.deferrable and all(map(_fits_triggerer, values))):
            return
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{trigger_cls.__module__}.{trigger_cls.__qualname__}",
            trigger_kwargs={
                **arguments,
                "bitrix24_conn_id": self.bitrix24_conn_id,
                "poke_interval": self.poke_interval,
            },
            next_method="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )
        self.start_from_trigger = True

    def _report(self) -> None:
        self.log.info("Success criteria met. Exiting.")  # in the words of the other modes

    def _defer_to(self, trigger: Bitrix24Trigger) -> NoReturn:
        self.log.info("Not yet; the triggerer looks every %g s.", self.poke_interval)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    @cached_property
    def _waiting_hook(self) -> Bitrix24Hook:
        return waiting_hook(self.bitrix24_conn_id)

    @cached_property
    def _trouble(self) -> Trouble:
        return Trouble(None if self.deferrable else self.log, forgets=self.reschedule)


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
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value
    return _fits_triggerer(value)
