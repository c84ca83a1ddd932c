"""Which items have a key: asked of a database that takes texts for one that are not quite the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from keys_portal import Portal

from airflow_provider_bitrix24.crm.fields.schema import schema_of
from airflow_provider_bitrix24.crm.writing.key_lookups import look_up
from airflow_provider_bitrix24.crm.writing.keys import Found, Key
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    Bitrix24Error,
    IncompleteListError,
    UnexpectedResultError,
)

FIELDS = {
    "id": {"type": "integer"},
    "title": {},
    "originatorId": {},
    "originId": {},
    "no": {"type": "integer"},
}
DEAL = schema_of("deal", FIELDS, names="snake", method="crm.item.fields")
CONTACT = schema_of("contact", FIELDS, names="snake", method="crm.item.fields")
ORIGIN, BOTH = Key.parse("origin_id", DEAL), Key.parse(["originator_id", "origin_id"], DEAL)
NUMBER = Key.parse("no", DEAL)
PHONE, EMAIL = Key.parse("phone", CONTACT), Key.parse("email", CONTACT)


def deal(number, origin="", originator="erp", **others):
    return {"id": number, "originId": origin, "originatorId": originator, **others}


def contact(number, *phones, kind="PHONE"):
    entries = [{"id": 1, "typeId": kind, "valueType": "WORK", "value": value} for value in phones]
    return {"id": number, "fm": [*entries, {"id": 9, "typeId": "WEB", "value": "example.com"}]}


def found(portal, key, *wanted, select=("title",), type_id=2):
    keys = [one if isinstance(one, tuple) else (one,) for one in wanted]
    return portal.run(look_up(type_id, key, keys, select))


def ids(result):
    assert isinstance(result, Found), result
    return [item["id"] for item in result.items], list(result.near)


# ---------------------------------------------------------------- fields


def test_ten_thousand_keys_are_looked_up_in_four_hundred_calls_at_once():
    portal = Portal()
    keys = [(f"k{number:04}",) for number in range(10_000)]
    assert portal.run(look_up(2, ORIGIN, keys, ["title"])) == dict.fromkeys(keys, Found())
    [calls] = portal.works
    assert len(calls) == 400
    assert calls[0].method == "crm.item.list"
    assert calls[0].params == {
        "entityTypeId": 2,
        "select": ["id", "title", "originId"],
        "order": {"id": "ASC"},
        "start": -1,
        "filter": {"@originId": [f"k{number:04}" for number in range(25)]},
    }


def test_nothing_is_asked_without_keys():
    portal = Portal(deal(1, "a"), contact(2, "1"))
    assert found(portal, ORIGIN) == found(portal, PHONE) == {}
    assert portal.works == []


def test_items_are_told_from_those_whose_key_is_nearly_the_same():
    portal = Portal(deal(1, "a"), deal(2, "A"), deal(3, "a "), deal(4, "a"), deal(5, "b"), deal(6, "José"))
    result = found(portal, ORIGIN, "a", "b", "B", "c", "a")
    assert {key: ids(value) for (key,), value in result.items()} == {
        "a": ([1, 4], [2, 3]),
        "b": ([5], []),
        "B": ([], [5]),
        "c": ([], []),
    }
    assert result["b",].items == ({"id": 5, "originId": "b"},)


def test_the_parts_of_a_key_are_asked_for_together():
    portal = Portal(deal(1, "7", "erp"), deal(2, "7", "shop"), deal(3, "8", "ERP"), deal(4, "8", "shop"))
    result = found(portal, BOTH, ("erp", "7"), ("erp", "8"), ("shop", "7"), ("shop", "9"))
    assert [ids(value) for value in result.values()] == [([1], []), ([], [3]), ([2], []), ([], [])]
    assert ids(found(portal, BOTH, ("erp", "7"), ("erp", "9"))["erp", "7"]) == ([1], [])
    assert [call.params["filter"] for call in portal.calls] == [
        {"@originatorId": ["erp", "shop"], "@originId": ["7", "8", "9"]},
        {"=originatorId": "erp", "@originId": ["7", "9"]},
    ]


def test_numbers_are_asked_for_and_compared_as_numbers():
    portal = Portal({"id": 1, "no": 7})
    assert ids(found(portal, NUMBER, "7")["7",]) == ([1], [])
    assert portal.calls[0].params["filter"] == {"=no": 7}
    as_text = Portal({"id": 1, "no": "7"}, instead=lambda call: {"items": [{"id": "1", "no": "7"}]})
    assert len(found(as_text, NUMBER, "7")["7",].items) == 1


def test_a_text_of_digits_is_not_the_number():
    assert ids(found(Portal(deal(1, "007")), ORIGIN, "007", "008")["007",]) == ([1], [])


def test_a_full_page_is_followed_by_the_next_for_keys_that_may_have_more_items():
    portal = Portal(
        *(deal(number, "a") for number in range(1, 200)), deal(0, "b"), deal(200, "b"), deal(201, "c")
    )
    result = found(portal, ORIGIN, "a", "b", "c", "d")
    assert len(result["a",].items) == 49
    assert [ids(result[key,]) for key in "bcd"] == [([0, 200], []), ([201], []), ([], [])]
    assert [call.params["filter"] for call in portal.calls] == [
        {"@originId": ["a", "b", "c", "d"]},
        {"@originId": ["b", "c", "d"], ">id": 49},
    ]
    only = Portal(*(deal(number, "a") for number in range(1, 200)))
    assert len(found(only, ORIGIN, "a")["a",].items) == 50
    assert len(only.calls) == 1


def test_everything_is_selected_where_the_caller_selects_everything():
    portal = Portal(deal(1, "a"))
    found(portal, ORIGIN, "a", select=["*", "id"])
    assert portal.calls[0].params["select"] == ["*"]


def test_items_with_a_part_of_one_key_and_a_part_of_another_are_neither():
    portal = Portal(
        *(deal(number, str(number % 5), "erp" if number < 200 else "shop") for number in range(400))
    )
    result = found(portal, BOTH, ("erp", "6"), ("shop", "1"), ("none", "2"))
    assert ids(result["erp", "6"]) == ids(result["none", "2"]) == ([], [])
    assert ids(result["shop", "1"])[0][:2] == [201, 206]


_ORIGINS = st.sampled_from(["a", "A", "a ", "A ", " a", "b", "B", "ab", "aB", "ba"])


@given(st.lists(_ORIGINS, max_size=120), st.lists(_ORIGINS, max_size=60))
def test_every_item_of_a_key_is_seen_whatever_the_database_takes_for_one(stored, asked):
    """At least two of them, where there are more: then the key is not unique, and nothing is written."""
    portal = Portal(*(deal(number, origin) for number, origin in enumerate(stored, 1)))
    result = found(portal, ORIGIN, *asked)
    assert set(result) == {(origin,) for origin in asked}
    for (origin,), value in result.items():
        exact, near = ids(value)
        true = [number for number, other in enumerate(stored, 1) if other == origin]
        alike = [
            number
            for number, other in enumerate(stored, 1)
            if other != origin and other.rstrip().lower() == origin.rstrip().lower()
        ]
        assert exact == true[: len(exact)]
        assert near == alike[: len(near)]
        if len(exact) + len(near) < 2:
            assert (exact, near) == (true, alike)


# ---------------------------------------------------------------- answers that cannot be believed


def errors_of(result):
    assert all(isinstance(value, Bitrix24Error) for value in result.values()), result
    return set(result.values())


def test_a_portal_that_drops_the_filter_does_not_make_keys_absent():
    portal = Portal(instead=lambda call: {"items": [deal(1, "a"), deal(2, "secret")]})
    [error] = errors_of(found(portal, ORIGIN, "a", "b"))
    assert isinstance(error, UnexpectedResultError)
    assert error.description == "nobody asked for item 2: the portal ignores the filter by origin_id"
    portal = Portal(instead=lambda call: {"items": [deal(1, "a"), deal(2, "a", "secret")]})
    [error] = errors_of(found(portal, BOTH, ("erp", "a"), ("erp", "b")))
    assert "the filter by originator_id, origin_id" in error.description


def test_an_item_that_the_database_alone_takes_for_the_key_is_neither_its_item_nor_an_error():
    portal = Portal(instead=lambda call: {"items": [deal(1, "jose\u0301"), deal(2, "Jose")]})
    assert ids(found(portal, ORIGIN, "Jose")["Jose",]) == ([2], [])


def test_an_answer_that_does_not_show_the_key_is_an_error():
    portal = Portal(instead=lambda call: {"items": [{"id": 1, "title": "x"}]})
    [error] = errors_of(found(portal, ORIGIN, "a"))
    assert "shows item 1 without origin_id" in error.description


def test_what_is_no_page_is_an_error():
    for answer in ([], {}, {"items": [None]}, {"items": [{"originId": "a"}]}, {"items": [deal(1, "a")] * 2}):
        portal = Portal(instead=lambda call, answer=answer: answer)
        [error] = errors_of(found(portal, ORIGIN, "a"))
        assert isinstance(error, UnexpectedResultError)


def test_items_out_of_order_are_an_error_because_the_next_page_begins_past_the_last_id():
    for page in ([deal(2, "a"), deal(1, "a")], [deal(number, "b") for number in range(1, 51)]):
        portal = Portal(instead=lambda call, page=page: {"items": page})
        [error] = errors_of(found(portal, ORIGIN, "a", "b"))
        assert isinstance(error, IncompleteListError)


def test_the_error_of_a_call_is_that_of_its_keys_only():
    denied = AccessDeniedError("no")
    portal = Portal(
        deal(1, "k30"), instead=lambda call: denied if "k01" in call.params["filter"]["@originId"] else None
    )
    result = found(portal, ORIGIN, *(f"k{number:02}" for number in range(50)))
    assert [value is denied for value in result.values()] == [True] * 25 + [False] * 25
    assert ids(result["k30",]) == ([1], [])


# ---------------------------------------------------------------- phones and addresses


def test_phones_are_searched_for_one_a_call_and_their_items_fifty_a_call():
    portal = Portal(contact(5, "+49 30 1", "2"), contact(6, "3"))
    portal.duplicates = {
        "49301": {"CONTACT": [5, "6"], "LEAD": [7]},
        "3": {"CONTACT": ["6"]},
        "4": {"LEAD": [7]},
    }
    result = found(portal, PHONE, "49301", "3", "4", "5", type_id=3)
    assert [ids(value) for value in result.values()] == [([5], [6]), ([6], []), ([], []), ([], [])]
    searches, lists = portal.works
    assert [(call.method, call.params) for call in searches[:1]] == [
        ("crm.duplicate.findbycomm", {"type": "PHONE", "values": ["49301"], "entity_type": "CONTACT"})
    ]
    assert len(searches) == 4
    assert [call.params for call in lists] == [
        {"entityTypeId": 3, "filter": {"@id": [5, 6]}, "select": ["*"], "start": -1}
    ]


def test_addresses_are_compared_without_case():
    portal = Portal(contact(5, "Ann@Example.com", kind="EMAIL"), contact(6, "ann@example.com", kind="PHONE"))
    portal.duplicates = {"ann@example.com": {"LEAD": [5, 6]}}
    assert ids(found(portal, EMAIL, "ann@example.com", type_id=1)["ann@example.com",]) == ([5], [6])
    assert portal.calls[0].params["entity_type"] == "LEAD"


def test_an_item_with_the_phone_that_the_user_may_not_read_is_near():
    portal = Portal()
    portal.duplicates = {"1": {"CONTACT": [5]}}
    assert ids(found(portal, PHONE, "1", type_id=3)["1",]) == ([], [5])


def test_an_error_of_a_search_or_a_page_is_that_of_its_phones_only():
    denied = AccessDeniedError("no")
    portal = Portal(
        *(contact(number, str(number)) for number in range(1, 61)),
        instead=lambda call: (
            denied
            if call.params.get("values") == ["60"] or 51 in call.params.get("filter", {}).get("@id", ())
            else None
        ),
    )
    portal.duplicates = {str(number): {"CONTACT": [number]} for number in range(1, 61)}
    result = found(portal, PHONE, *(str(number) for number in range(1, 61)), type_id=3)
    assert [value is denied for value in result.values()] == [False] * 50 + [True] * 10


def test_what_a_search_for_duplicates_never_answers_is_an_error():
    for answer in ({"CONTACT": "x"}, {"CONTACT": [None]}, {"CONTACT": {"0": 1}}):
        portal = Portal(instead=lambda call, answer=answer: answer)
        [error] = errors_of(found(portal, PHONE, "1", type_id=3))
        assert isinstance(error, UnexpectedResultError)
