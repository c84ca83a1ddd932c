"""What the operators share that write the rows of a source into the CRM."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, ClassVar, get_args

from airflow.sdk import Context

from airflow_provider_bitrix24.crm.lineage import DataNode, Lineage, Origin
from airflow_provider_bitrix24.crm.outcomes import FAILED
from airflow_provider_bitrix24.crm.rows import check_pass_through
from airflow_provider_bitrix24.crm.telling import counted
from airflow_provider_bitrix24.crm.writing.changes import Change, ChangeParser, Operation
from airflow_provider_bitrix24.crm.writing.work import write
from airflow_provider_bitrix24.crm.writing.writing import Writing
from airflow_provider_bitrix24.files.formats import file_format_of
from airflow_provider_bitrix24.files.writing import check_path
from airflow_provider_bitrix24.hooks.bulk import FailOn, check_fail_on, check_in_flight, keeps_invalid
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.hooks.extraction import check_choice
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.hooks.writing import check_max_items, say_left_out
from airflow_provider_bitrix24.links.card import CrmCardLink
from airflow_provider_bitrix24.operators.arguments import or_none, unless_none
from airflow_provider_bitrix24.operators.base import OUTCOMES_KEY
from airflow_provider_bitrix24.operators.lineage import file_node
from airflow_provider_bitrix24.operators.writing import ItemsOperator
from airflow_provider_bitrix24.transfers.checked_rows import CheckedRows
from airflow_provider_bitrix24.transfers.outcomes_file import OUTCOME_COLUMNS, OutcomesFile, open_outcomes
from airflow_provider_bitrix24.transfers.spool import Spool
from airflow_provider_bitrix24.transfers.tally import KEPT, STATUSES, Tally

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """What rows are read from.

    :param nodes: the datasets
    :param origins: which of their fields each column of the rows comes from
    """

    nodes: Sequence[DataNode] = ()
    origins: Mapping[str, Sequence[Origin]] = field(default_factory=dict, hash=False)


class LoadingOperator(ItemsOperator):
    """Base of the operators that write the rows of a source into the CRM.

    All rows are read and checked before one is sent. A task that goes on after a failure, or after a wait for
    a limit, reads them again: if they are the same, what was done is not done again.
    """

    operator_extra_links: tuple[CrmCardLink, ...] = (CrmCardLink(),)
    has_steps: ClassVar[bool] = True

    outcomes_path: Any
    _tally: Tally | None = None
    _rows: CheckedRows | None = None
    _parser: ChangeParser | None = None
    #: whether the file of outcomes is there
    _has_outcomes = False

    def take_loading(
        self,
        *,
        entity_type: Any,
        operation: Any,
        key: Any,
        skip_unchanged: Any,
        phones: Any,
        nulls: Any,
        timezone: Any,
        pass_through: Any,
        outcomes_path: Any,
        missing_ok: Any,
        max_items: Any,
        fail_on: Any,
        max_in_flight: Any,
    ) -> None:
        """Keep the arguments that say what is done with the rows.

        :param entity_type: the items' type
        :param operation: what is done with them
        :param key: columns that tell an item from all others
        :param skip_unchanged: whether what is so already is left alone
        :param phones: ``add`` or ``replace``
        :param nulls: ``clear`` or ``keep``
        :param timezone: the zone of times without an offset
        :param pass_through: columns of the user's own
        :param outcomes_path: where the outcomes are written
        :param missing_ok: whether an item to delete that is not there counts as done
        :param max_items: how many items may be deleted
        :param fail_on: ``any``, ``all`` or ``never``
        :param max_in_flight: how many requests may be under way at once
        :raises InvalidInputError: one of them is not valid
        """
        self.operation = operation
        # Airflow 3.1 cannot render a path that is not text.
        self.outcomes_path = (
            str(outcomes_path) if isinstance(outcomes_path, PurePath) else or_none(outcomes_path)
        )
        with joined():
            check_choice(operation, "operation", get_args(Operation))
            check_max_items(max_items)
            self.fail_on: FailOn = check_fail_on(fail_on)
            self.max_in_flight = check_in_flight(max_in_flight)
            self.pass_through = _check_own(pass_through)
            self.take_writing(entity_type=entity_type, key=key, timezone=timezone, nulls=nulls, phones=phones)
        self.skip_unchanged = check_flag(skip_unchanged, "skip_unchanged")
        self.missing_ok = check_flag(missing_ok, "missing_ok")
        self.max_items: int = max_items
        self.arguments.note(outcomes_path=outcomes_path)
        self.arguments.check_literals(
            outcomes_path=unless_none(lambda value, _: self._format_of_outcomes(value))
        )
        self._check_key_of_operation()

    def _check_key_of_operation(self) -> None:
        """Refuse an upsert without a key, and a key of what goes by the id.

        :raises InvalidInputError: there is one
        """
        if self.operation == "upsert" and not self.arguments.has_value("key"):
            raise InvalidInputError(
                "key: it is not given, and an upsert finds items by it",
                remedy="Give a column such as 'xml_id', or several.",
            )
        if self.operation in ("update", "delete") and self.arguments.has_value("key"):
            raise InvalidInputError(
                f"key: {self.operation!r} finds items by their ids",
                remedy="Leave key out, or use operation='upsert'."
                if self.operation == "update"
                else "Leave it out.",
            )

    @abstractmethod
    def sources(self) -> Source:
        """Return what the rows are read from, for lineage."""

    def lineage(self) -> Lineage:
        """Return the source, the items that were written, and the file of outcomes if there is one."""
        source = self.sources()
        outputs = []
        tally = self._tally
        written = None if tally is None else tally.written
        if written or self.has_written:
            outputs.append(replace(self.written_node(written), origins=self._origins(source)))
        if self._has_outcomes and tally is not None:
            outputs.append(file_node(self.outcomes_path, rows=tally.rows))
        return Lineage(source.nodes, outputs)

    def _origins(self, source: Source) -> dict[str, Sequence[Origin]]:
        """Return which fields of the source the items' fields come from."""
        fields = {} if self._parser is None else self._parser.fields
        return {field: source.origins[column] for column, field in fields.items() if column in source.origins}

    @property
    def rows_read(self) -> int | None:
        """How many rows were read, ``None`` before."""
        return None if self._rows is None else len(self._rows)

    @property
    def columns_read(self) -> list[str]:
        """The columns that were read, those of the user's own left out."""
        return [] if self._parser is None else list(self._parser.fields)

    @abstractmethod
    def read(self) -> Generator[Row]:
        """Yield the rows of the source; what they are read from is closed with the iterator."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Read and check the rows, then write them."""
        with self.traced(context), Spool() as spool:
            outcomes = self._outcomes()
            with self.deferring():
                writing = self.open_writing()
                rows = self._checked(spool, writing)
            tally = self._write(context, writing, rows, outcomes)
            self._has_outcomes = self.outcomes_path is not None
            if not tally.kept_all and self.outcomes_path is None and tally[FAILED]:
                self.log.warning(
                    "XCom key %r holds only the outcomes of rows that failed, up to %d of them. "
                    "Give outcomes_path to have those of all rows.",
                    OUTCOMES_KEY,
                    KEPT,
                )
            if tally.first is not None and self.operation != "delete":
                self.link_card(tally.first)
            tally.check(self.fail_on, self._where)
        assert self._progress is not None  # noqa: S101 - the work has begun
        self._progress.delete()
        context["ti"].xcom_push(key=OUTCOMES_KEY, value=tally.kept)
        self.log_failed(tally.kept, logging.WARNING, OUTCOMES_KEY)
        self.log.info("%s", tally.sentence())
        return {
            "entity_type": writing.entity_type,
            "operation": self.operation,
            "rows": tally.rows,
            **{status: tally[status] for status in STATUSES},
            "outcomes_path": None if self.outcomes_path is None else str(self.outcomes_path),
        }

    def _checked(self, spool: Spool, writing: Writing) -> CheckedRows:
        """Read and check all rows."""
        parser = self._parser = writing.parser(self.nulls)
        rows = self._rows = CheckedRows(
            spool, writing, parser, own=self.pass_through, keep_invalid=keeps_invalid(self.fail_on)
        )
        with closing(self.read()) as source:
            rows.take(source, self.max_items if self.operation == "delete" else None)
        self.log.info("Read and checked %s.", counted(len(rows), "row"))
        say_left_out(self.log, writing.entity_type, parser.left_out)
        return rows

    def _write(
        self,
        context: Context,
        writing: Writing,
        rows: CheckedRows,
        outcomes: AbstractContextManager[OutcomesFile | None],
    ) -> Tally:
        """Write all rows, and return what became of them; or defer, and leave no file of outcomes."""
        work = [self.operation, writing.entity_type, self.key, rows.digest]
        progress = self.progress_of(context, work)
        with outcomes as file:
            tally = self._tally = Tally(file)
            with self.deferring():
                changes = self._told(rows.changes(tally.add), tally, len(rows))
                self.hook.carry_out(
                    write(writing, changes, progress, rows.sink), progress, self.max_in_flight
                )
            if tally[FAILED]:
                progress.flush()
            if self.deferrable and tally.limit_wait is not None:
                self.wait_in_triggerer(tally.limit_wait, "The portal's limits are used up.")
        return tally

    def _told(self, chunks: Iterable[list[Change]], tally: Tally, count: int) -> Iterator[list[Change]]:
        """Log how far the work is, before each part of it but the first."""
        for changes in chunks:
            if tally.rows:
                self.log.info("%d of %s are done.", tally.rows, counted(count, "row"))
            yield changes

    def _outcomes(self) -> AbstractContextManager[OutcomesFile | None]:
        """Return what opens the file of outcomes, if there is to be one."""
        self.arguments.check_not_lost(self, "outcomes_path")
        if self.outcomes_path is None:
            return nullcontext()
        path = check_path(self.outcomes_path, "outcomes_path")
        return open_outcomes(path, self._format_of_outcomes(self.outcomes_path), self.pass_through)

    @staticmethod
    def _format_of_outcomes(path: Any) -> Any:
        return file_format_of(path, field="outcomes_path")

    @property
    def _where(self) -> str:
        """Where the outcomes are, in words."""
        return f"XCom key {OUTCOMES_KEY!r}" if self.outcomes_path is None else str(self.outcomes_path)

    def log_failed(self, rows: Sequence[Any], level: int, key: str) -> None:
        """Log up to ten of the rows that failed, by their places in the source.

        :param rows: outcomes that are kept
        :param level: level of the lines
        :param key: XCom key of the outcomes
        """
        for line in self._tally.failures(self._where) if self._tally is not None else ():
            self.log.log(level, "Failed: %s", line)


def _check_own(value: Any) -> tuple[str, ...]:
    """Return a value of ``pass_through``, whose columns stand beside those of the outcomes in a file.

    :raises InvalidInputError: it is no list of names, or one of them is taken
    """
    names = check_pass_through(value)
    for name in names:
        if name.lower() in OUTCOME_COLUMNS:
            raise InvalidInputError(
                f"pass_through: {name!r} is a name that outcomes use themselves",
                remedy="Give your column another name.",
            )
    return names
