"""The hook for writing the CRM's data: items are created, changed and deleted, each with an outcome."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.crm.lineage import dataset_name
from airflow_provider_bitrix24.crm.rows import Rows
from airflow_provider_bitrix24.crm.writing.changes import Change, Nulls, Operation
from airflow_provider_bitrix24.crm.writing.parsing import parse_changes
from airflow_provider_bitrix24.crm.writing.work import write_all
from airflow_provider_bitrix24.hooks.aliases import ItemIdsLike, ItemRowsLike, KeyLike
from airflow_provider_bitrix24.hooks.bulk import (
    DEFAULT_IN_FLIGHT,
    FailOn,
    check_fail_on,
    check_in_flight,
    check_outcomes,
    keeps_invalid,
)
from airflow_provider_bitrix24.hooks.crm_data import CrmDataHook
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.lineage import report_outcomes
from airflow_provider_bitrix24.hooks.writing import (
    MAX_ITEMS,
    Phones,
    check_count,
    check_max_items,
    open_writing,
    say_left_out,
)
from airflow_provider_bitrix24.rest.progress import Progress


class CrmWritingHook(CrmDataHook):
    """Writes the CRM's data.

    Names and values are checked against the portal's metadata before anything is sent. What the portal
    answers is compared with what was sent; a value that it did not take fails the row.
    """

    def create_crm_items(
        self,
        entity_type: str,
        rows: ItemRowsLike,
        *,
        key: KeyLike | None = None,
        timezone: str | None = None,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Create items of the CRM (``crm.item.add``).

        :param entity_type: their type: ``lead``, ``deal``, ``contact``, ``company``, ``quote``,
            ``smart_invoice`` or ``dynamic_<number>`` of a smart process
        :param rows: mappings of columns to values, the columns as :meth:`crm_schema` or the API names them
        :param key: a column, or several, that tell an item from all others, such as ``xml_id``: an item that
            is there already is left alone, and one whose answer was lost is looked up. Without it nothing is
            ever sent twice; an item of which the answer was lost fails
        :param timezone: the zone of times that have no offset from UTC; without it they are refused
        :param fail_on: raise if ``any`` or ``all`` of them failed, or ``never``
        :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
        :return: for each row, in order, ``ENTITY_TYPE``, ``ENTITY_ID``, ``KEY`` where there is one, and
            ``STATUS``: ``created``, ``unchanged`` (an item with the key is there) or ``failed`` with
            ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: no such type, field or value; with ``fail_on="any"`` nothing was sent
        :raises Bitrix24Error: rows failed; its ``outcomes`` hold the outcome of each
        """
        return self._write(
            "create",
            entity_type,
            rows,
            fail_on=fail_on,
            max_in_flight=max_in_flight,
            key=key,
            timezone=timezone,
        )

    def update_crm_items(
        self,
        entity_type: str,
        rows: ItemRowsLike,
        *,
        skip_unchanged: bool = True,
        phones: Phones = "add",
        nulls: Nulls = "clear",
        timezone: str | None = None,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Change items of the CRM (``crm.item.update``).

        :param entity_type: as for :meth:`create_crm_items`
        :param rows: mappings of columns to values; ``id`` names the item
        :param skip_unchanged: read the items first, and send only what differs: every update starts the
            portal's automation
        :param phones: whether phones, e-mails and the like that a row does not name stay (``add``) or go
            (``replace``)
        :param nulls: whether an empty value empties the field (``clear``) or leaves it as it is (``keep``)
        :param timezone: as for :meth:`create_crm_items`
        :param fail_on: as for :meth:`create_crm_items`
        :param max_in_flight: as for :meth:`create_crm_items`
        :return: as of :meth:`create_crm_items`, with the statuses ``updated``, ``unchanged`` and ``failed``
        :raises InvalidInputError: no such type, field or value; with ``fail_on="any"`` nothing was sent
        :raises Bitrix24Error: rows failed; its ``outcomes`` hold the outcome of each
        """
        return self._write(
            "update",
            entity_type,
            rows,
            fail_on=fail_on,
            max_in_flight=max_in_flight,
            nulls=nulls,
            skip_unchanged=skip_unchanged,
            phones=phones,
            timezone=timezone,
        )

    def upsert_crm_items(
        self,
        entity_type: str,
        rows: ItemRowsLike,
        *,
        key: KeyLike,
        skip_unchanged: bool = True,
        phones: Phones = "add",
        nulls: Nulls = "clear",
        timezone: str | None = None,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Change items of the CRM, and create those that are not there.

        Items are looked up by the key (``crm.item.list``; phones and e-mails by
        ``crm.duplicate.findbycomm``). The portal keeps no key unique: where several items have it, or several
        rows, the row fails.

        :param entity_type: as for :meth:`create_crm_items`
        :param rows: mappings of columns to values, the key's among them
        :param key: a column, or several, that tell an item from all others: ``xml_id``,
            ``["originator_id", "origin_id"]``, a user's field; of leads, contacts and companies also
            ``phone`` or ``email``
        :param skip_unchanged: as for :meth:`update_crm_items`
        :param phones: as for :meth:`update_crm_items`
        :param nulls: as for :meth:`update_crm_items`
        :param timezone: as for :meth:`create_crm_items`
        :param fail_on: as for :meth:`create_crm_items`
        :param max_in_flight: as for :meth:`create_crm_items`
        :return: as of :meth:`create_crm_items`, with the statuses ``created``, ``updated``, ``unchanged`` and
            ``failed``
        :raises InvalidInputError: no such type, field, value or key; with ``fail_on="any"`` nothing was sent
        :raises KeyNotUniqueError: rows have one key; with ``fail_on="any"`` nothing was sent
        :raises Bitrix24Error: rows failed; its ``outcomes`` hold the outcome of each
        """
        return self._write(
            "upsert",
            entity_type,
            rows,
            fail_on=fail_on,
            max_in_flight=max_in_flight,
            nulls=nulls,
            key=key,
            skip_unchanged=skip_unchanged,
            phones=phones,
            timezone=timezone,
        )

    def delete_crm_items(
        self,
        entity_type: str,
        ids: ItemIdsLike,
        *,
        missing_ok: bool = True,
        max_items: int = MAX_ITEMS,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Delete items of the CRM (``crm.item.delete``); most types go into the portal's recycle bin.

        :param entity_type: as for :meth:`create_crm_items`
        :param ids: their ids
        :param missing_ok: whether an item that is not there counts as done
        :param max_items: raise if there are more ids than this: a wrong query must not empty the CRM
        :param fail_on: as for :meth:`create_crm_items`
        :param max_in_flight: as for :meth:`create_crm_items`
        :return: as of :meth:`create_crm_items`, with the statuses ``deleted``, ``not_found`` and ``failed``
        :raises InvalidInputError: not ids, or too many of them; nothing was deleted
        :raises Bitrix24Error: items were not deleted; its ``outcomes`` hold the outcome of each
        """
        with joined():
            check_max_items(max_items)
        return self._write(
            "delete",
            entity_type,
            ids,
            fail_on=fail_on,
            max_in_flight=max_in_flight,
            missing_ok=missing_ok,
            max_items=max_items,
        )

    def _write(
        self,
        operation: Operation,
        entity_type: str,
        rows: Any,
        *,
        fail_on: FailOn,
        max_in_flight: int,
        nulls: Nulls = "clear",
        max_items: int | None = None,
        **options: Any,
    ) -> list[dict[str, Any]]:
        """Carry out an operation on rows, and return what happened to each unless failures fail the whole."""
        with joined():
            check_fail_on(fail_on)
            check_in_flight(max_in_flight)
            writing = open_writing(self, operation, entity_type, **options)
            parser = writing.parser(nulls)
            field = "ids" if operation == "delete" else "rows"
            changes: Rows[Change] = parse_changes(
                rows, field, writing, parser, keep_invalid=keeps_invalid(fail_on)
            )
            check_count(len(changes) + len(changes.invalid), max_items)
            say_left_out(self.log, writing.entity_type, parser.left_out)
            progress = Progress()
            written = self.carry_out(write_all(writing, changes, progress), progress, max_in_flight)
            outcomes = changes.complete(written)
            report_outcomes(self, dataset_name(writing.entity_type), outcomes)
            return check_outcomes(outcomes, fail_on)
