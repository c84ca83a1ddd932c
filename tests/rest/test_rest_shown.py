"""Values in messages."""

from __future__ import annotations

import pytest

from airflow_provider_bitrix24.rest.shown import shown


class Unprintable:
    """A thing whose ``repr`` fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_a_long_value_is_cut_short():
    assert shown("x" * 500) == "'" + "x" * 76 + "..."
    assert shown("x" * 50) == repr("x" * 50)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Unprintable(), "a Unprintable that cannot be shown"),
        (10**5000, "a int that cannot be shown"),
    ],
    ids=["an object", "a number"],
)
def test_what_cannot_be_shown_is_named_by_its_type(value, text):
    assert shown(value) == text


def test_an_address_is_shown_without_its_secret():
    address = "https://portal.bitrix24.com/rest/1/abcdefgh12345678/crm.deal.get"
    assert shown({"url": address}) == shown({"url": address.replace("abcdefgh12345678", "***")})
    assert "abcdefgh" not in shown("https://portal.bitrix24.com/rest/1/abcdefgh12345678/")
