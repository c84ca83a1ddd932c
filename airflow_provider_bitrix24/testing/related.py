"""Filling a portal with what belongs to items and to the company."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .product_rows import FIELDS, NAMES, has_product_rows
from .requisites import OWNERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .timeline import Pair
    from .world import World


class RelatedContents:
    """Departments, directories, product rows, requisites, files and the recycle bin.

    All functions may be called from any thread.
    """

    _world: World

    def add_department(
        self,
        name: str,
        parent: int | None = 1,
        head: int | None = None,
        sort: int = 500,
        department_id: int | None = None,
    ) -> int:
        """Add a department and return its number; department 1 is there from the beginning.

        :param parent: the department it belongs to
        :param head: the user who leads it
        :param department_id: its number, by default the next one
        """
        with self._world.lock:
            return self._world.departments.add(name, parent, head, sort, department_id)

    def add_status(self, entity_id: str, status_id: str, name: str) -> None:
        """Add an entry to a directory.

        :param entity_id: ``SOURCE``, ``CONTACT_TYPE``, ``COMPANY_TYPE``, ``EMPLOYEES``, ``INDUSTRY``,
            ``DEAL_TYPE`` or ``HONORIFIC``; stages are added by ``add_stage``
        :param status_id: the code that items hold
        """
        with self._world.lock:
            self._world.directories.add_status(entity_id, status_id, name)

    def add_currency(self, code: str, name: str, amount: str, amount_cnt: int = 1) -> None:
        """Add a currency, or change its rate.

        :param amount: what ``amount_cnt`` units are worth in US dollars, the base currency
        """
        with self._world.lock:
            self._world.directories.add_currency(code, name, amount, amount_cnt)

    # ------------------------------------------------------------ product rows

    def add_product_rows(
        self, kind: str, item_id: int, rows: Iterable[Mapping[str, Any]], author_id: int = 1
    ) -> list[int]:
        """Add product rows to an item, which gets another sum, and return their numbers.

        :param kind: ``deal``, ``lead``, ``quote``, ``smart_invoice``, ``dynamic_1042``, ...
        :param rows: values by name, ``productName`` or ``PRODUCT_NAME``; the price is 0 and the quantity 1
            unless it is given
        """
        with self._world.lock:
            pair = self._product_row_owner(kind, item_id)
            made = [self._world.product_rows.add(pair, _known_names(row)) for row in rows]
            self._world.product_rows.save_owner(pair, author_id, self._world.moment())
            return [int(row["ID"]) for row in made]

    def product_rows(self, kind: str, item_id: int) -> list[dict[str, Any]]:
        """Return an item's product rows as stored, by their names in capitals."""
        with self._world.lock:
            pair = self._product_row_owner(kind, item_id)
            return [dict(row) for row in self._world.product_rows.of(pair)]

    # ------------------------------------------------------------ requisites, files, the recycle bin

    def add_requisite(
        self, kind: str, item_id: int, fields: Mapping[str, Any] | None = None, author_id: int = 1
    ) -> int:
        """Add requisites to a company or contact and return their number.

        :param fields: values by name, such as ``NAME`` or ``RQ_INN``
        """
        with self._world.lock:
            owner = self._world.types.require(kind)
            if owner.kind not in OWNERS or not self._world.crm.exists(owner.kind, item_id):
                raise ValueError(f"{kind} {item_id} is no company or contact, or there is no such item")
            values = {"ENTITY_TYPE_ID": owner.type_id, "ENTITY_ID": item_id, **(fields or {})}
            return self._world.requisites.add("requisite", values, author_id, self._world.moment())

    def add_bank_detail(
        self, requisite_id: int, fields: Mapping[str, Any] | None = None, author_id: int = 1
    ) -> int:
        """Add bank details to requisites and return their number.

        :param fields: values by name, such as ``RQ_IBAN``
        """
        with self._world.lock:
            if requisite_id not in self._world.requisites.store("requisite").rows:
                raise ValueError(f"there are no requisites {requisite_id}")
            values = {"ENTITY_ID": requisite_id, **(fields or {})}
            return self._world.requisites.add("bankdetail", values, author_id, self._world.moment())

    def add_file(self, name: str, content: bytes, author_id: int = 1) -> int:
        """Store a file of a user on the Drive and return its number."""
        with self._world.lock:
            return self._world.files.add(name, content, author_id, self._world.now())

    def restore_item(self, kind: str, item_id: int) -> int:
        """Restore a deleted item from the recycle bin and return its number, which is a new one.

        Its dates are the old ones, and its product rows keep their numbers. Its stage history begins anew;
        bindings, comments, activities and requisites do not come back. Quotes cannot be restored.
        """
        with self._world.lock:
            return self._world.restore_item((self._world.types.require(kind).kind, item_id))

    def _product_row_owner(self, kind: str, item_id: int) -> Pair:
        owner = self._world.types.require(kind)
        if not has_product_rows(owner) or not self._world.crm.exists(owner.kind, item_id):
            raise ValueError(f"{kind} {item_id} has no product rows, or there is no such item")
        return owner.kind, item_id


def _known_names(row: Mapping[str, Any]) -> dict[str, Any]:
    known = {NAMES.get(name, name): value for name, value in row.items()}
    for name in known:
        if name not in FIELDS:
            raise ValueError(f"{name!r} is no field of a product row: {', '.join(NAMES)}")
    return known
