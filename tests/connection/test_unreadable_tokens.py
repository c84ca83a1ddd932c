"""Renewed tokens that cannot be read for a while: nothing is lost, and nobody is sent to authorise anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from hiccups import denial
from hook_helpers import CONN_ID, secrets_in, whole_story

from airflow_provider_bitrix24.connection import tokens
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import (
    InvalidConnectionError,
    TokenRenewalError,
    TokensUnreadableError,
)
from airflow_provider_bitrix24.sensors.crm import CrmItemSensor


def _sync(hook: Bitrix24Hook) -> Any:
    return hook.call("profile")["ID"]


def _async(hook: Bitrix24Hook) -> Any:
    return asyncio.run(hook.acall("profile"))["ID"]


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def who(request):
    """Ask who the credentials belong to, in both ways."""
    return request.param


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(tokens, "_PAUSES", (0.01, 0.01, 0.01))


@pytest.fixture
def kept(box, vault, supervisor):
    """A vault with an OAuth connection whose own pair is used up; the pair that is good is in a Variable."""
    vault.connections[CONN_ID] = box.oauth_connection(plan="self-hosted")
    vault.variables = supervisor.variables
    box.expire_access_tokens()
    assert _sync(Bitrix24Hook()) == "1"
    assert box.renew_count == 1
    return vault


def forget():
    """Be another process, which knows of no pair."""
    tokens._KNOWN.clear()


def test_a_refusal_is_not_final_while_the_kept_pair_cannot_be_read(box, kept, who):
    forget()
    kept.hiccups = 100
    hook = Bitrix24Hook()
    with pytest.raises(TokensUnreadableError, match="or cannot read them now") as caught:
        who(hook)
    assert not isinstance(caught.value, AirflowFailException)
    assert caught.value.passes
    assert not secrets_in(whole_story(caught.value), *box._world.oauth.access, *box._world.oauth.refresh)
    kept.hiccups = 0
    assert who(hook) == who(Bitrix24Hook()) == "1"
    assert box.renew_count == 1


def test_a_process_goes_on_with_the_pair_that_it_knew_last(box, kept, who):
    kept.hiccups = 100
    assert who(Bitrix24Hook()) == "1"
    assert box.renew_count == 1


def test_a_hook_takes_the_pair_that_another_one_of_its_process_renewed(box, kept, who):
    late, early = Bitrix24Hook(), Bitrix24Hook()
    assert who(late) == "1"
    box.expire_access_tokens()
    assert who(early) == "1"
    kept.hiccups = 100
    assert who(late) == "1"
    assert box.renew_count == 2


def test_no_pair_is_bought_while_the_newest_one_cannot_be_read(box, kept, who):
    hook = Bitrix24Hook()
    assert who(hook) == "1"
    box.expire_access_tokens()
    kept.hiccups = 100
    with pytest.raises(TokensUnreadableError):
        who(hook)
    assert box.renew_count == 1
    kept.hiccups = 0
    assert who(hook) == "1"
    assert box.renew_count == 2


def test_a_refusal_of_the_pair_that_is_kept_is_final(box, kept, who):
    box.expire_access_tokens()
    box.revoke_refresh_token()
    with pytest.raises(TokenRenewalError, match="invalid_grant") as caught:
        who(Bitrix24Hook())
    assert isinstance(caught.value, AirflowFailException)


def test_a_pair_that_was_written_is_looked_for_again(box, kept, who, supervisor):
    box.expire_access_tokens()

    def hiccup() -> None:
        supervisor.on_write, kept.hiccups = None, 2

    supervisor.on_write = hiccup
    assert who(Bitrix24Hook()) == "1"
    forget()
    assert who(Bitrix24Hook()) == "1"
    assert box.renew_count == 2


def test_a_pair_that_was_written_and_does_not_show_is_not_lost(box, kept, who, supervisor):
    box.expire_access_tokens()
    supervisor.on_write = lambda: setattr(kept, "hiccups", 100)
    with pytest.raises(TokensUnreadableError, match="although they were written") as caught:
        who(Bitrix24Hook())
    assert not secrets_in(whole_story(caught.value), *box._world.oauth.access, *box._world.oauth.refresh)
    forget()
    kept.hiccups = 0
    assert who(Bitrix24Hook()) == "1"
    assert box.renew_count == 2


def test_a_write_that_fails_is_made_again(box, kept, who, supervisor):
    box.expire_access_tokens()
    supervisor.failing_writes = 2
    assert who(Bitrix24Hook()) == "1"
    forget()
    assert who(Bitrix24Hook()) == "1"
    assert box.renew_count == 2


def test_saving_a_pair_drops_no_other_that_could_not_be_read(box, vault, supervisor, who):
    vault.variables = supervisor.variables
    vault.connections = {
        name: box.oauth_connection(user, plan="self-hosted") for name, user in (("one", 1), ("two", 2))
    }
    box.expire_access_tokens()
    assert who(Bitrix24Hook("one")) == "1"
    forget()
    vault.hiccups = 2  # when the hook opens, and before it renews
    assert who(Bitrix24Hook("two")) == "2"
    forget()
    assert [who(Bitrix24Hook("one")), who(Bitrix24Hook("two"))] == ["1", "2"]
    assert box.renew_count == 2


def test_an_api_server_that_fails_is_no_empty_variable(box, connect, supervisor, who):
    connection = box.oauth_connection()
    box.expire_access_tokens()
    assert who(connect(connection)) == "1"
    forget()
    supervisor.readable = False
    with pytest.raises(TokensUnreadableError):
        who(connect(connection))
    supervisor.readable = True
    assert who(connect(connection)) == "1"


def test_a_sensor_waits_until_the_pair_can_be_read(box, kept):
    deal = box.add_item("deal", {"TITLE": "Deal", "STAGE_ID": "WON"})
    sensor = CrmItemSensor(task_id="t", item=("deal", deal), stage_semantic="success")
    forget()
    kept.hiccups = 100
    assert not sensor.poke({})
    kept.hiccups = 0
    assert sensor.poke({})


def test_a_denied_variable_is_said_at_once_and_for_good(box, vault, monkeypatch, who):
    """From Airflow 3.3 up, a Variable of another team is denied, which no other try cures."""

    def deny(*_, **__):
        raise denial()

    denial()
    vault.connections[CONN_ID] = box.oauth_connection()
    monkeypatch.setattr(vault, "get_variable", deny)
    with pytest.raises(InvalidConnectionError, match="Airflow denies this task the Variable"):
        who(Bitrix24Hook())


@pytest.mark.parametrize("field", ["refresh_token", "access_token", "client_secret"])
def test_the_mask_in_the_connection_leaves_the_kept_pair_alone(box, kept, who, supervisor, field):
    whole, before, asked = kept.connections[CONN_ID], dict(supervisor.variables), len(box.requests)
    kept.connections[CONN_ID] = {**whole, "extra": {**whole["extra"], field: "***"}}
    with pytest.raises(InvalidConnectionError, match=f"{field}: it holds the mask, not the secret"):
        who(Bitrix24Hook())
    assert (len(box.requests), supervisor.variables) == (asked, before)
    kept.connections[CONN_ID] = whole
    assert who(Bitrix24Hook()) == "1"
    assert box.renew_count == 1
