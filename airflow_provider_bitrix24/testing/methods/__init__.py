"""The REST methods the portal knows; one module per group."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from . import (
    activities,
    activity_bindings,
    bindings,
    comments,
    crm_items,
    directories,
    disk,
    duplicates,
    imports,
    item_contacts,
    items,
    log_messages,
    messages,
    meta,
    product_rows,
    requisites,
    stages,
    user_fields,
    users,
)
from .registry import Method

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUPS = (
    meta.METHODS,
    bindings.METHODS,
    comments.METHODS,
    log_messages.METHODS,
    activities.METHODS,
    activity_bindings.METHODS,
    crm_items.METHODS,
    items.METHODS,
    imports.METHODS,
    duplicates.METHODS,
    item_contacts.METHODS,
    directories.METHODS,
    product_rows.METHODS,
    requisites.METHODS,
    disk.METHODS,
    stages.METHODS,
    user_fields.METHODS,
    users.METHODS,
    messages.METHODS,
)

# Names are looked up in lower case.
REGISTRY: Mapping[str, Method] = MappingProxyType(
    {method.name.lower(): method for group in _GROUPS for method in group}
)

__all__ = ["REGISTRY", "Method"]
