"""The operator for the product rows of CRM items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.extraction.product_rows import check_has_rows
from airflow_provider_bitrix24.crm.items import parse_entity_type
from airflow_provider_bitrix24.crm.lineage import DataNode, product_rows_name
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.telling import counted
from airflow_provider_bitrix24.crm.writing.product_rows import (
    SET,
    OwnedRows,
    OwnedRowsList,
    parse_owned_rows,
    set_product_rows,
)
from airflow_provider_bitrix24.hooks.aliases import IdsLike, RowsLike, TextLike
from airflow_provider_bitrix24.hooks.bulk import DEFAULT_IN_FLIGHT, FailOn, keeps_invalid
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN, or_none
from airflow_provider_bitrix24.operators.bulk import BulkOperator, Outcomes
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.rest.plans import Plan
from airflow_provider_bitrix24.rest.progress import Progress


class SetProductRowsOperator(BulkOperator):
    """Give CRM items exactly these product rows (``crm.item.productrow.set``).

    **The API replaces all rows of an item.** Rows that an item has and that are not given are lost, and the
    rows that are set get new ids. The portal calculates the item's ``opportunity`` from them, unless its
    ``isManualOpportunity`` is ``Y``. An item that is not named, neither by a row nor by ``owner_ids``, keeps
    its rows.

    ``rows`` are flat, as the dataset ``deal.product_rows`` extracts them. The rows of one item are set in
    their order, or by ``sort`` where it is given. A row needs ``owner_id``, ``price``, ``quantity``, and
    ``product_id`` or ``product_name``. It may hold ``discount_type_id`` (1 amount, 2 percentage), with 1
    ``discount_sum``, else ``discount_rate``, ``tax_rate``, ``tax_included``, ``measure_code`` and ``sort``.
    ``price`` is for one unit, with discount and tax. Other columns of the dataset, such as ``id`` and
    ``price_account``, are left out, which is logged.

    The result is one mapping for each item, in order: ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``, which is
    ``set``, ``unchanged``, or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``. What the portal answers is
    compared with what was sent: ``ERROR`` is ``VALUE_NOT_TAKEN`` where it holds something else. If the task
    fails, XCom holds the same list under the key ``outcomes``.

    :param entity_type: the items' type: ``deal``, ``lead``, ``quote``, ``smart_invoice`` or ``dynamic_1042``
    :param rows: mappings, in a list or its JSON; names of columns as in the dataset or in the API
    :param owner_ids: ids of further items: those without any row in ``rows`` lose all rows that they have
    :param skip_unchanged: read the rows first, and leave items alone that have them already; else setting
        them starts automation again
    :param fail_on: fail if ``any`` or ``all`` of the items failed, or ``never``. With ``all`` and ``never`` a
        row that is not valid lets its item fail, which keeps the rows that it has
    :param max_in_flight: how many requests, of up to 50 items each, may be under way at once: 1 to 20
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: a row does not tell its owner, has an unknown column or, with
        ``fail_on="any"``, is not valid; nothing was sent
    :raises NotFoundError: an item does not exist
    :raises AccessDeniedError: the connection's user may not change an item
    :raises ValueNotTakenError: the portal holds other values than were sent
    """

    template_fields: Sequence[str] = ("entity_type", "rows", "owner_ids", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"rows": "json", "owner_ids": "json"}

    def __init__(
        self,
        *,
        entity_type: TextLike,
        rows: RowsLike,
        owner_ids: IdsLike | None = NOT_GIVEN,
        skip_unchanged: bool = True,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_bulk(fail_on, max_in_flight)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.entity_type = entity_type
        self.rows = rows
        self.owner_ids = or_none(owner_ids)
        self.skip_unchanged = check_flag(skip_unchanged, "skip_unchanged")
        self.arguments.note(entity_type=entity_type, rows=rows, owner_ids=owner_ids)
        self.arguments.check_literals(
            entity_type=lambda value, name: check_has_rows(parse_entity_type(value, name), name)
        )
        if self.arguments.are_literal("entity_type", "rows", "owner_ids"):
            with joined():
                self._parse()

    def written_nodes(self) -> list[DataNode]:
        """Return the product rows of the type; how many rows they are is not counted."""
        return [self.dataset_node(product_rows_name(self.entity_type))]

    def parse(self) -> OwnedRowsList:
        """Return the rows that each item is to have."""
        self.arguments.check_not_lost(self, "owner_ids")
        owned = self._parse()
        if owned.note:
            self.log.info("%s", owned.note)
        return owned

    def _parse(self) -> OwnedRowsList:
        keep_invalid = keeps_invalid(self.fail_on)
        return parse_owned_rows(self.entity_type, self.rows, self.owner_ids, keep_invalid=keep_invalid)

    def fingerprint(self, items: Sequence[OwnedRows]) -> Any:
        """Return what tells these rows from others."""
        return [owned.call().params for owned in items]

    def plan(self, items: Sequence[OwnedRows], progress: Progress) -> Plan[list[ItemOutcome[OwnedRows]]]:
        """Return the work: set the rows."""
        return set_product_rows(items, progress, skip_unchanged=self.skip_unchanged)

    def sentence(self, outcomes: Outcomes) -> str:
        """Return in words how many product rows items have now."""
        told = []
        for outcome in outcomes:
            number = len(outcome.subject.rows)
            has = "now has" if outcome.status == SET else "already had"
            rows = counted(number, "product row") if number else "no product rows"
            told.append(f"{outcome.subject.item} {has} {rows}")
        return f"{'; '.join(told)}."
