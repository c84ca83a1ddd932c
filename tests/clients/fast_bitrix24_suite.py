"""fast_bitrix24, which packs whatever it can into batches."""

from __future__ import annotations

import asyncio

import pytest
import requests
from aiohttp import ClientResponseError
from client_work import (
    ADD,
    BAD_OWNER,
    BIND,
    COMMENT,
    DEALS,
    LISTING,
    NO_METHOD,
    NOWHERE,
    TEXT,
    UNBIND,
    are_all_deals,
    pair,
    rows,
)
from fast_bitrix24 import Bitrix
from fast_bitrix24.server_response import ErrorInServerResponseException


@pytest.fixture
def client(box):
    # It reads the certificates to trust when it is imported, before there is a portal.
    return Bitrix(box.webhook_url(), verbose=False, ssl=False)


@pytest.fixture
def record(box):
    return box.add_comment("deal", 1, "Hello")


@pytest.mark.parametrize("raw", [False, True], ids=["in-a-batch", "alone"])
def test_a_comment_is_added_bound_listed_and_unbound(box, client, raw):
    def call(method, params):
        answer = client.call(method, params, raw=raw)
        return answer["result"] if raw else answer

    record = call(ADD, {"fields": COMMENT})
    assert box.comments("deal", 1)[0].text == TEXT
    assert call(BIND, {"fields": pair(record)}) is True
    # Not by call: in a batch it gives the first row for the list.
    assert client.get_all(LISTING, {"filter": {"OWNER_ID": record}}) == rows(record, "deal", "contact")
    assert call(UNBIND, {"fields": pair(record)}) is True
    assert box.bindings(record) == [("deal", 1)]
    assert {request.method for request in box.requests} >= ({ADD, BIND} if raw else {"batch"})


def test_errors_are_understood(client, record):
    with pytest.raises(ErrorInServerResponseException, match=r"Not found\."):
        client.call(UNBIND, {"fields": pair(record)})
    with pytest.raises(ClientResponseError) as found:
        client.call(UNBIND, {"fields": pair(record)}, raw=True)
    assert found.value.status == 400
    with pytest.raises(ClientResponseError) as found:
        client.call("crm.nonsense.get", {}, raw=True)
    assert found.value.status == 404


def test_a_batch_with_a_reference(client):
    commands = {"add": f"{ADD}?fields[ENTITY_ID]=1&fields[ENTITY_TYPE]=deal&fields[COMMENT]=Hello"}
    commands["list"] = f"{LISTING}?filter[OWNER_ID]=$result[add]"
    assert client.call_batch({"halt": 1, "cmd": commands}) == {"add": 1, "list": rows(1, "deal")}


@pytest.mark.parametrize("halt", [0, 1])
def test_a_batch_with_errors(box, client, record, halt):
    commands = {"bad": f"{BIND}?fields[OWNER_ID]=0", "none": "crm.nonsense.get"}
    commands["good"] = f"{BIND}?" + "&".join(
        f"fields[{name}]={value}" for name, value in pair(record).items()
    )
    with pytest.raises(ErrorInServerResponseException) as found:
        client.call_batch({"halt": halt, "cmd": commands})
    assert found.value.args[0] == ({"bad": BAD_OWNER} if halt else {"bad": BAD_OWNER, "none": NO_METHOD})
    assert box.bindings(record) == ([("deal", 1)] if halt else [("contact", 1), ("deal", 1)])


def test_more_calls_than_a_batch_holds(box, client, record):
    assert sorted(client.call(ADD, [{"fields": COMMENT}] * 60)) == list(range(2, 62))
    assert [comment.text for comment in box.comments("deal", 1)] == ["Hello", *[TEXT] * 60]
    assert sorted(request.n_commands for request in box.requests) == [10, 50]
    with pytest.raises(ErrorInServerResponseException, match="OWNER_ID is not defined or invalid"):
        client.call(BIND, [{"fields": pair(record)}, {"fields": NOWHERE}])
    assert box.bindings(record) == [("contact", 1), ("deal", 1)]


def test_hundreds_of_deals(many, client):
    assert are_all_deals(client.get_all("crm.deal.list", {"select": ["ID", "TITLE"]}))


def test_hundreds_of_items(many, client):
    """It has every list in the order of ``ID``, also where fields are written in camelCase."""
    found = client.get_all("crm.item.list", {"entityTypeId": 2, "select": ["id", "title"]})
    assert sorted(item["id"] for item in found) == list(range(1, DEALS + 1))


def test_deals_by_their_numbers(many, client):
    found = client.get_by_ID("crm.deal.get", range(1, 121))
    assert {int(number): deal["TITLE"] for number, deal in found.items()} == {
        number: f"Deal {number}" for number in range(1, 121)
    }


def test_an_expired_token_is_replaced(box):
    """It asks its user for tokens: with the first call, and when the portal refuses the one it has."""
    pairs = []

    def ask(**how):
        application = {"client_id": box.client_id, "client_secret": box.client_secret}
        return requests.get(f"{box.url}/oauth/token/", params={**application, **how}, timeout=70).json()

    async def token():
        how = {"grant_type": "authorization_code", "code": box.authorize(2)}
        if pairs:
            how = {"grant_type": "refresh_token", "refresh_token": pairs[-1]["refresh_token"]}
        pairs.append(await asyncio.to_thread(ask, **how))
        return pairs[-1]["access_token"]

    client = Bitrix(f"{box.url}/rest/", token_func=token, verbose=False, ssl=False)
    assert client.call("profile", {}, raw=True)["result"]["ID"] == "2"
    box.expire_access_tokens()
    assert client.get_all("crm.deal.list", {"select": ["ID"]}) == [{"ID": "1"}]
    assert [request.error for request in box.requests] == [None, "expired_token", None]
    assert (len(pairs), box.renew_count) == (2, 1)
