from __future__ import annotations

import json
import logging

import pytest
from airflow.triggers.base import TriggerEvent
from cases import cases

from airflow_provider_bitrix24.crm.watching.watch import Sight
from airflow_provider_bitrix24.hooks import errors
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.waiting.trouble import (
    LogOnce,
    Trouble,
    check_event,
    failed_event,
    met_event,
    waiting_hook,
)


@pytest.fixture
def trouble() -> Trouble:
    return Trouble(logging.getLogger("test_waiting"))


def _look(trouble: Trouble, error: Exception | None = None) -> bool:
    with trouble.tolerated() as look:
        if error is not None:
            raise error
        look.sight = Sight("all is well", {"id": 1})
    return look.found is not None


def test_who_looks_again_anyway_does_not_repeat_a_look(box, connect):
    connect(box.connection())
    hook = waiting_hook("bitrix24_default")
    box.inject("status", status=502, times=None)
    with pytest.raises(errors.ServerError):
        hook.call("profile")
    assert len(box.requests) == 1
    hook.close()


def test_an_event_takes_along_what_was_found():
    assert check_event(met_event({"id": 5})) == {"id": 5}
    assert check_event(json.loads(json.dumps(met_event({"id": 5})))) == {"id": 5}


def test_an_event_shows_no_customers_values_in_airflows_log():
    """The triggerer logs each event that is fired."""
    shown = repr(TriggerEvent(met_event({"id": 5, "title": "Ada Lovelace"})))
    assert "met" in shown
    assert "Ada" not in shown


@cases("cls", list(rest.concrete_errors().values()))
def test_an_error_comes_out_of_an_event_as_it_went_in(cls):
    error = errors.join(cls("boom", code="X", retry_after=7.0))
    with pytest.raises(type(error)) as caught:
        check_event(failed_event(error))
    assert type(caught.value) is type(error)
    assert caught.value.fields() == error.fields()


@cases(
    "event",
    [
        None,
        True,
        "met",
        [],
        {},
        {"status": "success"},
        {"status": "met"},
        {"status": "failed"},
        {"status": "failed", "error": "x"},
    ],
)
def test_an_event_that_is_not_understood_is_no_success(event):
    with pytest.raises(errors.Bitrix24Error, match="an event that this version does not understand"):
        check_event(event)


def test_trouble_that_passes_is_told_once(trouble, caplog):
    with caplog.at_level(logging.INFO, "test_waiting"):
        assert _look(trouble)
        assert not _look(trouble, errors.ServerError("boom"))
        assert not _look(trouble, errors.ServerError("boom"))
        assert _look(trouble)
        assert _look(trouble)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.records[-1].message == "The portal answers again."


@pytest.mark.parametrize(
    "error",
    [errors.AuthenticationError("no"), errors.NotFoundError("no"), KeyError("no")],
    ids=lambda error: type(error).__name__,
)
def test_trouble_that_does_not_pass_ends_the_waiting(trouble, error):
    with pytest.raises(type(error)):
        _look(trouble, error)


@pytest.mark.parametrize(
    ("options", "promise"),
    [({}, "Waiting goes on; repeats are not logged."), ({"forgets": True}, "Waiting goes on.")],
)
def test_who_says_it_once_says_so(caplog, options, promise):
    trouble = Trouble(logging.getLogger("test_waiting"), **options)
    with caplog.at_level(logging.INFO, "test_waiting"):
        assert not _look(trouble, errors.ServerError("boom", method="m"))
    assert caplog.records[0].message == f"m: boom. {promise}"


# ---------------------------------------------------------------- several who look together


def test_of_several_one_logs_the_beginning_and_the_end():
    once = LogOnce()
    assert once.ended("a") is False, "nothing began"
    assert [once.started(who) for who in "abab"] == [True, False, False, False]
    assert [once.ended(who) for who in "bab"] == [False, True, False]
    assert once.started("b") is True, "what lasts for another one is told by that one"
    assert once.ended("b") is True


def test_who_has_not_said_that_the_portal_fails_does_not_say_that_it_answers(caplog):
    once = LogOnce()
    logs = [logging.getLogger(f"test_waiting.{name}") for name in "ab"]
    first, second = (Trouble(log, log_once=once) for log in logs)
    with caplog.at_level(logging.INFO, "test_waiting"):
        for trouble in (first, second):
            assert not _look(trouble, errors.ServerError("boom"))
        assert _look(first)
        assert _look(second)
    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("test_waiting.a", "WARNING"),
        ("test_waiting.a", "INFO"),
    ]


def test_if_the_one_who_told_it_looks_no_more_another_one_tells_it(caplog):
    once, log = LogOnce(), logging.getLogger("test_waiting")
    first, second = Trouble(log, log_once=once), Trouble(log, log_once=once)
    with caplog.at_level(logging.INFO, "test_waiting"):
        for trouble in (first, second):
            assert not _look(trouble, errors.ServerError("boom"))
        first.leave()
        assert not _look(second, errors.ServerError("boom"))
        assert _look(second)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO"]


def test_where_nobody_else_looks_it_is_logged_by_each(caplog):
    log = logging.getLogger("test_waiting")
    with caplog.at_level(logging.INFO, "test_waiting"):
        for trouble in (Trouble(log), Trouble(log)):
            assert not _look(trouble, errors.ServerError("boom"))
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_one_without_a_log_says_nothing(caplog):
    with caplog.at_level(logging.INFO):
        trouble = Trouble(None)
        assert not _look(trouble, errors.ServerError("boom"))
        assert _look(trouble)
    assert [record for record in caplog.records if "goes on" in record.message] == []
