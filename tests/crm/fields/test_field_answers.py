"""Whether answers show fields as they were sent."""

from __future__ import annotations

from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.crm.fields.field_answers import lines_on_answers, not_as_sent
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import RejectedError
from airflow_provider_bitrix24.rest.reply import Reply


def names(sent, shown, method="crm.item.update"):
    call = Call(method, {"entityTypeId": 2, "id": 1, "fields": sent})
    return not_as_sent(call, {"item": {"id": 1, **shown}})


SAME = [
    ("x", "x"),
    (" x\r\ny ", "x\ny"),
    ("1000.50", 1000.5),
    (7, "7"),
    ("7", 7),
    (True, "Y"),
    ("true", "Y"),
    (False, "N"),
    (False, None),
    (None, None),
    (None, ""),
    (None, 0),
    ("", []),
    (0, 0.0),
    ("0.00", 0),
    ([], False),
    ([1, 2], ["2", "1"]),
    (1, [1]),
    ("100|USD", "100.00|USD"),
    ("2026-01-31", "2026-01-31T03:00:00+03:00"),
    ("2026-01-31T00:00:00+00:00", "2026-01-31T03:00:00+03:00"),
    ("2026-01-31 10:00:00", "2026-01-31T10:00:00+03:00"),
    ("2026-01-31 10:00:00", "2026-01-31T02:00:00+03:00"),
    ("2026-01-31 10:07:00", "2026-01-31T03:00:00+03:00"),
    ("2026-01-31T23:30:00-05:00", "2026-02-01T03:00:00+03:00"),
    ("0001-01-01T00:00:00+05:00", "2026-02-01T03:00:00-03:00"),
    ("31.01.2026", "2026-01-31T03:00:00+03:00"),
    (0, "N"),
    ("0", "N"),
    (1, "Y"),
    (None, "N"),
    ("100|USD", "100|USD"),
    (100.5, "100.50"),
    ('the "x"', "the &quot;x&quot;"),
    ("R&D", "R&amp;D"),
    ("it's", "it&#039;s"),
    ("R&amp;D", "R&D"),
    ("&lt;b&gt;", "x"),
    ("<b>x</b>", "x"),
    (["name", "Zm9v"], {"id": 3, "url": "x"}),
    ([["name", "Zm9v"]], [{"id": 3, "url": "x"}]),
    ({"id": 3}, None),
]


@cases(("sent", "shown"), SAME)
def test_value_shown_in_the_portals_notation_is_as_sent(sent, shown):
    assert names({"title": sent}, {"title": shown}) == []


OTHER = [
    ("Gold", 41),
    ("Gold", None),
    ("1234,56", 1234),
    (5, 0),
    (None, "kept"),
    ("", "kept"),
    (True, "N"),
    ([1, 2], [1]),
    ([1], [1, 2]),
    ([1], []),
    ("100|USD", "100|EUR"),
    ("100|USD", "101.00|USD"),
    (1, "N"),
    ("Y", "N"),
    ("Y", 0),
    ("N", 0),
    (2, "Y"),
    ([1, 1], [1]),
    ('the "x"', "the x"),
    ("R&D", "sales"),
    ("2026-01-31 10:07:00", "2026-01-31T09:00:00+03:00"),
    ("2026-01-31 10:00:00", "2026-02-02T10:00:00+03:00"),
    ("soon", "2026-01-31T03:00:00+03:00"),
    ("2026-02-01", "2026-01-31T03:00:00+03:00"),
    ("2026-01-31T00:00:00+00:00", "2026-01-30T00:00:00+00:00"),
    ("C9:NEW", "NEW"),
]


@cases(("sent", "shown"), OTHER)
def test_value_that_is_not_as_sent_is_named(sent, shown):
    assert names({"title": sent}, {"title": shown}) == ["title"]


def test_field_that_the_answer_does_not_show_is_named():
    sent = {"titel": "x", "UF_CRM_17": "y", "TITLE": "z", "assignedById": 1, "fm": {"n0": {}}, "PHONE": []}
    shown = {"title": "z", "ufCrm17": None, "assignedById": 1}
    assert names(sent, shown) == ["titel", "UF_CRM_17"]


@cases(
    ("sent", "shown"),
    [
        ("PARENT_ID_177", "parentId177"),
        ("parentId177", "parentId177"),
        ("OBSERVER_IDS", "observers"),
        ("STATUS_ID", "stageId"),
        ("statusId", "stageId"),
        ("COMPANY_TYPE", "typeId"),
        ("ASSIGNED_BY_ID", "assignedById"),
        ("UF_CRM_1747309879", "ufCrm_1747309879"),
    ],
)
def test_field_is_found_under_the_name_that_answers_show(sent, shown):
    assert names({sent: 7}, {shown: 7}) == []
    assert names({sent: 7}, {shown: 8}) == [sent]
    assert names({sent: 7}, {"title": 7}) == [sent]


@cases("name", ["contactIds", "CONTACT_IDS", "companyIds", "observers", "OBSERVER_IDS"])
def test_links_and_observers_are_shown_once_each(name):
    shown = "observers" if "OBSERVER" in name else name
    assert names({name: [1, "1", 2]}, {shown: [2, 1]}) == []
    assert names({name: [1, 1]}, {shown: [1, 2]}) == [name]


@cases("result", [None, True, [], {}, {"item": []}, {"item": {}}, {"item": None}])
def test_answer_without_an_item_tells_nothing(result):
    assert not_as_sent(Call("crm.item.add", {"fields": {"title": "x"}}), result) == []
    assert not_as_sent(Call("crm.item.add"), {"item": {"id": 1}}) == []


def test_other_methods_are_not_compared():
    assert names({"title": "x"}, {"title": "y"}, "crm.deal.update") == []


def test_equal_differences_are_told_once_and_without_values():
    call = Call("crm.item.update", {"fields": {"title": "secret", "stageId": "NEW"}})
    differing = Outcome(call, Reply({"item": {"title": "other", "stageId": "NEW"}}))
    failed = Outcome(call, error=RejectedError("no"))
    [line] = lines_on_answers([differing, failed, differing])
    assert line.startswith(
        "crm.item.update (2 calls): the answer does not show these fields as sent: title. "
    )
    assert "secret" not in line
    assert "other" not in line


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@given(_VALUES, _VALUES)
def test_any_values_are_compared(sent, shown):
    call = Call("crm.item.update", {"fields": {}})
    call.params["fields"] = {"title": sent}
    assert not_as_sent(call, {"item": {"title": shown}}) in ([], ["title"])
    if sent == sent:  # a NaN is nothing that JSON carries
        assert not_as_sent(call, {"item": {"title": sent}}) == []
