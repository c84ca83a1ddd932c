"""Methods about the portal and the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import dates, php
from ..errors import RestError
from .registry import Method

if TYPE_CHECKING:
    from ..world import Call


def profile(call: Call) -> dict[str, Any]:
    """Return who calls."""
    user = call.user
    if not user.active:
        return {}
    return {
        "ID": str(user.user_id),
        "ADMIN": user.admin,
        "NAME": user.name,
        "LAST_NAME": "",
        "PERSONAL_GENDER": "",
        "TIME_ZONE": user.time_zone,
    }


def server_time(call: Call) -> str:
    """Return the portal's time."""
    return dates.stamp(call.now, call.world.zone)


def scope(call: Call) -> list[str]:
    """Return the scopes granted to the caller, or all there are."""
    if php.truthy(call.params.get("full")):
        return sorted({name for method in _registry().values() for name in method.scopes})
    return list(call.identity.scopes)


def methods(call: Call) -> list[str]:
    """Return the names of methods; controller methods are absent, as on real portals."""
    wanted, full = call.params.get("scope"), php.truthy(call.params.get("full"))
    return [
        method.name
        for method in _registry().values()
        if method.style != "controller"
        and (wanted is None or php.text(wanted) in method.scopes)
        and (full or not method.scopes or set(method.scopes) & set(call.identity.scopes))
    ]


def method_get(call: Call) -> dict[str, bool]:
    """Tell whether a method exists and whether the caller may use it."""
    name = call.params.get("name")
    if name is None:
        raise RestError("ERROR_ARGUMENT", "The argument 'name' is not specified", argument="name")
    found = _registry().get(php.text(name).lower())
    return {
        "isExisting": found is not None,
        "isAvailable": found is not None
        and (not found.scopes or bool(set(found.scopes) & set(call.identity.scopes))),
    }


def app_info(call: Call) -> dict[str, Any]:
    """Return the application's card, for webhooks only scopes and licence."""
    licence = _licence(call)
    scopes = list(call.identity.scopes)
    if call.identity.via == "webhook":
        return {"SCOPE": scopes, "LICENSE": licence}
    return {
        "ID": "1",
        "CODE": call.world.oauth.client_id,
        "VERSION": 1,
        "STATUS": "L",
        "INSTALLED": call.world.oauth.installed,
        "PAYMENT_EXPIRED": "N",
        "DAYS": None,
        "LANGUAGE_ID": "en",
        "SCOPE": scopes,
        "LICENSE": licence,
        "LICENSE_TYPE": licence.removeprefix("en_"),
        "LICENSE_FAMILY": "ent" if call.world.limits.plan == "enterprise" else licence.removeprefix("en_"),
    }


def _licence(call: Call) -> str:
    if call.world.self_hosted:
        return "en_selfhosted"
    return "en_ent250" if call.world.limits.plan == "enterprise" else "en_std"


def feature_get(call: Call) -> dict[str, str]:
    """Tell whether a feature is part of the plan."""
    code = next((value for key, value in call.params.items() if key.upper() == "CODE"), None)
    if not php.truthy(code):
        raise RestError("CODE_EMPTY", "CODE can't be empty")
    return {"value": "en_selfhosted" if call.world.self_hosted else "Y"}


def _unreachable(call: Call) -> None:
    """``batch``, ``upload`` and ``download`` are carried out before a method is looked for."""
    raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!")


def _registry() -> Any:
    from . import REGISTRY  # the table is complete only when all groups are loaded

    return REGISTRY


METHODS = (
    Method("batch", _unreachable),
    Method("download", _unreachable),
    Method("upload", _unreachable),
    Method("profile", profile),
    Method("server.time", server_time),
    Method("scope", scope),
    Method("methods", methods),
    Method("method.get", method_get),
    Method("app.info", app_info),
    Method("feature.get", feature_get),
)
