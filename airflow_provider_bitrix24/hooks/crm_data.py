"""The hook for the CRM's data: what datasets hold, and their rows as typed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bitrix24.crm.extraction.datasets import parse_dataset
from airflow_provider_bitrix24.crm.extraction.typed_rows import OnBadValue
from airflow_provider_bitrix24.crm.fields.columns import Chunk
from airflow_provider_bitrix24.crm.fields.schema import CrmSchema, Names
from airflow_provider_bitrix24.crm.lineage import dataset_name
from airflow_provider_bitrix24.hooks.bulk import LIST_IN_FLIGHT
from airflow_provider_bitrix24.hooks.errors import joined
from airflow_provider_bitrix24.hooks.extraction import Extraction, open_extraction
from airflow_provider_bitrix24.hooks.lineage import reporting
from airflow_provider_bitrix24.hooks.rest import RestHook

if TYPE_CHECKING:
    import pyarrow


class CrmDataHook(RestHook):
    """Reads the CRM's data."""

    def crm_schema(self, dataset: str, *, names: Names = "snake") -> CrmSchema:
        """Return the fields of a dataset, from the portal's metadata as it is now (``crm.item.fields``).

        :param dataset: its name: a type such as ``deal`` or ``dynamic_1042``, ``activity``,
            ``deal.stage_history``, ``deal.product_rows``, ``deal.fields``, ``deal.enum_values``,
            ``statuses``, ``stages``, ``pipelines``, ``users``, ``departments`` or ``currencies``
        :param names: whether columns go by the common names in lower case (``assigned_by_id``), or by the
            API's (``assignedById``)
        :return: its ``fields``, each with ``name``, ``api_name``, ``type``, ``title``, ``multiple`` and
            ``options``, and its ``key``
        :raises InvalidInputError: there is no such dataset
        :raises Bitrix24Error: the metadata could not be read
        """
        with joined():
            return self.carry_out(parse_dataset(dataset).describe(names))

    def crm_rows(
        self,
        dataset: str,
        *,
        fields: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        changed_since: datetime | str | None = None,
        names: Names = "snake",
        on_bad_value: OnBadValue = "fail",
        max_in_flight: int = LIST_IN_FLIGHT,
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of a dataset with typed values: all of them, or an exception.

        Numbers are ``int`` or ``Decimal``, flags ``bool``, days ``date``, moments ``datetime`` in UTC; a
        multiple field is a list; what is empty is ``None``. Rows come in the order of their ids.

        :param dataset: as for :meth:`crm_schema`
        :param fields: names of the fields to read, in either spelling; the key is always among them. Without
            them, every field is read but those that cost much
        :param where: a filter in the API's or in the columns' names: ``{">=opportunity": 1000}``
        :param changed_since: a moment with its offset from UTC: read what changed since then, or in the two
            minutes before, because a change shows a little later than its date. An empty text reads
            everything; so does a portal whose filter by date does not work, which is logged
        :param names: as for :meth:`crm_schema`
        :param on_bad_value: whether a value that does not fit its field's type is an error (``fail``), or
            ``None`` (``null``)
        :param max_in_flight: how many requests may be under way at once: 1 to 40
        :raises InvalidInputError: no such dataset or field, a filter with which everything would come, or
            ``changed_since`` of a dataset without a date of the last change
        :raises BadValueError: a value does not fit its field's type
        :raises IncompleteListError: rows are missing or come twice
        :raises Bitrix24Error: a request failed
        """
        with joined():
            extraction = open_extraction(
                self,
                dataset,
                fields=fields,
                where=where,
                changed_since=changed_since,
                names=names,
                on_bad_value=on_bad_value,
                max_in_flight=max_in_flight,
            )
            for chunk in _reported(self, extraction):
                yield from chunk.rows()

    def crm_batches(
        self,
        dataset: str,
        *,
        fields: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        changed_since: datetime | str | None = None,
        names: Names = "snake",
        on_bad_value: OnBadValue = "fail",
        max_in_flight: int = LIST_IN_FLIGHT,
    ) -> Iterator[pyarrow.RecordBatch]:
        """Yield the rows of a dataset as Arrow record batches of 10,000 rows; needs the extra ``[arrow]``.

        :param dataset: as for :meth:`crm_schema`
        :param fields: as for :meth:`crm_rows`
        :param where: as for :meth:`crm_rows`
        :param changed_since: as for :meth:`crm_rows`
        :param names: as for :meth:`crm_schema`
        :param on_bad_value: as for :meth:`crm_rows`
        :param max_in_flight: as for :meth:`crm_rows`
        :raises InvalidInputError: PyArrow is not installed, or as :meth:`crm_rows` does
        :raises Bitrix24Error: as :meth:`crm_rows` does
        """
        from airflow_provider_bitrix24.crm.extraction.arrow import record_batches, require_pyarrow

        with joined():
            require_pyarrow()
            extraction = open_extraction(
                self,
                dataset,
                fields=fields,
                where=where,
                changed_since=changed_since,
                names=names,
                on_bad_value=on_bad_value,
                max_in_flight=max_in_flight,
            )
            yield from record_batches(_reported(self, extraction))


def _reported(hook: RestHook, extraction: Extraction) -> Iterator[Chunk]:
    """Yield the rows of a dataset, and report it to Airflow's lineage."""
    return reporting(hook, dataset_name(extraction.dataset.name), extraction.chunks())
