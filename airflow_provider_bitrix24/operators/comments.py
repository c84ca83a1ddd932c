"""Operators for comments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import Context

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.existence import check_items
from airflow_provider_bitrix24.crm.inputs import check_text
from airflow_provider_bitrix24.crm.items import CrmItem, parse_items
from airflow_provider_bitrix24.crm.lineage import DataNode
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.comments import (
    ADDED,
    ALREADY_PRESENT,
    AddedComment,
    Comment,
    add_comment,
    add_comments,
    parse_comments,
)
from airflow_provider_bitrix24.crm.timeline.record_binding import bind_records
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.hooks.aliases import (
    CommentsLike,
    FilesLike,
    IdLike,
    ItemLike,
    ItemsLike,
    TextLike,
)
from airflow_provider_bitrix24.hooks.attachments import read_files
from airflow_provider_bitrix24.hooks.bulk import DEFAULT_IN_FLIGHT, FailOn, check_outcomes
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN, or_none, unless_none
from airflow_provider_bitrix24.operators.bulk import BulkOperator, Outcomes, named
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.operators.item import ItemOperator
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress


class AddTimelineCommentOperator(ItemOperator):
    """Add a comment to a CRM item's timeline (``crm.timeline.comment.add``) and return its record id.

    Bitrix24 cannot add a comment idempotently. If the answer is lost, the worker is killed, or the comment
    was added but could not be bound, the task looks the comment up as :class:`AddTimelineCommentsOperator`
    does, and sends it again only if it is not there.

    :param item: the CRM item: ``("deal", 10)``, ``{"entity_type": "deal", "entity_id": 10}`` or ``"D_10"``
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :param comment: the text; BB codes such as ``[b]bold[/b]`` are allowed
    :param files: files to attach: paths, local or in object storage such as ``s3://conn@bucket/a.pdf``, or
        mappings of ``path`` and ``name``
    :param bind_to: further CRM items that show it (``crm.timeline.bindings.bind``); if one of these bindings
        fails, XCom holds the outcome of each under the key ``outcomes``
    :param check_item: whether an item that does not exist is an error; without, Bitrix24 stores a comment
        that nobody sees, if the connection's user is an administrator
    :param unless_present: look first whether the connection's user has already written this text on the
        item; then nothing is added, and the result is that record's id
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an item, an empty text, or a file that cannot be read; nothing was sent
    :raises NotFoundError: an item does not exist
    :raises AccessDeniedError: the connection's user may not change the item
    :raises AmbiguousWriteError: it cannot be told whether the comment was added
    """

    has_steps = True
    writes = ("crm.timeline.comment",)
    template_fields: Sequence[str] = (*ItemOperator.template_fields, "comment", "files", "bind_to")
    template_fields_renderers: ClassVar[dict[str, str]] = {"item": "json", "files": "json", "bind_to": "json"}

    def __init__(
        self,
        *,
        comment: TextLike,
        item: ItemLike = NOT_GIVEN,
        entity_type: TextLike = NOT_GIVEN,
        entity_id: IdLike = NOT_GIVEN,
        files: FilesLike | None = NOT_GIVEN,
        bind_to: ItemsLike | None = NOT_GIVEN,
        check_item: bool = True,
        unless_present: bool = False,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.take_item(item, entity_type, entity_id)
        self.comment = comment
        self.files = or_none(files)
        self.bind_to = or_none(bind_to)
        self.check_item = check_flag(check_item, "check_item")
        self.unless_present = check_flag(unless_present, "unless_present")
        self.arguments.note(comment=comment, files=files, bind_to=bind_to)
        self.arguments.check_literals(comment=check_text, bind_to=unless_none(parse_items))

    def written_nodes(self) -> list[DataNode]:
        """Return the comments, and the bindings where there are further items."""
        further = () if self.bind_to is None else ("crm.timeline.bindings",)
        return [self.dataset_node(name) for name in (*self.writes, *further)]

    def execute(self, context: Context) -> int:
        """Add the comment and bind it."""
        with self.traced(context), self.deferring():
            comment, further = self._parse()
            self.link_card(comment.item)
            progress = self.progress_of(context, comment.call().params)
            if self.check_item:
                self.check_first(check_items(_places(comment.item, further)), progress)
            record_id = self._add(comment, progress)
            bindings = [TimelineBinding(record_id, item) for item in further]
            binding = bind_records(bindings, Progress(), check_record=False)
            check_outcomes(self.hook.carry_out(binding, None, DEFAULT_IN_FLIGHT), "any")
            progress.delete()
        if further:
            self.log.info("Timeline record %s now shows on %s, too.", record_id, named(further))
        return record_id

    def _parse(self) -> tuple[Comment, list[CrmItem]]:
        """Return the comment and the further items on which it is to show."""
        self.arguments.check_not_lost(self, "files", "bind_to")
        item = self.parse_item()
        text = check_text(self.comment, "comment")
        further = [] if self.bind_to is None else parse_items(self.bind_to, "bind_to")
        files = () if self.files is None else read_files(self.files)
        return Comment(item, text, files), further

    def _add(self, comment: Comment, progress: Progress) -> int:
        """Add the comment, unless that is done."""
        is_known = bool(progress.known)
        plan = add_comment(comment, progress, cut=self.hook.request_cut, unless_present=self.unless_present)
        record_id, status = self.hook.carry_out(plan, progress)
        if status == ALREADY_PRESENT:
            self.log.info("Timeline record %s on %s holds this text already.", record_id, comment.item)
        elif not is_known:
            self.log.info("Timeline record %s was added to %s.", record_id, comment.item)
        return record_id


def _places(item: CrmItem, further: Sequence[CrmItem]) -> dict[str, CrmItem]:
    """Return items by where they stand in the arguments."""
    return {"item": item, **{f"bind_to[{position}]": other for position, other in enumerate(further)}}


class AddTimelineCommentsOperator(BulkOperator):
    """Add many comments to timelines (``crm.timeline.comment.add``), each of them once.

    If an answer is lost or the task is killed, comments may or may not have been added. The task waits until
    the portal can no longer be adding them, looks for them by item, author and text, and sends again only
    what is not there. If it finds more such comments than it may have added, they fail with
    ``AmbiguousWriteError``. Airflow below 3.3 has no task state store, so there a retry looks all comments
    up.

    The result is one mapping for each comment, in order: ``ID`` of its timeline record, ``ENTITY_TYPE``,
    ``ENTITY_ID`` and ``STATUS``, which is ``added``, ``already_present``, or ``failed`` with ``ERROR`` and
    ``ERROR_DESCRIPTION``. If the task fails, XCom holds the same list under the key ``outcomes``.

    :param rows: mappings of ``item`` (or ``entity_type`` and ``entity_id``) and ``comment``, or
        ``(entity_type, entity_id, comment)`` in this order, as a database cursor gives them
    :param unless_present: look first which of the texts the connection's user has already written on their
        items; these are not added, and their ``ID`` is the newest such record's. Rows that are alike then
        count as one comment
    :param fail_on: fail if ``any`` or ``all`` of the comments failed, or ``never``
    :param max_in_flight: how many requests, of 50 comments each, may be under way at once: 1 to 20; above 1
        the comments of one item may come in another order
    :param pass_through: columns of your own in the rows, such as ``["invoice"]``, for the result
    :param check_item: whether a comment on an item that does not exist fails; without, Bitrix24 stores it
        where nobody sees it, if the connection's user is an administrator
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: with ``fail_on="any"``, rows are not comments; nothing was sent
    :raises NotFoundError: an item does not exist
    :raises AccessDeniedError: the connection's user may not change an item
    :raises AmbiguousWriteError: it cannot be told whether a comment was added
    """

    writes = ("crm.timeline.comment",)
    template_fields: Sequence[str] = ("rows", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"rows": "json"}
    noun = "comments"

    def __init__(
        self,
        *,
        rows: CommentsLike,
        unless_present: bool = False,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        pass_through: Sequence[str] = (),
        check_item: bool = True,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_bulk(fail_on, max_in_flight, pass_through)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.rows = rows
        self.check_item = check_flag(check_item, "check_item")
        self.unless_present = check_flag(unless_present, "unless_present")
        self.arguments.note(rows=rows)
        self.arguments.check_literals(rows=lambda value, name: parse_comments(value, name, **self.parsing))

    def parse(self) -> list[Comment]:
        """Return the comments to add."""
        return parse_comments(self.rows, **self.parsing)

    def fingerprint(self, items: Sequence[Comment]) -> Any:
        """Return what tells these comments from others."""
        return [comment.call().params for comment in items]

    def plan(self, items: Sequence[Comment], progress: Progress) -> Plan[list[ItemOutcome[AddedComment]]]:
        """Return the work: add the comments."""
        return add_comments(
            items,
            progress,
            cut=self.hook.request_cut,
            check_item=self.check_item,
            unless_present=self.unless_present,
        )

    def sentence(self, outcomes: Outcomes) -> str:
        """Return in words which comments were added where."""
        if any(done.status != ADDED for done in outcomes):
            return ""
        added = [f"{done.subject.record_id} to {done.subject.comment.item}" for done in outcomes]
        return f"Timeline {'records' if len(added) > 1 else 'record'} added: {named(added)}."
