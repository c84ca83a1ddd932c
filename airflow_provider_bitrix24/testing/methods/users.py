"""``user.get``, ``user.current``, ``user.fields`` and ``department.get``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import php
from ..dates import stamp
from ..item_store import ItemStore
from ..listing import Query, cut
from ..user_cards import EMPTY_DATES, FIELDS, LABELS, shown_by
from ..world import Call, Listed
from .registry import Method

if TYPE_CHECKING:
    from ..item_store import Row
    from ..users import User

_SCOPES = ("user", "user_basic", "user_brief")
# Never listed, even when asked for.
_HIDDEN_TYPES = ("bot", "email", "imconnector", "replica")


# ---------------------------------------------------------------- users


def current(call: Call) -> dict[str, Any]:
    """Return the calling user's card."""
    return _shown(_row(call, call.user), shown_by(call.identity.scopes))


def get(call: Call) -> Listed:
    """List users, dismissed ones included; conditions may stand in ``FILTER`` or beside it."""
    params = {name.upper(): value for name, value in call.params.items()}
    nested = params.get("FILTER")
    filters = dict(php.pairs(nested)) if php.is_array(nested) else params
    query = Query(_users(call), call.world.zone, call.now)
    for key, value in filters.items():
        if key.upper().lstrip("=@") == "UF_DEPARTMENT":
            _in_departments(query, value)
        else:
            query.filter([(key.upper(), _flag(key, value))])
    if "SORT" in params:
        query.sort([(php.text(params["SORT"]).upper(), params.get("ORDER", "ASC"))])
    names = _selection(call, params.get("SELECT"))
    page = query.page(call.start)
    return Listed([_shown(row, names) for row in page.rows], page.total, page.next)


def fields(call: Call) -> dict[str, str]:
    """Return what the fields are called."""
    return {name: LABELS[name] for name in shown_by(call.identity.scopes)}


def _users(call: Call) -> ItemStore:
    store = ItemStore("user", FIELDS, typed=True)
    for user in sorted(call.world.users.values(), key=lambda user: user.user_id):
        if user.card.get("USER_TYPE") not in _HIDDEN_TYPES:
            store.insert(user.user_id, _row(call, user))
    return store


def _in_departments(query: Query, wanted: Any) -> None:
    numbers = set(map(php.int_cast, php.values(wanted)))
    query.conditions.append(lambda row: not numbers.isdisjoint(row["UF_DEPARTMENT"]))


def _flag(key: str, value: Any) -> Any:
    """Whether users are active may be asked for in many ways."""
    if not key.upper().endswith("ACTIVE"):
        return value
    return "Y" if value in (True, "Y", "y", "true", "1", 1) else "N"


def _selection(call: Call, select: Any) -> list[str]:
    """Return the fields to show; unknown names are dropped, and nothing known is everything."""
    names = shown_by(call.identity.scopes)
    wanted = {php.text(name) for name in php.values(select)} if php.is_array(select) else set()
    return [name for name in names if name in wanted] or names


def _row(call: Call, user: User) -> Row:
    """Return a card as it is stored: what nobody filled in is empty text, or null in fields ``UF_``."""
    registered = stamp(call.world.opened, call.world.zone)
    return {
        **{name: None if name.startswith("UF_") else "" for name in FIELDS},
        **dict.fromkeys(EMPTY_DATES),
        "EMAIL": f"user{user.user_id}@example.com",
        "DATE_REGISTER": registered,
        "LAST_LOGIN": registered,
        "IS_ONLINE": "Y" if user.active else "N",
        "USER_TYPE": "employee",
        "UF_DEPARTMENT": [1],
        **user.card,
        "ID": str(user.user_id),
        "ACTIVE": "Y" if user.active else "N",
        "NAME": user.name,
        "TIME_ZONE": user.time_zone,
    }


def _shown(row: Row, names: list[str]) -> Row:
    """Write a card: text, but for one boolean, the departments, and dates that come as empty objects."""
    shown = {name: row[name] for name in names}
    for name in EMPTY_DATES:
        if name in shown and not shown[name]:
            shown[name] = php.Object()
    if "ACTIVE" in shown:
        shown["ACTIVE"] = row["ACTIVE"] == "Y"
    return shown


# ---------------------------------------------------------------- departments


def get_departments(call: Call) -> Listed:
    """List departments, by default as the tree has them.

    Conditions are spelt in capitals: ``SORT`` is one, ``sort`` is the order. In ``FILTER`` they replace
    those beside it, and the order as well.
    """
    nested = call.params.get("FILTER")
    params = dict(php.pairs(nested)) if php.is_array(nested) else call.params
    store = call.world.departments.store
    query = Query(store, call.world.zone, call.now)
    query.filter((name, _numbers(name, params[name])) for name in store.fields if name in params)
    order = next((value for name, value in params.items() if name.upper() == "SORT"), None)
    wanted = php.text(order).upper()
    if isinstance(order, str) and wanted in store.fields:
        page = query.sort([(wanted, params.get("order", params.get("ORDER", "ASC")))]).page(call.start)
    else:
        page = cut(call.world.departments.in_order(query.everything()), call.start, overrun_first=True)
    return Listed([_department(row) for row in page.rows], page.total, page.next)


def _numbers(name: str, value: Any) -> Any:
    if name == "NAME":
        return value
    return [php.int_cast(item) for item in php.values(value)]


def _department(row: Row) -> Row:
    """Write a department: the top one has no ``PARENT``, and one without a head no ``UF_HEAD``."""
    shown = {name: value for name, value in row.items() if value is not None}
    return {**shown, "SORT": php.int_cast(row["SORT"])}


METHODS = (
    Method("user.current", current, _SCOPES),
    Method("user.get", get, _SCOPES),
    Method("user.search", get, _SCOPES),
    Method("user.fields", fields, _SCOPES),
    Method("department.get", get_departments, ("department",)),
)
