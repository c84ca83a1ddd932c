"""Which field of an Airflow connection is wrong when a database does not let it in."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class NoAccess:
    """Why a connection does not get to a database.

    :param states: the SQLSTATEs that say so
    :param said: what the driver or server says where it gives no SQLSTATE, as it does while it connects
    :param remedy: which field of the connection to look at
    :param passes: whether another try may help
    """

    states: tuple[str, ...]
    said: re.Pattern[str]
    remedy: str
    passes: bool = False


_REASONS = (
    NoAccess(
        ("3D000",),
        re.compile(r'FATAL:\s+database ".*" does not exist'),
        "Check the database's name in the connection: the field `schema`, which forms call Database.",
    ),
    NoAccess(
        ("28000", "28P01"),
        re.compile(
            r'FATAL:\s+(?:role ".*" (?:does not exist|is not permitted to log in)'
            r"|\w[\w ]* authentication failed|no pg_hba\.conf entry)|no password supplied"
        ),
        "Check the fields `login` and `password` of the connection, and that the server lets them in.",
    ),
    NoAccess(
        (),
        re.compile(r"could not translate host name|failed to resolve host"),
        "Check the field `host` of the connection. If it is right, another try helps once the name is found.",
        passes=True,
    ),
    NoAccess(
        (),
        re.compile(r"unable to open database file"),
        "Check the file's path, the field `host` of the connection. The worker needs its folder.",
    ),
)


def no_access(state: str, text: str) -> NoAccess | None:
    """Return why a connection does not get to a database; ``None`` for all other errors.

    :param state: the SQLSTATE, ``""`` where there is none
    :param text: what the driver says
    """
    if state:
        return next((reason for reason in _REASONS if state in reason.states), None)
    return next((reason for reason in _REASONS if reason.said.search(text)), None)
