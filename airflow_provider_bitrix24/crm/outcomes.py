"""What became of each of many bindings, and of a failure the words that name the binding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_bitrix24.crm.timeline_bindings import TimelineBinding
from airflow_provider_bitrix24.rest.errors import AccessDeniedError, Bitrix24Error

BOUND = "bound"
ALREADY_BOUND = "already_bound"
UNBOUND = "unbound"
NOT_BOUND = "not_bound"
FAILED = "failed"

_CHANGES = ("crm.timeline.bindings.bind", "crm.timeline.bindings.unbind")


def told(row: dict[str, Any], error: Bitrix24Error | None) -> dict[str, Any]:
    """Return what became of something as plain JSON: with the error, where there is one.

    :param row: what became of it
    :param error: why it failed
    """
    if error is None:
        return row
    return {**row, "ERROR": error.code or type(error).__name__, "ERROR_DESCRIPTION": str(error)}


@dataclass(frozen=True)
class BindingOutcome:
    """What became of one binding.

    :param binding: the binding
    :param status: ``bound``, ``already_bound``, ``unbound``, ``not_bound`` or ``failed``
    :param error: why it failed
    """

    binding: TimelineBinding
    status: str
    error: Bitrix24Error | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON under the API's keys."""
        row = {**self.binding.fields(), "STATUS": self.status}
        return told(row, self.error)


def failed(
    binding: TimelineBinding, error: Bitrix24Error, owner: str, *, done: str = "bound"
) -> BindingOutcome:
    """Return the outcome of a binding that failed: the same error, with the binding's name in it.

    :param binding: the binding
    :param error: what went wrong
    :param owner: whose rights the call had
    :param done: what was not done, in words
    """
    fields = error.fields()
    why = error.description or "no reason given"
    if isinstance(error, AccessDeniedError):
        changes = error.method in _CHANGES
        why = f"{owner}, may not {f'change {binding.item}' if changes else 'read the CRM'}"
        fields["code"] = error.code or "ACCESS_DENIED"
        fields["remedy"] = (
            "Give that user the right to do so, or use the credentials of one who has it; "
            "and check that the item exists, for the API tells no difference."
        )
    described = f"{binding} was not {done}: {why}"
    return BindingOutcome(binding, FAILED, type(error).from_fields({**fields, "description": described}))
