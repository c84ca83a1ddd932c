"""The operator for many calls of any methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.fields.known_calls import check_call
from airflow_provider_bitrix24.crm.lineage import Lineage
from airflow_provider_bitrix24.crm.outcomes import FAILED, ItemOutcome
from airflow_provider_bitrix24.crm.rows import RowKind, Rows, parse_rows
from airflow_provider_bitrix24.hooks.aliases import CallsLike
from airflow_provider_bitrix24.hooks.bulk import FailOn
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.hooks.field_checks import places
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.operators.bulk import BulkOperator, Outcomes, Result
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.exchange import guard_pages
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, carry_out_calls
from airflow_provider_bitrix24.rest.progress import Progress


@dataclass(frozen=True)
class _Called:
    """A call, and what it returned."""

    call: Call
    result: Any = None
    has_result: bool = False

    def row(self) -> dict[str, Any]:
        """Return it as a row of the result."""
        row: dict[str, Any] = {"METHOD": self.call.method}
        if self.item_id is not None:
            row["ID"] = self.item_id
        return {**row, "RESULT": self.result} if self.has_result else row

    @property
    def item_id(self) -> int | None:
        """The id of what the method is to read or change; ``None`` where it has no such parameter."""
        given = next((value for name, value in self.call.params.items() if name.lower() == "id"), None)
        return number_of(given)

    def __str__(self) -> str:
        return self.call.method if self.item_id is None else f"{self.call.method} (id {self.item_id})"


class Bitrix24BatchOperator(BulkOperator):
    """Carry out many calls in as few requests as possible (``batch``), each of them once.

    The result is one mapping for each call, in order: ``METHOD``, ``STATUS`` and ``RESULT``, and ``ID`` where
    the call has a parameter ``id``. The status is ``done``, or ``failed`` with ``ERROR`` and
    ``ERROR_DESCRIPTION`` in place of the result. If the task fails, XCom holds the same list under the key
    ``outcomes``.

    ``done`` means that the portal reports success. It does so, too, where it drops a part of what was sent:
    an unknown user field (refused with ``check_fields``), the label of a list field's option in place of its
    id, the decimals of ``"1234,56"``, a link to a contact that does not exist, a value for a read-only field.

    If it is not known whether the portal carried out a call that must not be repeated, in this try or an
    earlier one, the call fails with ``AmbiguousWriteError``. Airflow below 3.3 has no task state store, so
    there a retry reports every such call.

    :param calls: mappings of ``method``, ``params`` and, if wanted, ``repeatable``
    :param fail_on: fail if ``any`` or ``all`` of the calls failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20; above 1 the
        calls must not depend on each other's order
    :param check_fields: compare the names of fields with the CRM's metadata before anything is sent, and the
        answers of ``crm.item.add`` and ``crm.item.update`` with what was sent
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: with ``fail_on="any"``, a call cannot be sent as it is, or names what is not a
        field; nothing was sent
    """

    operator_extra_links = ()
    template_fields: Sequence[str] = ("calls", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"calls": "json"}
    noun = "calls"

    def __init__(
        self,
        *,
        calls: CallsLike,
        fail_on: FailOn = "any",
        max_in_flight: int = 1,
        check_fields: bool = True,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_bulk(fail_on, max_in_flight)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.calls = calls
        self.check_fields = check_flag(check_fields, "check_fields")
        self.arguments.note(calls=calls)
        self.arguments.check_literals(calls=lambda value, _: self.parse())

    def lineage(self) -> Lineage:
        """Return what the methods read and write; once they are called, only of calls that succeeded."""
        if self._outcomes is None:
            return self.lineage_of(self.parse())
        done = [outcome.subject for outcome in self._outcomes if outcome.error is None]
        return self.lineage_of(called.call for called in done)

    def parse(self) -> Rows[Call]:
        """Return the calls to carry out."""
        return parse_rows(self.calls, "calls", _CALLS, **self.parsing)

    def fingerprint(self, items: Sequence[Call]) -> Any:
        """Return what tells these calls from others."""
        return [[call.method, call.params, call.repeatable] for call in items]

    def place_of(self, position: int, row: dict[str, Any]) -> str:
        """Return the position of a call, and its id."""
        number = f" (id {row['ID']})" if "ID" in row else ""
        return f"calls[{position}]{number}: "

    def plan(self, items: Sequence[Call], progress: Progress) -> Plan[list[ItemOutcome[_Called]]]:
        """Return the work: carry out the calls."""
        checks = self.hook.field_checks
        refused: dict[int, Outcome] = {}
        if self.check_fields and self.fail_on != "any" and not progress.checked:
            refused = yield from self._misspelt(items)
            progress.checked = not refused
        elif self.check_fields and progress.needs_checks:
            yield from checks.look(items, places(items))
            progress.checked = True
        outcomes = yield from carry_out_calls(items, progress, refused)
        if self.check_fields:
            checks.compare(outcomes)
        return [_outcome(guard_pages(outcome), position) for position, outcome in enumerate(outcomes)]

    def _misspelt(self, items: Sequence[Call]) -> Plan[dict[int, Outcome]]:
        """Return the failures of calls that name what is not a field, by position; the others can be sent."""
        refused: dict[int, Outcome] = {}
        try:
            yield from self.hook.field_checks.look(items, places(items))
        except rest.InvalidInputError:
            for position, call in enumerate(items):  # the metadata is read by now
                try:
                    yield from self.hook.field_checks.look([call])
                except rest.InvalidInputError as error:
                    refused[position] = Outcome(call, error=error)
        return refused

    def check(self, outcomes: Outcomes, progress: Progress) -> Result:
        """Return the rows, unless failures fail the task; for good, where a new try would do things twice."""
        try:
            return super().check(outcomes, progress)
        except rest.Bitrix24Error as error:
            if error.permanent or progress.outlives_a_try or not any(map(_may_be_done, outcomes)):
                raise
            final = rest.DoneInPartError.from_fields({**error.fields(), "remedy": "", "retry_after": None})
            final.outcomes = error.outcomes
        raise final

    def card(self, items: Sequence[Any]) -> None:
        """Return no item: calls have none."""


def _name(entry: Any) -> dict[str, Any]:
    """Return the method of a call that is not valid."""
    method = entry.get("method") if isinstance(entry, Mapping) else getattr(entry, "method", None)
    return {"METHOD": method if isinstance(method, str) else None}


def _outcome(outcome: Outcome, position: int) -> ItemOutcome[_Called]:
    if outcome.error is None:
        return ItemOutcome(_Called(outcome.call, outcome.result, has_result=True), "done")
    called = _Called(outcome.call)
    return ItemOutcome(called, FAILED, outcome.error, f"calls[{position}] {called}")


def _may_be_done(outcome: ItemOutcome[_Called]) -> bool:
    """Tell whether a call that must not be repeated was carried out, or may have been."""
    if not isinstance(outcome.subject, _Called) or outcome.subject.call.may_repeat:
        return False
    return outcome.error is None or outcome.error.acted is not rest.Acted.NO


def _parse_call(entry: Any, field: str) -> Call:
    if isinstance(entry, Call):
        return check_call(entry, f"{field}.params")
    if not isinstance(entry, Mapping) or "method" not in entry:
        raise InvalidInputError(f"{field}: it has no method", remedy="Give {'method': ..., 'params': ...}.")
    unknown = sorted(set(entry) - {"method", "params", "repeatable"})
    if unknown:
        raise InvalidInputError(
            f"{field}: {unknown[0]!r} is unknown", remedy="Known are method, params and repeatable."
        )
    try:
        return check_call(Call(entry["method"], entry.get("params"), repeatable=entry.get("repeatable")))
    except rest.InvalidInputError as error:
        raise error.but(description=f"{field}.{error.description}") from None


_CALLS = RowKind("calls", "Give a list of {'method': ..., 'params': ...}.", _parse_call, _name)
