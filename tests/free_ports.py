"""Ports for servers that bind theirs themselves, and for addresses at which nobody listens."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket

# Below what systems take the ports of outgoing connections from, and what the portal in a box takes its own
# from, so that a port stays free until it is used.
# Tests that run side by side take theirs from different hundreds: what was free a moment ago stays so.
_FIRST, _SHARE, _SHARES = 10_000, 500, 20
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_numbers = itertools.count(os.getpid())


def free_port():
    """Return a port of the loopback that nobody uses, each time another one."""
    first = _FIRST + _worker % _SHARES * _SHARE
    ports = (first + number % _SHARE for number in _numbers)
    return next(port for port in ports if _is_free(port))


def _is_free(port):
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        return True
    return False
