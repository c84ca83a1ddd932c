"""The plans of looking at an item, without a portal: they are fed outcomes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cases import cases

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.watching.item_watch import ItemWatch
from airflow_provider_bitrix24.crm.watching.watch import Sight
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    InvalidInputError,
    NotFoundError,
    ServerError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.reply import Reply

_FIELDS = "crm.item.fields"
_GET = "crm.item.get"
_STAGES = "crm.status.list"
_ALL_STAGES = Call(_STAGES, {})


class Portal:
    """Has one item, and answers the calls of a look at it.

    :param item: the item's fields besides its id, which is 10
    """

    def __init__(self, **item: Any) -> None:
        self.item = {"id": "10", "stageId": "NEW"} | item
        self.stages = {"NEW": "P", "WON": "S", "LOSE": "F"}
        self.elsewhere: list[tuple[str, str]] = []  # stages of other pipelines: the list and the stage's id
        self.older_stages: dict[str, str] | None = None  # what one who does not ask himself is told
        self.answers: dict[str, Any] = {}
        self.calls: list[Call] = []
        self.shared: list[str] = []

    @property
    def methods(self) -> list[str]:
        return [call.method for call in self.calls]

    def look(self, watch: ItemWatch) -> bool:
        """Look once, and return whether that was found which is waited for."""
        return self.sight(watch).found is not None

    def sight(self, watch: ItemWatch) -> Sight:
        plan = watch.look()
        try:
            work = next(plan)
            while True:
                assert work.positions is None
                self.calls += work.calls
                self.shared += [call.method for call in work.calls if work.shared]
                work = plan.send([self.answer(call, work.shared) for call in work.calls])
        except StopIteration as stop:
            return stop.value

    def answer(self, call: Call, shared: bool) -> Outcome:
        answer = self.answers.get(call.method)
        if isinstance(answer, Bitrix24Error):
            return Outcome(call, error=answer)
        if call.method not in self.answers:
            answer = self._everything(call) if call == _ALL_STAGES else self._answers[call.method](shared)
        return Outcome(call, Reply(answer))

    @property
    def _answers(self) -> dict[str, Any]:
        return {_FIELDS: self._fields, _GET: self._get, _STAGES: self._stages}

    def _everything(self, call: Call) -> Any:
        own = [{"ENTITY_ID": "DEAL_STAGE", **row} for row in self._stages(False)]
        return [*own, *({"ENTITY_ID": name, "STATUS_ID": stage} for name, stage in self.elsewhere)]

    def _fields(self, shared: bool) -> Any:
        types = {"stageId": "crm_status", "title": "string", "opportunity": "double", "opened": "boolean"}
        return {"fields": {name: {"type": kind} for name, kind in types.items()}}

    def _get(self, shared: bool) -> Any:
        return {"item": self.item}

    def _stages(self, shared: bool) -> Any:
        stages = self.older_stages if shared and self.older_stages is not None else self.stages
        return [{"STATUS_ID": name, "SEMANTICS": letter} for name, letter in stages.items()]


# ---------------------------------------------------------------- what can be waited for


@cases(
    ("item", "conditions", "semantic", "problem"),
    [
        ("D_0", None, "success", "item: '0' is not an id"),
        ("O_1", {"id": 1}, None, "item: the fields of order 1 cannot be read"),
        ("D_1", None, None, "conditions: neither they nor stage_semantic are given"),
        ("D_1", {}, "success", "conditions: {} is not a mapping of fields to values"),
        ("D_1", None, "won", "stage_semantic: 'won' is none of success, failure, process"),
        ("D_1", None, "", "stage_semantic: '' is none of success, failure, process"),
        ("C_1", None, "success", "stage_semantic: a contact stands in no stage"),
        ("CO_1", {"title": "A"}, "success", "stage_semantic: a company stands in no stage"),
    ],
)
def test_what_cannot_be_waited_for(item, conditions, semantic, problem):
    with pytest.raises(InvalidInputError, match=f"^{re.escape(problem)}"):
        ItemWatch(item, conditions, semantic)


@cases(
    ("conditions", "semantic", "item", "met"),
    [
        ({"title": "A"}, None, {"title": "A"}, True),
        ({"title": "A"}, None, {"title": "B"}, False),
        ({"title": "A", ">opportunity": 5}, None, {"title": "A", "opportunity": 6}, True),
        ({"title": "A", ">opportunity": 5}, None, {"title": "A", "opportunity": 5}, False),
        (None, "success", {"stageId": "WON"}, True),
        (None, "success", {"stageId": "NEW"}, False),
        (None, "process", {"stageId": "NEW"}, True),
        (None, "failure", {"stageId": "LOSE"}, True),
        ({"title": "A"}, "success", {"stageId": "WON", "title": "A"}, True),
        ({"title": "A"}, "success", {"stageId": "WON", "title": "B"}, False),
        ({"title": "A"}, "success", {"stageId": "NEW", "title": "A"}, False),
        ({"stageId": "WON"}, None, {"stageId": "WON"}, True),
        ({"stageId": "WON"}, None, {"stageId": "NEW"}, False),
        ({"stageId": ["NEW", None]}, None, {"stageId": "NEW"}, True),
        ({"!stageId": "NEW"}, None, {"stageId": "LOSE"}, True),
        ({"!stageId": "NEW"}, "success", {"stageId": "LOSE"}, False),
        ({"%stageId": "unknown"}, None, {"stageId": "NEW"}, False),
    ],
)
def test_whether_it_is_as_it_should_be(conditions, semantic, item, met):
    assert Portal(**item).look(ItemWatch("D_10", conditions, semantic)) is met


@cases(
    ("conditions", "semantic", "found"),
    [
        ({"title": "A"}, None, {"id": 10, "title": "A"}),
        ({"title": "A", ">opportunity": 5}, None, {"id": 10, "title": "A", "opportunity": 6}),
        (None, "process", {"id": 10, "stageId": "NEW", "categoryId": 0}),
        ({"title": "A"}, "process", {"id": 10, "stageId": "NEW", "categoryId": 0, "title": "A"}),
    ],
)
def test_the_fields_of_the_conditions_are_found(conditions, semantic, found):
    portal = Portal(title="A", opportunity=6, categoryId=0)
    assert portal.sight(ItemWatch("D_10", conditions, semantic)).found == found


@cases(
    ("conditions", "semantic", "goal", "seen"),
    [
        (None, "success", "stage semantic success", "deal 10 is in stage NEW"),
        ({"stageId": "WON"}, None, "stageId 'WON'", "deal 10 is in stage NEW"),
        ({">opportunity": 5}, None, ">opportunity 5", "deal 10 does not meet >opportunity"),
        ({"=opened": "Y"}, None, "=opened 'Y'", "deal 10 does not meet =opened (it is 'N')"),
        ({"title": "A"}, None, "title", "deal 10 meets all conditions"),
        (
            {"title": "A", ">opportunity": 5},
            "process",
            "title, >opportunity 5, stage semantic process",
            "deal 10 is in stage NEW and does not meet >opportunity",
        ),
    ],
)
def test_what_is_waited_for_and_seen_in_words(conditions, semantic, goal, seen):
    """Not the values of fields that may say something about a customer."""
    watch = ItemWatch("D_10", conditions, semantic)
    assert watch.goal == goal
    assert Portal(title="A", opportunity=4, opened="N").sight(watch).seen == seen


@cases(
    ("more", "semantic", "missing"), [
        ({">opportunity": 5}, "success", ">opportunity 5, stage semantic success"), ({}, "process", ""),
        ({">opportunity": 5}, "process", ">opportunity 5"), ({"@stageId": ["WON"]}, None, "@stageId ['WON']"),
    ],
)  # fmt: skip
def test_what_is_missing_is_what_is_not_met_yet(more, semantic, missing):
    watch = ItemWatch("D_10", {"!title": None, **more}, semantic)
    assert Portal(title="A", opportunity=4).sight(watch).missing == missing


def test_an_empty_field_is_said_to_be_empty():
    seen = Portal(title=None).sight(ItemWatch("D_10", {"title": "B"}, None)).seen
    assert seen == "deal 10 does not meet title (it is empty)"


def test_the_item_is_given_whole_or_by_its_parts():
    assert ItemWatch(None, {"id": 1}, entity_type="deal", entity_id="10").item == CrmItem("deal", 10)
    with pytest.raises(InvalidInputError, match=r"^entity_type: the fields of order 1 cannot be read"):
        ItemWatch(None, {"id": 1}, entity_type="order", entity_id=1)


# ---------------------------------------------------------------- what is asked for, and when


@cases(
    ("conditions", "semantic", "first", "later"),
    [
        ({"title": "A"}, None, [_FIELDS, _GET], [_GET]),
        ({"stageId": "WON"}, None, [_FIELDS, _GET, _STAGES], [_GET, _STAGES]),
        (None, "success", [_GET, _STAGES], [_GET, _STAGES]),
        ({"title": "A"}, "process", [_FIELDS, _GET, _STAGES], [_GET, _STAGES]),
    ],
)
def test_a_look_asks_for_what_it_needs_only(conditions, semantic, first, later):
    portal, watch = Portal(), ItemWatch("D_10", conditions, semantic)
    portal.look(watch)
    assert portal.methods == first
    portal.look(watch)
    assert portal.methods == first + later
    assert portal.shared == [method for method in first + later if method != _GET]


def test_what_the_calls_ask_for():
    portal = Portal(stageId="DT31_3:NEW", categoryId="3")
    portal.stages = {"DT31_3:NEW": "P"}
    assert portal.look(ItemWatch(("smart_invoice", 10), {"title": None}, "process"))
    assert [call.params for call in portal.calls] == [
        {"entityTypeId": 31},
        {"entityTypeId": 31, "id": 10},
        {"filter": {"ENTITY_ID": "SMART_INVOICE_STAGE_3"}},
    ]


@cases(
    ("category", "suffix"),
    [(None, ""), (0, ""), ("0", ""), (4, "_4"), ("12", "_12")],
)
def test_the_pipeline_that_is_asked_for(category, suffix):
    portal = Portal(categoryId=category)
    portal.look(ItemWatch("D_10", None, "success"))
    assert portal.calls[-1].params == {"filter": {"ENTITY_ID": f"DEAL_STAGE{suffix}"}}


def test_an_item_without_a_pipeline_is_in_the_first():
    portal = Portal()
    portal.look(ItemWatch("D_10", None, "success"))
    assert portal.calls[-1].params == {"filter": {"ENTITY_ID": "DEAL_STAGE"}}


@pytest.mark.parametrize(
    ("conditions", "stage"),
    [(None, "FRESH"), ({"stageId": "FRESH"}, "NEW"), ({"!stageId": ["WON", "FRESH"]}, "NEW")],
    ids=["the item's", "the wanted one", "the unwanted one"],
)
def test_a_stage_that_was_added_since_is_asked_for_anew(conditions, stage):
    portal = Portal(stageId=stage)
    portal.older_stages = dict(portal.stages)
    portal.stages["FRESH"] = "S"
    semantic = "success" if conditions is None else None
    assert portal.look(ItemWatch("D_10", conditions, semantic)) is (conditions != {"stageId": "FRESH"})
    assert portal.methods[-2:] == [_STAGES, _STAGES]
    assert portal.calls[-2] == portal.calls[-1]
    assert portal.shared.count(_STAGES) == 1


@cases("sign", ["", "=", "@", "!", "!=", "!@"])
def test_a_stage_that_no_pipeline_has_is_an_error_at_the_first_look(sign):
    portal = Portal()
    portal.elsewhere = [("DEAL_STAGE_2", "C2:WON"), ("STATUS", "C1:WON"), ("DEAL_TYPE", "C1:WON")]
    watch = ItemWatch("D_10", {f"{sign}stageId": ["WON", "C2:WON", "C1:WON"]}, None)
    problem = (
        "conditions: no pipeline of a deal has a stage 'C1:WON'. The pipeline of deal 10 has NEW, WON, LOSE."
    )
    with pytest.raises(InvalidInputError, match=f"^{re.escape(problem)}$"):
        portal.look(watch)
    assert portal.methods == [_FIELDS, _GET, *[_STAGES] * 4]


@cases(
    ("item", "lists", "known"),
    [
        ("D_10", ["DEAL_STAGE", "DEAL_STAGE_7"], True),
        ("D_10", ["QUOTE_STATUS", "DEAL_STAGES", "DYNAMIC_128_STAGE_7"], False),
        ("L_10", ["STATUS"], True),
        ("L_10", ["STATUS_7", "SOURCE"], False),
        ("SI_10", ["SMART_INVOICE_STAGE_7"], True),
        ("dynamic_128_10", ["DYNAMIC_128_STAGE_7"], True),
        ("dynamic_128_10", ["DYNAMIC_129_STAGE_7"], False),
    ],
)
def test_which_lists_have_the_stages_of_a_type(item, lists, known):
    for name in lists:
        portal = Portal()
        portal.elsewhere = [(name, "MINE")]
        if known:
            assert not portal.look(ItemWatch(item, {"stageId": "MINE"}, None))
        else:
            with pytest.raises(InvalidInputError, match="has a stage 'MINE'"):
                portal.look(ItemWatch(item, {"stageId": "MINE"}, None))


@cases("looks_before", [0, 1], ids=["a task that begins anew", "the same task"])
@cases(
    ("conditions", "met"),
    [({"!stageId": "NEW"}, True), ({"!@stageId": ["NEW", "WON"]}, True), ({"stageId": ["WON"]}, False)],
)
def test_an_item_that_moves_to_another_pipeline_is_no_longer_in_a_stage_of_the_old_one(
    conditions, met, looks_before
):
    portal, watch = Portal(), ItemWatch("D_10", conditions, None)
    for _ in range(looks_before):
        assert not portal.look(watch)
    portal.item |= {"categoryId": 1, "stageId": "C1:NEW"}
    portal.stages, portal.elsewhere = {"C1:NEW": "P"}, [("DEAL_STAGE", "NEW"), ("DEAL_STAGE", "WON")]
    portal.calls.clear()
    assert portal.look(watch) is met
    if looks_before:
        assert portal.methods == [_GET, _STAGES]
    if not met:
        assert "has no stage WON in its pipeline" in portal.sight(watch).seen


def test_whether_a_stage_exists_is_asked_once():
    portal, watch = Portal(), ItemWatch("D_10", {"stageId": ["WON", "C2:WON"]}, None)
    portal.elsewhere = [("DEAL_STAGE_2", "C2:WON")]
    portal.look(watch)
    portal.elsewhere = []
    portal.calls.clear()
    assert portal.look(watch) is False
    assert portal.methods == [_GET, _STAGES]


@pytest.mark.parametrize(("stage", "shown"), [("GONE", "'GONE'"), (None, "''")])
def test_an_item_in_a_stage_that_its_pipeline_does_not_list(stage, shown):
    portal = Portal(stageId=stage)
    problem = f"{_STAGES}: deal 10 stands in stage {shown}, which its pipeline does not list"
    with pytest.raises(UnexpectedResultError, match=f"^{re.escape(problem)}$"):
        portal.look(ItemWatch("D_10", None, "success"))
    assert portal.methods == [_GET, _STAGES, _STAGES]


# ---------------------------------------------------------------- answers that are none


@cases(
    ("method", "answer", "problem"),
    [
        (_FIELDS, [], f"{_FIELDS}: no fields"),
        (_FIELDS, {}, f"{_FIELDS}: no fields"),
        (_FIELDS, {"fields": []}, f"{_FIELDS}: no fields"),
        (_FIELDS, {"fields": {"title": "string"}}, f"{_FIELDS}: a field without a description"),
        (_GET, None, f"{_GET}: asked for deal 10, the portal answered another or none"),
        (_GET, {"item": {"id": 11}}, f"{_GET}: asked for deal 10, the portal answered another or none"),
        (_GET, {"item": {"id": 10, "categoryId": "x"}}, f"{_GET}: a pipeline without a number: 'x'"),
        (_GET, {"item": {"id": 10, "categoryId": "-1"}}, f"{_GET}: a pipeline without a number: '-1'"),
        (_GET, {"item": {"id": 10, "categoryId": "²"}}, f"{_GET}: a pipeline without a number: '²'"),
        (_STAGES, None, f"{_STAGES}: a list without stages"),
    ],
)
def test_an_answer_that_is_none(method, answer, problem):
    portal = Portal()
    portal.answers[method] = answer
    with pytest.raises(UnexpectedResultError, match=f"^{re.escape(problem)}$"):
        portal.look(ItemWatch("D_10", {"title": "A"}, "success"))


@cases("method", [_FIELDS, _GET, _STAGES])
@cases("error", [NotFoundError("Not found"), ServerError("boom")], ids=["gone", "down"])
def test_an_error_ends_the_look(method, error):
    portal = Portal()
    portal.answers[method] = error
    watch = ItemWatch("D_10", {"title": "A"}, "process")
    with pytest.raises(type(error)):
        portal.look(watch)
    assert portal.methods[-1] == method
    del portal.answers[method]
    assert portal.look(watch) is False


def test_an_item_that_does_not_exist_is_named():
    portal = Portal()
    portal.answers[_GET] = NotFoundError("Element was not found", code="NOT_FOUND", portal="p.bitrix24.com")
    with pytest.raises(NotFoundError) as caught:
        portal.look(ItemWatch("D_10", {"title": "A"}, None))
    assert str(caught.value) == (
        f"{_GET} at p.bitrix24.com: NOT_FOUND item: deal 10 does not exist. Check its type and id."
    )


def test_an_error_when_the_stages_are_asked_for_anew():
    portal = Portal(stageId="GONE")
    answer = portal.answer
    portal.answer = lambda call, shared: (
        answer(call, shared) if shared or call.method != _STAGES else Outcome(call, error=ServerError("boom"))
    )
    with pytest.raises(ServerError, match="boom"):
        portal.look(ItemWatch("D_10", None, "success"))


def test_a_field_that_the_item_does_not_have():
    with pytest.raises(
        InvalidInputError,
        match=r"^conditions: the item has no field 'titel'\. Write 'title', if you",
    ):
        Portal().look(ItemWatch("D_10", {"titel": "A"}, None))
