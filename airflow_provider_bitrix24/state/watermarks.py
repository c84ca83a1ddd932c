"""Watermarks of what is extracted to files: kept in an asset's state store, which Airflow has from 3.3 up.

A run's window is fixed once, in the task's state store. It outlives retries and clearing, so that another try
reads the same window. The watermark moves after the data is there, and only forward.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from airflow.sdk import Asset, Context

from airflow_provider_bitrix24.rest.errors import InvalidInputError

log = logging.getLogger(__name__)

_WATERMARK, _WINDOW = "bitrix24_watermark_", "bitrix24_window_"
_SINCE = "Give 'since' instead, such as since=\"{{ prev_data_interval_end_success or '' }}\"."


class Store(Protocol):
    """What is used of Airflow's state stores."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """How far a source has been extracted.

    :param moment: the portal's clock when the last extraction began to read, in UTC
    :param max_id: the highest id that was extracted; 0 where there was none
    :param columns: the names of the columns
    """

    moment: datetime
    max_id: int
    columns: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the watermark as plain JSON."""
        moment = self.moment.astimezone(UTC).isoformat()
        return {"watermark": moment, "max_id": self.max_id, "columns": list(self.columns)}


class AssetWatermarks:
    """The watermark of one source, for one run of a task.

    :param context: the task's context
    :param asset: the asset, an inlet or outlet of the task
    :param source: what is extracted, from
        :func:`~airflow_provider_bitrix24.crm.extraction.narrowing.source_digest`
    :raises InvalidInputError: Airflow keeps no state of the asset
    """

    def __init__(self, context: Context, asset: Asset, source: str) -> None:
        self._of_asset = _asset_store(context, asset)
        self._of_run: Store = context["task_state_store"]
        self._asset = asset.name
        self._source = source

    def fixed(self) -> Watermark | None:
        """Return the watermark from which this run reads, in all its tries; ``None`` reads everything.

        :raises InvalidInputError: what the store holds is no watermark
        :raises AirflowRuntimeError: a store cannot be read or written now
        """
        window = self._of_run.get(_WINDOW + self._source)
        if window is not None:
            log.info("This run reads the same window as its earlier try.")
            return self._parsed(window)
        found = self._stored()
        self._of_run.set(_WINDOW + self._source, _json_of(found))
        return found

    def advance(self, moment: datetime, max_id: int, columns: Sequence[str]) -> Watermark:
        """Keep a new watermark, once the data is there, and return what is kept: it only moves forward.

        It comes after :meth:`fixed`. A run that another one has overtaken moves nothing: its file counts as
        older than those of later runs, so what it has just read has to be read again by the next one.

        :param moment: the portal's clock when reading began
        :param max_id: the highest id that was read; 0 where there was none
        :param columns: the names of the columns
        :raises InvalidInputError: what the store holds is no watermark
        :raises AirflowRuntimeError: the store cannot be read or written now
        """
        new = Watermark(moment=moment.astimezone(UTC), max_id=max_id, columns=tuple(columns))
        kept = self._parsed(self._of_asset.get(_WATERMARK + self._source))
        if kept is not None:
            if kept != self._parsed(self._of_run.get(_WINDOW + self._source)):
                return kept
            later = kept if kept.moment > new.moment else new
            new = Watermark(moment=later.moment, max_id=max(kept.max_id, new.max_id), columns=later.columns)
        self._of_asset.set(_WATERMARK + self._source, new.to_json())
        return new

    def _stored(self) -> Watermark | None:
        """Return the kept watermark.

        Airflow answers for an asset that is not active as for one without a value, so that nothing is kept
        is believed only once something could be written.
        """
        value = self._of_asset.get(_WATERMARK + self._source)
        if value is None:
            self._of_asset.set(_WATERMARK + self._source, _json_of(None))
        return self._parsed(value)

    def _parsed(self, value: Any) -> Watermark | None:
        if value is None or value == _json_of(None):
            return None
        try:
            moment, max_id = datetime.fromisoformat(value["watermark"]), int(value["max_id"])
            columns = tuple(str(name) for name in value.get("columns", ()))
        except (TypeError, ValueError, KeyError, AttributeError):
            moment, max_id, columns = datetime.min, -1, ()
        if moment.utcoffset() is not None and max_id >= 0:
            return Watermark(moment=moment.astimezone(UTC), max_id=max_id, columns=columns)
        key = _WATERMARK + self._source
        raise InvalidInputError(
            f"asset: the state store of {self._asset!r} holds something else than a watermark under {key}",
            remedy="Delete this key of the asset in Airflow. The next run reads everything then.",
        )


def _json_of(watermark: Watermark | None) -> Mapping[str, Any]:
    return {"watermark": None} if watermark is None else watermark.to_json()


def _asset_store(context: Context, asset: Asset) -> Store:
    if context.get("task_state_store") is None:
        raise InvalidInputError(
            "incremental: Airflow keeps the state of assets only from 3.3 up", remedy=_SINCE
        )
    stores: Any = context.get("asset_state_store")
    try:
        if stores is not None:
            store: Store = stores[asset]
            return store
    except (KeyError, TypeError):
        stores = None
    raise InvalidInputError(
        f"incremental: {asset.name!r} is no inlet or outlet of the task, so Airflow keeps no state of it",
        remedy=f"Give the asset as 'asset', or in 'outlets'. {_SINCE}",
    )
