"""Fields that hold a value or a list of values of a type."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.fields.field_types import NotOfTypeError
from airflow_provider_bitrix24.crm.fields.schema import CrmField
from airflow_provider_bitrix24.crm.writing.scalars import CrmItemText, Id, Scalar
from airflow_provider_bitrix24.crm.writing.writer import ReadFile, Writer, parsed, several
from airflow_provider_bitrix24.rest.errors import InvalidInputError

#: standard fields that always hold something
_NEVER_EMPTY = frozenset({"stageId", "categoryId", "assignedById"})
#: types whose values have another shape when they are written, which the API does not document
_NOT_WRITTEN = frozenset({"resourcebooking", "object"})
_MULTIPLE = 'Give a list, in texts as JSON: ["a", "b"]; one value stands in a list, too.'


class FieldWriter(Writer):
    """Writes a field of the API.

    :param field: the field
    :param columns: the columns that it takes values from
    """

    def __init__(self, field: CrmField, columns: Sequence[str]) -> None:
        read_only = field.read_only or field.type in _NOT_WRITTEN
        super().__init__(field.api_name, columns, read_only=read_only)
        self.field = field

    def is_hidden(self, item: Mapping[str, Any]) -> bool:
        """Tell whether the API does not show a user's field to this user: it ignores what is written, too.

        :param item: the item as the API answers it
        """
        return self.field.is_users and self.name not in item

    def read(self, read: Callable[[Any], Any], item: Mapping[str, Any]) -> tuple[Any, bool]:
        """Return what an item holds, and whether it shows a value of the type at all.

        :param read: reads the value
        :param item: the item as the API answers it
        """
        try:
            return read(item.get(self.name)), not self.is_hidden(item)
        except (NotOfTypeError, AttributeError, TypeError):
            return None, False

    def is_empty(self, item: Mapping[str, Any]) -> bool:
        """Tell whether an item shows that the field is empty; of one that was not read, nobody knows.

        :param item: the item as ``crm.item.*`` answers it, or as much of it as is known
        """
        return self.name in item and self.agrees(None, item)

    def cannot_empty(self, why: str) -> InvalidInputError:
        """Return the error that the API cannot empty the field.

        :param why: what is the matter, in words
        """
        return InvalidInputError(why, remedy="Give a value, or leave the column out of the row.")


class SingleWriter(FieldWriter):
    """Writes a field that holds one value.

    :param field: the field
    :param columns: the columns that it takes values from
    :param scalar: the type of its value
    """

    def __init__(self, field: CrmField, columns: Sequence[str], scalar: Scalar) -> None:
        super().__init__(field, columns)
        self.scalar = scalar
        self._is_never_empty = field.type in ft.FLAGS or self.name in _NEVER_EMPTY
        #: numbers that the portal keeps as 0 where there is none
        self._empty_is_zero = field.type in ("double", "integer") and not field.is_users

    def parse(self, given: Mapping[str, Any], place: str) -> Any:
        """Return the value."""
        return parsed(self.scalar.parse, self.only(given, place), place, self.scalar.remedy)

    def agrees(self, wanted: Any, item: Mapping[str, Any]) -> bool:
        """Tell whether the item holds the value."""
        found, is_one = self.read(self.scalar.read, item)
        if not is_one:
            return False
        if wanted is None:
            return found is None or (self._empty_is_zero and self.field.type == "double" and found == 0)
        return found is not None and self.scalar.same(self.scalar.read(wanted), found)

    def taken(self, wanted: Any, item: Mapping[str, Any], shifts: Collection[timedelta] = ()) -> bool:
        """Tell whether the portal took the value."""
        found, is_one = self.read(self.scalar.read, item)
        if not is_one:
            return False
        if wanted is None:
            return found is None or (self._empty_is_zero and found == 0)
        return self.scalar.accepted(self.scalar.read(wanted), found, shifts)

    def sent(self, wanted: Any, item: Mapping[str, Any] | None, read_file: ReadFile) -> dict[str, Any]:
        """Return the field with its value; an empty text empties it."""
        if wanted is not None:
            return {self.name: wanted}
        if item is None or self.is_empty(item):
            return {}
        if self._is_never_empty:
            raise self.cannot_empty("the field cannot be emptied")
        return {self.name: ""}

    def needs_item(self, wanted: Any) -> bool:
        """Tell whether it may be that the field cannot be emptied."""
        return wanted is None and self._is_never_empty


class ListWriter(FieldWriter):
    """Writes a field that holds a list of values, always all of them.

    Ids are a set: their order does not count, and none comes twice. Other lists keep order and doubles.

    :param field: the field
    :param columns: the columns that it takes values from
    :param scalar: the type of each value
    :param dataset: whose field it is
    """

    def __init__(self, field: CrmField, columns: Sequence[str], scalar: Scalar, dataset: str) -> None:
        super().__init__(field, columns)
        self.scalar = scalar
        self._is_set = isinstance(scalar, (Id, CrmItemText))
        self._empties_by_classic = field.is_users and dataset in CLASSIC

    def parse(self, given: Mapping[str, Any], place: str) -> Any:
        """Return the values, ``None`` where there are none."""
        return self.values(several(self.only(given, place), place, _MULTIPLE), place)

    def values(self, given: Sequence[Any], place: str) -> list[Any] | None:
        """Return each value that is one.

        :param given: the values as the row gives them
        :param place: where they stand, for the message
        """
        found = [
            parsed(self.scalar.parse, value, f"{place}[{number}]", self.scalar.remedy)
            for number, value in enumerate(given)
        ]
        present = [value for value in found if value is not None]
        return (list(dict.fromkeys(present)) if self._is_set else present) or None

    def agrees(self, wanted: Any, item: Mapping[str, Any]) -> bool:
        """Tell whether the item holds these values."""
        asked, found, is_list = self._both(wanted, item)
        if self._is_set:
            return is_list and set(asked) == set(found)
        return is_list and len(asked) == len(found) and all(map(self.scalar.same, asked, found))

    def taken(self, wanted: Any, item: Mapping[str, Any], shifts: Collection[timedelta] = ()) -> bool:
        """Tell whether the portal took the values, in any order."""
        asked, left, is_list = self._both(wanted, item)
        if not is_list or len(asked) != len(left):
            return False
        for one in asked:
            place = next(
                (n for n, value in enumerate(left) if self.scalar.accepted(one, value, shifts)), None
            )
            if place is None:
                return False
            del left[place]
        return True

    def _both(self, wanted: Any, item: Mapping[str, Any]) -> tuple[list[Any], list[Any], bool]:
        """Return what is wanted and what is there, and whether that is a list of such values."""
        read = ft.many(self.scalar.read)
        found, is_list = self.read(read, item)
        if self._is_set and found:
            found = list(dict.fromkeys(found))
        return read(wanted) or [], found or [], is_list

    def sent(self, wanted: Any, item: Mapping[str, Any] | None, read_file: ReadFile) -> dict[str, Any]:
        """Return the field with its values; what the classic update has to empty is not sent here."""
        if wanted is not None:
            return {self.name: wanted}
        if item is None or self._empties_by_classic or self.is_empty(item):
            return {}
        if self.field.is_users:
            raise self.cannot_empty("the API cannot empty a multiple field of this entity type")
        return {self.name: ""}

    def needs_item(self, wanted: Any) -> bool:
        """Tell whether it may be that the field cannot be emptied."""
        return wanted is None and self.field.is_users and not self._empties_by_classic

    def clears_by_classic(self, wanted: Any) -> bool:
        """Tell whether ``crm.item.update`` would save nothing."""
        return wanted is None and self._empties_by_classic


#: types with classic methods
CLASSIC = ("lead", "deal", "contact", "company", "quote")
