"""What the check of a portal finds: expected, found, and what that means for a user of this package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from airflow_provider_bitrix24.rest.errors import Bitrix24Error

Verdict = Literal["ok", "differs", "unknown"]


@dataclass(frozen=True)
class Finding:
    """The result of one check. It holds neither names nor values of the CRM.

    :param check: what was asked
    :param expected: what this package relies on
    :param found: what the portal did
    :param verdict: whether that is as expected; ``unknown`` if it cannot be told
    :param means: what a difference means, and what to do
    """

    check: str
    expected: str
    found: str
    verdict: Verdict
    means: str = ""


def found(check: str, expected: str, what: str, *, ok: bool | None, means: str = "") -> Finding:
    """Return a finding.

    :param check: what was asked
    :param expected: what this package relies on
    :param what: what the portal did
    :param ok: whether that is as expected; ``None`` if it cannot be told
    :param means: what it means, unless all is well
    """
    verdict: Verdict = "unknown" if ok is None else "ok" if ok else "differs"
    return Finding(check, expected, what, verdict, "" if ok else means)


def error_in_words(error: Bitrix24Error | None) -> str:
    """Return an error's class and code; its text may name somebody.

    :param error: the error
    """
    return "no error" if error is None else " ".join(filter(None, [type(error).__name__, error.code]))
