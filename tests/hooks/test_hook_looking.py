"""The hook looks at bindings, and at what a portal answers that misbehaves."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.hooks.errors import (
    IncompleteListError,
    InvalidInputError,
    NotFoundError,
    ServerError,
    UnexpectedResultError,
)

_BIND = "crm.timeline.bindings.bind"
_LIST = "crm.timeline.bindings.list"
_GET = "crm.timeline.comment.get"


def _statuses(rows: list[dict[str, Any]]) -> list[str]:
    return [row["STATUS"] for row in rows]


# ---------------------------------------------------------------- a portal that misbehaves


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "truncate", "status"])
@pytest.mark.parametrize("step", [0, 1], ids=["while checking", "while binding"])
def test_a_request_that_fails_is_made_again(box, hook, record, fault, step):
    options: dict[str, Any] = {"status": 502, "body": "html", "executed": True} if fault == "status" else {}
    box.inject(fault, after_calls=step, **options)
    assert _statuses(hook.bind_timeline_records([(record, "deal", 2)])) == ["bound"]
    assert box.bindings(record) == [("deal", 1), ("deal", 2)]
    assert len(box.requests) == 3


def test_a_portal_that_never_answers_properly(box, connect, record):
    hook = connect(box.connection(), max_attempts=2)
    box.inject("status", status=502, body="html", times=None)
    with pytest.raises(ServerError, match="record 1 on deal 2 was not bound") as caught:
        hook.bind_timeline_records([(record, "deal", 2)])
    assert not isinstance(caught.value, AirflowFailException)
    assert box.bindings(record) == [("deal", 1)]


@pytest.mark.parametrize("method", [_LIST, _GET])
@pytest.mark.parametrize("result", [True, False, "x", 1], ids=repr)
def test_a_check_that_answers_nonsense_binds_nothing(box, hook, record, method, result):
    box.inject("result", method, result=result, times=None)
    with pytest.raises(UnexpectedResultError, match="record 1 on deal 2 was not bound: "):
        hook.bind_timeline_records([(record, "deal", 2)])
    assert box.calls(_BIND) == []


def test_the_bindings_of_another_record_are_no_answer(box, hook, record):
    box.inject(
        "result", _LIST, result=[{"OWNER_ID": "77", "ENTITY_TYPE": "deal", "ENTITY_ID": "2"}], times=None
    )
    with pytest.raises(
        UnexpectedResultError, match="asked for the bindings of record 1, the portal answered"
    ):
        hook.bind_timeline_records([(record, "deal", 2)])
    with pytest.raises(UnexpectedResultError, match="asked for the bindings of record 1"):
        hook.is_bound((record, "deal", 2))
    with pytest.raises(UnexpectedResultError, match="asked for the bindings of record 1"):
        hook.timeline_bindings(record)


@pytest.mark.parametrize(
    "row",
    [
        {"OWNER_ID": 1, "ENTITY_TYPE": "DEAL", "ENTITY_ID": 2},
        {"OWNER_ID": "1", "ENTITY_TYPE": "deal", "ENTITY_ID": "2"},
    ],
    ids=["numbers", "texts"],
)
def test_ids_may_be_numbers_or_texts(box, hook, record, row, is_bound):
    box.inject("result", _LIST, result=[row], times=None)
    assert is_bound(hook, (record, "deal", 2))
    assert _statuses(hook.bind_timeline_records([(record, "deal", 2)])) == ["already_bound"]


@pytest.mark.parametrize("result", ["true", 1, None, []], ids=repr)
def test_bind_answers_true_or_it_is_an_error(box, hook, record, result):
    box.inject("result", _BIND, result=result, times=None)
    doubt = "record 1 on deal 2 may have been bound, or not: the method returns true"
    with pytest.raises(UnexpectedResultError, match=doubt):
        hook.bind_timeline_records([(record, "deal", 2)])


def test_a_row_that_comes_twice(box, hook, record, is_bound):
    row = {"OWNER_ID": "1", "ENTITY_TYPE": "deal", "ENTITY_ID": "1"}
    box.inject("result", _LIST, result=[row, row], times=None)
    assert _statuses(hook.bind_timeline_records([(record, "deal", 1)])) == ["already_bound"]
    with pytest.raises(IncompleteListError, match="a row came twice"):
        hook.timeline_bindings(record)
    with pytest.raises(IncompleteListError, match="a row came twice"):
        is_bound(hook, (record, "deal", 1))


# ---------------------------------------------------------------- looking


def test_bindings_of_a_record(box, hook, record):
    box.bind(record, "deal", 2)
    assert hook.timeline_bindings(str(record)) == [
        {"OWNER_ID": 1, "ENTITY_TYPE": "deal", "ENTITY_ID": 1},
        {"OWNER_ID": 1, "ENTITY_TYPE": "deal", "ENTITY_ID": 2},
    ]
    assert hook.timeline_bindings(99) == []


@pytest.mark.parametrize("record_id", [None, "", 7.0, True, "12abc"], ids=repr)
def test_bindings_of_what_is_no_record(box, hook, record_id):
    with pytest.raises(InvalidInputError, match="record_id: "):
        hook.timeline_bindings(record_id)
    assert box.requests == []


def test_is_bound(box, hook, record, is_bound):
    assert is_bound(hook, (record, "deal", 1))
    assert is_bound(hook, TimelineBinding.of(record, "deal", 1))
    assert not is_bound(hook, {"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 2})
    assert not is_bound(hook, (record, "contact", 1))
    assert len(box.requests) == 4


def test_is_bound_of_a_record_that_does_not_exist(hook, record, is_bound):
    with pytest.raises(NotFoundError, match="timeline record 99 does not exist"):
        is_bound(hook, (99, "deal", 1))


def test_is_bound_of_a_record_without_bindings(box, hook, record, is_bound):
    box.unbind(record, "deal", 1)
    assert not is_bound(hook, (record, "deal", 1))


def test_is_bound_where_existence_is_not_told(box, connect, record, is_bound):
    box.unbind(record, "deal", 1)
    box.inject("status", _GET, status=502, times=None)
    with pytest.raises(ServerError):
        is_bound(connect(box.connection(), max_attempts=1), (record, "deal", 1))


@pytest.mark.parametrize("binding", [None, (1, "deal"), (1.5, "deal", 1), (1, "T80", 1)], ids=str)
def test_is_bound_of_what_is_no_binding(box, hook, binding, is_bound):
    with pytest.raises(InvalidInputError, match="binding"):
        is_bound(hook, binding)
    assert box.requests == []
