"""Fetching files that results link to: by hand, and from the portal."""

from __future__ import annotations

import io
import traceback
from dataclasses import replace
from typing import Any

import pytest
from cases import cases
from rest_drivers import QUICK, Keeper, application_of, webhook_of
from rest_feed import APPLICATION, CODE, STEADY, WEBHOOK, lost, moved, refusal, unreachable

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.credentials import Tokens
from airflow_provider_bitrix24.rest.downloads import Download, download
from airflow_provider_bitrix24.rest.exchange import Session
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.pacing import Slot
from airflow_provider_bitrix24.rest.replies import Response
from airflow_provider_bitrix24.rest.steps import Pause, Renew, Renewed, Reserve, Settle
from airflow_provider_bitrix24.rest.wire import Wire

LINK = "https://portal.bitrix24.com/rest/1/bitrix24-webhook-code/download/?token=x"
PATH = f"/rest/1/{CODE}/download/?token=x"


def file(content: bytes) -> Any:
    def write(step: Download) -> Response:
        step.target.write(content)
        return Response(200, b"")

    return write


def broken(content: bytes) -> Any:
    def write(step: Download) -> Any:
        step.target.write(content)
        return lost()

    return write


def fetch(
    *script: Any, session: Session | None = None, link: str = LINK, wait: float = 0.0, renewals=()
) -> Any:
    """Drive a download; return its result, the file, where it was fetched from, and the other steps."""
    target, answers, newer = io.BytesIO(), list(script), list(renewals)
    generator = download(link, target, session or Session(WEBHOOK, policy=STEADY))
    answer: Any = None
    urls: list[str] = []
    steps: list[Any] = []
    while True:
        try:
            step = generator.send(answer)
        except StopIteration as stop:
            assert not answers
            return stop.value, target.getvalue(), urls, steps
        steps.append(step)
        answer = None
        if isinstance(step, Reserve):
            answer = Slot(wait, 0)
        elif isinstance(step, Renew):
            answer = newer.pop(0)
        elif isinstance(step, Download):
            assert CODE not in repr(step)
            urls.append(step.address.reveal())
            given = answers.pop(0)
            answer = given(step) if callable(given) else given


def kinds(steps: list[Any], kind: type) -> list[Any]:
    return [step for step in steps if isinstance(step, kind)]


def test_a_file():
    result, content, urls, steps = fetch(file(b"12345"))
    assert (result, content) == (5, b"12345")
    assert urls == [f"https://portal.bitrix24.com{PATH}"]
    assert kinds(steps, Reserve) == [Reserve("portal.bitrix24.com", STEADY.max_wait)]
    assert kinds(steps, Settle) == [Settle("portal.bitrix24.com", Slot(0.0, 0), True, ())]
    assert not kinds(steps, Pause)


@pytest.mark.parametrize("link", ["/rest/1/bitrix24-webhook-code/download/?token=x", LINK])
def test_links_of_this_portal(link):
    assert fetch(file(b"1"), link=link)[2] == [f"https://portal.bitrix24.com{PATH}"]


def test_a_link_without_a_question():
    assert fetch(file(b"1"), link=LINK.split("?")[0])[2] == [
        f"https://portal.bitrix24.com{PATH.split('?')[0]}"
    ]


def test_a_refused_link_is_shown_up_to_its_question():
    with pytest.raises(e.InvalidInputError) as caught:
        fetch(link=f"https://evil.example/rest/1/{CODE}/download/?token=x")
    shown = "'https://evil.example/rest/1/***/download/'"
    assert f"link: {shown} does not lead to https://portal.bitrix24.com" in str(caught.value)
    assert "Only links that this portal returned can be downloaded" in str(caught.value)


@cases(
    "link",
    [
        LINK.replace("portal.", "evil."),
        LINK.replace("https", "http"),
        LINK.replace(".com", ".com:444"),
        LINK.replace("portal.", "user@portal."),
        LINK.replace("https://", "https://portal.bitrix24.com@evil.example"),
        "//evil.example/rest/1/bitrix24-webhook-code/download",
        "https://[bad",
        None,
        5,
    ],
)
def test_links_to_elsewhere_are_refused(link):
    with pytest.raises(
        e.InvalidInputError, match=r"does not lead to https://portal\.bitrix24\.com"
    ) as caught:
        fetch(link=link)
    assert CODE not in str(caught.value)


