"""What a database's error means, told without a value: its messages quote rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import exc
from sqlalchemy.engine import Dialect

from airflow_provider_bitrix24.hooks.errors import SqlLoadError, SqlRefusedError
from airflow_provider_bitrix24.transfers.sql.access import no_access
from airflow_provider_bitrix24.transfers.sql.types import UnstorableValueError

#: what may come out of a driver or SQLAlchemy besides the driver's own errors
RAISED = (exc.SQLAlchemyError, OverflowError, ValueError)

#: classes of SQLSTATE whose errors are about a row: data, constraints, sizes, triggers
_OF_A_ROW = ("22", "23", "44", "54", "P0")
#: classes of SQLSTATE whose messages hold names only
_SPEAKABLE = ("08", "25", "28", "3D", "3F", "40", "42", "53", "55", "57")
#: SQLSTATE of an error of syntax, and how SQLite tells one: both quote a part of the statement
_SYNTAX = "42601"
_SQLITE_SYNTAX = re.compile(r"near .*: (syntax error)|(unrecognized token): ", re.DOTALL)
#: how SQLite tells constraints; the names of columns follow
_SQLITE_CONSTRAINT = re.compile(r"(?:UNIQUE|NOT NULL) constraint failed: [\w., ]+")


class Failure:
    """An error of a database, judged.

    :param error: what SQLAlchemy or the driver raised
    :param dialect: the database
    """

    def __init__(self, error: Exception, dialect: Dialect) -> None:
        self._error = error
        self._dialect = dialect
        self._cause: Any = error.orig if isinstance(error, exc.DBAPIError) and error.orig else error
        state = getattr(self._cause, "pgcode", None) or getattr(self._cause, "sqlstate", None)
        self._state = str(state or "")
        is_operational = self._is("OperationalError", "ProgrammingError", "InternalError")
        self._no_access = no_access(self._state, str(self._cause)) if is_operational else None

    @property
    def of_a_row(self) -> bool:
        """Whether some row, or several, cannot be stored."""
        if self._state:
            return self._state.startswith(_OF_A_ROW)
        if isinstance(self._cause, (OverflowError, ValueError)):
            return not isinstance(self._cause, exc.SQLAlchemyError)
        return self._is("IntegrityError", "DataError")

    @property
    def of_a_connection(self) -> bool:
        """Whether the database cannot be asked about it, for it does not answer."""
        return isinstance(self._error, exc.DBAPIError) and self._error.connection_invalidated

    @property
    def passes(self) -> bool:
        """Whether another try may help."""
        if self.of_a_row:
            return False
        if self._no_access is not None:
            return self._no_access.passes
        return not self._is("ProgrammingError", "NotSupportedError", "IntegrityError", "DataError")

    @property
    def of_a_statement(self) -> bool:
        """Whether SQLite does not understand the statement: it has no class of errors for that."""
        return getattr(self._cause, "sqlite_errorname", "") == "SQLITE_ERROR"

    @property
    def column(self) -> str:
        """The column that the database names, if it does."""
        return str(getattr(getattr(self._cause, "diag", None), "column_name", None) or "")

    def words(self) -> str:
        """Return what the database says, as far as it cannot hold a value."""
        name = type(self._cause).__name__
        said = self._said()
        return f"{name}: {said}" if said else name

    def _said(self) -> str:
        diag = getattr(self._cause, "diag", None)
        if isinstance(self._cause, UnstorableValueError):
            return str(self._cause)
        if self._state == _SYNTAX:
            place = getattr(diag, "statement_position", None)
            return f"syntax error at character {place}" if place else "syntax error"
        if self._state:
            constraint = getattr(diag, "constraint_name", None)
            speaks = self._state.startswith(_SPEAKABLE)
            return str(getattr(diag, "message_primary", None) or "") if speaks else _of(constraint)
        if self._dialect.name == "sqlite":
            return self._said_by_sqlite()
        if self._dialect.name == "postgresql" and self._is("OperationalError"):
            # Without a state it is libpq that speaks, of the network.
            return str(self._cause).split("\n", 1)[0]
        return ""

    def _said_by_sqlite(self) -> str:
        # what cannot be decoded is quoted
        text = str(self._cause).partition(" with text ")[0]
        if self._is("OperationalError", "ProgrammingError"):
            syntax = _SQLITE_SYNTAX.match(text)
            return (syntax[1] or syntax[2]) if syntax else text
        found = _SQLITE_CONSTRAINT.match(text)
        return found[0] if found else ""

    def _is(self, *names: str) -> bool:
        """Return whether the driver's error is of one of the classes that all drivers have."""
        dbapi = self._dialect.loaded_dbapi
        return any(isinstance(self._cause, getattr(dbapi, name)) for name in names)

    def told(self, where: str, *, row: str = "", column: str = "") -> SqlLoadError:
        """Return the error to raise.

        :param where: what was done to which table
        :param row: the row that cannot be stored, by its id
        :param column: the column that cannot
        """
        column = column or self.column
        place = ", ".join(part for part in (row, f"column {column}" if column else "") if part)
        if place or self.of_a_row:
            return SqlRefusedError(f"{where}: {place or 'a row'} cannot be stored ({self.words()})")
        remedy = "Check the user's rights on the schema and its tables, and what the database says."
        return self._told_of_all(where, remedy, passes=self.passes)

    def told_of_query(self, where: str) -> SqlLoadError:
        """Return the error to raise where a query failed.

        :param where: which query
        """
        remedy = "Try the query in the database itself, with the same user."
        return self._told_of_all(where, remedy, passes=self.passes and not self.of_a_statement)

    def _told_of_all(self, where: str, remedy: str, *, passes: bool) -> SqlLoadError:
        """Return the error of what concerns no row."""
        if self._no_access is not None:
            cls = SqlLoadError if passes else SqlRefusedError
            message = f"{where}: the connection does not get to the database ({self.words()})"
            return cls(message, remedy=self._no_access.remedy)
        if passes:
            return SqlLoadError(f"{where}: the database failed ({self.words()})")
        return SqlRefusedError(f"{where}: the database refuses ({self.words()})", remedy=remedy)


