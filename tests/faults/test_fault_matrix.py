"""Every operation under every fault: nothing is lost, nothing is done twice, nothing is silent."""

from __future__ import annotations

import functools
import itertools
from contextlib import nullcontext

import pytest
from fault_judge import observe, verdict
from fault_kinds import KINDS, TIMEOUT, FaultKind
from fault_operations import OPERATIONS
from fault_scene import Operation, Scene, quick
from fault_table import committed_cells

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

_numbers = itertools.count(1)
_kept: dict[str, dict] = {}


class KeptInMemory:
    """A store of tokens that the connection of a cell names."""

    def load(self, key):
        return _kept.get(key)

    def save(self, key, value):
        _kept[key] = dict(value)


@pytest.fixture(scope="module")
def shared_portal():
    """One portal for all cells; each has a user, a record and deals of its own in it."""
    with Bitrix24Portal(limits=Limits.off()) as box:
        yield box


@pytest.fixture(scope="module")
def contacts(shared_portal):
    """A list of five pages."""
    return shared_portal.add_items("contact", [{"NAME": f"Contact {n}"} for n in range(230)])


@pytest.fixture
def scene(shared_portal, contacts, connection, kind, operation):
    number = next(_numbers)
    portal = shared_portal.start()
    portal.faults.clear()
    portal.clear_journal()
    user_id = 100 + number  # fresh limits, because those of the cell before may still be in force
    portal.add_user(user_id, admin=True)
    deals = portal.add_items("deal", [{"TITLE": f"Cell {number}"}] * 4)
    record = portal.add_comment("deal", deals[0], f"record of cell {number}", author_id=user_id)
    extra = {"plan": "self-hosted", "pacing": "process", "timeout": TIMEOUT}
    if kind.oauth or operation.expired:
        connection(portal.oauth_connection(user_id, token_store=f"{__name__}.KeptInMemory", **extra))
    else:
        connection(portal.connection(user_id=user_id, **extra))
    text = f"comment of cell {number}"
    fault = functools.partial(kind.arrange, portal)
    policy = quick(kind.attempts, cut=1.0) if kind.overdue else quick(kind.attempts)
    return Scene(portal, record, deals, text, policy, contacts, fault, kind.overdue)


def _is_tried(kind: FaultKind, operation: Operation) -> bool:
    if operation.expired and "operating" in kind.name:
        return False  # an application's time is used up for all its users: the cells after it would wait
    if kind.name == "operating_inside" and operation.name in ("poke_items", "fire_items", "watch"):
        return False  # it strikes their method, and a sensor waits for an operating limit in real time
    if kind.overdue and operation.kind in ("read", "wait"):
        return False
    return kind.waiters or operation.kind != "wait"


_TRIED = [(kind, operation) for kind in KINDS for operation in OPERATIONS if _is_tried(kind, operation)]
#: what is not slow: every so many cells, so that each fault and each operation comes up
_COVERING = _TRIED[::17]

_CELLS = [
    pytest.param(
        kind,
        operation,
        id=f"{kind.name}-{operation.name}",
        marks=() if (kind, operation) in _COVERING else (pytest.mark.slow, pytest.mark.once),
    )
    for kind, operation in _TRIED
]


@pytest.mark.parametrize(("kind", "operation"), _CELLS)
def test_operation_under_fault(scene: Scene, kind: FaultKind, operation: Operation, record_property):
    with nullcontext() if operation.in_the_middle else scene.fault():
        for fault in scene.portal.faults.active():
            if fault.method is None or operation.kind != "comment":
                fault.after_calls += operation.spares
        result, error = observe(operation, scene)
    found = verdict(operation, scene, result, error)
    record_property("cell", f"{kind.title}|{operation.title}|{found}")
    if "flaky" in kind.name:
        return  # which request is struck depends on how many there are: only that it is told truly counts
    expected = committed_cells().get((kind.title, operation.title))
    assert found == expected, "docs/reliability.md says otherwise: make reliability"


def test_each_fault_and_each_operation_is_tried_in_a_cell_that_is_not_slow():
    assert {kind.name for kind, _ in _COVERING} == {kind.name for kind in KINDS}
    assert {operation.name for _, operation in _COVERING} == {operation.name for operation in OPERATIONS}


def test_the_page_has_these_cells_and_no_others():
    tried = {(kind.title, operation.title) for kind, operation in _TRIED if "flaky" not in kind.name}
    assert {cell for cell, text in committed_cells().items() if text != "-"} == tried
