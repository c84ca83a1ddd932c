"""Rows as a user gave them: what is valid of them, what is not, and columns of the user's own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Generic, TypeVar

from airflow_provider_bitrix24.crm.inputs import RETURNED_NOTHING, TOO_LONG, UNKNOWN_KEY, is_sequence, listed
from airflow_provider_bitrix24.crm.items import ID_KEYS, RESULT_KEYS, TYPE_KEYS
from airflow_provider_bitrix24.crm.outcomes import FAILED, ItemOutcome
from airflow_provider_bitrix24.crm.telling import first_of
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.rest.shown import shown
from airflow_provider_bitrix24.rest.texts import storable

_POSITION = re.compile(r"\[\d+\]")

#: names that rows and outcomes use themselves
_TAKEN = frozenset({
    "record_id", "OWNER_ID", "activity_id", "ACTIVITY_ID", "item", *TYPE_KEYS, *ID_KEYS,
    "comment", "COMMENT", "ID", "KEY", *RESULT_KEYS,
})  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True)
class InvalidRow:
    """A row that is not valid.

    :param names: what is valid of what names it, under the API's keys; ``None`` for the rest
    """

    names: Mapping[str, Any]

    def row(self) -> dict[str, Any]:
        """Return what names it, under the API's keys."""
        return dict(self.names)


@dataclass(frozen=True)
class RowKind(Generic[T]):
    """How rows of one kind are read.

    :param what: what they are, for messages
    :param remedy: how to give them
    :param parse: returns the thing that a row stands for, given the row and where it stands
    :param names: returns what is valid of what names a row that is not valid, under the API's keys
    :param is_private: whether rows hold values of customers, which stand in no message
    """

    what: str
    remedy: str
    parse: Callable[[Any, str], T]
    names: Callable[[Any], Mapping[str, Any]]
    is_private: bool = False

    def listed(self, value: Any, field: str) -> list[Any]:
        """Return a list of rows, none of which is read yet.

        :param value: the rows, or their JSON
        :param field: where they stand, for messages
        :raises InvalidInputError: it is no list
        """
        try:
            return listed(value, field, self.what, self.remedy)
        except InvalidInputError as error:
            if not self.is_private or value is None:
                raise
            given = "the text" if isinstance(value, str) else f"a value of the type {type(value).__name__}"
            raise error.but(description=f"{field}: {given} is not a list of {self.what}") from None


