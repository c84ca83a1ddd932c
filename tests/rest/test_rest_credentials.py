"""Credentials: how they address and sign, and that nothing shows them."""

from __future__ import annotations

import hashlib

from cases import cases
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


@cases("thing", [WEBHOOK, APPLICATION, WEBHOOK.address("x"), APPLICATION.tokens, WEBHOOK.secrets])
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


def test_the_parts_of_a_webhooks_address():
    assert WEBHOOK.address("x.get") == Address(
        "https://portal.bitrix24.com", f"/rest/1/{CODE}/x.get", "/rest/1/***/x.get"
    )
    assert APPLICATION.address("x.get") == Address(
        "https://portal.bitrix24.com", "/rest/x.get", "/rest/x.get"
    )


def test_signed_parameters_are_a_copy():
    params = {"id": 1}
    assert WEBHOOK.sign(params) is not params


def test_the_portal_of_an_application():
    assert APPLICATION.portal == "portal.bitrix24.com"


def test_identities_stay_the_same_between_versions():
    """Ledgers that several processes share go by them."""
    assert WEBHOOK.identity == _digest("portal.bitrix24.com", "1", CODE)
    assert APPLICATION.identity == _digest("https://oauth.bitrix.info", "app.1", "portal.bitrix24.com", "")
    assert APPLICATION.tokens.fingerprint == _digest("refresh-one")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def test_each_secret_has_a_placeholder_of_its_own():
    assert WEBHOOK.secrets.hide(CODE) == "bitrix24-webhook-code"
    assert APPLICATION.secrets.hide(["access-one", "refresh-one", "client-secret-xyz"]) == [
        "bitrix24-access-token",
        "bitrix24-refresh-token",
        "bitrix24-client-secret",
    ]


def test_moving_and_renewing_change_nothing_else():
    tokens = Tokens("a", "b")
    application = type(APPLICATION)("https://p", "app", "secret", tokens, "https://oauth.example", "5")
    moved = application.moved_to("https://q:8443").with_tokens(Tokens("c", "d"))
    assert moved == type(APPLICATION)(
        "https://q:8443", "app", "secret", Tokens("c", "d"), "https://oauth.example", "5"
    )
    assert WEBHOOK.moved_to("https://q") == type(WEBHOOK)("https://q", "1", CODE)
