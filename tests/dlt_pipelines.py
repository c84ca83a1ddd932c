"""Pipelines of dlt into databases that tests look into, with files of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt_task import destination

from airflow_provider_bitrix24.dlt_source import bitrix24
from airflow_provider_bitrix24.testing import Bitrix24Portal


class Crm:
    """What pipelines load into one database.

    :param folder: keeps the files of dlt's
    :param address: of the database, as :func:`dlt_task.destination` takes it
    """

    def __init__(self, folder: Path, address: str) -> None:
        self.address = address
        self._folder = folder
        self.worker = "worker"

    @property
    def pipeline(self) -> dlt.Pipeline:
        """The pipeline as a worker has it; another worker knows what is in the database only."""
        return dlt.pipeline(
            "bitrix24",
            destination=destination(self.address),
            dataset_name="crm",
            pipelines_dir=str(self._folder / self.worker),
        )

    def load(self, datasets: str | Sequence[str] = "deal", **arguments: Any) -> Any:
        """Load datasets."""
        return self.run(bitrix24(datasets, **arguments))

    def run(self, source: Any, **options: Any) -> Any:
        """Run the pipeline with a source."""
        return self.pipeline.run(source, **options)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.pipeline.sql_client() as client:
            return [tuple(row) for row in client.execute_sql(statement) or ()]

    def titles(self) -> dict[int, str]:
        """Return the titles of the deals by their ids, each of which is there once."""
        rows = self.query("SELECT id, title FROM deal")
        assert len(rows) == len(dict(rows))
        return dict(rows)

    def types(self, table: str) -> dict[str, str]:
        """Return the types of a table's columns."""
        query = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'crm' "
        return dict(self.query(f"{query} AND table_name = '{table}'"))


def deals(portal: Bitrix24Portal) -> dict[int, str]:
    """Return the titles of a portal's deals by their ids."""
    return {number: row["TITLE"] for number, row in portal.items("deal").items()}


@contextmanager
def failed_with(kind: type[Exception], said: str) -> Iterator[None]:
    """Expect that a step of dlt fails because of an error of ours."""
    with pytest.raises(PipelineStepFailed) as raised:
        yield
    error = raised.value
    while error.__cause__ is not None:
        error = error.__cause__
    assert isinstance(error, kind)
    assert said in str(error)


def hours_later(portal: Bitrix24Portal, hours: int = 2) -> None:
    """Let hours pass at a portal, and forget what it was asked."""
    portal.move_clock(3_600 * hours)
    portal.clear_journal()
