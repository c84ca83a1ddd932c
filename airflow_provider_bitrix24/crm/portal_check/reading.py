"""What this package relies on in a portal, asked of the portal itself, reading only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_bitrix24.crm.portal_check.findings import Finding, error_in_words, found
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import AccessDeniedError, MethodNotFoundError, NotFoundError
from airflow_provider_bitrix24.rest.list_query import PAGE_SIZE
from airflow_provider_bitrix24.rest.plans import Plan, Work

_TYPES = {"lead": 1, "deal": 2, "contact": 3, "company": 4}
_METHODS = (
    *(f"crm.timeline.bindings.{name}" for name in ("bind", "unbind", "list")),
    *(f"crm.timeline.comment.{name}" for name in ("add", "get", "list", "update", "delete")),
    *(f"crm.timeline.logmessage.{name}" for name in ("add", "list")),
    *(f"crm.activity.binding.{name}" for name in ("add", "list", "delete")),
    *(f"crm.item.{name}" for name in ("add", "update", "get", "list", "fields")),
    *(f"crm.{kind}.{name}" for kind in _TYPES for name in ("list", "fields")),
    *("crm.activity.list", "crm.status.list", "profile", "scope"),
)
_FUTURE = ("2100-01-01T00:00:00+00:00", "2100-01-01 00:00:00")
_PAST = "2000-01-01T00:00:00+00:00"
_SAME_ZONE = (
    "Use the webhook of a user in the server's time zone, or set the bound earlier by the difference."
)
#: an id and names that no portal has
_NO_ID, _NO_METHOD, _NO_FIELD = 2_147_483_647, "crm.nonsense.list", "NONSENSE_FIELD"


@dataclass(frozen=True)
class _Rows:
    """A type of items that has rows to try filters on.

    :param kind: its name
    :param total: how many rows there are
    :param row: the first of them, as ``crm.item.list`` shows it
    """

    kind: str
    total: int
    row: Mapping[str, Any]


def check_portal() -> Plan[list[Finding]]:
    """Ask a portal what this package relies on, reading only.

    :raises Bitrix24Error: the portal does not say who calls, so nothing can be asked
    """
    findings = yield from _check_caller()
    findings += yield from _check_methods()
    lists = yield from _read_lists()
    findings += [_reading(lists), _refusal(lists), _operating(lists), *_pages(lists)]
    findings += yield from _check_errors()
    rows = _rows(lists)
    if rows is None:
        findings.append(found("filters", "they work", "no rows to try them on", ok=None, means=_NO_ROWS))
    else:
        findings += yield from _check_filters(rows)
    return findings


_NO_ROWS = (
    "Run the check again as a user who may read leads, deals, contacts or companies, and with some there."
)


# --- who calls ---------------------------------------------------------------------------------------


def _check_caller() -> Plan[list[Finding]]:
    profile, scope, clock = yield Work([Call("profile"), Call("scope"), Call("server.time")])
    who = profile.unwrap()
    name = who.get("TIME_ZONE") if isinstance(who, Mapping) else None
    return [_scope(scope), _zone(name, clock.result)]


def _scope(scope: Outcome) -> Finding:
    """Tell a scope that was not granted from one of which the portal says nothing."""
    check, expected = "scope", "crm is granted"
    if scope.error is not None:
        what = f"the portal does not tell ({error_in_words(scope.error)})"
        means = "Whether the CRM can be used is told by the check 'reading the CRM'."
        return found(check, expected, what, ok=None, means=means)
    granted = "crm" in scope.result
    return found(
        check,
        expected,
        "crm is granted" if granted else "crm is not granted",
        ok=granted,
        means="Every call of the CRM will be refused. Grant the webhook or application the scope crm.",
    )


def _zone(name: Any, clock: Any) -> Finding:
    """Compare the zone of the user with the server's."""
    check, expected = "time zone", "the user has the server's"
    server = _moment(clock)
    if server is None or server.utcoffset() is None:
        return found(check, expected, "the portal does not tell its time", ok=None)
    if not name:
        means = f"Extractions read changes from 26 hours earlier, to be sure. {_SAME_ZONE}"
        return found(check, expected, "the user has none of their own", ok=None, means=means)
    try:
        zone = ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        return found(check, expected, "the user's is not known here", ok=None)
    shift = (server.astimezone(zone).utcoffset() or timedelta()) - (server.utcoffset() or timedelta())
    hours = shift.total_seconds() / 3600
    return found(
        check,
        expected,
        "the user has the server's" if not shift else f"the user's clock is {hours:+g} h from the server's",
        ok=not shift,
        means=(
            f"crm.item.list may read the bound of a date filter {abs(hours):g} h too "
            f"{'early, and return too many rows' if hours > 0 else 'late, and miss rows'}. {_SAME_ZONE}"
        ),
    )


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


# --- methods and errors ------------------------------------------------------------------------------


