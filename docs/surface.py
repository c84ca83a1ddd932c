"""What of the package is public: found by looking, so that a new class is in the reference by itself."""

from __future__ import annotations

import importlib.util
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import airflow_provider_bitrix24
from airflow_provider_bitrix24.operators.arguments import NOT_GIVEN

PACKAGE = airflow_provider_bitrix24.__name__
#: folders whose concrete classes are public
FOLDERS = ("operators", "transfers", "sensors", "notifications")
#: modules whose public classes are public, in the order of the reference
MODULES = {
    "changes": ("triggers.changes", ["CrmChangesTrigger"]),
    "hook": ("hooks.bitrix24", ["Bitrix24Hook"]),
    "calls": ("rest.calls", ["Call", "Outcome"]),
    "replies": ("rest.replies", ["Reply"]),
    "errors": ("hooks.errors", None),
    "portal": ("testing", None),
}

#: what Airflow's base class has too, but only here does anything
_OURS = ("get_conn", "test_connection")


def classes(section: str) -> dict[str, type]:
    """Return the public classes of a section of the reference, by the path to import them by.

    :param section: a folder (``operators``, ``sensors``, ...) or a key of ``MODULES``
    """
    if section in FOLDERS:
        return {_path(cls): cls for cls in _concrete(section)}
    name, wanted = MODULES[section]
    module = importlib.import_module(f"{PACKAGE}.{name}")
    names = wanted or getattr(module, "__all__", None) or _own_classes(module)
    return {f"{module.__name__}.{each}": getattr(module, each) for each in names}


def names(section: str) -> list[str]:
    """Return the names of the public classes of a section.

    :param section: as :func:`classes` takes it
    """
    return [cls.__name__ for cls in classes(section).values()]


def methods(cls: type) -> list[str]:
    """Return the public methods and properties of a class and of its bases in this package.

    Those of Airflow's hooks are for Airflow, but for a few that do something here.

    :param cls: the class
    """
    own = [base for base in cls.__mro__ if base.__module__.startswith(PACKAGE)]
    names = dict.fromkeys(name for base in own for name in vars(base) if not name.startswith("_"))
    return [name for name in names if _is_for_users(cls, name, inspect.getattr_static(cls, name))]


def _is_for_users(cls: type, name: str, held: object) -> bool:
    if isinstance(held, property):
        return True
    theirs = any(name in vars(base) for base in cls.__mro__ if not base.__module__.startswith(PACKAGE))
    form = name in ("get_ui_field_behaviour", "get_connection_form_widgets")
    known = callable(getattr(cls, name)) and not isinstance(getattr(cls, name), type)
    return known and not form and (not theirs or name in _OURS)


def signature(cls: type) -> str:
    """Return the arguments that a class takes; ``...`` is the default of one that may be left out.

    :param cls: an operator or a sensor
    """
    found = inspect.signature(cls)
    return str(
        found.replace(
            parameters=[_shown(parameter) for parameter in found.parameters.values()],
            return_annotation=inspect.Signature.empty,
        )
    )


def _shown(parameter: inspect.Parameter) -> inspect.Parameter:
    default = _LeftOut() if parameter.default is NOT_GIVEN else parameter.default
    return parameter.replace(default=default, annotation=inspect.Parameter.empty)


class _LeftOut:
    """The default of an argument that may be left out."""

    def __repr__(self) -> str:
        return "..."


def _concrete(folder: str) -> list[type]:
    """Return the classes of a folder that a DAG can use: those that say what a task does."""
    found: dict[type, None] = {}
    for module in list(_modules(folder)):  # all of them, so that it is known which classes are bases
        for cls in vars(module).values():
            if isinstance(cls, type) and _is_concrete(cls, f"{PACKAGE}.{folder}."):
                found[cls] = None
    return sorted(found, key=_path)


def _is_concrete(cls: type, prefix: str) -> bool:
    if not cls.__module__.startswith(prefix) or cls.__name__.startswith("_") or inspect.isabstract(cls):
        return False
    does = [base for base in cls.__mro__ if {"execute", "poke", "notify"} & set(vars(base))]
    is_base = any(other.__module__.startswith(PACKAGE) for other in cls.__subclasses__())
    return bool(does) and does[0].__module__.startswith(PACKAGE) and not is_base


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__name__}"


def _modules(folder: str) -> Iterator[ModuleType]:
    name = f"{PACKAGE}.{folder}"
    if importlib.util.find_spec(name) is None:  # a folder appears when it has something in it
        return
    for info in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
        yield importlib.import_module(info.name)


def _own_classes(module: ModuleType) -> list[str]:
    return [
        name
        for name, cls in vars(module).items()
        if isinstance(cls, type) and cls.__module__ == module.__name__ and not name.startswith("_")
    ]
