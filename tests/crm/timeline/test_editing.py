"""The plan of changing a comment, without a portal: it is fed outcomes."""

from __future__ import annotations

import pytest
from cases import cases
from editing_portal import CONTACT, CUT, DEAL, LISTED, READING, UNBIND, UPDATE, Portal, comment, outcome

from airflow_provider_bitrix24.crm.timeline.editing import settle
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    AmbiguousWriteError,
    NotFoundError,
    ServerError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.plans import Wait
from airflow_provider_bitrix24.rest.progress import Progress, Span


@pytest.mark.parametrize("item", [None, DEAL])
def test_a_comment_on_one_item_is_changed_where_it_is(item):
    portal = Portal({5: [DEAL]})
    assert portal.update(item) == outcome(5, "updated")
    assert [call.method for call in portal.calls] == [*READING, UPDATE]
    [call] = portal.made(UPDATE)
    assert call.params == {"id": 5, "fields": {"COMMENT": "New"}}
    assert call.may_repeat is (item is None)
    assert portal.positions == [[0]]
    assert portal.waits == []


def test_of_a_comment_on_several_items_the_one_meant_gets_a_copy():
    portal = Portal({5: [DEAL, CONTACT]})
    assert portal.update(CONTACT, files=[("a.txt", "QQ==")]) == outcome(91, "copied")
    [call] = portal.made(UPDATE)
    assert call.params == {
        "id": 5,
        "fields": {"COMMENT": "New", "FILES": [["a.txt", "QQ=="]]},
        "ownerTypeId": 3,
        "ownerId": 2,
    }
    assert portal.bound == {5: [DEAL], 91: [CONTACT]}


@pytest.mark.parametrize("item", [None, DEAL])
def test_a_portal_that_remembers_one_item_changes_the_comment_on_all(item):
    portal = Portal({5: [DEAL, CONTACT]})
    portal.remembers = True
    assert portal.update(item) == outcome(5, "updated_everywhere")


def test_a_portal_may_not_have_seen_a_new_binding():
    portal = Portal({5: [DEAL, CONTACT]})
    portal.errors[UPDATE] = NotFoundError("Owner was not found", code="OWNER_NOT_FOUND")
    with pytest.raises(NotFoundError, match="earlier bindings for up to an hour: try again then") as raised:
        portal.update(CONTACT)
    assert (raised.value.code, raised.value.description) == ("OWNER_NOT_FOUND", "Owner was not found")


def test_without_an_item_the_portal_chooses_and_is_asked_once():
    portal = Portal({5: [DEAL, CONTACT]})
    assert portal.update(files=[("a.txt", "QQ==")]) == outcome(91, "copied")
    [call] = portal.made(UPDATE)
    assert call.params == {"id": 5, "fields": {"COMMENT": "New", "FILES": [["a.txt", "QQ=="]]}}
    assert not call.may_repeat
    assert portal.positions == [[0]]


def test_a_choice_of_the_portal_that_may_have_been_made_is_not_asked_for_again():
    portal = Portal({5: [DEAL, CONTACT]})
    with pytest.raises(AmbiguousWriteError, match=r"a copy of comment 5 .* give item") as raised:
        portal.update(progress=portal.progress(earlier_since=900.0))
    assert raised.value.method == UPDATE
    assert portal.made(UPDATE) == []


def test_a_comment_on_one_item_is_changed_again_whatever_an_earlier_try_did():
    portal = Portal({5: [DEAL]})
    assert portal.update(progress=portal.progress(earlier_since=900.0)) == outcome(5, "updated")


def test_an_id_in_text_is_the_same_record():
    portal = Portal({5: [DEAL]})
    portal.write = lambda call, record: str(record)
    assert portal.update() == outcome(5, "updated")


@pytest.mark.parametrize("item", [None, DEAL])
def test_a_comment_that_is_not_there_cannot_be_changed(item):
    with pytest.raises(NotFoundError, match="timeline record 5 does not exist"):
        Portal({}).update(item)


@cases("item", [None, DEAL])
@cases("write", [Portal.update, Portal.delete])
def test_a_comment_on_nothing_can_neither_be_changed_nor_deleted(write, item):
    problem = "timeline record 5 is bound to no item, .* Bind it to an item first"
    with pytest.raises(NotFoundError, match=problem) as raised:
        write(Portal({5: []}), item)
    assert (raised.value.code, raised.value.method) == ("NO_BINDING", "crm.timeline.bindings.list")


@cases("item", [None, DEAL])
@cases("method", READING)
@cases("write", [Portal.update, Portal.delete])
def test_nothing_is_written_where_the_comment_cannot_be_read(write, method, item):
    portal = Portal({5: [DEAL]})
    portal.errors[method] = ServerError("down")
    with pytest.raises(ServerError):
        write(portal, item)
    assert portal.positions == []


def test_a_comment_that_is_not_on_the_item_cannot_be_changed_there():
    portal = Portal({5: [DEAL]})
    with pytest.raises(NotFoundError, match="timeline record 5 is not on contact 2") as raised:
        portal.update(CONTACT)
    assert (raised.value.code, raised.value.method) == ("NOT_FOUND", UPDATE)
    assert portal.made(UPDATE) == []


