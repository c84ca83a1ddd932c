"""Names of fields in calls, compared with the metadata of a portal."""

from __future__ import annotations

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.fields.field_checks import check_field_names, named_fields
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    InvalidInputError,
    MethodNotFoundError,
    NotFoundError,
    RejectedError,
    ServerError,
)
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

OPERATORS = ["", "=", "!", "!=", ">", ">=", "<", "<=", "@", "!@", "%", "!%", "=%", "%=", "!=%", "!%=", "><"]
SMART = {"entityTypeId": 1042}
DEAL = {"entityTypeId": 2}


@pytest.fixture(scope="module")
def metadata():
    """Return what answers a call for metadata, as a portal in a box does; each is asked for once."""
    answers = {}
    with Bitrix24Portal(limits=Limits.off()) as portal:
        portal.add_smart_process(1042)
        for kind in ("deal", "lead", "contact", "dynamic_1042"):
            portal.add_user_field(kind, "UF_CRM_17")
            portal.add_user_field(kind, "UF_CRM_3_DIGIT")

        def answer(call):
            if call.command() not in answers:
                reply = requests.post(f"{portal.webhook_url()}{call.method}", json=call.params, timeout=10)
                answers[call.command()] = reply.json()["result"]
            return Outcome(call, Reply(answers[call.command()]))

        yield answer


@pytest.fixture
def check(metadata):
    """Compare the names in calls, and return what could not be compared."""

    def check(*calls, known=None, answer=metadata, **options):
        plan = check_field_names([Call(*call) for call in calls], {} if known is None else known, **options)
        try:
            work = next(plan)
            check.asked += [call.command() for call in work.calls]
            plan.send([answer(call) for call in work.calls])
        except StopIteration as stop:
            check.doubtful = stop.value.doubtful
            return stop.value.unchecked
        raise AssertionError("the plan asks twice")

    check.asked = []
    check.doubtful = []
    return check


WRONG = [
    ("crm.deal.list", {"filter": {">=DATE_MODIFI": "2026-01-01"}}, "filter: 'DATE_MODIFI'", "DATE_MODIFY"),
    ("crm.deal.list", {"filter": {"title": "x"}}, "filter: 'title'", "TITLE"),
    ("crm.deal.list", {"FILTER": {"stageId": "NEW"}}, "filter: 'stageId'", "STAGE_ID"),
    ("crm.deal.list", {"arFilter": {"!%TITEL": "x"}}, "filter: 'TITEL'", "TITLE"),
    ("crm.deal.list", {"select": ["ID", "TITEL"]}, "select: 'TITEL'", "TITLE"),
    ("crm.lead.list", {"select": {"0": "STATUSID_"}}, "select: 'STATUSID_'", "STATUS_ID"),
    ("crm.deal.list", {"order": {"TITEL": "ASC"}}, "order: 'TITEL'", "TITLE"),
    ("crm.deal.update", {"id": 1, "fields": {"TITEL": "x"}}, "fields: 'TITEL'", "TITLE"),
    ("crm.deal.add", {"fields": {"Title": "x"}}, "fields: 'Title'", "TITLE"),
    ("CRM.Contact.Add", {"fields": {"UF_CRM_18": "x"}}, "fields: 'UF_CRM_18'", "UF_CRM_17"),
    ("crm.item.update", {**DEAL, "id": 1, "fields": {"UF_CRM_17": "x"}}, "fields: 'UF_CRM_17'", "ufCrm_17"),
    ("crm.item.add", {**SMART, "fields": {"titel": "x"}}, "fields: 'titel'", "title"),
    ("crm.item.list", {**SMART, "filter": {">=updatedTim": "x"}}, "filter: 'updatedTim'", "updatedTime"),
    ("crm.item.list", {**DEAL, "select": ["id", "oportunity"]}, "select: 'oportunity'", "opportunity"),
    ("crm.item.list", {**DEAL, "order": {"stageid": "ASC"}}, "order: 'stageid'", "stageId"),
    (
        "crm.item.list",
        {**DEAL, "filter": {"0": {"logic": "OR", "0": {"titel": "x"}, "1": {"title": "y"}}}},
        "filter: 'titel'",
        "title",
    ),
    (
        "crm.item.update",
        {**DEAL, "id": 1, "useOriginalUfNames": "Y", "fields": {"UF_CRM_71": "x"}},
        "fields: 'UF_CRM_71'",
        "ufCrm_17",
    ),
]


