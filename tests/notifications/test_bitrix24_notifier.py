from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG
from notifier_fixtures import both_ways, context_of, errors_in, sync, texts

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.notifications.bitrix24 import Bitrix24Notifier, send_bitrix24_notification
from airflow_provider_bitrix24.notifications.rendering import as_written


@both_ways
def test_several_users_are_notified_in_one_request(told, call, written):
    call(Bitrix24Notifier(user_ids=[1, "2", 1], message="[b]{{ ti.task_id }}[/b] failed"), context_of())
    assert [(sent.kind, sent.dialog, sent.text) for sent in told.notifications()] == [
        ("personal", "1", "[b]load[/b] failed"),
        ("personal", "2", "[b]load[/b] failed"),
    ]
    assert [request.method for request in told.requests] == ["batch"]
    assert "sent in Bitrix24 to user 1, user 2." in written()


def test_messages_come_from_the_system_or_go_to_a_chat(told):
    chat = told.add_chat([1, 2])
    sync(send_bitrix24_notification(user_ids="{{ [2] }}", message="one", system=True), context_of())
    for dialog in (chat, "{{ chat }}", 2):
        sync(Bitrix24Notifier(dialog_id=dialog, message="two", system=True), context_of(chat=chat))
    assert [(sent.kind, sent.author_id) for sent in told.notifications()] == [("system", 0)]
    assert [(sent.dialog, sent.system) for sent in told.messages()] == [
        (chat, True),
        (chat, True),
        ("2", True),
    ]


def test_attachments_go_as_the_api_takes_them(told):
    blocks = [{"MESSAGE": "{{ ti.task_id }}: {{ text }}"}, {"DELIMITER": {"SIZE": 200}}]
    whole = {"ID": 1, "COLOR_TOKEN": "alert", "BLOCKS": [{"LINK": {"NAME": "Log", "LINK": "https://x/y"}}]}
    for attach in (blocks, whole, "{{ attach | tojson }}"):
        notifier = Bitrix24Notifier(user_ids=1, message="m", attach=attach)
        sync(notifier, context_of(attach=whole, text="[url=x]"))
    first, *others = [sent.attach for sent in told.notifications()]
    assert first == [{"MESSAGE": "load: [\u200burl=x]"}, {"DELIMITER": {"SIZE": 200}}]
    assert others == [whole, whole]


@both_ways
def test_a_user_whom_there_is_not_is_said_and_the_others_are_notified(told, call, written):
    call(Bitrix24Notifier(user_ids=[99, 2], message="m"), context_of())
    assert [sent.dialog for sent in told.notifications()] == ["2"]
    [line] = errors_in(written())
    assert "user 99 was not sent" in line
    assert "answered 'false'" in line
    assert "Check that the user exists" in line


@both_ways
def test_a_missing_scope_is_said_with_the_remedy(box, connect, call, written):
    box.add_user(4, scopes=("crm",))
    connect(box.connection(user_id=4, plan="self-hosted"), "bitrix24_default")
    call(Bitrix24Notifier(dialog_id=1, message="m"), context_of())
    assert "Add the scope im to the webhook" in written()


@both_ways
def test_a_lost_answer_is_not_repeated_and_that_is_said(told, call, written):
    told.inject("drop_after")
    call(Bitrix24Notifier(user_ids=1, message="m"), context_of())
    assert texts(told) == ["m"]
    assert "may have been sent in Bitrix24, and is not sent again" in written()


@both_ways
def test_a_message_that_was_refused_is_sent_again(told, call):
    told.inject("error", code="QUERY_LIMIT_EXCEEDED")
    call(Bitrix24Notifier(dialog_id=1, message="m"), context_of())
    assert [sent.text for sent in told.messages()] == ["m"]


@both_ways
def test_a_callback_does_not_wait_longer_than_it_may(told, call, written):
    notifier = Bitrix24Notifier(user_ids=1, message="m", max_wait=0.3)
    call(Bitrix24Notifier(user_ids=1, message="warm"), context_of())
    told.inject("delay", seconds=1.5)
    started = time.monotonic()
    call(notifier, context_of())
    assert time.monotonic() - started < 1.0
    assert (
        "may have been sent in Bitrix24, and is not sent again: there was no answer within 0.3" in written()
    )


@both_ways
def test_a_limit_that_lasts_longer_than_a_callback_is_not_waited_for(told, call, written):
    told.inject("error", code="OPERATION_TIME_LIMIT", times=None)
    started = time.monotonic()
    call(Bitrix24Notifier(dialog_id=1, message="m", max_wait=5), context_of())
    assert time.monotonic() - started < 3
    assert "dialog 1 was not sent in Bitrix24: " in written()
    assert told.messages() == []


