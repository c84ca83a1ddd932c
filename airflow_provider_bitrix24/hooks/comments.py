"""What the hook offers for comments and log messages."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.crm.comments import Comment, add_comments, parse_comments
from airflow_provider_bitrix24.crm.editing import Edited, delete_comment, update_comment
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.logmessages import log_message_call, log_message_id
from airflow_provider_bitrix24.crm.timeline_bindings import comment_call, comment_fields
from airflow_provider_bitrix24.hooks.attachments import read_files
from airflow_provider_bitrix24.hooks.doors import Doors
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.outcomes import (
    ONCE_IN_FLIGHT,
    BulkResult,
    FailOn,
    check_fail_on,
    check_in_flight,
)
from airflow_provider_bitrix24.rest.progress import Progress


class CommentMethods(Doors):
    """The comment methods of :class:`~airflow_provider_bitrix24.hooks.bitrix24.Bitrix24Hook`."""

    def add_timeline_comment(self, item: Any, comment: str, *, files: Any = ()) -> int:
        """Add a comment to an item's timeline and return its record id (``crm.timeline.comment.add``).

        :param item: the CRM item, such as ``("deal", 10)``
        :param comment: the text; BB codes are allowed
        :param files: paths of files that hang on it, local or in object storage
        :raises InvalidInputError: not an item, or an empty text; nothing was sent
        :raises AmbiguousWriteError: it is not known whether the comment was added
        """
        with joined():
            call = comment_call(CrmItem.parse(item), comment, files=read_files(files))
            return int(self.get_conn().call_reply(call).result)

    def add_timeline_comments(
        self, rows: Any, *, fail_on: FailOn = "any", max_in_flight: int = ONCE_IN_FLIGHT
    ) -> list[dict[str, Any]]:
        """Add comments to the timelines of items (``crm.timeline.comment.add``).

        A comment of which it is not known whether it was added is looked up a minute later, when the portal
        can no longer be adding it, and sent again only if it is not there.

        :param rows: mappings of ``item`` (or ``entity_type`` and ``entity_id``) and ``comment``
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 comments each, may be under way at once: 1 to 20; above
            1 the comments of one item may come in another order
        :return: for each comment, in order, its ``ID``, the item's ``ENTITY_TYPE`` and ``ENTITY_ID``, and
            ``STATUS``: ``added`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: one of them is not a comment; nothing was sent
        :raises Bitrix24Error: comments failed; its ``outcomes`` hold what became of each
        """
        with joined():
            check_fail_on(fail_on)
            check_in_flight(max_in_flight)
            return self.comment_many(parse_comments(rows), Progress(), max_in_flight).check(fail_on)

    def comment_many(self, comments: list[Comment], progress: Progress, max_in_flight: int) -> BulkResult:
        """Add comments, each of them once in all tries.

        :param comments: the comments
        :param progress: what is known of them, kept up to date
        :param max_in_flight: how many requests may be under way at once
        """
        if not comments:
            return BulkResult([], [])
        with joined():
            client = self.get_conn()
            plan = add_comments(comments, progress, cut=client.session.policy.cut)
            outcomes = client.carry_out(plan, progress, in_flight=max_in_flight)
            failed = [
                (f"rows[{position}]", done.error)
                for position, done in enumerate(outcomes)
                if done.error is not None
            ]
            return BulkResult([outcome.to_json() for outcome in outcomes], failed)

    def update_timeline_comment(
        self, record_id: Any, comment: str, *, files: Any = None, item: Any = None
    ) -> int:
        """Change a comment's text (``crm.timeline.comment.update``) and return the record that holds it now.

        Of a comment that is bound to several items Bitrix24 makes a copy: one of the items gets a record with
        another id and the new text, and the old record stays on the others as it was.

        :param record_id: the comment
        :param comment: the new text; BB codes are allowed
        :param files: paths of files that replace those it has; ``None`` keeps them
        :param item: on which item the comment is to change, where it is bound to several; left out, the
            portal chooses one, and another call chooses another
        :raises InvalidInputError: not an id, an item or a text; nothing was sent
        :raises NotFoundError: there is no such record, or it is not on the item
        :raises AccessDeniedError: the connection's user is not its author
        """
        with joined():
            comment_fields(comment)
            number = parse_id(record_id, "record_id")
            where = None if item is None else CrmItem.parse(item)
            contents = None if files is None else read_files(files)
            return self.update_comment(number, comment, contents, where, Progress()).record_id

    def update_comment(
        self,
        record_id: int,
        text: str,
        files: tuple[tuple[str, str], ...] | None,
        item: CrmItem | None,
        progress: Progress,
    ) -> Edited:
        """Change a comment.

        :param record_id: the comment
        :param text: its new text
        :param files: its new files: name and content in base64
        :param item: on which item it is to change
        :param progress: what is known of an earlier try
        """
        with joined():
            client = self.get_conn()
            cut = client.session.policy.cut
            return client.carry_out(update_comment(record_id, text, files, item, progress, cut=cut), progress)

    def delete_timeline_comment(
        self, record_id: Any, *, item: Any = None, missing_ok: bool = True
    ) -> dict[str, Any]:
        """Delete a comment, or take it off one of several items (``crm.timeline.comment.delete``).

        :param record_id: the comment
        :param item: from which item it is to go, needed where it is bound to several
        :param missing_ok: whether a comment that is not there counts as done
        :return: its ``ID`` and ``STATUS``: ``deleted``, ``unbound`` where it stays on others, or
            ``not_found``
        :raises InvalidInputError: not an id or an item; nothing was sent
        :raises RejectedError: it is bound to several items, and none is given
        :raises NotFoundError: there is no such record, and ``missing_ok`` is ``False``; or it is bound to
            nothing, so that it cannot be deleted
        :raises AccessDeniedError: the connection's user is neither its author nor an administrator
        """
        with joined():
            number = parse_id(record_id, "record_id")
            where = None if item is None else CrmItem.parse(item)
            done = self.delete_comment(number, where, missing_ok, Progress())
            return {"ID": done.record_id, "STATUS": done.status}

    def delete_comment(
        self, record_id: int, item: CrmItem | None, missing_ok: bool, progress: Progress
    ) -> Edited:
        """Delete a comment, or take it off one of several items.

        :param record_id: the comment
        :param item: from which item it is to go
        :param missing_ok: whether a comment that is not there counts as done
        :param progress: what is known of an earlier try
        """
        with joined():
            client = self.get_conn()
            cut = client.session.policy.cut
            plan = delete_comment(record_id, item, progress, missing_ok=missing_ok, cut=cut)
            return client.carry_out(plan, progress)

    def add_timeline_log_message(self, item: Any, title: str, text: str, *, icon_code: str = "info") -> int:
        """Add a log message to an item's timeline and return its record id (``crm.timeline.logmessage.add``).

        :param item: the CRM item, such as ``("deal", 10)``
        :param title: its heading
        :param text: its text
        :param icon_code: the icon beside it, such as ``info``, ``call``, ``check`` or ``attention``
        :raises InvalidInputError: not an item or a text; nothing was sent
        :raises AmbiguousWriteError: it is not known whether it was added
        """
        with joined():
            call = log_message_call(CrmItem.parse(item), title, text, icon_code)
            return log_message_id(self.get_conn().call_reply(call).result)
