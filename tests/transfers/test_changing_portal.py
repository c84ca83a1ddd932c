"""A copy that incremental runs keep equals the portal, which changes while it is read; workers are killed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from changing_portal import Staff
from copies import Copy, FileCopy, Rows, TableCopy
from extracting import Warehouse
from killable import Workers
from killed_runs import MODULES, Death, Runs
from postgres_box import new_database

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

_DEALS = 130
#: runs, after which a copy is compared
_COMPARED = 10


@dataclass(frozen=True)
class Clocks:
    """How a portal deals with time.

    :param server: the server's time zone
    :param user: the user's; empty where the profile has none
    :param habits: arguments of ``set_dates``
    """

    server: str = "Europe/Berlin"
    user: str = "Europe/Berlin"
    habits: dict[str, Any] = field(default_factory=dict)


_EAST, _WEST = ("Etc/GMT-1", "Etc/GMT-4"), ("Etc/GMT-1", "Etc/GMT+4")  # 3 hours ahead, 5 hours behind
_FILTER = {"filter_shift_hours": None, "shown_shift_hours": 0.0}
_SHOWN = {"filter_shift_hours": 0.0, "shown_shift_hours": None}
_BOTH = {"filter_shift_hours": None, "shown_shift_hours": None}
CLOCKS = {
    "exact": Clocks(),
    "filter shifted by 3 h": Clocks(*_EAST, _FILTER),
    "filter shifted by -5 h": Clocks(*_WEST, _FILTER),
    "dates shifted by 3 h": Clocks(*_EAST, _SHOWN),
    "dates shifted by -5 h": Clocks(*_WEST, _SHOWN),
    "both shifted by 3 h": Clocks(*_EAST, _BOTH),
    "both shifted by -5 h": Clocks(*_WEST, _BOTH),
    "shifted by -5 h, zone unknown": Clocks("Etc/GMT-1", "", {"filter_shift_hours": -5.0}),
    "filter ignored": Clocks(habits={"filter_ignored": True}),
}


@pytest.fixture(scope="module")
def workers():
    found = Workers(*MODULES)
    yield found
    found.close()


@pytest.fixture
def portal():
    with Bitrix24Portal(limits=Limits.off()) as box:
        box.move_clock(-90 * 86_400)
        box.add_many("deal", _DEALS, fields=lambda number: {"TITLE": f"Deal {number}"})
        yield box


@pytest.fixture
def copy_of(request, workers, tmp_path, portal):
    """Return what makes a copy of a kind, with a seed."""
    made = []

    def make(kind: str, seed: Any, **more: Any) -> tuple[Copy, Runs]:
        folder = tmp_path / "files"
        folder.mkdir()
        if kind == "files":
            runs = Runs(workers, tmp_path, portal, {})
            return FileCopy(runs, folder, seed, **more), runs
        if kind == "sqlite":
            url = connection = f"sqlite:///{folder}/warehouse.db"
        else:
            address = new_database(request.getfixturevalue("postgres_of_session"))
            url, connection = f"postgresql+psycopg2://{address}", f"postgres://{address}"
        runs = Runs(workers, tmp_path, portal, {"AIRFLOW_CONN_WAREHOUSE": connection})
        made.append(Warehouse(url))
        return TableCopy(runs, made[0], seed, **more), runs

    yield make
    for warehouse in made:
        warehouse.engine.dispose()


def deaths(chance: random.Random, runs: Runs) -> list[Death]:
    """Return when the next workers die; most runs lose none."""
    found: list[Death] = []
    while chance.random() < 0.35 and len(found) < 3:
        if chance.random() < 0.5:
            found.append(Death(chance.choice(["before", "after"]), chance.randint(1, 6)))
        else:
            found.append(Death("seconds", chance.uniform(0, runs.seconds)))
    return found


def follow(
    portal: Bitrix24Portal, copy: Copy, runs: Runs, count: int, seed: Any, wanted: Callable[[Rows], None]
) -> None:
    """Let so many runs follow a portal that changes, and compare the copy every now and then, and at last.

    :param seed: of all that happens
    :param wanted: sees that rows that were read afresh are those of the portal
    """
    staff, chance = Staff(portal, seed), random.Random(f"{seed} kills")
    for number in range(1, count + 1):
        portal.move_clock(chance.choice([5, 300, 3600, 20_000]))
        staff.work(chance.randint(0, 3))
        staff.begin()
        copy.run(number, deaths(chance, runs))
        staff.end()
        if number % min(count, _COMPARED) == 0:
            copy.finish(number)
            afresh = copy.afresh(number)
            wanted(afresh)
            compare(copy.rows(), afresh, f"seed {seed!r}, run {number}", staff.done)


def compare(rows: Rows, wanted: Rows, where: str, done: list[str]) -> None:
    """See that every field of every row is as the portal has it."""
    ids = {each for each in wanted if wanted[each] != rows.get(each)} | (rows.keys() - wanted.keys())
    differences = {each: _differences(rows.get(each), wanted.get(each)) for each in sorted(ids)}
    past = {each: [what for what in done if str(each) in what.split()] for each in differences}
    assert not differences, f"{where}: {json.dumps([differences, past], default=str)}"


def are_deals(portal: Bitrix24Portal, most: int | None = None) -> Callable[[Rows], None]:
    """Return what sees that rows are the portal's deals of at most an amount."""

    def check(rows: Rows) -> None:
        deals = portal.items("deal").items()
        wanted = {
            number: row["TITLE"]
            for number, row in deals
            if most is None or float(row["OPPORTUNITY"] or 0) <= most
        }
        assert {number: row["title"] for number, row in rows.items()} == wanted

    return check


