"""What all triggers share: ask again and again, keep calm while the portal is in trouble, report by code."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_bitrix24.hooks.errors import join
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.waiting.poller import PollingClient, polling
from airflow_provider_bitrix24.waiting.trouble import Trouble, failed_event, met_event


class Bitrix24Trigger(BaseTrigger):
    """Base of the triggers: fires once, when its condition is met or can no longer be.

    A trigger has no clock of its own: the deadline is the deferral's. It keeps nothing that a restart of the
    triggerer could lose. Its calls travel together with those of all others that use the same connection.

    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param poke_interval: seconds between two looks
    """

    def __init__(self, *, bitrix24_conn_id: str, poke_interval: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bitrix24_conn_id = bitrix24_conn_id
        self.poke_interval = poke_interval

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """Return the trigger's own arguments, as plain JSON."""

    @abstractmethod
    async def is_met(self, portal: PollingClient) -> Any:
        """Look once; what is found travels in the event, unless it is just ``True``.

        :param portal: what is asked
        :raises Bitrix24Error: what cannot be asked, or will never be met
        """

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the trigger is built from again."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}", {
            **self.arguments(),
            "bitrix24_conn_id": self.bitrix24_conn_id,
            "poke_interval": self.poke_interval,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the condition is met."""
        yield TriggerEvent(await self._outcome())

    async def _outcome(self) -> dict[str, Any]:
        try:
            async with polling(self.bitrix24_conn_id, self.poke_interval) as portal:
                return met_event(await self._wait(portal))
        except rest.Bitrix24Error as error:
            return failed_event(join(error))

    async def _wait(self, portal: PollingClient) -> Any:
        trouble = Trouble(self.log, told=portal.told)
        try:
            while True:
                if found := await self._look(portal, trouble):
                    return found
                await asyncio.sleep(self.poke_interval)
        finally:
            trouble.leave()

    async def _look(self, portal: PollingClient, trouble: Trouble) -> Any:
        with trouble.tolerated() as look:
            look.found = await self.is_met(portal)
        return look.found
