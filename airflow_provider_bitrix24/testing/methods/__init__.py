"""The REST methods the portal knows; one module per group."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from . import bindings, comments, crm_items, meta
from .registry import Method

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUPS = (meta.METHODS, bindings.METHODS, comments.METHODS, crm_items.METHODS)

# Names are looked up in lower case.
REGISTRY: Mapping[str, Method] = MappingProxyType(
    {method.name.lower(): method for group in _GROUPS for method in group}
)

__all__ = ["REGISTRY", "Method"]
