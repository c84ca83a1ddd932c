"""The product rows of items, and the sums that follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import php
from .fields import parse_table
from .item_names import item_name
from .item_store import ItemStore, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .items import Crm
    from .owner_types import OwnerType, OwnerTypes
    from .timeline import Pair

# "r": calculated, whatever a caller sends.
FIELDS = parse_table("""
    ID integer - r; OWNER_ID integer -; OWNER_TYPE string -; PRODUCT_ID integer -; PRODUCT_NAME string -
    PRICE double -; PRICE_ACCOUNT double - r; PRICE_EXCLUSIVE double - r; PRICE_NETTO double - r
    PRICE_BRUTTO double - r; QUANTITY double -; DISCOUNT_TYPE_ID integer -; DISCOUNT_RATE double -
    DISCOUNT_SUM double -; TAX_RATE double -; TAX_INCLUDED char -; CUSTOMIZED char -; MEASURE_CODE integer -
    MEASURE_NAME string -; SORT integer -; XML_ID string - r; TYPE integer - r; STORE_ID integer - r
""")
NAMES = {item_name(name): name for name in FIELDS}
# What a caller may send and what nevertheless stays as it is.
_FIXED = frozenset({"OWNER_ID", "OWNER_TYPE", "CUSTOMIZED", "MEASURE_NAME"})
MONETARY, PERCENTAGE = 1, 2
_DEFAULTS = {
    **dict.fromkeys(("PRODUCT_ID", "PRICE", "DISCOUNT_RATE", "DISCOUNT_SUM", "SORT"), 0),
    "QUANTITY": 1,
    "DISCOUNT_TYPE_ID": PERCENTAGE,
    "TAX_RATE": None,
    "TAX_INCLUDED": "N",
    "MEASURE_CODE": 796,
}
_DIGITS = 8


class ProductRows:
    """The product rows of all items of a portal; rows count together, whatever they belong to."""

    def __init__(self, crm: Crm, types: OwnerTypes) -> None:
        self.store = ItemStore("product_row", FIELDS, typed=True)
        self._crm = crm
        self._types = types
        self._of: dict[Pair, list[int]] = {}

    def of(self, pair: Pair) -> list[Row]:
        """Return an item's rows in their order."""
        rows = [self.store.rows[number] for number in self._of.get(pair, ())]
        return sorted(rows, key=lambda row: (row["SORT"], int(row["ID"])))

    def ids_of(self, kind: str, item_ids: Iterable[int] | None) -> list[int]:
        """Return the numbers of the rows of some items of a type, or of all."""
        if item_ids is None:
            return [number for pair, numbers in self._of.items() if pair[0] == kind for number in numbers]
        return [number for item_id in item_ids for number in self._of.get((kind, item_id), ())]

    def owner(self, row: Row) -> tuple[OwnerType | None, int]:
        """Return what a row belongs to."""
        return self._types.by_code(row["OWNER_TYPE"]), int(row["OWNER_ID"])

    # ------------------------------------------------------------ writing

    def add(self, pair: Pair, sent: Mapping[str, Any]) -> Row:
        """Add a row to an item.

        :param sent: values by their names in capitals
        """
        owner = self._types.require(pair[0])
        row: Row = {"ID": "", "OWNER_ID": str(pair[1]), "OWNER_TYPE": owner.code, **_written({}, sent)}
        number = self.store.insert(None, row)
        row["PRODUCT_NAME"] = row["PRODUCT_NAME"] or f"[{number}]"
        self._of.setdefault(pair, []).append(number)
        return row

    def change(self, row: Row, sent: Mapping[str, Any]) -> None:
        """Change a row; what follows from the price is calculated anew."""
        row |= _written(row, sent)

    def remove(self, pair: Pair, number: int) -> None:
        """Remove a row of an item."""
        self._of[pair].remove(number)
        self.store.remove(number)

    def replace(self, pair: Pair, rows: Iterable[Mapping[str, Any]]) -> None:
        """Give an item other rows: those with the number of one it has stay under that number."""
        kept: list[int] = []
        known = set(self._of.get(pair, ()))
        for sent in rows:
            number = php.int_cast(sent.get("ID"))
            if number in known and number not in kept:
                self.store.rows[number] |= _written({}, sent)
            else:
                number = int(self.add(pair, sent)["ID"])
            kept.append(number)
        for number in known.difference(kept):
            self.remove(pair, number)

    def save_owner(self, pair: Pair, author: int, moment: str, *, only_if_changed: bool = False) -> bool:
        """Bring the sums of an item up to date, which changes it, and tell whether it was saved.

        :param author: who changes it
        :param only_if_changed: leave an item as it is whose sum stays the same
        """
        store = self._crm.store(pair[0])
        item, rows = store.rows[pair[1]], self.of(pair)
        sums = {
            "OPPORTUNITY": sum(row["PRICE"] * row["QUANTITY"] for row in rows),
            "TAX_VALUE": sum((row["PRICE"] - row["PRICE_EXCLUSIVE"]) * row["QUANTITY"] for row in rows),
        }
        new = {name: f"{value:.2f}" for name, value in sums.items() if name in store.fields}
        if store.value(item, "IS_MANUAL_OPPORTUNITY") == "Y":
            new = {}
        if only_if_changed and all(store.value(item, name) == value for name, value in new.items()):
            return False
        item |= {**new, "DATE_MODIFY": moment, "MODIFY_BY_ID": str(author)}
        self._crm.revision += 1
        return True

    # ------------------------------------------------------------ items that go and come back

    def take_out(self, pair: Pair) -> list[Row]:
        """Take all rows away from an item that is deleted, and return them."""
        rows = [self.store.rows[number] for number in self._of.pop(pair, ())]
        for row in rows:
            self.store.remove(int(row["ID"]))
        return rows

    def put_back(self, pair: Pair, rows: Iterable[Row]) -> None:
        """Give rows to an item that is restored; they keep their numbers."""
        for row in rows:
            number = self.store.insert(int(row["ID"]), {**row, "OWNER_ID": str(pair[1])})
            self._of.setdefault(pair, []).append(number)


