"""Files of an item: new ones by their path, those that are there by their id.

The API deletes a file whose id it does not find at the item, and in a list each file that is not named. So
an id that the item does not have is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from airflow_provider_bitrix24.crm.fields import field_types as ft
from airflow_provider_bitrix24.crm.fields.field_types import NotOfTypeError
from airflow_provider_bitrix24.crm.fields.schema import CrmField
from airflow_provider_bitrix24.crm.writing.plain_fields import CLASSIC, FieldWriter
from airflow_provider_bitrix24.crm.writing.scalars import plain_text, whole
from airflow_provider_bitrix24.crm.writing.writer import ReadFile, json_of, parsed, several
from airflow_provider_bitrix24.rest.errors import InvalidInputError

_REMEDY = 'Give a path, {"path": ..., "name": ...}, or the id of a file that the item has.'
_LIST = "Give a list of paths, or of ids of files that the item has; one stands in a list, too."

#: ``{"path": ..., "name": ...}`` of a new file, ``{"id": ...}`` of one that is there
File = dict[str, Any]


class FileWriter(FieldWriter):
    """Writes a field that holds a file.

    :param field: the field
    """

    def __init__(self, field: CrmField) -> None:
        super().__init__(field, (field.name,))

    def parse(self, given: Mapping[str, Any], place: str) -> Any:
        """Return the file."""
        return parsed(_file, self.only(given, place), place, _REMEDY)

    def agrees(self, wanted: Any, item: Mapping[str, Any]) -> bool:
        """Tell whether the item has the file; a new one it never has."""
        ids = _ids(item.get(self.name))
        return not ids and not self.is_hidden(item) if wanted is None else ids == [wanted.get("id")]

    def taken(self, wanted: Any, item: Mapping[str, Any], shifts: Collection[timedelta] = ()) -> bool:
        """Tell whether the item has the file; in place of a new one, any."""
        ids = _ids(item.get(self.name))
        if wanted is None or not ids:
            return wanted is None and not ids and not self.is_hidden(item)
        return wanted.get("id") in (None, *ids)

    def sent(self, wanted: Any, item: Mapping[str, Any] | None, read_file: ReadFile) -> dict[str, Any]:
        """Return the new file, an empty text to delete the old one, nothing to keep it."""
        ids = [] if item is None else _ids(item.get(self.name))
        if wanted is None:
            return {} if item is None or self.is_empty(item) else {self.name: ""}
        found = _sent_file(wanted, ids, read_file)
        return {} if "id" in wanted else {self.name: found}

    def needs_item(self, wanted: Any) -> bool:
        """Tell whether the item has to have the file."""
        return wanted is None or "id" in wanted


class FilesWriter(FieldWriter):
    """Writes a field that holds a list of files, always all of them.

    :param field: the field
    :param dataset: whose field it is
    """

    def __init__(self, field: CrmField, dataset: str) -> None:
        super().__init__(field, (field.name,))
        self._empties_by_classic = dataset in CLASSIC

    def parse(self, given: Mapping[str, Any], place: str) -> Any:
        """Return the files, ``None`` where there are none."""
        rows = several(self.only(given, place), place, _LIST)
        found = [parsed(_file, row, f"{place}[{number}]", _REMEDY) for number, row in enumerate(rows)]
        return [file for file in found if file is not None] or None

    def agrees(self, wanted: Any, item: Mapping[str, Any]) -> bool:
        """Tell whether the item has exactly these files; new ones it never has."""
        wanted_ids = {file.get("id") for file in wanted or []}
        return wanted_ids == set(_ids(item.get(self.name))) and not self.is_hidden(item)

    def taken(self, wanted: Any, item: Mapping[str, Any], shifts: Collection[timedelta] = ()) -> bool:
        """Tell whether the item has those that were to be kept, and as many as there are to be."""
        ids, files = set(_ids(item.get(self.name))), wanted or []
        kept = {file["id"] for file in files if "id" in file}
        fresh = sum("id" not in file for file in files)
        return kept <= ids and len(ids) == len(kept) + fresh and not self.is_hidden(item)

    def sent(self, wanted: Any, item: Mapping[str, Any] | None, read_file: ReadFile) -> dict[str, Any]:
        """Return all files: those to keep by their id, and the new ones."""
        ids = [] if item is None else _ids(item.get(self.name))
        if wanted is not None:
            return {self.name: [_sent_file(file, ids, read_file) for file in wanted]}
        if ids and not self._empties_by_classic:
            raise self.cannot_empty("the API cannot empty a multiple field of this entity type")
        return {}

    def needs_item(self, wanted: Any) -> bool:
        """Tell whether the item has to have a file, or must have none."""
        return wanted is None or any("id" in file for file in wanted)

    def clears_by_classic(self, wanted: Any) -> bool:
        """Tell whether ``crm.item.update`` would save nothing."""
        return wanted is None and self._empties_by_classic

    def emptied(self, item: Mapping[str, Any]) -> Any:
        """Return what deletes each file that is there."""
        return [{"id": number, "remove": "Y"} for number in _ids(item.get(self.name))]


def _file(value: Any) -> File | None:
    """Return a file.

    :raises NotOfTypeError: it is none
    """
    given = json_of(value) if isinstance(value, str) else value
    if isinstance(given, Mapping):
        return _of_mapping(given)
    given = value
    if isinstance(given, str) and not (given.isascii() and given.isdigit()):
        path = plain_text(given)
        return None if path is None else {"path": path, "name": ""}
    try:
        number = whole(given)
    except NotOfTypeError:
        number = -1
    if number is not None and number < 0:
        raise NotOfTypeError("neither a path nor a file's id")
    return {"id": number} if number else None


def _of_mapping(given: Mapping[Any, Any]) -> File | None:
    if set(given) == {"id"}:
        number = whole(given["id"])
        return {"id": number} if number else None
    if not {"path"} <= set(given) <= {"path", "name"}:
        raise NotOfTypeError("a mapping that has neither an id alone, nor a path")
    path, name = plain_text(given["path"]), plain_text(given.get("name"))
    if path is None:
        raise NotOfTypeError("a mapping with an empty path")
    return {"path": path, "name": name or ""}


def _sent_file(file: File, ids: Collection[int], read_file: ReadFile) -> Any:
    """Return a file as the API takes it.

    :raises InvalidInputError: the item does not have the file that is to be kept
    """
    if "id" not in file:
        return list(read_file(file["path"], file["name"]))
    if file["id"] not in ids:
        raise InvalidInputError(
            "the item does not have the file that is to be kept",
            remedy="Give the path of a new file, or leave the column out of the row.",
        )
    return {"id": file["id"]}


def _ids(value: Any) -> list[int]:
    """Return the ids of the files that the API answers."""
    try:
        rows = value if isinstance(value, list) else [value]
        return [found for row in rows if (found := ft.file_id(row)) is not None]
    except NotOfTypeError:
        return []
