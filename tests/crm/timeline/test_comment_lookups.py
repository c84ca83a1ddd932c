"""What the plan of adding comments makes of what may have been added, without a portal."""

from __future__ import annotations

import pytest
from cases import cases
from comments_portal import CUT, ITEM, Portal

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.comments import (
    AddedComment,
    Comment,
    add_comments,
    parse_comments,
)
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    AmbiguousWriteError,
    InvalidInputError,
    NotFoundError,
    ServerError,
)
from airflow_provider_bitrix24.rest.plans import Wait, Work
from airflow_provider_bitrix24.rest.progress import Progress, Span
from airflow_provider_bitrix24.rest.reply import Reply

OTHER = CrmItem("deal", 2)
THIRD = CrmItem("deal", 3)
#: the time at the portal when a test begins
NOW = 1_003_600.0
#: it is not long ago, and settled
SENT = NOW - 100.0


class Kept(Progress):
    """Progress that another try will know."""

    outlives_a_try = True


def unclear(portal, *positions, kind=Progress, known=None):
    spans = dict.fromkeys(positions, Span(SENT, SENT))
    return kind(known, spans, clock=portal.clock)


# ---------------------------------------------------------------- where the portal tells no time


@pytest.mark.parametrize("kind", [Progress, Kept])
def test_without_the_profile_nothing_is_sent(kind):
    portal = Portal()
    portal.profile_error = ServerError("down", status=502)
    done, open_, left = portal.run(["a", "b", "c"], unclear(portal, 1, kind=kind, known={0: "77"}))
    assert done == ItemOutcome(AddedComment(Comment(ITEM, "a"), 77), "added")
    assert (open_.subject.comment.text, left.subject.comment.text) == ("b", "c")
    assert type(open_.error) is (ServerError if kind is Kept else AmbiguousWriteError)
    assert "it may have been added, and the look-up failed: down" in str(open_.error)
    assert type(left.error) is ServerError
    assert left.error.description == "the comment on deal 1 was not added: down"
    assert left.error.status == 502
    assert portal.added == 0
    assert portal.waits == []


@cases("time", [None, {}, {"finish": "soon"}, {"finish": None}])
def test_where_the_portal_does_not_tell_the_time_ours_is_taken(time):
    portal = Portal()
    answer = portal.answer
    portal.answer = lambda call: (
        Outcome(call, Reply({"ID": "7"}, time=time)) if call.method == "profile" else answer(call)
    )
    progress = Progress(clock=portal.clock)
    portal.run(["a"], progress)
    assert progress.now() == portal.here


def test_times_are_the_portals():
    portal = Portal()
    progress = Progress(clock=portal.clock)
    portal.run(["a"], progress)
    assert progress.now() == portal.here + portal.ahead - 1.0


# ---------------------------------------------------------------- when and where it is looked up


@cases(("age", "waits"), [(65.0, []), (64.5, [0.5]), (64.0, [1.0]), (70.0, []), (0.0, [65.0])])
def test_it_is_looked_up_when_the_portal_can_add_nothing_more(age, waits):
    portal = Portal()
    portal.ahead = 3_601.0  # the answer takes a second
    span = Span(NOW - 500.0, NOW + 1.0 - age)
    portal.run(["a"], Progress(unclear={0: span}, clock=portal.clock))
    assert portal.waits == waits


def test_a_wait_says_what_for():
    comments = [Comment(ITEM, "a"), Comment(ITEM, "b")]
    progress = Progress(unclear=dict.fromkeys([0, 1], Span(990.0, 990.0)), clock=lambda: 1_000.0)
    plan = add_comments(comments, progress, cut=CUT)
    [call] = next(plan).calls
    wait = plan.send([Outcome(call, Reply({"ID": "7"}))])
    assert wait == Wait(55.0, "an earlier try may have added 2 comments; they can be looked up only later")
    work = plan.send(None)
    assert work == Work(
        [
            Call(
                "crm.timeline.comment.list",
                {
                    "filter": {"ENTITY_TYPE": "deal", "ENTITY_ID": 1},
                    "order": {"ID": "DESC"},
                    "select": ["ID", "CREATED", "COMMENT", "AUTHOR_ID"],
                    "start": 0,
                },
            )
        ]
    )


