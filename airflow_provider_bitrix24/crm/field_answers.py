"""Whether the answer of ``crm.item.add`` or ``crm.item.update`` shows the fields as they were sent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_bitrix24.crm.field_names import as_column
from airflow_provider_bitrix24.rest.calls import Call, Outcome

_METHODS = frozenset({"crm.item.add", "crm.item.update"})
#: answers show these otherwise, or not at all
_SHOWN_OTHERWISE = re.compile(r"FM|PHONE|EMAIL|WEB|IM|LINK|CONTACTS|PRODUCT_ROWS?|PRODUCTS")
#: text that the portal may change: markup, references of a batch
_CHANGED_TEXT = re.compile(r"[<\[&]|\$result")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d{1,3})?", re.ASCII)
_EMPTY = (None, "", "0", 0, False)


def not_as_sent(call: Call, result: Any) -> list[str]:
    """Return the names of fields that an answer does not show as they were sent; none where it cannot tell.

    :param call: the call
    :param result: what it returned
    """
    if call.method.lower() not in _METHODS or not isinstance(result, Mapping):
        return []
    item, sent = result.get("item"), call.params.get("fields")
    if not isinstance(item, Mapping) or not item or not isinstance(sent, Mapping):
        return []
    shown = {as_column(str(name)): value for name, value in item.items()}
    return [
        str(name)
        for name, value in sent.items()
        if not _SHOWN_OTHERWISE.fullmatch(column := as_column(str(name)))
        and (column not in shown or not _same(value, shown[column]))
    ]


def lines_on_answers(outcomes: Iterable[Outcome]) -> list[str]:
    """Return a sentence for each set of fields that answers do not show as they were sent.

    :param outcomes: of calls
    """
    found = Counter(
        (outcome.call.method, tuple(names))
        for outcome in outcomes
        if outcome.error is None and (names := not_as_sent(outcome.call, outcome.result))
    )
    return [
        f"{method}{f' ({count} calls)' if count > 1 else ''}: the answer does not show these fields as sent: "
        f"{', '.join(names)}. Bitrix24 ignores some names and values without an error."
        for (method, names), count in found.items()
    ]


def _same(sent: Any, shown: Any) -> bool:
    """Tell whether two values may be the same, as far as that can be told."""
    if isinstance(sent, Mapping) or isinstance(shown, Mapping):
        return True
    if isinstance(sent, list) or isinstance(shown, list):
        return _same_lists(*(value if isinstance(value, list) else [value] for value in (sent, shown)))
    if sent in _EMPTY or shown in _EMPTY:
        return (sent in _EMPTY and shown in _EMPTY) or bool(_forms(sent) & _forms(shown))
    if isinstance(sent, str) and _CHANGED_TEXT.search(sent):
        return True
    moment = _moment(shown)
    if moment is not None and isinstance(sent, str) and re.search(r"\d", sent):
        return _same_moment(sent, shown, moment)
    return bool(_forms(sent) & _forms(shown))


def _same_lists(sent: list[Any], shown: list[Any]) -> bool:
    if any(isinstance(value, (Mapping, list)) for value in [*sent, *shown]):
        return True  # files, links
    left = [value for value in shown if value not in _EMPTY]
    for value in sent:
        if value in _EMPTY:
            continue
        found = next((other for other in left if _same(value, other)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def _same_moment(sent: str, shown: str, moment: datetime) -> bool:
    """Compare dates; one without a zone is in the portal's, and one in another notation may be any."""
    wanted = _moment(sent)
    if wanted is None:
        return True
    if _DAY.fullmatch(sent):
        return shown[:10] == sent
    if wanted.tzinfo is None or moment.tzinfo is None:
        return wanted.replace(tzinfo=None) == moment.replace(tzinfo=None)
    return wanted.astimezone(UTC) == moment.astimezone(UTC) or shown[:10] == sent[:10]


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str) or not _DAY.match(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _forms(value: Any) -> set[Any]:
    """Return the forms in which a value may be shown."""
    if isinstance(value, bool):
        return {"Y", "1"} if value else {"N", "0"}
    text = str(value).strip().replace("\r\n", "\n")
    amount, bar, currency = text.partition("|")
    forms: set[Any] = {text} | {{"true": "Y", "false": "N"}.get(text.lower(), text)}
    if _NUMBER.fullmatch(amount):
        forms.add((Decimal(amount), bar, currency))
    return forms
