"""What Airflow's lineage is told: by hooks and files its collector, by operators OpenLineage."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from airflow.providers.common.compat import sdk as compat


def home() -> Any:
    """Return the module of Airflow's collector."""
    try:
        return importlib.import_module("airflow.sdk.lineage")
    except ImportError:  # Airflow 3.1
        return importlib.import_module("airflow.lineage.hook")


def replace_collector(monkeypatch: pytest.MonkeyPatch, get: Any) -> None:
    """Let Airflow hand out another collector."""
    for module in (home(), compat):
        monkeypatch.setattr(module, "get_hook_lineage_collector", get, raising=False)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Airflow's own collector."""
    found = home().HookLineageCollector()
    replace_collector(monkeypatch, lambda: found)
    return found


@pytest.fixture
def no_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that does not work."""

    def broken() -> Any:
        raise RuntimeError("no lineage")

    replace_collector(monkeypatch, broken)


def told(facets: Any) -> tuple[dict[str, int | None], dict[str, int | None]]:
    """Return what was read and what was written, by name, with the number of rows."""
    return (
        {each.name: _rows(each.inputFacets.get("inputStatistics")) for each in facets.inputs},
        {each.name: _rows(each.outputFacets.get("outputStatistics")) for each in facets.outputs},
    )


def _rows(statistics: Any) -> int | None:
    return None if statistics is None else statistics.rowCount


def started(operator: Any) -> Any:
    """Return what OpenLineage is told of a task that begins."""
    return told(operator.get_openlineage_facets_on_start())


def completed(operator: Any) -> Any:
    """Return what OpenLineage is told of a task that has succeeded."""
    return told(operator.get_openlineage_facets_on_complete(None))


def failed(operator: Any) -> Any:
    """Return what OpenLineage is told of a task that has failed."""
    return told(operator.get_openlineage_facets_on_failure(None))
