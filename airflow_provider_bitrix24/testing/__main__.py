"""``python -m airflow_provider_bitrix24.testing``: a portal in the foreground, until it is interrupted."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from typing import TYPE_CHECKING

from .limits import Limits
from .portal import Bitrix24Portal

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a portal.

    :param argv: arguments, by default those of the command line
    :return: exit status
    """
    options = _parser().parse_args(argv)
    try:
        portal = _portal(options)
        portal.start()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.demo_data:
        portal.load_demo()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sys.stdout.write(_greeting(portal))
    sys.stdout.flush()
    stop.wait()
    portal.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_bitrix24.testing", description="A Bitrix24 portal in a box."
    )
    add = parser.add_argument
    add("--port", type=int, default=8124, help="0 picks a free one (default: %(default)s)")
    add("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    add("--tls", action="store_true", help="serve HTTPS with a certificate made up for this run")
    add("--demo-data", action="store_true", help="begin with a few companies, contacts, deals and leads")
    add("--code", help="webhook code of user 1 (default: a random one)")
    add("--plan", choices=("standard", "enterprise", "self-hosted"), default="standard")
    add("--no-limits", action="store_true", help="never refuse a request")
    add("--request-delay", type=float, default=0.0, metavar="SECONDS", help="time every request takes")
    add("--command-delay", type=float, default=0.0, metavar="SECONDS", help="time every batch command takes")
    add("--server-timezone", default="+03:00", metavar="OFFSET", help="(default: %(default)s)")
    return parser


def _portal(options: argparse.Namespace) -> Bitrix24Portal:
    return Bitrix24Portal(
        limits=Limits.off() if options.no_limits else Limits(plan=options.plan),
        request_delay=options.request_delay,
        command_delay=options.command_delay,
        tls=options.tls,
        host=options.host,
        port=options.port,
        server_timezone=options.server_timezone,
        self_hosted=options.plan == "self-hosted",
        code=options.code,
    )


def _greeting(portal: Bitrix24Portal) -> str:
    authority = f"  certificate authority {portal.ca_file}\n" if portal.ca_file else ""
    return (
        f"Bitrix24 portal in a box\n"
        f"  address     {portal.url}\n"
        f"  webhook     {portal.webhook_url()}\n"
        f"  connection  {json.dumps(portal.connection())}\n"
        f"{authority}"
        f"Open the address in a browser: it shows every CRM card with its timeline, and where else each\n"
        f"record is bound. Stop with Ctrl+C.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
