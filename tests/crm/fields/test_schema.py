"""The fields of a dataset, and the columns they become."""

from __future__ import annotations

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.extraction.typed_rows import TypedRows
from airflow_provider_bitrix24.crm.fields.columns import Column, ValueType
from airflow_provider_bitrix24.crm.fields.schema import Option, schema_of, static_schema
from airflow_provider_bitrix24.rest.errors import BadValueError, InvalidInputError, UnexpectedResultError

FIELDS = {
    "title": {"type": "string", "title": "Title", "upperName": "TITLE"},
    "id": {"type": "integer", "isReadOnly": True, "upperName": "ID"},
    "opportunity": {"type": "double", "upperName": "OPPORTUNITY"},
    "createdTime": {"type": "datetime", "upperName": "CREATED_TIME"},
    "contactIds": {"type": "crm_contact", "isMultiple": True, "upperName": "CONTACT_IDS"},
    "fm": {"type": "crm_multifield", "isMultiple": True, "upperName": "FM"},
    "ufCrm_1747309879": {
        "type": "enumeration",
        "upperName": "UF_CRM_1747309879",
        "title": "Colour",
        "items": [{"ID": "17", "VALUE": "Red"}, {"ID": "19", "VALUE": "Blue"}],
    },
    "ufCrm3Price": {"type": "money", "upperName": "UF_CRM_3_PRICE"},
    "ufCrm3Rate": {"type": "double", "upperName": "UF_CRM_3_RATE", "settings": {"PRECISION": "4"}},
    "productRows": {"type": "crm_product_row", "upperName": "PRODUCT_ROWS"},
}


def schema(names="snake", fields=FIELDS):
    return schema_of("contact", fields, names=names, method="crm.item.fields")


def test_columns_go_by_the_common_name_and_the_id_stands_first():
    assert [column.name for column in schema().columns] == [
        "id", "title", "opportunity", "created_time", "contact_ids", "phone", "email", "web", "im", "link",
        "uf_crm_1747309879", "uf_crm_3_price", "uf_crm_3_price_currency", "uf_crm_3_rate",
    ]  # fmt: skip


def test_columns_may_keep_the_apis_names():
    found = schema("api")
    assert [column.name for column in found.columns][:4] == ["id", "title", "opportunity", "createdTime"]
    assert "ufCrm3PriceCurrency" in [column.name for column in found.columns]
    assert found.key == ("id",)


def test_each_column_says_what_its_values_are():
    columns = {column.name: column for column in schema().columns}
    assert columns["opportunity"] == Column(
        name="opportunity", type=ValueType.DECIMAL, scale=2, title="opportunity"
    )
    assert columns["uf_crm_3_rate"].scale == 4
    assert columns["contact_ids"].multiple
    assert columns["contact_ids"].type is ValueType.INTEGER
    assert columns["phone"].type is ValueType.MULTIFIELD
    assert columns["title"].title == "Title"


def test_a_field_tells_whether_it_can_be_written():
    fields = {"id": {}, "a": {"isReadOnly": True}, "b": {"isImmutable": True}, "c": {"isImmutable": "N"}}
    found = [(known.read_only, known.immutable) for known in schema(fields=fields).fields[1:]]
    assert found == [(True, False), (False, True), (False, False)]


def test_a_list_field_tells_its_options():
    assert schema().find("uf_crm_1747309879").options == (Option(17, "Red"), Option(19, "Blue"))


def test_what_is_described_and_never_answered_is_no_field():
    described = {name: {"type": "crm_company", "isMultiple": True} for name in ("companies", "companyIds")}
    found = schema_of("contact", {"id": {"type": "integer"}, **described}, names="snake", method="m")
    assert [known.name for known in found.fields] == ["id", "company_ids"]