def test_a_refusal_is_not_sent_again():
    portal = Portal({5: [DEAL]})
    portal.errors[UPDATE] = AccessDeniedError("no rights")
    with pytest.raises(AccessDeniedError):
        portal.update(DEAL)
    assert len(portal.made(UPDATE)) == 1


# ---------------------------------------------------------------- the copy that an earlier try made


def test_the_copy_of_an_earlier_try_is_found_and_not_made_again():
    portal = Portal({5: [DEAL]})
    portal.rows = [comment(8), comment(30), comment(9), comment(40, author="8"), comment(50, "Other")]
    assert portal.update(CONTACT) == outcome(30, "copied")
    assert [call.method for call in portal.calls] == [*READING, LISTED, "profile"]
    [call] = portal.made(LISTED)
    assert call.params["filter"] == {"ENTITY_TYPE": "contact", "ENTITY_ID": 2}


@pytest.mark.parametrize("rows", [[comment(8, author="8")], [comment(8, "Other")], []])
def test_what_is_no_copy(rows):
    portal = Portal({5: [DEAL]})
    portal.rows = rows
    with pytest.raises(NotFoundError):
        portal.update(CONTACT)


def test_texts_of_copies_compare_as_the_portal_keeps_them():
    portal = Portal({5: [DEAL]})
    portal.rows = [comment(8, " a &amp; b\nc")]
    assert portal.update(CONTACT, text="a & b\r\nc ") == outcome(8, "copied")


@pytest.mark.parametrize("me", [{"ID": 7}, {"ID": "07"}])
def test_spellings_of_the_user(me):
    portal = Portal({5: [DEAL]})
    portal.me = me
    portal.rows = [{"ID": 8, "AUTHOR_ID": 7, "COMMENT": "New"}]
    assert portal.update(CONTACT) == outcome(8, "copied")


@cases(
    "row",
    [
        {"AUTHOR_ID": "7", "COMMENT": "New"},
        {"ID": "8", "COMMENT": "New"},
        {"ID": "8", "AUTHOR_ID": "7"},
        {"ID": "8a", "AUTHOR_ID": "7", "COMMENT": "New"},
        None,
    ],
)
def test_a_list_of_what_are_no_comments(row):
    portal = Portal({5: [DEAL]})
    portal.rows = [row]
    with pytest.raises(UnexpectedResultError, match="a comment without id, author or text") as raised:
        portal.update(CONTACT)
    assert raised.value.method == LISTED


@cases("me", [{}, {"ID": "x"}, {"ID": None}, None, []])
def test_a_user_without_id(me):
    portal = Portal({5: [DEAL]})
    portal.me = me
    with pytest.raises(UnexpectedResultError, match="a user without id") as raised:
        portal.update(CONTACT)
    assert raised.value.method == "profile"


@pytest.mark.parametrize("method", [LISTED, "profile"])
def test_a_look_for_the_copy_that_fails(method):
    portal = Portal({5: [DEAL]})
    portal.errors[method] = ServerError("down")
    with pytest.raises(ServerError):
        portal.update(CONTACT)


# ---------------------------------------------------------------- answers that are lost


def test_a_change_with_the_answer_lost_is_found_when_it_is_certain():
    portal = Portal({5: [DEAL, CONTACT]})
    portal.lost = 1
    assert portal.update(CONTACT) == outcome(91, "copied")
    assert len(portal.made(UPDATE)) == 1
    assert portal.waits == [CUT]


@pytest.mark.parametrize("items", [[CONTACT], [DEAL, CONTACT]])
def test_a_change_that_was_not_carried_out_is_sent_again(items):
    portal = Portal({5: items})
    portal.never = 2
    edited = portal.update(CONTACT)
    assert edited == (outcome(91, "copied") if len(items) > 1 else outcome(5, "updated"))
    assert len(portal.made(UPDATE)) == 3


@pytest.mark.parametrize(("write", "method"), [(Portal.update, UPDATE), (Portal.delete, UNBIND)])
def test_what_is_lost_three_times_is_ambiguous(write, method):
    portal = Portal({5: [DEAL, CONTACT]})
    portal.never = 4
    with pytest.raises(AmbiguousWriteError):
        write(portal, DEAL)
    assert len(portal.made(method)) == 3


@pytest.mark.parametrize("write", [Portal.update, Portal.delete])
def test_another_try_waits_before_it_looks(write):
    portal = Portal({5: [DEAL]})
    write(portal, DEAL, portal.progress(unclear={0: Span(900.0, 990.0)}))
    assert portal.waits == [50.0]


@cases(("last", "waits"), [(1_000.0, [60.0]), (940.25, [0.25]), (940.0, []), (939.0, []), (100.0, [])])
def test_settled_is_what_the_portal_has_cut_off(last, waits):
    progress = Progress(unclear={0: Span(50.0, last), 1: Span(50.0, 60.0)}, clock=lambda: 1_000.0)
    why = "an earlier try may still be under way at the portal"
    assert list(settle(progress, CUT)) == [Wait(seconds, why) for seconds in waits]


def test_nothing_is_waited_for_where_nothing_is_unclear():
    assert list(settle(Progress(), CUT)) == []
