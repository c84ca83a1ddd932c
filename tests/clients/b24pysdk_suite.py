"""b24pysdk, for webhooks and OAuth applications."""

from __future__ import annotations

import pytest
from b24pysdk import BitrixAppLocal, BitrixToken, BitrixWebhook, Client
from b24pysdk.api.requesters import BitrixOAuthRequester
from b24pysdk.errors import BitrixAPIBadRequest, BitrixAPINotFound
from b24pysdk.errors.oauth import BitrixOAuthInvalidGrant
from client_work import BAD_OWNER, COMMENT, DEALS, NOWHERE, TEXT, are_all_deals, pair, rows


def webhook(box, user_id=1):
    token = f"{user_id}/{box.webhook_code(user_id)}"
    return BitrixWebhook(domain=f"{box.host}:{box.port}", webhook_token=token)


def of(box, user_id=1):
    return Client(webhook(box, user_id))


@pytest.fixture
def timeline(box):
    return of(box).crm.timeline


@pytest.fixture
def record(box):
    return box.add_comment("deal", 1, "Hello")


def test_a_comment_is_added_bound_listed_and_unbound(box, timeline):
    record = timeline.comment.add(fields=COMMENT).result
    assert box.comments("deal", 1)[0].text == TEXT
    assert timeline.bindings.bind(fields=pair(record)).result is True
    listed = timeline.bindings.list(filter={"OWNER_ID": record}).call()
    assert listed.result == rows(record, "deal", "contact")
    assert (listed.total, listed.next) == (2, None)
    assert timeline.bindings.unbind(fields=pair(record)).result is True
    assert box.bindings(record) == [("deal", 1)]
    assert timeline.comment.get(record).result["COMMENT"] == TEXT


def test_errors_are_understood(box, timeline, record):
    with pytest.raises(BitrixAPIBadRequest) as found:
        timeline.bindings.unbind(fields=pair(record)).call()
    assert (found.value.error, found.value.error_description) == ("", "Not found.")
    with pytest.raises(BitrixAPINotFound, match="Method not found!"):
        webhook(box).call_method("crm.nonsense.get")
    assert of(box, 3).crm.timeline.bindings.bind(fields=pair(record)).result is False


def test_a_batch(box, timeline, record):
    bind, listing = timeline.bindings.bind, timeline.bindings.list
    calls = [bind(fields=pair(record)), listing(filter={"OWNER_ID": record})]
    both = of(box).call_batch(calls).result
    assert both.result == [True, rows(record, "deal", "contact")]
    assert both.result_error == []
    named = of(box).call_batch({"a": calls[0], "b": calls[1]}).result
    assert named.result == {"a": True, "b": rows(record, "deal", "contact")}
    assert named.result_total == {"b": 2}


@pytest.mark.parametrize("halt", [False, True])
def test_a_batch_with_an_error(box, timeline, record, halt):
    bind = timeline.bindings.bind
    calls = {"bad": bind(fields=NOWHERE), "good": bind(fields=pair(record))}
    answer = of(box).call_batch(calls, halt=halt).result
    assert answer.result_error == {"bad": BAD_OWNER}
    assert answer.result == ([] if halt else {"good": True})
    assert box.bindings(record) == ([("deal", 1)] if halt else [("contact", 1), ("deal", 1)])


def test_more_calls_than_a_batch_holds(box):
    client = of(box)
    calls = [client.crm.timeline.comment.add(fields=COMMENT) for _ in range(60)]
    answer = client.call_batches([*calls, client.crm.timeline.bindings.bind(fields=NOWHERE)]).result
    assert sorted(answer.result.values()) == list(range(1, 61))
    assert answer.result_error == {"60": BAD_OWNER}
    assert [comment.text for comment in box.comments("deal", 1)] == [TEXT] * 60
    assert [request.n_commands for request in box.requests] == [50, 11]


@pytest.mark.parametrize("how", ["as_list", "as_list_fast"])
def test_hundreds_of_deals(many, how):
    """By offsets in a batch, and by numbers, each page from the last number of the one before it."""
    listing = of(many).crm.deal.list(select=["ID", "TITLE"])
    assert are_all_deals(list(getattr(listing, how)().result))


def test_deals_by_their_numbers(many):
    listing = of(many).crm.deal.list(select=["ID"], filter={"@ID": list(range(1, 121))})
    assert [int(deal["ID"]) for deal in listing.as_list().result] == list(range(1, 121))


def test_hundreds_of_items(many):
    listing = of(many).crm.item.list(entity_type_id=2, select=["id", "title"]).as_list().result
    assert sorted(item["id"] for item in listing) == list(range(1, DEALS + 1))


@pytest.fixture
def token(box, monkeypatch):
    """A token got with a code. The authorisation server's address is fixed in b24pysdk."""
    monkeypatch.setattr(BitrixOAuthRequester, "_OAUTH_TOKEN_URL", f"{box.url}/oauth/token/")
    domain = f"{box.host}:{box.port}"
    app = BitrixAppLocal(domain=domain, client_id=box.client_id, client_secret=box.client_secret)
    granted = app.get_oauth_token(box.authorize(2))
    assert granted.user_id == 2
    # Not by from_oauth, which leaves out the port of client_endpoint.
    token = BitrixToken(domain=domain, auth_token=granted.oauth_token.access_token, bitrix_app=app)
    token.oauth_token = granted.oauth_token
    return token


def test_an_expired_token_is_renewed(box, token):
    client = Client(token)
    assert client.profile().result["ID"] == "2"
    before = token.oauth_token
    box.expire_access_tokens()
    assert client.crm.deal.get(1).result["TITLE"] == "Deal 1"
    assert box.renew_count == 1
    assert token.refresh_token != before.refresh_token
    assert [request.error for request in box.requests] == [None, "expired_token", None]
    assert client.call_batch([client.crm.deal.get(1)]).result.result[0]["ID"] == "1"
    assert box.renew_count == 1


def test_a_refresh_token_that_is_dead(box, token):
    box.expire_access_tokens()
    box.revoke_refresh_token(2)
    with pytest.raises(BitrixOAuthInvalidGrant):
        Client(token).profile().call()
