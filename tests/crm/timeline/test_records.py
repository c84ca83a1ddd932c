"""What outcomes tell of timeline records, and the plans that ask for it."""

from __future__ import annotations

import pytest
from cases import cases
from plan_portal import Portal

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline.records import (
    Record,
    check_record,
    further_pages,
    no_such_record,
    read_bindings,
    read_records,
    see_record,
)
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import bindings_call, record_call
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    NotFoundError,
    ServerError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.reply import Reply

LEAD = CrmItem("lead", 1)
DEAL = CrmItem("deal", 2)
CONTACT = CrmItem("contact", 3)
ROW = {"OWNER_ID": "5", "ENTITY_TYPE": "DEAL", "ENTITY_ID": "2"}


def listing(*rows, following=None, error=None):
    return Outcome(bindings_call(5), Reply(list(rows), None, following), error)


# ---------------------------------------------------------------- one outcome


def test_a_record_is_on_what_its_pages_list():
    record = Record()
    record.note_listing(5, listing(ROW, following=50))
    assert (record.is_on(DEAL), record.is_on(LEAD), record.next_page) == (True, False, 50)
    record.note_listing(5, listing({**ROW, "ENTITY_TYPE": "lead", "ENTITY_ID": 1}))
    assert (record.is_on(DEAL), record.is_on(LEAD), record.next_page) == (True, True, None)
    assert (record.exists, record.error) == (None, None)


def test_a_page_that_failed_has_no_rows():
    record = Record()
    error = ServerError("boom")
    record.note_listing(5, listing(ROW, error=error))
    assert record == Record(error=error)


def test_a_page_without_an_answer_has_none_after_it():
    record = Record(next_page=50)
    error = ServerError("boom")
    record.note_listing(5, Outcome(bindings_call(5), error=error))
    assert record == Record(error=error)


def test_rows_of_another_record_are_an_error():
    record = Record()
    record.note_listing(6, listing(ROW))
    assert type(record.error) is UnexpectedResultError
    assert record.bound_to == set()


@pytest.mark.parametrize(
    ("error", "exists"),
    [(None, True), (AccessDeniedError("Access denied."), True), (NotFoundError("Not found"), False)],
)
def test_existence_is_noted(error, exists):
    record = Record()
    record.note_existence(Outcome(record_call(5), Reply({"ID": "5"}), error))
    assert record == Record(exists=exists)


def test_what_does_not_tell_of_existence_is_an_error():
    record = Record()
    error = ServerError("boom")
    record.note_existence(Outcome(record_call(5), error=error))
    assert record == Record(error=error)


# ---------------------------------------------------------------- plans


def test_of_all_records_existence_and_bindings_are_asked_together():
    portal = Portal({5: [LEAD, DEAL], 6: []})
    records = portal.run(read_records([5, 6, 7]))
    assert records == {
        5: Record({LEAD.pair, DEAL.pair}, exists=True),
        6: Record(exists=True),
        7: Record(exists=False),
    }
    assert portal.said == [["list 5", "list 6", "list 7", "get 5", "get 6", "get 7"]]


def test_no_records_are_not_asked_for():
    portal = Portal()
    assert portal.run(read_records([])) == {}
    assert portal.said == []


def test_further_pages_are_read_for_those_that_have_them():
    portal = Portal({5: [LEAD], 6: [LEAD, DEAL, CONTACT], 7: [LEAD, DEAL, CONTACT, CrmItem("deal", 9)]})
    portal.page = 2
    portal.answers["list 6 from 2"] = ServerError("boom")
    records = portal.run(read_records([5, 6, 7]))
    assert portal.said[1:] == [["list 6 from 2", "list 7 from 2"]]
    assert [len(record.bound_to) for record in records.values()] == [1, 2, 4]
    assert [type(record.error) for record in records.values()] == [type(None), ServerError, type(None)]
    assert portal.works[1].calls[0] == Call(
        "crm.timeline.bindings.list", {"filter": {"OWNER_ID": 6}, "start": 2}
    )


def test_no_page_is_read_where_enough_is_known():
    portal = Portal({5: [LEAD, DEAL, CONTACT], 6: [LEAD, DEAL, CONTACT]})
    portal.page = 1
    records = {5: Record({LEAD.pair}, next_page=1), 6: Record({LEAD.pair}, next_page=1)}
    portal.run(further_pages(records, lambda record: record is records[6] or record.is_on(DEAL)))
    assert portal.said == [["list 5 from 1"]]


