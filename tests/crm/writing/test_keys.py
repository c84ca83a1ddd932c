"""Keys of upserts: which fields may be one, a row's key, and when two are the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.fields.schema import schema_of
from airflow_provider_bitrix24.crm.writing.keys import Key, digits
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError

FIELDS = {
    "id": {"type": "integer", "isReadOnly": True},
    "title": {"type": "string"},
    "originatorId": {"type": "string"},
    "originId": {"type": "string"},
    "typeId": {"type": "crm_status"},
    "companyId": {"type": "crm_company"},
    "createdBy": {"type": "user", "isReadOnly": True},
    "closedate": {"type": "date"},
    "opportunity": {"type": "double"},
    "ufCrm_1747309879": {"type": "integer", "upperName": "UF_CRM_1747309879"},
    "ufCrmTags": {"type": "string", "isMultiple": True, "upperName": "UF_CRM_TAGS"},
    "phone": {"type": "string"},
}
DEAL = schema_of("deal", FIELDS, names="snake", method="crm.item.fields")
CONTACT = schema_of(
    "contact", {**FIELDS, "fm": {"type": "crm_multifield"}}, names="snake", method="crm.item.fields"
)
ORIGIN = Key.parse(["originator_id", "origin_id"], DEAL)
NUMBER = Key.parse("uf_crm_1747309879", DEAL)
PHONE, EMAIL = Key.parse("phone", CONTACT), Key.parse("email", CONTACT)


def test_a_key_is_named_in_any_spelling():
    for value in ("origin_id", "ORIGIN_ID", "originId", " origin_id ", ["origin_id"], '["originId"]'):
        key = Key.parse(value, DEAL)
        assert (key.columns, key.api_names, key.types) == (("origin_id",), ("originId",), ("string",))
    assert ORIGIN.api_names == ("originatorId", "originId")
    assert Key.parse(("company_id", "UF_CRM_1747309879"), DEAL).api_names == ("companyId", "ufCrm_1747309879")
    api = schema_of("deal", FIELDS, names="api", method="crm.item.fields")
    assert Key.parse("origin_id", api).columns == ("originId",)


def test_phones_and_addresses_are_keys_of_types_that_have_them():
    for name in ("phone", "PHONE", ["Phone "]):
        assert Key.parse(name, CONTACT) == PHONE
    assert (EMAIL.columns, EMAIL.api_names, EMAIL.is_communication) == (("email",), ("EMAIL",), True)
    assert Key.parse("phone", DEAL).api_names == ("phone",)  # a field of this name, as any other
    with pytest.raises(InvalidInputError, match="'email' is not a field of deal"):
        Key.parse("email", DEAL)
    with pytest.raises(
        InvalidInputError, match="'web' is not a key, because items cannot be looked up by it"
    ):
        Key.parse("web", CONTACT)
    with pytest.raises(InvalidInputError, match=re.escape("key[1]: 'phone' is a key by itself")):
        Key.parse(["origin_id", "phone"], CONTACT)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("orign_id", "key: 'orign_id' is not a field of deal. Write 'origin_id' or 'originator_id', if"),
        ("id", "key: 'id' is not a key, because the portal gives it"),
        (["title", "created_by"], "key[1]: 'created_by' is not a key, because the portal does not let it"),
        ("uf_crm_tags", "key: 'uf_crm_tags' is not a key, because it holds several values"),
        (
            "closedate",
            "key: 'closedate' is not a key, because its type is date. Types of keys are string, url,",
        ),
        ("opportunity", "because its type is double"),
        (["title", "TITLE"], "key[0]: 'title' is there twice"),
        (None, "key: None is not a key"),
        ([], "key: [] is not a key"),
        ("[]", "key: '[]' is not a key"),
        ("", "key: '' is not a text"),
        ({"a": 1}, "is not a key"),
        (["title", 1], "key[1]: 1 is not a field's name"),
        ("[title", "key: '[title' is not JSON"),
    ],
)
def test_what_is_no_key_is_refused(value, problem):
    with pytest.raises(InvalidInputError, match=re.escape(problem)):
        Key.parse(value, DEAL)


def test_a_rows_key_is_text_in_the_order_of_its_columns():
    assert ORIGIN.of({"originId": "007 ", "originatorId": "erp", "title": "x"}, "rows[0]") == ("erp", "007 ")
    assert NUMBER.of({"ufCrm_1747309879": 7}, "rows[0]") == ("7",)
    assert NUMBER.of({"ufCrm_1747309879": 0}, "rows[0]") == ("0",)


def test_the_first_phone_of_a_row_is_its_key():
    for phones in ("+49 30 1", ["+49 30 1", "2"], [{"kind": "WORK", "value": " +49 30 1 "}, {"value": "2"}]):
        assert PHONE.of({"PHONE": phones}, "rows[0]") == ("+49 30 1",)


@pytest.mark.parametrize(
    ("key", "wanted", "problem"),
    [
        (ORIGIN, {"originId": "secret"}, "rows[3]: the row has no key, because originator_id is empty"),
        (ORIGIN, {"originatorId": "secret", "originId": "  "}, "because origin_id is empty"),
        (ORIGIN, {"originatorId": "secret", "originId": None}, "because origin_id is empty"),
        (Key.parse("company_id", DEAL), {"companyId": 0}, "because company_id is empty"),
        (NUMBER, {"ufCrm_1747309879": "secret"}, "rows[3].uf_crm_1747309879: no whole number"),
        (PHONE, {"PHONE": ["secret"]}, "because phone holds no digits"),
        (PHONE, {"PHONE": []}, "because phone is empty"),
        (PHONE, {}, "because phone is empty"),
        (EMAIL, {"EMAIL": [{"value": None}]}, "because email is empty"),
    ],
)
def test_a_row_without_a_whole_key_is_refused_without_its_values(key, wanted, problem):
    with pytest.raises(InvalidInputError, match=re.escape(problem)) as raised:
        key.of(wanted, "rows[3]")
    assert "secret" not in str(raised.value)


def test_an_items_key_is_compared_as_its_fields_type():
    assert NUMBER.in_item({"id": 1, "ufCrm_1747309879": "7"}) == ("7",)
    assert NUMBER.in_item({"id": 1, "ufCrm_1747309879": None}) == ("",)
    assert ORIGIN.in_item({"id": 1, "originatorId": "erp", "originId": 7}) == ("erp", "7")
    with pytest.raises(UnexpectedResultError, match="shows item 1 without origin_id"):
        ORIGIN.in_item({"id": 1, "originatorId": "erp"})
    with pytest.raises(UnexpectedResultError, match="with no whole number in uf_crm_1747309879") as raised:
        NUMBER.in_item({"id": 1, "ufCrm_1747309879": "secret"})
    assert "secret" not in str(raised.value)


def test_phones_are_compared_by_their_digits():
    same = [
        "+7 (900) 123-45-67",
        "79001234567",
        "8 900 123 45 67",
        "+7 900 123-45-67, 12",
        "+79001234567 ext 9",
    ]
    assert {digits(phone) for phone in same} == {"79001234567"}
    assert digits("+81 3 1234 5678") == "81312345678"


def test_keys_are_folded_to_what_the_portal_may_take_for_one():
    same = [("a", "1"), ("A ", "1"), ("a", "1\t")]
    others = [("b", "1"), (" a", "1"), ("a", "b1"), ("ab", "1")]
    assert {ORIGIN.folded(parts) for parts in same} == {("a", "1")}
    assert len({ORIGIN.folded(parts) for parts in others}) == 4
    assert PHONE.folded(("+49 30 1",)) == PHONE.folded(("49301",)) != PHONE.folded(("4930",))
    assert EMAIL.folded(("A@b.de",)) == EMAIL.folded(("a@B.de",))


@given(st.text(), st.text(alphabet=" \t"))
def test_spaces_at_the_end_never_tell_two_keys_apart(text, spaces):
    [folded] = NUMBER.folded((text,))
    assert NUMBER.folded((folded + spaces,)) == NUMBER.folded((folded,))


@given(st.text(alphabet="0123456789+-() ,;#x"))
def test_the_digits_of_a_phone_are_digits_and_stay_so(phone):
    found = digits(phone)
    assert found == "" or found.isdigit()
    assert digits(f"+{found}") == digits(f"+{found} x 12") == found
