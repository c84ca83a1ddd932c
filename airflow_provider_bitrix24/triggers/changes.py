"""The event trigger that starts DAGs when CRM items change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.extraction.narrowing import source_digest
from airflow_provider_bitrix24.crm.inputs import check_text, from_json
from airflow_provider_bitrix24.crm.watching.changes import ChangesWatch, Cursor, Look
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.rest.shown import shown
from airflow_provider_bitrix24.waiting.asset_cursors import AssetCursor
from airflow_provider_bitrix24.waiting.poller import PollingClient, polling
from airflow_provider_bitrix24.waiting.trouble import Trouble

#: seconds until a look is made again that failed in a way that somebody has to mend
_MENDING_SECONDS = 300.0
#: seconds that Airflow has to take an event over before it counts as told
_HANDOVER_SECONDS = 5.0
#: a cursor that says nothing new is kept as often
_KEPT_EVERY = timedelta(minutes=5)
#: what a restart may take where nothing is kept
_LOOK_BACK = timedelta(minutes=10)


class CrmChangesTrigger(BaseEventTrigger):
    """Fires when CRM items are added or changed (``crm.item.list``); for an ``AssetWatcher``.

    The event says that something changed, and holds no field's value: ``entity_type``, ``since`` and
    ``until`` (the portal's clock at the look before and at this one), ``count``, ``ids`` of the items that
    changed last, and ``truncated``, whether there are more. A look reads up to 500 changes.

    A change is told at least once, and rarely twice. What was seen is kept in the asset's state store, so
    that a restart of the triggerer loses nothing. Airflow has that store from 3.3 up, and not for a trigger
    that watches several assets; there each start tells of the last ten minutes, and of more where the user's
    time zone is not the server's. Deletions are not seen, nor items that no longer match ``where``.

    The trigger never ends by itself. Trouble that passes is logged once; what somebody has to mend, such as
    credentials, is logged as an error, and the trigger looks again every five minutes.

    :param entity_type: the items' type: ``lead``, ``deal``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``smart_document`` or ``dynamic_1042``
    :param where: a filter on the items, as ``Bitrix24Hook.crm_rows`` takes it; ``None`` watches all of them
    :param poke_interval: seconds between two looks
    :param max_ids: how many ids an event holds at most: 1 to 1000
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: one of these is not valid
    """

    def __init__(
        self,
        *,
        entity_type: str,
        where: Mapping[str, Any] | str | None = None,
        poke_interval: float = 60.0,
        max_ids: int = 100,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        with joined():
            self._watch = ChangesWatch(entity_type, where, max_ids)
            self.poke_interval = _check_interval(poke_interval)
            self.where = _plain(where)
            self.bitrix24_conn_id = check_text(bitrix24_conn_id, "bitrix24_conn_id")
        self.entity_type = self._watch.entity_type
        self.max_ids = max_ids
        self._cursor: Cursor | None = None
        self._saved: Cursor | None = None
        self._said: set[str] = set()
        self._failure = ""
        self._is_watching = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the trigger is built from again."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}", {
            "entity_type": self.entity_type,
            "where": self.where,
            "poke_interval": self.poke_interval,
            "max_ids": self.max_ids,
            "bitrix24_conn_id": self.bitrix24_conn_id,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look again and again, and tell of what changed."""
        source = source_digest(self.bitrix24_conn_id, self.entity_type, self.where or {})
        store = AssetCursor(getattr(self, "asset_state_store", None), source)
        await self._load(store)
        async with polling(self.bitrix24_conn_id, self.poke_interval) as portal:
            trouble = Trouble(self.log, log_once=portal.log_once)
            try:
                while True:
                    pause = self.poke_interval
                    look = await self._look(portal, trouble, kept=store.is_kept)
                    if look is None and self._failure:
                        pause = max(pause, _MENDING_SECONDS)
                    if look is not None and look.signal is not None:
                        yield TriggerEvent(look.signal)
                        # Kept any earlier, a crash in between would lose the event.
                        handover = min(pause, _HANDOVER_SECONDS)
                        await asyncio.sleep(handover)
                        pause -= handover
                    await self._save(store)
                    await asyncio.sleep(pause)
            finally:
                trouble.leave()

    async def _look(self, portal: PollingClient, trouble: Trouble, *, kept: bool) -> Look | None:
        """Look once; ``None`` if that failed."""
        look = None
        try:
            with trouble.tolerated():
                plan = self._watch.look(self._cursor, None if kept else _LOOK_BACK)
                look = await portal.look(plan)
        except rest.Bitrix24Error as error:
            if str(error) != self._failure:
                self._failure = str(error)
                again = max(self.poke_interval, _MENDING_SECONDS)
                self.log.error("%s The trigger looks again every %g s.", error.sentence, again)  # noqa: TRY400
            return None
        if look is None:
            return None
        if self._failure:
            self.log.info("The portal can be watched again.")
        self._failure = ""
        if not self._is_watching:
            self._is_watching = True
            self.log.info("Watching %s items, with a look every %g s.", self.entity_type, self.poke_interval)
        for note in look.notes:
            self._say(note)
        self._cursor = look.cursor
        return look

    async def _load(self, store: AssetCursor) -> None:
        """Take what was kept; if it cannot be read, wait until it can."""
        while True:
            try:
                value = await store.load()
                break
            except Exception as error:  # a store of a user's own may raise anything
                name = type(error).__name__
                self._say(f"The asset's state cannot be read ({name}). Watching begins when it can.")
                await asyncio.sleep(self.poke_interval)
        self._cursor = self._saved = Cursor.of_json(value)
        if value is not None and self._cursor is None:
            self._say("The asset's state holds something else than a cursor. Watching begins now.")
        if not store.is_kept:
            self._say(
                "Airflow keeps no state for this trigger, so each start tells of the last "
                f"{_LOOK_BACK // timedelta(minutes=1)} minutes or more."
            )

    async def _save(self, store: AssetCursor) -> None:
        """Keep what was seen, where it says something new."""
        cursor, saved = self._cursor, self._saved
        if cursor is None or cursor is saved:
            return
        is_new = saved is None or (cursor.seen, cursor.highest) != (saved.seen, saved.highest)
        if saved is not None and not is_new and cursor.watermark - saved.watermark < _KEPT_EVERY:
            return
        try:
            await store.save(cursor.to_json())
        except Exception as error:  # a store of a user's own may raise anything
            name = type(error).__name__
            self._say(f"The asset's state cannot be written ({name}). A restart may tell of changes twice.")
            return
        self._saved = cursor

    def _say(self, sentence: str) -> None:
        """Log a sentence once."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.log.warning("%s", sentence)


def _check_interval(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf"):
        return float(value)
    raise rest.InvalidInputError(
        f"poke_interval: {shown(value)} is not a number of seconds", remedy="Give a number such as 60."
    )


def _plain(where: Any) -> Any:
    """Return a filter as plain JSON: Airflow keeps a trigger's arguments in its database."""
    if isinstance(where, str):
        return from_json(where, "where")
    try:
        return json.loads(json.dumps(where, default=_plain_value, allow_nan=False))
    except (TypeError, ValueError):
        text = "where: it holds a value that is none of a filter's"
    raise rest.InvalidInputError(text, remedy="Give texts, numbers, flags, dates and lists of them.")


def _plain_value(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError
