"""Calls of known methods: ids that are none and parameters that the API ignores are refused."""

from __future__ import annotations

import pytest
from bad_values import GOOD_IDS
from cases import cases

from airflow_provider_bitrix24.crm.fields.known_calls import check_call
from airflow_provider_bitrix24.crm.inputs import RETURNED_NOTHING
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

NO_IDS = [True, False, [4], {"id": 3}, 7.9, 7.0, "12abc", None, "None", "", 0, -5, "1,2"]


def problem(method, params):
    with pytest.raises(InvalidInputError) as caught:
        check_call(Call(method, params))
    return caught.value


@cases("value", NO_IDS)
@cases(
    ("method", "name"),
    [
        *((f"crm.{kind}.{verb}", "id") for kind in ("deal", "lead") for verb in ("get", "update", "delete")),
        ("CRM.Contact.Get", "ID"),
        ("crm.company.productrows.set", "id"),
        ("crm.deal.contact.items.get", "id"),
        ("crm.activity.update", "ID"),
        ("crm.timeline.comment.delete", "ownerId"),
        ("crm.timeline.comment.delete", "OWNER_ID"),
        *(("crm.item.update", name) for name in ("id", "entityTypeId")),
        ("crm.item.list", "entityTypeId"),
        ("crm.item.productrow.get", "id"),
    ],
)
def test_what_is_no_id_is_refused(method, name, value):
    found = problem(method, {name: value})
    assert found.description == f"params.{name}: {shown(value)} is not an id"
    assert (found.remedy == RETURNED_NOTHING) is (value in (None, "None", ""))


@cases(("value", "number"), GOOD_IDS)
def test_an_id_travels_as_it_is_written(value, number):
    call = Call("crm.deal.get", {"id": value if isinstance(value, str) else number})
    assert check_call(call) is call
    assert int(call.params["id"]) == number


@cases("method", ["crm.currency.get", "crm.category.get", "user.get", "x.y", "crm.deal.list"])
def test_what_an_unknown_method_takes_is_not_judged(method):
    call = Call(method, {"id": "RUB", "field": 1})
    assert check_call(call) is call


@cases("name", ["field", "Field", "feilds", "filds", "fileds", "fields_"])
@cases("method", ["crm.deal.update", "crm.item.add", "crm.item.update", "crm.timeline.comment.add"])
def test_fields_misspelt_are_refused(method, name):
    found = problem(method, {"id": 1, "entityTypeId": 2, name: {"TITLE": "x"}})
    assert found.description == (
        f"params.{name}: {method} has no parameter of this name, and would ignore it"
    )
    assert found.remedy == "Write 'fields', if you meant that."


@pytest.mark.parametrize("name", ["filters", "Fitler", "filer"])
def test_a_filter_misspelt_is_refused(name):
    assert problem("crm.deal.list", {name: {}}).remedy == "Write 'filter', if you meant that."


@cases("params", [{"fields": {}}, {"FIELDS": {}}, {"fields": {}, "field": 1}, {}])
def test_fields_that_are_there_or_not_given_at_all(params):
    assert check_call(Call("crm.deal.update", {"id": 1, **params}))


@pytest.mark.parametrize("prefix", ["ar", "AR", "Ar"])
def test_classic_methods_know_their_parameters_by_a_second_name(prefix):
    for method, name in (
        ("crm.deal.list", "Filter"),
        ("crm.deal.add", "Fields"),
        ("crm.contact.update", "FIELDS"),
    ):
        call = Call(method, {f"{prefix}{name}": {"TITLE": "x"}})
        assert check_call(call) is call


@pytest.mark.parametrize(("method", "name"), [("crm.item.list", "arFilter"), ("crm.item.add", "arFields")])
def test_methods_of_items_know_no_second_name(method, name):
    assert problem(method, {"entityTypeId": 2, name: {"title": "x"}}).remedy.startswith("Write 'f")


def test_a_filter_by_its_second_name_is_checked():
    wrong = {">ID": None}
    by_first = problem("crm.deal.list", {"filter": wrong})
    by_second = problem("crm.deal.list", {"arFilter": wrong})
    assert by_second.description == by_first.description.replace("params.filter", "params.arFilter")