def has_product_rows(owner: OwnerType | None) -> bool:
    """Tell whether items of a type have product rows."""
    return owner is not None and (
        owner.kind in ("lead", "deal", "quote", "smart_invoice") or owner.kind.startswith("dynamic_")
    )


def writable(sent: Mapping[str, Any]) -> set[str]:
    """Return the names that may be sent, by their names in capitals."""
    return {name for name in sent if name in FIELDS and not FIELDS[name].read_only}


def _written(row: Mapping[str, Any], sent: Mapping[str, Any]) -> Row:
    """Return a row's values after a change.

    :param row: the row as it is, empty for a new one
    """
    given = {name: sent[name] for name in writable(sent) - _FIXED}
    known = {**_DEFAULTS, **row, **given}
    product, name = php.int_cast(known["PRODUCT_ID"]), php.text(given.get("PRODUCT_NAME"))
    if not name and product and product != row.get("PRODUCT_ID"):
        name = f"Product {product}"
    values: Row = {
        "PRODUCT_ID": product,
        "PRODUCT_NAME": name or row.get("PRODUCT_NAME", ""),
        "PRICE": php.float_cast(known["PRICE"]),
        "QUANTITY": php.float_cast(known["QUANTITY"]),
        "DISCOUNT_TYPE_ID": php.int_cast(known["DISCOUNT_TYPE_ID"]),
        "TAX_RATE": _tax(known["TAX_RATE"]),
        "TAX_INCLUDED": "Y" if known["TAX_INCLUDED"] == "Y" else "N",
        "MEASURE_CODE": php.int_cast(known["MEASURE_CODE"]),
        "SORT": php.int_cast(known["SORT"]),
        "CUSTOMIZED": "Y",
        "MEASURE_NAME": "pcs",
        "XML_ID": "",
        "TYPE": 4 if product else 1,
        "STORE_ID": None,
    }
    return values | _prices(values, known)


def _tax(value: Any) -> float | None:
    """Read a rate: 0 is one, and what is no number is none."""
    return php.float_cast(value) if php.is_numeric(value) else None


def _prices(values: Row, known: Mapping[str, Any]) -> Row:
    """Calculate from the price, which has discount and tax in it, those without them."""
    factor = 1 + (values["TAX_RATE"] or 0.0) / 100
    exclusive = values["PRICE"] / factor
    rate, discount = php.float_cast(known["DISCOUNT_RATE"]), php.float_cast(known["DISCOUNT_SUM"])
    if values["DISCOUNT_TYPE_ID"] == MONETARY:
        netto = exclusive + discount
        rate = 100 * discount / netto if netto else 0.0
    else:
        netto = exclusive / (1 - rate / 100) if rate < 100 else exclusive + discount
        discount = netto - exclusive
    prices = {
        "PRICE_ACCOUNT": values["PRICE"],
        "PRICE_EXCLUSIVE": exclusive,
        "PRICE_NETTO": netto,
        "PRICE_BRUTTO": netto * factor,
        "DISCOUNT_RATE": rate,
        "DISCOUNT_SUM": discount,
    }
    return {name: round(value, _DIGITS) for name, value in prices.items()}
