"""The hook: everything that task code may ask of a portal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_bitrix24.connection import form
from airflow_provider_bitrix24.crm.activities import (
    bind_activities,
    parse_activity_bindings,
    unbind_activities,
)
from airflow_provider_bitrix24.crm.binding_watch import BindingWatch
from airflow_provider_bitrix24.crm.comment_calls import comment_fields
from airflow_provider_bitrix24.crm.comments import Comment, add_comment, add_comments, parse_comments
from airflow_provider_bitrix24.crm.editing import delete_comment, update_comment
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import check_text
from airflow_provider_bitrix24.crm.items import CrmItem, parse_items
from airflow_provider_bitrix24.crm.logmessages import add_log_message, log_message_call
from airflow_provider_bitrix24.crm.moving import check_ends, move_record, set_bindings
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.record_binding import bind_records
from airflow_provider_bitrix24.crm.record_unbinding import unbind_records
from airflow_provider_bitrix24.crm.records import read_bindings
from airflow_provider_bitrix24.crm.relations import check_items, read_related_items
from airflow_provider_bitrix24.crm.rows import Rows
from airflow_provider_bitrix24.crm.timeline_bindings import TimelineBinding, parse_bindings
from airflow_provider_bitrix24.crm.transfer import Mode, Transfer, TransferKind, transfer
from airflow_provider_bitrix24.hooks.aliases import (
    ActivityBindingsLike,
    BindingLike,
    BindingsLike,
    CommentsLike,
    FilesLike,
    IdLike,
    ItemLike,
    ItemsLike,
)
from airflow_provider_bitrix24.hooks.attachments import read_files
from airflow_provider_bitrix24.hooks.bulk import (
    DEFAULT_IN_FLIGHT,
    ONCE_IN_FLIGHT,
    FailOn,
    check_fail_on,
    check_in_flight,
    check_outcomes,
    keeps_invalid,
)
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.rest import RestHook
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress


class Bitrix24Hook(RestHook):
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

    # --- comments and log messages ---

    def add_timeline_comment(
        self,
        item: ItemLike,
        comment: str,
        *,
        files: FilesLike = (),
        check_item: bool = False,
        unless_present: bool = False,
    ) -> int:
        """Add a comment to an item's timeline and return its record id (``crm.timeline.comment.add``).

        If it is not known whether the comment was added, the hook looks for it as
        :meth:`add_timeline_comments` does.

        :param item: the CRM item, such as ``("deal", 10)``
        :param comment: the text; BB codes are allowed
        :param files: paths of files that hang on it, local or in object storage
        :param check_item: look first whether the item exists
        :param unless_present: whether to look first if the connection's user has already written this text on
            the item; then nothing is added, and that record's id is returned
        :raises InvalidInputError: not an item, or an empty text; nothing was sent
        :raises AmbiguousWriteError: it cannot be told whether the comment was added
        """
        with joined():
            wanted = Comment(CrmItem.parse(item), check_text(comment, "comment"), read_files(files))
            self._check_item(item, check_item)
            progress = Progress()
            plan = add_comment(wanted, progress, cut=self.request_cut, unless_present=unless_present)
            record_id, _ = self.carry_out(plan, progress)
            return record_id

    def add_timeline_comments(
        self,
        rows: CommentsLike,
        *,
        check_item: bool = False,
        unless_present: bool = False,
        fail_on: FailOn = "any",
        max_in_flight: int = ONCE_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Add comments to the timelines of items (``crm.timeline.comment.add``).

        If it is not known whether a comment was added, the hook looks for it a minute later, when the portal
        can no longer be adding it, and sends it again only if it is not there.

        :param rows: mappings of ``item`` (or ``entity_type`` and ``entity_id``) and ``comment``
        :param check_item: look first which items exist
        :param unless_present: whether to look first which of the texts the connection's user has already
            written on their items; these are not added, and rows that are alike count as one comment
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 comments each, may be under way at once: 1 to 20; above
            1 the comments of one item may come in another order
        :return: for each comment, in order, its ``ID``, the item's ``ENTITY_TYPE`` and ``ENTITY_ID``, and
            ``STATUS``: ``added``, ``already_present`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: with ``fail_on="any"``, rows are not comments; nothing was sent
        :raises Bitrix24Error: comments failed; its ``outcomes`` hold the outcome of each
        """
        with joined():
            progress = Progress()
            wanted = parse_comments(rows, keep_invalid=keeps_invalid(fail_on))
            plan = add_comments(
                wanted, progress, cut=self.request_cut, check_item=check_item, unless_present=unless_present
            )
            return self._rows(plan, progress, fail_on, max_in_flight, wanted)

    def update_timeline_comment(
        self,
        record_id: IdLike,
        comment: str,
        *,
        files: FilesLike | None = None,
        item: ItemLike | None = None,
    ) -> int:
        """Change a comment's text (``crm.timeline.comment.update``) and return the record that holds it now.

        If the comment is bound to several items, Bitrix24 makes a copy: one of the items gets a record with
        another id and the new text, and the old record stays on the others as it was.

        :param record_id: the comment
        :param comment: the new text; BB codes are allowed
        :param files: paths of files that replace those it has; ``None`` keeps them
        :param item: the item on which the comment changes, if it is bound to several; without it the portal
            chooses an item, and another call changes another one
        :raises InvalidInputError: not an id, an item or a text; nothing was sent
        :raises NotFoundError: there is no such record, or it is not on the item
        :raises AccessDeniedError: the connection's user is not its author
        """
        with joined():
            text = comment_fields(comment)["COMMENT"]
            number = parse_id(record_id, "record_id")
            where = None if item is None else CrmItem.parse(item)
            contents = None if files is None else read_files(files)
            progress = Progress()
            plan = update_comment(number, text, contents, where, progress, cut=self.request_cut)
            return self.carry_out(plan, progress).subject.record_id

    def delete_timeline_comment(
        self, record_id: IdLike, *, item: ItemLike | None = None, missing_ok: bool = True
    ) -> dict[str, Any]:
        """Delete a comment, or remove it from one of several items (``crm.timeline.comment.delete``).

        :param record_id: the comment
        :param item: the item from which it is removed; needed if it is bound to several
        :param missing_ok: whether a comment that is not there counts as done
        :return: its ``ID`` and ``STATUS``: ``deleted``, ``unbound`` where it stays on others, or
            ``not_found``
        :raises InvalidInputError: not an id or an item; nothing was sent
        :raises FinalRejectionError: it is bound to several items, and none is given
        :raises NotFoundError: there is no such record, and ``missing_ok`` is ``False``; or it is bound to
            nothing, so that it cannot be deleted
        :raises AccessDeniedError: the connection's user is neither its author nor an administrator
        """
        with joined():
            number = parse_id(record_id, "record_id")
            where = None if item is None else CrmItem.parse(item)
            progress = Progress()
            plan = delete_comment(number, where, progress, missing_ok=missing_ok, cut=self.request_cut)
            return self.carry_out(plan, progress).to_json()

    def add_timeline_log_message(
        self, item: ItemLike, title: str, text: str, *, icon_code: str = "info", check_item: bool = False
    ) -> int:
        """Add a log message to an item's timeline and return its record id (``crm.timeline.logmessage.add``).

        :param item: the CRM item, such as ``("deal", 10)``
        :param title: its heading
        :param text: its text
        :param icon_code: the icon beside it, such as ``info``, ``call``, ``check`` or ``attention``
        :param check_item: look first whether the item exists
        :raises InvalidInputError: not an item or a text; nothing was sent
        :raises AmbiguousWriteError: it is not known whether it was added
        """
        with joined():
            where, progress = CrmItem.parse(item), Progress()
            call = log_message_call(where, title, text, icon_code)
            self._check_item(item, check_item)
            return self.carry_out(add_log_message(where, call, progress), progress)

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

    def _check_item(self, item: ItemLike, check_item: bool) -> None:
        if check_item:
            self.carry_out(check_items({"item": CrmItem.parse(item)}))

    def _rows(
        self,
        plan: Plan[list[ItemOutcome[Any]]],
        progress: Progress,
        fail_on: FailOn,
        max_in_flight: int,
        wanted: Rows[Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Carry out work on many items, and return what happened to each unless failures fail the whole."""
        check_fail_on(fail_on)
        outcomes = self.carry_out(plan, progress, check_in_flight(max_in_flight))
        return check_outcomes(outcomes if wanted is None else wanted.complete(outcomes), fail_on)


def _watch(binding: BindingLike) -> BindingWatch:
    wanted = TimelineBinding.parse(binding)
    return BindingWatch(wanted.record_id, item=wanted.item)
