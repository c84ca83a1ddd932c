from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import numpy
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from hook_helpers import secrets_in, whole_story

from airflow_provider_bitrix24.crm.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import (
    AccessDeniedError,
    AmbiguousWriteError,
    AuthenticationError,
    Bitrix24Error,
    IncompleteListError,
    InvalidInputError,
    InvalidParameterError,
    NotFoundError,
    PlanError,
    RejectedError,
    ServerError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.shown import shown
from airflow_provider_bitrix24.testing import Bitrix24Portal

_BIND = "crm.timeline.bindings.bind"
_LIST = "crm.timeline.bindings.list"
_GET = "crm.timeline.comment.get"


@pytest.fixture
def record(box: Bitrix24Portal) -> int:
    """A comment on deal 1; deals 1 to 3 and contact 1 exist."""
    for number in (1, 2, 3):
        box.add_item("deal", item_id=number)
    box.add_item("contact", item_id=1)
    return box.add_comment("deal", 1, "text")


def _sync(hook: Bitrix24Hook, binding: Any) -> bool:
    return hook.is_bound(binding)


def _async(hook: Bitrix24Hook, binding: Any) -> bool:
    return asyncio.run(hook.ais_bound(binding))


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def is_bound(request: pytest.FixtureRequest) -> Any:
    return request.param


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


# ---------------------------------------------------------------- comments


def test_a_comment(box, hook, record):
    number = hook.add_timeline_comment(("deal", 2), "[b]bold[/b]")
    assert type(number) is int
    [comment] = box.comments("deal", 2)
    assert (comment.record_id, comment.text) == (number, "[b]bold[/b]")


@pytest.mark.parametrize(
    ("item", "comment"), [("deal", "x"), (("deal", 1.0), "x"), ("D_1", ""), ("D_1", None)]
)
def test_a_comment_that_is_not_sent(box, hook, item, comment):
    with pytest.raises(InvalidInputError):
        hook.add_timeline_comment(item, comment)
    assert box.requests == []


@pytest.mark.parametrize(
    "text", ["$result[x] $100", "<script>", "select * from b", "\u00e4 \U0001f600 \\ \"'"], ids=ascii
)
def test_a_comments_text_arrives_as_it_is(box, hook, record, text):
    hook.add_timeline_comment("D_2", text)
    assert box.comments("deal", 2)[0].text == text


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_a_comment_whose_answer_is_lost_is_looked_up(box, hook, record, fault, long_waits_skipped):
    box.inject(fault, "crm.timeline.comment.add")
    number = hook.add_timeline_comment("D_2", "once")
    assert [comment.record_id for comment in box.comments("deal", 2)] == [number]


def test_a_comment_of_which_nobody_can_tell_says_where_to_look(box, hook, record, long_waits_skipped):
    box.inject("drop_after", "crm.timeline.comment.add")
    box.inject("error", "crm.timeline.comment.list", code="ACCESS_DENIED", status=400, times=None)
    with pytest.raises(
        AmbiguousWriteError, match="the comment on deal 2 may have been added, or not"
    ) as caught:
        hook.add_timeline_comment("D_2", "once")
    assert "Look at the timeline of deal 2" in caught.value.remedy
    assert "If you clear the task, it looks the comment up again" in caught.value.remedy
    assert len(box.comments("deal", 2)) == 1


def test_a_comment_that_this_user_has_written_already_is_not_added(box, hook, record):
    first = hook.add_timeline_comment("D_2", "once")
    box.add_comment("deal", 2, "twice", author_id=3)
    assert hook.add_timeline_comment("D_2", " once ", unless_present=True) == first
    second = hook.add_timeline_comment("D_2", "twice", unless_present=True)
    assert hook.add_timeline_comment("D_2", "once") != first
    rows = hook.add_timeline_comments(
        [{"item": "D_2", "comment": text} for text in ("twice", "new", "new")], unless_present=True
    )
    assert [row["STATUS"] for row in rows] == ["already_present", "added", "already_present"]
    assert rows[0]["ID"] == second
    assert rows[1]["ID"] == rows[2]["ID"]
    assert len(box.comments("deal", 2)) == 5


def test_a_comment_on_an_item_that_is_not_there_names_the_item(box, hook, record):
    with pytest.raises(NotFoundError, match="the comment on dynamic_1050 7 was not added") as caught:
        hook.add_timeline_comment(("dynamic_1050", 7), "text")
    assert caught.value.remedy == "Check the type and the id: the portal has no dynamic_1050 7."
    with pytest.raises(Bitrix24Error, match="on dynamic_1050 7 was not bound") as caught:
        hook.bind_timeline_records([(record, "dynamic_1050", 7)])
    assert caught.value.remedy == "Check the type dynamic_1050: the portal does not have it."


def test_a_comment_without_rights(box, connect, record):
    who = "portal user 3, the owner of the webhook, may not change deal 2"
    with pytest.raises(AccessDeniedError, match=f"the comment on deal 2 was not added: {who}"):
        connect(box.connection(user_id=3)).add_timeline_comment("D_2", "text")


@pytest.mark.parametrize("result", [True, None, "x", 0, []], ids=repr)
def test_a_comment_without_an_id(box, hook, record, result):
    box.inject("result", "crm.timeline.comment.add", result=result)
    with pytest.raises(UnexpectedResultError):
        hook.add_timeline_comment("D_2", "text")


def test_a_change_names_the_record_that_holds_it_now(box, hook, record):
    assert hook.update_timeline_comment(record, "New") == record
    box.bind(record, "contact", 1)
    copy = hook.update_timeline_comment(record, "Newer", item=("contact", 1))
    assert copy != record
    assert [comment.text for comment in box.comments("contact", 1)] == ["Newer"]
    assert [comment.text for comment in box.comments("deal", 1)] == ["New"]


def test_a_deletion_says_what_became_of_it(box, hook, record):
    box.bind(record, "contact", 1)
    assert hook.delete_timeline_comment(record, item="C_1") == {"ID": record, "STATUS": "unbound"}
    assert hook.delete_timeline_comment(record) == {"ID": record, "STATUS": "deleted"}
    assert hook.delete_timeline_comment(record) == {"ID": record, "STATUS": "not_found"}
    with pytest.raises(NotFoundError, match=f"timeline record {record} does not exist"):
        hook.delete_timeline_comment(record, missing_ok=False)


def test_many_comments(box, hook, record):
    rows = [{"item": "D_2", "comment": "a"}, {"entity_type": "deal", "entity_id": 3, "comment": "b"}]
    added = hook.add_timeline_comments(rows)
    assert [(row["ENTITY_ID"], row["STATUS"]) for row in added] == [(2, "added"), (3, "added")]
    assert [box.comments("deal", row["ENTITY_ID"])[0].record_id for row in added] == [
        row["ID"] for row in added
    ]


def test_a_comment_of_many_that_fails_is_named_by_its_place(box, connect, record):
    box.add_user(9, "Nine", may_update=[("deal", 2)])
    hook = connect(box.connection(user_id=9))
    rows = [{"item": "D_2", "comment": "a"}, {"item": "D_3", "comment": "b"}]
    with pytest.raises(AccessDeniedError, match=r"rows\[1\]: the comment on deal 3 .*; 1 of 2") as caught:
        hook.add_timeline_comments(rows)
    assert _statuses(caught.value.outcomes) == ["added", "failed"]
    assert caught.value.outcomes[1]["ID"] is None
    assert _statuses(hook.add_timeline_comments(rows, fail_on="all")) == ["added", "failed"]


def test_a_log_message(box, hook, record):
    number = hook.add_timeline_log_message(("deal", 2), "Title", "Text", icon_code="check")
    [found] = [kept for kept in box.records("deal", 2) if kept.kind == "log_message"]
    assert found.record_id == number
    with pytest.raises(InvalidInputError, match=r"^title: '' is not a text"):
        hook.add_timeline_log_message("D_2", "", "Text")


# ---------------------------------------------------------------- taking off, moving, setting


def test_records_are_taken_off(box, hook, record):
    box.bind(record, "deal", 2)
    rows = hook.unbind_timeline_records([(record, "deal", 2), (record, "contact", 1)])
    assert rows == [
        {"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 2, "STATUS": "unbound"},
        {"OWNER_ID": record, "ENTITY_TYPE": "contact", "ENTITY_ID": 1, "STATUS": "not_bound"},
    ]
    with pytest.raises(NotFoundError, match=f"record {record} on contact 1 was not unbound: it is not bound"):
        hook.unbind_timeline_records([(record, "contact", 1)], missing_ok=False)
    with pytest.raises(RejectedError, match="the record would be left without any binding"):
        hook.unbind_timeline_records([(record, "deal", 1)])
    assert _statuses(hook.unbind_timeline_records([(record, "deal", 1)], keep_last=False)) == ["unbound"]
    assert box.bindings(record) == []


def test_a_record_is_moved(box, hook, record):
    row = {"OWNER_ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 2}
    assert hook.move_timeline_record(record, "D_1", ("deal", 2)) == {**row, "STATUS": "moved"}
    assert hook.move_timeline_record(record, "D_1", ("deal", 2)) == {**row, "STATUS": "already_moved"}
    assert box.bindings(record) == [("deal", 2)]
    with pytest.raises(NotFoundError, match="it is not on deal 3"):
        hook.move_timeline_record(record, "D_3", "D_1")


def test_a_record_is_not_moved_to_where_it_is(box, hook, record):
    with pytest.raises(InvalidInputError, match="target: deal 1 is the source itself"):
        hook.move_timeline_record(record, "D_1", ("deal", 1))
    assert box.requests == []


def test_a_record_is_bound_to_exactly_these(box, hook, record):
    rows = hook.set_timeline_bindings(record, [("deal", 2), "C_1"])
    assert _statuses(rows) == ["bound", "bound", "unbound"]
    assert box.bindings(record) == [("contact", 1), ("deal", 2)]
    with pytest.raises(NotFoundError, match=r"items\[1\]: deal 99 does not exist"):
        hook.set_timeline_bindings(record, ["D_2", "D_99"])
    with pytest.raises(InvalidInputError, match=r"^items: the list is empty"):
        hook.set_timeline_bindings(record, [])
    assert box.bindings(record) == [("contact", 1), ("deal", 2)]


def test_a_record_may_have_to_exist(hook, record):
    assert hook.timeline_bindings(record, check_record=True) == hook.timeline_bindings(record)
    with pytest.raises(NotFoundError, match="timeline record 99 does not exist"):
        hook.timeline_bindings(99, check_record=True)


# ---------------------------------------------------------------- activities, relations, timelines


def test_activities_are_bound_and_taken_off(box, hook, record):
    call = box.add_activity("deal", 1, kind="call")
    row = {"ACTIVITY_ID": call, "ENTITY_TYPE": "contact", "ENTITY_ID": 1}
    rows = hook.bind_activities([(call, "contact", 1), (call, "deal", 1)])
    assert rows[0] == {**row, "STATUS": "bound"}
    assert _statuses(rows) == ["bound", "already_bound"]
    assert hook.unbind_activities(rows[:1]) == [{**row, "STATUS": "unbound"}], "a result can be passed on"
    assert _statuses(hook.unbind_activities(rows[:1])) == ["not_bound"]
    with pytest.raises(NotFoundError, match=f"activity {call} on contact 1 was not unbound"):
        hook.unbind_activities(rows[:1], missing_ok=False)
    assert box.activity_bindings(call) == [("deal", 1)]


def test_an_activity_that_does_not_exist(hook, record):
    with pytest.raises(NotFoundError, match="activities have other ids than timeline records"):
        hook.bind_activities([(99, "deal", 1)])


def test_related_items(box, hook):
    box.add_item("company", item_id=4)
    box.add_item("deal", {"companyId": 4}, item_id=1)
    assert hook.related_items("D_1") == [("company", 4)]
    with pytest.raises(NotFoundError, match="item: deal 99 does not exist"):
        hook.related_items("D_99")
    box.clear_journal()
    with pytest.raises(InvalidInputError, match="the fields of order 1 cannot be read"):
        hook.related_items(("order", 1))
    assert box.requests == []


def test_a_timeline_is_shared_or_moved(box, hook, record):
    task = box.add_activity("deal", 1)
    shared = hook.transfer_timeline("D_1", "C_1")
    assert [(row["KIND"], row["ID"], row["STATUS"]) for row in shared] == [
        ("comment", record, "shared"),
        ("activity", task, "shared"),
    ]
    assert hook.transfer_timeline("D_1", "D_2", kinds=["comments"], mode="move") == [
        {"KIND": "comment", "ID": record, "ENTITY_TYPE": "deal", "ENTITY_ID": 2, "STATUS": "moved"}
    ]
    assert box.bindings(record) == [("contact", 1), ("deal", 2)]
    assert box.activity_bindings(task) == [("contact", 1), ("deal", 1)]


# ---------------------------------------------------------------- what all doors for many have in common

_BULK = {
    "bind": lambda hook, **options: hook.bind_timeline_records([(1, "deal", 1)], **options),
    "unbind": lambda hook, **options: hook.unbind_timeline_records([(1, "deal", 1)], **options),
    "set": lambda hook, **options: hook.set_timeline_bindings(1, ["D_1"], **options),
    "comments": lambda hook, **options: hook.add_timeline_comments(
        [{"item": "D_1", "comment": "x"}], **options
    ),
    "bind activities": lambda hook, **options: hook.bind_activities([(1, "deal", 1)], **options),
    "unbind activities": lambda hook, **options: hook.unbind_activities([(1, "deal", 1)], **options),
    "transfer": lambda hook, **options: hook.transfer_timeline("D_1", "C_1", **options),
}


@pytest.mark.parametrize("bulk", _BULK.values(), ids=_BULK)
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_in_flight": 0}, "max_in_flight: 0 is not a whole number from 1 to 20"),
        ({"max_in_flight": True}, "max_in_flight: True is not a whole number from 1 to 20"),
        ({"fail_on": "some"}, "fail_on: 'some' is none of any, all, never"),
    ],
    ids=["none", "a flag", "an unknown word"],
)
def test_options_are_looked_at_before_anything_is_sent(box, hook, bulk, options, problem):
    with pytest.raises(InvalidInputError, match=f"^{problem}"):
        bulk(hook, **options)
    assert box.requests == []


@pytest.mark.parametrize("bulk", _BULK.values(), ids=_BULK)
@pytest.mark.parametrize("max_in_flight", [None, 7])
def test_how_much_may_be_under_way(hook, monkeypatch, bulk, max_in_flight):
    seen = []

    def carry_out(plan, progress=None, in_flight=1):
        plan.close()
        seen.append(in_flight)
        return []

    monkeypatch.setattr(hook, "carry_out", carry_out)
    options = {} if max_in_flight is None else {"max_in_flight": max_in_flight}
    assert bulk(hook, **options) == []
    assert seen == [max_in_flight or 20]
