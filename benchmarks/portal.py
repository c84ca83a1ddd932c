"""The portal of one measurement, in a process of its own.

It says in a line of JSON where it is. Told to begin, it changes what the work wants changed, and forgets what
it was asked so far. Told to report, it says what it was asked and what is now in it, and ends.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

from airflow_provider_bitrix24.testing import Bitrix24Portal
from benchmarks import deals, upserts, work
from benchmarks.cases import BINDING, MERGED, READING, WIDE

REQUEST_DELAY = 0.030
COMMAND_DELAY = 0.005


def main(job: str, size: int, request_delay: float, command_delay: float) -> None:
    """Run the portal until it is told to report."""
    portal = Bitrix24Portal(request_delay=request_delay, command_delay=command_delay, tls=True)
    fill(portal, job, size)
    with portal:
        print(json.dumps(address(portal)), flush=True)
        sys.stdin.readline()
        if job in MERGED:
            deals.change(portal, size)
        portal.clear_journal()
        print("{}", flush=True)
        before = time.process_time()
        sys.stdin.readline()
        print(json.dumps(report(portal, job, size, time.process_time() - before)), flush=True)


def address(portal: Bitrix24Portal) -> dict[str, Any]:
    """Return where the portal is, for every kind of client."""
    return {
        "webhook": portal.webhook_url(),
        "domain": f"{portal.host}:{portal.port}",
        "token": f"1/{portal.webhook_code()}",
        "connection": portal.connection(),
        "ca_file": portal.ca_file,
    }


def fill(portal: Bitrix24Portal, job: str, size: int) -> None:
    """Put in what the work needs."""
    if job in WIDE:
        for user_id in (2, 3):
            portal.add_user(user_id, f"User {user_id}")
        for name, field_type in deals.USER_FIELDS.items():
            portal.add_user_field("deal", name, field_type)
        portal.add_items("deal", (deals.fields(number) for number in range(1, size + 1)))
        return
    if job in READING:
        for number in work.deal_ids(job, size):
            portal.add_item("deal", {"TITLE": f"Deal {number}"}, number)
        return
    portal.add_items("deal", ({"TITLE": f"Deal {number}"} for number in range(1, 101)))
    portal.add_items("contact", ({"NAME": f"Contact {number}"} for number in range(1, 101)))
    if job == "upsert_same":
        portal.add_items("deal", map(upserts.stored, upserts.rows(size)))
    if job in ("comments", "upsert", "upsert_same"):
        return
    for number in range(1, size + 1):
        portal.add_comment("deal", 1 + number % 100, f"Record {number}")
    if job in ("listings", "sensors"):
        for binding in work.bindings(size):
            portal.bind(*binding)


def report(portal: Bitrix24Portal, job: str, size: int, cpu: float) -> dict[str, Any]:
    """Return what was asked, and how much of the work is there as wanted."""
    requests = portal.requests
    done, surplus = found(portal, job, size)
    return {
        "requests": len(requests),
        "refused": sum(request.refused for request in requests),
        "commands": sum(request.n_commands for request in requests),
        "done": done,
        "surplus": surplus,
        "portal_cpu": round(cpu, 3),
    }


def found(portal: Bitrix24Portal, job: str, size: int) -> tuple[int | None, int]:
    """Return how much of what was to be written is there, and how much that was not wanted.

    What is read can only be judged by the reader, so for that there is ``None``.
    """
    if job in ("upsert", "upsert_same"):
        there = list(portal.items("deal").values())
        held, surplus = upserts.held(there, size), upserts.surplus(there, size)
        return (held, surplus) if job == "upsert" else (None, surplus + size - held)
    if job in BINDING:
        wanted = work.bindings(size)
        there = [(record, *pair) for record, _, _ in wanted for pair in portal.bindings(record)]
        before = [(record, "deal", 1 + record % 100) for record, _, _ in wanted]
        extra = Counter(there) - Counter(wanted) - Counter(before)
        return sum((Counter(there) & Counter(wanted)).values()), sum(extra.values())
    if job == "comments":
        texts = Counter(
            (pair[1], record.text)
            for record in portal.comments()
            for pair in portal.bindings(record.record_id)
        )
        wanted_texts = Counter(work.comments(size))
        return sum((texts & wanted_texts).values()), sum((texts - wanted_texts).values())
    return None, 0


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