@pytest.mark.parametrize("wait", [0.5, 2.5, STEADY.max_wait])
def test_a_wait_for_the_limit(wait):
    steps = fetch(file(b"1"), wait=wait)[3]
    assert kinds(steps, Pause) == [Pause(wait, "download: request limit", notable=False)]


def test_a_wait_that_is_too_long_is_an_error():
    session = Session(WEBHOOK, policy=replace(STEADY, max_wait=2.0))
    error, content, urls, steps = fetch(session=session, wait=2.5)
    assert isinstance(error, e.RequestLimitError)
    assert error.retry_after == 2.5
    assert (error.method, error.portal) == ("download", "portal.bitrix24.com")
    assert "already fill the portal's limit" in str(error)
    assert (content, urls, kinds(steps, Pause)) == (b"", [], [])


def test_what_came_of_a_broken_attempt_is_thrown_away():
    result, content, _, steps = fetch(broken(b"half of the fi"), unreachable(), file(b"whole"))
    assert (result, content) == (5, b"whole")
    assert [step.passed for step in kinds(steps, Settle)] == [None, None, True]
    assert [pause.seconds for pause in kinds(steps, Pause)] == [0.375, 0.75]
    first, second = (pause.why for pause in kinds(steps, Pause))
    assert first.startswith("download: attempt 1 failed: download at portal.bitrix24.com: ")
    assert second.startswith("download: attempt 2 failed: download at portal.bitrix24.com: ")


@cases(
    ("answer", "cls", "passed"),
    [
        (lost(), e.ConnectionLostError, None),
        (Response(502, b"<html>"), e.ServerError, True),
        (Response(503, b"<html>"), e.ServerError, True),
        (refusal("QUERY_LIMIT_EXCEEDED", "", 503), e.RequestLimitError, False),
        (Response(429, b""), e.RequestLimitError, False),
    ],
    ids=["lost", "502", "503", "too-many", "too-many-html"],
)
def test_attempts_end(answer, cls, passed):
    error, content, urls, steps = fetch(*[answer] * 6)
    assert type(error) is cls
    assert (error.method, error.portal) == ("download", "portal.bitrix24.com")
    assert (len(urls), content) == (6, b"")
    assert {step.passed for step in kinds(steps, Settle)} == {passed}


@cases(
    ("answer", "cls"),
    [
        (refusal("INVALID_CREDENTIALS", "", 401), e.AuthenticationError),
        (refusal("ERROR_ARGUMENT", "", 400), e.InvalidParameterError),
        (Response(404, b"<html>"), e.NotAPortalError),
        (Response(403, b""), e.AccessDeniedError),
        (Response(206, b'{"result": 1}'), e.Bitrix24Error),
        (refusal("expired_token", "", 401), e.ExpiredTokenError),
    ],
    ids=["credentials", "400", "404", "403", "no-file", "token-of-a-webhook"],
)
def test_what_is_final(answer, cls):
    error, _, urls, steps = fetch(answer)
    assert type(error) is cls
    assert (error.method, error.portal) == ("download", "portal.bitrix24.com")
    assert error.status == answer.status
    assert len(urls) == 1
    assert not kinds(steps, Pause)


def test_a_renamed_portal():
    result, _, urls, _ = fetch(moved(f"https://new.bitrix24.com{PATH}"), file(b"1"))
    assert result == 1
    assert urls[1] == f"https://new.bitrix24.com{PATH}"


@pytest.mark.parametrize("status", [300, 308, 399])
def test_every_redirect_is_one(status):
    result, _, urls, _ = fetch(Response(status, b"", f"https://new.bitrix24.com{PATH}"), file(b"1"))
    assert (result, len(urls)) == (1, 2)


