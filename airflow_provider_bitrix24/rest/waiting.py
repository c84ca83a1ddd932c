"""Saying why a call waits: one line, with how long and until when."""

from __future__ import annotations

import logging

import pendulum

from airflow_provider_bitrix24.rest.exchange import Pause


def announce(log: logging.Logger, pause: Pause) -> None:
    """Log a wait; the short ones of an ordinary pace only at DEBUG.

    :param log: the transport's logger
    :param pause: the wait
    """
    until = pendulum.now("UTC").add(seconds=pause.seconds)
    level = logging.INFO if pause.notable else logging.DEBUG
    log.log(level, "%s; waiting %.1f s, until %s", pause.why, pause.seconds, until.to_iso8601_string())
