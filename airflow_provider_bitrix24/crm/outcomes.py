"""Item outcomes: what happened to each of many things, as a status and, if it failed, an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, Bitrix24Error, InvalidInputError
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.progress import Progress

FAILED = "failed"
#: what a row calls the error of one that was never sent
INVALID_INPUT = "INVALID_INPUT"


class Subject(Protocol):
    """A thing that something is done to."""

    def row(self) -> dict[str, Any]:
        """Return what names it, under the API's keys."""


S = TypeVar("S", bound=Subject)


@dataclass(frozen=True)
class ItemOutcome(Generic[S]):
    """What happened to one thing.

    :param subject: the thing
    :param status: what happened to it, ``failed`` where there is an error
    :param error: why it failed
    :param place: where it stands in the input, where the error does not name the thing
    :param columns: columns of the user's own that come back with it
    """

    subject: S
    status: str
    error: Bitrix24Error | None = None
    place: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON under the API's keys."""
        row = {**self.subject.row(), "STATUS": self.status}
        if self.error is not None:
            row |= {"ERROR": name_of(self.error), "ERROR_DESCRIPTION": str(self.error)}
        return {**row, **self.columns}


def name_of(error: Bitrix24Error) -> str:
    """Return what a row calls an error: the API's code, unless that hides that the outcome is not known."""
    if isinstance(error, InvalidInputError):
        return INVALID_INPUT
    is_unknown = isinstance(error, AmbiguousWriteError)
    return type(error).__name__ if is_unknown else error.code or type(error).__name__


def not_done(things: Sequence[S], progress: Progress) -> list[S]:
    """Return the distinct things that no earlier try has done.

    :param things: all of them
    :param progress: what is known of the distinct ones, by position
    """
    distinct = dict.fromkeys(things)
    return [thing for position, thing in enumerate(distinct) if position not in progress.known]


def each(
    things: Sequence[S],
    progress: Progress,
    call_of: Callable[[S], Call],
    judge: Callable[[S, Outcome], ItemOutcome[S]],
    *,
    done: str,
    settled: Mapping[S, ItemOutcome[S]] | None = None,
) -> Plan[list[ItemOutcome[S]]]:
    """Do the same to each of many things, where an earlier try did not.

    :param things: the things; one that comes twice is sent once and reported for each
    :param progress: what is known of the distinct ones, by position
    :param call_of: returns the call that does it
    :param judge: returns what happened to a thing, given the outcome of its call
    :param done: the status of what an earlier try did
    :param settled: outcomes that are clear without a call
    :return: one outcome for each thing, in order
    """
    distinct = list(dict.fromkeys(things))
    found = {distinct[position]: ItemOutcome(distinct[position], done) for position in progress.known}
    found |= settled or {}
    missing = [position for position, thing in enumerate(distinct) if thing not in found]
    if missing:
        outcomes = yield Work([call_of(distinct[position]) for position in missing], missing)
        for position, outcome in zip(missing, outcomes, strict=True):
            found[distinct[position]] = judge(distinct[position], outcome)
    return [found[thing] for thing in things]