@pytest.mark.parametrize("location", [f"https://evil.example{PATH}", "https://new.bitrix24.com/elsewhere"])
def test_redirects_that_are_refused(location):
    error, _, urls, _ = fetch(moved(location))
    assert type(error) is e.RedirectRefusedError
    assert "circle" not in str(error)
    assert len(urls) == 1


@pytest.mark.parametrize("status", [300, 302, 399])
def test_a_circle_ends(status):
    error, _, urls, _ = fetch(*[Response(status, b"", f"https://new.bitrix24.com{PATH}")] * 4)
    assert type(error) is e.RedirectRefusedError
    assert "the link redirects in a circle" in str(error)
    assert (error.method, error.portal) == ("download", "portal.bitrix24.com")
    assert len(urls) == 4


# ---------------------------------------------------------------- tokens in links

TOKEN_LINK = "https://portal.bitrix24.com/rest/download.json?auth=bitrix24-access-token&token=x"
EXPIRED = refusal("expired_token", "", 401)
NEW = Tokens("access-two", "refresh-two")


def test_an_expired_token_is_renewed():
    session = Session(APPLICATION, policy=STEADY)
    renewals = [Renewed(NEW, fresh=True)]
    result, _, urls, steps = fetch(EXPIRED, file(b"1"), session=session, link=TOKEN_LINK, renewals=renewals)
    assert result == 1
    assert ["auth=access-one" in urls[0], "auth=access-two" in urls[1]] == [True, True]
    assert not kinds(steps, Pause)


@pytest.mark.parametrize(
    ("script", "renewals", "cls"),
    [
        ([EXPIRED, EXPIRED], [Renewed(NEW, fresh=True)], e.ExpiredTokenError),
        ([EXPIRED], [e.TokenRenewalError("no")], e.TokenRenewalError),
    ],
    ids=["still-expired", "not-renewed"],
)
def test_a_renewal_that_does_not_help(script, renewals, cls):
    session = Session(APPLICATION, policy=STEADY)
    error, *_ = fetch(*script, session=session, link=TOKEN_LINK, renewals=renewals)
    assert type(error) is cls


# ---------------------------------------------------------------- from the portal


@pytest.fixture
def deal(bitrix24_portal) -> int:
    return bitrix24_portal.add_item("deal", {"UF_CRM_DOCUMENT": {"fileData": ["a.txt", "aGVsbG8="]}})


def link_of(client: Client, deal: int) -> str:
    reply = client.call_reply(Call("crm.item.get", {"entityTypeId": 2, "id": deal}))
    return str(reply.result["item"]["ufCrmDocument"]["urlMachine"])


@pytest.mark.parametrize("kind", ["webhook", "application"])
def test_a_file_of_the_portal(bitrix24_portal, deal, kind):
    """The link in the result holds no secret and leads to the file all the same."""
    portal = bitrix24_portal
    credentials = webhook_of(portal) if kind == "webhook" else application_of(portal)
    client = Client(Session(credentials, policy=QUICK), ProcessLedger(), Wire(), Keeper())
    link = link_of(client, deal)
    assert ("bitrix24-webhook-code" in link) is (kind == "webhook")
    assert ("bitrix24-access-token" in link) is (kind == "application")
    portal.inject("truncate", "download")
    portal.inject("status", "download", status=502, body="html")
    if kind == "application":
        portal.expire_access_tokens()
    target = io.BytesIO()
    assert client.download(link, target) == 5
    assert target.getvalue() == b"hello"
    assert portal.renew_count == (kind == "application")
    with pytest.raises(e.AuthenticationError):
        client.download(link.split("token=")[0] + "token=wrong", io.BytesIO())
    client.close()


def test_a_full_disk_is_not_the_portals_fault(bitrix24_portal, deal):
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    client = Client(Session(webhook_of(bitrix24_portal)), ProcessLedger(), Wire())
    link = link_of(client, deal)
    with pytest.raises(OSError, match="No space left") as caught:
        client.download(link, Full())
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert bitrix24_portal.webhook_code() not in shown
    client.close()
