"""Lists that ask for a few of many texts: the same as what looking at every row gives."""

from __future__ import annotations

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.testing.fields import parse_table
from airflow_provider_bitrix24.testing.item_store import ItemStore
from airflow_provider_bitrix24.testing.listing import Query
from airflow_provider_bitrix24.testing.text_index import few_with

_FIELDS = parse_table("ID integer -; TITLE string -; ORIGIN_ID string -")
_text = st.sampled_from(["a", "A ", "b", "0", "", "Array", None])
_asked = _text | st.sampled_from([0, 7, False]) | st.lists(_text | st.just(["a"]), min_size=1, max_size=4)


@given(
    rows=st.lists(st.fixed_dictionaries({}, optional={"TITLE": _text, "ORIGIN_ID": _text}), max_size=12),
    filters=st.dictionaries(st.sampled_from(["TITLE", "@ORIGIN_ID", "=ORIGIN_ID", ">ID"]), _asked),
)
def test_an_index_of_texts_finds_what_looking_at_every_row_finds(rows, filters):
    store = ItemStore("deal", dict(_FIELDS), typed=True)
    for row in rows:
        store.insert(None, dict(row))
    looked_at = Query(store, UTC, 0.0).filter(filters.items()).everything()
    assert Query(store, UTC, 0.0, revision=1).filter(filters.items()).everything() == looked_at


def test_a_text_that_many_items_hold_is_not_looked_up():
    store = ItemStore("deal", dict(_FIELDS), typed=True)
    for number in range(1, 302):
        store.insert(number, {"TITLE": "alike" if number <= 300 else "rare"})
    title = store.fields["TITLE"]
    assert few_with(store, title, ["alike"], 1) is None
    assert few_with(store, title, ["rare", "nobody's"], 1) == {301}


def test_a_list_knows_what_was_changed_since_the_last_one(box, client):
    def found(text):
        items = client("crm.item.list", {"entityTypeId": 2, "filter": {"@originId": [text, "x"]}}).result[
            "items"
        ]
        return [item["id"] for item in items]

    deal = box.add_item("deal", {"ORIGIN_ID": "old"})
    assert (found("old"), found("new")) == ([deal], [])
    client("crm.item.update", {"entityTypeId": 2, "id": deal, "fields": {"originId": "new"}})
    assert (found("old"), found("new")) == ([], [deal])
    other = client("crm.item.add", {"entityTypeId": 2, "fields": {"originId": "NEW "}}).result["item"]["id"]
    assert found("new") == [deal, other]
    box.delete_item("deal", deal)
    assert found("new") == [other]
