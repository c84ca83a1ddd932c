"""Filters with more conditions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.extraction.narrowing import narrowed, source_digest
from airflow_provider_bitrix24.rest.errors import InvalidInputError

ITEMS, DEALS = "crm.item.list", "crm.deal.list"


@pytest.mark.parametrize("method", [ITEMS, DEALS])
def test_conditions_of_other_names_stand_beside_the_filter(method):
    assert narrowed({"=title": "x"}, method, {">id": 5}) == {"=title": "x", ">id": 5}


def test_alternatives_stay_a_group_of_their_own():
    where = {"logic": "OR", "0": {"=title": "x"}, "1": {"=title": "y"}}
    assert narrowed(where, ITEMS, {">id": 5}) == {"0": where, ">id": 5}


def test_a_condition_that_is_there_already_still_holds():
    assert narrowed({">id": 9, "=x": 1}, ITEMS, {">id": 5}) == {"0": {">id": 9, "=x": 1}, ">id": 5}
    assert narrowed({">ID": "9", "<=ID": 4}, DEALS, {">ID": 5, "<=ID": 5}) == {">ID": 9, "<=ID": 4}
    assert narrowed({"@ID": ["3", 4, 9]}, DEALS, {"@ID": [3, 4, 5]}) == {"@ID": [3, 4]}
    assert narrowed({"@ID": [1]}, DEALS, {"@ID": [3, 4, 5]}) == {"@ID": [0]}
    with pytest.raises(InvalidInputError, match=r"where\['>=DATE_MODIFY'\]: the extraction sets this"):
        narrowed({">=DATE_MODIFY": "2026-05-04"}, DEALS, {">=DATE_MODIFY": "2026-05-05"})


@given(where=st.dictionaries(st.text(min_size=1), st.integers() | st.text() | st.none(), max_size=5))
def test_a_source_is_told_by_what_it_reads_and_not_by_the_order_of_its_conditions(where):
    digest = source_digest("portal.bitrix24.com", "deal", where)
    assert digest == source_digest("Portal.Bitrix24.com ", "deal", dict(reversed(where.items())))
    others = [("other.bitrix24.com", "deal", where), ("portal.bitrix24.com", "lead", where)]
    others.append(("portal.bitrix24.com", "deal", {**where, "\x00": 1}))
    assert digest not in [source_digest(*other) for other in others]
