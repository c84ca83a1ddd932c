"""The operator for one call of any method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import Context

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.fields.known_calls import check_call
from airflow_provider_bitrix24.crm.lineage import Lineage
from airflow_provider_bitrix24.hooks.aliases import ApiParamsLike, TextLike
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.operators.api_params import naming_api_params, parse_api_params, refuse_params
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER, DeferringOperator
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.exchange import guard_pages
from airflow_provider_bitrix24.rest.plans import carry_out_calls


class Bitrix24CallOperator(DeferringOperator):
    """Call any API method and return its result.

    Methods that are not known to be safe to repeat are sent only once. If it is not known whether the portal
    carried one out, in this try or an earlier one, the task fails with ``AmbiguousWriteError``.

    :param method: the API method, such as ``crm.deal.update``
    :param api_params: its parameters
    :param repeatable: whether sending it twice does no harm; ``None`` goes by what is known of the method
    :param check_fields: compare the names of fields with the CRM's metadata before anything is sent, and the
        answer of ``crm.item.add`` and ``crm.item.update`` with what was sent
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a name in ``fields``, ``select``, ``filter`` or ``order`` is not a field's
    :raises MorePagesError: the list has more pages, and ``start`` was not given
    """

    template_fields: Sequence[str] = ("method", "api_params", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"api_params": "json"}

    def __init__(
        self,
        *,
        method: TextLike,
        api_params: ApiParamsLike | None = None,
        repeatable: bool | None = None,
        check_fields: bool = True,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_waiting(deferrable, max_wait_in_worker)
        refuse_params(self, api_params)
        self.method: Any = method
        self.api_params = api_params
        self.repeatable = repeatable
        self.check_fields = check_flag(check_fields, "check_fields")
        self.arguments.note(method=method, api_params=api_params)
        if self.arguments.are_literal("method", "api_params"):
            with joined():
                self._call()

    def _call(self) -> Call:
        with naming_api_params():
            params = parse_api_params(self.api_params)
            return check_call(Call(self.method, params, repeatable=self.repeatable))

    def lineage(self) -> Lineage:
        """Return what the method reads or writes, as far as its name and its parameters tell."""
        return self.lineage_of([self._call()])

    def execute(self, context: Context) -> Any:
        """Call the method."""
        with self.traced(context), self.deferring(), naming_api_params():
            call = self._call()
            if call.may_repeat:
                if self.check_fields:
                    progress = self.progress_of(context, [call.method, call.params])
                    self.check_first(self.hook.field_checks.look([call]), progress)
                reply = self.hook.call_reply(call.method, call.params, repeatable=call.repeatable)
                result = reply.result
                if self.check_fields:
                    self.hook.field_checks.compare([Outcome(call, reply)])
            else:
                result = self._call_once(call, context)
        self.log.info("Called %s.", call.method)
        return result

    def _call_once(self, call: Call, context: Context) -> Any:
        """Call a method that must not be repeated, in this try or another one."""
        progress = self.progress_of(context, [call.method, call.params])
        if self.check_fields:
            self.check_first(self.hook.field_checks.look([call]), progress)
        [outcome] = self.hook.carry_out(carry_out_calls([call], progress), progress)
        result = guard_pages(outcome).unwrap()
        progress.delete()
        if self.check_fields:
            self.hook.field_checks.compare([outcome])
        return result
