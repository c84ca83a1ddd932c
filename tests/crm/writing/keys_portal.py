"""A portal without HTTP, whose database takes texts for one that differ by case or by spaces at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.reply import Reply


class Portal:
    """Answers look-ups.

    :param items: the items, each with its ``id``
    :param instead: returns what is answered instead of a call's result: a result or an error; or ``None``
    """

    def __init__(self, *items: dict[str, Any], instead: Callable[[Call], Any] | None = None) -> None:
        self.items = sorted(items, key=lambda item: item["id"])
        self.instead = instead or (lambda call: None)
        self.works: list[list[Call]] = []
        #: what a search for duplicates finds, by the value as it is asked for
        self.duplicates: dict[str, Any] = {}

    @property
    def calls(self) -> list[Call]:
        return [call for calls in self.works for call in calls]

    def run(self, plan: Plan[Any]) -> Any:
        try:
            work = next(plan)
            while True:
                assert work.calls, "no calls to carry out"
                assert len(self.works) < 20, "the plan goes on for ever"
                self.works.append(work.calls)
                work = plan.send([self._outcome(call) for call in work.calls])
        except StopIteration as stop:
            return stop.value

    def _outcome(self, call: Call) -> Outcome:
        answer = self.instead(call)
        if answer is None:
            answer = self._list(call) if call.method == "crm.item.list" else self._duplicates(call)
        if isinstance(answer, Bitrix24Error):
            return Outcome(call, error=answer)
        return Outcome(call, Reply(answer))

    def _list(self, call: Call) -> Any:
        assert call.params["start"] == -1
        rows = [item for item in self.items if _matches(item, call.params["filter"])]
        select = call.params["select"]
        shown = [{name: row[name] for name in row if "*" in select or name in select} for row in rows[:50]]
        return {"items": shown}

    def _duplicates(self, call: Call) -> Any:
        [value] = call.params["values"]
        return self.duplicates.get(value, [])


def _matches(item: dict[str, Any], where: dict[str, Any]) -> bool:
    for name, value in where.items():
        stored = item[name.lstrip("@=>")]
        if name.startswith(">"):
            matches = stored > value
        else:
            assert value != [], "an empty list loses the condition"
            values = value if isinstance(value, list) else [value]
            matches = _collated(stored) in map(_collated, values)
        if not matches:
            return False
    return True


def _collated(value: Any) -> Any:
    return value.rstrip(" ").lower() if isinstance(value, str) else value