def test_a_page_without_anything_new_is_the_last():
    portal = Portal({5: [LEAD]})
    portal.answers["list 5 from 50"] = Reply([ROW], None, 100)
    records = {5: Record({DEAL.pair}, next_page=50)}
    portal.run(further_pages(records))
    assert portal.said == [["list 5 from 50"]]
    assert (records[5].bound_to, records[5].error) == ({DEAL.pair}, None)


@pytest.mark.parametrize("following", [None, 0])
def test_where_no_page_follows_none_is_read(following):
    portal = Portal({5: [LEAD, DEAL]})
    portal.run(further_pages({5: Record({LEAD.pair}, next_page=following)}))
    assert portal.said == []


# ---------------------------------------------------------------- what follows from it


def test_a_record_that_does_not_exist_is_named():
    error = no_such_record(5)
    assert (error.code, error.method) == ("NOT_FOUND", "crm.timeline.comment.get")
    assert error.description == "timeline record 5 does not exist"
    assert error.remedy == "Check the id: activities and CRM items have other ids than timeline records."


@pytest.mark.parametrize("record", [Record(exists=True), Record()])
def test_a_record_that_is_known_passes(record):
    assert check_record(5, record) is None


@pytest.mark.parametrize(
    ("record", "kind", "text"),
    [
        (Record(exists=False), NotFoundError, "timeline record 5 does not exist"),
        (Record(exists=False, error=ServerError("boom")), NotFoundError, "timeline record 5 does not exist"),
        (Record(exists=True, error=ServerError("boom")), ServerError, "boom"),
    ],
)
def test_a_record_that_is_absent_or_not_known_does_not_pass(record, kind, text):
    with pytest.raises(kind, match=text):
        check_record(5, record)


# ---------------------------------------------------------------- whether one exists


@pytest.mark.parametrize("answer", [None, AccessDeniedError("Access denied.")], ids=["readable", "not"])
def test_a_record_that_exists_is_seen(answer):
    portal = Portal({5: [LEAD]})
    portal.answers["get 5"] = answer
    assert portal.run(see_record(5)) is None
    assert portal.said == [["get 5"]]


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (NotFoundError("Not found"), NotFoundError, "timeline record 5 does not exist"),
        (ServerError("boom"), ServerError, "boom"),
        (False, UnexpectedResultError, "an object"),
    ],
    ids=["gone", "down", "no answer"],
)
def test_a_record_that_is_not_seen(answer, kind, text):
    portal = Portal({5: [LEAD]})
    portal.answers["get 5"] = answer
    with pytest.raises(kind, match=text):
        portal.run(see_record(5))


# ---------------------------------------------------------------- all that a record is bound to


@pytest.mark.parametrize("check", [True, False])
def test_bindings_are_rows_with_numbers_as_ids(check):
    portal = Portal({5: [LEAD, DEAL, CONTACT]})
    portal.page = 2
    portal.answers["list 5"] = Reply([{"EXTRA": 1, **ROW}, {**ROW, "ENTITY_ID": "1"}], 3, 2)
    rows = portal.run(read_bindings(5, check_record=check))
    assert rows == [
        {"OWNER_ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 2},
        {"OWNER_ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 1},
        {"OWNER_ID": 5, "ENTITY_TYPE": "contact", "ENTITY_ID": 3},
    ]
    assert portal.said == [["list 5"], ["list 5 from 2"]]


def test_without_bindings_the_record_is_asked_for_where_that_is_wanted():
    portal = Portal({5: []})
    assert portal.run(read_bindings(5, check_record=True)) == []
    assert portal.said == [["list 5"], ["get 5"]]
    assert portal.run(read_bindings(6, check_record=False)) == []
    assert portal.said[2:] == [["list 6"]]
    with pytest.raises(NotFoundError, match="timeline record 6 does not exist"):
        portal.run(read_bindings(6, check_record=True))


@cases(
    ("answer", "kind"),
    [([ROW, {**ROW, "OWNER_ID": "6"}], UnexpectedResultError), (ServerError("boom"), ServerError)],
    ids=["another record's", "down"],
)
@cases("check", [True, False])
def test_bindings_that_cannot_be_read(answer, kind, check):
    portal = Portal({5: [LEAD]})
    portal.answers["list 5"] = answer
    with pytest.raises(kind):
        portal.run(read_bindings(5, check_record=check))
    assert portal.said == [["list 5"]]
