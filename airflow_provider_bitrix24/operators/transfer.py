"""The operator for whole timelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import XComArg

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.inputs import from_json
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.lineage import Lineage
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.transfer import (
    Mode,
    Transfer,
    TransferKind,
    Transferred,
    check_kinds,
    check_mode,
    transfer,
)
from airflow_provider_bitrix24.hooks.aliases import ItemLike
from airflow_provider_bitrix24.hooks.bulk import DEFAULT_IN_FLIGHT, FailOn
from airflow_provider_bitrix24.operators.bulk import BulkOperator
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress

#: what lineage calls what is read of each kind, and what is written
_READS: dict[TransferKind, str] = {"comments": "crm.timeline.comment", "activities": "crm.activity"}
_WRITES: dict[TransferKind, str] = {
    "comments": "crm.timeline.bindings",
    "activities": "crm.activity.binding",
}


class TransferTimelineOperator(BulkOperator):
    """Show the comments and activities of one CRM item on another, too, or move them there.

    They keep their dates and authors, because only bindings change: ``crm.timeline.bindings.bind`` binds
    comments, ``crm.activity.binding.add`` activities. To move something, the task binds it to the target
    first and then removes it from the source, so it is on one of them at every moment.

    Running the task again is safe, also after a crash: what is on the target already stays as it is. The
    result is one mapping for each comment and activity that is on the source when the task looks: ``KIND``
    (``comment`` or ``activity``), ``ID``, the target's ``ENTITY_TYPE`` and ``ENTITY_ID``, and ``STATUS``,
    which is ``shared``, ``already_shared``, ``moved`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``.
    What cannot be taken off the source has two rows: ``shared`` of the target, and ``failed`` of the source.
    If the task fails, XCom holds the same list under the key ``outcomes``.

    Log messages and the system's own entries stay where they are, because the API does not list them.

    :param source: the CRM item whose timeline it is: ``("lead", 5)``, ``"L_5"`` ...
    :param target: the CRM item on whose timeline it is to show, of any type
    :param kinds: ``comments``, ``activities`` or both, in a list
    :param mode: ``share`` leaves them on the source, ``move`` takes them off
    :param fail_on: fail if ``any`` or ``all`` of them failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not two different items, or no such kind or mode; nothing was sent
    :raises NotFoundError: one of the items does not exist; nothing was changed
    :raises AccessDeniedError: the connection's user may not read or change one of the items
    """

    template_fields: Sequence[str] = ("source", "target", "kinds", "mode", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "source": "json",
        "target": "json",
        "kinds": "json",
    }
    noun = "comments and activities"

    def __init__(
        self,
        *,
        source: ItemLike,
        target: ItemLike,
        kinds: Sequence[TransferKind] | str | XComArg = ("comments", "activities"),
        mode: Mode | str | XComArg = "share",
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_bulk(fail_on, max_in_flight)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.source = source
        self.target = target
        self.kinds = kinds
        self.mode = mode
        self.arguments.note(source=source, target=target, kinds=kinds, mode=mode)
        self.arguments.check_literals(
            source=CrmItem.parse,
            target=CrmItem.parse,
            kinds=lambda value, _: check_kinds(_listed(value)),
            mode=lambda value, _: check_mode(value),
        )

    def lineage(self) -> Lineage:
        """Return what the task reads and writes: of comments, of activities, or of both."""
        kinds = check_kinds(_listed(self.kinds))
        read = [self.dataset_node(_READS[kind]) for kind in kinds]
        written = [self.dataset_node(_WRITES[kind]) for kind in kinds]
        return Lineage(read, written if self.has_written else [])

    def parse(self) -> Sequence[Transfer]:
        """Return what is to be shown where."""
        return [Transfer.parse(self.source, self.target, _listed(self.kinds), self.mode)]

    def card(self, items: Sequence[Transfer]) -> CrmItem:
        """Return the target."""
        return items[0].target

    def fingerprint(self, items: Sequence[Transfer]) -> Any:
        """Return what tells this transfer from others."""
        [wanted] = items
        return [str(wanted.source), str(wanted.target), wanted.kinds, wanted.mode]

    def plan(self, items: Sequence[Transfer], progress: Progress) -> Plan[list[ItemOutcome[Transferred]]]:
        """Return the work: show or move the timeline; what was done before is seen on the target."""
        return transfer(items[0])


def _listed(kinds: Any) -> Any:
    """Return kinds that a template may have made one JSON text."""
    return from_json(kinds, "kinds") if isinstance(kinds, str) else kinds
