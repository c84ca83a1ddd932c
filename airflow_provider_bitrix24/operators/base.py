"""What all operators share: the hook, where a value came from, and outcomes that outlive a failure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseOperator, Context, XComArg
from airflow.sdk.definitions.mappedoperator import MappedOperator

from airflow_provider_bitrix24.connection import form
from airflow_provider_bitrix24.crm.cards import card_address
from airflow_provider_bitrix24.crm.given import Given
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import (
    BITRIX24_RETRY_POLICY,
    Bitrix24Error,
    InvalidConnectionError,
    InvalidInputError,
    joined,
)

#: the XCom key under which the outcomes of many items are kept, also when the task fails
OUTCOMES_KEY = "outcomes"

T = TypeVar("T")


class Unset:
    """Stands for an argument that was not given, which is something else than ``None``."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Any = Unset()


def given(**arguments: Any) -> set[str]:
    """Return the names of the arguments that were given."""
    return {name for name, value in arguments.items() if not isinstance(value, Unset)}


def or_none(value: Any) -> Any:
    """Return an argument's value, ``None`` where it was not given."""
    return None if isinstance(value, Unset) else value


def optional(operator: BaseOperator, **arguments: Any) -> Given:
    """Return which optional arguments were given to an operator.

    ``None`` is one way to leave one out, but not in a mapped task: there an upstream task returned it.

    :param operator: the operator, within its constructor
    :param arguments: the arguments by name, :data:`UNSET` where there is none
    """
    mapped = getattr(operator, "_BaseOperator__from_mapped", False)  # Airflow has no public word for it
    names = given(**arguments)
    return Given(names if mapped else [name for name in names if arguments[name] is not None])


class Bitrix24Operator(BaseOperator):
    """Base of the operators.

    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    """

    template_fields: Sequence[str] = ("bitrix24_conn_id",)
    #: where the link to the card leads, once that is known
    card_address = ""
    ui_color = "#d5f1fc"

    def __init__(self, *, bitrix24_conn_id: str = form.DEFAULT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**_with_retry_policy(kwargs))
        self.bitrix24_conn_id = bitrix24_conn_id
        self._sources: dict[str, str] = {}

    @property
    def hook(self) -> Bitrix24Hook:
        """A hook on the operator's connection."""
        return Bitrix24Hook(self.bitrix24_conn_id)

    def remember_sources(self, **arguments: Any) -> None:
        """Note which tasks the arguments come from, so that a bad value can be traced to its task."""
        for name, value in arguments.items():
            self._sources[name] = _names(task for task, _ in XComArg.iter_xcom_references(value))

    def link_card(self, hook: Bitrix24Hook, item: CrmItem) -> None:
        """Let the task's page lead to an item's card in the portal.

        :param hook: knows where the portal is
        :param item: the item
        """
        self.card_address = card_address(hook.get_conn().session.credentials.origin, item)

    @contextmanager
    def traced(self) -> Iterator[None]:
        """Raise the hook's errors, and name the upstream task in one about an argument that came from it."""
        try:
            with joined():
                yield
        except InvalidInputError as error:
            found: Bitrix24Error = self._with_source(error)
        except AirflowNotFoundException as error:
            found = InvalidConnectionError(f"bitrix24_conn_id: {error}")
        else:
            return
        raise found from None

    def _with_source(self, error: InvalidInputError) -> InvalidInputError:
        argument = re.split(r"[:.\[]", error.description, maxsplit=1)[0]
        source = self._sources.get(argument) or self._source_of_mapping(argument)
        if not source:
            return error
        remedy = f"{error.remedy} The value came from task {source}.".strip()
        return type(error).from_fields({**error.fields(), "remedy": remedy})

    def _source_of_mapping(self, argument: str) -> str:
        """Return the tasks that an argument of this one of many mapped tasks may come from."""
        dag = self.get_dag()
        mapped = dag.task_dict.get(self.task_id) if dag else None
        if not isinstance(mapped, MappedOperator) or argument in mapped.partial_kwargs:
            return ""
        return _names(mapped.iter_mapped_dependencies())


def _with_retry_policy(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return an operator's arguments with our retry policy, where Airflow has such and none is given."""
    given = kwargs.get("retry_policy") or (kwargs.get("default_args") or {}).get("retry_policy")
    if BITRIX24_RETRY_POLICY is None or given is not None:
        return kwargs
    return {**kwargs, "retry_policy": BITRIX24_RETRY_POLICY}


def _names(tasks: Iterable[Any]) -> str:
    return ", ".join(sorted({repr(task.task_id) for task in tasks}))


def pushing_outcomes(context: Context, work: Callable[[], T]) -> T:
    """Do work on many items; should it fail, push what became of each before the task fails.

    :param context: the task's context
    :param work: returns the result, or raises an error that carries ``outcomes``
    """
    try:
        return work()
    except Exception as error:
        outcomes = getattr(error, "outcomes", ())
        if outcomes:
            context["ti"].xcom_push(key=OUTCOMES_KEY, value=list(outcomes))
        raise


def check_flag(value: Any, name: str) -> bool:
    """Return an argument that is ``True`` or ``False``, nothing that merely counts as such.

    :param value: the argument
    :param name: its name, for the message
    :raises InvalidInputError: it is neither
    """
    if isinstance(value, bool):
        return value
    raise InvalidInputError(f"{name}: {value!r} is neither True nor False")


def check_either(parts: set[str], names: Sequence[str], other: str, *, other_given: bool) -> None:
    """Refuse arguments that are given in part, twice or not at all.

    :param parts: which of the names are given
    :param names: arguments that belong together
    :param other: the argument that may stand for all of them
    :param other_given: whether that is given
    :raises InvalidInputError: they are
    """
    missing = [name for name in names if name not in parts]
    remedy = f"Give {', '.join(names[:-1])} and {names[-1]}, or {other}."
    if other_given and parts:
        raise InvalidInputError(f"{other} and {min(parts)}: both are given", remedy=remedy)
    if not other_given and missing:
        raise InvalidInputError(f"{missing[0]}: it is not given", remedy=remedy)


def from_template(value: Any, field: str) -> Any:
    """Return an argument that may have become one JSON text in a template.

    :param value: the rendered argument
    :param field: its name, for the message
    :raises InvalidInputError: it is a text, but not JSON
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        problem = f"{field}: the text {value[:80]!r} is not JSON"
    raise InvalidInputError(problem, remedy="In a template write {{ ... | tojson }}.")
