"""Who is notified, and what is attached: from arguments, or from what templates made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import from_json, is_sequence
from airflow_provider_bitrix24.rest.calls import plain_json
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

_MOST_ATTACHED = 60_000
_DIALOG = re.compile(r"(?:chat|sg)?[1-9][0-9]{0,18}")


def parse_users(value: Any) -> list[int]:
    """Return the ids of users.

    :param value: one id, several, or a text of JSON that holds one or several
    :raises InvalidInputError: there are none, or one of them is no id
    """
    if isinstance(value, str) and value.strip().startswith("["):
        value = from_json(value, "user_ids")
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Collection):
        return [parse_id(value.strip() if isinstance(value, str) else value, "user_ids")]
    users = [parse_id(user, f"user_ids[{position}]") for position, user in enumerate(value)]
    if not users:
        raise InvalidInputError("user_ids: the list is empty", remedy="Name at least one user.")
    return users


def parse_dialog(value: Any) -> str:
    """Return a dialog's id.

    :param value: a user's id, or the id of a chat
    :raises InvalidInputError: it is neither
    """
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and _DIALOG.fullmatch(text):
        return text
    if isinstance(text, int) and not isinstance(text, bool):
        return str(parse_id(text, "dialog_id"))
    raise InvalidInputError(
        f"dialog_id: {shown(value)} is not a dialog",
        remedy="Give chat5 for a chat, sg7 for the chat of a group, or a user's id.",
    )


def parse_attach(value: Any) -> Any:
    """Return an attachment.

    :param value: a list of blocks, a mapping that holds them, or either as a text of JSON
    :raises InvalidInputError: it is neither, or too long
    """
    attach = from_json(value, "attach") if isinstance(value, str) else value
    if isinstance(attach, Mapping) or is_sequence(attach):
        length = len(json.dumps(plain_json(attach, "attach")))
        if length < _MOST_ATTACHED:
            return attach
        raise InvalidInputError(
            f"attach: it has {length} characters as JSON",
            remedy=f"Bitrix24 takes fewer than {_MOST_ATTACHED}: shorten its texts.",
        )
    raise InvalidInputError(
        f"attach: a value of the type {type(attach).__name__} is no attachment",
        remedy="Give a list of blocks such as [{'MESSAGE': 'text'}], or a mapping with BLOCKS.",
    )
