"""Operations that tell people, or Airflow, what happened: notifications, and a watcher of changes."""

from __future__ import annotations

import asyncio
from typing import Any

from fault_scene import Operation, Scene, relieve

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import Bitrix24Error
from airflow_provider_bitrix24.notifications.bitrix24 import Bitrix24Notifier
from airflow_provider_bitrix24.triggers.changes import CrmChangesTrigger

_MOST_WAITS = 3000


# --- notifications ---


class _Log:
    """Keeps what a notifier logs, which is all that it does where it cannot send."""

    def __init__(self) -> None:
        self.text = ""

    def info(self, message: str, *args: Any) -> None:
        self.text += f"{message % args}\n"

    error = info


def _notifier(scene: Scene) -> Bitrix24Notifier:
    """Return a notifier whose hook pauses shorter."""

    class Hurried(Bitrix24Notifier):
        def _hook(self) -> Bitrix24Hook:
            return scene.hook()

    notifier = Hurried(user_ids=[1], message="{{ text }}", max_wait=20)
    notifier._log = _Log()
    return notifier


def _notify(scene: Scene) -> str:
    notifier = _notifier(scene)
    notifier({"text": scene.text})
    return str(notifier._log.text)


def _anotify(scene: Scene) -> str:
    async def notify() -> str:
        notifier = _notifier(scene)
        notifier.context = {"text": scene.text}
        await notifier
        return str(notifier._log.text)

    return asyncio.run(notify())


def _word_of(log: str) -> str:
    if "The message was sent in Bitrix24 to user 1." in log:
        return "done"
    return (
        "**ambiguous**" if "may have been sent in Bitrix24, and is not sent again" in log else "**not sent**"
    )


def _is_told_truly(scene: Scene, log: str) -> bool:
    assert len(log.splitlines()) == 1, "one sentence says what became of a message"
    found = [message.text for message in scene.portal.notifications(1) if message.text == scene.text]
    sent = {"done": (1,), "**ambiguous**": (0, 1), "**not sent**": (0,)}
    return len(found) in sent[_word_of(log)]


def _nothing_raised(scene: Scene, error: Bitrix24Error | None) -> None:
    assert error is None, "a callback's failure would hide the task's"


# --- changes ---


def _watch(scene: Scene) -> list[int]:
    """Watch while something changes, and end the fault when it lasts: a watcher has to outlast it."""
    trigger = CrmChangesTrigger(entity_type="deal", where={"title": scene.text}, poke_interval=0.01)
    told: list[int] = []

    async def run() -> None:
        async for event in trigger.run():
            told.extend(event.payload["ids"])

    async def change() -> None:
        watching = asyncio.ensure_future(run())
        await asyncio.sleep(0.05)
        scene.portal.add_item("deal", {"TITLE": scene.text})
        for wait in range(_MOST_WAITS):
            if told or watching.done():
                break
            if wait == 50:
                await asyncio.to_thread(relieve, scene)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # some more looks
        assert not watching.done(), "a watcher never ends by itself"
        watching.cancel()
        await asyncio.wait([watching])

    asyncio.run(change())
    return told


def _is_told_once(scene: Scene, told: list[int]) -> bool:
    items = scene.portal.items("deal")
    return told == [number for number, item in items.items() if item["TITLE"] == scene.text]


TELLING = (
    Operation(
        "notify", "notification", "own", _notify, _is_told_truly, check=_nothing_raised, word_of=_word_of
    ),
    Operation(
        "anotify", "notification", "own", _anotify, _is_told_truly, check=_nothing_raised, word_of=_word_of
    ),
    Operation("watch", "watcher of changes", "wait", _watch, _is_told_once),
)
