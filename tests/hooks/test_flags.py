"""Arguments that are True or False."""

from __future__ import annotations

import pytest
from cases import cases

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN


@pytest.mark.parametrize("value", [True, False])
def test_flags(value):
    assert check_flag(value, "name") is value


@cases("value", [0, 1, "True", None, [], NOT_GIVEN])
def test_what_merely_counts_as_a_flag_is_refused(value):
    with pytest.raises(InvalidInputError) as caught:
        check_flag(value, "name")
    assert caught.value.description == f"name: {value!r} is neither True nor False"
