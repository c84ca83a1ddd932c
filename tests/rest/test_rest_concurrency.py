from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from cases import cases

from airflow_provider_bitrix24.rest.concurrency import Limiter, Stops, Window
from airflow_provider_bitrix24.rest.replies import Failure, Response


def test_trouble_halves_and_success_restores():
    window = Window(8)
    window.troubled(0)
    assert (window.size, window.shrinks) == (4, 1)
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
    gate = Limiter(4)
    gate.answered(gate.shrinks, answer)
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


def test_every_good_answer_brings_a_part_of_a_request_back():
    window = Window(4)
    window.troubled(0)
    sizes = []
    for _ in range(6):
        window.eased()
        sizes.append(window.size)
    assert sizes == [2, 2, 3, 3, 3, 4]


def test_trouble_of_an_older_epoch_changes_nothing():
    window = Window(8)
    window.troubled(0)
    window.troubled(0)
    window.troubled(5)
    assert (window.size, window.shrinks) == (4, 1)


@cases(
    ("answer", "shrinks"),
    [(Response(499, b""), 0), (Response(200, b""), 0), (Response(500, b""), 1), (Failure(ValueError()), 1)],
)
def test_trouble_begins_with_status_500(answer, shrinks):
    gate = Limiter(4)
    gate.answered(0, answer)
    assert gate.shrinks == shrinks


def test_each_job_can_be_stopped_by_itself_and_all_together():
    stops = Stops()
    with stops.own() as one, stops.own() as other:
        one.set()
        assert not other.is_set()
        stops.set()
        assert other.is_set()
    with stops.own() as late:
        assert late.is_set(), "a job that begins afterwards, too"


def test_a_place_is_given_back_though_the_work_failed():
    gate = Limiter(1)
    for _ in range(2):
        with pytest.raises(KeyError), gate.passing():
            raise KeyError
