"""Operators for comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context

from airflow_provider_bitrix24.crm.comments import Comment, parse_comments
from airflow_provider_bitrix24.crm.editing import UPDATED_EVERYWHERE
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline_bindings import TimelineBinding, comment_fields, parse_items
from airflow_provider_bitrix24.hooks.attachments import read_files
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.outcomes import DEFAULT_IN_FLIGHT, ONCE_IN_FLIGHT, BulkResult
from airflow_provider_bitrix24.links.card import CrmCardLink
from airflow_provider_bitrix24.operators.base import UNSET, check_flag, optional, or_none, pushing_outcomes
from airflow_provider_bitrix24.operators.bulk import BulkOperator, Rows, counted
from airflow_provider_bitrix24.operators.deferring import DeferringOperator
from airflow_provider_bitrix24.operators.item import ItemOperator
from airflow_provider_bitrix24.operators.progress import progress_for
from airflow_provider_bitrix24.rest.progress import Progress


class AddTimelineCommentOperator(ItemOperator):
    """Add a comment to a CRM item's timeline (``crm.timeline.comment.add``) and return its record id.

    Bitrix24 has no way to add a comment only once, so after a failure that leaves open whether it was added
    the task fails with ``AmbiguousWriteError`` and is not retried. If its worker was killed meanwhile, or the
    comment was added and could not be bound, the next try looks it up as
    :class:`AddTimelineCommentsOperator` does.

    :param item: the CRM item: ``("deal", 10)``, ``{"entity_type": "deal", "entity_id": 10}`` or ``"D_10"``
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :param comment: the text; BB codes such as ``[b]bold[/b]`` are allowed
    :param files: files that hang on it: paths, local or in object storage such as ``s3://conn@bucket/a.pdf``,
        or mappings of ``path`` and ``name``
    :param bind_to: further CRM items on which it is to show (``crm.timeline.bindings.bind``); when one of
        these fails, what became of each stands in XCom under the key ``outcomes``
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an item, an empty text, or a file that cannot be read; nothing was sent
    :raises AccessDeniedError: the connection's user may not change the item
    :raises AmbiguousWriteError: it is not known whether the comment was added
    """

    template_fields: Sequence[str] = (*ItemOperator.template_fields, "comment", "files", "bind_to")
    template_fields_renderers = {"item": "json", "files": "json", "bind_to": "json"}  # noqa: RUF012 - Airflow's

    def __init__(
        self,
        *,
        comment: Any,
        files: Any = UNSET,
        bind_to: Any = UNSET,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.comment = comment
        self.files = or_none(files)
        self.bind_to = or_none(bind_to)
        self._given = optional(self, files=files, bind_to=bind_to)
        self.remember_sources(comment=comment, files=files, bind_to=bind_to)

    def execute(self, context: Context) -> int:
        """Add the comment and bind it."""
        with self.traced(), self.deferring():
            comment, further = self._parse()
            hook = self.hook
            self.link_card(hook, comment.item)
            progress = progress_for(self, context, hook, comment.call().params)
            record_id = _add(hook, comment, progress)
        self.log.info("Timeline record %s was added to %s.", record_id, comment.item)
        self._bind(context, hook, record_id, further)
        progress.delete()
        return record_id

    def go_on(self, context: Context, kept: Mapping[str, Any]) -> int:
        """Bind the comment if it is added already, else begin.

        :param kept: under ``record_id`` the comment, where it is added
        """
        record_id: int | None = kept.get("record_id")
        if record_id is None:
            return self.execute(context)
        with self.traced():
            comment, further = self._parse()
            hook = self.hook
            self.link_card(hook, comment.item)
            progress = progress_for(self, context, hook, comment.call().params)
        self._bind(context, hook, record_id, further)
        progress.delete()
        return record_id

    def _parse(self) -> tuple[Comment, list[CrmItem]]:
        """Return the comment and the further items on which it is to show."""
        self._given.check(self)
        item = self.parse_item()
        comment_fields(self.comment)
        further = [] if self.bind_to is None else parse_items(self.bind_to, "bind_to")
        files = () if self.files is None else read_files(self.files)
        return Comment(item, self.comment, files), further

    def _bind(self, context: Context, hook: Bitrix24Hook, record_id: int, items: list[CrmItem]) -> None:
        if not items:
            return
        with self.traced(), self.deferring(lambda: {"record_id": record_id}):
            bindings = [TimelineBinding(record_id, item) for item in items]
            result = hook.bind_many(bindings, Progress(), False, DEFAULT_IN_FLIGHT)
            rows = pushing_outcomes(context, lambda: result.check("any"))
        self.log.info("Bindings: %s", counted(rows, "bound"))


def _add(hook: Bitrix24Hook, comment: Comment, progress: Progress) -> int:
    """Add a comment, unless an earlier try did."""
    if not progress.doubtful:
        return int(hook.call_many([comment.call()], progress, 1)[0].unwrap())
    [row] = hook.comment_many([comment], progress, 1).check("any")
    return int(row["ID"])


class AddTimelineCommentsOperator(BulkOperator):
    """Add many comments to timelines (``crm.timeline.comment.add``), each of them once.

    A comment of which it is not known whether it was added, because the answer was lost or the task was
    killed, is looked up when the portal can no longer be adding it, by item, author and text, and sent again
    only if it is not there. Where there are more comments like it than may have been added, it fails with
    ``AmbiguousWriteError``. On Airflow below 3.3, which keeps no progress, all comments are looked up so when
    the task is tried again.

    The result is one mapping for each comment, in order: ``ID`` of its timeline record, ``ENTITY_TYPE``,
    ``ENTITY_ID`` and ``STATUS``, which is ``added``, or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``.
    When the task fails, the same list stands in XCom under the key ``outcomes``.

    :param rows: mappings of ``item`` (or ``entity_type`` and ``entity_id``) and ``comment``
    :param fail_on: fail if ``any`` or ``all`` of the comments failed, or ``never``
    :param max_in_flight: how many requests, of 50 comments each, may be under way at once: 1 to 20; above 1
        the comments of one item may come in another order
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: one of them is not a comment; nothing was sent
    :raises AccessDeniedError: the connection's user may not change an item
    :raises AmbiguousWriteError: it cannot be told whether a comment was added
    """

    template_fields: Sequence[str] = ("rows", "bitrix24_conn_id")
    template_fields_renderers = {"rows": "json"}  # noqa: RUF012 - Airflow's declaration
    noun = "comments"

    def __init__(self, *, rows: Any, max_in_flight: int = ONCE_IN_FLIGHT, **kwargs: Any) -> None:
        super().__init__(max_in_flight=max_in_flight, **kwargs)
        self.rows = rows
        self.remember_sources(rows=rows)

    def parse(self) -> list[Comment]:
        """Return the comments to add."""
        return parse_comments(self.rows)

    def fingerprint(self, items: Sequence[Comment]) -> Any:
        """Return what tells these comments from others."""
        return [comment.call().params for comment in items]

    def carry_out(self, hook: Bitrix24Hook, items: Sequence[Comment], progress: Progress) -> BulkResult:
        """Add the comments."""
        return hook.comment_many(list(items), progress, self.max_in_flight)

    def report(self, rows: Rows) -> None:
        """Log what became of the comments."""
        self.log.info("Comments: %s", counted(rows, "added", "failed"))


class UpdateTimelineCommentOperator(DeferringOperator):
    """Change a comment's text (``crm.timeline.comment.update``) and return the record that holds it now.

    **A comment that is bound to several items is not changed.** Bitrix24 makes a copy of it: one of the items
    gets a record with another id and the new text, and the old record stays on the others as it was. The
    result is the id of the record that holds the new text; where that is a copy, the log says so. Give
    ``item`` to say on which item the text is to change. Then running it twice is safe, too: the copy that the
    first run made is found by its text. Without ``item`` the portal chooses the item, and a second run
    another one. For up to an hour after a binding was added, the portal may not reckon with it and change the
    comment on all its items; the log tells that as well.

    Only its author may change a comment, and only while it is bound to something.

    :param record_id: the comment's record id
    :param comment: the new text; BB codes such as ``[b]bold[/b]`` are allowed
    :param files: files that replace those it has: paths, or mappings of ``path`` and ``name``; left out, it
        keeps them
    :param item: the CRM item on which the comment is to change, where it is bound to several
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an id, an item, a text or a file; nothing was sent
    :raises NotFoundError: there is no such record, it is not on the item, or it is bound to nothing
    :raises AccessDeniedError: the connection's user is not its author, or may not change the item
    :raises AmbiguousWriteError: it is not known whether a copy was made, and without ``item`` not where
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)
    template_fields: Sequence[str] = ("record_id", "comment", "files", "item", "bitrix24_conn_id")
    template_fields_renderers = {"item": "json", "files": "json"}  # noqa: RUF012 - Airflow's declaration

    def __init__(
        self, *, record_id: Any, comment: Any, files: Any = UNSET, item: Any = UNSET, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.record_id = record_id
        self.comment = comment
        self.files = or_none(files)
        self.item = or_none(item)
        self._given = optional(self, files=files, item=item)
        self.remember_sources(record_id=record_id, comment=comment, files=files, item=item)

    def execute(self, context: Context) -> int:
        """Change the comment."""
        with self.traced(), self.deferring():
            self._given.check(self)
            record_id = parse_id(self.record_id, "record_id")
            item = None if self.item is None else CrmItem.parse(self.item)
            files = None if self.files is None else read_files(self.files)
            fields = comment_fields(self.comment, files)
            hook = self.hook
            if item is not None:
                self.link_card(hook, item)
            progress = progress_for(self, context, hook, [record_id, fields, str(item)])
            done = hook.update_comment(record_id, self.comment, files, item, progress)
            progress.delete()
        if done.status == UPDATED_EVERYWHERE:
            self.log.warning(
                "Comment %s is on several items, and the portal changed it on all of them: it may go by the "
                "bindings of up to an hour ago.",
                record_id,
            )
        elif done.record_id == record_id:
            self.log.info("Comment %s holds the new text.", record_id)
        else:
            self.log.warning(
                "Comment %s is on several items: its copy %s%s holds the new text, it keeps the old one.",
                record_id,
                done.record_id,
                f" on {item}" if item else "",
            )
        return done.record_id


class DeleteTimelineCommentOperator(DeferringOperator):
    """Delete a comment (``crm.timeline.comment.delete``), or take it off one of several items.

    A comment that is bound to several items is taken off one of them only, which ``item`` has to name
    (``crm.timeline.bindings.unbind``): what is gone there stays on the others. Without ``item`` that is an
    error, in the API's words ``MULTIPLE_BINDINGS``. Running it twice is safe.

    The result is ``ID`` and ``STATUS``, which is ``deleted``, ``unbound`` where it stays on other items, or
    ``not_found`` where there is no such record, or it is not on ``item``.

    :param record_id: the comment's record id
    :param item: the CRM item from which it is to go, where it is bound to several
    :param missing_ok: whether a comment that is not there counts as done
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an id or an item; nothing was sent
    :raises RejectedError: it is bound to several items, and ``item`` is not given
    :raises NotFoundError: it is not there, and ``missing_ok`` is ``False``; or it is bound to nothing, so
        that the portal cannot delete it
    :raises AccessDeniedError: the connection's user may not change the item or, where the comment itself is
        to be deleted, is neither its author nor an administrator
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)
    template_fields: Sequence[str] = ("record_id", "item", "bitrix24_conn_id")
    template_fields_renderers = {"item": "json"}  # noqa: RUF012 - Airflow's declaration

    def __init__(self, *, record_id: Any, item: Any = UNSET, missing_ok: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.record_id = record_id
        self.item = or_none(item)
        self.missing_ok = check_flag(missing_ok, "missing_ok")
        self._given = optional(self, item=item)
        self.remember_sources(record_id=record_id, item=item)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete the comment."""
        with self.traced(), self.deferring():
            self._given.check(self)
            record_id = parse_id(self.record_id, "record_id")
            item = None if self.item is None else CrmItem.parse(self.item)
            hook = self.hook
            if item is not None:
                self.link_card(hook, item)
            progress = progress_for(self, context, hook, [record_id, str(item)])
            done = hook.delete_comment(record_id, item, self.missing_ok, progress)
            progress.delete()
        self.log.info("Comment %s: %s", record_id, done.status)
        return {"ID": done.record_id, "STATUS": done.status}
