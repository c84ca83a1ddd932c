"""The hook binds timeline records, one or many."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from hook_helpers import secrets_in, whole_story

from airflow_provider_bitrix24.hooks.errors import (
    AccessDeniedError,
    AuthenticationError,
    InvalidInputError,
    InvalidParameterError,
    NotFoundError,
    PlanError,
)
from airflow_provider_bitrix24.rest.shown import shown
from airflow_provider_bitrix24.testing import Bitrix24Portal

_BIND = "crm.timeline.bindings.bind"


def _statuses(rows: list[dict[str, Any]]) -> list[str]:
    return [row["STATUS"] for row in rows]


# ---------------------------------------------------------------- binding


def test_a_binding(box, hook, record):
    rows = hook.bind_timeline_records([(record, "deal", 2)])
    assert rows == [{"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 2, "STATUS": "bound"}]
    assert box.bindings(record) == [("deal", 1), ("deal", 2)]
    assert len(box.requests) == 2


def test_binding_again_changes_nothing(box, hook, record):
    hook.bind_timeline_records([(record, "deal", 2)])
    box.clear_journal()
    assert _statuses(hook.bind_timeline_records([(record, "DEAL", "2")])) == ["already_bound"]
    assert box.calls(_BIND) == []
    assert len(box.requests) == 1


def test_a_result_can_be_passed_on(hook, record):
    rows = hook.bind_timeline_records([(record, "deal", 2)])
    assert _statuses(hook.bind_timeline_records(rows)) == ["already_bound"]


def test_duplicates_are_sent_once(box, hook, record):
    rows = hook.bind_timeline_records(
        [(record, "deal", 2), (str(record), " Deal ", "2"), (record, "deal", 3)]
    )
    assert _statuses(rows) == ["bound"] * 3
    assert [row["ENTITY_ID"] for row in rows] == [2, 2, 3]
    assert len(box.calls(_BIND)) == 2


def test_nothing_to_bind(box, hook):
    assert hook.bind_timeline_records([]) == []
    assert hook.bind_timeline_records("[]") == []
    assert box.requests == []


@pytest.mark.parametrize(
    "bindings",
    [
        [(1, "deal", 2), (1.0, "deal", 2)],
        [(1, "deal", 2), (1, "T80", 2)],
        [(1, "deal", 2), {"record_id": 1, "entity_type": "deal"}],
        None,
        "nonsense",
        {"record_id": 1, "entity_type": "deal", "entity_id": 2},
    ],
    ids=["a float", "a short code", "a missing key", "nothing", "no JSON", "a mapping"],
)
@pytest.mark.parametrize("check_record", [True, False], ids=["checked", "unchecked"])
def test_one_bad_binding_and_nothing_is_sent(box, hook, bindings, check_record):
    with pytest.raises(InvalidInputError, match="bindings") as caught:
        hook.bind_timeline_records(bindings, check_record=check_record)
    assert isinstance(caught.value, AirflowFailException)
    assert box.requests == []


_NO_IDS: tuple[Any, ...] = (
    *(None, "None", "", " ", 0, -5, "12abc", "1,2", 12.7, 7.0, "1e3", True, [3], {}),
    *("\u0661\u0662", "\uff17", 2**63, str(2**63), 10**5000, Decimal("7.5"), numpy.float64(7)),
)
_NO_TYPES: tuple[Any, ...] = (2, "T80", "unknown", "", None, "dynamic_12", "dynamic_1043", ["deal"])


@pytest.mark.parametrize(
    ("door", "values", "field"),
    [
        (
            lambda hook, value: hook.bind_timeline_records([(value, "deal", 1)]),
            _NO_IDS,
            "bindings[0].record_id",
        ),
        (
            lambda hook, value: hook.bind_timeline_records([(1, "deal", value)]),
            _NO_IDS,
            "bindings[0].entity_id",
        ),
        (
            lambda hook, value: hook.bind_timeline_records([(1, value, 1)]),
            _NO_TYPES,
            "bindings[0].entity_type",
        ),
        (lambda hook, value: hook.is_bound((value, "deal", 1)), _NO_IDS, "binding.record_id"),
        (lambda hook, value: hook.timeline_bindings(value), _NO_IDS, "record_id"),
        (lambda hook, value: hook.add_timeline_comment(("deal", value), "x"), _NO_IDS, "item.entity_id"),
        (lambda hook, value: hook.add_timeline_comment((value, 1), "x"), _NO_TYPES, "item.entity_type"),
    ],
    ids=[
        "bind a record",
        "bind to an id",
        "bind to a type",
        "is bound",
        "bindings",
        "comment",
        "comment's type",
    ],
)
def test_what_bitrix24_would_cast_is_not_sent(box, hook, door, values, field):
    for value in values:
        with pytest.raises(InvalidInputError) as caught:
            door(hook, value)
        assert str(caught.value).startswith(f"{field}: {shown(value)} is not ")
        assert caught.value.remedy
    assert box.requests == []


@pytest.mark.parametrize("good", [1, "1", Decimal(1), numpy.int64(1)], ids=repr)
def test_every_good_spelling_of_an_id_is_sent_as_the_number(box, hook, record, good):
    assert _statuses(hook.bind_timeline_records([(good, "deal", good)])) == ["already_bound"]
    hook.bind_timeline_records([(good, "contact", good)])
    assert box.bindings(record) == [("contact", 1), ("deal", 1)]


def test_an_unknown_fail_on_is_refused_before_anything_is_sent(box, hook, record):
    with pytest.raises(InvalidInputError, match="fail_on: 'some' is none of any, all, never"):
        hook.bind_timeline_records([(record, "deal", 2)], fail_on="some")
    assert box.requests == []


# ---------------------------------------------------------------- records that are none


def test_a_record_that_does_not_exist(box, hook, record):
    with pytest.raises(NotFoundError, match="timeline record 99 does not exist") as caught:
        hook.bind_timeline_records([(99, "deal", 2), (record, "deal", 2)])
    assert _statuses(caught.value.outcomes) == ["failed", "bound"]
    assert caught.value.outcomes[0]["ERROR"] == "NOT_FOUND"
    assert "record 99 on deal 2 was not bound" in str(caught.value)
    assert "1 of 2 failed, see 'outcomes'" in str(caught.value)
    assert box.bindings(99) == []


def test_without_checks_an_orphan_is_stored(box, hook):
    assert _statuses(hook.bind_timeline_records([(99, "deal", 2)], check_record=False)) == ["bound"]
    assert box.bindings(99) == [("deal", 2)]
    assert len(box.requests) == 1


@pytest.mark.parametrize("deal", [2, 3], ids=["bound to it already", "bound to something else"])
def test_an_orphan_is_found_out(box, hook, record, deal):
    box.bind(99, "deal", 2)
    with pytest.raises(NotFoundError, match="timeline record 99 does not exist"):
        hook.bind_timeline_records([(99, "deal", deal)])
    assert box.bindings(99) == [("deal", 2)]


def test_a_record_without_bindings(box, hook, record):
    box.unbind(record, "deal", 1)
    assert _statuses(hook.bind_timeline_records([(record, "deal", 2)])) == ["bound"]


def test_records_of_every_kind(box, hook, record):
    records = [box.add_record("deal", 1, kind) for kind in ("creation", "modification", "log_message")]
    rows = hook.bind_timeline_records([(number, "contact", 1) for number in records])
    assert _statuses(rows) == ["bound"] * 3


def test_a_smart_process(box, hook, record):
    kind = box.add_smart_process(1042)
    box.add_item(kind, item_id=7)
    assert _statuses(hook.bind_timeline_records([(record, "dynamic_1042", 7)])) == ["bound"]
    with pytest.raises(InvalidParameterError, match="record 1 on dynamic_1044 7 was not bound: ENTITY_TYPE"):
        hook.bind_timeline_records([(record, "dynamic_1044", 7)])


# ---------------------------------------------------------------- rights


def test_missing_rights_name_the_binding_and_the_user(box, connect, record):
    box.add_user(9, "Nine", may_update=[("deal", 2)])
    hook = connect(box.connection(user_id=9))
    with pytest.raises(AccessDeniedError) as caught:
        hook.bind_timeline_records([(record, "deal", 3), (record, "deal", 2), (record, "contact", 1)])
    message = str(caught.value)
    assert (
        "record 1 on deal 3 was not bound: portal user 9, the owner of the webhook, may not change deal 3"
        in (message)
    )
    assert "2 of 3 failed" in message
    assert "Give that user the right to do so" in message
    assert _statuses(caught.value.outcomes) == ["failed", "bound", "failed"]
    assert box.bindings(record) == [("deal", 1), ("deal", 2)]


@pytest.mark.parametrize(
    ("login", "who"),
    [
        (None, "the portal user who authorised application "),
        ("3", "portal user 3, who authorised application"),
    ],
)
def test_missing_rights_of_an_application(box, connect, record, login, who):
    connection = {**box.oauth_connection(3), "login": login}
    with pytest.raises(AccessDeniedError, match="record 1 on deal 2 was not bound: ") as caught:
        connect(connection).bind_timeline_records([(record, "deal", 2)], check_record=False)
    assert who in str(caught.value)


def test_access_denied_as_an_error_is_the_same(box, hook, record):
    box.inject("error", _BIND, code="", description="Access denied.")
    with pytest.raises(
        AccessDeniedError, match="portal user 1, the owner of the webhook, may not change deal 2"
    ):
        hook.bind_timeline_records([(record, "deal", 2)])


def test_a_user_who_may_not_even_read(box, connect, record):
    box.add_user(9, "Nine", may_read=False, may_update=False)
    with pytest.raises(
        AccessDeniedError, match=r"record 1 on deal 2 was not bound: portal user 9, .* may not"
    ):
        connect(box.connection(user_id=9)).bind_timeline_records([(record, "deal", 2)])


@pytest.mark.parametrize(("fail_on", "raises"), [("any", True), ("all", False), ("never", False)])
def test_fail_on(box, connect, record, fail_on, raises):
    box.add_user(9, "Nine", may_update=[("deal", 2)])
    hook = connect(box.connection(user_id=9))
    bindings = [(record, "deal", 2), (record, "deal", 3)]
    if raises:
        with pytest.raises(AccessDeniedError):
            hook.bind_timeline_records(bindings, fail_on=fail_on)
    else:
        assert _statuses(hook.bind_timeline_records(bindings, fail_on=fail_on)) == ["bound", "failed"]


@pytest.mark.parametrize("fail_on", ["any", "all", "never"])
def test_a_revoked_webhook_fails_always(box, hook, record, fail_on):
    hook.call("profile")
    box.revoke_webhook()
    with pytest.raises(AuthenticationError) as caught:
        hook.bind_timeline_records([(record, "deal", 2)], fail_on=fail_on)
    assert not secrets_in(whole_story(caught.value), box.webhook_code())


def test_no_plan(box, hook, record):
    box.set_plan(False)
    with pytest.raises(PlanError):
        hook.bind_timeline_records([(record, "deal", 2)])


# ---------------------------------------------------------------- many


def _many(box: Bitrix24Portal, count: int) -> list[int]:
    for number in (1, 2):
        box.add_item("deal", item_id=number)
    return [box.add_record("deal", 1) for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize(("check_record", "most"), [(True, 45), (False, 20)], ids=["checked", "unchecked"])
def test_a_thousand_records(connect, check_record, most):
    with Bitrix24Portal() as portal:
        records = _many(portal, 1000)
        hook = connect(portal.connection(pacing="process"))
        rows = hook.bind_timeline_records(
            [(record, "deal", 2) for record in records], check_record=check_record
        )
        assert _statuses(rows) == ["bound"] * 1000
        assert [row["OWNER_ID"] for row in rows] == records
        assert len(portal.requests) <= most
        assert portal.refusals == 0
        assert all(portal.bindings(record) == [("deal", 1), ("deal", 2)] for record in records)


def test_some_of_many_fail_and_nothing_else_is_lost(box, hook):
    records = _many(box, 120)
    for record in records[::40]:
        box.delete_record(record)
    with pytest.raises(NotFoundError, match="3 of 120 failed") as caught:
        hook.bind_timeline_records([(record, "deal", 2) for record in records])
    failed = [row["OWNER_ID"] for row in caught.value.outcomes if row["STATUS"] == "failed"]
    assert failed == records[::40]
    assert sum(row["STATUS"] == "bound" for row in caught.value.outcomes) == 117


def test_orphans_in_a_list_of_hundreds(box, hook):
    records = _many(box, 100)
    box.bind(5000, "deal", 1)
    with pytest.raises(NotFoundError, match="timeline record 5000 does not exist"):
        hook.bind_timeline_records([(record, "deal", 2) for record in [*records, 5000]])


def test_more_than_fifty_bindings_of_one_record(box, hook, record):
    for number in range(100, 170):
        box.add_item("deal", item_id=number)
        box.bind(record, "deal", number)
    rows = hook.bind_timeline_records([(record, "deal", number) for number in (100, 169, 2)])
    assert _statuses(rows) == ["already_bound", "already_bound", "bound"]
    assert len(hook.timeline_bindings(record)) == 72
    assert hook.is_bound((record, "deal", 169))
