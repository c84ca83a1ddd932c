"""What sensors and triggers share: which trouble they wait out, and the event that tells what happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import Bitrix24Error, from_json
from airflow_provider_bitrix24.rest import errors as rest

#: a look that has to wait longer for the portal's limits is given up and made at the next interval
_MAX_WAIT = 60.0

#: a trigger's event: the condition is met
MET: dict[str, Any] = {"status": "met"}
_FAILED = "failed"


def waiting_hook(bitrix24_conn_id: str) -> Bitrix24Hook:
    """Return a hook for a sensor or trigger: a look that fails waits for the next interval.

    :param bitrix24_conn_id: Airflow connection
    """
    return Bitrix24Hook(bitrix24_conn_id, max_wait=_MAX_WAIT, max_attempts=1)


def failed_event(error: Bitrix24Error) -> dict[str, Any]:
    """Return a trigger's event that says what went wrong, as code and data.

    :param error: the error that the task is to fail with
    """
    return {"status": _FAILED, "error": error.to_json()}


def met_event(found: Any) -> dict[str, Any]:
    """Return a trigger's event that says that the condition is met, and by what.

    :param found: what was found, ``True`` where that is all there is to say
    """
    return MET if found is True else {**MET, "found": found}


def check_event(event: Any) -> Any:
    """Return what was found, if a trigger's event says that its condition is met.

    :param event: what the trigger sent
    :raises Bitrix24Error: the error that the trigger met, as its own class
    """
    if isinstance(event, dict) and event.get("status") == MET["status"]:
        return event.get("found")
    if isinstance(event, dict) and event.get("status") == _FAILED and isinstance(event.get("error"), dict):
        raise from_json(event["error"])
    raise Bitrix24Error(f"the trigger sent an event that this version does not understand: {event!r}")


class Logger(Protocol):
    """The part of a logger that is used here."""

    def info(self, message: Any, /, *args: Any) -> Any:
        """Log at INFO."""

    def warning(self, message: Any, /, *args: Any) -> Any:
        """Log at WARNING."""


@dataclass
class Look:
    """What a look found: nothing, ``True``, or the thing itself."""

    found: Any = None

    @property
    def met(self) -> bool:
        """Whether the condition is met."""
        return bool(self.found)

    @property
    def result(self) -> Any:
        """What the task is to return."""
        return None if self.found is True else self.found or None


class LogOnce:
    """Lets sensors that look at one portal together log its trouble once.

    The first one that meets the trouble logs its start, the last one its end.
    """

    def __init__(self) -> None:
        self._troubled: set[object] = set()

    def started(self, who: object) -> bool:
        """Note that one is in trouble, and return whether to log it."""
        first = not self._troubled
        self._troubled.add(who)
        return first

    def ended(self, who: object) -> bool:
        """Note that one is not, or no longer, in trouble, and return whether to log it."""
        if who not in self._troubled:
            return False
        self._troubled.remove(who)
        return not self._troubled


class Trouble:
    """Tolerates what passes by itself, and says so once when it begins and once when it is over.

    :param log: where to say it; ``None`` where another one who looks says it
    :param forgets: whether each look starts from nothing, so that every one says it
    :param log_once: shared by all who look together, so that one of them says it
    """

    def __init__(self, log: Logger | None, *, forgets: bool = False, log_once: LogOnce | None = None) -> None:
        self._log = log
        self._promise = "" if forgets else "; repeats are not logged"
        self._log_once = log_once or LogOnce()

    @contextmanager
    def tolerated(self) -> Iterator[Look]:
        """Look; trouble that passes by itself counts as a condition that is not met yet.

        :raises Bitrix24Error: what does not pass by itself
        """
        look = Look()
        try:
            yield look
        except rest.Bitrix24Error as error:
            if not error.passes:
                raise
            if self._log_once.started(self) and self._log:
                self._log.warning("%s Waiting goes on%s.", error, self._promise)
            return
        if self._log_once.ended(self) and self._log:
            self._log.info("The portal answers again.")

    def leave(self) -> None:
        """Stop looking, and count this one's trouble as over."""
        self._log_once.ended(self)
