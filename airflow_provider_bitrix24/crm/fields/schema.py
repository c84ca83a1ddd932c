"""What a dataset's rows hold: its fields, the columns they become, and how their values are read."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.fields.columns import Column, ValueType
from airflow_provider_bitrix24.crm.fields.field_names import as_column, letters
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.meant import meant
from airflow_provider_bitrix24.rest.errors import InvalidInputError, UnexpectedResultError
from airflow_provider_bitrix24.rest.shown import shown

Names = Literal["snake", "api"]
#: digits behind the point: of money, of other decimals whose metadata does not tell
MONEY_SCALE, DECIMAL_SCALE = 2, 6
#: what one field of phones, addresses and the like is split into
MULTIFIELDS = ("PHONE", "EMAIL", "WEB", "IM", "LINK")
#: fields that a list does not return, or at great cost and without use
_LEFT_OUT = frozenset({
    "CONTACTS", "COMPANIES", "PRODUCTS", "PRODUCT_ROWS", "SEARCH_CONTENT", "CONTACT_BINDINGS",
})  # fmt: skip
#: decimals that count money
_MONEY = frozenset({"OPPORTUNITY", "TAX_VALUE", "REVENUE", "OPPORTUNITY_ACCOUNT", "TAX_VALUE_ACCOUNT"})
#: what classic methods call fields of items, without underscores, and what items call them
_CLASSIC = {
    "datecreate": "createdTime",
    "datemodify": "updatedTime",
    "createdbyid": "createdBy",
    "modifybyid": "updatedBy",
    "movedbyid": "movedBy",
    "observerids": "observers",
}
#: the same of some types only
_CLASSIC_OF = {
    "lead": {"statusid": "stageId", "statussemanticid": "stageSemanticId"},
    "quote": {"statusid": "stageId"},
    "company": {"companytype": "typeId"},
}


@dataclass(frozen=True)
class Option:
    """An option of a list field.

    :param id: its id, which values hold
    :param value: its label
    """

    id: int
    value: str


@dataclass(frozen=True, kw_only=True)
class CrmField:
    """A field of a dataset.

    :param name: its column's name, such as ``assigned_by_id``
    :param api_name: what rows of the API call it, such as ``assignedById``
    :param type: its type, as the metadata names it
    :param title: how people call it
    :param status_type: which list of ``crm.status.list`` has its codes; empty where that is not told
    :param multiple: whether it holds a list of values
    :param options: of a list field
    :param read_only: whether the API does not let it be written
    :param immutable: whether it can be written only when an item is added
    :param scale: digits behind the point, of decimals
    :param is_extra: whether it is read only where it is asked for by name, because it costs much
    :param currency: of money, what the name of the currency's column has more than that of the amount's
    """

    name: str
    api_name: str
    type: str
    title: str = ""
    status_type: str = ""
    multiple: bool = False
    options: tuple[Option, ...] = ()
    read_only: bool = False
    immutable: bool = False
    scale: int = DECIMAL_SCALE
    is_extra: bool = False
    currency: tuple[str, ...] = ("currency",)

    @property
    def is_users(self) -> bool:
        """Whether a user made it."""
        return self.name.lower().startswith(("uf_", "ufcrm"))

    @property
    def readings(self) -> list[Reading]:
        """How its values become columns: one, or two where it is money with a currency of its own."""
        if self.type == "crm_multifield":
            kinds = MULTIFIELDS if self.name == "fm" else (self.name.upper(),)
            return [self._multifield(kind) for kind in kinds]
        read = ft.read_as(self.type, self.scale)
        readings = [Reading(self._column(ft.value_type(self.type)), self.api_name, self._each(read))]
        if self.type == "money":
            column = replace(self._column(ValueType.TEXT), name=self.currency_name)
            readings.append(Reading(column, self.api_name, self._each(ft.currency)))
        return readings

    @property
    def currency_name(self) -> str:
        """The name of the currency's column, of money."""
        if self.name.islower():
            return "_".join((self.name, *self.currency))
        return self.name + "".join(map(str.capitalize, self.currency))

    def _each(self, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if not self.multiple:
            return read
        return ft.many_monies(read) if self.type == "money" else ft.many(read)

    def _column(self, kind: ValueType) -> Column:
        return Column(
            name=self.name, type=kind, multiple=self.multiple, scale=self.scale, title=self.title or self.name
        )

    def _multifield(self, kind: str) -> Reading:
        column = Column(name=kind.lower(), type=ValueType.MULTIFIELD, multiple=True, title=kind.capitalize())
        return Reading(column, self.api_name, lambda value: _of_kind(value, kind))


@dataclass(frozen=True)
class Reading:
    """How a column's values are read from rows of the API.

    :param column: the column
    :param api_name: the key in a row
    :param read: makes its value of the API's
    """

    column: Column
    api_name: str
    read: Callable[[Any], Any] = field(compare=False)


@dataclass(frozen=True)
class CrmSchema:
    """The fields of a dataset.

    :param dataset: the dataset's name
    :param fields: its fields
    :param key: names of the columns that tell a row from all others
    """

    dataset: str
    fields: tuple[CrmField, ...]
    key: tuple[str, ...] = ("id",)

    @property
    def readings(self) -> list[Reading]:
        """How each column is read."""
        found = [reading for described in self.fields for reading in described.readings]
        return list({reading.column.name: reading for reading in found}.values())

    @property
    def columns(self) -> list[Column]:
        """The columns of its tables and files."""
        return [reading.column for reading in self.readings]

    def find(self, name: str) -> CrmField | None:
        """Return the field of a name, in any spelling; ``None`` where there is none.

        :param name: the column's name, the API's, or that of classic methods, such as ``DATE_CREATE``
        """
        wanted = name.casefold()
        for described in self.fields:
            if wanted in (described.name.casefold(), described.api_name.casefold()):
                return described
        spelled = letters(name)
        alike = [described for described in self.fields if letters(described.name) == spelled]
        return alike[0] if len(alike) == 1 else self._classic(spelled)

    def _classic(self, spelled: str) -> CrmField | None:
        """Return the field that classic methods call by a name, of which only the letters are known."""
        api_name = (_CLASSIC | _CLASSIC_OF.get(self.dataset, {})).get(spelled)
        return next((known for known in self.fields if known.api_name == api_name), None)

    def near(self, name: str) -> list[str]:
        """Return names of columns that may have been meant.

        :param name: a name that is no field's
        """
        by_letters = {letters(column.name): column.name for column in self.columns}
        found = difflib.get_close_matches(letters(name), by_letters, n=3)
        return [by_letters[spelled] for spelled in found]

    def only(self, names: Sequence[str] | None) -> CrmSchema:
        """Return the schema of some fields; the key's are always among them.

        :param names: their names, in either spelling; ``None`` for all but the extras
        :raises InvalidInputError: there is no such field
        """
        if names is None:
            return replace(self, fields=tuple(known for known in self.fields if not known.is_extra))
        chosen: dict[str, CrmField] = {}
        for position, name in enumerate([*self.key, *names]):
            found = self._named(name, f"fields[{position - len(self.key)}]")
            chosen[found.name] = found
        return replace(self, fields=tuple(chosen.values()))

    def _named(self, name: Any, place: str) -> CrmField:
        found = (self.find(name) or self._part(name)) if isinstance(name, str) else None
        if found is not None:
            return found
        if name == "*":
            raise InvalidInputError(
                f"{place}: '*' is not a field of {self.dataset}",
                remedy="Leave fields out to read every field.",
            )
        raise self.unknown(name, place)

    def unknown(self, name: Any, place: str) -> InvalidInputError:
        """Return the error that a name is no field's, with what may have been meant.

        :param name: the name
        :param place: where it stands, for the message
        """
        remedy = meant(self.near(str(name))) or f"See hook.crm_schema({self.dataset!r}) for its fields."
        return InvalidInputError(f"{place}: {shown(name)} is not a field of {self.dataset}", remedy=remedy)

    def _part(self, name: str) -> CrmField | None:
        """Return the field of a column: of a currency, or one kind of the multifields (``phone``)."""
        whole = self.find("fm")
        if whole is not None and name.upper() in MULTIFIELDS:
            return replace(whole, name=name.lower(), title=name.capitalize())
        spelled = letters(name)
        owners = [
            known
            for known in self.fields
            if any(spelled == letters(reading.column.name) for reading in known.readings)
        ]
        return owners[0] if owners else None

    @property
    def select(self) -> list[str]:
        """What a list has to select, in the API's names; phones and the like come with everything only."""
        names = list(dict.fromkeys(described.api_name for described in self.fields))
        return ["*"] if "fm" in names else names


def schema_of(
    dataset: str, described: Any, *, names: Names, method: str, extras: Sequence[str] = ()
) -> CrmSchema:
    """Return the schema that a description of fields tells.

    :param dataset: the dataset's name
    :param described: descriptions by name, as ``crm.item.fields`` and ``crm.activity.fields`` give them
    :param names: whether columns go by the common names in lower case, or by the API's
    :param method: the method that gave it, for the message
    :param extras: fields that are read only where they are asked for
    :raises UnexpectedResultError: it is no description of fields
    """
    if not isinstance(described, Mapping) or not described:
        raise UnexpectedResultError("no descriptions of fields", method=method)
    fields = [
        replace(_field(str(name), description, names), is_extra=str(name) in extras)
        for name, description in described.items()
        if isinstance(description, Mapping)
        and str(description.get("upperName") or as_column(str(name))) not in _LEFT_OUT
    ]
    key = [known for known in fields if known.api_name.lower() == "id"]
    if not key:
        raise UnexpectedResultError("the fields do not tell of an id", method=method)
    others = _told_apart([known for known in fields if known not in key])
    return CrmSchema(dataset, (*key, *others), (key[0].name,))


def _told_apart(fields: Sequence[CrmField]) -> list[CrmField]:
    """Return fields, of which no currency's column has the name of another field."""
    taken = {letters(known.name) for known in fields}
    return [
        replace(known, currency=("currency", "code"))
        if known.type == "money" and letters(known.currency_name) in taken
        else known
        for known in fields
    ]


def static_schema(dataset: str, fields: Mapping[str, str], key: Sequence[str], names: Names) -> CrmSchema:
    """Return the schema of a dataset that no method describes.

    :param dataset: the dataset's name
    :param fields: types by name, as the API writes it; ``[]`` behind a type makes it a list
    :param key: names of the fields that tell a row from all others
    :param names: whether columns go by names in lower case, or by the API's
    """
    return CrmSchema(
        dataset,
        tuple(
            CrmField(
                name=name if names == "api" else as_column(name).lower(),
                api_name=name,
                type=kind.removesuffix("[]"),
                multiple=kind.endswith("[]"),
            )
            for name, kind in fields.items()
        ),
        tuple(key if names == "snake" else (api for api in fields if as_column(api).lower() in key)),
    )


def _field(name: str, description: Mapping[str, Any], names: Names) -> CrmField:
    upper = str(description.get("upperName") or as_column(name))
    kind = str(description.get("type") or "string")
    multiple = description.get("isMultiple") is True and kind != "crm_multifield"
    return CrmField(
        name=name if names == "api" else upper.lower(),
        api_name=name,
        type=kind,
        title=str(description.get("listLabel") or description.get("title") or ""),
        status_type=_status_type(description),
        multiple=multiple,
        options=_options(description.get("items")),
        read_only=description.get("isReadOnly") is True,
        immutable=description.get("isImmutable") is True,
        scale=_scale(upper, kind, description.get("settings")),
    )


def _options(items: Any) -> tuple[Option, ...]:
    """Return the options of a list field, as far as they are told."""
    rows = [row for row in items if isinstance(row, Mapping)] if isinstance(items, list) else []
    return tuple(Option(parse_id(row.get("ID"), "items.ID"), str(row.get("VALUE"))) for row in rows)


def _status_type(description: Mapping[str, Any]) -> str:
    """Return the list of a status' codes; of a user's field the settings tell it."""
    settings = description.get("settings")
    told = settings.get("ENTITY_TYPE") if isinstance(settings, Mapping) else None
    return str(description.get("statusType") or told or "")


def _scale(upper: str, kind: str, settings: Any) -> int:
    if kind == "money" or upper in _MONEY:
        return MONEY_SCALE
    told = settings.get("PRECISION") if isinstance(settings, Mapping) else None
    try:
        precision = int(told) if told is not None else DECIMAL_SCALE
    except (TypeError, ValueError):
        return DECIMAL_SCALE
    return min(max(precision, 0), DECIMAL_SCALE)


def _of_kind(value: Any, kind: str) -> list[dict[str, Any]] | None:
    """Return the phones, or other values of a kind, among an item's multifields.

    :raises ValueError: these are none
    """
    if not value:
        return None
    rows: Iterable[Any] = value.values() if isinstance(value, Mapping) else value
    found = [
        {
            "id": ft.integer(row.get("id")),
            "kind": ft.text(row.get("valueType")),
            "value": ft.text(row.get("value")),
        }
        for row in rows
        if row["typeId"] == kind
    ]
    return found or None
