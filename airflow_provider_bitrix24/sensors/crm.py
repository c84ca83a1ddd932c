"""Sensors that wait for CRM items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow.sdk import XComArg

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.stages import Semantic
from airflow_provider_bitrix24.crm.watching.item_watch import check_some_condition
from airflow_provider_bitrix24.hooks.aliases import IdLike, ItemLike, TextLike, WhereLike
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN, or_none
from airflow_provider_bitrix24.sensors.base import Bitrix24Sensor
from airflow_provider_bitrix24.triggers.crm import CrmItemsTrigger, CrmItemTrigger


class CrmItemSensor(Bitrix24Sensor):
    """Wait until a CRM item's fields meet conditions, or its stage has a meaning (``crm.item.get``).

    A condition is a field of ``crm.item.*`` with an operator before its name, and a value: ``"stageId":
    "WON"`` or ``">=opportunity": 1000``. Operators are those of the API's filters: none or ``=`` (equal),
    ``!`` (not equal), ``>``, ``>=``, ``<``, ``<=``, ``@`` and ``!@`` (one and none of a list), ``%`` and
    ``!%`` (contains and does not). A list means one of its values, and ``None`` an empty field. Values are
    compared by the field's own type (``crm.item.fields``): numbers as numbers, dates as dates, moments
    whatever their offset. Of a field with several values, one is enough. All conditions have to be met in the
    same look.

    ``stage_semantic`` is what a stage means (``crm.status.list``). The stage's name does not tell: ``WON`` is
    ``C1:WON`` in another pipeline, and a pipeline's own stages have any name.

    The result is the item's ``id`` and the fields of the conditions, with ``stage_semantic`` also
    ``categoryId`` and ``stageId``. Each of these names is an XCom key, too: ``sensor.output["stageId"]``.

    :param item: the CRM item: ``("deal", 10)``, ``{"entity_type": "deal", "entity_id": 10}`` or ``"D_10"``; a
        lead, deal, contact, company, quote, new invoice or item of a smart process
    :param entity_type: the item's type, instead of ``item``
    :param entity_id: the item's id, instead of ``item``
    :param conditions: conditions on its fields
    :param stage_semantic: ``success``, ``failure`` or ``process``
    :param deferrable: wait in the triggerer, where it holds no worker; on Airflow 3.3 and newer the task even
        starts there, unless it is mapped or an argument comes from another task
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not an item or not conditions; or the item has no such field, a value is not of
        the field's type, or no pipeline has such a stage
    :raises NotFoundError: the item does not exist, or somebody deletes it meanwhile
    """

    trigger_class = CrmItemTrigger
    template_fields: Sequence[str] = (
        "item", "entity_type", "entity_id", "conditions", "stage_semantic", "bitrix24_conn_id",
    )  # fmt: skip
    template_fields_renderers: ClassVar[dict[str, str]] = {"item": "json", "conditions": "json"}

    def __init__(
        self,
        *,
        item: ItemLike = NOT_GIVEN,
        entity_type: TextLike = NOT_GIVEN,
        entity_id: IdLike = NOT_GIVEN,
        conditions: Mapping[str, Any] | str | XComArg | None = NOT_GIVEN,
        stage_semantic: Semantic | str | XComArg | None = NOT_GIVEN,
        deferrable: bool | None = None,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(deferrable=deferrable, bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.wait_for(
            item=item,
            entity_type=entity_type,
            entity_id=entity_id,
            conditions=conditions,
            stage_semantic=stage_semantic,
        )
        if not self.arguments.is_mapped:
            with joined():
                check_some_condition(or_none(conditions), or_none(stage_semantic))


class CrmItemsSensor(Bitrix24Sensor):
    """Wait until enough CRM items match a filter, and return their ids (``crm.item.list``).

    ``where`` is a filter as ``Bitrix24Hook.crm_rows`` takes it: an operator and a field's name in either
    spelling, with a value: ``{"stage_id": "C1:WON", ">=opportunity": 1000}``. A list means one of its values.
    Names and values are checked against the portal's metadata (``crm.item.fields``). A filter that leaves no
    item out is refused.

    The sensor sees what the connection's user may read. Its result has four parts, each of which is an XCom
    key, too:

    - ``entity_type``: the type.
    - ``count``: how many items match.
    - ``ids``: their ids in ascending order, up to ``max_ids``.
    - ``truncated``: whether more items match than there are ids.

    :param entity_type: the items' type: ``lead``, ``deal``, ``contact``, ``company``, ``quote``,
        ``smart_invoice``, ``smart_document`` or ``dynamic_1042``
    :param where: the filter, a mapping or its JSON
    :param min_count: how many items have to match, 1 or more
    :param max_ids: how many ids are returned at most: 1 to 1000
    :param deferrable: wait in the triggerer, where it holds no worker; on Airflow 3.3 and newer the task even
        starts there, unless it is mapped or an argument comes from another task
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :raises InvalidInputError: not a type, a filter or a number; or the type has no such field, or a value is
        not of the field's type
    :raises AccessDeniedError: the connection's user may not read items of the type
    """

    trigger_class = CrmItemsTrigger
    template_fields: Sequence[str] = ("entity_type", "where", "min_count", "max_ids", "bitrix24_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"where": "json"}

    def __init__(
        self,
        *,
        entity_type: TextLike,
        where: WhereLike,
        min_count: IdLike = 1,
        max_ids: IdLike = 100,
        deferrable: bool | None = None,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(deferrable=deferrable, bitrix24_conn_id=bitrix24_conn_id, **kwargs)
        self.wait_for(entity_type=entity_type, where=where, min_count=min_count, max_ids=max_ids)
