from __future__ import annotations

import pytest

from airflow_provider_bitrix24.hooks.outcomes import check_fail_on, check_in_flight, check_outcomes
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    AuthenticationError,
    InvalidInputError,
    NotFoundError,
    ServerError,
)

_ROWS = [{"n": 1}, {"n": 2}, {"n": 3}]


def _failed(*errors):
    return [(f"item {position}", error) for position, error in enumerate(errors, 1)]


@pytest.mark.parametrize("fail_on", ["any", "all", "never"])
def test_a_known_word(fail_on):
    assert check_fail_on(fail_on) == fail_on


@pytest.mark.parametrize("fail_on", ["", "Any", None, True, 0, [], {}])
def test_an_unknown_word(fail_on):
    with pytest.raises(InvalidInputError, match=r"fail_on: .* is none of any, all, never"):
        check_fail_on(fail_on)
    with pytest.raises(InvalidInputError):
        check_outcomes(_ROWS, [], fail_on)


@pytest.mark.parametrize("fail_on", ["any", "all", "never"])
@pytest.mark.parametrize("rows", [[], _ROWS], ids=["none", "three"])
def test_nothing_failed(fail_on, rows):
    check_outcomes(rows, [], fail_on)


@pytest.mark.parametrize(
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
    failed = _failed(*[NotFoundError("gone")] * count)
    if not raised:
        check_outcomes(_ROWS, failed, fail_on)
        return
    with pytest.raises(NotFoundError, match=f"item 1: gone; {count} of 3 failed, see 'outcomes'") as caught:
        check_outcomes(_ROWS, failed, fail_on)
    assert caught.value.outcomes == tuple(_ROWS)


def test_what_another_try_may_cure_goes_first():
    gone = NotFoundError("gone")
    with pytest.raises(ServerError, match="item 2: boom; 3 of 3 failed"):
        check_outcomes(_ROWS, _failed(gone, ServerError("boom"), gone), "any")


@pytest.mark.parametrize("fail_on", ["any", "all", "never"])
def test_trouble_of_the_connection_fails_always(fail_on):
    failed = _failed(AccessDeniedError("no"), AuthenticationError("revoked"))
    with pytest.raises(AuthenticationError, match="item 2: revoked"):
        check_outcomes(_ROWS, failed, fail_on)


def test_one_item_is_not_counted():
    error = NotFoundError("gone", method="m", retry_after=3.0)
    with pytest.raises(NotFoundError) as caught:
        check_outcomes(_ROWS[:1], [("item", error)], "any")
    assert caught.value is error
    assert str(caught.value) == "m: gone. Try again in 3 s."
    assert caught.value.outcomes == ({"n": 1},)


def test_an_error_that_names_its_item():
    with pytest.raises(NotFoundError) as caught:
        check_outcomes(_ROWS, [("", NotFoundError("item 1 is gone", code="X", status=400))], "any")
    assert caught.value.description == "item 1 is gone; 1 of 3 failed, see 'outcomes'"
    assert (caught.value.code, caught.value.status) == ("X", 400)


@pytest.mark.parametrize("value", [0, 21, -1, True, 2.0, "10", None])
def test_how_many_are_in_flight_is_a_number_from_1_to_20(value):
    with pytest.raises(InvalidInputError, match=r"^max_in_flight: .* is not a whole number from 1 to 20"):
        check_in_flight(value)
    assert [check_in_flight(number) for number in (1, 20)] == [1, 20]
