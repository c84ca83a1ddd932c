"""Operators that change or delete one comment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import Context

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import check_text
from airflow_provider_bitrix24.crm.items import CrmItem, parse_entity_type
from airflow_provider_bitrix24.crm.timeline.comment_calls import comment_fields
from airflow_provider_bitrix24.crm.timeline.editing import UPDATED_EVERYWHERE, delete_comment, update_comment
from airflow_provider_bitrix24.hooks.aliases import (
    FilesLike,
    IdLike,
    ItemLike,
    TextLike,
)
from airflow_provider_bitrix24.hooks.attachments import read_files
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.links.card import CrmCardLink
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN, or_none, unless_none
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER, DeferringOperator


class _CommentOperator(DeferringOperator):
    """Base of operators that act on one comment, and perhaps on one of the items that it is on."""

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)
    writes = ("crm.timeline.comment",)

    def take_comment(self, record_id: Any, item: Any, entity_type: Any, entity_id: Any) -> None:
        """Keep the arguments that say which comment, and which of its items, is meant.

        :param record_id: the comment's record id
        :param item: the item, which may be left out
        :param entity_type: the item's type, instead of ``item``
        :param entity_id: the item's id, instead of ``item``
        :raises InvalidInputError: the item is given in part or twice, or a literal is not valid
        """
        self.record_id = record_id
        self.item = or_none(item)
        self.entity_type = or_none(entity_type)
        self.entity_id = or_none(entity_id)
        self.arguments.note(record_id=record_id, item=item, entity_type=entity_type, entity_id=entity_id)
        self.arguments.check_literals(
            record_id=parse_id,
            item=unless_none(CrmItem.parse),
            entity_type=unless_none(parse_entity_type),
            entity_id=unless_none(parse_id),
        )
        if self._has_parts():
            self.arguments.check_either(("entity_type", "entity_id"), "item")

    def parse_item(self) -> CrmItem | None:
        """Return the item, ``None`` where none is given, and let the task's page lead to it.

        :raises InvalidInputError: it is none, or was lost on the way
        """
        self.arguments.check_not_lost(self, "item", "entity_type", "entity_id")
        if self.item is None and not self._has_parts():
            return None
        item = CrmItem.given(self.item, self.entity_type, self.entity_id)
        self.link_card(item)
        return item

    def _has_parts(self) -> bool:
        return self.entity_type is not None or self.entity_id is not None


class UpdateTimelineCommentOperator(_CommentOperator):
    """Change a comment's text (``crm.timeline.comment.update``) and return the record that holds it now.

    **Bitrix24 does not change a comment that is bound to several items.** It makes a copy: one of the items
    gets a record with another id and the new text, and the old record stays on the others as it was. The
    result is the id of the record that holds the new text; if that is a copy, the log says so. Name the item
    with ``item``. Then running the task twice is safe, because the second run finds the copy by its text.
    Without ``item`` the portal chooses the item, and a second run changes another one. For up to an hour
    after a binding was added, the portal may ignore it and change the comment on all its items; the log says
    that, too.

    Only its author may change a comment, and only while it is bound to something.

    :param record_id: the comment's record id
    :param comment: the new text; BB codes such as ``[b]bold[/b]`` are allowed
    :param files: files that replace those it has: paths, or mappings of ``path`` and ``name``; left out, it
        keeps them
    :param item: the CRM item on which the comment is to change, where it is bound to several
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an id, an item, a text or a file; nothing was sent
    :raises NotFoundError: there is no such record, it is not on the item, or it is bound to nothing
    :raises AccessDeniedError: the connection's user is not its author, or may not change the item
    :raises AmbiguousWriteError: it is not known whether a copy was made or, without ``item``, on which item
    """

    template_fields: Sequence[str] = (
        "record_id",
        "comment",
        "files",
        "item",
        "entity_type",
        "entity_id",
        "bitrix24_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"item": "json", "files": "json"}

    def __init__(
        self,
        *,
        record_id: IdLike,
        comment: TextLike,
        files: FilesLike | None = NOT_GIVEN,
        item: ItemLike | None = NOT_GIVEN,
        entity_type: TextLike | None = NOT_GIVEN,
        entity_id: IdLike | None = NOT_GIVEN,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.take_comment(record_id, item, entity_type, entity_id)
        self.comment = comment
        self.files = or_none(files)
        self.arguments.note(comment=comment, files=files)
        self.arguments.check_literals(comment=check_text)

    def execute(self, context: Context) -> int:
        """Change the comment."""
        with self.traced(context), self.deferring():
            self.arguments.check_not_lost(self, "files")
            record_id = parse_id(self.record_id, "record_id")
            item = self.parse_item()
            files = None if self.files is None else read_files(self.files)
            fields = comment_fields(self.comment, files)
            progress = self.progress_of(context, [record_id, fields, str(item)])
            cut = self.hook.request_cut
            plan = update_comment(record_id, fields["COMMENT"], files, item, progress, cut=cut)
            done = self.hook.carry_out(plan, progress)
            progress.delete()
        found = done.subject.record_id
        if done.status == UPDATED_EVERYWHERE:
            self.log.warning(
                "Comment %s is on several items, and the portal changed it on all of them: it may go by the "
                "bindings of up to an hour ago.",
                record_id,
            )
        elif found == record_id:
            self.log.info("Comment %s holds the new text.", record_id)
        else:
            self.log.warning(
                "Comment %s is on several items: its copy %s%s holds the new text, "
                "the comment keeps the old one.",
                record_id,
                found,
                f" on {item}" if item else "",
            )
        return found


class DeleteTimelineCommentOperator(_CommentOperator):
    """Delete a comment (``crm.timeline.comment.delete``), or remove it from one of several items.

    If the comment is bound to several items, the task removes it from one of them
    (``crm.timeline.bindings.unbind``), and it stays on the others. ``item`` has to name that item; without it
    the error is the API's ``MULTIPLE_BINDINGS``. Running the task twice is safe.

    The result is ``ID`` and ``STATUS``, which is ``deleted``, ``unbound`` where it stays on other items, or
    ``not_found`` where there is no such record, or it is not on ``item``.

    :param record_id: the comment's record id
    :param item: the CRM item from which it is to go, where it is bound to several
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :param missing_ok: whether a comment that is not there counts as done
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an id or an item; nothing was sent
    :raises FinalRejectionError: it is bound to several items, and ``item`` is not given
    :raises NotFoundError: it is not there, and ``missing_ok`` is ``False``; or it is bound to nothing, so
        that the portal cannot delete it
    :raises AccessDeniedError: the connection's user may not change the item or, where the comment itself is
        to be deleted, is neither its author nor an administrator
    """

    template_fields: Sequence[str] = ("record_id", "item", "entity_type", "entity_id", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"item": "json"}

    def __init__(
        self,
        *,
        record_id: IdLike,
        item: ItemLike | None = NOT_GIVEN,
        entity_type: TextLike | None = NOT_GIVEN,
        entity_id: IdLike | None = NOT_GIVEN,
        missing_ok: bool = True,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.take_comment(record_id, item, entity_type, entity_id)
        self.missing_ok = check_flag(missing_ok, "missing_ok")

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete the comment."""
        with self.traced(context), self.deferring():
            record_id = parse_id(self.record_id, "record_id")
            item = self.parse_item()
            progress = self.progress_of(context, [record_id, str(item)])
            cut = self.hook.request_cut
            plan = delete_comment(record_id, item, progress, missing_ok=self.missing_ok, cut=cut)
            done = self.hook.carry_out(plan, progress)
            progress.delete()
        self.log.info(_DELETED[done.status], record_id)
        return done.to_json()


#: what happened to a comment that was to be deleted, in words
_DELETED = {
    "deleted": "Comment %s is deleted.",
    "unbound": "Comment %s was removed from the item and stays on others.",
    "not_found": "Comment %s was not there.",
}
