"""What is known of single methods: every shape of a result at its edges, and whose phones are added."""

from __future__ import annotations

import pytest
from cases import cases

from airflow_provider_bitrix24.rest.methods import Repeatability, method_facts

_RETURNS = {
    "true": ("crm.deal.update", [True], [False, 1, "1", None]),
    "id": ("crm.deal.add", [1, "1", 7, "12"], [0, -1, "0", "", "1.5", "-1", "x", True, None, [], 1.5]),
    # Python reads no number of some thousands of digits.
    "long id": ("crm.deal.add", [2**63 - 1, str(2**63 - 1)], ["9" * 20, "1" * 5000]),
    "list": ("crm.deal.list", [[], [1]], [{}, None, "[]", True]),
    "object": ("crm.deal.get", [{"ID": 1}], [{}, [], [1], None, True]),
    "null": ("crm.timeline.comment.delete", [None, True], [False, 0, 1, "", [], {}]),
    "log message": (
        "crm.timeline.logmessage.add",
        [{"logMessage": {"id": 1}}],
        [{"logMessage": {}}, {"logMessage": None}, {"id": 1}, {}, [], None, True],
    ),
    "duplicates": ("crm.duplicate.findbycomm", [[], {"CONTACT": [1]}], [None, False, [1], {}, "x"]),
    "product rows": (
        "crm.item.productrow.set",
        [{"productRows": []}, {"productRows": [{"id": 1}]}],
        [{"productRows": None}, {}, [], None, True],
    ),
    "anything": ("some.unknown", [None, True, False, 0, "", [], {}], []),
}


@cases(
    ("method", "result", "fits"),
    [
        (method, result, fits)
        for method, good, bad in _RETURNS.values()
        for fits, results in ((True, good), (False, bad))
        for result in results
    ],
)
def test_what_a_method_returns(method, result, fits):
    assert bool(method_facts(method, {}).returns(result)) is fits


_ENTRY = {"VALUE": "+1"}


@cases(
    ("method", "phones", "kind"),
    [
        ("crm.lead.update", [{"ID": "5", **_ENTRY}], Repeatability.REPEATABLE),
        ("crm.lead.update", [{"id": "5", **_ENTRY}], Repeatability.REPEATABLE),
        ("crm.lead.update", {"0": {"id": 5}}, Repeatability.REPEATABLE),
        ("crm.lead.update", [], Repeatability.REPEATABLE),
        ("crm.lead.update", {}, Repeatability.REPEATABLE),
        ("crm.lead.update", [_ENTRY], Repeatability.ONE_SHOT),
        ("crm.lead.update", [{"ID": "", **_ENTRY}], Repeatability.ONE_SHOT),
        ("crm.lead.update", ["+1"], Repeatability.ONE_SHOT),
        ("crm.lead.update", [{"ID": "5"}, _ENTRY], Repeatability.ONE_SHOT),
        ("crm.lead.update", "", Repeatability.ONE_SHOT),
        ("crm.item.update", {"1": _ENTRY}, Repeatability.REPEATABLE),
        ("crm.item.update", {"156": _ENTRY, "157": _ENTRY}, Repeatability.REPEATABLE),
        ("crm.item.update", {}, Repeatability.REPEATABLE),
        ("crm.item.update", {"0": _ENTRY}, Repeatability.ONE_SHOT),
        ("crm.item.update", {"156": _ENTRY, "n0": _ENTRY}, Repeatability.ONE_SHOT),
        ("crm.item.update", [], Repeatability.ONE_SHOT),
        ("crm.item.update", [{"ID": "5"}], Repeatability.ONE_SHOT),
    ],
)
@cases("field", ["PHONE", "EMAIL", "WEB", "IM", "FM", "fm"])
@cases("fields", ["fields", "FIELDS"])
def test_an_update_that_adds_entries_is_not_repeatable(method, phones, kind, field, fields):
    assert method_facts(method.upper(), {"id": 1, fields: {"TITLE": "x", field: phones}}).kind is kind


@cases("fields", [{"PHONES": [_ENTRY]}, [_ENTRY], "PHONE", None])
def test_an_update_of_other_fields_is_repeatable(fields):
    assert method_facts("crm.lead.update", {"fields": fields}).kind is Repeatability.REPEATABLE


def test_only_the_fields_count():
    assert method_facts("crm.lead.update", {"params": {"PHONE": [_ENTRY]}}).kind is Repeatability.REPEATABLE


@pytest.mark.parametrize("field", ["phone", "PHONE"])
def test_an_update_that_adds_entries_returns_what_it_always_does(field):
    adding = method_facts("crm.item.update", {"fields": {field: [_ENTRY]}})
    usual = method_facts("crm.item.update", {})
    assert (adding.returns, adding.shape) == (usual.returns, usual.shape)
    assert (adding.false_is_denial, adding.gone_is_done) == (False, False)


@cases(
    ("method", "denial", "gone"),
    [
        ("crm.timeline.bindings.bind", True, False),
        ("crm.timeline.bindings.unbind", True, True),
        ("crm.timeline.comment.delete", False, True),
        ("crm.activity.binding.add", False, False),
        ("crm.activity.binding.delete", False, True),
        ("crm.deal.delete", False, False),
        ("some.unknown", False, False),
    ],
)
def test_what_false_and_gone_mean(method, denial, gone):
    facts = method_facts(method, {})
    assert (facts.false_is_denial, facts.gone_is_done) == (denial, gone)


@cases(
    ("name", "kind"),
    [
        *(
            (f"some.thing.{word}", Repeatability.READ)
            for word in ("get", "list", "fields", "search", "current")
        ),
        *((f"some.thing.{word}", Repeatability.READ) for word in ("info", "types", "GET")),
        ("some.thing.getter", Repeatability.ONE_SHOT),
        ("some.budget", Repeatability.ONE_SHOT),
        ("get", Repeatability.ONE_SHOT),
        ("some.list.clear", Repeatability.ONE_SHOT),
    ],
)
def test_the_last_word_of_a_name_tells_what_only_reads(name, kind):
    facts = method_facts(name, {})
    assert facts.kind is kind
    assert facts.shape == "anything"
