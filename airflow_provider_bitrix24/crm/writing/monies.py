"""Money of a user's field: an amount and a currency, which stand in two columns of a table."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from airflow_provider_bitrix24.crm.fields.field_names import letters
from airflow_provider_bitrix24.crm.fields.field_types import NotOfTypeError
from airflow_provider_bitrix24.crm.fields.schema import CrmField
from airflow_provider_bitrix24.crm.writing.plain_fields import ListWriter, SingleWriter
from airflow_provider_bitrix24.crm.writing.scalars import Number, Scalar, plain_text
from airflow_provider_bitrix24.crm.writing.writer import several
from airflow_provider_bitrix24.rest.errors import InvalidInputError

_CURRENCY = re.compile(r"[A-Z]{3}")


class _Money(NamedTuple):
    amount: Decimal
    currency: str


class Money(Scalar):
    """An amount with its currency, as ``100.00|USD``, or as a pair of the two.

    :param scale: how many digits behind the point the field keeps
    """

    remedy = (
        "Give the amount in its column and the currency's code in the column of its currency; "
        "or both as one text, such as 100.00|USD."
    )

    def __init__(self, scale: int) -> None:
        self._amount = Number(scale)

    def parse(self, value: Any) -> str | None:
        """Return amount and currency as one text; without an amount there is none, whatever the currency."""
        given, code = value if isinstance(value, tuple) else (value, None)
        told = plain_text(code)
        if isinstance(given, str):
            given, bar, own = given.partition("|")
            if bar and told not in (None, own):
                raise NotOfTypeError("in another currency than its column says")
            told = own if bar else told
        amount = self._amount.parse(given)
        if amount is None:
            return None
        if not told:
            raise NotOfTypeError("an amount without a currency")
        if not _CURRENCY.fullmatch(told):
            raise NotOfTypeError("an amount with what is no code of a currency")
        return f"{amount}|{told}"

    def read(self, value: Any) -> _Money | None:
        """Return amount and currency."""
        amount, _, currency = value.partition("|") if isinstance(value, str) else (value, "", "")
        found = self._amount.read(amount)
        return None if found is None else _Money(found, currency)

    def same(self, wanted: _Money, found: _Money) -> bool:
        """Tell whether amount and currency are the same."""
        return wanted.currency == found.currency and self._amount.same(wanted.amount, found.amount)

    def accepted(self, wanted: _Money, found: _Money | None, shifts: Collection[timedelta]) -> bool:
        """Tell whether the amount differs only behind the digits that the field keeps."""
        if found is None or wanted.currency != found.currency:
            return False
        return self._amount.accepted(wanted.amount, found.amount, shifts)


class MoneyWriter(SingleWriter):
    """Writes money.

    :param field: the field
    :param columns: the amount's column and the currency's
    """

    def __init__(self, field: CrmField, columns: Sequence[str]) -> None:
        super().__init__(field, columns, Money(field.scale))

    def parse(self, given: Mapping[str, Any], place: str) -> Any:
        """Return amount and currency as one text."""
        return super().parse({place: _pair(self, given, place)}, place)


class MoniesWriter(ListWriter):
    """Writes a list of monies.

    :param field: the field
    :param columns: the amounts' column and the currencies'
    :param dataset: whose field it is
    """

    def __init__(self, field: CrmField, columns: Sequence[str], dataset: str) -> None:
        super().__init__(field, columns, Money(field.scale), dataset)

    def parse(self, given: Mapping[str, Any], place: str) -> Any:
        """Return amounts and currencies as texts."""
        remedy = "Give two lists of the same length, or one list of texts such as 100.00|USD."
        amounts, currencies = (several(part, place, remedy) for part in _pair(self, given, place))
        if currencies and len(currencies) != len(amounts):
            raise InvalidInputError(f"{place}: there are not as many amounts as currencies", remedy=remedy)
        return self.values(list(zip(amounts, currencies or [None] * len(amounts), strict=True)), place)


def _pair(writer: SingleWriter | ListWriter, given: Mapping[str, Any], place: str) -> tuple[Any, Any]:
    """Return a row's amount and currency.

    :raises InvalidInputError: a currency stands there without the amount's column, or one comes twice
    """
    currencies = {name: value for name, value in given.items() if letters(name) == letters(writer.columns[1])}
    amounts = {name: value for name, value in given.items() if name not in currencies}
    currency = writer.only(currencies, place)
    if not amounts and currency not in (None, "", []):
        raise InvalidInputError(f"{place}: a currency without an amount", remedy=Money.remedy)
    return writer.only(amounts, place), currency
