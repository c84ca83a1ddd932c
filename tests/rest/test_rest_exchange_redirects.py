"""Exchanges with a portal that was renamed."""

from __future__ import annotations

import pytest
from cases import cases
from rest_feed import (
    CODE,
    STEADY,
    WEBHOOK,
    Feed,
    maps,
    moved,
    ok,
    unreachable,
)
from rest_samples import ADD, bind

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.exchange import Session

PATH = f"/rest/1/{CODE}/crm.deal.add"


def test_a_renamed_portal_is_followed_with_the_same_request():
    feed = Feed([moved(f"https://new.bitrix24.com{PATH}"), ok(5)])
    assert feed.result(ADD) == 5
    assert [request.address.origin for request in feed.sent] == [
        "https://portal.bitrix24.com",
        "https://new.bitrix24.com",
    ]
    assert feed.sent[0].body == feed.sent[1].body
    assert feed.session.credentials.portal == "new.bitrix24.com"
    feed.script = [ok(6)]
    feed.result(ADD)
    assert feed.sent[2].address.origin == "https://new.bitrix24.com", "remembered"


def test_a_renamed_portal_does_not_count_as_a_failure():
    feed = Feed([moved(f"https://new.bitrix24.com{PATH}")] + [unreachable()] * 6)
    assert type(feed.error(ADD)) is e.PortalUnreachableError


@cases(
    "location",
    [
        f"https://evil.example{PATH}",
        f"https://bitrix24.com{PATH}",
        f"https://a.b.bitrix24.com{PATH}",
        f"https://portal.bitrix24.com.evil.example{PATH}",
        f"https://portal.bitrix24.evil{PATH}",
        f"http://portal.bitrix24.com{PATH}",
        "https://new.bitrix24.com/login",
        f"https://new.bitrix24.com{PATH}?x=1",
        f"https://user:pw@new.bitrix24.com{PATH}",
        f"ftp://new.bitrix24.com{PATH}",
        f"https://evil.example\\@new.bitrix24.com{PATH}",
        f"http://127.0.0.1{PATH}",
    ],
)
def test_redirects_that_are_refused(location):
    feed = Feed([moved(location)])
    error = feed.error(ADD)
    assert type(error) is e.RedirectRefusedError
    assert CODE not in str(error)
    assert "pw" not in str(error)
    assert len(feed.sent) == 1
    assert feed.session.credentials == WEBHOOK


@pytest.mark.parametrize("shape", ["relative", "trailing-slash", "other-port"])
def test_redirects_on_the_same_host(shape):
    location = {
        "relative": PATH,
        "trailing-slash": f"https://portal.bitrix24.com{PATH}/",
        "other-port": f"https://portal.bitrix24.com:8443{PATH}",
    }[shape]
    assert Feed([moved(location), ok(5)]).result(ADD) == 5


def test_a_trusted_host_is_followed():
    session = Session(WEBHOOK, policy=STEADY, trusted_hosts=frozenset({"crm.example"}))
    feed = Feed([moved(f"https://crm.example{PATH}"), ok(5)], session=session)
    assert feed.result(ADD) == 5


def test_redirects_in_a_circle_end():
    there, back = (moved(f"https://{name}.bitrix24.com{PATH}") for name in ("a", "b"))
    feed = Feed([there, back, there, back])
    error = feed.error(ADD)
    assert type(error) is e.RedirectRefusedError
    assert "circle" in str(error)


def test_two_calls_that_are_redirected_at_once():
    """The second one learns of a move that the first has already followed."""
    feed = Feed([])

    def late(request):
        feed.session.credentials = WEBHOOK.moved_to("https://new.bitrix24.com")
        return moved(f"https://new.bitrix24.com{PATH}")

    feed.script = [late, ok(5)]
    assert feed.result(ADD) == 5


def test_a_batch_is_redirected_as_a_whole():
    feed = Feed([moved(f"https://new.bitrix24.com/rest/1/{CODE}/batch"), maps(result={"c0": True, "c1": 5})])
    assert [outcome.unwrap() for outcome in feed.run(bind(1), ADD)] == [True, 5]
