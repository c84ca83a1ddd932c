"""What a hook logs of its connection: that the portal has moved, and that a token was renewed."""

from __future__ import annotations

import asyncio
import logging

import pytest

from airflow_provider_bitrix24.rest import announcing


@pytest.fixture(params=["sync", "async"])
def call(request):
    """Call a method, in both ways."""
    if request.param == "sync":
        return lambda hook: hook.call("profile")
    return lambda hook: asyncio.run(hook.acall("profile"))


def _lines(caplog, level, about):
    return [
        record.getMessage() for record in caplog.records if record.levelno == level and about in record.msg
    ]


def test_a_renamed_portal_is_told_once_with_its_new_address(box, connect, call, caplog, monkeypatch):
    monkeypatch.setattr(announcing, "_moves", set())
    connection = box.connection()
    old = box.url
    box.rename()
    for _ in range(2):
        hook = connect(connection)
        for _ in range(2):
            assert call(hook)["ID"] == "1"
    [line] = _lines(caplog, logging.WARNING, "redirects")
    assert line == f"The portal {old} redirects to {hook.origin}. Put the new address into the connection."
    assert hook.origin != old
    assert box.webhook_code() not in caplog.text


def test_a_renewed_token_is_told_once(box, connect, call, caplog, supervisor):
    caplog.set_level(logging.INFO)
    hook = connect(box.oauth_connection())
    box.expire_access_tokens()
    for _ in range(2):
        assert call(hook)["ID"] == "1"
    [line] = _lines(caplog, logging.INFO, "renewed")
    assert line == f"The access token for 127.0.0.1:{box.port} had expired and was renewed."
