"""Calls about comments, and how a comment's text compares."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from airflow_provider_bitrix24.crm.inputs import check_text
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.rest.calls import Call

#: what is needed of a comment to tell it from others
_WHAT_TELLS = ["ID", "CREATED", "COMMENT", "AUTHOR_ID"]


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
    return Call("crm.timeline.comment.list", {"filter": item.row(), **more})


def newest_comments_call(item: CrmItem) -> Call:
    """Return the call for an item's newest comments, with all that tells one from another.

    :param item: the item
    """
    return comments_call(item, order={"ID": "DESC"}, select=_WHAT_TELLS, start=0)


def plain(text: str) -> str:
    """Return a text as it compares: the portal trims it, and may write marks in their HTML form."""
    return html.unescape(text).replace("\r\n", "\n").strip()
