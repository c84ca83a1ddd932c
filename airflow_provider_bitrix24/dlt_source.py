"""The CRM's data as a source of `dlt <https://dlthub.com>`_, for all of its destinations.

It reads as the operators that extract do, with the same types, the same watermark and the same way to find
what is gone. dlt loads what it yields. It needs the extra ``[dlt]``.
"""

from __future__ import annotations

import airflow_provider_bitrix24.dlt_resources  # noqa: F401 # isort: skip - it says which extra is missing

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

import dlt
import pyarrow
from dlt.extract import DltResource, DltSource

from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.extraction.datasets import Dataset, ListDataset, parse_dataset
from airflow_provider_bitrix24.crm.extraction.deletions import parse_share
from airflow_provider_bitrix24.crm.extraction.typed_rows import OnBadValue
from airflow_provider_bitrix24.crm.extraction.windows import OVERLAP, parse_overlap, parse_since
from airflow_provider_bitrix24.crm.fields.schema import Names
from airflow_provider_bitrix24.crm.inputs import check_text, from_json, is_sequence
from airflow_provider_bitrix24.dlt_resources.reading import DELETED, DatasetReader
from airflow_provider_bitrix24.hooks.bulk import LIST_IN_FLIGHT, check_list_in_flight
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.hooks.extraction import check_choice, check_dated, check_fields, check_filtered
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.rest.shown import shown

#: the source's name: of its schema, and of its part of a pipeline's state
NAME = "bitrix24"


def bitrix24(
    datasets: str | Sequence[str],
    *,
    fields: Mapping[str, Sequence[str]] | None = None,
    where: Mapping[str, Mapping[str, Any]] | None = None,
    incremental: bool = True,
    since: datetime | str | None = None,
    overlap: timedelta = OVERLAP,
    deletions: bool = False,
    max_deleted_share: float = 0.05,
    names: Names = "snake",
    on_bad_value: OnBadValue = "fail",
    max_in_flight: int = LIST_IN_FLIGHT,
    bitrix24_conn_id: str = DEFAULT_CONN_ID,
) -> DltSource:
    """Return a dlt source that has a resource for each dataset.

    A resource and its table are called like the dataset, ``deal_stage_history`` for ``deal.stage_history``.

    What is a list with an id is merged by it, and each load reads what changed since the one before. The
    watermark is the portal's clock when reading began. It is in the resource's state, which dlt commits
    together with the rows; a load with another ``where``, or with fields that the last one did not read,
    reads everything. ``deal.product_rows`` and small sets such as ``stages`` are always read whole, and
    replace what was there.

    Rows come as Arrow tables: numbers as ``int64`` and ``decimal``, moments in UTC, multiple fields as JSON
    text, or as lists if the destination takes them. The credentials are those of the Airflow connection, and
    never come from dlt's configuration.

    :param datasets: one name or several, as ``Bitrix24ToSqlOperator`` takes them
    :param fields: names of the fields to read, by dataset: ``{"deal": ["title", "stage_id"]}``; the key is
        always among them. Without it every field is read that there is, but those that cost much
    :param where: a filter by dataset: ``{"deal": {">=opportunity": 1000}}``
    :param incremental: read what changed since the last load; ``False`` reads everything, and still merges
    :param since: a moment with its offset from UTC, or its ISO text: read what changed since then, instead of
        what changed since the last load. The watermark stays as it is
    :param overlap: how much of the time before the window is read again
    :param deletions: look for what is gone, and delete it at the destination: of each id that the destination
        has, and no list shows, the portal is asked. It takes a destination that dlt can query
    :param max_deleted_share: the most of a table's rows that may go at once, from 0 to 1; up to ten may
        always, unless they are all or it is 0
    :param names: whether columns go by the common names in lower case (``snake``), or the API's (``api``),
        which dlt writes in its own way
    :param on_bad_value: ``fail`` if a value does not fit its field's type, or take it as ``null``
    :param max_in_flight: how many requests of one dataset may be under way at once: 1 to 40
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    :return: the source, for ``dlt.pipeline(...).run``
    :raises InvalidInputError: an argument is not valid, or asks for what a dataset does not have; nothing was
        sent
    """
    with joined():
        found = _parsed(datasets)
        check_flag(incremental, "incremental")
        check_flag(deletions, "deletions")
        share = parse_share(max_deleted_share)
        moment = None if since is None else parse_since(since)
        _check_windows(found, asked=since is not None)
        _check_deletions(found, deletions=deletions)
        parse_overlap(overlap)
        check_choice(names, "names", get_args(Names))
        check_choice(on_bad_value, "on_bad_value", get_args(OnBadValue))
        check_list_in_flight(max_in_flight)
        conn_id = check_text(bitrix24_conn_id, "bitrix24_conn_id")
        wanted = {name: check_fields(value) for name, value in _by_dataset(fields, "fields", found).items()}
        filters = _by_dataset(where, "where", found)
        for dataset in found:
            if dataset.name in filters:
                check_filtered(dataset)
                _check_filter(filters[dataset.name], f"where[{dataset.name!r}]")
    readers = [
        DatasetReader(
            dataset=dataset,
            fields=wanted.get(dataset.name),
            where=filters.get(dataset.name),
            incremental=incremental and since is None,
            since=moment,
            overlap=overlap,
            max_deleted_share=share if deletions and isinstance(dataset, ListDataset) else None,
            names=names,
            on_bad_value=on_bad_value,
            max_in_flight=max_in_flight,
            bitrix24_conn_id=conn_id,
        )
        for dataset in found
    ]
    return DltSource(dlt.Schema(NAME), NAME, [_resource(reader) for reader in readers])


