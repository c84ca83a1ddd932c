"""What an event trigger remembers, in the state store of the asset it watches; Airflow has it from 3.3 up."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.connection.threads import in_thread

_PREFIX = "bitrix24_changes_"


class AssetCursor:
    """A value in the state store of the asset that a trigger watches.

    :param stores: what Airflow gave the trigger; ``None`` where it keeps no state
    :param source: what is watched, from
        :func:`~airflow_provider_bitrix24.crm.extraction.narrowing.source_digest`
    """

    def __init__(self, stores: Any, source: str) -> None:
        self._stores = stores
        self._key = _PREFIX + source

    @property
    def is_kept(self) -> bool:
        """Whether Airflow keeps the value."""
        return self._stores is not None

    async def load(self) -> Any:
        """Return the value, ``None`` where there is none.

        Airflow has no store for a trigger that watches several assets. Nothing is kept then.

        :raises Exception: the store, which may be a user's own, cannot be read now
        """
        if self._stores is None:
            return None
        try:
            if hasattr(self._stores, "aget"):  # Airflow 3.3.2
                return await self._stores.aget(self._key)
            return await in_thread(self._stores.get, self._key)
        except ValueError:
            self._stores = None
            return None

    async def save(self, value: dict[str, Any]) -> None:
        """Keep a value.

        :param value: plain JSON
        :raises Exception: the store, which may be a user's own, cannot be written now
        """
        if self._stores is None:
            return
        if hasattr(self._stores, "aset"):
            await self._stores.aset(self._key, value)
        else:
            await in_thread(self._stores.set, self._key, value)
