"""``im.notify.*`` and ``im.message.add``. Names of parameters may be written in any case."""

from __future__ import annotations

import json
from typing import Any, Literal

from .. import php
from ..errors import RestError
from ..messages import MOST_ATTACHED, MOST_CHARACTERS, Message
from ..world import Call
from .registry import classic


def notify(kind: Literal["personal", "system"], call: Call) -> int | bool:
    """Notify a user; one whom there is not is no error, the answer is just ``false``."""
    params = _params(call)
    recipient = php.int_cast(params.get("USER_ID"))
    if recipient <= 0:
        raise RestError("USER_ID_EMPTY", "User ID can't be empty")
    text, attach = _text(params), _attach(params)
    if not text:
        raise RestError("MESSAGE_EMPTY", "Message can't be empty")
    if recipient not in call.world.users:
        return False
    application = call.identity.via == "application"
    if kind == "system" and application:
        text = f"[B]{call.world.oauth.client_id}[/B]\n{text}"
    return call.world.messenger.add(
        Message(
            0,
            kind,
            str(recipient),
            call.user.user_id if kind == "personal" else 0,
            text,
            call.now,
            attach,
            # Tags of webhooks are ignored.
            php.text(params.get("TAG")) if application else "",
        )
    )


def notify_personal(call: Call) -> int | bool:
    """Notify a user in the caller's name."""
    return notify("personal", call)


def notify_system(call: Call) -> int | bool:
    """Notify a user in the system's name."""
    return notify("system", call)


def notify_delete(call: Call) -> bool:
    """Delete a notification by its number, or those with a tag; tell whether there was any."""
    params, messenger = _params(call), call.world.messenger
    number, tag = php.int_cast(params.get("ID")), php.text(params.get("TAG"))
    if number <= 0 and not tag:
        raise RestError("PARAMS_ERROR", "Incorrect params")
    known = messenger.messages.get(number)
    found = messenger.tagged(tag) if tag else [number] if known and known.kind != "message" else []
    messenger.delete(found)
    return bool(found)


def add_message(call: Call) -> int:
    """Write to a user or into a chat the caller is in."""
    params = _params(call)
    dialog = php.text(params.get("DIALOG_ID")).strip()
    if not dialog:
        raise RestError("CHAT_ID_EMPTY", "Chat ID can't be empty")
    _check_dialog(call, dialog)
    text, attach = _text(params), _attach(params)
    if not text and not attach:
        raise RestError("MESSAGE_EMPTY", "Message can't be empty")
    system = php.text(params.get("SYSTEM")) == "Y"
    message = Message(0, "message", dialog, call.user.user_id, text, call.now, attach, system=system)
    return call.world.messenger.add(message)


def _check_dialog(call: Call, dialog: str) -> None:
    if dialog.startswith(("chat", "sg")):  # there are no groups here, so nobody is in one's chat
        members = call.world.messenger.chats.get(php.int_cast(dialog.removeprefix("chat")), frozenset())
        if call.user.user_id not in members:
            raise RestError("ACCESS_ERROR", "You do not have access to the specified dialog", 403)
    elif php.int_cast(dialog) not in call.world.users:
        raise RestError("USER_NOT_FOUND", "User not found")


def _params(call: Call) -> dict[str, Any]:
    return {name.upper(): value for name, value in call.params.items()}


def _text(params: dict[str, Any]) -> str:
    """Return the trimmed text; what is too long is cut without an error."""
    text = php.text(params.get("MESSAGE")).strip()
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + " (...)"


def _attach(params: dict[str, Any]) -> Any:
    """Return the attachment, which may also come as JSON in a string."""
    attach = params.get("ATTACH")
    if attach in (None, "", [], {}):
        return None
    if isinstance(attach, str):
        attach = php.decode_json(attach.encode())
    if not php.is_array(attach):
        raise RestError("ATTACH_ERROR", "Incorrect attach params")
    if len(json.dumps(attach)) >= MOST_ATTACHED:
        raise RestError("ATTACH_OVERSIZE", "You have exceeded the maximum allowable size of attach")
    return attach


METHODS = (
    classic("im.notify.personal.add", notify_personal, "im"),
    classic("im.notify.system.add", notify_system, "im"),
    classic("im.notify.delete", notify_delete, "im"),
    classic("im.message.add", add_message, "im"),
)