def _check_methods() -> Plan[list[Finding]]:
    outcomes = yield Work([Call("method.get", {"name": name}) for name in _METHODS])
    told = {name: outcome.result for name, outcome in zip(_METHODS, outcomes, strict=True)}
    missing = [
        name
        for name, result in told.items()
        if isinstance(result, Mapping) and not (result.get("isExisting") and result.get("isAvailable"))
    ]
    unknown = sum(not isinstance(result, Mapping) for result in told.values())
    what = f"not there: {', '.join(missing)}" if missing else f"all {len(_METHODS)} are there"
    if unknown:
        what = f"the portal does not tell of {unknown} of {len(_METHODS)}"
    return [
        found(
            "methods",
            "all that the provider calls",
            what,
            ok=None if unknown and not missing else not missing,
            means="Operators that need these methods will fail. The module or the scope may be missing.",
        )
    ]


def _check_errors() -> Plan[list[Finding]]:
    calls = [Call("crm.item.get", {"entityTypeId": 2, "id": _NO_ID}), Call(_NO_METHOD)]
    item, method = yield Work(calls)
    return [
        found(
            "an item that does not exist",
            "NotFoundError, or AccessDeniedError",
            error_in_words(item.error),
            ok=isinstance(item.error, (NotFoundError, AccessDeniedError)),
            means="The provider cannot tell that an item does not exist.",
        ),
        found(
            "a method that does not exist",
            "MethodNotFoundError",
            error_in_words(method.error),
            ok=isinstance(method.error, MethodNotFoundError),
            means="A misspelt method may be tried again in vain.",
        ),
    ]


# --- lists -------------------------------------------------------------------------------------------

#: the first page of each type, by its method and its number
_Lists = dict[str, tuple[Outcome, Outcome]]


def _read_lists() -> Plan[_Lists]:
    calls = [call for kind in _TYPES for call in (_classic(kind, {}), _item(kind, {}))]
    outcomes = yield Work(calls)
    return dict(zip(_TYPES, zip(outcomes[::2], outcomes[1::2], strict=True), strict=True))


def _classic(kind: str, conditions: Mapping[str, Any]) -> Call:
    params = {"filter": dict(conditions), "select": ["ID", "DATE_MODIFY"], "order": {"ID": "ASC"}, "start": 0}
    return Call(f"crm.{kind}.list", params)


def _item(kind: str, conditions: Mapping[str, Any]) -> Call:
    params = {"filter": dict(conditions), "select": ["id", "updatedTime"], "order": {"id": "ASC"}, "start": 0}
    return Call("crm.item.list", {"entityTypeId": _TYPES[kind], **params})


def _reading(lists: _Lists) -> Finding:
    refused = [kind for kind, (classic, _) in lists.items() if classic.error is not None]
    errors = dict.fromkeys(error_in_words(lists[kind][0].error) for kind in refused)
    return found(
        "reading the CRM",
        "leads, deals, contacts and companies can be read",
        f"cannot be read: {', '.join(refused)} ({', '.join(errors)})" if refused else "they can be read",
        ok=not refused,
        means="The user has no right to read them. Give the user the right, or use another user's webhook.",
    )


def _refusal(lists: _Lists) -> Finding:
    errors = [outcome.error for pair in lists.values() for outcome in pair if outcome.error is not None]
    return found(
        "a refused right",
        "AccessDeniedError",
        ", ".join(dict.fromkeys(map(error_in_words, errors))) or "nothing was refused to this user",
        ok=all(isinstance(error, AccessDeniedError) for error in errors) if errors else None,
        means=(
            "A task without rights may be tried again in vain."
            if errors
            else "To find out, run the check as a user who may not read the CRM."
        ),
    )


def _operating(lists: _Lists) -> Finding:
    replies = [outcome.reply for pair in lists.values() for outcome in pair if outcome.reply is not None]
    told = any(reply.timing.operating is not None for reply in replies)
    return found(
        "operating time",
        "answers tell how much is used",
        "they do" if told else "they do not",
        ok=told or None,
        means=(
            "A self-hosted portal may count nothing. In the cloud, the provider cannot slow down before the "
            "portal blocks a method; it waits afterwards."
        ),
    )


def _pages(lists: _Lists) -> list[Finding]:
    return [
        _paging(name, [(pair[place], key) for pair in lists.values()])
        for place, (name, key) in enumerate((("classic lists", ""), ("crm.item.list", "items")))
    ]


def _paging(name: str, pages: Sequence[tuple[Outcome, str]]) -> Finding:
    """Judge the first page of each list: its size, the total, where the next one starts."""
    told = [(_rows_of(outcome, key), outcome.reply) for outcome, key in pages if outcome.reply is not None]
    wrong = [
        f"{len(rows)} rows of {reply.total}, next {reply.next}"
        for rows, reply in told
        if reply.total is None
        or len(rows) != min(PAGE_SIZE, reply.total)
        or reply.next != (PAGE_SIZE if reply.total > PAGE_SIZE else None)
    ]
    longest = max((reply.total or 0 for _, reply in told), default=0)
    return found(
        f"pages of {name}",
        f"{PAGE_SIZE} rows, the total, and where the next page starts",
        wrong[0] if wrong else "as expected" if longest > PAGE_SIZE else f"as expected, up to {longest} rows",
        ok=not wrong if told else None,
        means="The provider may report lists as incomplete, or not notice that they are.",
    )


