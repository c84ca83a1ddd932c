"""Whole lists: complete or an error, and no more requests than that takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from cases import cases

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.list_query import rows_of
from airflow_provider_bitrix24.rest.paging import pager_for
from airflow_provider_bitrix24.rest.reply import Reply

DEALS, ITEMS, BINDINGS = "crm.deal.list", "crm.item.list", "crm.timeline.bindings.list"


@dataclass
class Table:
    """A list method with the API's paging: pages of 50, ``start`` and ``total``, the first page past the end.

    :param ids: of its rows
    :param key: id's name in filter and rows
    :param place: key of the rows inside the result
    :param counts: whether it tells totals at all
    """

    ids: list[int]
    key: str = "ID"
    place: str = ""
    counts: bool = True
    asked: list[Call] = field(default_factory=list)

    def answer(self, call: Call) -> Reply:
        self.asked.append(call)
        params = {name.lower().removeprefix("ar"): value for name, value in call.params.items()}
        conditions = params.get("filter") or {}
        low = int(conditions.get(f">{self.key}", 0))
        high = int(conditions.get(f"<{self.key}", 10**9))
        ids = sorted(number for number in self.ids if low < number < high)
        if str((params.get("order") or {}).get(self.key, "ASC")).upper() == "DESC":
            ids.reverse()
        start = int(params.get("start", 0))
        if start < 0:
            return Reply(self.rows(ids[:50], params), total=0)
        start = start if start < len(ids) else 0
        following = start + 50 if start + 50 < len(ids) else None
        rows = self.rows(ids[start : start + 50], params)
        return Reply(rows, len(ids) if self.counts else None, following if self.counts else None)

    def rows(self, ids: list[int], params: dict[str, Any]) -> Any:
        names = params.get("select") or [self.key, "TITLE"]
        rows = [{name: str(number) if name == self.key else "x" for name in names} for number in ids]
        return {self.place: rows} if self.place else rows


def read(call: Call, answer: Any) -> list[Any]:
    """Read a whole list; ``answer`` gives the reply to every page asked for."""
    pager = pager_for(call)
    rows: list[Any] = []
    while (page := pager.next_call()) is not None:
        rows += pager.take(answer(page))
    return rows


def ids_of(rows: list[Any], key: str = "ID") -> list[int]:
    return [int(row[key]) for row in rows]


def deals(*ids: int) -> list[dict[str, str]]:
    return [{"ID": str(number)} for number in ids]


def script(*replies: Reply) -> Any:
    """Return a function that answers these replies, and nothing more."""
    waiting = list(replies)
    return lambda page: waiting.pop(0)


# ---------------------------------------------------------------- by id


@cases(("rows", "requests"), [(0, 1), (1, 1), (49, 1), (50, 1), (51, 2), (100, 2), (120, 3), (1000, 20)])
@cases("direction", ["ASC", "DESC"])
def test_a_complete_list_takes_no_request_too_many(rows, requests, direction):
    table = Table(list(range(1, rows + 1)))
    found = ids_of(read(Call(DEALS, {"order": {"ID": direction}}), table.answer))
    assert found == sorted(table.ids, reverse=direction == "DESC")
    assert len(table.asked) == requests


def test_only_the_first_and_the_last_page_are_counted():
    table = Table(list(range(1, 201)))
    read(Call(DEALS), table.answer)
    assert [call.params.get("start") for call in table.asked] == [None, -1, -1, None]
    assert [call.params.get("filter") for call in table.asked[1:]] == [
        {">ID": 50},
        {">ID": 100},
        {">ID": 150},
    ]


@cases(
    ("method", "key", "place"),
    [
        ("crm.item.list", "id", "items"),
        ("crm.stagehistory.list", "ID", "items"),
        ("crm.activity.list", "ID", ""),
        ("CRM.Contact.List", "ID", ""),
    ],
)
def test_shapes(method, key, place):
    table = Table(list(range(1, 121)), key, place)
    assert ids_of(read(Call(method, {"entityTypeId": 2}), table.answer), key) == table.ids
    assert table.asked[-1].params["entityTypeId"] == 2


def test_tasks_are_asked_for_in_upper_case_and_answered_in_lower():
    pages = script(
        Reply({"tasks": [{"id": str(number)} for number in range(1, 51)]}, 60, 50),
        Reply({"tasks": [{"id": str(number)} for number in range(51, 61)]}, 10),
    )
    assert len(read(Call("tasks.task.list"), pages)) == 60


@pytest.mark.parametrize("select", [["TITLE"], {"0": "TITLE"}, ("TITLE",)], ids=["list", "mapping", "tuple"])
def test_a_selection_without_the_id_is_read_by_it_all_the_same(select):
    table = Table(list(range(1, 61)))
    rows = read(Call(DEALS, {"SELECT": select}), table.answer)
    assert rows == [{"TITLE": "x"}] * 60
    assert all(call.params["SELECT"] == ["ID", "TITLE"] for call in table.asked)


@cases("select", [["ID", "TITLE"], ["*"], ["TITLE", "id"], []])
def test_a_selection_with_the_id_is_left_alone(select):
    pages = script(Reply(deals(1, 2), 2))
    assert read(Call(DEALS, {"select": select}), pages) == deals(1, 2)


@cases("name", ["filter", "FILTER", "Filter", "arFilter"])
def test_the_callers_filter_stays_under_the_name_he_gave_it(name):
    table = Table(list(range(1, 121)))
    read(Call(DEALS, {name: {"STAGE_ID": "WON"}}), table.answer)
    assert table.asked[1].params[name] == {"STAGE_ID": "WON", ">ID": 50}
    assert {key.lower() for key in table.asked[1].params} == {name.lower(), "order", "start"}


@cases("name", ["select", "SELECT", "arSelect", "ARSELECT"])
def test_the_callers_selection_stays_under_the_name_he_gave_it(name):
    table = Table(list(range(1, 121)))
    read(Call(DEALS, {name: ["TITLE"]}), table.answer)
    assert {key.lower() for page in table.asked for key in page.params} == {
        name.lower(),
        "filter",
        "order",
        "start",
    }
    assert all(page.params[name] == ["ID", "TITLE"] for page in table.asked)


@cases("name", ["order", "ORDER", "arOrder", "ARORDER"])
def test_the_callers_order_stays_under_the_name_he_gave_it(name):
    table = Table(list(range(1, 61)))
    read(Call(DEALS, {name: {"TITLE": "DESC"}}), table.answer)
    assert [page.params[name] for page in table.asked] == [{"TITLE": "DESC", "ID": "ASC"}] * 2
    assert {key.lower() for page in table.asked for key in page.params} == {name.lower(), "start"}


@pytest.mark.parametrize(("order", "bound"), [("ASC", {">ID": 30}), ("DESC", {"<ID": 91})])
def test_a_filter_on_the_id_is_kept(order, bound):
    table = Table(list(range(1, 121)))
    call = Call(DEALS, {"filter": bound, "order": {"ID": order}})
    expected = [number for number in table.ids if (number > 30 if order == "ASC" else number < 91)]
    assert sorted(ids_of(read(call, table.answer))) == expected


def test_both_bounds_on_the_id():
    table = Table(list(range(1, 201)))
    call = Call(DEALS, {"filter": {">ID": 10, "<ID": 150}})
    assert ids_of(read(call, table.answer)) == list(range(11, 150))


@cases("start", [0, "0", -1, "-1"])
def test_start_at_the_beginning(start):
    table = Table(list(range(1, 61)))
    assert len(read(Call(DEALS, {"start": start}), table.answer)) == 60


@cases("start", [50, "50", None, [0]])
def test_start_in_the_middle_is_refused(start):
    with pytest.raises(e.InvalidInputError, match=r"params\.start"):
        pager_for(Call(DEALS, {"START": start}))


@cases("rows", [0, 20, 50, 70, 100])
def test_without_totals_an_empty_page_is_the_end(rows):
    table = Table(list(range(1, rows + 1)), counts=False)
    assert ids_of(read(Call(DEALS), table.answer)) == table.ids
    assert len(table.asked) == -(-rows // 50) + 1


def test_a_total_below_what_came_is_no_total():
    """A portal that does not count, and says 0, has not said that there is nothing more."""
    pages = script(Reply(deals(*range(1, 51)), 0), Reply(deals(*range(51, 61)), 0), Reply([], 0))
    assert len(read(Call(DEALS), pages)) == 60


def test_a_short_page_in_between_is_not_the_end():
    pages = script(
        Reply(deals(*range(1, 51)), 130, 50),
        Reply(deals(*range(51, 71)), 0),
        Reply(deals(*range(71, 121)), 60, 50),
        Reply(deals(*range(121, 131)), 10),
    )
    assert ids_of(read(Call(DEALS), pages)) == list(range(1, 131))


def test_rows_deleted_meanwhile_are_no_gap():
    table = Table(list(range(1, 121)))

    def answer(page):
        reply = table.answer(page)
        table.ids = [number for number in table.ids if number not in (60, 61)]
        return reply

    assert ids_of(read(Call(DEALS), answer)) == [n for n in range(1, 121) if n not in (60, 61)]
    assert len(table.asked) == 4, "one more request tells that the rows are gone and not lost"


def test_rows_added_meanwhile_do_not_hide_others():
    """As many rows as were counted have come, but one of them is new: the last one is still missing."""
    table = Table([number for number in range(1, 102) if number != 75])

    def answer(page):
        reply = table.answer(page)
        table.ids = list(range(1, 102))
        return reply

    assert ids_of(read(Call(DEALS), answer)) == list(range(1, 102))


@pytest.mark.parametrize("last", [Reply(deals(*range(51, 61)), 10), Reply([], 0)], ids=["short", "empty"])
def test_rows_that_never_come_are_an_error(last):
    recount = Reply(deals(1), 90)
    pages = script(Reply(deals(*range(1, 51)), 90, 50), last, recount, Reply([], 0), recount)
    with pytest.raises(e.IncompleteListError, match="counts 90 rows but showed"):
        read(Call(DEALS), pages)


def test_a_recount_that_agrees_is_the_end():
    pages = script(Reply(deals(*range(1, 51)), 90, 50), Reply(deals(*range(51, 61)), 10), Reply([], 60))
    assert len(read(Call(DEALS), pages)) == 60


def test_a_recount_that_counts_nothing_proves_nothing():
    pages = script(Reply(deals(*range(1, 51)), 90, 50), Reply(deals(*range(51, 61)), 10), Reply([]))
    with pytest.raises(e.IncompleteListError, match="counts 90 rows, then none"):
        read(Call(DEALS), pages)


def test_a_row_that_goes_while_pages_are_read_is_noticed():
    """Deal 51 moves up to the page that was read already."""
    pages = script(Reply(deals(*range(1, 51)), 150, 50), Reply(deals(*range(52, 102)), 149, 100))
    with pytest.raises(e.IncompleteListError, match="counted 150 rows and now 149"):
        read(Call(DEALS, {"order": {"TITLE": "ASC"}}), pages)


def test_a_filter_written_as_a_list_is_kept_on_every_page():
    conditions = [{"STAGE_ID": "A"}, {"STAGE_ID": "B"}]
    replies = script(Reply(deals(*range(1, 51)), 60, 50), Reply(deals(*range(51, 61)), 10))
    asked = []
    rows = read(Call(DEALS, {"filter": conditions}), lambda page: asked.append(page) or replies(page))
    assert len(rows) == 60
    assert asked[1].params["filter"] == {"0": conditions[0], "1": conditions[1], ">ID": 50}


@cases(
    "page",
    [deals(*range(1, 51)), deals(50, 51), deals(51, 51), deals(52, 51)],
    ids=["first-page-again", "stalled", "twice", "unordered"],
)
def test_a_list_that_repeats_is_an_error(page):
    """So a filter that the portal drops is noticed at once."""
    pages = script(Reply(deals(*range(1, 51)), 120, 50), Reply(page, 0))
    with pytest.raises(e.IncompleteListError, match="came after"):
        read(Call(DEALS), pages)


@cases("row", [{"TITLE": "x"}, {"ID": None}, {"ID": "1.5"}, {"ID": True}, {"ID": "²"}, "7", None])
def test_a_row_without_id_is_an_error(row):
    with pytest.raises(e.UnexpectedResultError, match="without ID"):
        read(Call(DEALS), script(Reply([row], 1)))


def test_a_row_of_items_without_id_tells_how_their_fields_are_named():
    call = Call(ITEMS, {"entityTypeId": 2, "select": ["ID", "TITLE"]})
    with pytest.raises(e.UnexpectedResultError, match="without id") as caught:
        read(call, script(Reply({"items": [{"title": "x"}]}, 1)))
    assert "in camelCase, such as 'assignedById'" in caught.value.remedy
    assert caught.value.permanent


def test_a_list_that_changes_under_an_order_is_better_read_without_it():
    by_date = Call(DEALS, {"order": {"DATE_MODIFY": "ASC"}})
    pages = script(Reply(deals(*range(1, 51)), 60, 50), Reply(deals(*range(50, 60)), 60))
    with pytest.raises(e.IncompleteListError) as caught:
        read(by_date, pages)
    assert caught.value.remedy.startswith("Leave 'order' out: ")


@pytest.mark.parametrize("method", [DEALS, "user.get"])
def test_a_list_that_is_not_whole_always_has_a_remedy(method):
    pages = script(Reply(deals(*range(1, 51)), 120, 50), Reply(deals(1, 2), 70))
    with pytest.raises(e.IncompleteListError) as caught:
        read(Call(method), pages)
    assert caught.value.remedy.startswith("Read it again.")


@cases("result", [None, True, {}, {"a": [], "b": []}, "x"])
def test_no_rows_at_all_is_an_error(result):
    with pytest.raises(e.UnexpectedResultError):
        rows_of(Call("crm.deal.list"), Reply(result))


def test_rows_under_an_unknown_key():
    assert rows_of(Call("crm.type.list"), Reply({"types": [1], "more": 2})) == [1]
    assert rows_of(Call(ITEMS), Reply([]), "items") == []


# ---------------------------------------------------------------- by offset


@cases(("rows", "requests"), [(0, 1), (49, 1), (50, 2), (51, 2), (100, 2), (120, 3)])
def test_other_lists_follow_next(rows, requests):
    table = Table(list(range(1, rows + 1)))
    assert ids_of(read(Call("user.get"), table.answer)) == table.ids
    assert len(table.asked) == requests


@cases("logic", ["logic", "LOGIC"])
@cases("method", [DEALS, ITEMS])
def test_another_order_or_a_filter_that_takes_no_more_conditions_is_read_by_offset(logic, method):
    by_title = Call(method, {"order": {"TITLE": "DESC"}})
    either = Call(method, {"filter": {logic: "OR", "0": {"A": 1}}})
    for call in (by_title, either):
        table = Table(list(range(1, 61)), *(("id", "items") if method == ITEMS else ()))
        assert len(read(call, table.answer)) == 60
        assert [page.params.get("start") for page in table.asked] == [None, 50]


def test_an_order_with_equal_rows_is_made_unambiguous():
    table = Table(list(range(1, 61)))
    read(Call(DEALS, {"order": {"STAGE_ID": "DESC"}}), table.answer)
    assert [list(page.params["order"].items()) for page in table.asked] == [
        [("STAGE_ID", "DESC"), ("ID", "ASC")]
    ] * 2
    table = Table([1])
    read(Call(DEALS, {"order": {"STAGE_ID": "DESC", "id": "DESC"}}), table.answer)
    assert table.asked[0].params["order"] == {"STAGE_ID": "DESC", "id": "DESC"}


def test_comments_get_an_order():
    table = Table(list(range(1, 61)))
    read(Call("crm.timeline.comment.list", {"filter": {"ENTITY_ID": 1}}), table.answer)
    assert all(page.params["order"] == {"ID": "ASC"} for page in table.asked)
    read(Call("crm.timeline.comment.list", {"order": {"CREATED": "DESC"}}), table.answer)
    assert table.asked[-1].params["order"] == {"CREATED": "DESC"}


def test_another_order_and_a_selection_without_the_id():
    """Rows that look alike are told apart by the id, which is taken out again."""
    table = Table(list(range(1, 61)))
    rows = read(Call(DEALS, {"order": {"TITLE": "ASC"}, "select": ["TITLE"]}), table.answer)
    assert rows == [{"TITLE": "x"}] * 60


def test_rows_that_nothing_tells_apart_may_be_alike():
    pages = script(Reply(["a"] * 50, 70, 50), Reply(["a"] * 20, 70))
    assert read(Call("some.list"), pages) == ["a"] * 70


@pytest.mark.parametrize(
    "page",
    [["a"] * 50, deals(*range(1, 51)), [{"X": 1}] * 50],
    ids=["scalars", "ids", "no-ids"],
)
def test_the_first_page_again_is_an_error(page):
    with pytest.raises(e.IncompleteListError, match="came twice"):
        read(Call("some.list"), script(Reply(page, 120, 50), Reply(page, 120, 100)))


def binding(number: int) -> dict[str, str]:
    return {"OWNER_ID": "7", "ENTITY_TYPE": "deal", "ENTITY_ID": str(number)}


def test_bindings_are_told_apart_by_their_item():
    pages = script(Reply([binding(n) for n in range(50)], 51, 50), Reply([binding(50)], 51))
    assert len(read(Call(BINDINGS, {"filter": {"OWNER_ID": 7}}), pages)) == 51
    with pytest.raises(e.IncompleteListError, match="7/deal/1"):
        read(Call(BINDINGS), script(Reply([binding(1), binding(1)], 2)))


@cases(
    ("replies", "problem"),
    [
        ([Reply(deals(*range(50)), 120)], "counts 120 rows but showed 50"),
        ([Reply(deals(*range(50)), 120, 50), Reply(deals(*range(50, 60)), 120)], "counts 120 rows but"),
        ([Reply(deals(*range(50)), 120, 50), Reply(deals(*range(50, 99)), 120, 50)], "not past 50"),
        ([Reply(deals(1), 120, 0)], "not past 0"),
        ([Reply(deals(*range(50)), None, 50), Reply([], None, 100)], "an empty page"),
    ],
    ids=["no-next", "short", "stalled", "at-once", "for-ever"],
)
def test_a_list_by_offset_that_is_not_whole_is_an_error(replies, problem):
    with pytest.raises(e.IncompleteListError, match=problem):
        read(Call("user.get"), script(*replies))


def test_a_page_of_another_size_is_followed():
    pages = script(Reply({"logMessages": [{"id": 1}]}, 2, 1), Reply({"logMessages": [{"id": 2}]}, 2))
    assert len(read(Call("crm.timeline.logmessage.list"), pages)) == 2
