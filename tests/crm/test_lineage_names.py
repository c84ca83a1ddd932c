"""What lineage calls a portal's data, and which of it a call of the API touches."""

from __future__ import annotations

from decimal import Decimal

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.fields.columns import Column, ValueType
from airflow_provider_bitrix24.crm.fields.schema import CrmField, CrmSchema
from airflow_provider_bitrix24.crm.lineage import (
    DataField,
    Origin,
    asset_uri,
    column_origins,
    columns_of,
    count_written,
    dataset_name,
    fields_of,
    name_in_path,
    portal_node,
    product_rows_name,
)
from airflow_provider_bitrix24.crm.lineage_of_methods import Use, read_name, use_of
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError

PORTAL = "portal.bitrix24.com"


@cases(
    "dataset, name",
    [
        ("deal", "crm.deal"),
        ("dynamic_1042", "crm.dynamic_1042"),
        ("deal.stage_history", "crm.deal.stage_history"),
        ("activity", "crm.activity"),
        ("stages", "crm.stages"),
        ("users", "users"),
        ("departments", "departments"),
    ],
)
def test_a_dataset_has_the_name_of_its_asset(dataset, name):
    assert dataset_name(dataset) == name
    uri = asset_uri(PORTAL, name)
    assert uri.startswith(f"bitrix24://{PORTAL}/")
    assert name_in_path(uri.removeprefix(f"bitrix24://{PORTAL}")) == name


def test_a_node_is_named_by_its_portal():
    node = portal_node("portal.bitrix24.com:8443", "crm.deal", rows=3)
    assert (node.namespace, node.name, node.rows) == ("bitrix24://portal.bitrix24.com:8443", "crm.deal", 3)
    assert node.origin("title") == Origin(node.namespace, "crm.deal", "title")


@cases(
    "method, params, wanted",
    [
        ("crm.item.list", {"entityTypeId": 2}, Use("crm.deal", writes=False)),
        ("crm.item.get", {"entityTypeId": "1042", "id": 1}, Use("crm.dynamic_1042", writes=False)),
        ("crm.item.add", {"entitytypeid": 31, "fields": {}}, Use("crm.smart_invoice", writes=True)),
        ("crm.item.list", {}, None),
        ("crm.item.list", {"entityTypeId": "deal"}, None),
        ("CRM.Deal.List", {}, Use("crm.deal", writes=False)),
        ("crm.deal.update", {"id": 1}, Use("crm.deal", writes=True)),
        ("crm.deal.productrows.set", {}, Use("crm.deal.product_rows", writes=True)),
        ("crm.item.productrow.set", {"ownerType": "D"}, Use("crm.deal.product_rows", writes=True)),
        (
            "crm.item.productrow.list",
            {"filter": {"=ownerType": "T80"}},
            Use("crm.dynamic_128.product_rows", writes=False),
        ),
        ("crm.item.productrow.list", {"filter": []}, None),
        ("crm.stagehistory.list", {"entityTypeId": 1}, Use("crm.lead.stage_history", writes=False)),
        ("crm.stagehistory.list", {}, None),
        ("crm.status.list", {}, Use("crm.statuses", writes=False)),
        ("crm.category.list", {"entityTypeId": 2}, Use("crm.pipelines", writes=False)),
        ("user.get", {}, Use("users", writes=False)),
        ("department.add", {}, Use("departments", writes=True)),
        ("crm.timeline.comment.add", {}, Use("crm.timeline.comment", writes=True)),
        ("crm.timeline.bindings.unbind", {}, Use("crm.timeline.bindings", writes=True)),
        ("crm.activity.binding.delete", {}, Use("crm.activity.binding", writes=True)),
        ("tasks.task.list", {}, Use("tasks.task", writes=False)),
        ("crm.deal.fields", {}, None),
        ("profile", {}, None),
        ("telephony.externalcall.register", {}, None),
    ],
)
def test_a_method_tells_what_it_reads_or_writes(method, params, wanted):
    call = Call(method, params)
    assert use_of(call) == wanted
    assert read_name(call) == (None if wanted is None or wanted.writes else wanted.name)


def test_fields_go_by_the_names_of_the_api():
    fields = (
        CrmField(name="id", api_name="id", type="integer"),
        CrmField(name="assigned_by_id", api_name="assignedById", type="user", title="Responsible"),
        CrmField(name="uf_crm_sizes", api_name="ufCrmSizes", type="enumeration", multiple=True),
        CrmField(name="uf_crm_fee", api_name="ufCrmFee", type="money"),
    )
    schema = CrmSchema("deal", fields)
    assert fields_of(schema)[1:] == [
        DataField("assignedById", "user", "Responsible"),
        DataField("ufCrmSizes", "array<enumeration>"),
        DataField("ufCrmFee", "money"),
    ]
    origins = column_origins(schema, portal_node(PORTAL, "crm.deal"))
    assert {name: [origin.field for origin in found] for name, found in origins.items()} == {
        "id": ["id"],
        "assigned_by_id": ["assignedById"],
        "uf_crm_sizes": ["ufCrmSizes"],
        "uf_crm_fee": ["ufCrmFee"],
        "uf_crm_fee_currency": ["ufCrmFee"],
    }


def test_columns_tell_their_types():
    columns = [
        Column(name="id", type=ValueType.INTEGER),
        Column(name="opportunity", type=ValueType.DECIMAL, scale=2),
        Column(name="observers", type=ValueType.INTEGER, multiple=True),
        Column(name="phone", type=ValueType.MULTIFIELD, multiple=True),
    ]
    assert [field.type for field in columns_of(columns, nested=True)] == [
        *("integer", "decimal(18,2)", "array<integer>", "array<multifield>"),
    ]
    assert [field.type for field in columns_of(columns, nested=False)] == [
        *("integer", "decimal(18,2)", "json", "json"),
    ]


def test_what_failed_or_was_so_already_is_not_written():
    assert count_written(["created", "updated", "unchanged", "deleted", "not_found", "failed", "bound"]) == 4


def test_the_product_rows_of_no_type_have_no_name():
    assert product_rows_name(" Deal") == "crm.deal.product_rows"
    with pytest.raises(InvalidInputError):
        product_rows_name(Decimal(1))
