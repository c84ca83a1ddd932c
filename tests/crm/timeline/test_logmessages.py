"""Log messages: the call that adds one, and the record it answers with."""

from __future__ import annotations

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline.logmessages import log_message_call, log_message_id
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError

_METHOD = "crm.timeline.logmessage.add"
_ITEM = CrmItem("dynamic_1042", 7)


def test_the_call():
    fields = {"entityTypeId": 1042, "entityId": 7, "title": " T", "text": "None of it", "iconCode": "info"}
    assert log_message_call(_ITEM, " T", "None of it", "info") == Call(_METHOD, {"fields": fields})


@cases(
    ("value", "problem"),
    [
        *((value, f"{value!r} is not a text") for value in (None, "", " \n", True, ["a"], b"a")),
        ("None", "the text is 'None'"),
        (" None ", "the text is 'None'"),
    ],
)
@cases("position", [0, 1, 2])
def test_what_is_no_text_is_named(value, problem, position):
    texts = ["Title", "Text", "info"]
    texts[position] = value
    with pytest.raises(InvalidInputError) as raised:
        log_message_call(_ITEM, *texts)
    field = ("title", "text", "icon_code")[position]
    assert raised.value.description == f"{field}: {problem}"
    assert raised.value.remedy


def test_a_type_without_a_number_is_refused():
    with pytest.raises(InvalidInputError, match="no number of the type 'activity' is known"):
        log_message_call(CrmItem("activity", 1), "Title", "Text", "info")


@pytest.mark.parametrize("number", [12, "12"])
def test_the_record(number):
    assert log_message_id({"logMessage": {"id": number, "title": "T"}}) == 12


@cases(
    ("result", "kind"),
    [
        (None, "null"),
        (True, "true"),
        ({}, "an object with nothing"),
        ({"logMessage": None}, "an object with logMessage"),
        ({"logMessage": {"id": 0, "text": "a customer's"}}, "an object with logMessage"),
        ({"id": 12}, "an object with id"),
        ("a customer's", "a text"),
    ],
)
def test_a_result_without_a_record_is_told_by_its_kind(result, kind):
    with pytest.raises(UnexpectedResultError) as raised:
        log_message_id(result)
    assert raised.value.description == f"a log message without an id: the portal answered {kind}"
    assert raised.value.method == _METHOD
