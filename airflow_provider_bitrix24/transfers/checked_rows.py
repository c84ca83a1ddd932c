"""Rows of a source: all are read and checked before one is sent, and each gets its outcome, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.outcomes import FAILED, ItemOutcome
from airflow_provider_bitrix24.crm.rows import returned, valid_or_none
from airflow_provider_bitrix24.crm.writing.changes import Change, ChangeParser
from airflow_provider_bitrix24.crm.writing.parsing import identity, not_unique
from airflow_provider_bitrix24.crm.writing.work import CHUNK
from airflow_provider_bitrix24.crm.writing.writing import Writing, Written, WrittenItem
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError
from airflow_provider_bitrix24.transfers.spool import Entry, Spool

#: rows that are not valid of which a message tells
_TOLD = 10


class CheckedRows:
    """The rows of a source.

    :param spool: keeps them until they are sent
    :param writing: how they are written
    :param parser: reads one of them
    :param own: columns of the user's own, which come back in the outcomes
    :param keep_invalid: whether rows that are not valid are failed ones, instead of failing all
    """

    def __init__(
        self,
        spool: Spool,
        writing: Writing,
        parser: ChangeParser,
        *,
        own: Sequence[str] = (),
        keep_invalid: bool,
    ) -> None:
        self._spool = spool
        self._writing = writing
        self._parser = parser
        self._own = own
        self._keep_invalid = keep_invalid
        self._invalid = _Invalid()
        self._seen = _Doubles()
        self._deliver: Callable[[int, Written], None] = lambda _, __: None
        self._waiting: deque[tuple[int, Change | Written, Mapping[str, Any]]] = deque()

    def __len__(self) -> int:
        return len(self._spool)

    def take(self, rows: Iterable[Mapping[str, Any]], most: int | None = None) -> None:
        """Read and check all rows.

        :param rows: the rows
        :param most: how many there may be at most, ``None`` for any number
        :raises InvalidInputError: rows are not valid, and they are not kept, or there are too many
        :raises KeyNotUniqueError: rows are about the same item, and they are not kept
        """
        for position, row in enumerate(rows):
            if most is not None and position >= most:
                raise InvalidInputError(
                    f"max_items: it is {most}, and there are more rows",
                    remedy="Nothing was deleted. Check the source; if all rows are meant, raise max_items.",
                )
            own = {name: returned(row.get(name)) for name in self._own}
            given = {name: value for name, value in row.items() if name not in own} if own else row
            self._take(position, given, own)
        if not self._keep_invalid:
            self._refuse_invalid()

    def _take(self, position: int, row: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        try:
            change = self._parser.parse(row, position, f"rows[{position}]")
        except InvalidInputError as error:
            self._invalid.add(error)
            if self._keep_invalid:
                self._spool.write(None, [position, self._id_of(row), error.fields(), own])
        else:
            self._seen.add(self._identity(change))
            self._spool.write(change.to_json(), own)

    def _id_of(self, row: Mapping[str, Any]) -> int | None:
        """Return the id of a row that is not valid, if that is."""
        if self._writing.operation not in ("update", "delete"):
            return None
        number = next((value for name, value in row.items() if str(name).lower() == "id"), None)
        return valid_or_none(parse_id, number)

    def _identity(self, change: Change) -> Sequence[str]:
        """Return what tells the item of a row from others, as far as two rows must not be about one."""
        return () if self._writing.operation == "delete" else identity(self._writing, change)

    def _refuse_invalid(self) -> None:
        self._invalid.refuse("are not valid")
        if self._seen.any:
            doubles = _Invalid()
            for entries in self._spool.chunks(CHUNK):
                for change in (Change.from_json(entry.work) for entry in entries):
                    if self._identity(change) in self._seen:
                        doubles.add(not_unique(change.place, "another row"))
            doubles.refuse("share an id or a key")

    @property
    def digest(self) -> str:
        """What tells the work on these rows from other work."""
        return self._spool.digest

    def changes(self, deliver: Callable[[int, Written], None]) -> Iterator[list[Change]]:
        """Yield what is to be done, some at a time; the outcomes of some go to :meth:`sink` before the next.

        :param deliver: is given the outcome of each row, and where the row stands, in order
        """
        self._deliver = deliver
        for entries in self._spool.chunks(CHUNK):
            self._waiting = deque(map(self._read, entries))
            changes = [what for _, what, _ in self._waiting if isinstance(what, Change)]
            if changes:
                yield changes
            self._deliver_failed()

    def sink(self, outcome: Written) -> None:
        """Take the outcome of the next change.

        :param outcome: what happened
        """
        self._deliver_failed()
        position, _, own = self._waiting.popleft()
        self._deliver(position, replace(outcome, columns=own))

    def _deliver_failed(self) -> None:
        """Deliver the rows before the next change, which failed when they were checked."""
        while self._waiting and isinstance(outcome := self._waiting[0][1], ItemOutcome):
            position, _, own = self._waiting.popleft()
            self._deliver(position, replace(outcome, columns=own))

    def _read(self, entry: Entry) -> tuple[int, Change | Written, Mapping[str, Any]]:
        if entry.work is None:
            position, entity_id, fields, own = entry.more
            error = InvalidInputError.from_fields(fields)
            item = WrittenItem(self._writing.entity_type, entity_id)
            return position, ItemOutcome(item, FAILED, error), own
        change = Change.from_json(entry.work)
        if self._identity(change) in self._seen:
            return (
                change.position,
                self._writing.failed(change, not_unique(change.place, "another row")),
                entry.more,
            )
        return change.position, change, entry.more


class _Invalid:
    """Rows that are not valid: the first ones, and how many there are."""

    def __init__(self) -> None:
        self._first: list[Bitrix24Error] = []
        self._count = 0

    def add(self, error: Bitrix24Error) -> None:
        """Take note of one."""
        self._count += 1
        if self._count <= _TOLD:
            self._first.append(error)

    def refuse(self, what: str) -> None:
        """Raise one error that tells of all.

        :param what: what others are, in words
        :raises InvalidInputError: there are some
        :raises KeyNotUniqueError: there are some
        """
        if not self._count:
            return
        told = [error.description for error in self._first]
        if self._count > _TOLD:
            told.append(f"{self._count - _TOLD} more rows {what}")
        raise self._first[0].but(description="; ".join(told))


class _Doubles:
    """Finds what comes twice among many, and keeps eight bytes of each.

    All are added before one is asked for: the first of two rows is as much at fault as the second.
    """

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._twice: set[bytes] = set()

    def add(self, parts: Sequence[str]) -> None:
        """Take note of one; nothing is never the same as anything."""
        if parts:
            digest = _digest(parts)
            (self._twice if digest in self._seen else self._seen).add(digest)

    @property
    def any(self) -> bool:
        """Whether anything came twice."""
        return bool(self._twice)

    def __contains__(self, parts: Sequence[str]) -> bool:
        return bool(self._twice) and bool(parts) and _digest(parts) in self._twice


def _digest(parts: Sequence[str]) -> bytes:
    return blake2b("\0".join(parts).encode(errors="surrogatepass"), digest_size=8).digest()
