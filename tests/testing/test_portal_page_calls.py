"""The latest calls on the page, with what was sent and without any secret."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from page_tree import calls_of
from portal_client import Client


@pytest.fixture
def deal(box):
    return box.add_item("deal", {"TITLE": "Espresso machines"}, item_id=10)


def test_latest_calls(box, client, deal):
    client("crm.deal.get", {"id": deal})
    client("crm.deal.get", {"id": 99})
    client.batch({"a": "crm.contact.list"})
    Client(box, 3).pair("bind", 1, "deal", deal)
    calls = calls_of(box)
    lines = [row.text for row in calls.all("li")]
    assert next(calls.all("summary")).text == "4 requests, 0 refused"
    assert {line[:26] for line in lines} == {"9 Sep 2025 16:31:11 +03:00"}
    assert [line[26:] for line in lines] == [
        "crm.timeline.bindings.binduser 3false"
        '{"fields": {"OWNER_ID": 1, "ENTITY_TYPE": "deal", "ENTITY_ID": 10}}',
        'batchuser 1ok{"commands": 1}',
        "crm.contact.listuser 1 in a batchok",
        'crm.deal.getuser 1400{"id": 99}',
        'crm.deal.getuser 1ok{"id": 10}',
    ]


def test_no_secret_is_in_a_call_that_is_shown(box, client, application):
    code, secret = box.webhook_code(), box.client_secret
    link = f"{box.webhook_url()}download/?token=x"
    client("crm.deal.add", {"fields": {"TITLE": link, code: 1, "COMMENTS": ["a", {"b": secret}]}})
    client("crm.deal.list", {"filter": {"AUTHOR_ID": 7}, "api_token": "hidden-by-its-name", "auth": "mine"})
    application("crm.deal.get", {"id": 1, "more": quote(link, safe="")})
    client.batch({"a": f"crm.deal.get?id=1&auth={code}"})
    shown = calls_of(box).text
    for hidden in (code, secret, "hidden-by-its-name", "mine", *box._world.oauth.access):
        assert hidden not in shown
    assert '"AUTHOR_ID": 7' in shown
    assert shown.count("***") == 5


def test_long_parameters_are_cut(box, client):
    file_data = {"fileData": ["a.pdf", "A" * 5000]}
    client("crm.deal.add", {"fields": {"UF_CRM_DOCUMENT": file_data}})
    client("crm.contact.list", {"filter": {"ID": list(range(2000))}})
    texts = [sent.text for sent in calls_of(box).all("code")]
    assert "... (5000 characters)" in texts[1]
    assert all(len(text) < 700 for text in texts)
