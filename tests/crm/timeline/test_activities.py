"""Bindings of activities: what they are read from, the plans that change them, and what became of them."""

from __future__ import annotations

import json

import pytest
from bad_values import BAD_IDS
from cases import cases

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.activities import (
    ActivityBinding,
    activity_items,
    activity_items_call,
    bind_activities,
    parse_activity_bindings,
    unbind_activities,
)
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    InvalidInputError,
    NotFoundError,
    RejectedError,
    ServerError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.plans import Work
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.reply import Reply

BINDING = ActivityBinding(5, CrmItem("deal", 10))
PARAMS = {"activityId": 5, "entityTypeId": 2, "entityId": 10}

_ADD = "crm.activity.binding.add"
_DELETE = "crm.activity.binding.delete"
_LIST = "crm.activity.binding.list"


# ---------------------------------------------------------------- input


@cases(
    "value",
    [
        (5, "deal", 10),
        ["5", "DEAL", "10"],
        {"activity_id": 5, "entity_type": "deal", "entity_id": 10},
        {"ACTIVITY_ID": "5", "ENTITY_TYPE": "deal", "ENTITY_ID": "10"},
        {"ACTIVITY_ID": 5, "entity_type": "deal", "ENTITY_ID": 10},
        {"ACTIVITY_ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 10, "STATUS": "bound"},
        ItemOutcome(BINDING, "failed", ServerError("down")).to_json(),
        BINDING,
    ],
)
def test_a_binding(value):
    assert ActivityBinding.parse(value) == BINDING
    assert parse_activity_bindings([value]) == [BINDING]


@cases(
    ("value", "problem"),
    [
        *((value, ": .* is not a binding of an activity") for value in (None, 5, "5")),
        ((5, "deal"), r" is a tuple of 2 values; give \(activity_id, entity_type, entity_id\)"),
        ((5, "deal", 10, 1), r" is a tuple of 4 values; give \(activity_id, entity_type, entity_id\)"),
        (frozenset({5}), ": .* is not a binding of an activity"),
        (
            {"activityId": 5, "entityTypeId": 2, "entityId": 10},
            ": .* has an unknown key 'activityId'",
        ),
        (
            {"activity_id": 5, "ACTIVITY_ID": 5, "entity_type": "deal", "entity_id": 10},
            ": .* has both 'activity_id' and 'ACTIVITY_ID'",
        ),
        ((0, "deal", 10), r"\.activity_id: 0 is not an id"),
        ((5, "deals", 10), r"\.entity_type: 'deals' is not a type of CRM item"),
        ((5, "deal", 0), r"\.entity_id: 0 is not an id"),
        ((5, "activity", 10), r"\.entity_type: activity 10: no number of the type 'activity' is known"),
        ({"activity_id": 0, "entity_type": "deal", "entity_id": 10}, r"\.activity_id: 0 is not an id"),
        ({"activity_id": 5, "entity_type": "x", "entity_id": 10}, r"\.entity_type: 'x' is not a type"),
        ({"activity_id": 5, "entity_type": "deal", "entity_id": 0}, r"\.entity_id: 0 is not an id"),
        ({"entity_type": "deal", "entity_id": 10}, ": .* has no 'activity_id'"),
        ({"activity_id": 5, "entity_id": 10}, ": .* has no 'entity_type'"),
        ({"activity_id": 5, "entity_type": "deal"}, ": .* has no 'entity_id'"),
        (
            {"OWNER_ID": 5, "entity_type": "deal", "entity_id": 10},
            ": .* has an unknown key 'OWNER_ID'. Known are activity_id, ACTIVITY_ID, entity_type, "
            "ENTITY_TYPE, entity_id, ENTITY_ID, STATUS, ERROR, ERROR_DESCRIPTION",
        ),
    ],
)
def test_what_is_no_binding_is_named(value, problem):
    with pytest.raises(InvalidInputError, match=f"^binding{problem}"):
        ActivityBinding.parse(value)
    with pytest.raises(InvalidInputError, match=rf"^bindings\[1\]{problem}"):
        parse_activity_bindings([BINDING, value])


def test_how_to_give_a_binding():
    with pytest.raises(InvalidInputError) as raised:
        ActivityBinding.parse(None)
    remedy = "Give it as (activity_id, entity_type, entity_id) or as a mapping with these names."
    assert raised.value.remedy == remedy


@cases("value", BAD_IDS)
def test_what_is_no_id_of_an_activity(value):
    with pytest.raises(InvalidInputError, match=r"^activity_id: "):
        ActivityBinding.of(value, "deal", 10)


def test_parts_have_no_prefix_of_their_own():
    with pytest.raises(InvalidInputError, match=r"^entity_id: 0 is not an id"):
        ActivityBinding.of(5, "deal", 0)
    with pytest.raises(InvalidInputError, match=r"^entity_type: activity 10: no number") as raised:
        ActivityBinding.of(5, "activity", 10)
    assert raised.value.remedy.startswith("Known are lead, deal, contact")


def test_bindings_are_read_from_json():
    rows = [[5, "deal", 10], {"activity_id": 6, "entity_type": "dynamic_1042", "entity_id": 1}]
    assert parse_activity_bindings(json.dumps(rows)) == [
        BINDING,
        ActivityBinding(6, CrmItem("dynamic_1042", 1)),
    ]


def test_what_is_no_list_of_bindings_is_named():
    with pytest.raises(InvalidInputError, match=r"^bindings: 5 is not a list of bindings") as raised:
        parse_activity_bindings(5)
    assert raised.value.remedy == "Give a list of (activity_id, entity_type, entity_id)."
    with pytest.raises(InvalidInputError, match=r"^more\[0\]: 6 is not"):
        parse_activity_bindings([6], "more")


def test_calls():
    assert BINDING.bind_call() == Call(_ADD, PARAMS)
    assert BINDING.unbind_call() == Call(_DELETE, PARAMS)
    assert activity_items_call(5) == Call(_LIST, {"activityId": 5})
    assert str(BINDING) == "activity 5 on deal 10"
    assert BINDING.thing == "Activity 5"
    assert BINDING.on(CrmItem("lead", 1)) == ActivityBinding(5, CrmItem("lead", 1))


# ---------------------------------------------------------------- plans


def bind(bindings, progress):
    return bind_activities(bindings, progress)


def unbind(bindings, progress):
    return unbind_activities(bindings, progress, missing_ok=True)


def carry_out(plan, *errors):
    """Return the one piece of work of a plan, whose calls meet these errors, and what the plan returns."""
    work = next(plan)
    outcomes = [
        Outcome(call, error=error) if error else Outcome(call, Reply(True))
        for call, error in zip(work.calls, errors, strict=True)
    ]
    with pytest.raises(StopIteration) as stop:
        plan.send(outcomes)
    return work, stop.value.value


@pytest.mark.parametrize(("plan", "method", "status"), [(bind, _ADD, "bound"), (unbind, _DELETE, "unbound")])
def test_each_binding_is_sent_once_and_reported_in_order(plan, method, status):
    others = [ActivityBinding(5, CrmItem("lead", 1)), ActivityBinding(6, CrmItem("deal", 10))]
    bindings = [BINDING, others[0], BINDING, others[1]]
    work, outcomes = carry_out(plan(bindings, Progress()), None, ServerError("down"), None)
    calls = [Call(method, binding.params()) for binding in (BINDING, *others)]
    assert work == Work(calls, [0, 1, 2])
    assert [outcome.subject for outcome in outcomes] == bindings
    assert [outcome.status for outcome in outcomes] == [status, "failed", status, status]


@pytest.mark.parametrize(("plan", "status"), [(bind, "bound"), (unbind, "unbound")])
def test_what_an_earlier_try_did_is_not_sent_again(plan, status):
    bindings = [ActivityBinding(number, CrmItem("deal", 10)) for number in (5, 6, 7)]
    work, outcomes = carry_out(plan([bindings[0], *bindings], Progress({1: True})), None, None)
    assert work.positions == [0, 2]
    assert [call.params["activityId"] for call in work.calls] == [5, 7]
    assert outcomes == [ItemOutcome(binding, status) for binding in [bindings[0], *bindings]]


@pytest.mark.parametrize("plan", [bind, unbind])
def test_nothing_is_sent_where_all_is_done(plan):
    with pytest.raises(StopIteration) as stop:
        next(plan([BINDING], Progress({0: True})))
    assert len(stop.value.value) == 1


# ---------------------------------------------------------------- what became of a binding


@pytest.mark.parametrize("code", ["ACTIVITY_IS_ALREADY_BOUND", "activity_is_already_bound"])
def test_bound_already_is_done(code):
    _, outcomes = carry_out(bind([BINDING], Progress()), RejectedError("bound", code=code))
    assert outcomes == [ItemOutcome(BINDING, "already_bound")]


@pytest.mark.parametrize("code", ["BINDING_NOT_FOUND", "binding_not_found"])
def test_what_is_not_bound_is_taken_off_or_an_error(code):
    error = NotFoundError("not bound", code=code)
    _, outcomes = carry_out(unbind([BINDING], Progress()), error)
    assert outcomes == [ItemOutcome(BINDING, "not_bound")]
    _, [outcome] = carry_out(unbind_activities([BINDING], Progress(), missing_ok=False), error)
    assert outcome.status == "failed"
    assert outcome.error.description == "activity 5 on deal 10 was not unbound: not bound"


@cases(
    ("plan", "code"),
    [(bind, "BINDING_NOT_FOUND"), (unbind, "ACTIVITY_IS_ALREADY_BOUND"), (unbind, "NOT_FOUND"), (bind, "")],
)
def test_other_codes_are_failures(plan, code):
    _, [outcome] = carry_out(plan([BINDING], Progress()), RejectedError("no", code=code))
    assert outcome.status == "failed"


@pytest.mark.parametrize(
    ("plan", "error", "words"),
    [
        (bind, RejectedError("no more", code="FULL"), "bound: no more"),
        (unbind, RejectedError(code="FULL"), "unbound: no reason given"),
    ],
)
def test_a_failure_is_the_same_error_with_the_binding_in_it(plan, error, words):
    _, [outcome] = carry_out(plan([BINDING], Progress()), error)
    assert outcome.subject == BINDING
    assert outcome.status == "failed"
    assert type(outcome.error) is RejectedError
    assert outcome.error.fields() == {
        **error.fields(),
        "description": f"activity 5 on deal 10 was not {words}",
    }


@cases(
    ("code", "remedy"),
    [
        ("NOT_FOUND", "Check the id: activities have other ids than timeline records and CRM items."),
        ("not_found", "Check the id: activities have other ids than timeline records and CRM items."),
        ("LAST_BINDING_CANNOT_BE_DELETED", "Bind the activity to another item first."),
        ("last_binding_cannot_be_deleted", "Bind the activity to another item first."),
        ("OTHER", "As it was."),
    ],
)
def test_remedies(code, remedy):
    error = RejectedError("no", code=code, remedy="As it was.")
    _, [outcome] = carry_out(unbind([BINDING], Progress()), error)
    assert outcome.error.remedy == remedy


def test_outcomes_as_json():
    row = {"ACTIVITY_ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 10}
    assert ItemOutcome(BINDING, "bound").to_json() == {**row, "STATUS": "bound"}
    failed = ItemOutcome(BINDING, "failed", RejectedError("no", code="X"))
    assert failed.to_json() == {**row, "STATUS": "failed", "ERROR": "X", "ERROR_DESCRIPTION": "X no"}


# ---------------------------------------------------------------- what an activity is bound to


def test_items_of_an_activity():
    rows = [{"entityTypeId": 2, "entityId": 10}, {"entityTypeId": "1042", "entityId": "7"}]
    outcome = Outcome(activity_items_call(5), Reply(rows))
    assert activity_items(outcome) == {("deal", 10), ("dynamic_1042", 7)}


@cases(
    "row",
    [
        {"entityId": 10},
        {"entityTypeId": 2},
        {"entityTypeId": "x", "entityId": 1},
        {"entityTypeId": 2, "entityId": None},
        None,
    ],
)
def test_items_without_type_or_id(row):
    with pytest.raises(UnexpectedResultError, match="a binding without type or id") as raised:
        activity_items(Outcome(activity_items_call(5), Reply([row])))
    assert raised.value.method == _LIST


def test_items_that_cannot_be_read():
    with pytest.raises(ServerError):
        activity_items(Outcome(activity_items_call(5), error=ServerError("down")))
