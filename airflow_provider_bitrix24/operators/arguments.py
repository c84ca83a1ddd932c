"""An operator's arguments as the DAG file gave them, before templates and tasks fill in the values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from airflow.sdk import BaseOperator, XComArg

from airflow_provider_bitrix24.crm.inputs import holds_template, refuse_lost
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline.activities import ActivityBinding
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.rest.calls import Call

_PLAIN = (bool, int, float, Decimal, date, CrmItem, TimelineBinding, ActivityBinding, Call)


class _NotGiven:
    """Stands for an argument that was omitted, which differs from ``None``."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


#: the default of arguments that may be left out
NOT_GIVEN: Any = _NotGiven()


def or_none(value: Any) -> Any:
    """Return an argument's value, ``None`` where it was not given."""
    return None if isinstance(value, _NotGiven) else value


class Arguments:
    """Which arguments were given to an operator, and which upstream tasks their values come from.

    :param operator: the operator
    """

    def __init__(self, operator: BaseOperator) -> None:
        #: whether it is one of many that a mapped task became; Airflow has no public word for it
        self.is_mapped: bool = getattr(operator, "_BaseOperator__from_mapped", False)
        self._values_given: dict[str, bool] = {}
        self._sources: dict[str, str] = {}
        self._literals: dict[str, Any] = {}

    def note(self, **arguments: Any) -> None:
        """Take note of arguments as they were passed to the constructor.

        :param arguments: the arguments by name, :data:`NOT_GIVEN` where there is none
        """
        for name, value in arguments.items():
            if not isinstance(value, _NotGiven):
                self._values_given[name] = value is not None
                if not self.is_mapped and is_literal(value):
                    self._literals[name] = value
            self._sources[name] = task_names(task for task, _ in XComArg.iter_xcom_references(value))

    def check_literals(self, **checks: Callable[[Any, str], Any]) -> None:
        """Refuse arguments that stand in the DAG file as they are and are not valid.

        The values of templates, of other tasks and of a mapped task are checked when the task runs.

        :param checks: what reads each argument, given its value and its name
        :raises InvalidInputError: one of them is not valid
        """
        with joined():
            for name, check in checks.items():
                if name in self._literals:
                    check(self._literals[name], name)

    def are_literal(self, *names: str) -> bool:
        """Tell whether arguments stand in the DAG file as they are, or are not given."""
        return not self.is_mapped and all(name in self._literals or not self.has(name) for name in names)

    def has(self, name: str) -> bool:
        """Tell whether an argument was given; ``None`` counts as given."""
        return name in self._values_given

    def has_value(self, name: str) -> bool:
        """Tell whether an argument was given, and as something else than ``None``."""
        return self._values_given.get(name, False)

    def is_meant(self, name: str) -> bool:
        """Tell whether an argument has to have a value.

        In a DAG file ``None`` omits an argument; in a mapped task it means that an upstream task returned
        nothing.
        """
        return self.has(name) and (self._values_given[name] or self.is_mapped)

    def source(self, name: str) -> str:
        """Return the names of the tasks that an argument comes from, ``""`` where it comes from none."""
        return self._sources.get(name, "")

    def check_either(self, names: Sequence[str], other: str) -> None:
        """Refuse arguments that are given in part, twice or not at all.

        :param names: arguments that belong together
        :param other: the argument that may stand for all of them
        :raises InvalidInputError: they are
        """
        given = [name for name in names if self.has(name)]
        missing = [name for name in names if not self.has(name)]
        remedy = f"Give {', '.join(names[:-1])} and {names[-1]}, or {other}."
        if self.has(other) and given:
            raise InvalidInputError(f"{other} and {min(given)}: both are given", remedy=remedy)
        if not self.has(other) and missing:
            raise InvalidInputError(f"{missing[0]}: it is not given", remedy=remedy)

    def check_not_lost(self, operator: BaseOperator, *names: str) -> None:
        """Refuse an optional argument that was given, but is ``None`` now.

        :param operator: the operator, rendered
        :param names: the arguments
        :raises InvalidInputError: there is one
        """
        refuse_lost({name: getattr(operator, name) for name in names if self.is_meant(name)})


def task_names(tasks: Iterable[Any]) -> str:
    """Return the ids of tasks, in words."""
    return ", ".join(sorted({repr(task.task_id) for task in tasks}))


def is_literal(value: Any) -> bool:
    """Tell whether a value is plain data without any template, which is never rendered to something else.

    :param value: the value, as it stands in the DAG file
    """
    if isinstance(value, str):
        return not holds_template(value)
    if isinstance(value, dict):
        return all(map(is_literal, (*value, *value.values())))
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(is_literal, value))
    return value is None or isinstance(value, _PLAIN)


def unless_none(check: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Return a check of an optional argument, which ``None`` omits.

    :param check: reads the argument
    """
    return lambda value, name: None if value is None else check(value, name)
