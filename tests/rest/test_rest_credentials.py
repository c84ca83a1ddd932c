"""Credentials: how they address and sign, and that nothing shows them."""

from __future__ import annotations

import pytest
from rest_feed import APPLICATION, CODE, WEBHOOK

from airflow_provider_bitrix24.rest.credentials import Address, Tokens


def test_a_webhook_is_in_the_address():
    address = WEBHOOK.address("crm.deal.get")
    assert address.reveal() == f"https://portal.bitrix24.com/rest/1/{CODE}/crm.deal.get"
    assert str(address) == "https://portal.bitrix24.com/rest/1/***/crm.deal.get"
    assert WEBHOOK.sign({"id": 1}) == {"id": 1}


def test_a_token_is_in_the_body():
    address = APPLICATION.address("crm.deal.get")
    assert address.reveal() == str(address) == "https://portal.bitrix24.com/rest/crm.deal.get"
    params = {"id": 1}
    assert APPLICATION.sign(params) == {"id": 1, "auth": "access-one"}
    assert params == {"id": 1}


@pytest.mark.parametrize(
    "thing", [WEBHOOK, APPLICATION, WEBHOOK.address("x"), APPLICATION.tokens, WEBHOOK.secrets]
)
def test_nothing_is_shown(thing):
    for secret in (CODE, "access-one", "refresh-one", "client-secret-xyz"):
        assert secret not in repr(thing)
        assert secret not in str(thing)


def test_identities():
    """Pairs of tokens share one; portals, users and codes do not. None of them can be read back."""
    newer = APPLICATION.with_tokens(Tokens("x", "y"))
    assert newer.identity == APPLICATION.identity
    others = {
        APPLICATION.identity,
        APPLICATION.moved_to("https://other.bitrix24.com").identity,
        WEBHOOK.identity,
        WEBHOOK.moved_to("https://other.bitrix24.com").identity,
        type(WEBHOOK)(WEBHOOK.origin, "2", CODE).identity,
        type(WEBHOOK)(WEBHOOK.origin, "1", "other").identity,
    }
    assert len(others) == 6
    assert CODE not in "".join(others)
    assert Tokens("a", "b").fingerprint == Tokens("c", "b").fingerprint != Tokens("a", "c").fingerprint


def test_moving_keeps_the_rest():
    moved = WEBHOOK.moved_to("https://new.bitrix24.com:8443")
    assert (moved.portal, moved.user_id, moved.code) == ("new.bitrix24.com:8443", "1", CODE)
    assert APPLICATION.moved_to("https://new.bitrix24.com").tokens == APPLICATION.tokens


def test_owners_in_words():
    assert WEBHOOK.owner == "portal user 1, the owner of the webhook"
    assert APPLICATION.owner == "the portal user who authorised application app.1"
    named = type(APPLICATION)(APPLICATION.origin, "app.1", "s", Tokens("a"), user_id="5")
    assert named.owner == "portal user 5, who authorised application app.1"


def test_an_address_shows_only_what_may_be_seen():
    assert repr(Address("https://p", "/rest/1/secret/x", "/rest/1/***/x")) == (
        "Address(origin='https://p', shown='/rest/1/***/x')"
    )
