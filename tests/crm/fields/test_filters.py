"""Filters that the API would leave out, and so return everything, are refused."""

from __future__ import annotations

import datetime

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.fields.filters import check_filter
from airflow_provider_bitrix24.crm.fields.known_calls import check_call
from airflow_provider_bitrix24.crm.inputs import RETURNED_NOTHING
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown

NOTHING = [None, "None", "", "  ", "null"]
UTC = datetime.UTC


def problem(conditions, method="crm.deal.list", name="filter"):
    with pytest.raises(InvalidInputError) as caught:
        check_call(Call(method, {name: conditions}))
    return caught.value


@cases("value", NOTHING)
@cases("name", [">=DATE_MODIFY", "<ID", ">OPPORTUNITY", "<=x", "!>x", "!<DATE", "@ID", "ID", "@STAGE_ID"])
@cases("method", ["crm.deal.list", "tasks.task.list"])
def test_nothing_is_no_bound(method, name, value):
    found = problem({name: value}, method)
    assert found.description == (
        f"params.filter[{name!r}]: {shown(value)} is nothing to compare with, "
        "and the API would return everything"
    )
    assert found.remedy == RETURNED_NOTHING


@pytest.mark.parametrize("value", [None, "", "None"], ids=repr)
def test_nothing_may_be_what_a_field_equals(value):
    assert check_call(Call("crm.deal.list", {"filter": {"UF_CRM_1": value, "=TITLE": value, "!x": value}}))


@cases("name", ["@ID", "ID", "=STAGE_ID", "@STAGE_ID"])
def test_an_empty_list_is_refused(name):
    found = problem({name: []}, name="FILTER")
    assert found.description == (
        f"params.FILTER[{name!r}]: the list is empty, and the API would return everything"
    )
    assert check_call(Call("crm.deal.list", {"filter": {"!@ID": []}}))


@cases("value", ["soon", "2026-13-01", "20261", 5, True, "yesterday", "1.2.3"])
@cases("name", [">=DATE_MODIFY", "<updatedTime", "DATE_CREATE", "=closedate"])
def test_what_is_no_date_is_refused_for_a_date(name, value):
    assert problem({name: value}).description == (
        f"params.filter[{name!r}]: {shown(value)} is not a date, and the API would return everything"
    )


@cases(
    "value",
    ["2026-05-04", "2026-05-04T10:00:00+02:00", "2026-05-04 10:00:00", "04.05.2026 10:00:00", "05/04/2026"],
)
def test_a_date_passes_as_it_is_written(value):
    assert check_call(Call("crm.deal.list", {"filter": {">=DATE_MODIFY": value}}))


@given(st.datetimes(timezones=st.just(UTC)) | st.dates())
def test_every_date_of_python_passes(moment):
    assert check_call(Call("crm.item.list", {"entityTypeId": 2, "filter": {">=updatedTime": moment}}))


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(InvalidInputError, match="has no time zone, so the portal would take it for its own"):
        Call("crm.deal.list", {"filter": {">=DATE_MODIFY": datetime.datetime(2026, 5, 4)}})


@pytest.mark.parametrize("value", [None, "", False], ids=repr)
def test_a_field_without_a_date_can_be_asked_for(value):
    assert check_call(Call("crm.deal.list", {"filter": {"CLOSEDATE": value, "!BEGINDATE": value}}))


@cases("value", ["12abc", True, 7.5, [3, "x"]])
def test_what_is_no_id_is_refused_for_an_id(value):
    for name in ("ID", "=id", "@ID", ">ID"):
        assert "is not an id" in problem({name: value}).description


def test_ids_and_the_bound_from_which_all_ids_count():
    for conditions in ({"ID": 7}, {"@id": ["7", 8]}, {">ID": 0}, {">ID": "0"}, {"!ID": 3}, {"%ID": "1"}):
        assert check_call(Call("crm.deal.list", {"filter": conditions}))
    assert check_call(Call("lists.element.get", {"FILTER": {"=ID": "any"}}))


def test_nested_conditions_are_checked():
    inner = {"logic": "OR", "0": {">=updatedTime": "None"}, "1": {"title": "x"}}
    assert problem({"0": inner}).description.startswith("params.filter['0']['0']['>=updatedTime']: 'None' is")
    assert problem([{"@ID": []}]).description.startswith("params.filter[0]['@ID']: the list is empty")


names = st.text(max_size=4) | st.sampled_from([">=ID", "@ID", "!x", ">DATE_MODIFY", "%T"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(values, st.booleans())
def test_no_filter_breaks_the_check(value, of_crm):
    try:
        check_filter(value, "filter", of_crm=of_crm)
    except InvalidInputError as error:
        found = error
    else:
        return
    assert found.description.startswith(("filter[", "filter: "))
    assert found.remedy


@cases("sign", ["=>", "=<", ">>", "<>", "><", "==", "!==", ">= ", " >", "! "])
def test_what_is_no_operator_is_refused(sign):
    check_refused(sign)


@cases("sign", ["~", "!~", "=@", "@=", "!@=", "!=@", "%%", "=!", "!!", "@!", "%!", "#", "=%%"])
def test_signs_that_classic_lists_take_for_a_part_of_the_name_are_refused(sign):
    check_refused(sign)


def check_refused(sign):
    found = problem({f"{sign}X": 1})
    where = f"params.filter[{f'{sign}X'!r}]"
    assert (
        found.description == f"{where}: {sign!r} is not an operator here, and the API would return everything"
    )


@cases(
    "sign",
    [
        "",
        "=",
        "!",
        "!=",
        ">",
        ">=",
        "<",
        "<=",
        "!>",
        "!>=",
        "!<",
        "!<=",
        "@",
        "!@",
        "%",
        "!%",
        "=%",
        "%=",
        "!=%",
        "!%=",
        "?",
        "*",
        "*=",
        "*%",
    ],
)
def test_the_apis_operators_pass(sign):
    check_call(Call("crm.deal.list", {"filter": {f"{sign}OPPORTUNITY": [1, 2] if "@" in sign else 1}}))


@cases("sign", ["><", "!><", "==", "!==", "=@", "!@", "=%", "!=%", "~"])
def test_items_judge_operators_themselves(sign):
    check_call(Call("crm.item.list", {"filter": {f"{sign}opportunity": [1, 2]}}))


@cases("sign", ["=>", "=<", "<>", "===", "!>>", " >", "> ", " "])
def test_mistaken_comparison_of_items_is_refused_as_what_the_api_would_refuse(sign):
    found = problem({f"{sign}opportunity": 1}, "crm.item.list")
    assert found.description.endswith(f"{sign!r} is not an operator here, and the API would refuse it")


def test_name_in_other_letters_is_no_operator():
    assert check_call(Call("crm.deal.list", {"filter": {"Название": "x"}}))


@cases("value", NOTHING)
def test_nothing_is_no_filter(value):
    found = problem(value)
    assert (
        found.description == f"params.filter: {value!r} is not a filter, and the API would return everything"
    )


@pytest.mark.parametrize("name", ["@ID", "ID", "=STAGE_ID"])
def test_an_empty_mapping_is_an_empty_list(name):
    assert problem({name: {}}).description.startswith(f"params.filter[{name!r}]: the list is empty")
