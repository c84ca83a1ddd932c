"""How a user field was created: its type, settings, options and labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

KINDS = (
    "string",
    "url",
    "integer",
    "double",
    "boolean",
    "date",
    "datetime",
    "money",
    "enumeration",
    "crm_status",
    "employee",
    "crm",
    "iblock_element",
    "iblock_section",
    "file",
    "address",
    "resourcebooking",
)
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "string": {"SIZE": 20, "ROWS": 1, "REGEXP": "", "MIN_LENGTH": 0, "MAX_LENGTH": 0, "DEFAULT_VALUE": ""},
    "integer": {"SIZE": 20, "MIN_VALUE": 0, "MAX_VALUE": 0, "DEFAULT_VALUE": None},
    "double": {"PRECISION": 2, "SIZE": 20, "MIN_VALUE": 0, "MAX_VALUE": 0, "DEFAULT_VALUE": None},
    "boolean": {"DEFAULT_VALUE": 0, "DISPLAY": "CHECKBOX", "LABEL": ["", ""], "LABEL_CHECKBOX": ""},
    "date": {"DEFAULT_VALUE": {"TYPE": "NONE", "VALUE": ""}},
    "datetime": {
        "DEFAULT_VALUE": {"TYPE": "NONE", "VALUE": ""},
        "USE_SECOND": "Y",
        "USE_TIMEZONE": "N",
    },
    "money": {"DEFAULT_VALUE": ""},
    "enumeration": {"DISPLAY": "LIST", "LIST_HEIGHT": 1, "CAPTION_NO_VALUE": "", "SHOW_NO_VALUE": "Y"},
    "crm_status": {"ENTITY_TYPE": "SOURCE"},
    "crm": {"LEAD": "N", "CONTACT": "N", "COMPANY": "N", "DEAL": "Y"},
    "iblock_element": {"DISPLAY": "LIST", "LIST_HEIGHT": 1, "IBLOCK_ID": 1, "ACTIVE_FILTER": "N"},
    "iblock_section": {"DISPLAY": "LIST", "LIST_HEIGHT": 1, "IBLOCK_ID": 1, "ACTIVE_FILTER": "N"},
    "file": {"SIZE": 20, "LIST_WIDTH": 0, "LIST_HEIGHT": 0, "MAX_ALLOWED_SIZE": 0, "EXTENSIONS": []},
    "address": {"SHOW_MAP": "Y"},
}


@dataclass(frozen=True)
class Option:
    """An entry of a list that users choose from; ``number`` is what items hold."""

    number: int
    value: str
    sort: int
    xml_id: str
    default: bool = False


@dataclass(frozen=True)
class UserField:
    """How a user field was created.

    :param number: ``ID`` in ``userfield.list``
    :param title: its label in every language
    :param settings: what differs from the type's usual settings
    """

    number: int = 0
    kind: str = "string"
    multiple: bool = False
    title: str = ""
    mandatory: bool = False
    options: tuple[Option, ...] = ()
    own_settings: Mapping[str, Any] = field(default_factory=dict)
    xml_id: str | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of its type with its own ones."""
        return {**_SETTINGS.get(self.kind, {}), **self.own_settings}

    @property
    def precision(self) -> int:
        """How many digits a number has behind the point."""
        return int(self.settings.get("PRECISION", 2))


def options(values: Iterable[str | Mapping[str, Any]], numbers: Iterator[int]) -> tuple[Option, ...]:
    """Return the options of a list.

    :param values: labels, or mappings with ``VALUE`` and, if wanted, ``ID``, ``SORT``, ``XML_ID``, ``DEF``
    :param numbers: of options that bring none
    """
    made = []
    for place, value in enumerate(values, 1):
        entry: Mapping[str, Any] = {"VALUE": value} if isinstance(value, str) else value
        number = int(entry.get("ID") or next(numbers))
        made.append(
            Option(
                number,
                str(entry["VALUE"]),
                int(entry.get("SORT", 10 * place)),
                str(entry.get("XML_ID", f"option_{number}")),
                entry.get("DEF") == "Y",
            )
        )
    return tuple(made)


def check_kind(kind: str) -> None:
    """Raise if there is no such type; an application's own type is named ``rest_{app}_{type}``."""
    if kind not in KINDS and not kind.startswith("rest_"):
        raise ValueError(f"{kind!r} is no type of user field: one of {', '.join(KINDS)} or rest_... expected")
