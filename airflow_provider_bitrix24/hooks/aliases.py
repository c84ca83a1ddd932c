"""Types for annotations: what may stand for an id, a CRM item, a binding, or a list of them.

Each may be the output of an upstream task (an ``XComArg``) or hold such outputs. A list or a mapping may be
one text, too, which a template makes of JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from os import PathLike
from typing import Any, SupportsIndex, TypeAlias

from airflow.sdk import XComArg

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline.activities import ActivityBinding
from airflow_provider_bitrix24.crm.timeline.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.rest.calls import Call

#: a text, or the output of a task
TextLike: TypeAlias = str | XComArg
#: a whole number from 1 up, of any integer type, or its digits
IdLike: TypeAlias = int | str | Decimal | SupportsIndex | XComArg
#: several ids
IdsLike: TypeAlias = Iterable[IdLike] | TextLike
#: ``("deal", 10)``, ``{"entity_type": "deal", "entity_id": 10}``, ``"D_10"`` or a template that becomes one
ItemLike: TypeAlias = CrmItem | tuple[TextLike, IdLike] | list[Any] | Mapping[str, Any] | TextLike
#: several items
ItemsLike: TypeAlias = Iterable[ItemLike] | TextLike
#: ``(record_id, entity_type, entity_id)``, or a mapping with these names or the API's
BindingLike: TypeAlias = TimelineBinding | tuple[IdLike, TextLike, IdLike] | list[Any] | Mapping[str, Any]
#: several bindings of timeline records
BindingsLike: TypeAlias = Iterable[BindingLike] | TextLike
#: ``(activity_id, entity_type, entity_id)``, or a mapping with these names or the API's
ActivityBindingLike: TypeAlias = (
    ActivityBinding | tuple[IdLike, TextLike, IdLike] | list[Any] | Mapping[str, Any]
)
#: several bindings of activities
ActivityBindingsLike: TypeAlias = Iterable[ActivityBindingLike] | TextLike
#: mappings of ``item`` (or ``entity_type`` and ``entity_id``) and ``comment``, or
#: ``(entity_type, entity_id, comment)``
CommentsLike: TypeAlias = Iterable[Mapping[str, Any] | tuple[TextLike, IdLike, TextLike]] | TextLike
#: mappings of columns to values
RowsLike: TypeAlias = Iterable[Mapping[str, Any]] | TextLike
#: paths, local or in object storage, or mappings of ``path`` and ``name``
FilesLike: TypeAlias = Iterable[TextLike | PathLike[str] | Mapping[str, Any]] | TextLike
#: where a file is, local or in object storage
FilePathLike: TypeAlias = TextLike | PathLike[str]
#: calls, or mappings of ``method``, ``params`` and ``repeatable``
CallsLike: TypeAlias = Iterable[Call | Mapping[str, Any]] | TextLike
#: parameters of an API method
ApiParamsLike: TypeAlias = Mapping[str, Any] | TextLike
#: names of fields, in the API's spelling or the columns'
FieldNamesLike: TypeAlias = Iterable[TextLike] | TextLike
#: a filter: operator and field to value
WhereLike: TypeAlias = Mapping[str, Any] | TextLike
#: a moment with its offset from UTC, or its ISO text; ``""`` is the beginning
SinceLike: TypeAlias = datetime | TextLike
#: mappings of columns to values, one for each item of the CRM
ItemRowsLike: TypeAlias = Iterable[Mapping[str, Any]] | TextLike
#: ids of items of one type, or mappings that hold one each
ItemIdsLike: TypeAlias = Iterable[IdLike | Mapping[str, Any]] | TextLike
#: a column, or several, that tell an item from all others
KeyLike: TypeAlias = TextLike | Iterable[TextLike]