@cases(
    ("age", "found"),
    [(105.0, True), (106.0, False), (35.0, True), (34.0, False), (40.0, True), (100.0, True)],
)
def test_only_comments_of_that_time_are_claimed(age, found):
    portal = Portal()
    number = portal.write("a", age=age)
    [outcome] = portal.run(["a"], unclear(portal, 0))
    assert (outcome.subject.record_id == number) is found
    assert portal.added == (0 if found else 1)


def test_pages_are_read_to_the_last_comment_of_the_first_second():
    portal = Portal()
    portal.page = 1
    number = portal.write("a", age=105.0)
    portal.write("b", age=105.0)
    [outcome] = portal.run(["a"], unclear(portal, 0))
    assert outcome.subject.record_id == number


def test_older_pages_are_not_read():
    portal = Portal()
    portal.page = 1
    for _ in range(3):
        portal.write("a", age=106.0)
    calls = []
    listed = portal.list
    portal.list = lambda call: calls.append(call) or listed(call)
    portal.run(["a"], unclear(portal, 0))
    assert [call.params["start"] for call in calls] == [0]


@cases("following", [50, 49, 0, None])
def test_pages_that_do_not_go_on_are_the_end(following):
    portal = Portal()
    starts = []

    def listed(call):
        starts.append(call.params["start"])
        assert len(starts) < 4
        return Outcome(call, Reply([], 500, 50 if len(starts) == 1 else following))

    portal.list = listed
    [outcome] = portal.run(["a"], unclear(portal, 0))
    assert starts == [0, 50]
    assert outcome.error is None


# ---------------------------------------------------------------- several at once


def test_each_of_several_look_ups_counts_for_its_own_comments():
    """Those on the first and second item cannot be told, that on the third was added."""
    portal = Portal()
    comments = [Comment(ITEM, "a"), Comment(OTHER, "a"), Comment(THIRD, "a"), Comment(ITEM, "b")]
    number = portal.write("a", item=THIRD)
    portal.write("b", age=40.0)
    listed = portal.list
    portal.list = lambda call: (
        Outcome(call, error=AccessDeniedError("no rights"))
        if call.params["filter"]["ENTITY_ID"] in (1, 2)
        else listed(call)
    )
    portal.comments[number - 1] = (number, "7", SENT, "a", THIRD)
    outcomes = portal.run(comments, unclear(portal, 0, 1, 2, 3))
    assert [outcome.subject.record_id for outcome in outcomes] == [None, None, number, None]
    for outcome in (outcomes[0], outcomes[1], outcomes[3]):
        assert isinstance(outcome.error, AmbiguousWriteError)
        assert outcome.error.description == (
            f"the comment on {outcome.subject.comment.item} may have been added, or not: "
            "it may have been added, and the look-up failed: no rights"
        )
    assert portal.added == 0


def test_each_of_several_with_too_many_like_it_is_left_open():
    portal = Portal()
    for text in ("a", "a", "b", "b", "c"):
        portal.write(text, age=90.0)
    outcomes = portal.run(["a", "b", "c"], unclear(portal, 0, 1, 2))
    assert [outcome.subject.record_id for outcome in outcomes] == [None, None, 5]
    for outcome in outcomes[:2]:
        assert isinstance(outcome.error, AmbiguousWriteError)
        assert outcome.error.method == "crm.timeline.comment.add"
    assert portal.added == 0


def test_what_is_known_is_not_claimed_for_another():
    portal = Portal()
    for _ in range(2):
        portal.write("a", age=90.0)
    outcomes = portal.run(["a", "a"], unclear(portal, 1, known={0: "1"}))
    assert [outcome.subject.record_id for outcome in outcomes] == [1, 2]


