"""What is taken out of text, and what is left in."""

from __future__ import annotations

import logging

import pytest
from cases import cases
from rest_feed import APPLICATION, CODE, WEBHOOK

from airflow_provider_bitrix24.rest.redaction import Secrets, guard_http_loggers, redact_addresses


@cases(
    "text",
    [
        "https://p.bitrix24.com/rest/1/s3cr3t/profile",
        "https://p.bitrix24.com/rest/1/s3cr3t/",
        "https://p.bitrix24.com/rest/1/s3cr3t",
        "'https://p.bitrix24.com/rest/1/s3cr3t'",
        "/rest/1/s3cr3t/crm.deal.get?id=1",
        "/rest/api/1/s3cr3t/tasks.task.get",
        "/rest/admin/s3cr3t/profile",
        "(b'Location', b'https://new.bitrix24.com/rest/1/s3cr3t/profile')",
        "/rest/profile?auth=s3cr3t",
        "/rest/profile?x=1&auth=s3cr3t&y=2",
        "/rest/profile?aplogin=1&ap=s3cr3t",
        "grant_type=refresh_token&refresh_token=s3cr3t&client_secret=s3cr3t",
        '{"auth": "s3cr3t", "access_token":"s3cr3t"}',
        "code=s3cr3t",
        "s3://key:s3cr3t@bucket/deals.csv",
        "s3://key:s3cr3t/with/slashes@bucket/deals.csv",
        "'http://proxy-user:s3cr3t@proxy:3128'",
        "s3://:s3cr3t@bucket",
    ],
)
def test_addresses_are_masked(text):
    assert "s3cr3t" not in redact_addresses(text)
    assert "***" in redact_addresses(text)


@cases(
    "text",
    [
        "https://portal.bitrix24.com/rest/crm.deal.get",
        "https://portal.bitrix24.com/rest/crm.deal.get.json?id=1",
        "https://portal.bitrix24.com/rest/download.json?id=5",
        "https://portal.bitrix24.com/crm/deal/details/5/",
        "s3://conn@bucket/deals.csv",
        "https://host:8443/mail@portal.bitrix24.com",
        "hdfs://host:9000, and mail@portal.bitrix24.com",
        "the author=1 and the barcode=5",
        "",
    ],
)
def test_the_rest_is_left_alone(text):
    assert redact_addresses(text) == text


def test_messages():
    secrets = APPLICATION.secrets
    text = "access-one refresh-one client-secret-xyz /rest/1/abc/x kept"
    assert secrets.redact(text) == "*** *** *** /rest/1/***/x kept"


@cases("value", [None, 5, 1.5, True, "plain", ["a", {"b": []}]])
def test_results_without_secrets_stay(value):
    assert WEBHOOK.secrets.hide(value) == value


def test_a_link_is_hidden_and_revealed():
    link = f"https://portal.bitrix24.com/rest/1/{CODE}/download/?token=x"
    hidden = WEBHOOK.secrets.hide({"urls": [link]})["urls"][0]
    assert hidden == "https://portal.bitrix24.com/rest/1/bitrix24-webhook-code/download/?token=x"
    assert WEBHOOK.secrets.reveal(hidden) == link


def test_a_short_secret_is_hidden_in_addresses_only():
    secrets = Secrets({"abc": "mark", "": "nothing"})
    assert secrets.hide("abc /rest/1/abc/x?auth=abc&y") == "abc /rest/1/mark/x?auth=mark&y"
    assert secrets.hide("see /abc") == "see /mark"
    assert Secrets({"abcdefgh": "mark"}).hide("see abcdefgh") == "see mark"
    assert repr(secrets) == "Secrets(1)"


@pytest.mark.parametrize("arguments", [(), (f"/rest/1/{CODE}/profile",)])
def test_log_records_of_the_libraries(caplog, arguments):
    guard_http_loggers()
    guard_http_loggers()
    logger = logging.getLogger("urllib3.connectionpool")
    message = "POST %s" if arguments else f"POST /rest/1/{CODE}/profile"
    with caplog.at_level(logging.DEBUG, "urllib3.connectionpool"):
        logger.debug(message, *arguments)
        logger.debug("status %s", 200)
    assert [record.getMessage() for record in caplog.records] == ["POST /rest/1/***/profile", "status 200"]


def test_a_broken_log_record_is_left_to_the_logging_module():
    guard_http_loggers()
    logger = logging.getLogger("urllib3.connectionpool")
    record = logger.makeRecord("x", logging.DEBUG, "f", 1, "%d", ("text",), None)
    assert logger.filter(record)


def test_httpx2_says_nothing_of_each_request_unless_asked_to(caplog):
    caplog.set_level(logging.DEBUG)  # of everything else, all is wanted
    logger = logging.getLogger("httpx2")
    logger.setLevel(logging.NOTSET)
    guard_http_loggers()
    assert not logger.isEnabledFor(logging.INFO)
    logger.setLevel(logging.DEBUG)
    guard_http_loggers()
    assert logger.isEnabledFor(logging.INFO)
    logger.setLevel(logging.WARNING)


def test_an_encoded_address_is_masked_too():
    text = "Location: https://login.example/?backurl=%2Frest%2F1%2Fabcdefgh%2Fprofile&x=1"
    assert (
        redact_addresses(text) == "Location: https://login.example/?backurl=%2Frest%2F1%2F***%2Fprofile&x=1"
    )


@pytest.mark.parametrize("spelling", ["acc/ess+445566", "acc%2Fess%2B445566", r"acc\/ess+445566"])
def test_a_secret_is_known_in_every_spelling(spelling):
    secrets = Secrets({"acc/ess+445566": "mark"})
    assert secrets.occur_in(f"see {spelling}")
    assert secrets.redact(f"see {spelling}") == "see ***"
    assert secrets.hide({"link": f"https://x/?auth={spelling}"}) == {"link": "https://x/?auth=mark"}


def test_a_line_that_quotes_an_answers_headers_is_dropped(caplog):
    guard_http_loggers()
    with caplog.at_level(logging.DEBUG, logger="httpcore2.http11"):
        logger = logging.getLogger("httpcore2.http11")
        logger.debug("receive_response_headers.complete return_value=(302, [(b'Location', b'?seen=s3cr3t')])")
        logger.debug("receive_response_body.started")
    assert [record.getMessage() for record in caplog.records] == ["receive_response_body.started"]
