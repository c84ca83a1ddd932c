"""Pages of rows between two ids: the same as what looking at every row gives."""

from __future__ import annotations

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.testing.fields import parse_table
from airflow_provider_bitrix24.testing.item_store import ItemStore
from airflow_provider_bitrix24.testing.listing import PAGE, Query

_FIELDS = parse_table("ID integer -; TITLE string -")
_COMPARED = {
    ">": lambda number, bound: number > bound,
    ">=": lambda number, bound: number >= bound,
    "<": lambda number, bound: number < bound,
    "<=": lambda number, bound: number <= bound,
}
_bound = st.integers(-5, 250)


@given(
    ids=st.sets(st.integers(1, 240), max_size=180),
    window=st.dictionaries(st.sampled_from(sorted(_COMPARED)), _bound),
    among=st.none() | st.lists(_bound, min_size=1),
    descending=st.booleans(),
    start=st.sampled_from([-1, 0, PAGE, 2 * PAGE]),
)
def test_a_window_of_ids_has_the_rows_between_its_ends(ids, window, among, descending, start):
    store = ItemStore("deal", dict(_FIELDS), typed=True)
    for number in ids:
        store.insert(number, {})
    filters = {f"{sign}ID": bound for sign, bound in window.items()}
    if among is not None:
        filters["@ID"] = among
    query = Query(store, UTC, 0.0, overrun_first=False)
    page = query.filter(filters.items()).sort([("ID", "DESC" if descending else "ASC")]).page(start)
    expected = [
        number
        for number in sorted(ids, reverse=descending)
        if all(_COMPARED[sign](number, bound) for sign, bound in window.items())
        and (among is None or number in among)
    ]
    first = max(0, start)
    assert [int(row["ID"]) for row in page.rows] == expected[first : first + PAGE]
    assert page.total == (len(expected) if start >= 0 else 0)
