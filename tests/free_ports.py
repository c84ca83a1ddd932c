"""Ports for servers that bind theirs themselves, and for addresses at which nobody listens."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket

# Below what systems take the ports of outgoing connections from, and what the portal in a box takes its own
# from, so that a port stays free until it is used.
_numbers = itertools.count(10000 + os.getpid() % 8000)


def free_port():
    """Return a port of the loopback that nobody uses, each time another one."""
    return next(port for port in _numbers if _is_free(port))


def _is_free(port):
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        return True
    return False
