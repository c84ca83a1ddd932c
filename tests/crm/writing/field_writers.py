"""Writers of single fields, and what tests ask of them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_bitrix24.crm.fields.schema import CrmSchema, schema_of
from airflow_provider_bitrix24.crm.writing.writer import Writer
from airflow_provider_bitrix24.crm.writing.writers import writers_of
from airflow_provider_bitrix24.rest.errors import InvalidInputError

PLACE = "rows[3].column"


def schema_with(dataset: str = "deal", **fields: dict[str, Any]) -> CrmSchema:
    described = {"id": {"type": "integer", "isReadOnly": True}, **fields}
    return schema_of(dataset, described, names="snake", method="crm.item.fields")


def writer(kind: str, name: str = "ufCrm_1", *, dataset: str = "deal", **more: Any) -> Writer:
    """Return the writer of a field of a type; ``phones``, ``zone`` and ``codes`` are options of all."""
    options = {key: more.pop(key) for key in ("phones", "zone", "codes") if key in more}
    upper = "UF_CRM_1" if name == "ufCrm_1" else None
    field = {"type": kind, **({"upperName": upper} if upper else {}), **more}
    found = writers_of(schema_with(dataset, **{name: field}), **options)
    return found[name]


def entries_writer(kind: str = "PHONE", phones: str = "add") -> Writer:
    fm = {"type": "crm_multifield", "isMultiple": True, "upperName": "FM"}
    return writers_of(schema_with("contact", fm=fm), phones=phones)[kind]


def parse(one: Writer, value: Any) -> Any:
    return one.parse({one.columns[0]: value}, PLACE)


def refused(one: Writer, value: Any, words: str = "") -> str:
    """Parse what is no value, see that nothing tells the value, and return the message."""
    with pytest.raises(InvalidInputError) as caught:
        parse(one, value)
    assert caught.value.__cause__ is caught.value.__context__ is None, "either may hold the value"
    hidden = str(value).strip()
    assert len(hidden) < 3 or hidden not in caught.value.description, "the remedy is the field's own"
    assert str(caught.value).startswith(PLACE)
    assert words in str(caught.value)
    return str(caught.value)


def read_file(path: str, name: str) -> tuple[str, str]:
    return name or path.rpartition("/")[2], "aGk="


def sent(one: Writer, value: Any, item: dict[str, Any] | None = None) -> dict[str, Any]:
    return one.sent(parse(one, value), item, read_file)