def _differences(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return "missing" if one is None else "still there"
    return {name: (one[name], other[name]) for name in one if one[name] != other.get(name)}


def set_clocks(portal: Bitrix24Portal, clocks: Clocks) -> None:
    """Let a portal deal with time in a way."""
    portal.set_server_timezone(clocks.server)
    portal.set_time_zone(1, clocks.user)
    portal.set_dates(**clocks.habits)


@pytest.mark.parametrize("clocks", ["both shifted by -5 h", pytest.param("exact", marks=pytest.mark.slow)])
def test_a_table_follows_a_portal_that_changes_while_it_is_read(portal, copy_of, clocks):
    set_clocks(portal, CLOCKS[clocks])
    copy, runs = copy_of("sqlite", clocks)
    follow(portal, copy, runs, 8, clocks, are_deals(portal))


#: each way of dealing with time, and into each target; where a file's watermark is kept depends on Airflow
_FIFTY_RUNS = [
    *(pytest.param(clocks, "sqlite", marks=pytest.mark.once) for clocks in CLOCKS),
    *((clocks, kind) for kind in ("postgresql", "files") for clocks in ("exact", "both shifted by -5 h")),
]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("clocks", "kind"), _FIFTY_RUNS)
def test_fifty_runs_follow_a_portal_that_changes_while_it_is_read(portal, copy_of, clocks, kind):
    set_clocks(portal, CLOCKS[clocks])
    seed = f"{clocks} {kind}"
    copy, runs = copy_of(kind, seed)
    follow(portal, copy, runs, 50, seed, are_deals(portal))
    assert runs.kills > 3


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_fifty_runs_follow_what_matches_a_filter(portal, copy_of, kind):
    set_clocks(portal, CLOCKS["exact"])
    copy, runs = copy_of(kind, kind, where={"<=opportunity": 500})
    follow(portal, copy, runs, 50, kind, are_deals(portal, 500))


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.timeout(900)
@pytest.mark.parametrize("clocks", ["exact"])
def test_fifty_runs_follow_the_history_of_deals_that_are_there(portal, copy_of, clocks):
    set_clocks(portal, CLOCKS[clocks])
    copy, runs = copy_of("sqlite", clocks, dataset="deal.stage_history")

    def wanted(rows: Rows) -> None:
        assert {row["owner_id"] for row in rows.values()} == set(portal.items("deal"))

    follow(portal, copy, runs, 50, clocks, wanted)