@pytest.mark.parametrize(("method", "params", "where", "meant"), WRONG)
def test_misspelt_name_is_told_with_its_place_and_what_may_be_meant(check, method, params, where, meant):
    with pytest.raises(InvalidInputError) as caught:
        check((method, params))
    assert caught.value.description.startswith(f"params.{where} is not a field of ")
    assert f"did you mean {meant}" in caught.value.description
    assert "check_fields=False" in caught.value.remedy


RIGHT = [
    ("crm.deal.list", {}),
    ("crm.deal.list", {"select": ["*", "UF_*", "ID", "title"], "order": {"date_create": "DESC"}}),
    ("crm.deal.list", {"filter": {"PARENT_ID_1042": 3, "=UF_CRM_17": "x", ">ID": 0, "UTM_SOURCE": "x"}}),
    ("crm.deal.list", {"filter": {"LOGIC": "AND", "TITLE": "x"}}),
    ("crm.deal.list", {"filter": []}),
    ("crm.deal.list", {"filter": "x", "select": "ID", "order": "ID"}),
    ("crm.deal.list", {"order": {"ASSIGNED_BY_LAST_NAME": "ASC"}}),
    ("crm.contact.list", {"select": ["PHONE", "EMAIL", "IM", "LINK"], "filter": {"PHONE": "+1"}}),
    ("crm.contact.list", {"filter": {"%FULL_NAME": "x", "BIRTHDAY_SORT": 1}, "order": {"FULL_NAME": "ASC"}}),
    (
        "crm.lead.list",
        {"order": {"ASSIGNED_BY": "ASC", "WEBFORM_ID": "ASC", "ASSOCIATED_COMPANY_TITLE": "ASC"}},
    ),
    ("crm.contact.list", {"order": {"CATEGORY_ID": "ASC", "CREATED_BY": "ASC", "MODIFY_BY": "DESC"}}),
    ("crm.contact.add", {"fields": {"PHONE": [{"VALUE": "+1"}], "COMPANY_IDS": [1], "TRACE": "x"}}),
    ("crm.deal.update", {"id": 1, "fields": {"DATE_CREATE": "2026-01-01", "ID": 7, "PARENT_ID_1042": 2}}),
    ("crm.deal.update", {"id": 1, "fields": {}}),
    ("crm.deal.get", {"id": 1, "fields": {"NONSENSE": 1}}),
    ("crm.product.list", {"filter": {"NONSENSE": 1}}),
    ("tasks.task.list", {"filter": {"NONSENSE": 1}}),
    (
        "crm.item.list",
        {**DEAL, "select": ["*", "id", "UF_*", "ufCrm_17", "ufCrm_3Digit", "ASSIGNED_BY_ID"][:4]},
    ),
    ("crm.item.list", {**DEAL, "filter": {"@stageId": ["NEW"], "ASSIGNED_BY_ID": 1, ">=DATE_MODIFY": "x"}}),
    ("crm.item.list", {"entityTypeId": 1, "filter": {"statusId": "NEW", "dateModify": "x"}}),
    ("crm.item.list", {**DEAL, "filter": {"0": {"LOGIC": "OR", "0": {"title": "x"}, "1": {"!%title": "y"}}}}),
    ("crm.item.list", {**DEAL, "filter": [{"logic": "AND", "0": {"title": "x"}}]}),
    ("crm.item.list", {"entityTypeId": "3", "select": ["fm", "phone", "emailWork", "phoneMailing", "skype"]}),
    ("crm.item.list", {**DEAL, "filter": {"parentId1042": 1}, "order": {"parentId1042": "ASC"}}),
    ("crm.item.update", {**DEAL, "id": 1, "useOriginalUfNames": "Y", "fields": {"UF_CRM_17": "x"}}),
    ("crm.item.update", {**DEAL, "id": 1, "useOriginalUfNames": True, "fields": {"ufCrm_17": "x"}}),
    ("crm.item.add", {**DEAL, "fields": {"title": "x", "TITLE": "x", "contactIds": [1], "createdTime": "x"}}),
    ("crm.item.add", {"entityTypeId": 3, "fields": {"fm": {"n0": {"typeId": "PHONE"}}, "observers": [1]}}),
    ("crm.item.import", {"entityTypeId": 3, "fields": {"PHONE": [{"VALUE": "+1"}], "createdTime": "x"}}),
    ("crm.item.add", {"fields": {"NONSENSE": 1}}),
    ("crm.item.add", {"entityTypeId": "deal", "fields": {"NONSENSE": 1}}),
    ("crm.item.list", {**DEAL, "select": ["company.title"], "filter": {"=$result[a]": 1}}),
]