def test_equal_comments_found_are_claimed_in_order_and_the_others_sent():
    portal = Portal()
    for _ in range(2):
        portal.write("a", age=90.0)
    outcomes = portal.run(["a", "a", "a"], unclear(portal, 0, 1, 2))
    assert [outcome.subject.record_id for outcome in outcomes] == [1, 2, 3]
    assert portal.added == 1


# ---------------------------------------------------------------- look-ups that fail


def test_an_author_that_is_not_told_leaves_it_open():
    portal = Portal()
    portal.author = None
    [outcome] = portal.run(["a"], unclear(portal, 0))
    assert "may have been added, or not: the portal does not tell who the author is" in str(outcome.error)


@cases("missing", ["ID", "CREATED", "COMMENT", "AUTHOR_ID"])
def test_rows_that_are_no_comments_leave_it_open(missing):
    portal = Portal()
    row = {"ID": "1", "CREATED": "2026-01-01T00:00:00+00:00", "COMMENT": "a", "AUTHOR_ID": "7"}
    del row[missing]
    portal.list = lambda call: Outcome(call, Reply([row]))
    [outcome] = portal.run(["a"], unclear(portal, 0))
    assert isinstance(outcome.error, AmbiguousWriteError)
    problem = "the look-up failed: a comment without id, author, date or text"
    assert outcome.error.description.endswith(problem)


@pytest.mark.parametrize("row", [None, "x", {"ID": "x", "CREATED": "soon", "COMMENT": "a", "AUTHOR_ID": "7"}])
def test_what_is_no_row_leaves_it_open(row):
    portal = Portal()
    portal.list = lambda call: Outcome(call, Reply([row]))
    [outcome] = portal.run(["a"], unclear(portal, 0))
    assert isinstance(outcome.error, AmbiguousWriteError)


@pytest.mark.parametrize(
    ("kind", "error", "raised"),
    [
        (Kept, ServerError("down", status=502), ServerError),
        (Kept, AccessDeniedError("no rights"), AmbiguousWriteError),
        (Progress, ServerError("down", status=502), AmbiguousWriteError),
    ],
)
def test_a_failed_look_up_is_left_to_another_try_that_can_make_it(kind, error, raised):
    portal = Portal()
    portal.list_error = error
    [outcome] = portal.run(["a"], unclear(portal, 0, kind=kind))
    assert type(outcome.error) is raised
    assert f"it may have been added, and the look-up failed: {error.description}" in str(outcome.error)
    assert portal.added == 0


@cases("added", [True, False])
@cases("kind", [Progress, Kept])
def test_what_a_later_look_up_decides_is_decided(kind, added):
    portal = Portal()
    number = portal.write("a", age=90.0) if added else 2
    listed, errors = portal.list, [ServerError("down")]
    portal.list = lambda call: Outcome(call, error=errors.pop()) if errors else listed(call)
    outcomes = portal.run(["a", "b"], unclear(portal, 0, kind=kind))
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert portal.texts() == ["a", "b"]
    assert outcomes[0].subject.record_id == number


def test_what_is_lost_and_cannot_be_looked_up_then_says_so():
    portal = Portal()
    portal.lost = 1
    portal.list_error = ServerError("down", status=502)
    [outcome] = portal.run(["a"], Kept(clock=portal.clock))
    assert type(outcome.error) is ServerError
    assert "it may have been added, and the look-up failed: down" in outcome.error.description


def test_an_error_without_words_is_named_by_what_it_is():
    portal = Portal()
    portal.list_error = ServerError(status=502)
    [outcome] = portal.run(["a"], unclear(portal, 0))
    assert "the look-up failed: no reason given" in str(outcome.error)


# ---------------------------------------------------------------- outcomes and input


