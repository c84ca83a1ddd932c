"""Deals of 40 columns: what the portal holds of them, and whether a copy of them is right."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

METHOD = "crm.item.list"
#: what is read of each deal, in the API's names
FIELDS = [
    "id",
    "title",
    "typeId",
    "categoryId",
    "stageId",
    "stageSemanticId",
    "isNew",
    "isRecurring",
    "probability",
    "opportunity",
    "currencyId",
    "isManualOpportunity",
    "taxValue",
    "companyId",
    "contactId",
    "contactIds",
    "leadId",
    "quoteId",
    "begindate",
    "closedate",
    "closed",
    "additionalInfo",
    "movedBy",
    "movedTime",
    "assignedById",
    "opened",
    "comments",
    "originatorId",
    "originId",
    "sourceId",
    "sourceDescription",
    "createdTime",
    "updatedTime",
    "createdBy",
    "updatedBy",
    "lastActivityTime",
    "utmSource",
    "ufCrmScore",
    "ufCrmCity",
    "ufCrmVisited",
]
PARAMS = {"entityTypeId": 2, "select": FIELDS}
USER_FIELDS = {"UF_CRM_SCORE": "double", "UF_CRM_CITY": "string", "UF_CRM_VISITED": "date"}
#: what a copy is judged by, in the names of tables
CHECKED = ("id", "title", "opportunity", "stage_id", "uf_crm_score")

#: one deal in so many is changed before a merge
CHANGED = 10
_STAGES = ("NEW", "PREPARATION", "EXECUTING", "FINAL_INVOICE")
_CHANGED_STAGE = "WON"
# Old enough that a merge does not read all of them again, whatever the overlap and the zones.
_FIRST = datetime(2025, 1, 1, tzinfo=UTC)


def fields(number: int) -> dict[str, Any]:
    """Return the fields of a deal, for the portal."""
    created = _FIRST + timedelta(minutes=number)
    return {
        "TITLE": f"Deal {number}",
        "OPPORTUNITY": number + 0.25,
        "STAGE_ID": _STAGES[number % len(_STAGES)],
        "PROBABILITY": number % 100,
        "CURRENCY_ID": "EUR" if number % 3 else "USD",
        "ASSIGNED_BY_ID": 1 + number % 3,
        "BEGINDATE": f"2025-03-{1 + number % 28:02}",
        "CLOSEDATE": f"2025-06-{1 + number % 28:02}",
        "DATE_CREATE": created.isoformat(),
        "DATE_MODIFY": (created + timedelta(days=1)).isoformat(),
        "COMMENTS": f"What was said about deal {number}",
        "SOURCE_ID": "WEB" if number % 2 else "CALL",
        "ORIGIN_ID": f"erp-{number}",
        "UTM_SOURCE": "newsletter",
        "UF_CRM_SCORE": number % 1000 / 4,
        "UF_CRM_CITY": f"City {number % 200}",
        "UF_CRM_VISITED": f"2025-02-{1 + number % 28:02}",
    }


def changed(size: int) -> range:
    """Return the numbers of the deals that are changed before a merge."""
    return range(CHANGED, size + 1, CHANGED)


def change(portal: Any, size: int) -> None:
    """Change one deal in ten of a portal."""
    for number in changed(size):
        portal.set_stage("deal", number, _CHANGED_STAGE)


def changed_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the API as it is after the change."""
    return {**row, "stageId": _CHANGED_STAGE}


def right(rows: Iterable[Iterable[Any]], *, merged: bool = False) -> int:
    """Return how many deals a copy has.

    :param rows: the values of the checked columns
    :param merged: whether one deal in ten has to be changed
    :raises ValueError: a row comes twice, or is not as it should be
    """
    seen: set[int] = set()
    for row_id, title, opportunity, stage, score in rows:
        number = int(row_id)
        wanted = fields(number)
        wanted_stage = _CHANGED_STAGE if merged and not number % CHANGED else wanted["STAGE_ID"]
        if number in seen:
            raise ValueError(f"deal {number} comes twice")
        if (title, float(opportunity), stage, float(score)) != (
            wanted["TITLE"],
            wanted["OPPORTUNITY"],
            wanted_stage,
            wanted["UF_CRM_SCORE"],
        ):
            raise ValueError(f"deal {number} is not as it should be")
        seen.add(number)
    return len(seen)


def in_parquet(folder: str) -> int:
    """Return how many deals the Parquet files of a folder hold, or raise ``ValueError`` (see ``right``)."""
    import duckdb

    columns = ", ".join(CHECKED)
    return right(duckdb.sql(f"SELECT {columns} FROM '{folder}/**/*.parquet'").fetchall())


def in_duckdb(path: str, *, merged: bool = False) -> int:
    """Return how many deals the table of a file of DuckDB holds, or raise ``ValueError`` (see ``right``).

    :param path: the file
    :param merged: whether one deal in ten has to be changed
    """
    import duckdb

    with duckdb.connect(path) as database:
        rows = database.execute(f"SELECT {', '.join(CHECKED)} FROM bench.deal")
        return right(rows.fetchall(), merged=merged)


def in_table(table: str, address: str, *, merged: bool = False) -> int:
    """Return how many deals a table holds, or raise ``ValueError`` (see ``right``).

    :param table: its name, with its schema if need be
    :param address: the database
    :param merged: whether one deal in ten has to be changed
    """
    import psycopg2

    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(CHECKED)} FROM {table}")
        return right(cursor, merged=merged)
