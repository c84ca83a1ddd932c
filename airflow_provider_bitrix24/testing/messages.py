"""Chats, messages and notifications."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

MOST_CHARACTERS = 20_000
MOST_ATTACHED = 60_000


@dataclass
class Message:
    """A message in a dialog, or a notification to a user.

    :param kind: ``personal`` and ``system`` are notifications
    :param dialog: the recipient's number, or ``chat5``
    :param author_id: who it comes from, 0 for the system
    :param system: whether a message in a dialog is shown as the system's
    """

    message_id: int
    kind: Literal["message", "personal", "system"]
    dialog: str
    author_id: int
    text: str
    created: float
    attach: Any = None
    tag: str = ""
    system: bool = False


@dataclass
class Messenger:
    """All messages of a portal, and who is in which chat."""

    messages: dict[int, Message] = field(default_factory=dict)
    chats: dict[int, frozenset[int]] = field(default_factory=dict)
    revision: int = 0
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def add(self, message: Message) -> int:
        """Store a message; a notification with the tag of an older one to the same user replaces it."""
        message.message_id = next(self._numbers)
        if message.tag:
            self.delete(self.tagged(message.tag, message.dialog))
        self.messages[message.message_id] = message
        self.revision += 1
        return message.message_id

    def tagged(self, tag: str, dialog: str | None = None) -> list[int]:
        """Return the notifications with a tag, to anyone or to one user."""
        return [
            number
            for number, message in self.messages.items()
            if message.tag == tag and dialog in (None, message.dialog)
        ]

    def delete(self, numbers: list[int]) -> None:
        """Delete messages by their numbers."""
        for number in numbers:
            del self.messages[number]
        self.revision += 1

    def add_chat(self, users: frozenset[int]) -> int:
        """Open a chat and return its number."""
        number = max(self.chats, default=0) + 1
        self.chats[number] = users
        return number
