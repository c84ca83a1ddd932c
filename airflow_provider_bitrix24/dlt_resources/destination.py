"""What the destination of the running pipeline holds, asked for in dlt's own way."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.configuration.container import Container
from dlt.common.destination import AnyDestination
from dlt.common.destination.exceptions import DestinationUndefinedEntity, SqlClientNotAvailable
from dlt.common.pipeline import PipelineContext
from dlt.destinations.sql_client import SqlClientBase

from airflow_provider_bitrix24.hooks.errors import InvalidInputError

#: ids that are read, or asked about, at once
_ROWS, _MISSING = 50_000, 1_000


def takes_lists() -> bool:
    """Return whether a column may hold lists; elsewhere they are written as JSON text."""
    destination = _destination()
    return destination is None or destination.capabilities().supports_nested_types


def is_committed(load_id: str) -> bool:
    """Return whether a load has come to its end at the destination.

    What a pipeline's folder knows may be ahead of it: the load failed there, or its package was dropped. A
    destination that cannot be asked is believed to have it.

    :param load_id: dlt's id of the load
    """
    if not _takes_queries():
        return True
    schema = dlt.current.source_schema()
    column = schema.naming.normalize_identifier("load_id")
    return bool(list(_values(schema.loads_table_name, column, wanted=load_id)))


def has_rows(key: str) -> bool:
    """Return whether there are rows in the running resource's table; one that cannot be asked has some.

    :param key: the column of the ids
    :raises InvalidInputError: a table that was loaded is gone; dlt goes by what it knows of it, and fails
    """
    if not _takes_queries():
        return True
    highest = list(_values(*_named(key), aggregate="MAX"))
    if highest:
        return highest != [None]
    raise InvalidInputError(
        f"{dlt.current.resource().name}: the table {table_name()} is gone from the destination, and dlt does "
        "not make it again",
        remedy='Run the pipeline once with refresh="drop_resources".',
    )


def check_deletes() -> None:
    """Refuse to look for what is gone where the destination cannot tell its rows, or not delete them.

    :raises InvalidInputError: it cannot
    """
    resource, destination = dlt.current.resource(), _destination()
    if destination is None:
        raise InvalidInputError(
            f"deletions: {resource.name} has no destination to compare with",
            remedy="Give the pipeline its destination, or leave deletions out.",
        )
    capabilities = destination.capabilities()
    strategies = capabilities.supported_merge_strategies or ()
    if capabilities.merge_strategies_selector is not None:
        strategies = capabilities.merge_strategies_selector(
            strategies, table_schema=resource.compute_table_schema()
        )
    if not _takes_queries() or "delete-insert" not in strategies:
        raise InvalidInputError(
            f"deletions: dlt cannot delete rows of {resource.name} at the destination "
            f"{destination.destination_name}",
            remedy="Leave deletions out, and read everything with write_disposition='replace' now and then.",
        )


class HeldIds:
    """The ids of a table at the destination, to be compared with those of the portal.

    :param ids: the ids
    """

    def __init__(self, ids: Iterable[int]) -> None:
        self._held = pc.unique(_numbers(ids))
        self._there = _numbers(())

    def stage_ids(self, ids: Iterable[int]) -> None:
        """Keep ids that the portal has.

        :param ids: the ids
        """
        self._there = _numbers(ids)

    def missing_ids(self) -> Iterator[list[int]]:
        """Yield those of the table's ids that were not staged, in lists, and in order."""
        missing = self._held.filter(pc.invert(pc.is_in(self._held, value_set=self._there))).sort()
        for start in range(0, len(missing), _MISSING):
            yield missing.slice(start, _MISSING).to_pylist()

    def count_live(self) -> int:
        """Return how many ids the table has."""
        return len(self._held)


def held_ids(key: str) -> HeldIds:
    """Return the ids that the running resource's table has; none where it has not been loaded yet.

    :param key: the column of the ids
    """
    return HeldIds(map(int, _values(*_named(key))))


def table_name() -> str:
    """Return the name of the running resource's table.

    :raises InvalidInputError: it depends on the row
    """
    resource = dlt.current.resource()
    if isinstance(resource.table_name, str):
        return resource.table_name
    raise InvalidInputError(
        f"table_name: {resource.name} has one that depends on the row", remedy="Give a name as text."
    )


def _destination() -> AnyDestination | None:
    """Return the destination of the running pipeline; ``None`` where there is none, or nothing is run."""
    context = Container()[PipelineContext]
    return context.pipeline().destination if context.is_active() else None


def _takes_queries() -> bool:
    """Return whether the running pipeline's destination can be queried."""
    if _destination() is None:
        return False
    try:
        _sql_client()
    except SqlClientNotAvailable:
        return False
    return True


def _sql_client() -> SqlClientBase[Any]:
    """Return what queries the destination: its tables of the running source, as far as there are any.

    :raises SqlClientNotAvailable: the destination takes no queries
    """
    pipeline, name = dlt.current.pipeline(), dlt.current.source_schema().name
    return pipeline.sql_client(name) if name in pipeline.schema_names else pipeline.sql_client()


def _named(key: str) -> tuple[str, str]:
    """Return the running resource's table and a column of it, as dlt names them at the destination."""
    naming = dlt.current.source_schema().naming
    return naming.normalize_table_identifier(table_name()), naming.normalize_identifier(key)


def _values(table: str, column: str, *, wanted: str | None = None, aggregate: str = "") -> Iterator[Any]:
    """Yield a column's values at the destination, or an aggregate of them; nothing if there is no table.

    dlt has an API for queries, too, which depends on the release of SQLGlot.
    """
    with _sql_client() as client:
        name = client.escape_column_name(column)
        place = client.make_qualified_table_name(table)
        query = f"SELECT {aggregate}({name}) FROM {place}"  # noqa: S608 - both are quoted
        condition, values = ("", ()) if wanted is None else (f" WHERE {name} = %s", (wanted,))
        try:
            with client.execute_query(query + condition, *values) as cursor:
                while rows := cursor.fetchmany(_ROWS):
                    yield from (value for (value,) in rows)
        except DestinationUndefinedEntity:
            return


def _numbers(values: Iterable[int]) -> pa.Array:
    """Return numbers as an Arrow array, which takes eight bytes for each."""
    return pa.Array.from_buffers(pa.int64(), len(kept := array("q", values)), [None, pa.py_buffer(kept)])