def _resource(reader: DatasetReader) -> DltResource:
    columns: dict[str, Any] = {}
    if reader.finds_deletions:
        # Of a row and of its deletion in the same load, the deletion counts.
        columns = {DELETED: {"data_type": "bool", "hard_delete": True, "dedup_sort": "desc"}}

    def tables() -> Iterator[pyarrow.Table]:  # dlt takes no bound method
        yield from reader.tables()

    resource: DltResource = dlt.resource(
        tables,
        name=reader.dataset.name.replace(".", "_"),
        primary_key=reader.key,
        write_disposition="merge" if reader.is_merged else "replace",
        columns=columns,
    )
    return resource


def _parsed(datasets: Any) -> list[Dataset]:
    names = [datasets] if isinstance(datasets, str) else datasets
    if not is_sequence(names) or not names:
        raise InvalidInputError(
            f"datasets: {shown(datasets)} is neither a name nor a list of names",
            remedy="Give a list such as ['deal', 'contact'].",
        )
    found = [parse_dataset(name, f"datasets[{position}]") for position, name in enumerate(names)]
    known = [dataset.name for dataset in found]
    for position, name in enumerate(known):
        if name in known[:position]:
            raise InvalidInputError(
                f"datasets[{position}]: {name} is there twice", remedy="Name each dataset once."
            )
    return found


def _by_dataset(value: Any, field: str, datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Return an argument that has a value for each of some datasets, by their names."""
    if value is None:
        return {}
    known = [dataset.name for dataset in datasets]
    if not isinstance(value, Mapping):
        raise InvalidInputError(
            f"{field}: {shown(value)} is no mapping of datasets", remedy=f"Give it as {{{known[0]!r}: ...}}."
        )
    found: dict[str, Any] = {}
    for given, each in value.items():
        name = str(given).strip().lower()
        if name in found:
            raise InvalidInputError(f"{field}: {name} is there twice", remedy="Name each dataset once.")
        found[name] = each
        if name not in known:
            raise InvalidInputError(
                f"{field}: {shown(name)} is none of the datasets {', '.join(known)}",
                remedy=f"Give it by dataset: {field}={{{known[0]!r}: ...}}.",
            )
    return found


def _check_filter(value: Any, field: str) -> None:
    """Refuse what is no filter; its names and values need the portal's metadata."""
    found = from_json(value, field) if isinstance(value, str) else value
    if found is not None and not isinstance(found, Mapping):
        raise InvalidInputError(
            f"{field}: {shown(found)} is not a filter", remedy="Give it as {'>=opportunity': 1000}."
        )


def _check_windows(datasets: Sequence[Dataset], *, asked: bool) -> None:
    """Refuse a window if no dataset has one."""
    if asked and not any(dataset.changed_name for dataset in datasets):
        check_dated(datasets[0], "since")


def _check_deletions(datasets: Sequence[Dataset], *, deletions: bool) -> None:
    """Refuse to look for what is gone of a dataset whose rows cannot be asked for one by one."""
    for dataset in datasets:
        if deletions and isinstance(dataset, ListDataset) and not dataset.has_single_rows:
            raise InvalidInputError(
                f"deletions: the portal cannot be asked for single rows of {dataset.name}",
                remedy="Load it with a source of its own, without deletions.",
            )
