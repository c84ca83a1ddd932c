"""``crm.*.userfield.list`` and ``get``: how the user fields of a type were created."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import classic_error
from ..fields import parse_table
from ..item_store import ItemStore
from ..listing import Query
from ..world import Call, Listed
from .params import classic_array, classic_id
from .registry import Method, classic

if TYPE_CHECKING:
    from ..fields import Field
    from ..item_store import Row
    from ..user_fields import Option, UserField

_FIELDS = parse_table("""
    ID integer -; ENTITY_ID string -; FIELD_NAME string -; USER_TYPE_ID string -; XML_ID string -
    SORT integer 100; MULTIPLE char N; MANDATORY char N; SHOW_FILTER char -
""")
_LABELS = ("EDIT_FORM_LABEL", "LIST_COLUMN_LABEL", "LIST_FILTER_LABEL")


def list_fields(kind: str, call: Call) -> Listed:
    """List all user fields of a type; with ``LANG`` in the filter with labels in that language."""
    filters = classic_array(call, "filter")
    labels = filters.pop("LANG", None) is not None
    store = ItemStore("user_field", _FIELDS, typed=True)
    known = {field.definition.number: field for field in _user_fields(kind, call)}
    for number, field in known.items():
        store.insert(number, _row(kind, field))
    query = Query(store, call.world.zone, call.now)
    query.filter(filters.items()).sort(classic_array(call, "order").items())
    rows = []
    for row in query.everything():
        field = known[int(row["ID"])]
        label = field.definition.title or None
        rows.append({**row, **(dict.fromkeys(_LABELS, label) if labels else {}), **_options(field)})
    return Listed(rows, len(rows))


def get(kind: str, call: Call) -> Row:
    """Return one user field with its labels in all languages."""
    number = classic_id(call)
    field = next((field for field in _user_fields(kind, call) if field.definition.number == number), None)
    if field is None:
        raise classic_error(f"The entity with ID '{number}' is not found.")
    labels = {"en": field.definition.title} if field.definition.title else {}
    texts: Row = {**dict.fromkeys(_LABELS, labels), "ERROR_MESSAGE": {}, "HELP_MESSAGE": {}}
    return {"ID": str(number), **_row(kind, field), **texts, **_options(field)}


def _user_fields(kind: str, call: Call) -> list[Field]:
    return [field for field in call.world.crm.store(kind).fields.values() if field.is_user_field]


def _row(kind: str, field: Field) -> Row:
    definition = field.definition
    return {
        "ENTITY_ID": f"CRM_{kind.upper()}",
        "FIELD_NAME": field.name,
        **_type(definition),
        "XML_ID": definition.xml_id,
        "SORT": "100",
        "MULTIPLE": "Y" if definition.multiple else "N",
        "MANDATORY": "Y" if definition.mandatory else "N",
        "SHOW_FILTER": "I",
        "SETTINGS": definition.settings,
    }


def _type(definition: UserField) -> Row:
    """Return the type; of an application's type, ``rest_{app}_{type}``, owner and name apart."""
    if not definition.kind.startswith("rest_"):
        return {"USER_TYPE_ID": definition.kind}
    rest, application, name = definition.kind.split("_", 2)
    return {"USER_TYPE_ID": name, "USER_TYPE_OWNER": f"{rest}_{application}"}


def _options(field: Field) -> dict[str, list[dict[str, Any]]]:
    if field.type != "enumeration":
        return {}

    def place(option: Option) -> tuple[int, int]:
        return option.sort, option.number

    return {
        "LIST": [
            {
                "ID": str(option.number),
                "SORT": str(option.sort),
                "VALUE": option.value,
                "DEF": "Y" if option.default else "N",
                "XML_ID": option.xml_id,
            }
            for option in sorted(field.definition.options, key=place)
        ]
    }


def _methods(kind: str) -> tuple[Method, ...]:
    return (
        classic(f"crm.{kind}.userfield.list", partial(list_fields, kind)),
        classic(f"crm.{kind}.userfield.get", partial(get, kind)),
    )


METHODS: tuple[Method, ...] = tuple(
    method for kind in ("lead", "deal", "contact", "company", "quote") for method in _methods(kind)
)
