"""The operator for whole timelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.transfer import Transfer
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.outcomes import BulkResult
from airflow_provider_bitrix24.operators.base import from_template
from airflow_provider_bitrix24.operators.bulk import BulkOperator, Rows, counted
from airflow_provider_bitrix24.rest.progress import Progress


class TransferTimelineOperator(BulkOperator):
    """Show the comments and activities of one CRM item on another, too, or move them there.

    They keep their dates and authors, because nothing is copied: comments are bound by
    ``crm.timeline.bindings.bind``, activities by ``crm.activity.binding.add``. What is to be moved is bound
    to the target first and taken off the source then, so it is on one of them at every moment.

    Running it again is safe, also after a crash: what is on the target already stays as it is. The result is
    one mapping for each comment and activity that is on the source when the task looks: ``KIND`` (``comment``
    or ``activity``), ``ID``, the target's ``ENTITY_TYPE`` and ``ENTITY_ID``, and ``STATUS``, which is
    ``shared``, ``already_shared``, ``moved`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``. When the
    task fails, the same list stands in XCom under the key ``outcomes``.

    Log messages and what the system itself notes on a timeline stay where they are: the API lists neither.

    :param source: the CRM item whose timeline it is: ``("lead", 5)``, ``"L_5"`` ...
    :param target: the CRM item on whose timeline it is to show, of any type
    :param kinds: ``comments``, ``activities`` or both, in a list
    :param mode: ``share`` leaves them on the source, ``move`` takes them off
    :param fail_on: fail if ``any`` or ``all`` of them failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not two different items, or no such kind or mode; nothing was sent
    :raises NotFoundError: one of the items does not exist; nothing was changed
    :raises AccessDeniedError: the connection's user may not read or change one of the items
    """

    template_fields: Sequence[str] = ("source", "target", "kinds", "mode", "bitrix24_conn_id")
    template_fields_renderers = {"source": "json", "target": "json", "kinds": "json"}  # noqa: RUF012 - Airflow's
    noun = "comments and activities"

    def __init__(
        self,
        *,
        source: Any,
        target: Any,
        kinds: Any = ("comments", "activities"),
        mode: Any = "share",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.target = target
        self.kinds = kinds
        self.mode = mode
        self.remember_sources(source=source, target=target, kinds=kinds, mode=mode)

    def parse(self) -> Sequence[Transfer]:
        """Return what is to be shown where."""
        return [Transfer.parse(self.source, self.target, from_template(self.kinds, "kinds"), self.mode)]

    def card(self, items: Sequence[Transfer]) -> CrmItem:
        """Return the target."""
        return items[0].target

    def fingerprint(self, items: Sequence[Transfer]) -> Any:
        """Return what tells this transfer from others."""
        [wanted] = items
        return [str(wanted.source), str(wanted.target), wanted.kinds, wanted.mode]

    def carry_out(self, hook: Bitrix24Hook, items: Sequence[Transfer], progress: Progress) -> BulkResult:
        """Show or move the timeline; what was done before is seen on the target."""
        return hook.transfer_all(items[0], self.max_in_flight)

    def report(self, rows: Rows) -> None:
        """Log what became of the timeline."""
        self.log.info(
            "Comments and activities: %s",
            counted(rows, "shared", "already_shared", "moved", "failed") or "none on the source",
        )
