"""Work whose worker is killed and that is taken up again: exactly what was wanted, nothing twice."""

from __future__ import annotations

import pytest
from fault_arranging import ARRANGING
from fault_items import LONG, WRITING
from fault_kills import Kill, Task, moments
from fault_works import SIDE_BY_SIDE, WORKS
from killable import Workers

_ALL = {**WORKS, **ARRANGING, **WRITING}


@pytest.fixture(scope="module")
def workers():
    found = Workers("airflow_provider_bitrix24.operators.items")
    yield found
    found.close()


def kill_at(kills, work, workers, folder, kept):
    """Kill a try of some work, take the work up again, and check what is there."""
    with Task(work, workers, folder, kept=kept) as task:
        for kill in kills:
            task.kill(kill)
        task.run()
        work.check(task)


def sweep(work, workers, folder, *earlier, kept):
    """Kill a try of some work at each of its moments, take the work up again, and check what is there."""
    for kills in moments(work, workers, folder, *earlier, kept=kept):
        kill_at(kills, work, workers, folder, kept)


@pytest.mark.parametrize(
    "kept", [pytest.param(True, id="kept"), pytest.param(False, id="unkept", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", _ALL)
def test_killed_when_a_request_was_carried_out(workers, tmp_path, name, kept):
    kill_at([Kill("carried out", 1)], _ALL[name], workers, tmp_path, kept)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kept", [pytest.param(True, id="kept", marks=pytest.mark.once), pytest.param(False, id="unkept")]
)
@pytest.mark.parametrize("name", _ALL)
def test_killed_at_any_moment(workers, tmp_path, name, kept):
    """With and without a task state store, which Airflow has from 3.3 on."""
    sweep(_ALL[name], workers, tmp_path, kept=kept)


@pytest.mark.slow
@pytest.mark.once
def test_killed_again_while_it_is_taken_up(workers, tmp_path):
    sweep(WORKS["comments"], workers, tmp_path, Kill("carried out", 2), kept=True)


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize(("name", "number"), [("comments", 6), ("bindings", 7)])
def test_killed_with_several_requests_under_way(workers, tmp_path, name, number):
    """What the others come to is not known, so it is really waited for, until that is certain."""
    real = {"real_time": True, "request_cut": 0.5}
    with Task(SIDE_BY_SIDE[name], workers, tmp_path, kept=True) as task:
        task.kill(Kill("carried out", number), **real)
        task.run(**real)
        SIDE_BY_SIDE[name].check(task)


@pytest.mark.slow
def test_killed_in_twenty_tries_and_then_not(workers, tmp_path):
    """Each try gets a little further than the one before it, and dies at another kind of moment."""
    events = ("arrived", "carried out", "write")
    kills = [Kill(events[number % 3], 2 + number % 7) for number in range(20)]
    with Task(LONG, workers, tmp_path, kept=True) as task:
        for kill in kills:
            task.kill(kill)
        task.run()
        LONG.check(task)
