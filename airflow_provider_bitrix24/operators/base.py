"""What all operators share: the hook, errors that name the upstream task, outcomes that outlive a failure."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, Context
from airflow.sdk.definitions.mappedoperator import MappedOperator

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.cards import card_address
from airflow_provider_bitrix24.crm.inputs import holds_template
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.lineage import DataNode, Lineage, portal_node
from airflow_provider_bitrix24.crm.lineage_of_methods import use_of
from airflow_provider_bitrix24.crm.telling import first_of
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import (
    BITRIX24_RETRY_POLICY,
    Bitrix24Error,
    InvalidInputError,
    joined,
)
from airflow_provider_bitrix24.operators.arguments import Arguments, task_names
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.rest.calls import Call

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

#: the XCom key under which the outcomes of many items are kept when the task fails
OUTCOMES_KEY = "outcomes"
#: the XCom key under which Airflow keeps what a task returns
RESULT_KEY = "return_value"


class Bitrix24Operator(BaseOperator):
    """Base of the operators.

    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    """

    template_fields: Sequence[str] = ("bitrix24_conn_id",)
    #: where the link to the card leads, once that is known
    card_address = ""
    ui_color = "#d5f1fc"
    #: what lineage calls the portal's datasets that the task reads, and those that it writes
    reads: ClassVar[Sequence[str]] = ()
    writes: ClassVar[Sequence[str]] = ()
    #: whether the task is at work, or was; and whether it came to its end
    _has_begun = False
    _has_ended = False

    def __init__(self, *, bitrix24_conn_id: str = DEFAULT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**_with_retry_policy(kwargs))
        self.bitrix24_conn_id = bitrix24_conn_id
        self.arguments = Arguments(self)

    @cached_property
    def hook(self) -> Bitrix24Hook:
        """The hook on the operator's connection."""
        return Bitrix24Hook(self.bitrix24_conn_id)

    @property
    def _file_ends(self) -> tuple[str, ...]:
        """How a text ends that names a file with a template in it."""
        return tuple(self.template_ext)

    def render_template(self, content: Any, context: Context, *args: Any, **kwargs: Any) -> Any:
        """Render a template. A text that holds none stays as it is, also with native rendering.

        :param content: a text, or something that may hold texts
        :param context: the task's context
        :param args: further arguments of Airflow
        :param kwargs: further arguments of Airflow
        """
        if isinstance(content, str) and not (content.endswith(self._file_ends) or holds_template(content)):
            return content
        return super().render_template(content, context, *args, **kwargs)

    def on_kill(self) -> None:
        """Send nothing more: the task is being stopped, such as by marking it as failed."""
        # A signal's handler calls this. It may not log: the interrupted thread may hold the logger's lock.
        self.hook.stop()

    def link_card(self, item: CrmItem) -> None:
        """Let the task's page lead to an item's card in the portal, where the connection can be read.

        :param item: the item
        """
        self.link(lambda origin: card_address(origin, item))

    def link(self, address: Callable[[str], str]) -> None:
        """Let the task's page lead to a page of the portal, where the connection can be read.

        :param address: returns its address, given the portal's scheme, host and port
        """
        try:
            self.card_address = address(self.hook.origin)
        except rest.Bitrix24Error as error:  # a link is no reason to fail: what needs the portal will say it
            self.log.debug("There is no link into the portal: %s", error)

    def lineage(self) -> Lineage:
        """Return what the task reads and writes: what it is about to before it begins, then what it has.

        OpenLineage is there whenever Airflow asks for this.
        """
        written = self.written_nodes() if self.has_written else []
        return Lineage([self.dataset_node(name) for name in self.reads], written)

    def lineage_of(self, calls: Iterable[Call]) -> Lineage:
        """Return what calls read and write, as far as their methods and parameters tell.

        :param calls: the calls
        """
        uses = {use for call in calls if (use := use_of(call)) is not None}
        written = sorted(use.name for use in uses if use.writes and self.has_written)
        read = sorted(use.name for use in uses if not use.writes)
        return Lineage(list(map(self.dataset_node, read)), list(map(self.dataset_node, written)))

    def written_nodes(self) -> list[DataNode]:
        """Return the portal's datasets that the task writes."""
        return [self.dataset_node(name) for name in self.writes]

    @property
    def has_written(self) -> bool:
        """Whether the task is about to write, or has written; ``False`` where it failed before."""
        return self._has_ended or not self._has_begun

    def dataset_node(self, name: str, **known: Any) -> DataNode:
        """Return a dataset of the connection's portal. Nothing is asked for but the connection.

        :param name: what lineage calls it
        :param known: what else is known of it: ``schema``, ``rows``
        """
        return portal_node(self.hook.portal, name, **known)

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any] | None:
        """Return what the task is about to read and write: OpenLineage asks for it."""
        return self._openlineage()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return what the task has read and written: OpenLineage asks for it.

        :param task_instance: the task instance, which makes no difference
        """
        return self._openlineage()

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return what the task read and wrote before it failed: OpenLineage asks for it.

        :param task_instance: the task instance, which makes no difference
        """
        # a template that cannot be rendered fails a task before it begins
        return self._openlineage() if self._has_begun else None

    def _openlineage(self) -> OperatorLineage[Any, Any] | None:
        from airflow_provider_bitrix24.operators.lineage import openlineage_of

        try:
            return openlineage_of(self.lineage())
        except Exception as error:  # whatever it is: a task is no worse for it
            self.log.debug("Lineage cannot be reported: %s", type(error).__name__)
            return None

    @contextmanager
    def traced(self, context: Context) -> Iterator[None]:
        """Raise the hook's errors; an error about an argument names the upstream task.

        Airflow's log viewer cuts the line of an exception off, so the remedy has a log line of its own. The
        outcomes of many items go to XCom, and up to ten failures are logged.

        :param context: the task's context
        """
        self._has_begun = True
        try:
            with joined():
                yield
        except InvalidInputError as error:
            found: Bitrix24Error = self._with_source(error)
        except Bitrix24Error as error:
            found = error
        else:
            self._has_ended = True
            return
        level = logging.WARNING if _is_tried_again(context, found) else logging.ERROR
        if found.outcomes:
            context["ti"].xcom_push(key=OUTCOMES_KEY, value=list(found.outcomes))
            self.log_failed(found.outcomes, level, OUTCOMES_KEY)
        if found.remedy:
            self.log.log(level, "What to do: %s", found.remedy)
        raise found from None

    def log_failed(self, rows: Sequence[Any], level: int, key: str) -> None:
        """Log up to ten of the items that failed, a line each.

        :param rows: what happened to every item
        :param level: level of the lines
        :param key: XCom key of the rows
        """
        failed = (
            f"Failed: {self.place_of(position, row)}{row['ERROR_DESCRIPTION']}"
            for position, row in enumerate(rows)
            if isinstance(row, dict) and row.get("STATUS") == "failed"
        )
        for line in first_of(failed, f"more failed, see XCom key {key!r}."):
            self.log.log(level, "%s", line)

    def place_of(self, position: int, row: dict[str, Any]) -> str:
        """Return what names a failed item in the log before its error, where the error does not.

        :param position: where the item stands
        :param row: what happened to it
        """
        return ""

    def _with_source(self, error: InvalidInputError) -> InvalidInputError:
        argument = re.split(r"[:.\[]", error.description, maxsplit=1)[0]
        source = self.arguments.source(argument) or self._source_of_mapping(argument)
        if not source:
            return error
        return error.but(remedy=f"{error.remedy} The value came from task {source}.".strip())

    def _source_of_mapping(self, argument: str) -> str:
        """Return the tasks that an argument of this one of many mapped tasks may come from."""
        dag = self.get_dag()
        mapped = dag.task_dict.get(self.task_id) if dag else None
        if not isinstance(mapped, MappedOperator) or argument in mapped.partial_kwargs:
            return ""
        return task_names(mapped.iter_mapped_dependencies())


def _with_retry_policy(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return an operator's arguments with our retry policy, where Airflow has such and none is given."""
    given = kwargs.get("retry_policy") or (kwargs.get("default_args") or {}).get("retry_policy")
    if BITRIX24_RETRY_POLICY is None or given is not None:
        return kwargs
    return {**kwargs, "retry_policy": BITRIX24_RETRY_POLICY}


def _is_tried_again(context: Context, error: Bitrix24Error) -> bool:
    """Tell whether Airflow tries the task again after an error."""
    ti = context.get("ti")
    return not error.permanent and getattr(ti, "try_number", 1) <= getattr(ti, "max_tries", 0)
