"""``python -m airflow_provider_bitrix24.portal_check`` tells whether a portal is as this package expects."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import textwrap
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import zip_longest
from typing import TYPE_CHECKING

from airflow_provider_bitrix24 import __version__

if TYPE_CHECKING:
    from airflow_provider_bitrix24.crm.portal_check.findings import Finding

_COLUMNS = (("", 7), ("Check", 26), ("Expected", 26), ("Found", 30), ("What that means", 44))
_MARKS = {"ok": "ok", "differs": "DIFFERS", "unknown": "?"}


def main(argv: Sequence[str] | None = None) -> int:
    """Check a portal, and print what was found.

    :param argv: arguments, by default those of the command line
    :return: exit status: 0 if nothing differs from what is expected, else 1
    """
    options = _parser().parse_args(argv)
    from airflow_provider_bitrix24.rest.errors import Bitrix24Error

    try:
        findings = _findings(options.conn_id, write=options.write)
    except Bitrix24Error as error:
        sys.stderr.write(f"The portal could not be checked: {error}\n")
        return 1
    sys.stdout.write(f"{table(findings)}\n\n{summary(findings)}\n\n{report(findings)}")
    return 1 if any(finding.verdict == "differs" for finding in findings) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_bitrix24.portal_check",
        description="Try in your portal what the provider relies on. It only reads, unless --write is given.",
    )
    add = parser.add_argument
    add("--conn-id", default="bitrix24_default", help="Airflow connection (default: %(default)s)")
    add("--write", action="store_true", help="also add one lead, and delete it again")
    return parser


def _findings(conn_id: str, *, write: bool) -> list[Finding]:
    """Ask the portal.

    :raises Bitrix24Error: it does not say who calls, or the connection cannot be read
    """
    from airflow_provider_bitrix24.crm.portal_check.reading import check_portal
    from airflow_provider_bitrix24.crm.portal_check.writing import check_writing
    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

    hook = Bitrix24Hook(conn_id)
    try:
        findings = hook.carry_out(check_portal())
        return findings + (hook.carry_out(check_writing()) if write else [])
    finally:
        hook.close()


# --- what is printed ---------------------------------------------------------------------------------


def table(findings: Sequence[Finding]) -> str:
    """Return the findings as a table.

    :param findings: the findings
    """
    rule = "  ".join("-" * width for _, width in _COLUMNS)
    lines = [*_lines([name for name, _ in _COLUMNS]), rule]
    for one in findings:
        lines += _lines([_MARKS[one.verdict], one.check, one.expected, one.found, one.means])
    return "\n".join(lines)


def _lines(cells: Sequence[str]) -> Iterator[str]:
    wrapped = [textwrap.wrap(cell, width) for cell, (_, width) in zip(cells, _COLUMNS, strict=True)]
    for parts in zip_longest(*wrapped, fillvalue=""):
        padded = (part.ljust(width) for part, (_, width) in zip(parts, _COLUMNS, strict=True))
        yield "  ".join(padded).rstrip()


def summary(findings: Sequence[Finding]) -> str:
    """Return a sentence on all findings.

    :param findings: the findings
    """
    differs = sum(finding.verdict == "differs" for finding in findings)
    unknown = sum(finding.verdict == "unknown" for finding in findings)
    told = (
        f"{differs} of {len(findings)} checks differ from what is expected"
        if differs
        else "All is as expected"
    )
    return f"{told}{f', and {unknown} could not be told' if unknown else ''}."


def report(findings: Sequence[Finding]) -> str:
    """Return a text to attach to a report. It holds no names and no secrets.

    :param findings: the findings
    """
    versions = (
        f"airflow-provider-bitrix24 {__version__}, apache-airflow {version('apache-airflow-core')}, "
        f"Python {platform.python_version()}"
    )
    lines = [f"- {_MARKS[finding.verdict]}: {finding.check}: {finding.found}" for finding in findings]
    return "\n".join(["To attach to a report (no names, no secrets):", "", versions, "", *lines, ""])


if __name__ == "__main__":
    # Airflow reads connections from its database only in processes of its own.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    sys.exit(main())
