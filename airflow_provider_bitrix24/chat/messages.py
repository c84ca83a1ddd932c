"""Sending a message: to users as notifications, or into a dialog. Each is sent once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.chat.texts import cut
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, Bitrix24Error, NotFoundError
from airflow_provider_bitrix24.rest.plans import Plan, Work

#: what to do if it is not known whether a message was sent
LOOK = "Look in the chat whether it is there."


@dataclass(frozen=True)
class Message:
    """What is sent.

    :param text: the text; BB codes are allowed
    :param attach: blocks as the API takes them, or a mapping that holds them; ``None`` if there are none
    :param system: whether it comes from the system, and not from the connection's user
    """

    text: str
    attach: Mapping[str, Any] | Sequence[Any] | None = None
    system: bool = False

    def params(self) -> dict[str, Any]:
        """Return what all calls that send it have in common."""
        attach = {"ATTACH": self.attach} if self.attach else {}
        return {"MESSAGE": cut(self.text), **attach}


@dataclass(frozen=True)
class Delivery:
    """What happened to a message for one recipient.

    :param recipient: the user or the dialog, in words
    :param error: why it was not sent, or may not have been; ``None`` if it was sent
    """

    recipient: str
    error: Bitrix24Error | None = None


def notify_users(user_ids: Sequence[int], message: Message) -> Plan[list[Delivery]]:
    """Notify users, and return what happened to each.

    :param user_ids: the users
    :param message: what they are told
    """
    method = "im.notify.system.add" if message.system else "im.notify.personal.add"
    users = dict.fromkeys(user_ids)
    calls = {f"user {user}": Call(method, {"USER_ID": user, **message.params()}) for user in users}
    return (yield from _deliver(calls))


def write_to(dialog_id: str, message: Message) -> Plan[list[Delivery]]:
    """Write into a dialog, and return what happened.

    :param dialog_id: a user's id, or the id of a chat such as ``chat5`` or ``sg7``
    :param message: what is written
    """
    system = {"SYSTEM": "Y"} if message.system else {}
    call = Call("im.message.add", {"DIALOG_ID": dialog_id, **message.params(), **system})
    return (yield from _deliver({f"dialog {dialog_id}": call}))


def _deliver(calls: Mapping[str, Call]) -> Plan[list[Delivery]]:
    outcomes: list[Outcome] = yield Work(list(calls.values()))
    return [
        Delivery(recipient, _error(recipient, outcome))
        for recipient, outcome in zip(calls, outcomes, strict=True)
    ]


def _error(recipient: str, outcome: Outcome) -> Bitrix24Error | None:
    """Return what went wrong; ``false`` is how the API says that it notified nobody."""
    error = outcome.error
    if isinstance(error, AmbiguousWriteError):
        return error.but(remedy=LOOK)
    if outcome.reply is None or outcome.reply.result is not False:
        return error
    return NotFoundError(
        f"the portal answered 'false', so {recipient} was not notified",
        method=outcome.call.method,
        remedy="Check that the user exists and is active.",
    )
