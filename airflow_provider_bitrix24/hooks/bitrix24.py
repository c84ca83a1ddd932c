"""The hook: everything that task code may ask of a portal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_bitrix24.connection import form
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem, parse_items
from airflow_provider_bitrix24.crm.relations import read_related_items
from airflow_provider_bitrix24.crm.timeline.activities import (
    bind_activities,
    parse_activity_bindings,
    unbind_activities,
)
from airflow_provider_bitrix24.crm.timeline.moving import check_ends, move_record, set_bindings
from airflow_provider_bitrix24.crm.timeline.record_binding import bind_records
from airflow_provider_bitrix24.crm.timeline.record_unbinding import unbind_records
from airflow_provider_bitrix24.crm.timeline.records import read_bindings
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding, parse_bindings
from airflow_provider_bitrix24.crm.timeline.transfer import Mode, Transfer, TransferKind, transfer
from airflow_provider_bitrix24.crm.watching.binding_watch import BindingWatch
from airflow_provider_bitrix24.hooks.aliases import (
    ActivityBindingsLike,
    BindingLike,
    BindingsLike,
    IdLike,
    ItemLike,
    ItemsLike,
)
from airflow_provider_bitrix24.hooks.bulk import (
    DEFAULT_IN_FLIGHT,
    FailOn,
    keeps_invalid,
)
from airflow_provider_bitrix24.hooks.comments import CommentsHook
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.rest.progress import Progress


class Bitrix24Hook(CommentsHook):
    """Talks to a Bitrix24 portal with the credentials of an Airflow connection.

    Every method raises the errors of :mod:`airflow_provider_bitrix24.hooks.errors`. Calls keep the portal's
    limits. They wait and try again if that is safe, and are not sent twice if it is not.

    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param max_wait: seconds that one request may wait for the portal's limits in all; a longer wait raises
        the limit's error with its ``retry_after``
    :param max_attempts: how often a request is sent at most if the network or the portal fails
    :param request_cut: seconds after which the portal cuts a request off and carries out nothing more of it;
        ``None`` is the connection's
    """

    # Airflow 3.1 asks a hook's own class for its form, not the classes that it inherits from.

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's standard fields, for Airflow 3.1."""
        return form.field_behaviour()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's extra fields, for Airflow 3.1."""
        return form.form_widgets()

    # --- bindings of timeline records ---

    def bind_timeline_records(
        self,
        bindings: BindingsLike,
        *,
        check_record: bool = True,
        check_item: bool = False,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Show timeline records on further CRM items (``crm.timeline.bindings.bind``).

        :param bindings: ``(record_id, entity_type, entity_id)`` each, or mappings with these names
        :param check_record: look first which records exist and what they are bound to; without it, Bitrix24
            stores a binding of a record that does not exist, and every status is ``bound``
        :param check_item: look first which items exist; without it, Bitrix24 stores an administrator's
            binding to an item that does not exist
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each binding, in order, the API's keys plus ``STATUS``: ``bound``, ``already_bound`` or
            ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: with ``fail_on="any"``, rows are not bindings; nothing was sent
        :raises Bitrix24Error: bindings failed; its ``outcomes`` hold the outcome of each
        """
        with joined():
            progress = Progress()
            wanted = parse_bindings(bindings, keep_invalid=keeps_invalid(fail_on))
            plan = bind_records(wanted, progress, check_record=check_record, check_item=check_item)
            return self._rows(plan, progress, fail_on, max_in_flight, wanted)

    def unbind_timeline_records(
        self,
        bindings: BindingsLike,
        *,
        missing_ok: bool = True,
        keep_last: bool = True,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Remove timeline records from CRM items (``crm.timeline.bindings.unbind``).

        :param bindings: ``(record_id, entity_type, entity_id)`` each, or mappings with these names
        :param missing_ok: whether a binding that is not there counts as done
        :param keep_last: refuse what would leave a record without any binding, where nobody can see it
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each binding, in order, the API's keys plus ``STATUS``: ``unbound``, ``not_bound`` or
            ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: with ``fail_on="any"``, rows are not bindings; nothing was sent
        :raises Bitrix24Error: bindings were not removed; its ``outcomes`` hold the outcome of each
        """
        with joined():
            progress = Progress()
            wanted = parse_bindings(bindings, keep_invalid=keeps_invalid(fail_on))
            plan = unbind_records(wanted, progress, missing_ok=missing_ok, keep_last=keep_last)
            return self._rows(plan, progress, fail_on, max_in_flight, wanted)

    def move_timeline_record(self, record_id: IdLike, source: ItemLike, target: ItemLike) -> dict[str, Any]:
        """Move a timeline record from one CRM item to another: bound there first, then taken off here.

        :param record_id: the timeline record
        :param source: the item that it leaves, such as ``("lead", 5)``
        :param target: the item to which it goes, of any type
        :return: the binding on the target, with ``STATUS``: ``moved`` or ``already_moved``
        :raises InvalidInputError: not an id or an item, or source and target are the same; nothing was sent
        :raises NotFoundError: the record does not exist, or is on neither of them
        :raises AccessDeniedError: the connection's user may not change one of the items
        """
        with joined():
            ends = CrmItem.parse(source, "source"), CrmItem.parse(target, "target")
            check_ends(*ends)
            plan = move_record(parse_id(record_id, "record_id"), *ends)
            [row] = self._rows(plan, Progress(), "any", 1)
            return row

    def set_timeline_bindings(
        self,
        record_id: IdLike,
        items: ItemsLike,
        *,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Make a timeline record's bindings exactly these, adding what is missing before removing others.

        :param record_id: the timeline record
        :param items: the items that it is to show on, at least one
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each item and then for each other binding, the API's keys plus ``STATUS``: ``bound``,
            ``already_bound``, ``unbound``, ``not_bound`` or ``failed`` with ``ERROR`` and
            ``ERROR_DESCRIPTION``. Where one of the items failed, no binding is removed.
        :raises InvalidInputError: not an id, not items, or none; nothing was sent
        :raises NotFoundError: the record or one of the items does not exist
        """
        with joined():
            plan = set_bindings(parse_id(record_id, "record_id"), parse_items(items))
            return self._rows(plan, Progress(), fail_on, max_in_flight)

    def timeline_bindings(self, record_id: IdLike, *, check_record: bool = False) -> list[dict[str, Any]]:
        """Return what a timeline record is bound to (``crm.timeline.bindings.list``), all pages.

        :param record_id: the timeline record
        :param check_record: whether a record that does not exist is an error; without, its list is empty
        :return: rows with ``OWNER_ID``, ``ENTITY_TYPE`` and ``ENTITY_ID``, the ids as numbers
        :raises InvalidInputError: not an id
        :raises NotFoundError: the record does not exist
        """
        with joined():
            number = parse_id(record_id, "record_id")
            return self.carry_out(read_bindings(number, check_record=check_record))

    def is_bound(self, binding: BindingLike) -> bool:
        """Tell whether a binding is there.

        :param binding: ``(record_id, entity_type, entity_id)``, or a mapping with these names
        :raises InvalidInputError: not a binding
        :raises NotFoundError: the record has no bindings and does not exist
        """
        with joined():
            return self.carry_out(_watch(binding).shows())

    async def ais_bound(self, binding: BindingLike) -> bool:
        """Tell whether a binding is there, as :meth:`is_bound` does.

        :param binding: ``(record_id, entity_type, entity_id)``, or a mapping with these names
        """
        with joined():
            return await self.acarry_out(_watch(binding).shows())

    # --- activities, related items, whole timelines ---

    def bind_activities(
        self,
        bindings: ActivityBindingsLike,
        *,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Show activities on further CRM items (``crm.activity.binding.add``).

        :param bindings: ``(activity_id, entity_type, entity_id)`` each, or mappings with these names
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each binding, in order, ``ACTIVITY_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``:
            ``bound``, ``already_bound`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: with ``fail_on="any"``, rows are not bindings; nothing was sent
        :raises Bitrix24Error: bindings failed; its ``outcomes`` hold the outcome of each
        """
        with joined():
            progress = Progress()
            wanted = parse_activity_bindings(bindings, keep_invalid=keeps_invalid(fail_on))
            return self._rows(bind_activities(wanted, progress), progress, fail_on, max_in_flight, wanted)

    def unbind_activities(
        self,
        bindings: ActivityBindingsLike,
        *,
        missing_ok: bool = True,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Remove activities from CRM items (``crm.activity.binding.delete``); the last one stays.

        :param bindings: ``(activity_id, entity_type, entity_id)`` each, or mappings with these names
        :param missing_ok: whether a binding that is not there counts as done
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each binding, in order, ``ACTIVITY_ID``, ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``:
            ``unbound``, ``not_bound`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: with ``fail_on="any"``, rows are not bindings; nothing was sent
        :raises Bitrix24Error: bindings were not taken apart; its ``outcomes`` hold the outcome of each
        """
        with joined():
            progress = Progress()
            wanted = parse_activity_bindings(bindings, keep_invalid=keeps_invalid(fail_on))
            plan = unbind_activities(wanted, progress, missing_ok=missing_ok)
            return self._rows(plan, progress, fail_on, max_in_flight, wanted)

    def related_items(self, item: ItemLike) -> list[tuple[str, int]]:
        """Return what a CRM item is connected with: contacts, company, lead, parents (``crm.item.get``).

        :param item: the item: a lead, deal, contact, company, quote, new invoice or smart-process item
        :return: the type and id of each
        :raises InvalidInputError: not such an item; nothing was sent
        :raises NotFoundError: it does not exist
        """
        with joined():
            return [found.pair for found in self.carry_out(read_related_items(CrmItem.parse(item)))]

    def transfer_timeline(
        self,
        source: ItemLike,
        target: ItemLike,
        *,
        kinds: Sequence[TransferKind] = ("comments", "activities"),
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
            ``outcomes`` hold the outcome of each
        """
        with joined():
            plan = transfer(Transfer.parse(source, target, kinds, mode))
            return self._rows(plan, Progress(), fail_on, max_in_flight)


def _watch(binding: BindingLike) -> BindingWatch:
    wanted = TimelineBinding.parse(binding)
    return BindingWatch(wanted.record_id, item=wanted.item)
