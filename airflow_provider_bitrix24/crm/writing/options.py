"""Options of a list field, by their id or their label."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from airflow_provider_bitrix24.crm.fields.field_types import NotOfTypeError
from airflow_provider_bitrix24.crm.fields.schema import Option
from airflow_provider_bitrix24.crm.writing.scalars import Id, and_more, is_nothing

#: how many options a message names
_SHOWN = 10


class OptionId(Id):
    """Ids of options; a label that exactly one option has stands for its id.

    :param options: those that the field has; if none are known, every id will do
    """

    def __init__(self, options: Sequence[Option]) -> None:
        self._ids = {option.id for option in options}
        self._labels: dict[str, set[int]] = {}
        for option in options:
            self._labels.setdefault(option.value.strip(), set()).add(option.id)
        first = ", ".join(f"{option.id} ({option.value})" for option in options[:_SHOWN])
        self.remedy = (
            f"The options are {first}{and_more(options, _SHOWN)}." if first else "Give an option's id."
        )

    def parse(self, value: Any) -> int | None:
        """Return the option's id."""
        if is_nothing(value):
            return None
        if not isinstance(value, str):
            found = super().parse(value)
            if found is None or self._is_known(found):
                return found
            raise NotOfTypeError("no option's id")
        return self._of_text(value.strip())

    def _of_text(self, text: str) -> int | None:
        meant = set(self._labels.get(text, ()))
        with suppress(NotOfTypeError):
            number = super().parse(text)
            if number is None and not meant:
                return None
            if number is not None and self._is_known(number):
                meant.add(number)
        if len(meant) > 1:
            raise NotOfTypeError("more than one option: by its label, or by its id and another's label")
        if not meant:
            raise NotOfTypeError("neither an option's id nor its label")
        return meant.pop()

    def _is_known(self, number: int) -> bool:
        return not self._ids or number in self._ids
