"""Cases of one test: all are tried, and a failure names those that fail."""

from __future__ import annotations

import inspect

import pytest
from cases import cases


def test_every_case_is_tried_and_each_that_fails_is_named():
    seen = []

    @cases("divisor", [1, 2, pytest.param(0, id="nothing")])
    @cases(("number", "quotient"), [(6, 6), (4, 2)], ids=["six", "four"])
    def quotients(number, divisor, quotient, log):
        log.append((number, divisor))
        assert number / divisor == quotient

    with pytest.raises(BaseExceptionGroup) as caught:
        quotients(log=seen)
    assert seen == [(number, divisor) for divisor in (1, 2, 0) for number in (6, 4)]
    names = [note for error in caught.value.exceptions for note in error.__notes__]
    assert names == [
        "Case: four (divisor=1, number=4, quotient=2)",
        "Case: six (divisor=2, number=6, quotient=6)",
        "Case: nothing six (divisor=0, number=6, quotient=6)",
        "Case: nothing four (divisor=0, number=4, quotient=2)",
    ]
    assert caught.value.message.startswith("4 of 6 cases failed: four (divisor=1, number=4, quotient=2); ")
    assert list(inspect.signature(quotients).parameters) == ["log"], "pytest gives it the others"


def test_a_case_that_raises_nothing_where_it_should_has_failed():
    @cases("value", ["1", "x"])
    def refused(value):
        with pytest.raises(ValueError, match="invalid literal"):
            int(value)

    with pytest.raises(BaseExceptionGroup, match=r"^1 of 2 cases failed: value='1'"):
        refused()


def test_a_case_with_a_mark_is_no_case():
    with pytest.raises(ValueError, match="a case has no marks"):
        cases("value", [pytest.param(1, marks=pytest.mark.slow)])
