"""What is gone from the portal, and how much of it may be deleted at once."""

from __future__ import annotations

import pytest
from cases import cases
from feeding import fed
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.extraction.deletions import (
    Confirmed,
    check_census,
    check_share,
    confirm_gone,
    parse_share,
)
from airflow_provider_bitrix24.hooks import errors as joined
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    AuthenticationError,
    Bitrix24Error,
    ConnectionLostError,
    IncompleteListError,
    InvalidInputError,
    InvalidParameterError,
    MalformedReplyError,
    NotFoundError,
    PlanError,
    ServerError,
    TooManyDeletionsError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.reply import Reply

DEALS = Call("crm.item.list", {"entityTypeId": 2})
ACTIVITIES = Call("crm.activity.list")


def confirmed(hook, *ids, call=DEALS, kind="deal"):
    return hook.carry_out(confirm_gone(call, kind, ids))


# ---------------------------------------------------------------- what became of them


@pytest.mark.parametrize(
    "kind", ["lead", "deal", "contact", "company", "quote", "smart_invoice", "dynamic_1042"]
)
def test_what_the_portal_does_not_find_is_gone_and_what_it_denies_is_hidden(box, connect, kind):
    box.add_smart_process(1042)
    numbers = box.add_items(kind, [{}] * 6)
    box.add_user(9, "Reader", may_read=[(kind, number) for number in numbers[:3]])
    box.delete_item(kind, numbers[4])
    hook = connect(box.connection(user_id=9))
    type_id = {"lead": 1, "deal": 2, "contact": 3, "company": 4, "quote": 7, "smart_invoice": 31}.get(
        kind, 1042
    )
    call = Call("crm.item.list", {"entityTypeId": type_id})
    gone, hidden = (numbers[4], 999), (numbers[3], numbers[5])
    found = confirmed(hook, numbers[0], *hidden, *gone, call=call, kind=kind)
    assert found == Confirmed(gone=gone, hidden=hidden, there=(numbers[0],))


def test_an_activity_is_gone_or_hidden_alike(box, connect):
    open_, closed = box.add_items("deal", [{"TITLE": "a"}, {"TITLE": "b"}])
    shown, denied, deleted = (box.add_activity("deal", n) for n in (open_, closed, open_))
    box.delete_activity(deleted)
    box.add_user(9, "Reader", may_read=[("deal", open_)])
    found = confirmed(
        connect(box.connection(user_id=9)), shown, denied, deleted, call=ACTIVITIES, kind="activity"
    )
    assert found == Confirmed(gone=(deleted,), hidden=(denied,), there=(shown,))


def test_many_items_travel_fifty_a_request(box, hook):
    box.add_items("deal", [{"TITLE": "a"}] * 3)
    assert len(confirmed(hook, *range(1001, 1141)).gone) == 140
    assert len(box.requests) == 1 + 3
    assert confirmed(hook) == Confirmed()
    assert len(box.requests) == 1 + 3


def test_an_item_that_was_restored_is_gone_under_its_old_id(box, hook):
    old, _ = box.add_items("deal", [{"TITLE": "a"}, {"TITLE": "b"}])
    box.delete_item("deal", old)
    new = box.add_item("deal", {"TITLE": "a"})
    assert confirmed(hook, old, new) == Confirmed(gone=(old,), there=(new,))


def test_an_item_that_is_deleted_meanwhile_is_gone(box, hook):
    numbers = box.add_items("deal", [{"TITLE": "a"}] * 5)
    plan = confirm_gone(DEALS, "deal", numbers[:2])
    work = next(plan)
    work = plan.send(hook.carry_out(_one(work)))
    box.delete_item("deal", numbers[0])
    with pytest.raises(StopIteration) as stopped:
        plan.send(hook.carry_out(_one(work)))
    assert stopped.value.value == Confirmed(gone=(numbers[0],), there=(numbers[1],))


def _one(work):
    return (yield work)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (DEALS, "title"),
        (Call("crm.deal.list"), "TITLE"),
    ],
    ids=["items", "classic"],
)
def test_what_no_longer_matches_the_filter_has_left(box, hook, call, name):
    left, stays, gone, _ = box.add_items("deal", [{"TITLE": t} for t in ("other", "mine", "mine", "mine")])
    box.delete_item("deal", gone)
    call = Call(call.method, {**call.params, "filter": {f"={name}": "mine"}})
    found = confirmed(hook, left, stays, gone, call=call)
    assert found == Confirmed(gone=(gone,), left=(left,), there=(stays,))


