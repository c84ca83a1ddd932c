"""What all triggers share: they look again and again, wait out trouble that passes, and report by code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_bitrix24.crm.inputs import holds_template, refuse_lost
from airflow_provider_bitrix24.crm.watching.watch import Watch
from airflow_provider_bitrix24.hooks.errors import join
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.waiting.poller import PollingClient, polling
from airflow_provider_bitrix24.waiting.reports import Reports
from airflow_provider_bitrix24.waiting.trouble import Trouble, failed_event, met_event


class Bitrix24Trigger(BaseTrigger):
    """Base of the triggers: fires once, when its condition is met or can no longer be.

    Triggers are stateless: nothing is lost when the triggerer restarts, and the deferral's time-out is the
    only deadline. A trigger's calls travel together with those of all others that use the same connection.

    :param arguments: what is waited for, by the names of the watch's arguments
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param poke_interval: seconds between two looks
    """

    #: what looks
    watch_class: ClassVar[type[Watch]]

    def __init__(self, arguments: Mapping[str, Any], *, bitrix24_conn_id: str, poke_interval: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._names = tuple(arguments)
        for name, value in arguments.items():
            setattr(self, name, value)
        self.bitrix24_conn_id = bitrix24_conn_id
        self.poke_interval = poke_interval
        self._given = [name for name, value in arguments.items() if value is not None]
        self._watch: Watch | None = None
        self._reports: Reports | None = None

    def arguments(self) -> dict[str, Any]:
        """Return the trigger's own arguments, as plain JSON."""
        return {name: getattr(self, name) for name in self._names}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the trigger is built from again."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}", {
            **self.arguments(),
            "bitrix24_conn_id": self.bitrix24_conn_id,
            "poke_interval": self.poke_interval,
        }

    def render_template(self, content: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Render a template of a task that starts here. A text that holds none stays as it is.

        :param content: a text, or something that may hold texts
        :param context: the task's context
        :param args: further arguments of Airflow
        :param kwargs: further arguments of Airflow
        """
        if isinstance(content, str) and not holds_template(content):
            return content
        return super().render_template(content, context, *args, **kwargs)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the condition is met."""
        yield TriggerEvent(await self._outcome())

    async def _outcome(self) -> dict[str, Any]:
        try:
            async with polling(self.bitrix24_conn_id, self.poke_interval) as portal:
                return met_event(await self._wait(portal))
        except rest.Bitrix24Error as error:
            return failed_event(join(error))

    async def _wait(self, portal: PollingClient) -> dict[str, Any]:
        trouble = Trouble(self.log, log_once=portal.log_once)
        try:
            while True:
                if found := await self._look(portal, trouble):
                    return found
                await asyncio.sleep(self.poke_interval)
        finally:
            trouble.leave()

    async def _look(self, portal: PollingClient, trouble: Trouble) -> dict[str, Any] | None:
        with trouble.tolerated() as look:
            watch = self._watch or self._make_watch()
            sight = look.sight = await portal.look(watch.look())
            self._reports = self._reports or Reports(self.log, watch.goal)
            self._reports.saw(sight.seen, met=sight.found is not None, missing=sight.missing)
        return look.found

    def _make_watch(self) -> Watch:
        """Return what looks; a task that starts here has been rendered here by now."""
        refuse_lost({name: getattr(self, name) for name in self._given})
        self._watch = self.watch_class(**self.arguments())
        return self._watch
