"""Directories (lists of statuses) and currencies."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a directory is called, and its entries.
_TABLE = """
    SOURCE Sources: CALL=Call EMAIL=E-mail WEB=Website TRADE_SHOW=Exhibition OTHER=Other
    CONTACT_TYPE Contact type: CLIENT=Clients SUPPLIER=Suppliers PARTNER=Partners OTHER=Other
    COMPANY_TYPE Company type: CUSTOMER=Client SUPPLIER=Supplier COMPETITOR=Competitor PARTNER=Partner
    EMPLOYEES Number of employees: EMPLOYEES_1=fewer than 50 EMPLOYEES_2=50 to 250 EMPLOYEES_3=250 to 500
    INDUSTRY Industry: IT=Information technology TELECOM=Telecommunication MANUFACTURING=Manufacturing
    DEAL_TYPE Deal type: SALE=Sales COMPLEX=Complex sales GOODS=Goods SERVICES=Services SERVICE=Support
    HONORIFIC Salutations: HNR_EN_1=Mr. HNR_EN_2=Ms. HNR_EN_3=Mrs. HNR_EN_4=Dr.
"""
_MOST_BUILT_IN = 100


@dataclass(frozen=True)
class Status:
    """An entry of a directory.

    :param number: ``ID`` in ``crm.status.list``
    :param system: whether it was there from the beginning
    """

    number: int
    entity_id: str
    status_id: str
    name: str
    sort: int
    system: bool


@dataclass(frozen=True)
class Currency:
    """A currency: ``amount_cnt`` units of it are worth ``amount`` of the base currency."""

    code: str
    name: str
    amount: str
    amount_cnt: int
    sort: int
    base: bool


class Directories:
    """The directories of a portal that have nothing to do with stages, and its currencies."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.statuses: list[Status] = []
        self.currencies: dict[str, Currency] = {}
        self._added = count(100_001)
        numbers = iter(range(1, _MOST_BUILT_IN))
        for line in filter(None, map(str.strip, _TABLE.splitlines())):
            head, _, entries = line.partition(": ")
            entity_id, _, self.names[entity_id] = head.partition(" ")
            for place, (code, name) in enumerate(named(entries), 1):
                self.statuses.append(Status(next(numbers), entity_id, code, name, 10 * place, system=True))
        self.add_currency("USD", "US Dollar", "1.0000", base=True)
        self.add_currency("EUR", "Euro", "1.0800")

    def add_status(self, entity_id: str, status_id: str, name: str) -> None:
        """Add an entry to a directory."""
        if entity_id not in self.names:
            raise ValueError(f"{entity_id!r} is no directory: one of {', '.join(self.names)} expected")
        known = [status for status in self.statuses if status.entity_id == entity_id]
        if status_id in [status.status_id for status in known]:
            raise ValueError(f"{entity_id} has an entry {status_id!r} already")
        sort = 10 * (len(known) + 1)
        self.statuses.append(Status(next(self._added), entity_id, status_id, name, sort, system=False))

    def add_currency(
        self, code: str, name: str, amount: str, amount_cnt: int = 1, *, base: bool = False
    ) -> None:
        """Add a currency, or change its rate."""
        known = self.currencies.get(code)
        sort = known.sort if known else 100 * (len(self.currencies) + 1)
        self.currencies[code] = Currency(code, name, amount, amount_cnt, sort, base)


def named(table: str) -> Iterator[tuple[str, str]]:
    """Read ``CODE=name of several words NEXT=another name``."""
    code, words = "", list[str]()
    for word in table.split():
        if "=" in word:
            if code:
                yield code, " ".join(words)
            code, _, first = word.partition("=")
            words = [first]
        else:
            words.append(word)
    yield code, " ".join(words)
