"""The check of fields' names, for hooks and operators: what they read once, and what they log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_provider_bitrix24.crm.fields.field_answers import lines_on_answers
from airflow_provider_bitrix24.crm.fields.field_checks import check_field_names
from airflow_provider_bitrix24.hooks.logs import Logger
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.plans import Plan


class FieldChecks:
    """Compares fields in calls with the metadata, which it reads once, and in answers with what was sent.

    :param log: where it says what it could not compare, and which fields differ
    """

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._known: dict[str, Outcome] = {}
        self._said: set[str] = set()

    def look(self, calls: Sequence[Call], stands: Sequence[str] = ()) -> Plan[None]:
        """Refuse calls that name what is not a field, and warn of times without an offset in their filters.

        :param calls: the calls
        :param stands: where each stands, for the message
        :raises InvalidInputError: one does; nothing but metadata was asked for
        """
        notes = yield from check_field_names(calls, self._known, stands)
        for line in notes.unchecked:
            self._log.info("%s", line)
        for line in notes.doubtful:
            if line not in self._said:
                self._said.add(line)
                self._log.warning("%s", line)

    def compare(self, outcomes: Iterable[Outcome]) -> None:
        """Warn of fields that answers do not show as they were sent.

        :param outcomes: of calls
        """
        for line in lines_on_answers(outcomes):
            self._log.warning("%s", line)


def places(calls: Sequence[Call]) -> list[str]:
    """Return where each of many calls stands, for messages.

    :param calls: the calls
    """
    return [f"calls[{position}]." for position in range(len(calls))]
