"""Datasets: what can be extracted from a portal, and how each is read.

Most are lists with an id, read by it. Some belong to the items of a type (``deal.product_rows``), some are
small and always read whole (``stages``).
"""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.extraction import product_rows, reference_data
from airflow_provider_bitrix24.crm.fields.schema import CrmSchema, Names, schema_of, static_schema
from airflow_provider_bitrix24.crm.items import CrmItem, parse_entity_type
from airflow_provider_bitrix24.crm.meant import meant
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import InvalidInputError, NotFoundError
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.shown import shown

#: types that ``crm.item.*`` reads
ENTITY_TYPES = ("lead", "deal", "contact", "company", "quote", "smart_invoice", "smart_document")
_WITH_HISTORY = re.compile(r"lead|deal|smart_invoice|dynamic_\d+")
_SMART_PROCESS = re.compile(r"dynamic_\d+")
#: how much alike two names are, from 0 to 1, of which one may have been meant for the other
_ALIKE = 0.7
_WITH_MULTIFIELDS = ("lead", "contact", "company")
#: phones, e-mails and the like of an item, whether the metadata tells of them or not
_MULTIFIELDS = {"type": "crm_multifield", "upperName": "FM", "isMultiple": True}
#: what an activity costs much to be read with
_ACTIVITY_EXTRAS = ("COMMUNICATIONS", "FILES", "BINDINGS", "WEBDAV_ELEMENTS")
_HISTORY = {
    "ID": "integer",
    "TYPE_ID": "integer",
    "OWNER_ID": "integer",
    "CREATED_TIME": "datetime",
    "CATEGORY_ID": "integer",
    "STAGE_ID": "string",
    "STAGE_SEMANTIC_ID": "string",
}
#: how the history of leads calls the same
_LEAD_HISTORY = {"STAGE_ID": "STATUS_ID", "STAGE_SEMANTIC_ID": "STATUS_SEMANTIC_ID"}


@dataclass(frozen=True)
class Dataset(ABC):
    """Something that can be extracted.

    :param name: its name, such as ``deal``
    """

    name: str

    @property
    def changed_name(self) -> str:
        """Name of the modification date in filters, ``""`` where there is none."""
        return ""

    @property
    def takes_filter(self) -> bool:
        """Whether a part of it can be asked for."""
        return False

    @property
    def has_single_rows(self) -> bool:
        """Whether the portal can be asked for one of its rows, which tells what is gone."""
        return False

    @abstractmethod
    def describe(self, names: Names) -> Plan[CrmSchema]:
        """Find out which fields it has.

        :param names: whether columns go by names in lower case, or by the API's
        :raises Bitrix24Error: the metadata could not be read
        """


@dataclass(frozen=True)
class ListDataset(Dataset):
    """A dataset that is a list with an id.

    :param method: its list method
    :param params: what the method needs beside filter and selection
    :param id_name: name of the id in filters
    :param changed: name of the modification date in filters
    :param described_by: reads its fields
    :param selects: whether the method takes a selection
    """

    method: str
    params: Mapping[str, Any]
    id_name: str
    changed: str
    described_by: Callable[[str, Names], Plan[CrmSchema]]
    selects: bool = True

    @property
    def changed_name(self) -> str:
        """Name of the modification date in filters."""
        return self.changed

    @property
    def takes_filter(self) -> bool:
        """Whether a part of it can be asked for."""
        return True

    @property
    def has_single_rows(self) -> bool:
        """Whether the portal can be asked for one of its rows."""
        return self.method != "crm.stagehistory.list"

    def describe(self, names: Names) -> Plan[CrmSchema]:
        """Find out which fields it has.

        :param names: whether columns go by names in lower case, or by the API's
        """
        return self.described_by(self.name, names)

    def call(self, schema: CrmSchema, where: Mapping[str, Any] | None = None) -> Call:
        """Return the call that lists it.

        :param schema: the fields to read
        :param where: a filter in the API's names
        """
        params: dict[str, Any] = {**self.params}
        if where:
            params["filter"] = dict(where)
        if self.selects:
            params["select"] = schema.select
        return Call(self.method, params)

    def ids_call(self, where: Mapping[str, Any] | None = None) -> Call:
        """Return the call that lists the ids alone.

        :param where: a filter in the API's names
        """
        params: dict[str, Any] = {**self.params, "select": [self.id_name]}
        if where:
            params["filter"] = dict(where)
        return Call(self.method, params)


@dataclass(frozen=True)
class OwnedDataset(Dataset):
    """The product rows of the items of a type.

    :param owners: the items that they belong to
    """

    owners: ListDataset

    @property
    def takes_filter(self) -> bool:
        """Whether a part of it can be asked for: a filter is one of the owners."""
        return True

    def describe(self, names: Names) -> Plan[CrmSchema]:
        """Return the fields, which no method describes.

        :param names: whether columns go by names in lower case, or by the API's
        """
        return _known(static_schema(self.name, product_rows.FIELDS, ("id",), names))

    def read(self, owner_ids: Sequence[int], *, together: bool) -> Plan[list[dict[str, Any]]]:
        """Read the rows of some owners.

        :param owner_ids: ids of the items
        :param together: whether one call may ask for many owners, which takes an administrator
        """
        item = CrmItem(self.owners.name, 1)
        return product_rows.read_rows(item, owner_ids, together=together)