# ---------------------------------------------------------------- doubt


def portal(get, listed=(7, 8, 9)):
    """Answer lists with some ids, and everything else with an answer that may depend on the id."""

    def answer(call):
        if call.method.endswith(".list") and call.method != "crm.activity.binding.list":
            rows = [{"id": n, "ID": str(n)} for n in listed]
            return {"items": rows} if call.method == "crm.item.list" else rows
        number = call.params.get("id", call.params.get("activityId"))
        if number in listed:
            return {"item": {"id": number}} if call.method == "crm.item.get" else [{"entityTypeId": 2}]
        return get

    return answer


_DOUBTFUL_ERRORS = [
    ServerError("busy"),
    ConnectionLostError("too late"),
    MalformedReplyError("HTML"),
    AuthenticationError("who?"),
    PlanError("REST is available only by subscription."),
    InvalidParameterError("entityTypeId"),
    NotFoundError("Owner was not found", code="OWNER_NOT_FOUND"),
    NotFoundError("no binding", code="BINDING_NOT_FOUND"),
]
_DOUBTFUL_ANSWERS = [None, False, True, "", {}, "<html>"]


@cases("kind", ["deal", "activity"])
@cases("error", _DOUBTFUL_ERRORS)
def test_any_other_error_is_the_plans_error(error, kind):
    call = DEALS if kind == "deal" else ACTIVITIES
    with pytest.raises(type(error), match=f"whether {kind} 5 is gone is not known: ") as caught:
        fed(confirm_gone(call, kind, [5]), portal(error))
    assert caught.value.code == error.code


@cases("kind", ["deal", "activity"])
@cases("answer", [*_DOUBTFUL_ANSWERS, {"item": {"id": 6}}, {"item": None}])
def test_an_odd_answer_is_an_error(answer, kind):
    call = DEALS if kind == "deal" else ACTIVITIES
    with pytest.raises(UnexpectedResultError):
        fed(confirm_gone(call, kind, [5]), portal(answer))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "false"},
        {"kind": "result", "result": []},
        {"kind": "error", "code": "INTERNAL_SERVER_ERROR", "status": 500},
        {"kind": "error", "code": "OWNER_NOT_FOUND", "status": 400},
    ],
    ids=str,
)
def test_a_portal_that_answers_something_else_deletes_nothing(box, connect, fault):
    box.add_items("deal", [{"TITLE": "a"}] * 3)
    hook = connect(box.connection(), max_attempts=1)
    box.inject(method="crm.item.get", times=None, params={"id": 999}, **fault)
    with pytest.raises(joined.Bitrix24Error):
        confirmed(hook, 999)


@pytest.mark.parametrize(
    "fault",
    [{"kind": "raw", "raw": b"<html>Sign in</html>"}, {"kind": "raw", "raw": b""}, {"kind": "drop_after"}],
    ids=str,
)
def test_what_is_no_answer_at_all_deletes_nothing(box, connect, fault):
    hook = connect(box.connection(), max_attempts=1)
    box.add_items("deal", [{"TITLE": "a"}] * 3)
    box.inject(method="batch", times=None, **fault)
    with pytest.raises(joined.Bitrix24Error):
        confirmed(hook, 999)


def test_who_has_lost_all_rights_finds_nothing_gone(box, connect):
    numbers = box.add_items("deal", [{"TITLE": "a"}] * 3)
    hook = connect(box.connection(user_id=box.add_user(9, "Reader").user_id))
    assert confirmed(hook, *numbers).there == tuple(numbers)
    box.add_user(9, "Reader", code=box.webhook_code(9), may_read=False)
    assert confirmed(hook, *numbers) == Confirmed(hidden=tuple(numbers))
    with pytest.raises(AccessDeniedError):
        confirmed(hook, *numbers, call=Call("crm.deal.list"))


