"""Whether the answer of ``crm.item.add`` or ``crm.item.update`` shows the fields as they were sent."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow_provider_bitrix24.crm.fields.field_names import as_column
from airflow_provider_bitrix24.rest.calls import Call, Outcome

_METHODS = frozenset({"crm.item.add", "crm.item.update"})
#: answers show these otherwise, or not at all
_SHOWN_OTHERWISE = re.compile(r"FM|PHONE|EMAIL|WEB|IM|LINK|CONTACTS|PRODUCT_ROWS?|PRODUCTS")
#: the names in answers of columns that go by other ones, too
_SHOWN_AS = {
    "COMPANY_TYPE": "TYPE_ID",
    "CREATED_BY_ID": "CREATED_BY",
    "DATE_CREATE": "CREATED_TIME",
    "DATE_MODIFY": "UPDATED_TIME",
    "MODIFY_BY_ID": "UPDATED_BY",
    "MOVED_BY_ID": "MOVED_BY",
    "OBSERVER_IDS": "OBSERVERS",
    "STATUS_ID": "STAGE_ID",
}
#: these keep each value once
_SETS = frozenset({"COMPANY_IDS", "CONTACT_IDS", "OBSERVERS"})
_PARENT = re.compile(r"PARENT_ID(\d+)")
#: text that the portal may change: markup, references of a batch
_CHANGED_TEXT = re.compile(r"[<\[]|\$result")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d{1,3})?", re.ASCII)
_EMPTY = (None, "", "0", 0, False)
_FLAGS = {"true": "Y", "1": "Y", "false": "N", "0": "N"}
#: how far a user's clock can be from the server's, and of what its distance is a multiple
_WIDEST, _STEP = timedelta(hours=26), timedelta(minutes=15)


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
    shown = {_column(str(name)): value for name, value in item.items()}
    return [str(name) for name, value in sent.items() if not _is_shown(_column(str(name)), value, shown)]


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


def _column(name: str) -> str:
    return _PARENT.sub(r"PARENT_ID_\1", as_column(name))


def _is_shown(column: str, value: Any, shown: Mapping[str, Any]) -> bool:
    """Tell whether an answer may show a value as it was sent."""
    if _SHOWN_OTHERWISE.fullmatch(column):
        return True
    if column not in shown:
        column = _SHOWN_AS.get(column, column)
    if column in _SETS and isinstance(value, list):
        value = [one for position, one in enumerate(value) if str(one) not in map(str, value[:position])]
    return column in shown and _same(value, shown[column])


def _same(sent: Any, shown: Any) -> bool:
    """Tell whether two values may be the same, as far as that can be told."""
    if isinstance(sent, Mapping) or isinstance(shown, Mapping):
        return True
    if isinstance(sent, list) or isinstance(shown, list):
        return _same_lists(*(value if isinstance(value, list) else [value] for value in (sent, shown)))
    if sent in _EMPTY and (shown in _EMPTY or shown == "N"):
        return True
    if sent not in _EMPTY and shown not in _EMPTY:
        if isinstance(sent, str) and _CHANGED_TEXT.search(html.unescape(sent)):
            return True
        moment = _moment(shown)
        if moment is not None and isinstance(sent, str) and re.search(r"\d", sent):
            return _same_moment(sent, moment)
    return _FLAGS.get(str(sent).lower(), sent) == shown or bool(_forms(sent) & _forms(shown))


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


def _same_moment(sent: str, shown: datetime) -> bool:
    """Compare dates; one without a zone is on a clock not known here, one in another notation may be any."""
    wanted = _moment(sent)
    if wanted is None:
        return True
    same_day = wanted.date() == shown.date()
    if _DAY.fullmatch(sent) or (same_day and (wanted.tzinfo or _is_day(shown))):
        return same_day
    if wanted.tzinfo is None or shown.tzinfo is None:
        apart = abs(wanted.replace(tzinfo=None) - shown.replace(tzinfo=None))
        return apart <= _WIDEST and not apart % _STEP
    try:
        return wanted == shown or wanted.astimezone(shown.tzinfo).date() == shown.date()
    except OverflowError:  # at an end of the calendar
        return True


def _is_day(shown: datetime) -> bool:
    """Tell whether a moment may stand for a day: the server's offset may be its time."""
    time = timedelta(hours=shown.hour, minutes=shown.minute, seconds=shown.second)
    return time in (timedelta(), shown.utcoffset())


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
    text = html.unescape(str(value)).strip().replace("\r\n", "\n")
    amount, _, currency = text.partition("|")
    forms: set[Any] = {text}
    if _NUMBER.fullmatch(amount):
        forms.add((Decimal(amount), currency))
    return forms