@cases("name", ["uf_crm_3_rate", "ufCrm3Rate", "UF_CRM_3_RATE", "UFCRM3RATE"])
def test_a_field_is_found_by_either_of_its_names(name):
    assert schema().find(name).api_name == "ufCrm3Rate"


@cases("names", ["snake", "api"])
@cases(
    "spelled",
    [("contact_ids", "uf_crm_3_rate"), ("contactIds", "ufCrm3Rate"), ("CONTACT_IDS", "UF_CRM_3_RATE")],
)
def test_fields_are_named_in_any_spelling_whatever_the_columns_are_called(names, spelled):
    assert [known.api_name for known in schema(names).only(spelled).fields] == [
        "id", "contactIds", "ufCrm3Rate",
    ]  # fmt: skip


@cases("names", ["snake", "api"])
@cases("spelled", ["uf_crm_3_price_currency", "ufCrm3PriceCurrency"])
def test_a_currency_is_chosen_with_its_money(names, spelled):
    assert [known.api_name for known in schema(names).only([spelled]).fields] == ["id", "ufCrm3Price"]


@cases(
    ("names", "expected"),
    [
        ("snake", ["id", "uf_crm_fee", "uf_crm_fee_currency_code", "uf_crm_fee_currency"]),
        ("api", ["id", "ufCrmFee", "ufCrmFeeCurrencyCode", "ufCrmFeeCurrency"]),
    ],
)
def test_a_currency_never_takes_the_name_of_another_field(names, expected):
    fields = {
        "id": FIELDS["id"],
        "ufCrmFee": {"type": "money", "upperName": "UF_CRM_FEE"},
        "ufCrmFeeCurrency": {"type": "string", "upperName": "UF_CRM_FEE_CURRENCY"},
    }
    found = schema(names, fields)
    assert [column.name for column in found.columns] == expected
    assert [column.name for column in found.only(["ufCrmFee"]).columns] == expected[:3], "whatever is read"


def test_names_that_may_have_been_meant_are_spelled_as_the_columns_are():
    with pytest.raises(InvalidInputError, match=r"Write 'createdTime', if you meant that\."):
        schema("api").only(["creatd_time"])


def of_items(dataset, *names):
    fields = {name: {"type": "integer"} for name in ("id", *names)}
    return schema_of(dataset, fields, names="snake", method="crm.item.fields")


@cases(
    ("dataset", "classic", "name"),
    [
        ("deal", "DATE_CREATE", "createdTime"),
        ("deal", "date_modify", "updatedTime"),
        ("contact", "CREATED_BY_ID", "createdBy"),
        ("contact", "MODIFY_BY_ID", "updatedBy"),
        ("lead", "MOVED_BY_ID", "movedBy"),
        ("lead", "STATUS_ID", "stageId"),
        ("lead", "STATUS_SEMANTIC_ID", "stageSemanticId"),
        ("quote", "STATUS_ID", "stageId"),
        ("company", "COMPANY_TYPE", "typeId"),
        ("deal", "OBSERVER_IDS", "observers"),
    ],
)
def test_a_field_is_found_by_the_name_that_classic_methods_have_for_it(dataset, classic, name):
    others = ("createdTime", "updatedTime", "createdBy", "updatedBy", "movedBy", "stageId", "typeId")
    found = of_items(dataset, *others, "stageSemanticId", "observers")
    assert [known.api_name for known in found.only([classic]).fields] == ["id", name]


def test_a_classic_name_of_another_type_is_refused():
    with pytest.raises(InvalidInputError, match="'STATUS_ID' is not a field of deal"):
        of_items("deal", "stageId").only(["STATUS_ID"])


def test_a_fields_own_name_counts_before_a_classic_one():
    found = of_items("lead", "stageId", "STATUS_ID").only(["status_id"])
    assert [known.api_name for known in found.fields] == ["id", "STATUS_ID"]


def test_an_asterisk_is_refused_with_how_every_field_is_read():
    with pytest.raises(InvalidInputError, match=r"Leave fields out to read every field\.$"):
        schema().only(["*"])