@pytest.mark.parametrize("name", ["PHONE", "EMAIL"])
def test_a_deal_has_no_phones(check, name):
    with pytest.raises(InvalidInputError, match=f"'{name}' is not a field of a deal"):
        check(("crm.deal.list", {"filter": {name: "x"}}))


@pytest.mark.parametrize(("method", "params"), RIGHT)
def test_right_call_passes(check, method, params):
    assert check((method, params)) == []


def test_every_field_passes_in_every_place_and_spelling(check, metadata):
    known = {}
    for kind in ("lead", "deal", "contact", "company", "quote"):
        names = list(metadata(Call(f"crm.{kind}.fields")).result)
        calls = [
            (f"crm.{kind}.list", {"select": names, "order": dict.fromkeys(names, "ASC")}),
            (f"crm.{kind}.add", {"fields": dict.fromkeys(names, "x")}),
            *((f"crm.{kind}.list", {"filter": {sign + name: "x" for name in names}}) for sign in OPERATORS),
        ]
        assert check(*calls, known=known) == []
    for type_id in (1, 2, 3, 4, 7, 31, 1042):
        fields = metadata(Call("crm.item.fields", {"entityTypeId": type_id})).result["fields"]
        standard = [entry["upperName"] for entry in fields.values() if not entry["isDynamic"]]
        for names in (list(fields), standard):
            calls = [
                ("crm.item.list", {"entityTypeId": type_id, "filter": {sign + name: "x" for name in names}})
                for sign in OPERATORS
            ]
            assert check(*calls, known=known) == []


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(0, 9)
        | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["0", "1", "logic", "LOGIC", "TITLE", ">=ID", "@", "", "*"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    ),
    st.sampled_from(["filter", "select", "fields", "order"]),
)
def test_whatever_stands_in_a_call_is_looked_through(value, place):
    for found, name in named_fields(Call("crm.item.list", {**DEAL, place: value})):
        assert found == place
        assert name


@pytest.mark.parametrize(
    "filters",
    [
        {"LOGIC": "OR", "0": {"NAME": "A"}, "1": {"NAME": "B"}},
        {"logic": "OR", "NAME": "A"},
        {"0": {"NAME": "A"}},
        {"LOGIC": ["x"]},
    ],
)
def test_groups_of_conditions_are_refused_for_classic_lists(check, filters):
    with pytest.raises(InvalidInputError, match="would ignore '") as caught:
        check(("crm.contact.list", {"filter": filters}))
    assert "crm.item.list" in caught.value.remedy
    assert check.asked == []


def test_metadata_of_each_type_is_read_once(check):
    known = {}
    calls = [
        ("crm.deal.list", {"filter": {"TITLE": "x"}}),
        ("crm.deal.update", {"id": 1, "fields": {"TITLE": "x"}}),
        ("crm.item.list", {**DEAL, "select": ["title"]}),
        ("crm.item.update", {**DEAL, "id": 1, "useOriginalUfNames": "Y", "fields": {"UF_CRM_17": "x"}}),
        ("crm.item.list", {**SMART, "select": ["title"]}),
    ]
    check(*calls, known=known)
    check(*calls, known=known)
    assert check.asked == [
        "crm.deal.fields",
        "crm.item.fields?entityTypeId=2",
        "crm.item.fields?entityTypeId=1042",
    ]


