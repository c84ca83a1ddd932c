"""One fresh process that does work with one client.

It says ``ready`` once its interpreter is up, waits for a line, then loads the client and works; a line of
JSON tells how that went. What a client's function returns to look at the result is called after the clock has
stopped. The clock is the system's monotonic one, which the measuring process reads, too.
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
    grown = round(peak() - memory, 1)
    result = {"ended": time.monotonic(), "memory_mb": grown, **checked(result)}
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
        return failed(error)
    return {"loaded": round(loaded, 3), "done": done}


def checked(result: dict[str, Any]) -> dict[str, Any]:
    """Let a client count what came of its work, if it has to look for that."""
    if not callable(result["done"]):
        return result
    try:
        return {**result, "done": result["done"]()}
    except Exception as error:
        return {**result, **failed(error)}


def failed(error: Exception) -> dict[str, Any]:
    """Return what is told of an error."""
    return {"error": f"{type(error).__name__}: {error}"[:400], "done": None}


def peak() -> float:
    """Return the most memory that this process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
