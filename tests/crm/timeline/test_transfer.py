"""The plan of showing a timeline on another item, or moving it there, without a portal."""

from __future__ import annotations

import pytest
from cases import cases
from plan_portal import Portal

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.transfer import (
    Transfer,
    Transferred,
    check_kinds,
    check_mode,
    transfer,
)
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    InvalidInputError,
    NotFoundError,
    RejectedError,
    ServerError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.reply import Reply

LEAD = CrmItem("lead", 1)
DEAL = CrmItem("deal", 2)
CONTACT = CrmItem("contact", 3)
BOTH = ("comments", "activities")


def run(portal, *kinds, mode="share"):
    return portal.run(transfer(Transfer(LEAD, DEAL, kinds, mode)))


def shown(outcomes):
    assert {outcome.subject.target for outcome in outcomes} <= {DEAL, LEAD}
    return [(outcome.subject.kind, outcome.subject.number, outcome.status) for outcome in outcomes]


# ---------------------------------------------------------------- what is wanted


def test_a_transfer_takes_any_spelling():
    assert Transfer.parse("L_1", ("deal", "2"), ["activities", "comments"], "move") == Transfer(
        LEAD, DEAL, BOTH, "move"
    )


@cases(
    ("source", "target", "kinds", "mode", "message"),
    [
        ("lead", DEAL, BOTH, "move", r"^source: 'lead' is not a CRM item"),
        (LEAD, ("deal", 0), BOTH, "move", r"^target\.entity_id: 0 is not"),
        (LEAD, DEAL, ["calls"], "move", r"^kinds: \['calls'\] is not a list of kinds"),
        (LEAD, DEAL, BOTH, "copy", r"^mode: 'copy' is neither 'share' nor 'move'"),
        (LEAD, LEAD, BOTH, "move", r"^target: lead 1 is the source itself"),
        (("activity", 1), DEAL, BOTH, "move", r"^source\.entity_type: activity 1: no number of the type"),
        (LEAD, ("activity", 1), BOTH, "move", r"^target\.entity_type: activity 1: no number of the type"),
    ],
)
def test_what_is_no_transfer_is_named(source, target, kinds, mode, message):
    with pytest.raises(InvalidInputError, match=message):
        Transfer.parse(source, target, kinds, mode)


def test_comments_need_no_number_of_a_type():
    made = Transfer.parse(("activity", 1), ("activity", 2), ["comments"], "share")
    assert made.kinds == ("comments",)


@cases("make", [list, tuple, set, frozenset])
def test_kinds_are_any_collection_in_a_fixed_order(make):
    assert check_kinds(make(["activities", "comments"])) == BOTH
    assert check_kinds(make(["activities"])) == ("activities",)
    assert check_kinds(make(["comments"])) == ("comments",)


@cases("value", [[], "comments", None, {"comments": 1}, ["comments", "calls"], [None]])
def test_what_is_no_list_of_kinds(value):
    with pytest.raises(
        InvalidInputError, match=r"^kinds: .* Give \['comments'\], \['activities'\] or both\.$"
    ):
        check_kinds(value)


@pytest.mark.parametrize("mode", ["share", "move"])
def test_modes(mode):
    assert check_mode(mode) == mode