def _of(constraint: str | None) -> str:
    return f"constraint {constraint}" if constraint else ""


def raised_by(dialect: Dialect) -> tuple[type[Exception], ...]:
    """Return the classes of what a database may raise.

    :param dialect: the database
    """
    return (*RAISED, dialect.loaded_dbapi.Error)


@contextmanager
def told(dialect: Dialect, where: str) -> Iterator[None]:
    """Turn whatever a database raises into an error that shows no value, not even in a traceback.

    :param dialect: the database
    :param where: what is done to which table
    """
    try:
        yield
    except SqlLoadError:
        raise
    except raised_by(dialect) as error:
        if is_ours(error):
            raise
        found = Failure(error, dialect).told(where)
    else:
        return
    raise found from None


def is_ours(error: Exception) -> bool:
    """Return whether this package raised it for its user: such errors of input are ``ValueError``, too.

    :param error: what was raised
    """
    return type(error).__module__.startswith("airflow_provider_bitrix24.hooks")


def first_failing(fails: Callable[[int], bool], count: int) -> int | None:
    """Return which of some rows is the first that fails, alone or together with an earlier one.

    :param fails: says of a number whether so many rows fail, the first ones
    :param count: how many there are
    """
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if fails(middle + 1):
            high = middle
        else:
            low = middle + 1
    return low if low < count else None


def culprit(fails_without: Callable[[str], bool], names: list[str]) -> str:
    """Return the column that makes a row fail, ``""`` where it is not one alone.

    :param fails_without: says of a column whether the row fails without it, too
    :param names: the columns that may be left out
    """
    return next((name for name in names if not fails_without(name)), "")
