"""Runs in the environment that ``make dist`` installs a wheel into: tells what is there, as JSON.

``python -I`` runs it, so neither the working folder nor its own is on the path.
"""

from __future__ import annotations

import importlib
import json
import logging
import pkgutil
import sys
import traceback
import warnings
from collections.abc import Iterable
from importlib.metadata import distribution, version

PACKAGE = "airflow_provider_bitrix24"


def main() -> None:
    """Print what was found, as the last line."""
    warnings.simplefilter("ignore")  # Airflow's own, of what it has moved
    logging.disable(logging.CRITICAL)
    package = importlib.import_module(PACKAGE)
    there = distribution(package.get_provider_info()["package-name"])
    modules, failed = imported(package.__path__)
    found = {
        "airflow": version("apache-airflow"),
        "version": there.version,
        "folder": str(there.locate_file("")),
        "imported_from": package.__file__,
        "path": sys.path,
        "top_level": sorted({file.parts[0] for file in there.files or () if file.parts[0] != ".."}),
        "extras": there.metadata.get_all("Provides-Extra", []),
        "modules": modules,
        "failed": failed,
        "info": package.get_provider_info(),
        "held": held(),
    }
    print("\n" + json.dumps(found))


def imported(path: Iterable[str]) -> tuple[int, dict[str, str]]:
    """Import every module, and return how many there are, and why some failed.

    :param path: the package's folder
    """
    names = [info.name for info in pkgutil.walk_packages(path, f"{PACKAGE}.")]
    failed = {}
    for name in names:
        if name.endswith(".__main__"):
            continue
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever it is, it is told
            failed[name] = traceback.format_exception_only(error)[-1].strip()
    return len(names), failed


def held() -> dict[str, list[str]]:
    """Return what of this package Airflow has taken up: dotted paths of classes, functions, modules."""
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    hooks = [info.hook_class_name for info in manager.hooks.values() if info]
    everything: dict[str, Iterable[str]] = {
        "connection types": [name for name in hooks if name],  # some of Airflow's own have no class
        "extra links": list(manager.extra_links_class_names),
        "notifications": [str(name) for name in manager.notification],
        "triggers": [info.trigger_class_name for info in manager.trigger],
        "asset URIs": [
            f"{handler.__module__}.{handler.__name__}" for handler in manager.asset_uri_handlers.values()
        ],
    }
    return {
        kind: [name for name in names if name.startswith(f"{PACKAGE}.")] for kind, names in everything.items()
    }


if __name__ == "__main__":
    main()
