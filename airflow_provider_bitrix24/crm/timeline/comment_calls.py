"""Calls about comments, and how a comment's text compares."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

import pendulum

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import check_text
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError

#: what is needed of a comment to tell it from others
_WHAT_TELLS = ["ID", "CREATED", "COMMENT", "AUTHOR_ID"]
_LIST = "crm.timeline.comment.list"


class ListedComment(NamedTuple):
    """A comment as the newest comments of an item show it.

    :param number: its id
    :param created: Unix time at which it was written
    :param date: the same as the portal writes it
    :param author: the id of who wrote it, as the portal writes it
    :param text: its text, as :func:`plain` returns it
    """

    number: int
    created: float
    date: str
    author: str
    text: str

    @classmethod
    def of(cls, row: Any) -> ListedComment:
        """Return the comment in a row of a page.

        :param row: the row
        :raises UnexpectedResultError: it lacks what tells a comment from others
        """
        try:
            number, date, author = parse_id(row["ID"], "ID"), str(row["CREATED"]), str(row["AUTHOR_ID"])
            created = pendulum.parse(date).timestamp()  # type: ignore[union-attr]  # a span has no such method
            return cls(number, created, date, author, plain(str(row["COMMENT"] or "")))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, InvalidInputError):
            raise UnexpectedResultError("a comment without id, author, date or text", method=_LIST) from None


def comment_call(
    item: CrmItem, comment: Any, field: str = "comment", files: Sequence[tuple[str, str]] = ()
) -> Call:
    """Return the call of ``crm.timeline.comment.add``.

    :param item: the item on whose timeline the comment is to stand
    :param comment: its text
    :param field: where it stands, for the message
    :param files: its files: name and content in base64
    :raises InvalidInputError: there is no text
    """
    fields = {**item.row(), **comment_fields(comment, files or None, field)}
    return Call("crm.timeline.comment.add", {"fields": fields})


def comment_fields(
    comment: Any, files: Sequence[tuple[str, str]] | None = None, field: str = "comment"
) -> dict[str, Any]:
    """Return what a comment is made of, under the API's keys.

    :param comment: its text
    :param files: its files: name and content in base64
    :param field: where the text stands, for the message
    :raises InvalidInputError: there is no text
    """
    fields: dict[str, Any] = {"COMMENT": check_text(comment, field)}
    if files is not None:
        fields["FILES"] = [list(file) for file in files]
    return fields


def comments_call(item: CrmItem, **more: Any) -> Call:
    """Return the call of ``crm.timeline.comment.list`` for an item.

    :param item: the item
    :param more: further parameters, such as ``select``
    """
    return Call(_LIST, {"filter": item.row(), **more})


def newest_comments_call(item: CrmItem) -> Call:
    """Return the call for an item's newest comments, with all that tells one from another.

    :param item: the item
    """
    return comments_call(item, order={"ID": "DESC"}, select=_WHAT_TELLS, start=0)


def plain(text: str) -> str:
    """Return a text as it compares: the portal trims it, and may write marks in their HTML form."""
    return html.unescape(text).replace("\r\n", "\n").strip()