@dataclass(frozen=True)
class SmallDataset(Dataset):
    """A dataset that is read whole, in a few requests.

    :param fields: types by name, as its rows have them
    :param key: columns that tell a row from all others
    :param reads: reads all its rows
    """

    fields: Mapping[str, str]
    key: tuple[str, ...]
    reads: Callable[[], Plan[list[dict[str, Any]]]]

    def describe(self, names: Names) -> Plan[CrmSchema]:
        """Return the fields, which no method describes.

        :param names: whether columns go by names in lower case, or by the API's
        """
        return _known(static_schema(self.name, self.fields, self.key, names))

    def read(self) -> Plan[list[dict[str, Any]]]:
        """Read all its rows."""
        return self.reads()


def parse_dataset(value: Any, field: str = "dataset") -> Dataset:
    """Return the dataset of a name.

    :param value: its name, such as ``deal``, ``deal.stage_history``, ``dynamic_1042`` or ``users``
    :param field: where it stands, for the message
    :raises InvalidInputError: there is none of the name
    """
    name = value.strip().lower() if isinstance(value, str) else ""
    if name == "activity":
        return _ACTIVITY
    if name in reference_data.DATASETS:
        small = reference_data.DATASETS[name]
        return SmallDataset(name, small.fields, small.key, small.read)
    owner, dot, part = name.partition(".")
    is_known = _is_item_type(owner) and bool(part) == bool(dot)
    found = _of_type(owner, part) if is_known else None
    if found is not None:
        return found
    raise InvalidInputError(f"{field}: {shown(value)} is not a dataset", remedy=_near(name))


def _of_type(entity_type: str, part: str) -> Dataset | None:
    """Return the items of a type, or a part of them."""
    items = _items(entity_type)
    name = f"{entity_type}.{part}"
    if not part:
        return items
    if part == "stage_history" and _WITH_HISTORY.fullmatch(entity_type):
        return _history(name, entity_type)
    if part == "product_rows" and product_rows.OWNER_TYPES.fullmatch(entity_type):
        return OwnedDataset(name, items)
    if part in reference_data.OF_TYPES:
        small = reference_data.OF_TYPES[part]
        type_id = CrmItem(entity_type, 1).type_id
        return SmallDataset(name, small.fields, small.key, lambda: small.read(type_id))
    return None


def _is_item_type(name: str) -> bool:
    try:
        parsed = parse_entity_type(name, "dataset")
    except InvalidInputError:
        return False
    return parsed in ENTITY_TYPES or parsed.startswith("dynamic_")


def _near(name: str) -> str:
    """Return what to do about a name that is no dataset's."""
    if _SMART_PROCESS.match(name) and not _is_item_type(name.partition(".")[0]):
        return (
            "Smart processes have the numbers 128 to 191, or even ones from 1030 up. "
            "The method crm.type.list tells the entityTypeId of each."
        )
    names = [
        *ENTITY_TYPES,
        "activity",
        *reference_data.DATASETS,
        *(f"deal.{part}" for part in ("stage_history", "product_rows", *reference_data.OF_TYPES)),
    ]
    near = difflib.get_close_matches(name, names, n=3, cutoff=_ALIKE)
    return meant(near) or f"Known are {', '.join(names)}, dynamic_1042 and the like."


def _items(entity_type: str) -> ListDataset:
    type_id = CrmItem(entity_type, 1).type_id
    call = Call("crm.item.fields", {"entityTypeId": type_id})
    return ListDataset(
        entity_type,
        method="crm.item.list",
        params={"entityTypeId": type_id},
        id_name="id",
        changed="updatedTime",
        described_by=lambda name, names: _described(name, names, call),
    )


def _history(name: str, entity_type: str) -> ListDataset:
    fields = {
        _LEAD_HISTORY.get(field, field) if entity_type == "lead" else field: kind
        for field, kind in _HISTORY.items()
        if entity_type != "lead" or field != "CATEGORY_ID"
    }
    return ListDataset(
        name,
        method="crm.stagehistory.list",
        params={"entityTypeId": CrmItem(entity_type, 1).type_id},
        id_name="ID",
        changed="CREATED_TIME",
        described_by=lambda name, names: _known(static_schema(name, fields, ("id",), names)),
        selects=False,
    )


def _described(name: str, names: Names, call: Call, extras: Sequence[str] = ()) -> Plan[CrmSchema]:
    [outcome] = yield Work([call])
    if isinstance(outcome.error, NotFoundError):
        raise InvalidInputError(
            f"dataset: the portal has no {name}",
            remedy="The method crm.type.list tells the entityTypeId of each smart process.",
        )
    described = outcome.unwrap()
    if isinstance(described, Mapping) and isinstance(described.get("fields"), Mapping):
        described = described["fields"]
        if name in _WITH_MULTIFIELDS:
            described = {**described, "fm": _MULTIFIELDS}
    return schema_of(name, described, names=names, method=call.method, extras=extras)


def _known(schema: CrmSchema) -> Plan[CrmSchema]:
    """Return a schema that nobody has to be asked for."""
    return schema
    yield  # it is a plan all the same


_ACTIVITY = ListDataset(
    "activity",
    method="crm.activity.list",
    params={},
    id_name="ID",
    changed="LAST_UPDATED",
    described_by=lambda name, names: _described(
        name, names, Call("crm.activity.fields"), extras=_ACTIVITY_EXTRAS
    ),
)
