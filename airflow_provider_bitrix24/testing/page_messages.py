"""The page's column of messages and notifications, newest first."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from .page_timeline import Entry, render

if TYPE_CHECKING:
    from .messages import Message
    from .world import World

_MOST = 30
_KINDS = {"personal": "notification", "system": "system_notification", "message": "message"}


def messages(world: World) -> str:
    """Return the column; empty if nothing was sent. The caller holds the lock."""
    sent = world.messenger.messages
    if not sent:
        return ""
    shown = "".join(
        render(world, _entry(world, message), None) for message in islice(reversed(sent.values()), _MOST)
    )
    more = f'<div class="dim">and {len(sent) - _MOST} older ones</div>' if len(sent) > _MOST else ""
    return (
        f'<section class="other"><h2>Messages<span class="dim">{len(sent)}</span></h2>'
        f'<article id="messages"><ol class="timeline">{shown}</ol>{more}</article></section>'
    )


def _entry(world: World, message: Message) -> Entry:
    recipient = world.users.get(int(message.dialog)) if message.dialog.isdecimal() else None
    name = (recipient.name if recipient else "") or message.dialog
    return Entry(
        f"message-{message.message_id}",
        message.created,
        message.message_id,
        "system_message" if message.system else _KINDS[message.kind],
        "comment",
        message.author_id,
        message.text,
        [],
        notes=[f"to {name}", *(["with an attachment"] if message.attach else [])],
    )
