"""Work on many items: when failures of some fail the whole, and how much of it is under way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.hooks.bulk import check_fail_on, check_in_flight, check_outcomes, limit_wait
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    AuthenticationError,
    InvalidInputError,
    LimitError,
    NotFoundError,
    OperationTimeLimitError,
    RequestLimitError,
    ServerError,
)


@dataclass(frozen=True)
class Numbered:
    """A thing with a number."""

    number: int

    def row(self):
        return {"n": self.number}


def _outcomes(*errors, places=True):
    """Return outcomes with these errors, each under its place, ``None`` where it went well."""
    return [
        ItemOutcome(
            Numbered(position),
            "done" if error is None else "failed",
            error,
            f"item {position}" if places else "",
        )
        for position, error in enumerate(errors, 1)
    ]


def _rows(outcomes):
    return [outcome.to_json() for outcome in outcomes]


@pytest.mark.parametrize("fail_on", ["any", "all", "never"])
def test_a_known_word(fail_on):
    assert check_fail_on(fail_on) == fail_on


@cases("fail_on", ["", "Any", None, True, 0, [], {}])
def test_an_unknown_word(fail_on):
    with pytest.raises(InvalidInputError, match=r"fail_on: .* is none of any, all, never"):
        check_fail_on(fail_on)


@cases("fail_on", ["any", "all", "never"])
@cases("errors", [(), (None, None, None)], ids=["none", "three"])
def test_nothing_failed(fail_on, errors):
    rows = check_outcomes(_outcomes(*errors), fail_on)
    assert rows == [{"n": position, "STATUS": "done"} for position in range(1, len(errors) + 1)]


@cases(
    ("count", "fail_on", "raised"),
    [
        (1, "any", True),
        (2, "all", False),
        (3, "all", True),
        (1, "never", False),
        (3, "never", False),
    ],
)
def test_some_failed(count, fail_on, raised):
    outcomes = _outcomes(*[NotFoundError("gone")] * count, *[None] * (3 - count))
    if not raised:
        assert check_outcomes(outcomes, fail_on) == _rows(outcomes)
        return
    with pytest.raises(NotFoundError, match=f"item 1: gone; {count} of 3 failed, see 'outcomes'") as caught:
        check_outcomes(outcomes, fail_on)
    assert caught.value.outcomes == tuple(_rows(outcomes))
    assert caught.value.outcomes[0] == {
        "n": 1,
        "STATUS": "failed",
        "ERROR": "NotFoundError",
        "ERROR_DESCRIPTION": "gone",
    }, "what is told of all of them is not told of each"


def test_what_another_try_may_cure_goes_first():
    gone = NotFoundError("gone")
    with pytest.raises(ServerError, match="item 2: boom; 3 of 3 failed"):
        check_outcomes(_outcomes(gone, ServerError("boom"), gone), "any")


@pytest.mark.parametrize("fail_on", ["any", "all", "never"])
def test_trouble_of_the_connection_fails_always(fail_on):
    outcomes = _outcomes(AccessDeniedError("no"), AuthenticationError("revoked"), None)
    with pytest.raises(AuthenticationError, match="item 2: revoked; 2 of 3 failed"):
        check_outcomes(outcomes, fail_on)


def test_one_item_is_not_counted():
    error = NotFoundError("gone", method="m", retry_after=3.0)
    [outcome] = _outcomes(error)
    with pytest.raises(NotFoundError) as caught:
        check_outcomes([outcome], "any")
    assert caught.value is error
    assert str(caught.value) == "m: gone. Try again in 3 s."
    assert caught.value.outcomes == (outcome.to_json(),)


def test_an_error_that_names_its_item():
    outcomes = _outcomes(NotFoundError("item 1 is gone", code="X", status=400), None, None, places=False)
    with pytest.raises(NotFoundError) as caught:
        check_outcomes(outcomes, "any")
    assert caught.value.description == "item 1 is gone; 1 of 3 failed, see 'outcomes'"
    assert (caught.value.code, caught.value.status) == ("X", 400)


def test_an_error_without_words_has_the_place_alone():
    with pytest.raises(NotFoundError) as caught:
        check_outcomes(_outcomes(None, NotFoundError()), "any")
    assert caught.value.description == "item 2; 1 of 2 failed, see 'outcomes'"


@cases("value", [0, 21, -1, True, 2.0, "10", None])
def test_how_many_are_in_flight_is_a_number_from_1_to_20(value):
    with pytest.raises(InvalidInputError, match=r"^max_in_flight: .* is not a whole number from 1 to 20"):
        check_in_flight(value)
    assert [check_in_flight(number) for number in (1, 20)] == [1, 20]


@cases(
    ("errors", "wait"),
    [
        ((), None),
        ((None, None), None),
        ((ServerError("boom", retry_after=5.0), None), None),
        ((RequestLimitError("many"),), None),
        ((OperationTimeLimitError("held", retry_after=60.0), None), 60.0),
        ((OperationTimeLimitError("held", retry_after=60.0), LimitError("held", retry_after=7.5)), 7.5),
        ((RequestLimitError("many", retry_after=0.0), RequestLimitError("many")), 0.0),
    ],
    ids=["nothing", "done", "no limit", "not told", "told", "the shortest", "at once"],
)
def test_after_what_a_limit_is_lifted(errors, wait):
    assert limit_wait(_outcomes(*errors)) == wait
