"""Operators that write items of the CRM: create, update, upsert, delete, set their product rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.writing.changes import Nulls
from airflow_provider_bitrix24.hooks.aliases import ItemIdsLike, ItemRowsLike, KeyLike, TextLike
from airflow_provider_bitrix24.hooks.bulk import DEFAULT_IN_FLIGHT, FailOn
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.hooks.writing import MAX_ITEMS, Phones, check_max_items
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN
from airflow_provider_bitrix24.operators.deferring import MAX_WAIT_IN_WORKER
from airflow_provider_bitrix24.operators.product_rows import SetProductRowsOperator
from airflow_provider_bitrix24.operators.writing import WritingOperator

__all__ = [
    "CreateCrmItemsOperator",
    "DeleteCrmItemsOperator",
    "SetProductRowsOperator",
    "UpdateCrmItemsOperator",
    "UpsertCrmItemsOperator",
]


class CreateCrmItemsOperator(WritingOperator):
    """Create items of the CRM (``crm.item.add``), with an outcome for every row.

    Names and values are checked against the portal's metadata before anything is sent, and what the portal
    answers is compared with what was sent: the API ignores unknown and read-only fields, and still says yes.

    Bitrix24 cannot create an item idempotently. With ``key``, an item of which the answer was lost is looked
    up, and an item that is there already is left alone, so the task can be run twice. Without ``key`` nothing
    is ever sent twice; an item of which the answer was lost fails.

    The result is one mapping for each row, in order: ``ENTITY_TYPE``, ``ENTITY_ID``, ``KEY`` where there is
    one, and ``STATUS``, which is ``created``, ``unchanged`` (an item with the key is there) or ``failed``
    with ``ERROR`` and ``ERROR_DESCRIPTION``. If the task fails, XCom holds the same list under the key
    ``outcomes``.

    :param entity_type: the items' type: ``lead``, ``deal``, ``contact``, ``company``, ``quote``,
        ``smart_invoice`` or ``dynamic_<number>`` of a smart process
    :param rows: mappings of columns to values; columns go by the names of an extraction (``assigned_by_id``)
        or the API's (``assignedById``). Those that Bitrix24 sets itself are left out
    :param key: a column, or several, that tell an item from all others, such as ``xml_id``
    :param timezone: the zone of times that have no offset from UTC; without it they are refused
    :param fail_on: fail if ``any`` or ``all`` of the rows failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param pass_through: columns of your own in the rows, such as ``["invoice"]``, for the result
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: no such type, field, value or key, or rows are not valid; nothing was sent
    :raises KeyNotUniqueError: several rows, or several items of the portal, have one key
    :raises ValueNotTakenError: the portal created an item, but with other values
    :raises AmbiguousWriteError: it is not known whether an item was created
    """

    operation = "create"
    noun = "items"
    template_fields: Sequence[str] = ("entity_type", "rows", "key", "timezone", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"rows": "json", "key": "json"}

    def __init__(
        self,
        *,
        entity_type: TextLike,
        rows: ItemRowsLike,
        key: KeyLike | None = NOT_GIVEN,
        timezone: TextLike | None = NOT_GIVEN,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        pass_through: Sequence[str] = (),
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_bulk(fail_on, max_in_flight, pass_through)
        self.take_waiting(deferrable, max_wait_in_worker)
        with joined():
            self.take_rows(entity_type, rows, key=key, timezone=timezone)


class UpdateCrmItemsOperator(WritingOperator):
    """Change items of the CRM (``crm.item.update``), with an outcome for every row.

    Names and values are checked against the portal's metadata before anything is sent. The items are read
    first, and only what differs is sent, because every update starts the portal's automation. What the portal
    answers is compared with what was sent.

    The result is one mapping for each row, in order: ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``, which is
    ``updated``, ``unchanged`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``. If the task fails, XCom
    holds the same list under the key ``outcomes``.

    :param entity_type: the items' type: ``lead``, ``deal``, ``contact``, ``company``, ``quote``,
        ``smart_invoice`` or ``dynamic_<number>`` of a smart process
    :param rows: mappings of columns to values, ``id`` among them; columns go by the names of an extraction
        (``assigned_by_id``) or the API's (``assignedById``). Those that Bitrix24 sets itself are left out
    :param skip_unchanged: leave alone what is so already; without it every row is sent
    :param phones: whether phones, e-mails and the like that a row does not name stay (``add``) or go
        (``replace``)
    :param nulls: whether an empty value empties the field (``clear``) or leaves it as it is (``keep``)
    :param timezone: the zone of times that have no offset from UTC; without it they are refused
    :param fail_on: fail if ``any`` or ``all`` of the rows failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param pass_through: columns of your own in the rows, such as ``["invoice"]``, for the result
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: no such type, field or value, or rows are not valid; nothing was sent
    :raises KeyNotUniqueError: several rows have one id; nothing was sent
    :raises ValueNotTakenError: the portal changed an item, but to other values
    :raises NotFoundError: an item does not exist
    """

    operation = "update"
    noun = "items"
    template_fields: Sequence[str] = ("entity_type", "rows", "timezone", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"rows": "json"}

    def __init__(
        self,
        *,
        entity_type: TextLike,
        rows: ItemRowsLike,
        skip_unchanged: bool = True,
        phones: Phones = "add",
        nulls: Nulls = "clear",
        timezone: TextLike | None = NOT_GIVEN,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        pass_through: Sequence[str] = (),
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_bulk(fail_on, max_in_flight, pass_through)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.skip_unchanged = check_flag(skip_unchanged, "skip_unchanged")
        with joined():
            self.take_rows(entity_type, rows, phones=phones, nulls=nulls, timezone=timezone)


class UpsertCrmItemsOperator(WritingOperator):
    """Change items of the CRM, and create those that are not there, with an outcome for every row.

    Items are looked up by ``key`` (``crm.item.list``; phones and e-mails by ``crm.duplicate.findbycomm``),
    then changed (``crm.item.update``) or created (``crm.item.add``). Run twice with the same rows, the task
    writes nothing the second time. The portal keeps no key unique: where several items have it, or several
    rows, the row fails, and nothing is guessed. Two tasks that create the same key at the same time
    create it twice; ``max_active_tis_per_dag=1`` lets them run one after the other.

    Names and values are checked against the portal's metadata before anything is sent, and what the portal
    answers is compared with what was sent.

    The result is one mapping for each row, in order: ``ENTITY_TYPE``, ``ENTITY_ID``, ``KEY`` and ``STATUS``,
    which is ``created``, ``updated``, ``unchanged`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``.
    If the task fails, XCom holds the same list under the key ``outcomes``.

    :param entity_type: the items' type: ``lead``, ``deal``, ``contact``, ``company``, ``quote``,
        ``smart_invoice`` or ``dynamic_<number>`` of a smart process
    :param rows: mappings of columns to values, the key's among them; columns go by the names of an extraction
        (``assigned_by_id``) or the API's (``assignedById``). Those that Bitrix24 sets itself are left out
    :param key: a column, or several, that tell an item from all others: ``xml_id``,
        ``["originator_id", "origin_id"]``, a user's field; of leads, contacts and companies also ``phone`` or
        ``email``
    :param skip_unchanged: leave alone what is so already; without it every row is sent
    :param phones: whether phones, e-mails and the like that a row does not name stay (``add``) or go
        (``replace``)
    :param nulls: whether an empty value empties the field (``clear``) or leaves it as it is (``keep``)
    :param timezone: the zone of times that have no offset from UTC; without it they are refused
    :param fail_on: fail if ``any`` or ``all`` of the rows failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param pass_through: columns of your own in the rows, such as ``["invoice"]``, for the result
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: no such type, field, value or key, or rows are not valid; nothing was sent
    :raises KeyNotUniqueError: several rows, or several items of the portal, have one key
    :raises ValueNotTakenError: the portal wrote an item, but with other values
    :raises AmbiguousWriteError: it is not known whether an item was created
    """

    operation = "upsert"
    noun = "items"
    template_fields: Sequence[str] = ("entity_type", "rows", "key", "timezone", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"rows": "json", "key": "json"}

    def __init__(
        self,
        *,
        entity_type: TextLike,
        rows: ItemRowsLike,
        key: KeyLike,
        skip_unchanged: bool = True,
        phones: Phones = "add",
        nulls: Nulls = "clear",
        timezone: TextLike | None = NOT_GIVEN,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        pass_through: Sequence[str] = (),
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_bulk(fail_on, max_in_flight, pass_through)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.skip_unchanged = check_flag(skip_unchanged, "skip_unchanged")
        with joined():
            self.take_rows(entity_type, rows, key=key, phones=phones, nulls=nulls, timezone=timezone)


class DeleteCrmItemsOperator(WritingOperator):
    """Delete items of the CRM (``crm.item.delete``), with an outcome for every one.

    Most types go into the portal's recycle bin, together with their activities and comments; quotes are gone
    at once. Running the task twice is safe.

    The result is one mapping for each id, in order: ``ENTITY_TYPE``, ``ENTITY_ID`` and ``STATUS``, which is
    ``deleted``, ``not_found`` or ``failed`` with ``ERROR`` and ``ERROR_DESCRIPTION``. If the task fails, XCom
    holds the same list under the key ``outcomes``.

    :param entity_type: the items' type: ``lead``, ``deal``, ``contact``, ``company``, ``quote``,
        ``smart_invoice`` or ``dynamic_<number>`` of a smart process
    :param ids: their ids, or mappings with an ``id`` each
    :param missing_ok: whether an item that is not there counts as done
    :param max_items: fail before anything is deleted if there are more ids than this: a wrong query must not
        empty the CRM
    :param fail_on: fail if ``any`` or ``all`` of the items failed, or ``never``
    :param max_in_flight: how many requests, of 50 calls each, may be under way at once: 1 to 20
    :param pass_through: columns of your own in the mappings, such as ``["reason"]``, for the result
    :param deferrable: wait in the triggerer for limits that last longer; the default is Airflow's setting
        ``[operators] default_deferrable``
    :param max_wait_in_worker: seconds that one request of a deferrable task waits in the worker
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: no such type, not ids, or more than ``max_items``; nothing was deleted
    :raises NotFoundError: an item does not exist, and ``missing_ok`` is ``False``
    :raises AccessDeniedError: the connection's user may not delete an item
    """

    operation = "delete"
    noun = "items"
    rows_name = "ids"
    template_fields: Sequence[str] = ("entity_type", "ids", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"ids": "json"}

    def __init__(
        self,
        *,
        entity_type: TextLike,
        ids: ItemIdsLike,
        missing_ok: bool = True,
        max_items: int = MAX_ITEMS,
        fail_on: FailOn = "any",
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        pass_through: Sequence[str] = (),
        deferrable: bool | None = None,
        max_wait_in_worker: float = MAX_WAIT_IN_WORKER,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.take_bulk(fail_on, max_in_flight, pass_through)
        self.take_waiting(deferrable, max_wait_in_worker)
        self.missing_ok = check_flag(missing_ok, "missing_ok")
        with joined():
            check_max_items(max_items)
            self.take_rows(entity_type, ids)
        self.max_items = max_items


# Airflow's UI and the docs name the module to import it from, not the file it is in
SetProductRowsOperator.__module__ = __name__
