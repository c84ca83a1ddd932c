"""Texts of messages: values that are no BB codes, and texts that are not too long."""

from __future__ import annotations

import re

from airflow_provider_bitrix24.rest.texts import storable

#: how many characters a message may have
MOST_CHARACTERS = 20_000
#: what stands at the end of a text that was cut
CUT = " (...)"

#: where a BB code may begin; `[1, 2]` is none
_CODE = re.compile(r"\[(?=[/A-Za-z*])")
#: the API has no escape, so a character that nobody sees keeps the bracket and the name apart
_INVISIBLE = "\u200b"


def plain(value: object) -> str:
    """Return a value as a text that the chat shows as it is: square brackets in it are no BB codes.

    :param value: the value
    """
    text: str = storable(str(value))
    return _CODE.sub(f"[{_INVISIBLE}", text)


def cut(text: str) -> str:
    """Return a text without spaces around it, cut with a mark if the chat would cut it.

    :param text: the text
    """
    text = text.strip()
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - len(CUT)] + CUT
