"""What extractions share, also those that are no operator's: the last run, and what is said of rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_bitrix24.crm.fields.columns import Chunk
from airflow_provider_bitrix24.crm.fields.fitting import UnfitValueError
from airflow_provider_bitrix24.hooks.extraction import Extraction
from airflow_provider_bitrix24.rest.errors import BadValueError


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """What an earlier run of the same extraction left.

    :param watermark: the portal's clock when it began to read; ``None`` where there was none
    :param highest: the highest id known then
    :param columns: the names of the columns it read
    """

    watermark: datetime | None = None
    highest: int | None = None
    columns: Sequence[str] = ()


def say_bad_values(extraction: Extraction, log: logging.Logger | Any) -> None:
    """Log how many values are null because they did not fit their fields' types.

    :param extraction: what was read
    :param log: where to say it
    """
    for column, count in extraction.bad_values.items():
        what = "1 value of %s does not fit its type and is null."
        if count > 1:
            what = f"{count} values of %s do not fit its type and are null."
        log.warning(what, column)


def usable(last: LastRun, extraction: Extraction, fields: Any, log: logging.Logger | Any) -> LastRun:
    """Return the last run, or none where it did not read a field that ``fields`` names now.

    A field that the portal did not have then comes with the items that change.

    :param last: the last run
    :param extraction: this run's
    :param fields: names of the fields to read, ``None`` for all
    :param log: where to say that the last run does not count
    """
    missing = [column.name for column in extraction.columns if column.name not in last.columns]
    if last.watermark is None or fields is None or not missing:
        return last
    log.info("The last run did not read %s, so everything is read.", ", ".join(missing))
    return LastRun()


@contextmanager
def naming_rows(extraction: Extraction, chunk: Chunk) -> Iterator[None]:
    """Let an error about a value name the dataset, the row's id and the column.

    :param extraction: what is read
    :param chunk: the rows
    :raises BadValueError: a value does not fit its column
    """
    try:
        yield
    except UnfitValueError as error:
        found = error
    else:
        return
    row = {column.name: values[found.row] for column, values in zip(chunk.columns, chunk.values, strict=True)}
    named = ", ".join(str(row.get(name)) for name in extraction.schema.key)
    raise BadValueError(
        f"{extraction.dataset.name} {named}: the value of {found.column} cannot be written: {found.reason}",
        remedy="Leave the field out of fields.",
    )


def as_text(moment: datetime | None) -> str | None:
    """Return a moment for XCom.

    :param moment: the moment, in UTC
    """
    return None if moment is None else moment.isoformat()