def _rows_of(outcome: Outcome, key: str) -> list[Any]:
    result = outcome.result
    rows = result.get(key) if key and isinstance(result, Mapping) else result
    return rows if isinstance(rows, list) else []


def _rows(lists: _Lists) -> _Rows | None:
    """Return the first type of which both lists have rows."""
    for kind, (classic, item) in lists.items():
        rows = _rows_of(item, "items")
        total = item.reply.total if item.reply is not None else None
        if rows and total and _rows_of(classic, "") and isinstance(rows[0], Mapping):
            return _Rows(kind, total, rows[0])
    return None


# --- filters -----------------------------------------------------------------------------------------


def _check_filters(rows: _Rows) -> Plan[list[Finding]]:
    kind = rows.kind
    findings = []
    for name, call_of, field in (
        (f"crm.{kind}.list", _classic, "DATE_MODIFY"),
        ("crm.item.list", _item, "updatedTime"),
    ):
        conditions = [{f">{field}": bound} for bound in _FUTURE] + [{f">{field}": _PAST}]
        *future, past = yield Work([call_of(kind, condition) for condition in conditions])
        findings.append(_dates(name, future, past))
    findings.append((yield from _check_bound(rows, works=findings[-1].verdict == "ok")))
    classic, item = yield Work([_classic(kind, {_NO_FIELD: 1}), _item(kind, {_NO_FIELD: 1})])
    findings.append(
        found(
            f"a misspelt filter of crm.{kind}.list",
            "it is ignored, or an error",
            _rows_in_words(classic, rows.total),
            ok=classic.error is not None or _total(classic) > 0,
            means="A filter by a misspelt name returns nothing.",
        )
    )
    findings.append(
        found(
            "a misspelt filter of crm.item.list",
            "an error",
            _rows_in_words(item, rows.total),
            ok=item.error is not None,
            means="It is ignored, and every row comes. Leave check_fields on: it refuses misspelt names.",
        )
    )
    return findings


def _rows_in_words(outcome: Outcome, total: int) -> str:
    """Say how many rows came, without the number."""
    if outcome.error is not None:
        return error_in_words(outcome.error)
    return "every row" if _total(outcome) >= total else "some rows" if _total(outcome) else "no row"


def _total(outcome: Outcome) -> int:
    return (outcome.reply.total or 0) if outcome.reply is not None else 0


def _dates(name: str, future: Sequence[Outcome], past: Outcome) -> Finding:
    failed = next((outcome for outcome in (*future, past) if outcome.error is not None), None)
    ignored = [bound for bound, outcome in zip(_FUTURE, future, strict=True) if _total(outcome)]
    what = "it works"
    if failed is not None:
        what = error_in_words(failed.error)
    elif ignored:
        what = f"every row comes, though none changed after {' and '.join(ignored)}"
    elif not _total(past):
        what = "no row comes, though all changed after 2000"
    return found(
        f"date filter of {name}",
        "no row that changed after 2100, all that changed after 2000",
        what,
        ok=failed is None and not ignored and _total(past) > 0,
        means=(
            "A load of what changed would read everything, or nothing. Read all rows, and compare their "
            "dates yourself."
        ),
    )


def _check_bound(rows: _Rows, *, works: bool) -> Plan[Finding]:
    """Ask for one row by the moment of its last change: ``>=`` has to find it, ``>`` not."""
    check, expected = "bound of a date filter", "the moment that is given"
    moment = rows.row.get("updatedTime")
    if not works or _moment(moment) is None:
        return found(check, expected, "it cannot be tried", ok=None)
    one = {"=id": rows.row.get("id")}
    outcomes = yield Work([_item(rows.kind, {**one, f"{sign}updatedTime": moment}) for sign in (">=", ">")])
    reached, passed = (_total(outcome) for outcome in outcomes)
    if any(outcome.error is not None for outcome in outcomes):
        return found(check, expected, error_in_words(outcomes[0].error or outcomes[1].error), ok=None)
    what = "the moment that is given"
    if not reached:
        what = "a later one: '>=' does not find a row by its own date"
    elif passed:
        what = "an earlier one: '>' finds a row by its own date"
    return found(
        check,
        expected,
        what,
        ok=bool(reached) and not passed,
        means=(
            "crm.item.list reads the bound on another clock than it shows dates on, so a load of what "
            f"changed {'returns too many rows' if reached else 'misses rows'}. {_SAME_ZONE}"
        ),
    )
