"""The hook for comments and log messages on the timelines of CRM items."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.crm.existence import check_items
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import check_text
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.rows import Rows
from airflow_provider_bitrix24.crm.timeline.comment_calls import comment_fields
from airflow_provider_bitrix24.crm.timeline.comments import Comment, add_comment, add_comments, parse_comments
from airflow_provider_bitrix24.crm.timeline.editing import delete_comment, update_comment
from airflow_provider_bitrix24.crm.timeline.logmessages import add_log_message, log_message_call
from airflow_provider_bitrix24.hooks.aliases import CommentsLike, FilesLike, IdLike, ItemLike
from airflow_provider_bitrix24.hooks.attachments import read_files
from airflow_provider_bitrix24.hooks.bulk import (
    DEFAULT_IN_FLIGHT,
    FailOn,
    check_fail_on,
    check_in_flight,
    check_outcomes,
    keeps_invalid,
)
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.product_rows import ProductRowsHook
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress


class CommentsHook(ProductRowsHook):
    """Adds, changes and deletes comments, and adds log messages."""

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
        max_in_flight: int = DEFAULT_IN_FLIGHT,
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
