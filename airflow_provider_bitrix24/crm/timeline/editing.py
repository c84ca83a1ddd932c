"""Changing and deleting comments. Bitrix24 treats comments on several items in surprising ways.

An update does not change a comment that is bound to several items: one item gets a copy with the new text and
an id of its own, and the comment leaves that item. A deletion removes a comment from one item as long as
there are others. So both do something else when they are repeated, and these plans read the state first.

Both methods may also use bindings that the portal has remembered for up to an hour, and then change or delete
the comment on all its items. So a comment that stays on other items is unbound, not deleted, and an update
that changed it everywhere says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.listing import read_list
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.bindings import UNBOUND
from airflow_provider_bitrix24.crm.timeline.comment_calls import comment_fields, comments_call, plain
from airflow_provider_bitrix24.crm.timeline.records import Record, check_record, read_records
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AmbiguousWriteError,
    FinalRejectionError,
    InvalidInputError,
    NotFoundError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.plans import Plan, Wait, Work
from airflow_provider_bitrix24.rest.progress import Progress

UPDATED = "updated"
UPDATED_EVERYWHERE = "updated_everywhere"
COPIED = "copied"
DELETED = "deleted"
NOT_FOUND = "not_found"

_UPDATE = "crm.timeline.comment.update"
_DELETE = "crm.timeline.comment.delete"
#: the code of a record that is not there, or not where it was to be changed
_GONE = "NOT_FOUND"
#: how often what proved not to be carried out is sent again
_ROUNDS = 3
_REMEMBERED = "The portal may go by the comment's earlier bindings for up to an hour: try again then."
#: errors of a record that was seen with its bindings right before
_CONTRADICTIONS = {
    "OWNER_NOT_FOUND": _REMEMBERED,
    "MULTIPLE_BINDINGS": _REMEMBERED,
    _GONE: "The record exists, but it may be no comment: no other record can be changed or deleted so.",
}


@dataclass(frozen=True)
class EditedComment:
    """A comment that was to be changed or deleted.

    :param record_id: the record that was meant, or its copy
    """

    record_id: int

    def row(self) -> dict[str, Any]:
        """Return it under the API's keys."""
        return {"ID": self.record_id}


Edited = ItemOutcome[EditedComment]


def update_comment(
    record_id: int,
    text: str,
    files: Sequence[tuple[str, str]] | None,
    item: CrmItem | None,
    progress: Progress,
    *,
    cut: float,
) -> Plan[Edited]:
    """Change a comment, on one item where it is bound to several.

    :param record_id: the comment
    :param text: its new text
    :param files: its new files, name and content each; ``None`` keeps those it has
    :param item: the item on which it is to change
    :param progress: what is known of an earlier try
    :param cut: seconds after which the portal carries out nothing more of a request
    :return: which record holds the new text
    :raises NotFoundError: there is no such record, or it is not on the item
    :raises AmbiguousWriteError: an earlier try may have made a copy, and it cannot be told where
    """
    if item is None:
        return (yield from _update_anywhere(record_id, text, files, progress))
    for _ in range(_ROUNDS):
        yield from settle(progress, cut)
        record = yield from _existing(record_id)
        if not record.is_on(item):
            copy = yield from _copy_on(item, text)
            if copy is None:
                raise _not_on(item, record_id, _UPDATE)
            return ItemOutcome(EditedComment(copy), COPIED)
        several = len(record.bound_to) > 1
        call = _update_call(record_id, text, files, item if several else None)
        [outcome] = yield Work([call], [0])
        if not isinstance(outcome.error, AmbiguousWriteError):
            break  # otherwise the next look tells whether it was carried out
    return _updated(record_id, outcome, several)


def _update_anywhere(
    record_id: int, text: str, files: Sequence[tuple[str, str]] | None, progress: Progress
) -> Plan[Edited]:
    """Change a comment where the portal chooses on which of its items."""
    record = yield from _existing(record_id)
    several = len(record.bound_to) > 1
    if several and progress.doubtful:
        raise AmbiguousWriteError(
            f"an earlier try may have made a copy of comment {record_id} on one of its items",
            method=_UPDATE,
            remedy="Look at the items, and give item to say on which one the comment is to change.",
        )
    call = _update_call(record_id, text, files, None)
    [outcome] = yield Work([call if several else replace(call, repeatable=True)], [0])
    return _updated(record_id, outcome, several)


def _update_call(
    record_id: int, text: str, files: Sequence[tuple[str, str]] | None, item: CrmItem | None
) -> Call:
    return Call(_UPDATE, {"id": record_id, "fields": comment_fields(text, files), **_owner(item)})


def _updated(record_id: int, outcome: Outcome, several: bool) -> Edited:
    number = int(_result(outcome))
    if number != record_id:
        return ItemOutcome(EditedComment(number), COPIED)
    return ItemOutcome(EditedComment(number), UPDATED_EVERYWHERE if several else UPDATED)


