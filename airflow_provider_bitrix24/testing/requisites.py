"""Requisites of companies and contacts, and the bank details that belong to requisites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import php
from .fields import parse_table
from .item_store import ItemStore, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .owner_types import OwnerTypes
    from .timeline import Pair

_SYSTEM = """
    DATE_CREATE datetime - r; DATE_MODIFY datetime - r; CREATED_BY_ID user - r; MODIFY_BY_ID user - r
    NAME string -; CODE string -; XML_ID string -; ORIGINATOR_ID string -; ACTIVE char Y
"""
_DETAILS = """
    NAME FIRST_NAME LAST_NAME SECOND_NAME COMPANY_ID COMPANY_NAME COMPANY_FULL_NAME COMPANY_REG_DATE DIRECTOR
    ACCOUNTANT CEO_NAME CEO_WORK_POS CONTACT EMAIL PHONE FAX IDENT_TYPE IDENT_DOC IDENT_DOC_SER IDENT_DOC_NUM
    IDENT_DOC_PERS_NUM IDENT_DOC_DATE IDENT_DOC_ISSUED_BY IDENT_DOC_DEP_CODE INN KPP USRLE IFNS OGRN OGRNIP
    OKPO OKTMO OKVED EDRPOU DRFO KBE IIN BIN ST_CERT_SER ST_CERT_NUM ST_CERT_DATE VAT_PAYER VAT_ID
    VAT_CERT_SER VAT_CERT_NUM VAT_CERT_DATE RESIDENCE_COUNTRY BASE_DOC REGON KRS PESEL LEGAL_FORM SIRET SIREN
    CAPITAL RCS CNPJ STATE_REG MNPL_REG CPF
"""
_BANK_DETAILS = """
    BANK_NAME BANK_CODE BANK_ADDR BANK_ROUTE_NUM BIK MFO ACC_NAME ACC_NUM ACC_TYPE IIK ACC_CURRENCY
    COR_ACC_NUM IBAN SWIFT CODEB CODEG RIB AGENCY_NAME
"""

OWNERS = ("contact", "company")


def _table(head: str, tail: str, details: str) -> str:
    return f"{head}; {_SYSTEM}; {tail}; " + "; ".join(f"RQ_{name} string -" for name in details.split())


_TABLES = {
    "requisite": _table(
        "ID integer - r; ENTITY_TYPE_ID integer - i; ENTITY_ID integer - i; PRESET_ID integer 1",
        "ADDRESS_ONLY char N; SORT integer 500",
        _DETAILS,
    ),
    "bankdetail": _table(
        "ID integer - r; ENTITY_ID integer - i; COUNTRY_ID integer 1", "SORT integer 500", _BANK_DETAILS
    )
    + "; COMMENTS string -",
}


class Requisites:
    """All requisites and bank details of a portal."""

    def __init__(self, types: OwnerTypes) -> None:
        self._types = types
        self._stores = {
            kind: ItemStore(kind, parse_table(table), typed=True) for kind, table in _TABLES.items()
        }

    def store(self, kind: str) -> ItemStore:
        """Return the rows of a kind.

        :param kind: ``requisite`` or ``bankdetail``
        """
        return self._stores[kind]

    def owner(self, kind: str, row: Row) -> Pair | None:
        """Return the company or contact that a row belongs to."""
        if kind == "bankdetail":
            requisite = self._stores["requisite"].rows.get(int(row["ENTITY_ID"]))
            return None if requisite is None else self.owner("requisite", requisite)
        found = self._types.by_id(int(row["ENTITY_TYPE_ID"]))
        return None if found is None else (found.kind, int(row["ENTITY_ID"]))

    # ------------------------------------------------------------ writing

    def add(self, kind: str, values: Mapping[str, Any], author: int, moment: str) -> int:
        """Add a row; until it is changed the moment of its change is empty."""
        store = self._stores[kind]
        for name in values:
            if name not in store.fields or store.fields[name].read_only:
                raise ValueError(f"{name!r} is no field of a {kind}: {', '.join(store.fields)}")
        row: Row = {"DATE_CREATE": moment, "DATE_MODIFY": "", "CREATED_BY_ID": str(author)}
        return store.insert(None, row | {name: php.text(value) for name, value in values.items()})

    def change(self, kind: str, number: int, sent: Mapping[str, Any], author: int, moment: str) -> None:
        """Change a row; what is unknown, or decided when it was made, is dropped."""
        store = self._stores[kind]
        known = {name: store.fields[name] for name in sent if name in store.fields}
        fixed = {name for name, field in known.items() if field.read_only or field.immutable}
        row = store.rows[number]
        row |= {name: php.text(sent[name]) for name in known.keys() - fixed}
        row |= {"DATE_MODIFY": moment, "MODIFY_BY_ID": str(author)}

    def item_deleted(self, pair: Pair) -> None:
        """Drop what belongs to a company or contact."""
        if pair[0] not in OWNERS:
            return
        for kind in ("bankdetail", "requisite"):
            rows = self._stores[kind].rows
            for number in [number for number, row in rows.items() if self.owner(kind, row) == pair]:
                self._stores[kind].remove(number)
