"""A call of one API method, and what happened to it."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_bitrix24.rest import php
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError
from airflow_provider_bitrix24.rest.methods import Method, Repeatability, method_facts
from airflow_provider_bitrix24.rest.shown import shown
from airflow_provider_bitrix24.rest.texts import problem_of

if TYPE_CHECKING:
    from airflow_provider_bitrix24.rest.reply import Reply

_METHOD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")
#: the server takes these for itself and never passes them to the method
_CONSUMED = frozenset({"method", "auth", "access_token", "ap", "aplogin", "token", "sessid", "state"})
#: a batch refuses these
_NEVER_IN_BATCH = frozenset({"batch", "upload", "download"})


@dataclass(frozen=True, init=False)
class Call:
    """One call of an API method.

    :param method: the API method, such as ``crm.deal.get``
    :param params: its parameters; dates, decimals and integer types are turned into what JSON can carry
    :param repeatable: whether sending it twice does no harm; ``None`` goes by what is known of the method
    :raises InvalidInputError: the method's name or a parameter cannot be sent as it is
    """

    method: str
    params: dict[str, Any] = field(repr=False)
    repeatable: bool | None

    def __init__(
        self, method: str, params: Mapping[str, Any] | None = None, *, repeatable: bool | None = None
    ) -> None:
        object.__setattr__(self, "method", _method_name(method))
        object.__setattr__(self, "params", _plain_params(params if params is not None else {}))
        object.__setattr__(self, "repeatable", _flag(repeatable))

    @property
    def facts(self) -> Method:
        """What is known of the method, called with these parameters."""
        return method_facts(self.method, self.params)

    @property
    def may_repeat(self) -> bool:
        """Whether the call may be sent again when it is unclear whether it was carried out."""
        if self.repeatable is not None:
            return self.repeatable
        return self.facts.kind is not Repeatability.ONE_SHOT

    @property
    def reads_page(self) -> bool:
        """Whether the caller asked for a page of a list himself."""
        return any(key.lower() == "start" for key in self.params)

    @property
    def fits_batch(self) -> bool:
        """Whether a batch carries the call exactly."""
        return self.method.lower() not in _NEVER_IN_BATCH and php.carries(self.params)

    def command(self) -> str:
        """Return the call as a command of a batch."""
        return self._command

    @cached_property
    def _command(self) -> str:
        query = php.encode(self.params)
        return f"{self.method}?{query}" if query else self.method


@dataclass(frozen=True)
class Outcome:
    """What happened to one call: its result, or the error that ended it.

    :param call: the call
    :param reply: the reply, where there is one
    :param error: the error, where the call failed
    """

    call: Call
    reply: Reply | None = None
    error: Bitrix24Error | None = None

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.error is None

    @property
    def result(self) -> Any:
        """The result; ``None`` where the call failed."""
        return self.reply.result if self.reply is not None and self.ok else None

    def unwrap_reply(self) -> Reply:
        """Return the reply.

        :raises Bitrix24Error: the call failed
        """
        if self.error is not None or self.reply is None:
            raise self.error or ValueError("an outcome without a reply and without an error")
        return self.reply

    def unwrap(self) -> Any:
        """Return the result.

        :raises Bitrix24Error: the call failed
        """
        if self.error is not None:
            raise self.error
        return self.result


def _method_name(method: str) -> str:
    if isinstance(method, str) and _METHOD.fullmatch(method):
        return method
    raise InvalidInputError(
        f"method: {shown(method)} is not the name of an API method",
        remedy="Give a name like 'crm.deal.get', without an address, slash or query.",
    )


def _flag(repeatable: bool | None) -> bool | None:
    if repeatable is None or isinstance(repeatable, bool):
        return repeatable
    raise InvalidInputError(f"repeatable: {shown(repeatable)} is not one of True, False, None")


def _plain_params(params: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(params, Mapping):
        raise InvalidInputError(
            f"params: {shown(params)} is not a mapping", remedy="Give the method's parameters by name."
        )
    plain: dict[str, Any] = plain_json(params, "params")
    for name in plain:
        if name.lower() in _CONSUMED:
            raise InvalidInputError(
                f"params.{name}: Bitrix24 takes this name for itself, the method would not get it",
                remedy="Leave it out: credentials come from the connection.",
            )
    return plain


def plain_json(value: Any, path: str) -> Any:
    """Return a value as plain JSON, or say which part of it cannot be sent.

    :param value: the value
    :param path: where it stands, for the message
    :raises InvalidInputError: JSON, the portal or Airflow's database cannot carry it
    """
    if value is None or isinstance(value, (bool, str)):
        return _encodable(value, path)
    if isinstance(value, Mapping):
        plain = {_key(key, path): plain_json(item, f"{path}.{key}") for key, item in value.items()}
        if len(plain) < len(value):
            raise InvalidInputError(f"{path}: a name is there twice, as text and as a number")
        return plain
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [plain_json(item, f"{path}[{position}]") for position, item in enumerate(value)]
    return _plain_scalar(value, path)


def _plain_scalar(value: Any, path: str) -> Any:
    if isinstance(value, datetime.datetime):
        return _moment(value, path)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if (number := _index(value)) is not None:
        return _whole(number, path)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    raise InvalidInputError(
        f"{path}: {shown(value)} cannot be sent as JSON",
        remedy="Send text, whole or finite numbers, dates, lists and mappings.",
    )


def _index(value: Any) -> int | None:
    """Return a value of any integer type as a number; numpy's arrays only look like one."""
    try:
        return int(type(value).__index__(value))
    except (AttributeError, TypeError):
        return None


def _whole(number: int, path: str) -> int:
    if -(2**63) <= number < 2**63:
        return number
    raise InvalidInputError(
        f"{path}: the number lies outside -2^63 to 2^63-1, so the portal would round it",
        remedy="Send it as text.",
    )


def _moment(value: datetime.datetime, path: str) -> str:
    if value.tzinfo is None:
        raise InvalidInputError(
            f"{path}: {shown(value)} has no time zone, so the portal would take it for its own",
            remedy="Give a time with a zone, as pendulum and Airflow do.",
        )
    return value.isoformat(timespec="seconds")


def _encodable(value: Any, path: str) -> Any:
    if isinstance(value, str):
        if problem := problem_of(value):
            raise InvalidInputError(f"{path}: {problem}", remedy="Take it out of the text.")
        return str.__str__(value)  # the text itself, also of an enumeration's member
    return value


def _key(key: Any, path: str) -> str:
    if isinstance(key, str):
        return str(_encodable(key, path))
    if isinstance(key, int) and not isinstance(key, bool):
        return str(int(key))
    raise InvalidInputError(f"{path}: {shown(key)} is not a parameter's name")
