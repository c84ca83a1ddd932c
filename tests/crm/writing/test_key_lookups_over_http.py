"""Look-ups of keys, asked of the portal in a box."""

from __future__ import annotations

from airflow_provider_bitrix24.crm.extraction.datasets import parse_dataset
from airflow_provider_bitrix24.crm.writing.current import checked_ids
from airflow_provider_bitrix24.crm.writing.key_lookups import look_up
from airflow_provider_bitrix24.crm.writing.keys import Key


def test_two_and_a_half_thousand_keys_take_two_requests(box, hook):
    box.add_items("deal", [{"TITLE": f"Deal {n}", "ORIGIN_ID": f"k{n}"} for n in range(0, 2_500, 1_000)])
    box.add_items("deal", [{"TITLE": f"Twin {n}", "ORIGIN_ID": "k7"} for n in range(60)])
    schema = hook.carry_out(parse_dataset("deal").describe("snake"))
    key = Key.parse("origin_id", schema)
    box.clear_journal()
    wanted = [(f"k{n}",) for n in range(2_500)]
    found = hook.carry_out(look_up(2, key, wanted, ["title"]))
    assert len(box.requests) == 2 + 1  # and the page that follows the twins
    titles = {parts[0]: [item["title"] for item in one.items] for parts, one in found.items() if one.items}
    assert titles.pop("k7") == [f"Twin {n}" for n in range(50)]
    assert titles == {f"k{n}": [f"Deal {n}"] for n in range(0, 2_500, 1_000)}


def test_keys_of_every_type_reach_the_portal_as_they_are(box, hook):
    box.add_user_field("deal", "UF_CRM_NUMBER", "integer")
    box.add_user_field("deal", "UF_CRM_CODE", "string")
    codes = [
        "007",
        "a&b=c",
        "50%",
        "Ä ö",
        "it's",
        '"',
        "a+b",
        "[x]",
        "--",
        "$result[c0]",
        "x" * 200,
        "=1",
        "%",
    ]
    ids = box.add_items(
        "deal",
        [
            {"TITLE": code, "UF_CRM_CODE": code, "UF_CRM_NUMBER": n, "ASSIGNED_BY_ID": 1}
            for n, code in enumerate(codes)
        ],
    )
    schema = hook.carry_out(parse_dataset("deal").describe("snake"))
    key = Key.parse(["uf_crm_number", "assigned_by_id", "uf_crm_code"], schema)
    wanted = [(str(n), "1", code) for n, code in enumerate(codes)]
    found = hook.carry_out(look_up(2, key, wanted, []))
    assert {parts: [item["id"] for item in one.items] for parts, one in found.items()} == {
        parts: [number] for parts, number in zip(wanted, ids, strict=True)
    }
    assert [item["id"] for item in hook.carry_out(checked_ids(2, ids, ["title"])).values()] == ids


def test_contacts_are_found_by_their_phones_and_addresses(box, hook):

    def contact(phone, email):
        return {"PHONE": [{"VALUE": phone}], "EMAIL": [{"VALUE": email}], "NAME": phone}

    ann, bob, _, eve = box.add_items(
        "contact",
        [
            contact("+49 (30) 1234-567", "Ann@Example.com"),
            contact("0049", "bob@example.com"),
            contact("+49 30 99", "twin@example.com"),
            contact("+49 30 1234567 ext 12", "twin@example.com"),
        ],
    )
    box.add_item("lead", contact("+49 30 1234567", "ann@example.com"))
    schema = hook.carry_out(parse_dataset("contact").describe("snake"))

    def found(name, *values):
        key = Key.parse(name, schema)
        outcome = hook.carry_out(look_up(3, key, [(value,) for value in values], ["id"]))
        return [([item["id"] for item in outcome[value,].items], outcome[value,].near) for value in values]

    assert found("phone", "49301234567", "0049", "+49 30 5") == [([ann, eve], ()), ([bob], ()), ([], ())]
    assert found("email", "ann@example.com", "BOB@example.com", "x@y") == [([ann], ()), ([bob], ()), ([], ())]
    box.add_items("contact", [contact("+49 555", "many@example.com") for _ in range(30)])
    [(many, _)] = found("email", "many@example.com")
    assert len(many) == 20