def test_several_names_that_may_have_been_meant_are_all_told():
    with pytest.raises(InvalidInputError, match=r"Write '\w+' or '\w+', if you meant one of them\.$"):
        of_items("deal", "title1", "title2").only(["title"])


def test_chosen_fields_come_with_the_key():
    found = schema().only(["createdTime", "phone"])
    assert [column.name for column in found.columns] == ["id", "created_time", "phone"]
    assert found.select == ["*"]  # phones come no other way


def test_only_what_is_read_is_selected():
    assert schema().only(["title", "uf_crm_3_price_currency"]).select == ["id", "title", "ufCrm3Price"]


def test_a_misspelt_field_is_refused_with_what_may_have_been_meant():
    with pytest.raises(
        InvalidInputError, match=r"fields\[1\]: 'opportunty' is not a field of contact"
    ) as caught:
        schema().only(["title", "opportunty"])
    assert caught.value.remedy == "Write 'opportunity', if you meant that."


def test_an_extra_is_read_only_where_it_is_named():
    fields = {"ID": {"type": "integer"}, "FILES": {"type": "diskfile", "isMultiple": True}}
    found = schema_of("activity", fields, names="snake", method="crm.activity.fields", extras=["FILES"])
    assert found.only(None).select == ["ID"]
    assert found.only(["files"]).select == ["ID", "FILES"]


@cases("described", [None, [], {}, {"title": FIELDS["title"]}, False])
def test_what_describes_no_fields_is_an_error(described):
    with pytest.raises(UnexpectedResultError):
        schema(fields=described)


def test_a_dataset_without_metadata_has_columns_all_the_same():
    found = static_schema("users", {"ID": "integer", "UF_DEPARTMENT": "integer[]"}, ("id",), "snake")
    assert [(column.name, column.multiple) for column in found.columns] == [
        ("id", False),
        ("uf_department", True),
    ]
    assert static_schema("users", {"ID": "integer"}, ("id",), "api").key == ("ID",)


ROW = {
    "id": 4,
    "title": "A",
    "opportunity": 10.5,
    "createdTime": "2026-05-04T10:00:00+03:00",
    "contactIds": [],
    "fm": [
        {"id": 1, "typeId": "PHONE", "valueType": "WORK", "value": "+1"},
        {"id": 2, "typeId": "EMAIL", "valueType": "HOME", "value": "a@example.com"},
        {"id": 3, "typeId": "PHONE", "valueType": "MOBILE", "value": "+2"},
    ],
    "ufCrm_1747309879": 17,
    "ufCrm3Price": "7|EUR",
    "ufCrm3Rate": None,
}


def test_a_row_becomes_typed_values():
    [row] = TypedRows(schema()).chunk([ROW]).rows()
    assert row["phone"] == [
        {"id": 1, "kind": "WORK", "value": "+1"},
        {"id": 3, "kind": "MOBILE", "value": "+2"},
    ]
    assert row["web"] is None
    assert row["uf_crm_3_price_currency"] == "EUR"
    assert row["contact_ids"] is None


def test_a_bad_value_names_dataset_id_and_field_and_not_the_value():
    rows = [ROW, {**ROW, "id": 5, "createdTime": "secret 12"}]
    with pytest.raises(BadValueError, match="contact 5: the value of createdTime is no moment") as caught:
        TypedRows(schema()).chunk(rows)
    assert "secret" not in str(caught.value)


def test_bad_values_may_be_counted_instead():
    typed = TypedRows(schema(), "null")
    rows = [ROW, {**ROW, "id": 5, "createdTime": "soon", "fm": "none"}]
    read = list(typed.chunk(rows).rows())
    assert read[1]["created_time"] is None
    assert read[0]["created_time"] is not None
    assert typed.bad_values["created_time"] == 1
    assert typed.bad_values["phone"] == 1
