"""How many things of a kind are told one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.telling import first_of


@given(st.lists(st.text(max_size=2), max_size=15))
def test_up_to_ten_things_are_told_one_by_one_and_the_others_counted(things):
    told = first_of(iter(things), "more")
    assert told[:10] == things[:10]
    assert told[10:] == ([f"{len(things) - 10} more"] if len(things) > 10 else [])
