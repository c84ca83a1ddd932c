"""What a field, or a kind of phones and the like, needs to be written."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from airflow_provider_bitrix24.crm.fields.field_types import NotOfTypeError
from airflow_provider_bitrix24.crm.inputs import in_python, is_missing, is_sequence
from airflow_provider_bitrix24.rest.errors import InvalidInputError

#: reads a file: from its path and its name (``""`` for the path's last part) to its name and its content in
#: Base64
ReadFile = Callable[[str, str], tuple[str, str]]

_NO_VALUE = "Give None where there is no value; pandas does with df.astype(object).where(df.notna(), None)."


class Writer(ABC):
    """Writes one field of the API, or one kind of an item's phones and the like.

    What an item is to hold is called *wanted*: plain JSON, ``None`` for nothing. No error holds a value.

    :param name: its key in a change: the API's name such as ``stageId``, or ``PHONE`` and the like
    :param columns: the columns that it takes values from
    :param read_only: whether the API never lets it be written
    """

    def __init__(self, name: str, columns: Sequence[str], *, read_only: bool) -> None:
        self.name = name
        self.columns = tuple(columns)
        #: what classic methods call a user's field
        self.classic_name = self.columns[0].upper()
        self.read_only = read_only

    @abstractmethod
    def parse(self, given: Mapping[str, Any], place: str) -> Any:
        """Return what the field is to hold.

        :param given: the row's values of its columns, in any spelling of their names
        :param place: where the value stands, for the message, such as ``rows[3].stage_id``
        :raises InvalidInputError: it is no value of the field
        """

    @abstractmethod
    def agrees(self, wanted: Any, item: Mapping[str, Any]) -> bool:
        """Tell whether an item holds what is wanted, so that nothing has to be written.

        :param wanted: what it is to hold
        :param item: the item as ``crm.item.*`` answers it
        """

    @abstractmethod
    def taken(self, wanted: Any, item: Mapping[str, Any], shifts: Collection[timedelta] = ()) -> bool:
        """Tell whether the portal took what was written, although it may write it in its own way.

        :param wanted: what was wanted
        :param item: the item as the API answers it afterwards
        :param shifts: by how much this portal may show moments shifted
        """

    @abstractmethod
    def sent(self, wanted: Any, item: Mapping[str, Any] | None, read_file: ReadFile) -> dict[str, Any]:
        """Return what goes into ``fields`` so that the item holds what is wanted; it may be empty.

        :param wanted: what it is to hold
        :param item: the item as it is, for ``crm.item.update``; ``None`` for ``crm.item.add``
        :param read_file: reads a file that is to be sent
        :raises InvalidInputError: the API cannot write it, or the item lacks what is to be kept. The caller
            says in which row and column.
        """

    def needs_item(self, wanted: Any) -> bool:
        """Tell whether an update of it depends on what is there.

        :param wanted: what it is to hold
        """
        return False

    def clears_by_classic(self, wanted: Any) -> bool:
        """Tell whether only the classic update, such as ``crm.deal.update``, can empty the field.

        :param wanted: what it is to hold
        """
        return False

    def emptied(self, item: Mapping[str, Any]) -> Any:
        """Return what the classic update puts into ``fields`` to empty the field.

        :param item: the item as ``crm.item.*`` answers it
        """
        return []

    def only(self, given: Mapping[str, Any], place: str) -> Any:
        """Return the value of the only column.

        :param given: the row's values of its columns
        :param place: where the value stands, for the message
        :raises InvalidInputError: a row has it twice
        """
        if len(given) > 1:
            raise InvalidInputError(
                f"{place}: the columns {' and '.join(map(repr, given))} are the same field",
                remedy="Leave out one of them.",
            )
        return next(iter(given.values()), None)


def parsed(parse: Callable[[Any], Any], value: Any, place: str, remedy: str) -> Any:
    """Return a value as a type reads it.

    :param parse: reads it
    :param value: the value
    :param place: where it stands, for the message
    :param remedy: how to give it
    :raises InvalidInputError: it is no value of the type
    """
    parts = value if isinstance(value, tuple) else (value,)  # money is a pair
    if any(map(is_missing, parts)):
        raise InvalidInputError(f"{place}: the value is NaN, NaT or NA", remedy=_NO_VALUE)
    plain = [in_python(part) for part in parts]
    try:
        return parse(tuple(plain) if isinstance(value, tuple) else plain[0])
    except NotOfTypeError as error:
        problem = str(error)
    raise InvalidInputError(f"{place}: the value is {problem}", remedy=remedy)


def several(value: Any, place: str, remedy: str) -> Sequence[Any]:
    """Return the values of a list, also of the JSON text of one; nothing is an empty list.

    :param value: the list
    :param place: where it stands, for the message
    :param remedy: how to give it
    :raises InvalidInputError: it is no list
    """
    if value is None or (isinstance(value, str) and value == ""):
        return ()
    found = json_of(value) if isinstance(value, str) else in_python(value)
    if not is_sequence(found):
        raise InvalidInputError(f"{place}: the value is no list", remedy=remedy)
    return found


def json_of(text: str) -> Any:
    """Return the list or mapping that a JSON text holds, ``None`` where it holds none.

    :param text: the text
    """
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
