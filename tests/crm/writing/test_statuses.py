"""The codes that statuses may hold."""

from __future__ import annotations

import pytest
from keys_portal import Portal

from airflow_provider_bitrix24.crm.extraction.datasets import parse_dataset
from airflow_provider_bitrix24.crm.fields.schema import schema_of
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.writing.statuses import status_codes
from airflow_provider_bitrix24.rest.errors import AccessDeniedError, ServerError, UnexpectedResultError

ROWS = [
    {"ENTITY_ID": entity, "STATUS_ID": code}
    for entity, code in [
        ("SOURCE", "WEB"),
        ("SOURCE", "7"),
        ("INDUSTRY", "IT"),
        ("DEAL_STAGE", "NEW"),
        ("DEAL_STAGE_3", "C3:NEW"),
        ("DEAL_TYPE", "SALE"),
        ("STATUS", "JUNK"),
    ]
]
DEAL = schema_of(
    "deal",
    {
        "id": {"type": "integer"},
        "title": {"type": "string"},
        "sourceId": {"type": "crm_status", "statusType": "SOURCE"},
        "stageId": {"type": "crm_status", "statusType": "DEAL_STAGE"},
        "previousStageId": {"type": "crm_status", "statusType": "DEAL_STAGE", "isReadOnly": True},
        "typeId": {"type": "crm_status"},
        "ufCrmBranch": {"type": "crm_status", "settings": {"ENTITY_TYPE": "INDUSTRY"}},
        "ufCrmEmpty": {"type": "crm_status", "statusType": "NOTHING"},
    },
    names="snake",
    method="crm.item.fields",
)


def test_the_codes_of_each_field_that_tells_its_list_and_the_stages_of_all_pipelines():
    portal = Portal(instead=lambda call: ROWS)
    assert portal.run(status_codes(DEAL)) == {
        "sourceId": {"WEB", "7"},
        "stageId": {"NEW", "C3:NEW"},
        "ufCrmBranch": {"IT"},
    }
    assert [(call.method, call.params) for call in portal.calls] == [("crm.status.list", {})]


def test_nothing_is_known_where_the_list_is_denied_and_nothing_asked_without_statuses():
    portal = Portal(instead=lambda call: AccessDeniedError("no"))
    assert portal.run(status_codes(DEAL)) == {}
    assert portal.run(status_codes(DEAL.only(["title"]))) == {}
    assert len(portal.calls) == 1


def test_an_answer_that_tells_nothing_is_an_error():
    for answer, error in (
        (ServerError("busy"), ServerError),
        ([{}], UnexpectedResultError),
        ([1], UnexpectedResultError),
        (7, UnexpectedResultError),
    ):
        portal = Portal(instead=lambda call, answer=answer: answer)
        with pytest.raises(error):
            portal.run(status_codes(DEAL))


def test_the_codes_are_those_of_the_portals_own_items(box, hook):
    box.add_smart_process(1042, "Projects")
    box.add_pipeline("deal", "Partners")
    for name in ("lead", "deal", "company", "smart_invoice", "dynamic_1042"):
        schema = hook.carry_out(parse_dataset(name).describe("snake"))
        codes = hook.carry_out(status_codes(schema))
        assert ("stageId" in codes) is (name != "company")
        item = hook.call(
            "crm.item.get", {"entityTypeId": CrmItem(name, 1).type_id, "id": box.add_item(name, {})}
        )["item"]
        for api_name, known in codes.items():
            assert item[api_name] in (None, "") or item[api_name] in known, (name, api_name)
        if name == "deal":
            assert {"NEW", "C1:NEW"} <= codes["stageId"]
