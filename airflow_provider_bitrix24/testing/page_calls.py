"""The latest calls on the page: what was called by whom, with what, and what became of it."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import dates, php

if TYPE_CHECKING:
    from collections.abc import Collection

    from .journal import JournalEntry
    from .world import World

_MOST = 40
_LONGEST_VALUE, _LONGEST = 120, 600
_SECRET_NAME = re.compile(r"auth(?!or)|token|secret|passw|sessid|webhook", re.IGNORECASE)
_HIDDEN = "***"


def calls(world: World) -> str:
    """Return the latest calls, folded up; the caller holds the lock."""
    requests = world.journal.requests
    refused = sum(entry.refused for entry in requests)
    secrets = _secrets(world)
    rows = "".join(_call(world, call, secrets) for call in reversed(world.journal.calls[-_MOST:]))
    counted = f"{len(requests)} request{'' if len(requests) == 1 else 's'}"
    return f'<details id="calls"><summary>{counted}, {refused} refused</summary><ol>{rows}</ol></details>'


def _call(world: World, call: JournalEntry, secrets: Collection[str]) -> str:
    where = " in a batch" if call.in_batch is not None else ""
    failed = call.error is not None or call.status != 200 or call.result is False
    sent = _parameters(call, secrets)
    shown = f"<code>{escape(sent)}</code>" if sent else ""
    return (
        f"<li><span>{dates.shown(call.at, world.zone)}</span><strong>{escape(call.method)}</strong>"
        f"<span>user {call.user_id or '?'}{where}</span>"
        f'<span class="{"bad" if failed else ""}">{escape(_outcome(call))}</span>{shown}</li>'
    )


def _outcome(call: JournalEntry) -> str:
    """Return a word for what became of a call; ``false`` is how some methods say that there are no rights."""
    if call.error is not None or call.status != 200:
        return call.error or str(call.status)
    started = f", started {' and '.join(dict.fromkeys(call.started))}" if call.started else ""
    return "false" if call.result is False else f"ok{started}"


# ---------------------------------------------------------------- parameters


def _parameters(call: JournalEntry, secrets: Collection[str]) -> str:
    """Write the parameters of a call; a batch's commands have lines of their own."""
    params = dict(call.params)
    if call.method == "batch" and php.is_array(params.get("cmd")):
        params["commands"] = len(php.values(params.pop("cmd")))
    if not params:
        return ""
    text = json.dumps(_without_secrets(params, secrets), ensure_ascii=False, default=str)
    return _cut(text, _LONGEST)


def _without_secrets(value: Any, secrets: Collection[str]) -> Any:
    """Return a value with everything hidden that is a secret, by its name or because the portal knows it."""
    if isinstance(value, dict):
        return {
            _masked(str(name), secrets): _HIDDEN
            if _SECRET_NAME.search(str(name))
            else _without_secrets(inner, secrets)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_without_secrets(inner, secrets) for inner in value]
    return _cut(_masked(value, secrets), _LONGEST_VALUE) if isinstance(value, str) else value


def _masked(text: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def _secrets(world: World) -> list[str]:
    """Return every secret of the portal, also as a link holds it; the longest first."""
    oauth = world.oauth
    known = {user.code for user in world.users.values()} | {oauth.client_secret}
    known |= {*oauth.access, *oauth.refresh, *oauth.codes}
    return sorted(known | {quote(secret, safe="") for secret in known}, key=len, reverse=True)
