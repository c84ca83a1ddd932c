"""What the pages say of Bitrix24's silences and scopes is what the portal in a box does."""

from __future__ import annotations

import re

import pytest
import requests
from cases import cases
from doc_blocks import read

from airflow_provider_bitrix24.testing.methods import REGISTRY


@pytest.fixture
def call(bitrix24_portal):
    """Call a method as an administrator, and return its result."""

    def call(method, params, user_id=1):
        answer = requests.post(bitrix24_portal.webhook_url(user_id) + method, json=params, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    return call


def bind(record, kind, number):
    return "crm.timeline.bindings.bind", {
        "fields": {"OWNER_ID": record, "ENTITY_TYPE": kind, "ENTITY_ID": number}
    }


def test_bindings_of_nothing_and_to_nothing_are_stored(bitrix24_portal, call):
    deal = bitrix24_portal.add_item("deal")
    record = bitrix24_portal.add_comment("deal", deal, "x")
    assert call(*bind(777, "deal", deal)) is True
    assert call(*bind(record, "deal", 99)) is True
    assert bitrix24_portal.bindings(record) == [("deal", deal), ("deal", 99)]
    assert call(*bind(record, "deal", deal), user_id=3) is False


def test_a_comment_on_nothing_is_stored(bitrix24_portal, call):
    fields = {"ENTITY_TYPE": "deal", "ENTITY_ID": 99, "COMMENT": "x"}
    assert call("crm.timeline.comment.add", {"fields": fields})


def test_unknown_names_and_odd_values_are_passed_over(bitrix24_portal, call):
    deals = bitrix24_portal.add_items("deal", [{"TITLE": "a"}, {"TITLE": "b"}])
    sent = {"NO_FIELD": 1, "OPPORTUNITY": "1234,56", "CLOSEDATE": "soon"}
    assert call("crm.deal.update", {"id": f"{deals[0]}abc", "fields": sent}) is True
    row = call("crm.deal.get", {"id": deals[0]})
    assert float(row["OPPORTUNITY"]) == 1234
    assert not row["CLOSEDATE"]
    assert len(call("crm.deal.list", {"filter": {"=TITEL": "a"}})) == 2
    assert [list(row) for row in call("crm.deal.list", {"select": ["ID", "TITEL"]})] == [["ID"], ["ID"]]


def scopes():
    table = read("docs/security.md").split("## Scopes", 1)[1].split("\n## ", 1)[0]
    for names, methods in re.findall(r"^\| (`[^|]+|none) \| ([^|]+) \|$", table, re.MULTILINE):
        for method in re.findall(r"`([a-z]+(?:\.[a-z]+)*)`", methods):
            if method in REGISTRY:
                yield method, set(re.findall(r"`(\w+)`", names))


@cases(("method", "named"), list(scopes()))
def test_a_method_needs_the_scopes_that_the_page_names(method, named):
    assert set(REGISTRY[method].scopes) == named


def test_operators_need_the_scope_crm_only():
    scopes = {method.scopes for name, method in REGISTRY.items() if name.startswith("crm.")}
    assert scopes == {("crm",)}


def test_values_of_items_are_corrected_without_a_word(bitrix24_portal, call):
    bitrix24_portal.add_user_field("deal", "UF_CRM_FLAG", "boolean")
    bitrix24_portal.add_pipeline("deal", "Projects")
    [deal] = bitrix24_portal.add_items("deal", [{"TITLE": "a", "UF_CRM_FLAG": True}])
    sent = {"title": "", "stageId": "C1:WON", "companyId": 99, "ufCrmFlag": "1", "originId": "7"}
    call("crm.item.update", {"entityTypeId": 2, "id": deal, "fields": sent})
    item = call("crm.item.get", {"entityTypeId": 2, "id": deal})["item"]
    assert {name: item[name] for name in sent} == {
        "title": "a", "stageId": "NEW", "companyId": 0, "ufCrmFlag": "N", "originId": "7",
    }  # fmt: skip
    assert call("crm.item.add", {"entityTypeId": 2, "fields": {"originId": "7"}})
    assert call("crm.deal.update", {"id": deal, "fields": {"TITLE": "a"}}) is True
    assert bitrix24_portal.calls("crm.deal.update")[-1].started == ("processes",)