class Rows(list[T]):
    """The things that valid rows stand for, in order. It knows the other rows and the user's columns, too.

    :param things: the things
    :param invalid: outcomes of the rows that are not valid, by position among all rows
    :param columns: columns of the user's own, of all rows
    """

    def __init__(
        self,
        things: Iterable[T],
        invalid: Mapping[int, ItemOutcome[Any]] | None = None,
        columns: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(things)
        self.invalid = dict(invalid or {})
        self._columns = columns

    def complete(self, outcomes: Sequence[ItemOutcome[Any]]) -> list[ItemOutcome[Any]]:
        """Return the outcomes of all rows, in order, with the user's columns.

        :param outcomes: of the things, in order; what follows them stays at the end
        """
        left = list(outcomes)
        for position in sorted(self.invalid):
            left.insert(position, self.invalid[position])
        if self.invalid:  # those behind one that is not valid stand further back than they were told
            left = [
                replace(outcome, place=_POSITION.sub(f"[{position}]", outcome.place, count=1))
                for position, outcome in enumerate(left)
            ]
        for position, columns in enumerate(self._columns):
            left[position] = replace(left[position], columns=columns)
        return left

    def without(self, failed: Mapping[int, ItemOutcome[Any]]) -> Rows[T]:
        """Return these rows with some of them as failed ones.

        :param failed: their outcomes, by position among all rows
        """
        positions = (n for n in range(len(self) + len(self.invalid)) if n not in self.invalid)
        left = [thing for position, thing in zip(positions, self, strict=True) if position not in failed]
        return Rows(left, {**self.invalid, **failed}, self._columns)


def parse_rows(
    value: Any,
    field: str,
    kind: RowKind[T],
    *,
    keep_invalid: bool = False,
    pass_through: Sequence[str] | None = None,
) -> Rows[T]:
    """Return what rows stand for; one JSON text, as a template may give it, is read as a list of rows.

    :param value: the rows
    :param field: where they stand, for messages
    :param kind: how one of them is read
    :param keep_invalid: keep rows that are not valid as failed ones instead of raising
    :param pass_through: columns of the user's own, which come back in the outcomes; ``None`` where
        there is no such argument
    :raises InvalidInputError: it is no list, or rows are not valid; up to ten of these are named
    """
    things: list[T] = []
    invalid: dict[int, ItemOutcome[Any]] = {}
    columns: list[dict[str, Any]] = []
    errors: list[InvalidInputError] = []
    for position, given in enumerate(kind.listed(value, field)):
        where = f"{field}[{position}]"
        row, own = given, dict.fromkeys(pass_through or ())
        try:
            if pass_through and isinstance(given, Mapping):
                row = {name: part for name, part in given.items() if name not in own}
                own = {name: returned(given.get(name)) for name in own}
            things.append(kind.parse(row, where))
        except InvalidInputError as found:
            error = found.but(remedy=_remedy(found, row, where, pass_through, keep_invalid=keep_invalid))
            errors.append(error)
            invalid[position] = ItemOutcome(InvalidRow(kind.names(row)), FAILED, error)
        columns.append(own)
    if errors and not keep_invalid:
        raise _joined(errors)
    return Rows(things, invalid, columns if pass_through else ())


def check_pass_through(value: Any) -> tuple[str, ...]:
    """Return a value of ``pass_through``.

    :param value: names of columns
    :raises InvalidInputError: it is no list of names, or one of them is taken
    """
    names = tuple(value) if is_sequence(value) or isinstance(value, (set, frozenset)) else None
    if names is None or not all(isinstance(name, str) and name for name in names):
        raise InvalidInputError(
            f"pass_through: {shown(value)} is not a list of columns", remedy="Give it as ['invoice']."
        )
    for name in names:
        if name in _TAKEN:
            raise InvalidInputError(
                f"pass_through: {name!r} is a name that rows and outcomes use themselves",
                remedy="Give your column another name.",
            )
    return names


def valid_or_none(parse: Callable[[Any, str], T], value: Any) -> T | None:
    """Return what a value stands for, ``None`` where it is not valid.

    :param parse: reads it
    :param value: the value
    """
    try:
        return parse(value, "")
    except InvalidInputError:
        return None


def returned(value: Any) -> Any:
    """Return a user's own value as plain JSON, a text where JSON has nothing like it: it is never sent.

    :param value: the value
    """
    if isinstance(value, Mapping):
        return {str(name): returned(part) for name, part in value.items()}
    if is_sequence(value):
        return [returned(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return storable(value.isoformat() if isinstance(value, date) else str(value))


def _remedy(
    error: InvalidInputError, row: Any, where: str, pass_through: Sequence[str] | None, *, keep_invalid: bool
) -> str:
    """Return what to do about a row that is not valid.

    :param error: what is not valid
    :param row: the row
    :param where: where it stands
    :param pass_through: columns of the user's own; ``None`` where there is no such argument
    :param keep_invalid: whether the other rows are done all the same
    """
    if error.remedy == RETURNED_NOTHING:
        others = "." if keep_invalid else ", or pass fail_on='all' to do the others."
        return f"A NULL in the query? Leave such rows out{others}"
    if pass_through is None:
        return error.remedy
    if error.remedy == TOO_LONG:
        return "For more columns give mappings, and pass_through=[...]."
    if error.description.startswith(f"{where}: ") and UNKNOWN_KEY in error.description:
        own = [name for name in row if isinstance(name, str) and name not in _TAKEN]
        if own:
            it = "it" if len(own) == 1 else "them"
            carried = [*pass_through, *own]
            return f"{error.remedy} To carry {it} into the result, pass pass_through={shown(carried)}."
    return error.remedy


def _joined(errors: Sequence[InvalidInputError]) -> InvalidInputError:
    """Return one error that names up to ten of the rows that are not valid."""
    if len(errors) == 1:
        return errors[0]
    told = first_of((error.description for error in errors), "more rows are not valid")
    return errors[0].but(description="; ".join(told))
