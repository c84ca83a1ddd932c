"""Pacing shared by every process of a machine, through one small SQLite file.

The file holds nothing worth keeping: where it is locked, broken or gone, pacing goes on from what this
process knows, and a task never fails because of it. Rollback journal and exclusive transactions, because a
deleted file is noticed then and a commit never finds the file busy; no syncing, for the same reason that
nothing is worth keeping. The figures are in docs/architecture.md.
"""

from __future__ import annotations

import json
import logging
import math
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from airflow_provider_bitrix24.rest.ledgers.files import FileLock, ledger_file
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.pacing import (
    Bucket,
    Limits,
    Meter,
    Reading,
    Slot,
    apply_readings,
    ask_meters,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

#: seconds to wait for a file that another holds; once that was in vain, another try waits hardly at all
_PATIENCE, _PATIENCE_AFTER = 2.0, 0.05
_FIRST_NAP, _LONGEST_NAP = 0.0005, 0.008
_NEXT_TRY = 5.0
_SCHEMA = "CREATE TABLE IF NOT EXISTS states (name TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID"
_BUCKET, _METER = "bucket/", "meter/"
#: what is raised by a file that is busy, unwritable, or holds something else than states
_UNUSABLE = (sqlite3.Error, ValueError, TypeError, KeyError)


class MachineLedger:
    """Keeps the state in a file that all processes of this machine open.

    :param folder: where the file is; created where it is missing
    :param clock: seconds that never jump and are the same for all processes of the machine
    :param wall_clock: Unix time, which the portal's resets are told in
    :param warn: told once when the file cannot be used
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        warn: Callable[[str], None] = log.warning,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._wall_clock = wall_clock
        self._warn = warn
        self._warned = False
        self._alone = ProcessLedger(clock, wall_clock)
        self._last_buckets: dict[str, Bucket] = {}
        self._next_try = float("-inf")
        self._patience = _PATIENCE
        self._abandoned: list[sqlite3.Connection] = []
        self._file: sqlite3.Connection | None = None
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        """Leave the parent's connection alone after a fork: using or closing it would upset its locks."""
        if self._file is not None:
            self._abandoned.append(self._file)
        self._file = None
        self._lock = threading.Lock()

    # --- what a ledger does ---

    def reserve(self, portal: str, limits: Limits, at_most: float = math.inf) -> Slot:
        """Reserve the next free slot; if it is later than ``at_most`` seconds, only return the wait."""

        def take(states: _States) -> Slot:
            now = self._clock()
            bucket, slot = states.bucket(portal, now).reserve(limits, now, at_most)
            self._keep_bucket(states, portal, bucket, now)
            return slot

        return self._shared(take, lambda: self._reserve_alone(portal, limits, at_most))

    def is_current(self, portal: str, slot: Slot) -> bool:
        """Tell whether a slot is still valid: no refusal came while its caller waited."""
        return self._shared(
            lambda states: states.bucket(portal, self._clock()).epoch == slot.epoch,
            lambda: self._alone.is_current(portal, slot),
        )

    def settle(
        self, portal: str, limits: Limits, slot: Slot, *, passed: bool | None, readings: Sequence[Reading]
    ) -> None:
        """Account for an answer: did it pass (``None``: none came), what time did it use."""

        def account(states: _States) -> None:
            now = self._clock()
            before = states.bucket(portal, now)
            after = before.settled(limits, now, slot, passed=passed)
            if after != before:
                self._keep_bucket(states, portal, after, now)
            meters = {reading.meter: states.meter(reading.meter) for reading in readings}
            before_readings = dict(meters)
            apply_readings(meters, readings, limits, self._wall_clock())
            states.keep_meters(meters, before_readings)

        self._shared(
            account,
            lambda: self._alone.settle(portal, limits, slot, passed=passed, readings=readings),
        )

    def blocked(self, meters: Collection[str]) -> Mapping[str, float]:
        """Return the seconds to wait for each meter that is blocked or whose turn has not come."""

        def look(states: _States) -> Mapping[str, float]:
            known = {name: states.meter(name) for name in meters}
            before = dict(known)
            waits = ask_meters(known, meters, self._wall_clock())
            states.keep_meters(known, before)
            return waits

        return self._shared(look, lambda: self._alone.blocked(meters))

    def renewal(self, identity: str) -> FileLock:
        """Return a lock under which the tokens of one application are renewed, by one process at a time."""
        return FileLock(self._folder / f"bitrix24-renewal-{identity}.lock", self._alone.renewal(identity))

    # --- the file ---

    def _shared(self, work: Callable[[_States], T], alone: Callable[[], T]) -> T:
        """Do work on the file's state in one transaction; alone, where the file cannot be used."""
        with self._lock:
            if self._clock() >= self._next_try:
                try:
                    result = self._in_transaction(work)
                except (*_UNUSABLE, OSError) as error:
                    self._give_up_for_now(error)
                else:
                    self._patience = _PATIENCE
                    return result
        return alone()

    def _in_transaction(self, work: Callable[[_States], T]) -> T:
        deadline = self._clock() + self._patience
        nap, repaired = _FIRST_NAP, False
        while True:
            try:
                return self._attempt(work)
            except _UNUSABLE as error:
                if _is_broken(error) and not repaired:
                    repaired = True
                    ledger_file(self._folder).unlink(missing_ok=True)
                elif not _is_passing(error) or self._clock() >= deadline:
                    raise
            time.sleep(nap * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the tries of many processes
            nap = min(_LONGEST_NAP, nap * 2)

    def _attempt(self, work: Callable[[_States], T]) -> T:
        try:
            file = self._file = self._file or self._open()
            file.execute("BEGIN EXCLUSIVE")
            result = work(_States(file, self._last_buckets))
            file.execute("COMMIT")
        except BaseException as error:
            if not self._only_waits(error):
                self._close()  # which takes back what was half done
            raise
        return result

    def _only_waits(self, error: BaseException) -> bool:
        """Tell whether another holds the file and nothing was begun: opening it anew takes longer still."""
        busy = getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY"
        return busy and self._file is not None and not self._file.in_transaction

    def _open(self) -> sqlite3.Connection:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(
            ledger_file(self._folder), timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            file.execute("PRAGMA journal_mode=TRUNCATE")
            file.execute("PRAGMA synchronous=OFF")
            file.execute(_SCHEMA)
        except sqlite3.Error:
            file.close()
            raise
        return file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _keep_bucket(self, states: _States, portal: str, bucket: Bucket, now: float) -> None:
        states.keep_bucket(portal, bucket, now)
        self._last_buckets[portal] = bucket

    # --- without the file ---

    def _reserve_alone(self, portal: str, limits: Limits, at_most: float) -> Slot:
        """Take a slot at a part of the rate and without a burst: the other processes do so as well."""
        return self._alone.reserve(portal, limits.alone(), at_most)

    def _give_up_for_now(self, error: Exception) -> None:
        self._next_try = self._clock() + _NEXT_TRY
        self._patience = _PATIENCE_AFTER
        if not self._warned:
            self._warned = True
            self._warn(
                f"The portal's limits cannot be shared through {self._folder} ({error}); "
                "this process keeps to a part of them by itself and looks again every few seconds."
            )


class _States:
    """The file's rows, inside a transaction.

    :param file: the open file
    :param known: what this process knows of buckets, for a file that lost them
    """

    def __init__(self, file: sqlite3.Connection, known: Mapping[str, Bucket]) -> None:
        self._file = file
        self._known = known

    def bucket(self, portal: str, now: float) -> Bucket:
        """Return a portal's bucket, moved along where the clock was set back (as at a restart)."""
        row = self._read(_BUCKET + portal)
        if row is None:
            return self._known.get(portal, Bucket())
        seen_at = row.get("seen_at", now)
        bucket = _made_of(Bucket, row)
        return bucket.moved(now - seen_at) if seen_at > now else bucket

    def keep_bucket(self, portal: str, bucket: Bucket, now: float) -> None:
        """Write a portal's bucket."""
        self._write(_BUCKET + portal, {**vars(bucket), "seen_at": now})

    def meter(self, name: str) -> Meter:
        """Return the meter of a method."""
        row = self._read(_METER + name)
        return _made_of(Meter, row) if row is not None else Meter()

    def keep_meters(self, meters: Mapping[str, Meter], before: Mapping[str, Meter]) -> None:
        """Write the meters of methods that changed."""
        for name, meter in meters.items():
            if meter != before.get(name):
                self._write(_METER + name, vars(meter))

    def _read(self, name: str) -> dict[str, Any] | None:
        found = self._file.execute("SELECT state FROM states WHERE name = ?", (name,)).fetchone()
        return json.loads(found[0]) if found else None

    def _write(self, name: str, state: Mapping[str, float]) -> None:
        self._file.execute("REPLACE INTO states (name, state) VALUES (?, ?)", (name, json.dumps(state)))


def _made_of(cls: type[T], row: Mapping[str, Any]) -> T:
    """Return a state from a row; another version of this package may know more of it, or less.

    :raises KeyError: it holds nothing of the state
    """
    known = {field.name: row[field.name] for field in fields(cls) if field.name in row}  # type: ignore[arg-type]
    if not known:
        raise KeyError(cls.__name__)
    return cls(**known)


def _is_passing(error: Exception) -> bool:
    """Tell whether another holds the file, or it was replaced: both are worth another try."""
    return getattr(error, "sqlite_errorname", "") in ("SQLITE_BUSY", "SQLITE_READONLY_DBMOVED")


def _is_broken(error: Exception) -> bool:
    """Tell whether the file is no ledger: cut short, overwritten, of another make."""
    if not isinstance(error, sqlite3.Error):
        return True
    name = getattr(error, "sqlite_errorname", "")
    return name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or "no such" in str(error)
