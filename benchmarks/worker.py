"""One fresh process that does work with one client.

It says ``ready`` once its interpreter is up, waits for a line, then loads the client and works; a line of
JSON tells how that went. The clock is the system's monotonic one, which the measuring process reads, too.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from typing import Any

from benchmarks.work import Portal


def main() -> None:
    """Work as the JSON argument says."""
    # What a client prints must not get between our lines.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    order = json.loads(sys.argv[1])
    if not order["bare"]:
        import_module("airflow.sdk")
    print("ready", file=answers, flush=True)
    sys.stdin.readline()
    memory = peak()
    result = work(order)
    ended = time.monotonic()
    result |= {"ended": ended, "memory_mb": round(peak() - memory, 1)}
    print(json.dumps(result), file=answers, flush=True)
    answers.close()
    os._exit(0)  # what a client leaves open is no part of the work


def work(order: dict[str, Any]) -> dict[str, Any]:
    """Do the work and tell how much of it was done, as far as the client knows, and what went wrong."""
    portal = Portal(**order["portal"])
    started = time.monotonic()
    try:
        client = import_module(f"benchmarks.clients.{order['client']}")
        loaded = time.monotonic() - started
        job = getattr(client, order["job"])
        done = job(portal, order["size"], order["rank"], order["processes"])
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:400], "done": None}
    return {"loaded": round(loaded, 3), "done": done}


def peak() -> float:
    """Return the most memory that this process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
