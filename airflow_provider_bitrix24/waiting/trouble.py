"""What sensors and triggers share: which trouble they wait out, and the event that tells what happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.watching.watch import Sight
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import Bitrix24Error, from_json
from airflow_provider_bitrix24.hooks.logs import Logger
from airflow_provider_bitrix24.rest import errors as rest

#: a look that has to wait longer for the portal's limits is given up and made at the next interval
_MAX_WAIT = 60.0

_MET = "met"
_FAILED = "failed"


def waiting_hook(bitrix24_conn_id: str, *, max_wait: float = _MAX_WAIT) -> Bitrix24Hook:
    """Return a hook for a sensor or trigger: a look that fails waits for the next interval.

    :param bitrix24_conn_id: Airflow connection
    :param max_wait: seconds that a look may wait for the portal's limits
    """
    return Bitrix24Hook(bitrix24_conn_id, max_wait=max_wait, max_attempts=1)


class _Event(dict[str, Any]):
    """A trigger's event. Airflow logs what a trigger fires, and what was found may be a customer's."""

    def __repr__(self) -> str:
        return repr({name: value for name, value in self.items() if name != "found"})


def failed_event(error: Bitrix24Error) -> dict[str, Any]:
    """Return a trigger's event that says what went wrong, as code and data.

    :param error: the error that the task is to fail with
    """
    return {"status": _FAILED, "error": error.to_json()}


def met_event(found: dict[str, Any]) -> dict[str, Any]:
    """Return a trigger's event that says that the condition is met, and by what.

    :param found: what the sensor is to return
    """
    return _Event(status=_MET, found=found)


def check_event(event: Any) -> Any:
    """Return what was found, if a trigger's event says that its condition is met.

    :param event: what the trigger sent
    :raises Bitrix24Error: the error that the trigger met, as its own class
    """
    if isinstance(event, dict) and event.get("status") == _MET and "found" in event:
        return event["found"]
    if isinstance(event, dict) and event.get("status") == _FAILED and isinstance(event.get("error"), dict):
        raise from_json(event["error"])
    raise Bitrix24Error(f"the trigger sent an event that this version does not understand: {event!r}")


@dataclass
class Look:
    """A look, and what it saw; nothing, if trouble that passes got in its way."""

    sight: Sight | None = None

    @property
    def found(self) -> dict[str, Any] | None:
        """What was found, if the condition is met."""
        return self.sight.found if self.sight else None


class LogOnce:
    """Lets sensors that look at one portal together log its trouble once.

    One of them tells that it began, and the same one that it is over: nobody reads the logs of both.
    """

    def __init__(self) -> None:
        self._teller: object = None

    def started(self, who: object) -> bool:
        """Note that one is in trouble, and return whether to log it."""
        if self._teller is not None:
            return False
        self._teller = who
        return True

    def ended(self, who: object) -> bool:
        """Note that one is not, or no longer, in trouble, and return whether to log it."""
        if self._teller is not who:
            return False
        self._teller = None
        return True


class Trouble:
    """Tolerates what passes by itself, and says so once when it begins and once when it is over.

    :param log: where to say it; ``None`` where the trigger says it
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
                self._log.warning("%s Waiting goes on%s.", error.sentence, self._promise)
            return
        if self._log_once.ended(self) and self._log:
            self._log.info("The portal answers again.")

    def leave(self) -> None:
        """Stop looking; another one tells of the trouble, if it lasts."""
        self._log_once.ended(self)