class Rows:
    """Stands for what cannot be shown, and says a customer's name."""

    def __str__(self):
        raise RuntimeError("Ann Smith")


@both_ways
def test_nothing_gets_out_of_a_callback(told, call, written):
    call(Bitrix24Notifier(user_ids="{{ rows }}", message="m"), context_of(rows=["x"]))
    call(Bitrix24Notifier(user_ids="{{ rows }}", message="m"), context_of(rows=Rows()))
    call(Bitrix24Notifier(user_ids=1, message="{{ '' }}"), context_of())
    call(Bitrix24Notifier(user_ids=1, message="m", bitrix24_conn_id="missing"), context_of())
    lines = errors_in(written())
    assert len(lines) == 4
    assert all("was not sent" in line for line in lines)
    assert not any("Ann" in line for line in lines)
    assert told.notifications() == []


def test_a_failure_is_told_although_the_template_fails(told, written):
    for message in ("{{ rows }}", "{{ 1 +", "{{ 1 / 0 }}"):
        sync(Bitrix24Notifier(user_ids=1, message=message), context_of(rows=Rows()))
        assert texts(told)[-1] == f"{message}\n(DAG nightly, task load)"
    lines = errors_in(written())
    assert len(lines) == 3
    assert all("sent as it is written" in line and "Ann" not in line for line in lines)
    sync(Bitrix24Notifier(user_ids=1, message="{{ ti.task_id }}: {{ exception.x.y }}"), context_of())
    assert texts(told)[-1] == "load: {{ exception }}"


@pytest.mark.parametrize(
    ("context", "about"),
    [
        ({"dag_run": {"dag_id": "nightly", "run_id": "r1"}, "deadline": {}}, "\n(DAG nightly, run r1)"),
        ({"dag": SimpleNamespace(dag_id="nightly"), "ti": None}, "\n(DAG nightly)"),
        ({}, ""),
    ],
)
def test_what_a_message_is_about_is_told_although_the_template_fails(context, about):
    assert as_written("late {{ 1 / 0 }}", context) == f"late {{{{ 1 / 0 }}}}{about}"


def test_a_failure_is_told_without_an_attachment_that_is_not_valid(told, written):
    for attach in ("{{ 1 }}", "{{ rows }}", [{"MESSAGE": "{{ 1 / 0 }}"}], [{"MESSAGE": "{{ 'x' * 60000 }}"}]):
        sync(Bitrix24Notifier(user_ids=1, message="m", attach=attach), context_of(rows=Rows()))
    assert [(sent.text, sent.attach) for sent in told.notifications()] == [("m", None)] * 4
    lines = errors_in(written())
    assert len(lines) == 4
    assert all("sent without its attachment" in line for line in lines)


def test_one_notifier_serves_many_tasks(told):
    notifier = Bitrix24Notifier(user_ids="{{ [1] }}", message="{{ ti.task_id }}")
    for task_id in ("a", "b"):
        context = context_of(task_id)
        sync(notifier, context)
        assert "message" not in context, "the next callback's context is as it was"
    assert texts(told) == ["a", "b"]


def test_texts_stay_texts_in_a_dag_that_renders_to_python_objects(told):
    with DAG("native", render_template_as_native_obj=True) as dag:
        sync(Bitrix24Notifier(user_ids=1, message="{{ [1, 'b'] }}"), context_of(dag=dag))
    assert texts(told) == ["[1, 'b']"]


def test_what_cannot_be_right_is_refused_when_the_dag_is_parsed():
    for wrong, field in (
        ({}, "user_ids, dialog_id"),
        ({"user_ids": 1, "dialog_id": 1}, "user_ids, dialog_id"),
        ({"user_ids": []}, "user_ids"),
        ({"user_ids": [0]}, "user_ids[0]"),
        ({"user_ids": "Ann"}, "user_ids"),
        ({"dialog_id": "chat"}, "dialog_id"),
        ({"dialog_id": True}, "dialog_id"),
        ({"user_ids": 1, "attach": 5}, "attach"),
        ({"user_ids": 1, "max_wait": 31}, "max_wait"),
        ({"user_ids": 1, "max_wait": True}, "max_wait"),
        ({"user_ids": 1, "message": " "}, "message"),
        ({"user_ids": b"12"}, "user_ids"),
        ({"user_ids": 1, "system": "False"}, "system"),
        ({"user_ids": 1, "bitrix24_conn_id": None}, "bitrix24_conn_id"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            Bitrix24Notifier(**{"message": "m", **wrong})
        assert str(caught.value).startswith(f"{field}:")
