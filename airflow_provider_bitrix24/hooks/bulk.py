"""Work on many items: how much of it may be under way, and when failures of some fail the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError, LimitError

FailOn = Literal["any", "all", "never"]
_FAIL_ON: tuple[FailOn, ...] = get_args(FailOn)

#: from 4 up the portal's request limit rules long work, but short work ends sooner with more; it falls by
#: itself where the portal is in trouble
DEFAULT_IN_FLIGHT = 20
_MOST_IN_FLIGHT = 20
#: ranges of a list are read to be handed out in order: what is read ahead is kept in memory
LIST_IN_FLIGHT = 16
_MOST_LIST_IN_FLIGHT = 40


def check_fail_on(value: Any) -> FailOn:
    """Return a value of ``fail_on``.

    :param value: the value
    :raises InvalidInputError: it is none of ``any``, ``all``, ``never``
    """
    for known in _FAIL_ON:
        if value == known:
            return known
    raise InvalidInputError(f"fail_on: {value!r} is none of any, all, never")


def keeps_invalid(fail_on: Any) -> bool:
    """Tell whether rows that are not valid are failed ones, instead of failing the whole before it begins.

    :param fail_on: ``any``, ``all`` or ``never``
    :raises InvalidInputError: it is none of them
    """
    return check_fail_on(fail_on) != "any"


def check_in_flight(value: Any) -> int:
    """Return a value of ``max_in_flight``.

    :param value: the value
    :raises InvalidInputError: it is not a whole number from 1 to 20
    """
    return _whole_number(value, _MOST_IN_FLIGHT)


def check_list_in_flight(value: Any) -> int:
    """Return a value of ``max_in_flight`` for reading a list.

    :param value: the value
    :raises InvalidInputError: it is not a whole number from 1 to 40
    """
    return _whole_number(value, _MOST_LIST_IN_FLIGHT)


def _whole_number(value: Any, most: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return value
    raise InvalidInputError(
        f"max_in_flight: {value!r} is not a whole number from 1 to {most}",
        remedy="Leave it out: more requests at once only queue at the portal.",
    )


def check_outcomes(outcomes: Sequence[ItemOutcome[Any]], fail_on: FailOn) -> list[dict[str, Any]]:
    """Return what happened to every item as rows of plain JSON, unless failures fail the whole.

    Trouble with the connection itself, such as a revoked webhook, always does: it is no item's failure.

    :param outcomes: what happened to every item, in order
    :param fail_on: ``any``, ``all`` or ``never``
    :raises Bitrix24Error: of the class of the failures; one that another try may cure goes first. Its
        ``outcomes`` hold the rows
    """
    rows = [outcome.to_json() for outcome in outcomes]
    failed = [(outcome.place, outcome.error) for outcome in outcomes if outcome.error is not None]
    wide = [(place, error) for place, error in failed if error.connection_wide]
    tolerated = not failed or fail_on == "never" or (fail_on == "all" and len(failed) < len(rows))
    if tolerated and not wide:
        return rows
    place, first = min(wide or failed, key=lambda item: item[1].permanent)
    raise _with_outcomes(place, first, len(failed), rows)


def _with_outcomes(
    place: str, error: Bitrix24Error, failed: int, rows: list[dict[str, Any]]
) -> Bitrix24Error:
    """Return one of the errors, which says how many there are and holds what happened to every item."""
    if len(rows) > 1:
        what = ": ".join(part for part in (place, error.description) if part)
        error = error.but(description=f"{what}; {failed} of {len(rows)} failed, see 'outcomes'")
    error.outcomes = tuple(rows)
    return error


def limit_wait(outcomes: Sequence[ItemOutcome[Any]]) -> float | None:
    """Return the seconds after which items that met a limit may be tried again, ``None`` where none did.

    :param outcomes: what happened to every item
    """
    errors = [outcome.error for outcome in outcomes]
    waits = [error.retry_after for error in errors if isinstance(error, LimitError)]
    return min((wait for wait in waits if wait is not None), default=None)