def test_outcomes_as_json():
    portal = Portal()
    portal.refused = {"b"}
    added, refused = portal.run(["a", "b"])
    assert added.to_json() == {"ID": 1, "ENTITY_TYPE": "deal", "ENTITY_ID": 1, "STATUS": "added"}
    assert refused.subject.comment == Comment(ITEM, "b")
    assert refused.to_json() == {
        "ID": None,
        "ENTITY_TYPE": "deal",
        "ENTITY_ID": 1,
        "STATUS": "failed",
        "ERROR": "ACCESS_DENIED",
        "ERROR_DESCRIPTION": "crm.timeline.comment.add: ACCESS_DENIED the comment on deal 1 was not added: "
        "the user of this connection may not change deal 1. Give that user the right to do so, or use the "
        "credentials of one who has it; "
        "and check that the item exists, for the API tells no difference.",
    }


def test_an_error_without_words_has_no_reason():
    portal = Portal()
    portal.profile_error = NotFoundError()
    [outcome] = portal.run(["a"])
    assert outcome.error.description == "the comment on deal 1 was not added: no reason given"


def test_files_go_with_the_comment():
    call = Comment(ITEM, "a", (("a.txt", "QQ=="),)).call()
    assert call == Call(
        "crm.timeline.comment.add",
        {"fields": {"ENTITY_TYPE": "deal", "ENTITY_ID": 1, "COMMENT": "a", "FILES": [["a.txt", "QQ=="]]}},
    )


@cases(
    ("row", "problem"),
    [
        ({"item": ("deal", 1), "comment": "x", "id": 5}, r"rows\[0\]: .* unknown key 'id'.*item, comment"),
        ({"item": ("deal", 0), "comment": "x"}, r"rows\[0\]\.item\.entity_id: 0 is not an id"),
        ({"item": ("deal", 1)}, r"rows\[0\]: .* has no 'comment'"),
        ({"item": ("deal", 1), "comment": " "}, r"rows\[0\]\.comment: ' ' is not a text"),
        ({"item": ("deal", 1), "COMMENT": "None"}, r"rows\[0\]\.comment: the text is 'None'"),
        (
            {"entity_type": "deal", "entity_id": 1, "comment": "x", "id": 5},
            r"rows\[0\]: .* unknown key 'id'.*ENTITY_TYPE, entity_id, ENTITY_ID, comment, COMMENT",
        ),
        ({"entity_type": "deal", "comment": "x"}, r"rows\[0\]: .* has no 'entity_id'"),
        ({"entity_id": 1, "comment": "x"}, r"rows\[0\]: .* has no 'entity_type'"),
        ({"entity_type": "x", "entity_id": 1, "comment": "x"}, r"rows\[0\]\.entity_type: 'x' is not a type"),
        ({"entity_type": "deal", "entity_id": 0, "comment": "x"}, r"rows\[0\]\.entity_id: 0 is not an id"),
        ("x", r"rows\[0\] is a value of the type str; give \(entity_type, entity_id, comment\)"),
        (None, r"rows\[0\] is None; give \(entity_type, entity_id, comment\)"),
        (("deal", 1), r"rows\[0\] is a tuple of 2 values; give \(entity_type, entity_id, comment\)"),
    ],
)
def test_what_is_no_comment_is_named(row, problem):
    with pytest.raises(InvalidInputError, match=f"^{problem}"):
        parse_comments([row])


@pytest.mark.parametrize("field", ["rows", "more"])
def test_what_is_no_list_of_comments_is_named(field):
    with pytest.raises(
        InvalidInputError, match=f"^{field}: a value of the type int is not a list of comments"
    ) as raised:
        parse_comments(5, field)
    assert raised.value.remedy == "Give a list of {'item': ..., 'comment': ...}."
    with pytest.raises(InvalidInputError, match=rf"^{field}\[1\]"):
        parse_comments([{"item": "D_1", "comment": "x"}, {}], field)


def test_a_single_row_is_named_row():
    with pytest.raises(InvalidInputError, match=r"^row: .* has no 'comment'"):
        Comment.parse({"item": ITEM})