NAIVE = ["2026-05-04 10:00:00", "2026-05-04T10:00", "04.05.2026 10:00:00", "05/04/2026 10:00:00 am"]
EXACT = ["2026-05-04T10:00:00+02:00", "2026-05-04T10:00:00Z", "2026-05-04 10:00:00+00:00", "2026-05-04", ""]
DATED = [
    ("crm.deal.list", {}, ">=DATE_CREATE"),
    ("crm.contact.list", {}, "!<DATE_MODIFY"),
    ("crm.item.list", DEAL, ">updatedTime"),
    ("crm.item.list", SMART, "CREATED_TIME"),
]


@pytest.mark.parametrize(("method", "params", "condition"), DATED)
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("moment", NAIVE)
def test_time_without_an_offset_is_doubted_in_a_filter(check, method, params, condition, wrapped, moment):
    conditions = {condition: [moment] if wrapped else moment}
    calls = [(method, {**params, "filter": conditions})] * 3
    assert check(*calls) == []
    assert check.doubtful == [
        f"{method}: the time in the filter {condition!r} has no offset from UTC, so the portal reads it in "
        "its own time zone or the user's. Write it with its offset, such as 2026-05-04T10:00:00+02:00."
    ]


@pytest.mark.parametrize(("method", "params", "condition"), DATED)
def test_time_with_an_offset_and_a_day_are_not_doubted(check, method, params, condition):
    check(*((method, {**params, "filter": {condition: moment}}) for moment in EXACT))
    assert check.doubtful == []


def test_only_fields_that_hold_a_time_are_doubted(check):
    calls = [
        ("crm.deal.list", {"filter": {"TITLE": NAIVE[0], ">=CLOSEDATE": NAIVE[0], "=UF_CRM_17": NAIVE[0]}}),
        ("crm.item.update", {**DEAL, "id": 1, "fields": {"title": NAIVE[0]}}),
        ("crm.item.list", {**DEAL, "filter": {"0": {"logic": "OR", "0": {">=updatedTime": NAIVE[0]}}}}),
    ]
    check(*calls)
    [line] = check.doubtful
    assert "'>=updatedTime'" in line


def test_nothing_is_asked_for_where_no_field_is_named(check):
    check(("crm.deal.list", {"select": ["*", "UF_*"]}), ("crm.item.list", DEAL), ("crm.deal.get", {"id": 1}))
    assert check.asked == []


def test_all_misspelt_names_are_told_up_to_ten(check):
    fields = {f"NONSENSE_{number}": "x" for number in range(12)}
    with pytest.raises(InvalidInputError) as caught:
        check(("crm.deal.get", {}), ("crm.deal.add", {"fields": fields}), stands=["calls[0].", "calls[1]."])
    assert caught.value.description.startswith(
        "calls[1].params.fields: 'NONSENSE_0' is not a field of a deal"
    )
    assert caught.value.description.count("is not a field") == 10
    assert caught.value.description.endswith("; 2 more names are not fields")


@pytest.mark.parametrize("error", [AccessDeniedError, NotFoundError, RejectedError, MethodNotFoundError])
def test_metadata_that_cannot_be_read_for_good_leaves_the_check_out(check, error):
    known = {}
    refused = {"known": known, "answer": lambda call: Outcome(call, error=error("no"))}
    [line] = check(("crm.deal.list", {"filter": {"NONSENSE": 1}}), **refused)
    assert line.startswith("The names of fields are not checked, because their list cannot be read: no")
    assert check(("crm.deal.list", {"filter": {"NONSENSE": 1}}), **refused) == []
    assert check.asked == ["crm.deal.fields"]


@pytest.mark.parametrize("answer", [[], {}, None, "x", {"fields": []}, {"fields": {}}])
def test_metadata_that_tells_nothing_leaves_the_check_out(check, answer):
    call = ("crm.item.list", {**DEAL, "filter": {"nonsense": 1}})
    [line] = check(call, answer=lambda call: Outcome(call, Reply(answer)))
    assert line.endswith("because their list cannot be read: the portal answered no fields")


def test_trouble_that_passes_is_an_error(check):
    known = {}
    with pytest.raises(ServerError):
        check(
            ("crm.deal.list", {"filter": {"TITLE": 1}}),
            known=known,
            answer=lambda call: Outcome(call, error=ServerError("busy")),
        )
    assert known == {}