def test_an_answer_that_hides_what_is_there_means_nothing():
    """A portal may say "not found" of everything, such as of a smart process that was taken away."""
    with pytest.raises(IncompleteListError, match="the portal lists deal 9 and does not find it") as caught:
        fed(
            confirm_gone(DEALS, "deal", [5]),
            lambda call: (
                {"items": [{"id": 9}, {"id": 8}]}
                if call.method == "crm.item.list"
                else NotFoundError("x", code="NOT_FOUND")
            ),
        )
    assert caught.value.passes


def test_a_type_that_is_gone_is_an_error(box, hook):
    box.add_smart_process(1042)
    number = box.add_item("dynamic_1042", {"TITLE": "a"})
    box.remove_smart_process(1042)
    with pytest.raises(NotFoundError):
        confirmed(hook, number, call=Call("crm.item.list", {"entityTypeId": 1042}), kind="dynamic_1042")


def test_a_list_that_failed_says_nothing():
    def answer(call):
        return ServerError("busy") if call.method == "crm.item.list" else NotFoundError("x", code="NOT_FOUND")

    with pytest.raises(ServerError):
        fed(confirm_gone(DEALS, "deal", [5]), answer)


# ---------------------------------------------------------------- how much may go


@cases(
    ("gone", "live", "share", "goes"),
    [
        (0, 0, 0.05, True),
        (0, 5, 0.0, True),
        (1, 3, 0.05, True),
        (10, 11, 0.05, True),
        (11, 12, 0.05, False),
        (11, 220, 0.05, True),
        (12, 220, 0.05, False),
        (1, 1, 0.05, False),
        (3, 3, 0.99, False),
        (3, 3, 1.0, True),
        (1, 1000, 0.0, False),
        (5, 0, 0.05, False),
    ],
)
def test_a_few_rows_may_go_then_a_share_and_never_all(gone, live, share, goes):
    if goes:
        check_share(gone, live, share)
        return
    with pytest.raises(TooManyDeletionsError, match=f"{gone} of {live} rows would be deleted") as caught:
        check_share(gone, live, share)
    assert "Nothing was deleted" in caught.value.remedy
    assert "max_deleted_share" in str(caught.value)


@given(gone=st.integers(0, 500), live=st.integers(0, 500), share=st.floats(0, 0.999))
def test_never_do_all_rows_go_nor_more_than_the_share(gone, live, share):
    try:
        check_share(gone, live, share)
    except TooManyDeletionsError:
        assert gone > 0
    else:
        assert gone == 0 or gone < live
        assert gone <= max(10, live * share)


@cases("value", [-0.1, 1.1, "0.05", True, None, float("nan")])
def test_a_share_is_a_number_from_0_to_1(value):
    assert (parse_share(0), parse_share(0.05), parse_share(1)) == (0.0, 0.05, 1.0)
    with pytest.raises(InvalidInputError, match=r"max_deleted_share: .* is not a share"):
        parse_share(value)


# ---------------------------------------------------------------- the census


def test_a_census_that_read_fewer_than_there_are_is_an_error(box, hook):
    numbers = box.add_items("deal", [{"TITLE": t} for t in "aab" * 20])
    highest = numbers[-1]
    box.add_items("deal", [{"TITLE": "a"}] * 7)
    call = Call("crm.item.list", {"entityTypeId": 2, "filter": {"=title": "a"}})
    hook.carry_out(check_census(call, 40, highest))
    with pytest.raises(
        IncompleteListError, match="39 ids up to 60 were read, and the portal counts 40"
    ) as caught:
        hook.carry_out(check_census(call, 39, highest))
    assert caught.value.passes


def test_rows_that_were_deleted_during_the_census_do_not_matter(box, hook):
    numbers = box.add_items("deal", [{"TITLE": "a"}] * 5)
    box.delete_item("deal", numbers[0])
    hook.carry_out(check_census(DEALS, 5, numbers[-1]))
    hook.carry_out(check_census(Call("crm.deal.list"), 5, numbers[-1]))
    hook.carry_out(check_census(DEALS, 0, 0))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Reply({"items": []}), UnexpectedResultError),
        (ServerError("busy"), ServerError),
        (AccessDeniedError("no"), AccessDeniedError),
    ],
    ids=["uncounted", "outage", "no rights"],
)
def test_a_census_without_a_count_is_an_error(answer, error):
    with pytest.raises(error):
        fed(check_census(DEALS, 5, 9), lambda call: answer)
    assert issubclass(error, Bitrix24Error)
