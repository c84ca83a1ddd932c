"""How a failure is told: what was to be done to what, whether it happened, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.rest.errors import AccessDeniedError, AmbiguousWriteError, Bitrix24Error
from airflow_provider_bitrix24.rest.methods import Repeatability, method_facts

_DENIED = (
    "Give that user the right to do so, or use the credentials of one who has it; and check that the item "
    "exists, for the API tells no difference."
)
#: how many things of a kind a message or the log tells one by one
_SINGLY = 10
#: how the API refuses a type that the portal does not have
_NO_TYPE = "ENTITY_TYPE is not defined or invalid"


def told(
    error: Bitrix24Error,
    thing: str,
    done: str,
    item: CrmItem,
    *,
    may_be_done: bool | None = None,
    remedy: str = "",
) -> Bitrix24Error:
    """Return an error that says what was to be done to what, and whether that happened.

    :param error: what went wrong
    :param thing: what it was to be done to, in words
    :param done: what was to be done, in words
    :param item: the CRM item that is concerned
    :param may_be_done: whether it may have happened; ``None`` if the error is the answer to doing it, and not
        to a question
    :param remedy: what to do about it; by default what the error or its code says
    """
    remedy = remedy or _remedy(error, item)
    description = f"{fate(error, thing, done, may_be_done=may_be_done)}: {_why(error, item)}"
    if isinstance(error, AccessDeniedError):
        error = error.but(code=error.code or "ACCESS_DENIED")
    return error.but(description=description, remedy=remedy)


def fate(error: Bitrix24Error, thing: str, done: str, *, may_be_done: bool | None = None) -> str:
    """Return in words whether something happened.

    :param error: what went wrong
    :param thing: what it was to be done to, in words
    :param done: what was to be done, in words
    :param may_be_done: whether it may have happened; ``None`` if the error tells it
    """
    if error.may_have_acted if may_be_done is None else may_be_done:
        return f"{thing} may have been {done}, or not"
    return f"{thing} was not {done}"


def counted(number: int, noun: str) -> str:
    """Return a number of things in words: ``1 comment``, ``2 comments``.

    :param number: how many
    :param noun: what one of them is
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def first_of(things: Iterable[str], more: str) -> list[str]:
    """Return up to ten things in words, and how many more there are.

    :param things: the things
    :param more: what the number of the others is followed by, such as ``more rows are not valid``
    """
    told = list(things)
    left = len(told) - _SINGLY
    return told if left <= 0 else [*told[:_SINGLY], f"{left} {more}"]


def reason_of(error: Bitrix24Error) -> str:
    """Return why something went wrong, in words.

    :param error: the error
    """
    return error.description.removeprefix(AmbiguousWriteError.unclear) or "no reason given"


def _why(error: Bitrix24Error, item: CrmItem) -> str:
    if isinstance(error, AccessDeniedError):
        is_write = bool(error.method) and method_facts(error.method, {}).kind is not Repeatability.READ
        who = f"{error.owner}," if error.owner else "the user of this connection"
        return f"{who} may not {f'change {item}' if is_write else 'read the CRM'}"
    return reason_of(error)


def _remedy(error: Bitrix24Error, item: CrmItem) -> str:
    if isinstance(error, AccessDeniedError):
        return _DENIED
    if error.code == "OWNER_NOT_FOUND":
        return f"Check the type and the id: the portal has no {item}."
    if error.description.startswith(_NO_TYPE):
        return f"Check the type {item.entity_type}: the portal does not have it."
    return error.remedy
