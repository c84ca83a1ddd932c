from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.chat.messages import Message, notify_users, write_to
from airflow_provider_bitrix24.chat.texts import cut, plain
from airflow_provider_bitrix24.hooks.errors import UnexpectedResultError
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import ServerError
from airflow_provider_bitrix24.rest.reply import Reply


def deliver(plan, *answers):
    """Feed a plan its answers, and return its calls and its result."""
    calls = next(plan).calls
    outcomes = [
        Outcome(call, error=answer) if isinstance(answer, Exception) else Outcome(call, Reply(answer))
        for call, answer in zip(calls, answers, strict=True)
    ]
    try:
        plan.send(outcomes)
    except StopIteration as stop:
        return [(call.method, call.params) for call in calls], stop.value
    raise AssertionError("the plan asks for more")


def test_each_user_is_notified_once_and_each_failure_is_told():
    calls, deliveries = deliver(notify_users([3, 1, 3, 2], Message("Hi")), 5, False, ServerError("no"))
    assert calls == [("im.notify.personal.add", {"USER_ID": user, "MESSAGE": "Hi"}) for user in (3, 1, 2)]
    assert [(delivery.recipient, delivery.error is None) for delivery in deliveries] == [
        ("user 3", True), ("user 1", False), ("user 2", False),
    ]  # fmt: skip
    assert not deliveries[1].error.may_have_acted
    assert deliveries[2].error.may_have_acted


def test_false_is_no_success_of_a_notification(hook):
    with pytest.raises(UnexpectedResultError, match="check that the user exists"):
        hook.call("im.notify.system.add", {"USER_ID": 99, "MESSAGE": "x"})


def test_a_dialog_gets_a_message():
    calls, [delivery] = deliver(write_to("chat5", Message(" Hi ", [{"MESSAGE": "x"}], system=True)), 7)
    params = {"DIALOG_ID": "chat5", "MESSAGE": "Hi", "ATTACH": [{"MESSAGE": "x"}], "SYSTEM": "Y"}
    assert calls == [("im.message.add", params)]
    assert delivery.error is None


@given(st.text(alphabet="[]/biuURL=1 x\x00\ud800"))
def test_a_value_is_shown_as_it_is(text):
    shown = plain(text)
    assert not re.search(r"\[/?[A-Za-z]", shown)
    assert shown.replace("\u200b", "") == re.sub("[\x00\ud800]", "\ufffd", text)


@given(st.integers(19_990, 20_010))
def test_a_text_is_cut_only_where_the_portal_would_cut_it(length):
    text = cut("x" * length)
    assert len(text) == min(length, 20_000)
    assert text.endswith(" (...)") == (length > 20_000)
