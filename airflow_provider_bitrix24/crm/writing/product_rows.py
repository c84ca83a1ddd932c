"""Setting the product rows of CRM items (``crm.item.productrow.set``).

The method replaces all rows of an item. So the rows of an item belong together: either all of them are set,
or, if one of them is not valid, none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_bitrix24.crm.existence import missing_items
from airflow_provider_bitrix24.crm.extraction.product_rows import (
    check_has_rows,
    in_order,
    owner_code,
    rows_of_each,
)
from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.inputs import listed
from airflow_provider_bitrix24.crm.items import CrmItem, parse_entity_type
from airflow_provider_bitrix24.crm.outcomes import FAILED, ItemOutcome, not_done
from airflow_provider_bitrix24.crm.rows import InvalidRow, RowKind, Rows, parse_rows
from airflow_provider_bitrix24.crm.telling import counted, first_of, told
from airflow_provider_bitrix24.crm.writing.privacy import in_private
from airflow_provider_bitrix24.crm.writing.product_row_values import (
    GivenRow,
    ProductRow,
    column_of,
    is_given,
)
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError, ValueNotTakenError
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.progress import Progress

SET = "set"
UNCHANGED = "unchanged"

_METHOD = "crm.item.productrow.set"
_WHAT, _REMEDY = "product rows", "Give mappings with owner_id, product_id or product_name, price, quantity."
_NO_OWNER = "Such a row may belong to any of the items, so none of them is set."


@dataclass(frozen=True)
class OwnedRows:
    """The product rows that an item is to have.

    :param item: the item
    :param rows: its rows, in their order
    """

    item: CrmItem
    rows: tuple[ProductRow, ...] = field(hash=False)

    def row(self) -> dict[str, Any]:
        """Return the item under the API's keys."""
        return self.item.row()

    def call(self) -> Call:
        """Return the call that sets the rows."""
        params = {"ownerType": owner_code(self.item), "ownerId": self.item.entity_id}
        return Call(_METHOD, {**params, "productRows": [dict(row.sent) for row in self.rows]})

    def are_held(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Tell whether the item has just these rows.

        :param rows: its rows as the API answers them
        """
        pairs = zip(self.rows, in_order(rows), strict=False)
        return len(rows) == len(self.rows) and all(wanted.is_held_by(row) for wanted, row in pairs)

    def done(self, outcome: Outcome) -> ItemOutcome[OwnedRows]:
        """Return what happened to the rows.

        :param outcome: the outcome of :meth:`call`
        """
        error = outcome.error or self._not_taken(outcome.result["productRows"])
        return ItemOutcome(self, SET) if error is None else self.failed(error)

    def failed(self, error: Bitrix24Error, *, may_be_done: bool | None = None) -> ItemOutcome[OwnedRows]:
        """Return the outcome of rows that were not set.

        :param error: why
        :param may_be_done: whether they may have been set; ``None`` if the error is the answer to that
        """
        if not isinstance(error, ValueNotTakenError):
            thing = f"the list of product rows of {self.item}"
            error = told(error, thing, "replaced", self.item, may_be_done=may_be_done)
        return ItemOutcome(self, FAILED, error)

    def _not_taken(self, answered: Sequence[Any]) -> Bitrix24Error | None:
        """Return the error that the portal's answer holds other values than were sent."""
        rows = in_order([row for row in answered if isinstance(row, Mapping)])
        if len(rows) != len(self.rows):
            what = f"answered {len(rows)} of {counted(len(self.rows), 'row')}"
        else:
            pairs = zip(self.rows, rows, strict=True)
            places = [place for wanted, row in pairs for place in wanted.not_taken(row)]
            if not places:
                return None
            what = f"did not take {', '.join(first_of(places, 'more values'))}"
        return ValueNotTakenError(
            f"the product rows of {self.item} were set, but the portal {what}",
            code="VALUE_NOT_TAKEN",
            method=_METHOD,
            remedy="Check that the products and units exist in the portal, and round prices as it does.",
        )


class OwnedRowsList(Rows[OwnedRows]):
    """The product rows of items, in the order in which the items come; it knows the others, too."""

    #: columns of the input that the portal works out itself
    left_out: Sequence[str] = ()

    @property
    def note(self) -> str:
        """What is to be said of columns that are left out, ``""`` where there are none."""
        if not self.left_out:
            return ""
        return f"These columns are not written, because the portal fills them: {', '.join(self.left_out)}."


def parse_owned_rows(
    entity_type: Any, rows: Any, owner_ids: Any = None, *, keep_invalid: bool = False
) -> OwnedRowsList:
    """Return which product rows items are to have.

    A row whose owner cannot be told is always an error, because it may belong to any of the items.

    :param entity_type: the items' type
    :param rows: flat rows, each with ``owner_id``
    :param owner_ids: further items, which lose all rows if none of the rows is theirs
    :param keep_invalid: let items whose rows are not valid fail, instead of raising
    :raises InvalidInputError: one of these is not valid; up to ten rows are named
    """
    kind = check_has_rows(parse_entity_type(entity_type, "entity_type"), "entity_type")
    code = owner_code(CrmItem(kind, 1))
    given = parse_rows(rows, "rows", RowKind(_WHAT, _REMEDY, _given_row, lambda _: {}, is_private=True))
    others = _parse_owner_ids(owner_ids)
    by_owner: dict[int, list[ProductRow]] = {}
    read = parse_rows(
        given,
        "rows",
        RowKind(
            _WHAT,
            _REMEDY,
            lambda row, place: row.read(place, code),
            lambda row: CrmItem(kind, row.owner_id).row(),
        ),
        keep_invalid=keep_invalid,
    )
    valid = iter(read)
    invalid: dict[int, Bitrix24Error] = {}
    for position, row in enumerate(given):
        of_owner = by_owner.setdefault(row.owner_id, [])
        if position in read.invalid:
            error = read.invalid[position].error
            assert error is not None  # noqa: S101 - such rows have failed
            invalid.setdefault(row.owner_id, error)
        else:
            of_owner.append(next(valid))
    for owner in others:
        by_owner.setdefault(owner, [])
    return _owned(kind, by_owner, invalid, given)


def _owned(
    kind: str,
    by_owner: Mapping[int, list[ProductRow]],
    invalid: Mapping[int, Bitrix24Error],
    given: Sequence[GivenRow],
) -> OwnedRowsList:
    items = {owner: CrmItem(kind, owner) for owner in by_owner}
    found = OwnedRowsList(
        [
            OwnedRows(items[owner], tuple(sorted(rows, key=lambda row: row.sort)))
            for owner, rows in by_owner.items()
            if owner not in invalid
        ],
        {
            position: ItemOutcome(InvalidRow(items[owner].row()), FAILED, invalid[owner])
            for position, owner in enumerate(by_owner)
            if owner in invalid
        },
    )
    found.left_out = list(dict.fromkeys(column for row in given for column in row.left_out))
    return found


def _given_row(row: Any, place: str) -> GivenRow:
    """Return a row whose owner is read, and its columns' names."""
    if not isinstance(row, Mapping):
        raise InvalidInputError(
            f"{place} is no mapping but a value of the type {type(row).__name__}", remedy=_REMEDY
        )
    values: dict[str, Any] = {}
    columns: dict[str, str] = {}
    for name, value in row.items():
        found = column_of(name, place).api_name
        if found in columns:
            raise InvalidInputError(
                f"{place}: {columns[found]} and {name} are the same column", remedy="Give it once."
            )
        columns[found] = name
        if is_given(value):
            values[found] = value
    owner = columns.get("ownerId", "owner_id")
    try:
        number = parse_id(values.get("ownerId"), "owner_id")
    except InvalidInputError as error:
        remedy = f"{error.remedy} {_NO_OWNER}"
        raise InvalidInputError(f"{place}.{owner}: the value is no id", remedy=remedy) from None
    return GivenRow(number, values, columns)


def _parse_owner_ids(value: Any) -> list[int]:
    if value is None:
        return []
    ids = listed(value, "owner_ids", "ids", "Give a list such as [10, 11].")
    return [parse_id(number, f"owner_ids[{position}]") for position, number in enumerate(ids)]


def set_product_rows(
    owned: Sequence[OwnedRows], progress: Progress, *, skip_unchanged: bool
) -> Plan[list[ItemOutcome[OwnedRows]]]:
    """Set the product rows of items, where an earlier try did not.

    :param owned: the rows of each item
    :param progress: what is known of the items, by position
    :param skip_unchanged: read the rows first, and leave items alone that have them already
    :return: one outcome for each item, in order
    """
    plan = _set(owned, progress, skip_unchanged=skip_unchanged)
    return (yield from in_private(plan, [rows.call().params for rows in owned]))


def _set(
    owned: Sequence[OwnedRows], progress: Progress, *, skip_unchanged: bool
) -> Plan[list[ItemOutcome[OwnedRows]]]:
    open_ones = not_done(owned, progress)
    found = {rows.item: ItemOutcome(rows, SET) for rows in owned}
    settled: dict[CrmItem, ItemOutcome[OwnedRows]] = {}
    if skip_unchanged and open_ones:
        settled = yield from _settled(open_ones)
    positions = {rows.item: position for position, rows in enumerate(owned)}
    sent = [rows for rows in open_ones if rows.item not in settled]
    if sent:
        work = Work(
            [rows.call() for rows in sent],
            [positions[rows.item] for rows in sent],
            kept=lambda position, outcome: _kept(owned[position], outcome),
        )
        outcomes = yield work
        settled |= {rows.item: rows.done(outcome) for rows, outcome in zip(sent, outcomes, strict=True)}
    return list((found | settled).values())


def _kept(rows: OwnedRows, outcome: Outcome) -> str | None:
    """Return what another try is to know of an item: only that its rows were set."""
    return SET if rows.done(outcome).status == SET else None


def _settled(owned: Sequence[OwnedRows]) -> Plan[dict[CrmItem, ItemOutcome[OwnedRows]]]:
    """Return what is clear of items without setting their rows: they have them, or cannot be read."""
    by_id = {rows.item.entity_id: rows for rows in owned}
    present = yield from rows_of_each(owned[0].item, list(by_id))
    settled: dict[CrmItem, ItemOutcome[OwnedRows]] = {}
    empty = []
    for number, rows in by_id.items():
        held = present[number]
        if isinstance(held, Bitrix24Error):
            settled[rows.item] = rows.failed(held, may_be_done=False)
        elif rows.are_held(held):
            settled[rows.item] = ItemOutcome(rows, UNCHANGED)
            if not held:
                empty.append(rows)
    # the API shows no rows of an item that does not exist, either
    missing = yield from missing_items([rows.item for rows in empty])
    return settled | {
        rows.item: rows.failed(missing[rows.item], may_be_done=False)
        for rows in empty
        if rows.item in missing
    }
