"""Operators for any method of the REST API: one call, a whole list, many calls."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from airflow.sdk import Context

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, join
from airflow_provider_bitrix24.hooks.outcomes import BulkResult
from airflow_provider_bitrix24.operators.base import from_template
from airflow_provider_bitrix24.operators.bulk import BulkOperator, Rows
from airflow_provider_bitrix24.operators.deferring import DeferringOperator
from airflow_provider_bitrix24.operators.params import ApiParamsOperator
from airflow_provider_bitrix24.operators.progress import progress_for
from airflow_provider_bitrix24.rest import errors as rest
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.progress import Progress


class Bitrix24CallOperator(ApiParamsOperator, DeferringOperator):
    """Call any API method and return its result.

    A method that is not known to be a read or safe to repeat is sent once: where it stays open whether it was
    carried out, also by an earlier try of the task, the task fails with ``AmbiguousWriteError``.

    :param method: the API method, such as ``crm.deal.update``
    :param params: its parameters
    :param repeatable: whether sending it twice does no harm; ``None`` goes by what is known of the method
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises IncompleteListError: a list has more pages, and ``start`` was not given
    """

    template_fields: Sequence[str] = ("method", "parameters", "bitrix24_conn_id")
    template_fields_renderers = {"parameters": "json"}  # noqa: RUF012 - Airflow's declaration

    def __init__(self, *, repeatable: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.repeatable = repeatable

    def execute(self, context: Context) -> Any:
        """Call the method."""
        with self.traced(), self.deferring():
            call = Call(self.method, self.call_params(), repeatable=self.repeatable)
            hook = self.hook
            if call.may_repeat:
                return hook.call(call.method, call.params, repeatable=call.repeatable)
            progress = progress_for(self, context, hook, [call.method, call.params])
            result = hook.call_many([call], progress, 1)[0].unwrap()
            progress.delete()
            return result


class Bitrix24ListOperator(ApiParamsOperator):
    """Read a whole list: into XCom while it is short, else into a JSON Lines file.

    Without ``output_path`` the result is the rows themselves. With it, the result is a mapping of ``path``,
    ``count`` and ``last_id``, and the file appears only when the list is complete.

    :param method: a list method, such as ``crm.deal.list``
    :param params: ``filter``, ``select`` and ``order``
    :param max_rows: with no ``output_path``: more rows than this are an error, XCom being no place for them
    :param output_path: local or object-storage path of a JSON Lines file, such as
        ``s3://conn@bucket/deals.jsonl``
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises IncompleteListError: rows are missing or come twice
    :raises InvalidInputError: there are more rows than ``max_rows``
    """

    template_fields: Sequence[str] = ("method", "parameters", "output_path", "bitrix24_conn_id")
    template_fields_renderers = {"parameters": "json"}  # noqa: RUF012 - Airflow's declaration

    def __init__(self, *, max_rows: int = 1000, output_path: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 1:
            raise InvalidInputError(f"max_rows: {max_rows!r} is not a whole number from 1 up")
        self.max_rows = max_rows
        # Airflow 3.1 cannot render a path that is not text.
        self.output_path = str(output_path) if isinstance(output_path, PurePath) else output_path
        self._to_a_file = output_path is not None
        self.remember_sources(output_path=output_path)

    def execute(self, context: Context) -> list[dict[str, Any]] | dict[str, Any]:
        """Read the list."""
        with self.traced():
            rows = self.hook.records(self.method, self.call_params())
            result = self._to_file(rows) if self._to_a_file else self._to_xcom(rows)
        self.log.info(
            "%s: %s rows", self.method, result["count"] if isinstance(result, dict) else len(result)
        )
        return result

    def _to_xcom(self, rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
        collected: list[dict[str, Any]] = []
        for row in rows:
            if len(collected) == self.max_rows:
                raise InvalidInputError(
                    f"max_rows: {self.method} has more than {self.max_rows} rows",
                    remedy="Give output_path to write them to a file, or narrow the filter.",
                )
            collected.append(row)
        return collected

    def _to_file(self, rows: Iterator[dict[str, Any]]) -> dict[str, Any]:
        from airflow.sdk import ObjectStoragePath

        target = str(self.output_path)
        if not isinstance(self.output_path, (str, ObjectStoragePath)) or not target.strip():
            raise InvalidInputError(
                f"output_path: {self.output_path!r} is not a path",
                remedy="Leave it out to get the rows in XCom.",
            )
        path = ObjectStoragePath(target)
        partial = path.parent / f".{path.name}.part"
        path.parent.mkdir(parents=True, exist_ok=True)
        count, last_id = 0, None
        try:
            with partial.open("w", encoding="utf-8") as file:
                for row in rows:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    count += 1
                    last_id = row.get("ID", row.get("id")) if isinstance(row, dict) else None
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return {"path": target, "count": count, "last_id": last_id}


class Bitrix24BatchOperator(BulkOperator):
    """Carry out many calls in as few requests as carry them exactly (``batch``), each of them once.

    The result is one mapping for each call, in order: ``method``, ``ok`` and ``result`` or ``error``. When
    the task fails, the same list stands in XCom under the key ``outcomes``.

    A call that must not be repeated, and of which it is not known whether it was carried out, fails with
    ``AmbiguousWriteError``, also if that was in an earlier try of the task. On Airflow below 3.3, which keeps
    no progress, that is every such call when the task is tried again.

    :param calls: mappings of ``method``, ``params`` and, if wanted, ``repeatable``
    :param fail_on: fail if ``any`` or ``all`` of the calls failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20; above 1 the
        calls must not depend on each other's order
    :param deferrable: wait in the triggerer for limits that last longer; by default as Airflow's
        ``[operators] default_deferrable`` says
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a call cannot be sent as it is; nothing was sent
    """

    operator_extra_links = ()
    template_fields: Sequence[str] = ("calls", "bitrix24_conn_id")
    template_fields_renderers = {"calls": "json"}  # noqa: RUF012 - Airflow's declaration
    noun = "calls"

    def __init__(self, *, calls: Any, max_in_flight: int = 1, **kwargs: Any) -> None:
        super().__init__(max_in_flight=max_in_flight, **kwargs)
        self.calls = calls
        self.remember_sources(calls=calls)

    def parse(self) -> list[Call]:
        """Return the calls to carry out."""
        return _parse_calls(from_template(self.calls, "calls"))

    def fingerprint(self, items: Sequence[Call]) -> Any:
        """Return what tells these calls from others."""
        return [[call.method, call.params, call.repeatable] for call in items]

    def carry_out(self, hook: Bitrix24Hook, items: Sequence[Call], progress: Progress) -> BulkResult:
        """Carry out the calls."""
        outcomes = hook.call_many(items, progress, self.max_in_flight)
        failed = [
            (f"calls[{position}] {outcome.call.method}", outcome.error)
            for position, outcome in enumerate(outcomes)
            if outcome.error is not None
        ]
        self._may_be_done = any(map(_may_be_done, outcomes))
        return BulkResult([_row(outcome) for outcome in outcomes], failed)

    def checked(self, result: BulkResult, progress: Progress) -> Rows:
        """Return the rows, unless failures fail the task; for good, where a new try would do things twice."""
        try:
            return super().checked(result, progress)
        except rest.Bitrix24Error as error:
            if error.permanent or progress.outlives_a_try or not self._may_be_done:
                raise
            final = _done_in_part(error)
        raise final

    def card(self, items: Sequence[Any]) -> None:
        """Return no item: calls have none."""

    def report(self, rows: Rows) -> None:
        """Log what became of the calls."""
        self.log.info("Calls: %d, failed: %d", len(rows), sum(not row["ok"] for row in rows))


def _may_be_done(outcome: Outcome) -> bool:
    """Tell whether a call that must not be repeated was carried out, or may have been."""
    if outcome.call.may_repeat:
        return False
    return outcome.error is None or outcome.error.acted is not rest.Acted.NO


def _done_in_part(error: rest.Bitrix24Error) -> rest.DoneInPartError:
    """Return an error that ends the task: another try would do again what is done."""
    final = rest.DoneInPartError.from_fields({**error.fields(), "remedy": "", "retry_after": None})
    final.outcomes = error.outcomes
    return final


def _row(outcome: Outcome) -> dict[str, Any]:
    row: dict[str, Any] = {"method": outcome.call.method, "ok": outcome.ok}
    if outcome.error is None:
        return {**row, "result": outcome.result}
    return {**row, "error": join(outcome.error).to_json()}


def _parse_calls(value: Any) -> list[Call]:
    if isinstance(value, Mapping) or not hasattr(value, "__iter__"):
        raise InvalidInputError("calls: not a list", remedy="Give a list of {'method': ..., 'params': ...}.")
    return [_parse_call(entry, f"calls[{position}]") for position, entry in enumerate(value)]


def _parse_call(entry: Any, field: str) -> Call:
    if isinstance(entry, Call):
        return entry
    if not isinstance(entry, Mapping) or "method" not in entry:
        raise InvalidInputError(f"{field}: it has no method", remedy="Give {'method': ..., 'params': ...}.")
    unknown = sorted(set(entry) - {"method", "params", "repeatable"})
    if unknown:
        raise InvalidInputError(
            f"{field}: {unknown[0]!r} is unknown", remedy="Known are method, params and repeatable."
        )
    try:
        return Call(entry["method"], entry.get("params"), repeatable=entry.get("repeatable"))
    except rest.InvalidInputError as error:
        problem = {**error.fields(), "description": f"{field}.{error.description}"}
    raise InvalidInputError.from_fields(problem)
