"""Arguments that were given and became nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_bitrix24.crm.given import Given
from airflow_provider_bitrix24.rest.errors import InvalidInputError


@pytest.mark.parametrize("value", ["{{ x }}", 0, "", False])
def test_an_argument_that_became_none_is_named(value):
    given = Given.of(item=value, author=None, other="x")
    with pytest.raises(InvalidInputError) as raised:
        given.check(SimpleNamespace(item=None, author=None, other="x"))
    assert raised.value.description == "item: it was given, but is None now"
    assert raised.value.remedy == (
        "The task or template that should have passed it returned nothing: check what it pushes to XCom."
    )


def test_each_argument_is_looked_at():
    with pytest.raises(InvalidInputError, match=r"^other: it was given"):
        Given.of(item="x", other="x").check(SimpleNamespace(item="x", other=None))


def test_arguments_that_were_left_out_may_be_none():
    Given.of(item=None, author="x").check(SimpleNamespace(item=None, author="y"))


@pytest.mark.parametrize("value", [0, "", False, []])
def test_only_none_is_nothing(value):
    Given.of(item="x").check(SimpleNamespace(item=value))
