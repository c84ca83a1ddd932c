from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_bitrix24.rest.inflight import Gate, Window
from airflow_provider_bitrix24.rest.replies import Failure, Response


def test_trouble_halves_and_success_restores():
    window = Window(8)
    window.troubled(0)
    assert (window.size, window.epoch) == (4, 1)
    window.troubled(0)
    assert window.size == 4, "one wave of trouble counts once"
    window.troubled(1)
    window.troubled(2)
    window.troubled(3)
    assert window.size == 1
    sizes = []
    for _ in range(40):
        window.eased()
        sizes.append(window.size)
    assert sizes == sorted(sizes)
    assert sizes[0] == 2
    assert sizes[-1] == 8


@pytest.mark.parametrize("answer", [Response(503, b""), Response(500, b"{}"), Failure(ValueError())])
def test_the_gate_narrows_on_trouble(answer):
    gate = Gate(4)
    gate.answered(gate.epoch, answer)
    inside, most, lock = 0, 0, threading.Lock()

    def work(_):
        nonlocal inside, most
        with gate.passing():
            with lock:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.01)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(24)))
    assert most == 2
