"""A process that calls a portal with tokens that have expired: run by the tests of many such processes."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

_FOLDER = Path(os.environ.get("TOKEN_FOLDER", "."))


class FileTokens:
    """Keeps pairs of tokens in files, and may be killed before it has kept one."""

    def load(self, key):
        path = _FOLDER / key
        return json.loads(path.read_text()) if path.exists() else None

    def save(self, key, value):
        if "TOKEN_KILL" in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
        part = _FOLDER / f"{key}.{os.getpid()}"
        part.write_text(json.dumps(dict(value)))
        part.replace(_FOLDER / key)


def main() -> None:
    """Call the portal when everyone is ready."""
    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

    hook = Bitrix24Hook()
    hook.get_conn()
    sys.stderr.write("ready\n")
    sys.stdin.readline()
    sys.stderr.write(json.dumps([hook.call("profile")["ID"] for _ in range(3)]) + "\n")


if __name__ == "__main__":
    main()
