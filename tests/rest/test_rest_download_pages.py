"""Links that need somebody who is signed in: the portal answers something else than the file."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rest_drivers import session_of
from rest_sockets import http

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.client import Client
from airflow_provider_bitrix24.rest.credentials import Webhook
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.wire import Wire

SIGN_IN = b"<html><form action='/auth/'><input name='USER_LOGIN'></form></html>"
ERROR = b'{"error": "ACCESS_DENIED", "error_description": "Access denied!"}'
HTML, JSON = "Content-Type: text/html; charset=UTF-8\r\n", "Content-Type: application/json\r\n"
ATTACHED = 'Content-Disposition: attachment; filename="a"\r\n'


def answer(body: bytes, headers: str, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def fetch(server: Any) -> bytes:
    client = Client(
        session_of(Webhook(server.origin, "1", "webhookcode")), ProcessLedger(), Wire(timeout=2.0)
    )
    target = io.BytesIO()
    try:
        client.download(f"{server.origin}/disk/downloadFile/930/?filename=1.gif", target)
    finally:
        client.close()
    return target.getvalue()


def test_a_sign_in_page_is_not_the_file(raw_server):
    with pytest.raises(e.UnexpectedResultError, match="a page instead of the file") as caught:
        fetch(raw_server(answer(SIGN_IN, HTML)))
    assert "urlMachine of crm.item.get" in caught.value.remedy
    assert caught.value.permanent


def test_being_sent_to_sign_in_is_said(raw_server):
    server = raw_server(answer(b"", "Location: /auth/?backurl=%2Fdisk\r\n", "302 Found"))
    with pytest.raises(e.UnexpectedResultError, match="the portal asks to sign in"):
        fetch(server)
    assert server.connections == 1


def test_an_error_of_the_api_is_that_error(raw_server):
    with pytest.raises(e.AccessDeniedError, match="Access denied!"):
        fetch(raw_server(answer(ERROR, JSON)))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        *((body, kind + ATTACHED) for body in (SIGN_IN, ERROR) for kind in (HTML, JSON)),
        (SIGN_IN, "Content-Type: application/octet-stream\r\n"),
        (ERROR, ""),
        (b'{"a": 1}', JSON),
        (b"", HTML),
    ],
)
def test_a_file_that_looks_like_one_is_a_file(raw_server, body, headers):
    assert fetch(raw_server(answer(body, headers))) == body


def test_a_page_is_asked_for_again_where_the_portal_fails_inside(raw_server):
    server = raw_server(answer(SIGN_IN, HTML, "502 Bad Gateway"), http(b"hello"))
    assert fetch(server) == b"hello"
