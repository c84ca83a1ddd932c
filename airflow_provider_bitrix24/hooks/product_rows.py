"""The hook for the product rows of CRM items."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.crm.lineage import product_rows_name
from airflow_provider_bitrix24.crm.writing.product_rows import parse_owned_rows, set_product_rows
from airflow_provider_bitrix24.hooks.aliases import IdsLike, RowsLike, TextLike
from airflow_provider_bitrix24.hooks.bulk import (
    DEFAULT_IN_FLIGHT,
    FailOn,
    check_in_flight,
    check_outcomes,
    keeps_invalid,
)
from airflow_provider_bitrix24.hooks.crm_writing import CrmWritingHook
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.lineage import report_outcomes
from airflow_provider_bitrix24.rest.progress import Progress


class ProductRowsHook(CrmWritingHook):
    """Sets product rows."""

    def set_product_rows(
        self,
        entity_type: TextLike,
        rows: RowsLike,
        *,
        owner_ids: IdsLike | None = None,
        skip_unchanged: bool = True,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
    ) -> list[dict[str, Any]]:
        """Give items exactly these product rows (``crm.item.productrow.set``).

        The method replaces all rows of an item: rows that are not given are lost, and new ones get new ids.

        :param entity_type: the items' type: ``deal``, ``lead``, ``quote``, ``smart_invoice`` or
            ``dynamic_1042``
        :param rows: mappings of ``owner_id``, ``product_id`` or ``product_name``, ``price``, ``quantity`` and
            perhaps more columns of the dataset ``deal.product_rows``
        :param owner_ids: ids of further items, which lose all rows unless some of the rows are theirs
        :param skip_unchanged: read the rows first, and leave items alone that have them already
        :param fail_on: raise if ``any`` or ``all`` of the items failed, or ``never``
        :param max_in_flight: how many requests, of up to 50 items each, may be under way at once: 1 to 20
        :return: for each item its ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``: ``set``, ``unchanged`` or
            ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``
        :raises InvalidInputError: a row does not tell its owner, has an unknown column or, with
            ``fail_on="any"``, is not valid; nothing was sent
        :raises Bitrix24Error: items failed; its ``outcomes`` hold the outcome of each
        """
        with joined():
            owned = parse_owned_rows(entity_type, rows, owner_ids, keep_invalid=keeps_invalid(fail_on))
            in_flight = check_in_flight(max_in_flight)
            if owned.note:
                self.log.info("%s", owned.note)
            progress = Progress()
            plan = set_product_rows(owned, progress, skip_unchanged=skip_unchanged)
            outcomes = owned.complete(self.carry_out(plan, progress, in_flight))
            report_outcomes(self, product_rows_name(entity_type), outcomes)
            return check_outcomes(outcomes, fail_on)