def _result(outcome: Outcome) -> Any:
    """Return a result, or say what may be behind an error that contradicts what was read before.

    :raises Bitrix24Error: the call failed
    """
    error = outcome.error
    if error is not None and error.code in _CONTRADICTIONS:
        raise error.but(remedy=_CONTRADICTIONS[error.code])
    return outcome.unwrap()


def delete_comment(
    record_id: int, item: CrmItem | None, progress: Progress, *, missing_ok: bool, cut: float
) -> Plan[Edited]:
    """Delete a comment, or take it off one of several items.

    :param record_id: the comment
    :param item: the item from which it is to go, needed where it is bound to several
    :param progress: what is known of an earlier try
    :param missing_ok: whether a comment that is not there counts as done
    :param cut: seconds after which the portal carries out nothing more of a request
    :raises NotFoundError: there is no such record, or it is not on the item
    :raises FinalRejectionError: it is bound to several items, and none is given
    """
    for _ in range(_ROUNDS):
        yield from settle(progress, cut)
        try:
            record = yield from _existing(record_id)
            if item is not None and not record.is_on(item):
                if progress.unclear:
                    return ItemOutcome(
                        EditedComment(record_id), UNBOUND
                    )  # it was on the item when that was sent
                raise _not_on(item, record_id, _DELETE)
        except NotFoundError as error:
            if error.code == _GONE and progress.unclear:
                return ItemOutcome(EditedComment(record_id), DELETED)  # it was there when that was sent
            if error.code == _GONE and missing_ok:
                return ItemOutcome(EditedComment(record_id), NOT_FOUND)
            raise
        several = len(record.bound_to) > 1
        if several and item is None:
            raise _several(record_id, record)
        call = _delete_call(record_id, item if several else None)
        # sent again, what is gone counts as done, but another try could not tell by whom
        again = missing_ok and not several
        [outcome] = yield Work([replace(call, repeatable=again)], [0])
        if not isinstance(outcome.error, AmbiguousWriteError):
            break  # otherwise the next look tells whether it was carried out
    if several and missing_ok and isinstance(outcome.error, NotFoundError):
        return ItemOutcome(EditedComment(record_id), NOT_FOUND)  # somebody took it off since it was read
    _result(outcome)
    return ItemOutcome(EditedComment(record_id), UNBOUND if several else DELETED)


def _delete_call(record_id: int, item: CrmItem | None) -> Call:
    if item is None:
        return Call(_DELETE, {"id": record_id})
    return TimelineBinding(record_id, item).unbind_call()


def settle(progress: Progress, cut: float) -> Plan[None]:
    """Wait until the portal can no longer be carrying out what an earlier try sent.

    :param progress: what is known of it
    :param cut: seconds after which the portal carries out nothing more of a request
    """
    if not progress.unclear:
        return
    left = max(span.last for span in progress.unclear.values()) + cut - progress.now()
    if left > 0:
        yield Wait(left, "an earlier try may still be under way at the portal")


def _existing(record_id: int) -> Plan[Record]:
    """Read a record that can be changed.

    :raises NotFoundError: it does not exist, or is bound to nothing
    """
    records = yield from read_records([record_id])
    record = records[record_id]
    check_record(record_id, record)
    if not record.bound_to:
        raise NotFoundError(
            f"timeline record {record_id} is bound to no item, so it can be neither changed nor deleted",
            code="NO_BINDING",
            method="crm.timeline.bindings.list",
            remedy="Bind it to an item first.",
        )
    return record


def _copy_on(item: CrmItem, text: str) -> Plan[int | None]:
    """Return the newest of the user's own comments on an item that has a text, where there is one."""
    call = comments_call(item)
    rows = yield from read_list(call)
    [profile] = yield Work([Call("profile")])
    me = _user_of(profile)
    try:
        same = [
            parse_id(row["ID"], "ID")
            for row in rows
            if str(row["AUTHOR_ID"]) == me and plain(str(row["COMMENT"])) == plain(text)
        ]
    except (KeyError, TypeError, InvalidInputError):
        raise UnexpectedResultError("a comment without id, author or text", method=call.method) from None
    return max(same, default=None)


def _user_of(profile: Outcome) -> str:
    try:
        return str(parse_id(profile.unwrap()["ID"], "ID"))
    except (KeyError, TypeError, InvalidInputError):
        raise UnexpectedResultError("a user without id", method="profile") from None


def _owner(item: CrmItem | None) -> dict[str, Any]:
    return {} if item is None else {"ownerTypeId": item.type_id, "ownerId": item.entity_id}


def _not_on(item: CrmItem, record_id: int, method: str) -> NotFoundError:
    return NotFoundError(f"timeline record {record_id} is not on {item}", code=_GONE, method=method)


def _several(record_id: int, record: Record) -> FinalRejectionError:
    items = ", ".join(f"{entity_type} {number}" for entity_type, number in sorted(record.bound_to)[:5])
    return FinalRejectionError(
        f"comment {record_id} is bound to several items: {items}",
        code="MULTIPLE_BINDINGS",
        method=_DELETE,
        remedy="Give item to take it off one of them, or unbind the others first.",
    )
