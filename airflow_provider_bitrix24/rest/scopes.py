"""Which scope a method needs, as far as its name tells."""

from __future__ import annotations

#: by the first part of a method's name, where the scope is called otherwise
_OTHERWISE = {
    "tasks": "task",
    "voximplant": "telephony",
    "socialnetwork": "sonet_group",
}
#: scopes that are called as the first part of their methods' names
_ALIKE = frozenset({
    *("bizproc", "calendar", "catalog", "crm", "department", "disk", "documentgenerator", "entity", "im"),
    *("imbot", "imconnector", "imopenlines", "landing", "lists", "log", "mailservice", "messageservice"),
    *("mobile", "placement", "pull", "rpa", "sale", "sign", "sonet_group", "task", "telephony", "timeman"),
    *("user", "userconsent", "userfieldconfig", "vote"),
})  # fmt: skip


def scope_of(method: str) -> str:
    """Return the scope that a method needs, ``""`` where its name does not tell.

    :param method: the API method, such as ``crm.deal.get``
    """
    first = method.lower().partition(".")[0]
    return first if first in _ALIKE else _OTHERWISE.get(first, "")
