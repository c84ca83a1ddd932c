"""What of the package is public: found by looking, so that a new class is in the reference by itself."""

from __future__ import annotations

import importlib.util
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import airflow_provider_bitrix24
from airflow_provider_bitrix24 import get_provider_info
from airflow_provider_bitrix24.operators.base import UNSET

PACKAGE = airflow_provider_bitrix24.__name__
#: folders whose concrete classes are public, with the key of the provider's info that names their modules
FOLDERS = {"operators": "operators", "sensors": "sensors", "notifications": "notifications"}
#: modules whose public classes are public, in the order of the reference
MODULES = {
    "hook": ("hooks.bitrix24", ["Bitrix24Hook"]),
    "calls": ("rest.calls", ["Call", "Outcome"]),
    "replies": ("rest.replies", ["Reply"]),
    "errors": ("hooks.errors", None),
    "portal": ("testing", None),
}

#: values that no user of the hook has at hand
_CORE = ("Progress", "BulkResult", "CrmItem", "Plan")
#: what Airflow's base class has too, but only here does anything
_OURS = ("get_conn", "test_connection")


def classes(section: str) -> dict[str, type]:
    """Return the public classes of a section of the reference, by the path to import them by.

    :param section: a folder (``operators``, ``sensors``, ...) or a key of ``MODULES``
    """
    if section in FOLDERS:
        return {_home(cls, section): cls for cls in _concrete(section)}
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

    Methods that take or return values of the core are for operators, those of Airflow's hooks for Airflow.

    :param cls: the class
    """
    own = [base for base in cls.__mro__ if base.__module__.startswith(PACKAGE)]
    names = dict.fromkeys(name for base in own for name in vars(base) if not name.startswith("_"))
    held = {name: inspect.getattr_static(cls, name) for name in names}
    return [name for name, value in held.items() if _is_for_users(cls, name, value)]


def _is_for_users(cls: type, name: str, held: object) -> bool:
    if isinstance(held, property):
        return True
    theirs = any(name in vars(base) for base in cls.__mro__ if not base.__module__.startswith(PACKAGE))
    form = name in ("get_ui_field_behaviour", "get_connection_form_widgets")
    known = callable(getattr(cls, name)) and not isinstance(getattr(cls, name), type)
    return known and not form and (not theirs or name in _OURS) and not _of_the_core(cls, name)


def _of_the_core(cls: type, name: str) -> bool:
    notes = inspect.get_annotations(inspect.unwrap(getattr(cls, name))).values()
    return any(word in str(note) for note in notes for word in _CORE)


def signature(cls: type) -> str:
    """Return the keyword arguments that a class takes, those of its bases in this package among them.

    :param cls: an operator or a sensor, whose own signature ends in ``**kwargs``
    """
    found: dict[str, str] = {}
    for base in cls.__mro__:
        if not base.__module__.startswith(PACKAGE) or "__init__" not in vars(base):
            continue
        for parameter in inspect.signature(inspect.unwrap(vars(base)["__init__"])).parameters.values():
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                found.setdefault(parameter.name, _shown(parameter))
    return f"(*, {', '.join(found.values())}, **kwargs)"


def _shown(parameter: inspect.Parameter) -> str:
    name = "params" if parameter.name == "parameters" else parameter.name  # as a DAG file passes it
    if parameter.default is inspect.Parameter.empty or parameter.default is UNSET:
        return name
    return f"{name}={parameter.default!r}"


def _concrete(folder: str) -> list[type]:
    """Return the classes of a folder that a DAG can use: those that say what a task does."""
    found: dict[type, None] = {}
    for module in _modules(folder):
        for cls in vars(module).values():
            if isinstance(cls, type) and _is_concrete(cls, f"{PACKAGE}.{folder}."):
                found[cls] = None
    return sorted(found, key=lambda cls: _home(cls, folder))


def _is_concrete(cls: type, prefix: str) -> bool:
    if not cls.__module__.startswith(prefix) or cls.__name__.startswith("_") or inspect.isabstract(cls):
        return False
    does = [base for base in cls.__mro__ if {"execute", "poke", "notify"} & set(vars(base))]
    return bool(does) and does[0].__module__.startswith(PACKAGE)


def _home(cls: type, folder: str) -> str:
    """Return the path to import a class by, if possible through a module of the provider's info."""
    for group in get_provider_info().get(FOLDERS[folder], ()):
        for name in group["python-modules"]:
            if getattr(importlib.import_module(name), cls.__name__, None) is cls:
                return f"{name}.{cls.__name__}"
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
