"""What became of bindings, as plain JSON and in words."""

from __future__ import annotations

import pytest

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import BindingOutcome, failed, told
from airflow_provider_bitrix24.crm.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.rest.errors import AccessDeniedError, InvalidParameterError, ServerError

_BINDING = TimelineBinding(5, CrmItem("deal", 10))
_FIELDS = {"OWNER_ID": 5, "ENTITY_TYPE": "deal", "ENTITY_ID": 10}


def test_what_went_well_has_no_error():
    assert told({"STATUS": "bound"}, None) == {"STATUS": "bound"}
    assert BindingOutcome(_BINDING, "bound").to_json() == {**_FIELDS, "STATUS": "bound"}


@pytest.mark.parametrize(("code", "error"), [("X", "X"), ("", "ServerError")])
def test_an_error_is_told_by_code_or_class(code, error):
    row = BindingOutcome(_BINDING, "failed", ServerError("down", code=code, method="m")).to_json()
    words = f"m: {code} down".replace(":  ", ": ")
    assert row == {**_FIELDS, "STATUS": "failed", "ERROR": error, "ERROR_DESCRIPTION": words}


@pytest.mark.parametrize(
    ("description", "words"), [("bad type", "bad type"), ("", "no reason given")], ids=["words", "none"]
)
def test_a_failure_is_the_same_error_with_the_binding_in_it(description, words):
    error = InvalidParameterError(
        description, code="X", method="m", portal="p", status=400, remedy="Mend it."
    )
    outcome = failed(_BINDING, error, "user 3")
    assert (outcome.binding, outcome.status) == (_BINDING, "failed")
    assert type(outcome.error) is InvalidParameterError
    described = f"record 5 on deal 10 was not bound: {words}"
    assert outcome.error.fields() == {**error.fields(), "description": described}


@pytest.mark.parametrize(
    ("method", "may_not"),
    [
        ("crm.timeline.bindings.bind", "change deal 10"),
        ("crm.timeline.bindings.unbind", "change deal 10"),
        ("crm.timeline.bindings.list", "read the CRM"),
        ("", "read the CRM"),
    ],
)
@pytest.mark.parametrize(("code", "told_code"), [("", "ACCESS_DENIED"), ("INSUFFICIENT", "INSUFFICIENT")])
def test_missing_rights_name_the_user_and_what_is_forbidden(method, may_not, code, told_code):
    outcome = failed(_BINDING, AccessDeniedError("no", code=code, method=method), "user 3", done="unbound")
    described = f"record 5 on deal 10 was not unbound: user 3, may not {may_not}"
    assert outcome.error.description == described
    assert outcome.error.code == told_code
    assert outcome.error.method == method
    assert outcome.error.remedy == (
        "Give that user the right to do so, or use the credentials of one who has it; "
        "and check that the item exists, for the API tells no difference."
    )