def test_plain_json_names_thing_target_and_error():
    row = {"KIND": "comment", "ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 2, "STATUS": "moved"}
    moved = Transferred("comment", 5, DEAL)
    assert ItemOutcome(moved, "moved").to_json() == row
    assert ItemOutcome(moved, "failed", RejectedError("no", code="NO")).to_json() == {
        **row,
        "STATUS": "failed",
        "ERROR": "NO",
        "ERROR_DESCRIPTION": "NO no",
    }


# ---------------------------------------------------------------- the plan as a whole


@pytest.mark.parametrize(("item", "name"), [(LEAD, "source"), (DEAL, "target")])
def test_of_an_item_that_does_not_exist_nothing_is_read(item, name):
    portal = Portal({5: [LEAD]}, {7: [LEAD]})
    portal.deleted = {item}
    with pytest.raises(NotFoundError, match=f"{name}: {item} does not exist"):
        run(portal, *BOTH)
    assert portal.said == [["see deal 2", "see lead 1"], [f"see {item}"]]


@cases("words", ["comments of deal 2", "activities of 1 1", "activities on 1 1", "items of 7"])
def test_nothing_changes_before_everything_is_read(words):
    portal = Portal({5: [LEAD]}, {7: [LEAD]})
    portal.answers[words] = ServerError("boom")
    with pytest.raises(ServerError):
        run(portal, *BOTH)
    assert (portal.comments, portal.activities) == ({5: [LEAD]}, {7: [LEAD]})


@pytest.mark.parametrize("kinds", [("comments",), ("activities",), BOTH])
def test_an_empty_timeline_is_no_work(kinds):
    portal = Portal({5: [DEAL]}, {7: [DEAL]})
    assert run(portal, *kinds, mode="move") == []
    assert portal.said[1:] == [
        *([["comments of lead 1"], ["comments of deal 2"]] if "comments" in kinds else []),
        *([["activities of 1 1"], ["activities on 1 1"]] if "activities" in kinds else []),
    ]


def test_comments_come_before_activities():
    portal = Portal({5: [LEAD]}, {7: [LEAD]})
    assert shown(run(portal, *BOTH)) == [("comment", 5, "shared"), ("activity", 7, "shared")]
    assert portal.comments == {5: [LEAD, DEAL]}
    assert portal.activities == {7: [LEAD, DEAL]}


# ---------------------------------------------------------------- comments


def test_comments_that_the_target_lacks_are_shared():
    portal = Portal({5: [LEAD], 6: [LEAD, DEAL], 8: [DEAL]})
    assert shown(run(portal, "comments")) == [
        ("comment", 5, "shared"),
        ("comment", 6, "already_shared"),
    ]
    assert portal.said[1:] == [["comments of lead 1"], ["comments of deal 2"], ["bind 5 deal 2"]]
    assert portal.works[1].calls == [
        Call(
            "crm.timeline.comment.list",
            {
                "filter": {"ENTITY_TYPE": "lead", "ENTITY_ID": 1},
                "order": {"ID": "ASC"},
                "select": ["ID"],
            },
        )
    ]


def test_comments_are_bound_before_they_leave():
    portal = Portal({5: [LEAD], 6: [LEAD, DEAL]})
    assert shown(run(portal, "comments", mode="move")) == [("comment", 5, "moved"), ("comment", 6, "moved")]
    assert portal.said[3:] == [["bind 5 deal 2"], ["unbind 5 lead 1", "unbind 6 lead 1"]]


@pytest.mark.parametrize("mode", ["share", "move"])
def test_a_comment_that_may_not_be_bound(mode):
    portal = Portal({5: [LEAD], 6: [LEAD]})
    portal.answers["bind 5 deal 2"] = AccessDeniedError("no", method="crm.timeline.bindings.bind")
    failed, done = run(portal, "comments", mode=mode)
    assert (failed.status, done.status) == ("failed", "shared" if mode == "share" else "moved")
    why = "record 5 on deal 2 was not bound: portal user 3, may not change deal 2"
    assert failed.error.description == why
    assert done.error is None
    assert portal.comments[5] == [LEAD]


def test_a_comment_that_may_not_leave():
    portal = Portal({5: [LEAD]})
    portal.answers["unbind 5 lead 1"] = AccessDeniedError("no", method="crm.timeline.bindings.unbind")
    shared, failed = run(portal, "comments", mode="move")
    assert shown([shared, failed]) == [("comment", 5, "shared"), ("comment", 5, "failed")]
    assert (shared.subject.target, failed.subject.target) == (DEAL, LEAD)
    why = "record 5 on lead 1 was not unbound: portal user 3, may not change lead 1"
    assert failed.error.description == f"{why}; it is on deal 2 now, and still on lead 1"


@cases("words", ["comments of lead 1", "comments of deal 2"])
@cases("row", [{}, {"ID": None}, {"ID": ""}, {"ID": "-5"}, {"ID": "\u0661"}, "5", None])
def test_a_row_without_a_number_ends_the_plan(words, row):
    portal = Portal({5: [LEAD]})
    portal.answers[words] = [row]
    with pytest.raises(UnexpectedResultError, match="a row without ID") as caught:
        run(portal, "comments")
    assert caught.value.method == "crm.timeline.comment.list"
    assert portal.comments == {5: [LEAD]}


# ---------------------------------------------------------------- activities


def test_activities_that_the_target_lacks_are_shared():
    portal = Portal(activities={7: [LEAD], 8: [LEAD, DEAL], 9: [DEAL]})
    assert shown(run(portal, "activities")) == [
        ("activity", 7, "shared"),
        ("activity", 8, "already_shared"),
    ]
    assert portal.said[1:] == [
        ["activities of 1 1"],
        ["activities on 1 1"],
        ["items of 7", "items of 8"],
        ["add 7 deal 2"],
    ]
    lead = {"OWNER_TYPE_ID": 1, "OWNER_ID": 1}
    for work, filter_ in zip(portal.works[1:3], (lead, {"BINDINGS": [lead]}), strict=True):
        [call] = work.calls
        assert call == Call(
            "crm.activity.list", {"filter": filter_, "select": ["ID"], "order": {"ID": "ASC"}}
        )


def test_an_activity_that_belongs_to_another_item_is_on_the_source_all_the_same():
    portal = Portal(activities={7: [CONTACT, LEAD], 8: [LEAD], 9: [CONTACT]})
    assert shown(run(portal, "activities", mode="move")) == [
        ("activity", 7, "moved"),
        ("activity", 8, "moved"),
    ]
    assert portal.activities == {7: [CONTACT, DEAL], 8: [DEAL], 9: [CONTACT]}


@pytest.mark.parametrize("answer", [Reply([], 0), Reply([{"ID": "7"}, {"ID": "8"}, {"ID": "9"}], 3)])
def test_a_portal_that_knows_no_filter_by_bindings(answer):
    portal = Portal(activities={7: [LEAD], 8: [LEAD, CONTACT], 9: [CONTACT]})
    portal.answers["activities on 1 1"] = answer
    assert shown(run(portal, "activities")) == [("activity", 7, "shared"), ("activity", 8, "shared")]


def test_an_activity_that_only_belongs_to_the_source_is_not_on_it():
    portal = Portal(activities={7: [LEAD], 8: [LEAD]})
    portal.answers["items of 7"] = [{"entityTypeId": 3, "entityId": 3}]
    assert shown(run(portal, "activities", mode="move")) == [("activity", 8, "moved")]
    assert portal.activities == {7: [LEAD], 8: [DEAL]}


def test_activities_are_bound_before_they_leave():
    portal = Portal(activities={7: [LEAD], 8: [LEAD, DEAL], 9: [LEAD]})
    assert shown(run(portal, "activities", mode="move")) == [
        ("activity", 7, "moved"),
        ("activity", 8, "moved"),
        ("activity", 9, "moved"),
    ]
    assert portal.said[4:] == [
        ["add 7 deal 2", "add 9 deal 2"],
        ["delete 7 lead 1", "delete 8 lead 1", "delete 9 lead 1"],
    ]


def test_activities_on_the_target_are_not_bound_again():
    portal = Portal(activities={7: [LEAD, DEAL]})
    assert shown(run(portal, "activities", mode="move")) == [("activity", 7, "moved")]
    assert portal.said[4:] == [["delete 7 lead 1"]]


@pytest.mark.parametrize(("mode", "status"), [("share", "already_shared"), ("move", "moved")])
def test_an_activity_that_somebody_else_bound_meanwhile(mode, status):
    portal = Portal(activities={7: [LEAD]})
    portal.answers["add 7 deal 2"] = RejectedError("bound", code="ACTIVITY_IS_ALREADY_BOUND")
    assert shown(run(portal, "activities", mode=mode)) == [("activity", 7, status)]


def test_an_activity_that_cannot_be_bound_does_not_leave():
    portal = Portal(activities={7: [LEAD], 8: [LEAD]})
    portal.answers["add 7 deal 2"] = ServerError("boom")
    failed, done = run(portal, "activities", mode="move")
    assert (failed.status, done.status) == ("failed", "moved")
    assert failed.error.description == (
        "activity 7 on deal 2 may have been bound, or not: boom; "
        "it is still on lead 1, and may be on deal 2, too"
    )
    assert portal.said[-1] == ["delete 8 lead 1"]


def test_where_no_activity_can_be_bound_none_leaves():
    portal = Portal(activities={7: [LEAD]})
    portal.answers["add 7 deal 2"] = ServerError("boom")
    assert shown(run(portal, "activities", mode="move")) == [("activity", 7, "failed")]
    assert portal.said[-1] == ["add 7 deal 2"]


@pytest.mark.parametrize(
    ("code", "status"), [("BINDING_NOT_FOUND", "moved"), ("LAST_BINDING_CANNOT_BE_DELETED", "failed")]
)
def test_an_activity_that_does_not_leave(code, status):
    portal = Portal(activities={7: [LEAD]})
    portal.answers["delete 7 lead 1"] = RejectedError("no", code=code)
    *_, row = run(portal, "activities", mode="move")
    assert (row.status, row.subject.target) == (status, DEAL if status == "moved" else LEAD)
    assert (row.error is None) is (status == "moved")
    if row.error is not None:
        assert (
            row.error.description
            == "activity 7 on lead 1 was not unbound: no; it is on deal 2 now, and still on lead 1"
        )
