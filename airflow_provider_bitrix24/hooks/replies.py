"""What a hook makes of calls before they are sent, and of their replies before it returns them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from airflow_provider_bitrix24.crm.fields.known_calls import check_call
from airflow_provider_bitrix24.hooks.errors import join
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import MorePagesError
from airflow_provider_bitrix24.rest.exchange import guard_pages
from airflow_provider_bitrix24.rest.reply import Reply


def single(call: Call, reply: Reply) -> Reply:
    """Return the reply to one call.

    :param call: the call
    :param reply: its reply
    :raises MorePagesError: it is a list with more pages
    """
    guard_pages(Outcome(call, reply)).unwrap()
    return reply


def checked_calls(calls: Iterable[Call]) -> list[Call]:
    """Return the calls as a list: all of them are looked at before any is sent.

    :param calls: the calls
    :raises TypeError: one of them is something else
    :raises InvalidInputError: one of them has a parameter that the API would misread
    """
    checked = list(calls)
    for position, call in enumerate(checked):
        if not isinstance(call, Call):
            raise TypeError(f"calls[{position}]: {type(call).__name__} is not a Call")
        check_call(call, f"calls[{position}].params")
    return checked


def checked_pages(outcomes: list[Outcome]) -> list[Outcome]:
    """Return the outcomes with errors that Airflow knows, as whoever unwraps one raises it.

    :param outcomes: of calls
    :raises MorePagesError: one is a list with more pages
    """
    checked = [_joined(guard_pages(outcome)) for outcome in outcomes]
    for position, outcome in enumerate(checked):
        if isinstance(outcome.error, MorePagesError):
            error = outcome.error.but(description=f"calls[{position}]: {outcome.error.description}")
            error.outcomes = tuple(checked)
            raise error
    return checked


def _joined(outcome: Outcome) -> Outcome:
    return outcome if outcome.error is None else replace(outcome, error=join(outcome.error))
