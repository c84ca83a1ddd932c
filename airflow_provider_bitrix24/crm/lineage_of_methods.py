"""Which dataset a call of the API reads or writes, as far as its method and its parameters tell.

The API names a thing and then what is done with it, so a method's name without its last word names the
dataset: ``crm.timeline.comment.add`` writes ``crm.timeline.comment``. Where this package has a dataset of the
same rows, its name counts: ``crm.item.list`` and ``crm.deal.list`` both read ``crm.deal``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.items import CrmItem, type_of_short_code
from airflow_provider_bitrix24.crm.lineage import dataset_name
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.methods import number_of

_READS = frozenset({"list", "get", "search"})
_WRITES = frozenset({"add", "update", "delete", "set", "bind", "unbind", "import"})
_PRODUCT_ROWS = re.compile(r"crm\.(?P<type>lead|deal|quote)\.productrows")
#: what the API calls things of which this package has a dataset
_DATASETS = {
    "crm.status": "statuses",
    "crm.category": "pipelines",
    "crm.currency": "currencies",
    "user": "users",
    "department": "departments",
}


@dataclass(frozen=True)
class Use:
    """What a call does with a dataset.

    :param name: what lineage calls the dataset
    :param writes: whether it writes, instead of reading
    """

    name: str
    writes: bool


def use_of(call: Call) -> Use | None:
    """Return the dataset that a call reads or writes, ``None`` where its method does not tell.

    :param call: the call
    """
    thing, _, verb = call.method.strip().lower().rpartition(".")
    if not thing or verb not in _READS | _WRITES:
        return None
    name = _name_of(thing, call.params)
    return None if name is None else Use(name, verb in _WRITES)


def read_name(call: Call) -> str | None:
    """Return the dataset that a call of a list method reads, ``None`` where its method does not tell.

    :param call: the call
    """
    use = use_of(call)
    return None if use is None or use.writes else use.name


def _name_of(thing: str, params: Mapping[str, Any]) -> str | None:
    if thing in _BY_PARAMETERS:
        dataset = _BY_PARAMETERS[thing]({name.lower(): value for name, value in params.items()})
        return None if dataset is None else dataset_name(dataset)
    if thing in _DATASETS:
        return dataset_name(_DATASETS[thing])
    if match := _PRODUCT_ROWS.fullmatch(thing):
        return dataset_name(f"{match['type']}.product_rows")
    return thing


def _type(params: Mapping[str, Any]) -> str | None:
    """Return the type of CRM items that a call names by its number."""
    number = number_of(params.get("entitytypeid"))
    return None if number is None else CrmItem.of_type_id(number, 1).entity_type


def _history(params: Mapping[str, Any]) -> str | None:
    entity_type = _type(params)
    return None if entity_type is None else f"{entity_type}.stage_history"


def _product_rows(params: Mapping[str, Any]) -> str | None:
    """Return the product rows of the type whose short code a call, or its filter, names."""
    rows = params.get("filter")
    named = {**rows, **params} if isinstance(rows, Mapping) else params
    codes = [value for name, value in named.items() if str(name).lstrip("=").lower() == "ownertype"]
    code = codes[0] if codes else None
    entity_type = type_of_short_code(code) if isinstance(code, str) else ""
    return f"{entity_type}.product_rows" if entity_type else None


#: things whose dataset depends on the parameters: it is not known where they do not name it
_BY_PARAMETERS: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "crm.item": _type,
    "crm.stagehistory": _history,
    "crm.item.productrow": _product_rows,
}
