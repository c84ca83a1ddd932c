"""Work on many items: when does a failure of some fail the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError, LimitError

FailOn = Literal["any", "all", "never"]

#: from 4 up the portal's request limit rules long work, but short work ends sooner with more; it falls by
#: itself where the portal is in trouble
DEFAULT_IN_FLIGHT = 20
#: what must not be repeated is unclear after trouble and has to be looked up, which is better not risked
ONCE_IN_FLIGHT = 10
_MOST_IN_FLIGHT = 20


def check_fail_on(value: Any) -> FailOn:
    """Return a value of ``fail_on``.

    :param value: the value
    :raises InvalidInputError: it is none of ``any``, ``all``, ``never``
    """
    if value in get_args(FailOn):
        return value  # type: ignore[no-any-return]
    raise InvalidInputError(f"fail_on: {value!r} is none of any, all, never")


def check_in_flight(value: Any) -> int:
    """Return a value of ``max_in_flight``.

    :param value: the value
    :raises InvalidInputError: it is not a whole number from 1 to 20
    """
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_IN_FLIGHT:
        return value
    raise InvalidInputError(
        f"max_in_flight: {value!r} is not a whole number from 1 to {_MOST_IN_FLIGHT}",
        remedy="Leave it out: more requests at once only queue at the portal.",
    )


def check_outcomes(rows: Sequence[Any], failed: Sequence[tuple[str, Bitrix24Error]], fail_on: FailOn) -> None:
    """Raise if the failures fail the whole.

    Trouble with the connection itself, such as a revoked webhook, always does: it is no item's failure.

    :param rows: what became of every item, in order; the error carries it as ``outcomes``
    :param failed: the items that failed, each with its error; in words, ``""`` where the error names it
    :param fail_on: ``any``, ``all`` or ``never``
    :raises Bitrix24Error: of the class of the failures; one that another try may cure goes first
    """
    check_fail_on(fail_on)
    wide = [item for item in failed if item[1].connection_wide]
    tolerated = not failed or fail_on == "never" or (fail_on == "all" and len(failed) < len(rows))
    if tolerated and not wide:
        return
    first_name, first = min(wide or failed, key=lambda item: item[1].permanent)
    error = first
    if len(rows) > 1:
        what = ": ".join(part for part in (first_name, first.description) if part)
        others = f"; {len(failed)} of {len(rows)} failed, see 'outcomes'"
        error = type(first).from_fields({**first.fields(), "description": f"{what}{others}"})
    error.outcomes = tuple(rows)
    raise error


@dataclass(frozen=True)
class BulkResult:
    """What became of many items.

    :param rows: of each item, in order, as plain JSON
    :param failed: the items that failed, each with its error; in words, ``""`` where the error names it
    """

    rows: list[dict[str, Any]]
    failed: list[tuple[str, Bitrix24Error]]

    @property
    def wait(self) -> float | None:
        """Seconds after which items that met a limit may be tried again; ``None`` where there are none."""
        waits = [
            error.retry_after
            for _, error in self.failed
            if isinstance(error, LimitError) and error.retry_after is not None
        ]
        return min(waits, default=None)

    def check(self, fail_on: FailOn) -> list[dict[str, Any]]:
        """Return the rows, unless failures fail the whole.

        :param fail_on: ``any``, ``all`` or ``never``
        :raises Bitrix24Error: as :func:`check_outcomes` does
        """
        check_outcomes(self.rows, self.failed, fail_on)
        return self.rows
