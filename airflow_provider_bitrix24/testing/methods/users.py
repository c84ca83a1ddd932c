"""``user.current`` and ``user.get``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import php
from ..fields import parse_table
from ..item_store import ItemStore
from ..listing import Query
from ..world import Call, Listed
from .registry import Method

if TYPE_CHECKING:
    from ..item_store import Row
    from ..users import User

_FIELDS = parse_table("""
    ID integer -; ACTIVE char Y; NAME string -; LAST_NAME string -; EMAIL string -; USER_TYPE string employee
    IS_ONLINE char Y
""")
_SCOPES = ("user", "user_basic", "user_brief")


def current(call: Call) -> dict[str, Any]:
    """Return the calling user's card."""
    return _shown(call, _row(call.user))


def get(call: Call) -> Listed:
    """List users; conditions may stand in ``FILTER`` or beside it."""
    params = {name.upper(): value for name, value in call.params.items()}
    nested = params.get("FILTER")
    filters = dict(php.pairs(nested)) if php.is_array(nested) else params
    store = ItemStore("user", _FIELDS, typed=True)
    for user in sorted(call.world.users.values(), key=lambda user: user.user_id):
        store.insert(user.user_id, _row(user))
    query = Query(store, call.world.zone, call.now)
    query.filter((name.upper(), _flag(name, value)) for name, value in filters.items())
    if "SORT" in params:
        query.sort([(php.text(params["SORT"]), params.get("ORDER", "ASC"))])
    page = query.page(call.start)
    return Listed([_shown(call, row) for row in page.rows], page.total, page.next)


def _flag(name: str, value: Any) -> Any:
    """Whether users are active may be asked for in many ways."""
    if not name.upper().endswith("ACTIVE"):
        return value
    return "Y" if value in (True, "Y", "y", "true", "1", 1) else "N"


def _row(user: User) -> Row:
    return {
        "ID": str(user.user_id),
        "ACTIVE": "Y" if user.active else "N",
        "NAME": user.name,
        "LAST_NAME": "",
        "EMAIL": f"user{user.user_id}@example.com",
        "USER_TYPE": "employee",
        "IS_ONLINE": "Y",
    }


def _shown(call: Call, row: Row) -> Row:
    """Write a card; the smallest scope shows no addresses."""
    shown = {**row, "ACTIVE": row["ACTIVE"] == "Y"}
    if not {"user", "user_basic"} & set(call.identity.scopes):
        del shown["EMAIL"]
    return shown


METHODS = (Method("user.current", current, _SCOPES), Method("user.get", get, _SCOPES))
