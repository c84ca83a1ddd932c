"""The cases: what is done, how much of it, by how many processes, and what the request limit makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from benchmarks.deals import changed

BURST = 50
PER_SECOND = 2.0
BATCH = 50
PAGE = 50
BINDING = ("bind", "bind_checked", "bind_10", "singles")
WRITING = (*BINDING, "comments", "upsert")
#: a tenth of the deals has changed when the work begins
MERGED = ("wide_deals_merged", "wide_deals_merged_by_dlt")
WIDE = ("wide_deals", "wide_deals_to_parquet", "wide_deals_to_sql", "wide_deals_by_dlt", *MERGED)
READING = ("deals", "deals_32", "sparse_deals", "deals_to_file")
LISTING = (*READING, *WIDE, "upsert_same")


@dataclass(frozen=True)
class Case:
    """One case.

    :param letter: how it is chosen
    :param title: what is done; ``{size}`` is filled in
    :param job: the client's function
    :param size: how many bindings, comments, sensors, deals or rows
    :param limit: seconds after which a client is stopped
    :param processes: how many processes share the work
    :param batches: whether the work fits into batches, which decides how few requests can do it
    :param clients: who takes part
    :param bare: start from a bare interpreter, instead of one that has ``airflow.sdk`` loaded as a task has
    :param prepared: let a client's function ``before_...`` do what comes before, in a process of its own and
        before the clock starts
    :param database: whether PostgreSQL is needed
    """

    letter: str
    title: str
    job: str
    size: int
    limit: float
    processes: int = 1
    batches: bool = True
    clients: tuple[str, ...] = ("ours", "fast", "sdk", "plain")
    bare: bool = False
    prepared: bool = False
    database: bool = False

    @property
    def name(self) -> str:
        """What is done, with the number."""
        return self.title.format(size=f"{self.size:,}")

    @property
    def least_requests(self) -> int:
        """The fewest requests that can do it."""
        rows = len(changed(self.size)) if self.job in MERGED else self.size
        commands = ceil(rows / PAGE) if self.job in LISTING else rows
        return ceil(commands / BATCH) if self.batches else commands

    @property
    def is_written(self) -> bool:
        """Whether the portal holds the work at the end; what is read only its reader can judge."""
        return self.job in WRITING

    @property
    def floor(self) -> float:
        """Seconds for which the bucket holds up the last of them."""
        return max(0.0, (self.least_requests - BURST) / PER_SECOND)

    def scaled(self, factor: float) -> Case:
        """Return the case with more or less work."""
        return replace(self, size=max(self.processes, round(self.size * factor)))


_TWO = ("ours", "fast")
_BULK = ("ours", "fast", "sdk")
_CASES = (
    Case("a", "{size} bindings", "bind", 1000, 60),
    Case("a-checked", "{size} bindings, checked first", "bind_checked", 1000, 60, clients=("ours",)),
    Case("a-10", "{size} bindings, up to 10 requests under way", "bind_10", 1000, 60, clients=("ours",)),
    Case("a-bare", "{size} bindings from a bare interpreter", "bind", 1000, 60, bare=True),
    Case("b", "{size} bindings", "bind", 10_000, 180),
    Case("c", "{size} single calls by 16 processes", "singles", 1000, 660, processes=16, batches=False),
    Case("d", "bindings of {size} records read", "listings", 500, 60),
    Case("e", "{size} comments added", "comments", 1000, 60),
    Case("f", "{size} deferred sensors, one round", "sensors", 1000, 120),
    Case("g", "{size} deals read", "deals", 100_000, 180),
    Case("g-32", "{size} deals read, up to 32 requests at once", "deals_32", 100_000, 180, clients=("ours",)),
    Case("g-sparse", "{size} deals read, of twice as many ids", "sparse_deals", 100_000, 180, clients=_TWO),
    Case("g-file", "{size} deals written to a file", "deals_to_file", 100_000, 180, clients=("ours",)),
    Case("h", "{size} deals of 40 columns read", "wide_deals", 100_000, 180, clients=("ours", "plain")),
    Case(
        "h-parquet",
        "{size} deals of 40 columns written to Parquet",
        "wide_deals_to_parquet",
        100_000,
        300,
        clients=("ours", "dlt", "dlt_rest"),
        prepared=True,
    ),
    Case(
        "i",
        "{size} deals of 40 columns loaded into PostgreSQL",
        "wide_deals_to_sql",
        100_000,
        600,
        clients=("ours", "dlt"),
        prepared=True,
        database=True,
    ),
    Case(
        "i-merge",
        "{size} deals in PostgreSQL, the tenth of them that changed merged",
        "wide_deals_merged",
        100_000,
        600,
        clients=("ours", "dlt"),
        prepared=True,
        database=True,
    ),
    Case("k", "{size} new rows upserted", "upsert", 10_000, 240, clients=_BULK),
    Case("k-same", "{size} rows upserted that are so already", "upsert_same", 10_000, 120, clients=_BULK),
    Case(
        "l",
        "{size} deals of 40 columns loaded into DuckDB by dlt",
        "wide_deals_by_dlt",
        20_000,
        300,
        clients=("ours", "dlt"),
        prepared=True,
    ),
    Case(
        "l-merge",
        "{size} deals in DuckDB, the tenth of them that changed merged by dlt",
        "wide_deals_merged_by_dlt",
        20_000,
        300,
        clients=("ours", "dlt"),
        prepared=True,
    ),
)
CASES = {case.letter: case for case in _CASES}


def chosen(letters: list[str]) -> list[Case]:
    """Return the cases that letters name; ``a`` means ``a-checked`` and ``a-bare`` too.

    :raises ValueError: there is none of that name
    """
    found = []
    for letter in letters:
        some = [case for case in _CASES if letter in (case.letter, case.letter[0])]
        if not some:
            raise ValueError(f"{letter!r} is no case; there are {', '.join(CASES)} and ledger")
        found += some
    return list(dict.fromkeys(found)) or list(_CASES)
