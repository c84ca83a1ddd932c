"""The hook for any method of the REST API, in ordinary code and in an event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow_provider_bitrix24.crm.fields.known_calls import check_call
from airflow_provider_bitrix24.crm.lineage_of_methods import read_name
from airflow_provider_bitrix24.files.writing import check_path, whole_file
from airflow_provider_bitrix24.hooks.bulk import (
    DEFAULT_IN_FLIGHT,
    LIST_IN_FLIGHT,
    check_in_flight,
    check_list_in_flight,
)
from airflow_provider_bitrix24.hooks.connected import ConnectedHook
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.field_checks import FieldChecks, places
from airflow_provider_bitrix24.hooks.lineage import areporting, reporting
from airflow_provider_bitrix24.hooks.replies import checked_calls, checked_pages, single
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.methods import Repeatability
from airflow_provider_bitrix24.rest.plans import Plan, T
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.reply import Reply


class RestHook(ConnectedHook):
    """Calls any method of a portal's REST API, with the credentials of an Airflow connection.

    :class:`~airflow_provider_bitrix24.hooks.bitrix24.Bitrix24Hook` adds what is known of the CRM.

    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :param max_wait: seconds that one request may wait for the portal's limits in all; a longer wait raises
        the limit's error with its ``retry_after``
    :param max_attempts: how often a request is sent at most if the network or the portal fails
    :param request_cut: seconds after which the portal cuts a request off and carries out nothing more of it;
        ``None`` is the connection's
    """

    @cached_property
    def field_checks(self) -> FieldChecks:
        """What compares the names of fields with the metadata, which is read once for this hook."""
        return FieldChecks(self.log)

    # --- in ordinary code ---

    def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        repeatable: bool | None = None,
        check_fields: bool = False,
    ) -> Any:
        """Call an API method and return its result.

        :param method: the API method, such as ``crm.deal.get``
        :param params: its parameters
        :param repeatable: whether sending it twice does no harm; ``None`` uses what is known of the method
        :param check_fields: compare the names of fields with the CRM's metadata first, and the answer of
            ``crm.item.add`` and ``crm.item.update`` with what was sent
        :raises MorePagesError: it is a list with more pages, and ``start`` was not given
        :raises InvalidInputError: with ``check_fields``, a name is not a field's; it was not sent
        :raises Bitrix24Error: the call failed
        """
        return self.call_reply(method, params, repeatable=repeatable, check_fields=check_fields).result

    def call_reply(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        repeatable: bool | None = None,
        check_fields: bool = False,
    ) -> Reply:
        """Call an API method and return its result with ``total``, ``next`` and ``time``.

        :param method: the API method
        :param params: its parameters
        :param repeatable: as for :meth:`call`
        :param check_fields: as for :meth:`call`
        :raises Bitrix24Error: as :meth:`call` does
        """
        with joined():
            call = check_call(Call(method, params, repeatable=repeatable))
            if check_fields:
                self.carry_out(self.field_checks.look([call]))
            reply = single(call, self.get_conn().call_reply(call))
            if check_fields:
                self.field_checks.compare([Outcome(call, reply)])
            return reply

    def batch(
        self, calls: Iterable[Call], *, max_in_flight: int | None = None, check_fields: bool = False
    ) -> list[Outcome]:
        """Carry out any number of calls and return one outcome each, in order (``batch``).

        Calls that a batch would change travel alone. A call that fails is an outcome, not an exception.

        :param calls: the calls
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20; above 1
            the calls must not depend on each other's order. By default 20 where all calls only read, else 1
        :param check_fields: as for :meth:`call`
        :raises MorePagesError: one of them is a list with more pages; its ``outcomes`` hold all of them
        """
        with joined():
            checked = checked_calls(calls)
            if max_in_flight is None:
                only_reads = all(call.facts.kind is Repeatability.READ for call in checked)
                max_in_flight = DEFAULT_IN_FLIGHT if only_reads else 1
            in_flight = check_in_flight(max_in_flight)
            if check_fields:
                self.carry_out(self.field_checks.look(checked, places(checked)))
            outcomes = checked_pages(self.get_conn().batch(checked, in_flight=in_flight))
            if check_fields:
                self.field_checks.compare(outcomes)
            return outcomes

    def carry_out(self, plan: Plan[T], progress: Progress | None = None, in_flight: int = 1) -> T:
        """Carry out a plan, and return its result.

        :param plan: a generator that yields calls and receives their outcomes
        :param progress: what an earlier try did, updated meanwhile; ``None`` if nothing is known
        :param in_flight: how many requests may be under way at once
        :raises Bitrix24Error: what the plan raises
        """
        with joined():
            return self.get_conn().carry_out(plan, progress or Progress(), in_flight=in_flight)

    def records(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        check_fields: bool = False,
        max_in_flight: int = LIST_IN_FLIGHT,
    ) -> Generator[dict[str, Any]]:
        """Yield every row of a list method: all of them, or an exception.

        Lists with an id are read in the order of their ids, unless ``order`` says otherwise; long lists 2,500
        rows a request, in several ranges of ids at once. Rows that exist the whole time come once each. Rows
        added while reading may be missing, and rows deleted meanwhile may come. Changed rows come as they are
        when their page is read, up to ``max_in_flight`` requests before they are yielded. Of long rows fewer
        are read ahead, so that they do not fill the memory. A list whose filter a batch would change
        (booleans, ``None``, empty lists, text like markup or ``$result[x]``) is read 50 rows a request. So is
        a list in another order: it is read by offset, and a row that shifts is an error.

        :param method: a list method, such as ``crm.deal.list``
        :param params: ``filter``, ``select`` and ``order``
        :param check_fields: compare the names of fields with the CRM's metadata first
        :param max_in_flight: how many requests may be under way at once: 1 to 40; fewer while the portal is
            in trouble
        :raises IncompleteListError: rows are missing or come twice
        :raises Bitrix24Error: a page failed
        """
        with joined():
            in_flight = check_list_in_flight(max_in_flight)
            call = check_call(Call(method, params))
            if check_fields:
                self.carry_out(self.field_checks.look([call]))
            rows = self.get_conn().records(call, in_flight=in_flight)
            yield from reporting(self, read_name(call), rows)

    def download(self, url: str, path: str | Path) -> Path:
        """Download a file that a result links to, and return its path.

        :param url: the link as the result holds it, with its placeholder in place of a secret
        :param path: where to write the file; it appears there only when it is complete
        :raises InvalidInputError: the link does not lead to this connection's portal
        :raises Bitrix24Error: it could not be fetched
        """
        with joined():
            target = check_path(path, "path")
            with whole_file(target) as file:
                self.get_conn().download(url, file)
        return Path(path)

    # --- the same in an event loop ---

    async def acall(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        repeatable: bool | None = None,
        check_fields: bool = False,
    ) -> Any:
        """Call an API method and return its result, as :meth:`call` does.

        :param method: the API method
        :param params: its parameters
        :param repeatable: whether sending it twice does no harm
        :param check_fields: compare the names of fields first
        """
        found = self.acall_reply(method, params, repeatable=repeatable, check_fields=check_fields)
        return (await found).result

    async def acall_reply(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        repeatable: bool | None = None,
        check_fields: bool = False,
    ) -> Reply:
        """Call an API method and return its reply, as :meth:`call_reply` does.

        :param method: the API method
        :param params: its parameters
        :param repeatable: whether sending it twice does no harm
        :param check_fields: compare the names of fields first
        """
        with joined():
            call = check_call(Call(method, params, repeatable=repeatable))
            async with self.aclient() as client:
                if check_fields:
                    await client.carry_out(self.field_checks.look([call]))
                reply = single(call, await client.call_reply(call))
            if check_fields:
                self.field_checks.compare([Outcome(call, reply)])
            return reply

    async def abatch(self, calls: Iterable[Call], *, check_fields: bool = False) -> list[Outcome]:
        """Carry out any number of calls, as :meth:`batch` does.

        :param calls: the calls
        :param check_fields: compare the names of fields first
        """
        with joined():
            checked = checked_calls(calls)
            async with self.aclient() as client:
                if check_fields:
                    await client.carry_out(self.field_checks.look(checked, places(checked)))
                outcomes = checked_pages(await client.batch(checked))
            if check_fields:
                self.field_checks.compare(outcomes)
            return outcomes

    async def acarry_out(self, plan: Plan[T]) -> T:
        """Carry out a plan that keeps no progress, such as one that only reads, as :meth:`carry_out` does.

        :param plan: the plan
        """
        with joined():
            async with self.aclient() as client:
                return await client.carry_out(plan)

    async def arecords(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        check_fields: bool = False,
        max_in_flight: int = LIST_IN_FLIGHT,
    ) -> AsyncGenerator[dict[str, Any]]:
        """Yield every row of a list method, as :meth:`records` does, in as few requests.

        Rows that change meanwhile come as they do there. If the loop over the rows ends early, the requests
        under way are cancelled when the generator is closed, by ``contextlib.aclosing`` at once.

        :param method: a list method
        :param params: ``filter``, ``select`` and ``order``
        :param check_fields: compare the names of fields first
        :param max_in_flight: how many requests may be under way at once: 1 to 40
        """
        with joined():
            in_flight = check_list_in_flight(max_in_flight)
            call = check_call(Call(method, params))
            async with self.aclient() as client:
                if check_fields:
                    await client.carry_out(self.field_checks.look([call]))
                found = areporting(self, read_name(call), client.records(call, in_flight=in_flight))
                async with aclosing(found) as rows:
                    async for row in rows:
                        yield row
