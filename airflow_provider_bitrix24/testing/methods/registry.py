"""How a group of methods is declared.

A module of this package declares its methods in a table ``METHODS``; ``methods/__init__.py`` joins the
tables. A handler gets a :class:`~airflow_provider_bitrix24.testing.world.Call` and returns the result, a
:class:`~airflow_provider_bitrix24.testing.world.Listed`, or raises
:class:`~airflow_provider_bitrix24.testing.errors.RestError`. It runs while the portal's lock is held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..world import Call

Handler = Callable[[Call], Any]
Style = Literal["system", "classic", "controller"]


@dataclass(frozen=True)
class Method:
    """A REST method.

    :param name: as documented
    :param handler: what it does
    :param scopes: any one of these is needed; none: part of the basic scope
    :param style: ``classic`` methods answer errors without a code, ``controller`` methods with one
    :param application_only: whether a webhook is refused
    """

    name: str
    handler: Handler
    scopes: tuple[str, ...] = ()
    style: Style = "system"
    application_only: bool = False

    @property
    def is_classic_crm(self) -> bool:
        """Whether a user without any right to the CRM is refused before parameters are looked at."""
        return self.style == "classic" and "crm" in self.scopes


def classic(name: str, handler: Handler, *scopes: str) -> Method:
    """Declare a classic method, by default of the CRM."""
    return Method(name, handler, scopes or ("crm",), "classic")


def controller(name: str, handler: Handler, *scopes: str) -> Method:
    """Declare a controller method, by default of the CRM."""
    return Method(name, handler, scopes or ("crm",), "controller")
