"""What the hook offers for activities, for what an item is connected with, and for whole timelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from airflow_provider_bitrix24.crm.activities import (
    ActivityBinding,
    ActivityOutcome,
    bind_activities,
    parse_activity_bindings,
    unbind_activities,
)
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.relations import check_readable, item_call, item_result, related_items
from airflow_provider_bitrix24.crm.transfer import Kind, Mode, Transfer, Transferred, transfer
from airflow_provider_bitrix24.hooks.doors import Doors
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.outcomes import (
    DEFAULT_IN_FLIGHT,
    BulkResult,
    FailOn,
    check_fail_on,
    check_in_flight,
)
from airflow_provider_bitrix24.rest.bulk import Plan
from airflow_provider_bitrix24.rest.progress import Progress

T = TypeVar("T")


class ActivityMethods(Doors):
    """The activity methods of :class:`~airflow_provider_bitrix24.hooks.bitrix24.Bitrix24Hook`."""

    def bind_activities(
        self, bindings: Any, *, fail_on: FailOn = "any", max_in_flight: int = DEFAULT_IN_FLIGHT
    ) -> list[dict[str, Any]]:
        """Show activities on further CRM items (``crm.activity.binding.add``).

        :param bindings: ``(activity_id, entity_type, entity_id)`` each, or mappings with these names
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each binding, in order, ``activityId``, ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``:
            ``bound``, ``already_bound`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: one of them is not a binding; nothing was sent
        :raises Bitrix24Error: bindings failed; its ``outcomes`` hold what became of each
        """
        with joined():
            check_fail_on(fail_on)
            check_in_flight(max_in_flight)
            wanted = parse_activity_bindings(bindings)
            return self.bind_many_activities(wanted, Progress(), max_in_flight).check(fail_on)

    def bind_many_activities(
        self, wanted: list[ActivityBinding], progress: Progress, max_in_flight: int
    ) -> BulkResult:
        """Show activities on further CRM items, those that an earlier try did not.

        :param wanted: the bindings
        :param progress: what is known of the distinct ones, kept up to date
        :param max_in_flight: how many requests may be under way at once
        """
        with joined():
            plan = bind_activities(wanted, progress)
            return _result(self.get_conn().carry_out(plan, progress, in_flight=max_in_flight))

    def unbind_activities(
        self,
        bindings: Any,
        *,
        missing_ok: bool = True,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Take activities off CRM items (``crm.activity.binding.delete``); the portal keeps the last binding.

        :param bindings: ``(activity_id, entity_type, entity_id)`` each, or mappings with these names
        :param missing_ok: whether a binding that is not there counts as done
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each binding, in order, ``activityId``, ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``:
            ``unbound``, ``not_bound`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: one of them is not a binding; nothing was sent
        :raises Bitrix24Error: bindings were not taken apart; its ``outcomes`` hold what became of each
        """
        with joined():
            check_fail_on(fail_on)
            check_in_flight(max_in_flight)
            wanted = parse_activity_bindings(bindings)
            return self.unbind_many_activities(wanted, Progress(), missing_ok, max_in_flight).check(fail_on)

    def unbind_many_activities(
        self, wanted: list[ActivityBinding], progress: Progress, missing_ok: bool, max_in_flight: int
    ) -> BulkResult:
        """Take activities off CRM items, those that an earlier try did not.

        :param wanted: the bindings
        :param progress: what is known of the distinct ones, kept up to date
        :param missing_ok: whether a binding that is not there counts as done
        :param max_in_flight: how many requests may be under way at once
        """
        with joined():
            plan = unbind_activities(wanted, progress, missing_ok=missing_ok)
            return _result(self.get_conn().carry_out(plan, progress, in_flight=max_in_flight))

    def related_items(self, item: Any) -> list[tuple[str, int]]:
        """Return what a CRM item is connected with: contacts, company, lead, parents (``crm.item.get``).

        :param item: the item: a lead, deal, contact, company, quote, new invoice or smart-process item
        :return: the type and id of each
        :raises InvalidInputError: not such an item; nothing was sent
        :raises NotFoundError: it does not exist
        """
        with joined():
            return [found.pair for found in self.connected_with(CrmItem.parse(item))]

    def connected_with(self, item: CrmItem, field: str = "item") -> list[CrmItem]:
        """Return what a CRM item is connected with.

        :param item: the item
        :param field: where it stands, for the message
        """
        with joined():
            [outcome] = self.get_conn().batch([item_call(check_readable(item, field))])
            return related_items(item, item_result(item, outcome, field))

    def look(self, plan: Plan[T]) -> T:
        """Carry out a plan that only asks, and return what it makes of the answers.

        :param plan: the plan
        """
        with joined():
            return self.get_conn().carry_out(plan, Progress())

    def transfer_timeline(
        self,
        source: Any,
        target: Any,
        *,
        kinds: Sequence[Kind] = ("comments", "activities"),
        mode: Mode = "share",
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Show the comments and activities of one CRM item on another, too, or move them there.

        They keep their dates and authors: only bindings change. What is there already stays as it is.

        :param source: the item whose timeline it is, such as ``("lead", 5)``
        :param target: the item on whose timeline it is to show, of any type
        :param kinds: ``comments``, ``activities`` or both
        :param mode: ``share`` leaves them on the source, ``move`` takes them off
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each, ``KIND``, ``ID``, the target's ``ENTITY_TYPE`` and ``ENTITY_ID``, and ``STATUS``:
            ``shared``, ``already_shared``, ``moved`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: not two different items, or no such kind or mode; nothing was sent
        :raises Bitrix24Error: a timeline could not be read, or some of it was not shown; then its
            ``outcomes`` hold what became of each
        """
        with joined():
            check_fail_on(fail_on)
            check_in_flight(max_in_flight)
            wanted = Transfer.parse(source, target, kinds, mode)
            return self.transfer_all(wanted, max_in_flight).check(fail_on)

    def transfer_all(self, wanted: Transfer, max_in_flight: int) -> BulkResult:
        """Show one item's timeline on another, or move it there.

        :param wanted: what is to be shown where
        :param max_in_flight: how many requests may be under way at once
        """
        with joined():
            client = self.get_conn()
            plan = transfer(wanted, owner=client.session.credentials.owner)
            outcomes = client.carry_out(plan, Progress(), in_flight=max_in_flight)
            return _result(outcomes)


def _result(outcomes: Sequence[ActivityOutcome | Transferred]) -> BulkResult:
    failed = [("", done.error) for done in outcomes if done.error is not None]
    return BulkResult([outcome.to_json() for outcome in outcomes], failed)
