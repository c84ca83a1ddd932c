"""The watermark of a dataset in the state of its resource, which dlt commits together with the rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dlt
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable

from airflow_provider_bitrix24.crm.extraction.narrowing import source_digest
from airflow_provider_bitrix24.crm.extraction.windows import Window
from airflow_provider_bitrix24.crm.fields.schema import Names
from airflow_provider_bitrix24.dlt_resources.destination import has_rows, is_committed, table_name
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.hooks.extraction import Extraction
from airflow_provider_bitrix24.transfers.runs import LastRun, usable


class Watermark:
    """What the running resource knows of its last load.

    The state in a pipeline's folder may be ahead of the destination, so the load before stays in it, too.

    :param portal: the portal's host
    :param names: whether columns go by names in lower case, or by the API's
    :param extraction: what is read
    :param log: where to say that the last load does not count
    :raises InvalidInputError: the table holds the rows of another portal
    """

    def __init__(self, portal: str, names: Names, extraction: Extraction, log: logging.Logger | Any) -> None:
        self._state = dlt.current.resource_state()
        self._extraction = extraction
        self._log = log
        self._portal = portal
        digest = source_digest(portal, extraction.dataset.name, extraction.where)
        self._source = f"{digest} {names} {table_name()}"
        self._committed = next(filter(_is_there, reversed(self._state.get("loads", []))), None)
        self._check_portal()

    def last(self, fields: Sequence[str] | None) -> LastRun:
        """Return what the last load left; nothing where it read something else, or less.

        :param fields: names of the fields to read, ``None`` for all
        """
        load = self._committed
        if load is None or load["source"] != self._source or (fields is None and not load["whole"]):
            return LastRun()
        if not has_rows(self._extraction.schema.key[0]):
            self._log.info("Table %s is empty, so everything is read.", table_name())
            return LastRun()
        last = LastRun(
            watermark=datetime.fromisoformat(load["watermark"]),
            highest=load["highest"],
            columns=load["columns"],
        )
        return usable(last, self._extraction, fields, self._log)

    def keep(self, window: Window, *, whole: bool) -> None:
        """Let the next load go on from a window.

        :param window: what was read
        :param whole: whether every field was read
        """
        try:
            load_id = dlt.current.load_package_state()["load_id"]
        except CurrentLoadPackageStateNotAvailable:  # somebody looks at the rows, and loads nothing
            return
        load = {
            "load_id": load_id,
            "portal": self._portal,
            "source": self._source,
            "watermark": window.watermark.isoformat(),
            "highest": window.beginning.highest,
            "columns": [column.name for column in self._extraction.columns],
            "whole": whole,
        }
        self._state["loads"] = [*filter(None, [self._committed]), load]

    def _check_portal(self) -> None:
        if self._committed is None or self._committed["portal"] == self._portal:
            return
        raise InvalidInputError(
            f"{self._extraction.dataset.name}: this pipeline has loaded the portal "
            f"{self._committed['portal']}, and not {self._portal}, whose ids name other rows",
            remedy="Use a pipeline and a dataset_name for each portal. Who has moved the portal to another "
            'address runs the pipeline once with refresh="drop_sources".',
        )


def _is_there(load: dict[str, Any]) -> bool:
    return is_committed(load["load_id"])
