"""What a task reads and writes, as OpenLineage's facets.

OpenLineage need not be installed: it is imported only where its provider asks for facets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_bitrix24.crm.lineage import DataField, DataNode, Lineage

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset

#: schemes that OpenLineage calls otherwise
_SCHEMES = {"gcs": "gs", "s3a": "s3", "s3n": "s3"}


def openlineage_of(lineage: Lineage) -> OperatorLineage[Any, Any]:
    """Return lineage as Airflow's provider of OpenLineage wants it.

    :param lineage: what a task reads and writes
    :raises ImportError: the provider is not installed
    """
    from airflow.providers.openlineage.extractors import OperatorLineage

    return OperatorLineage(
        inputs=[_input(node) for node in lineage.inputs], outputs=[_output(node) for node in lineage.outputs]
    )


def file_node(
    path: Any, *, fields: Sequence[DataField] = (), rows: int | None = None, size: int | None = None
) -> DataNode:
    """Return a file's dataset, named as Airflow's providers name an asset with its URI.

    :param path: where the file is; the connection in it is not read
    :param fields: its columns, as far as they are known
    :param rows: how many rows were read or written
    :param size: how many bytes were
    """
    from airflow.providers.openlineage.utils.utils import translate_airflow_asset
    from airflow.sdk import Asset

    from airflow_provider_bitrix24.assets.files import uri_of_path

    uri = uri_of_path(str(path))
    found = translate_airflow_asset(Asset(uri=uri), None)
    namespace, name = _names_of(uri) if found is None else (found.namespace, found.name)
    return DataNode(namespace=namespace, name=name, fields=fields, rows=rows, size=size)


def _names_of(uri: str) -> tuple[str, str]:
    """Return namespace and name of a file in storage for which no provider of Airflow's has a rule."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    scheme = _SCHEMES.get(scheme, scheme)
    return (f"{scheme}://{bucket}", key) if bucket else (scheme, f"/{key}")


def _input(node: DataNode) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset

    return InputDataset(
        namespace=node.namespace, name=node.name, facets=_facets(node), inputFacets=_input_facets(node)
    )


def _output(node: DataNode) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    facets: dict[str, Any] = {}
    if node.rows is not None or node.size is not None:
        facets["outputStatistics"] = statistics.OutputStatisticsOutputDatasetFacet(
            rowCount=node.rows, size=node.size
        )
    return OutputDataset(namespace=node.namespace, name=node.name, facets=_facets(node), outputFacets=facets)


def _input_facets(node: DataNode) -> dict[str, Any]:
    """Return how much was read, if the installed client has a facet for it."""
    if node.rows is None and node.size is None:
        return {}
    try:
        from openlineage.client.facet_v2 import input_statistics_input_dataset as statistics
    except ImportError:
        return {}
    facet = statistics.InputStatisticsInputDatasetFacet(rowCount=node.rows, size=node.size)
    return {"inputStatistics": facet}


def _facets(node: DataNode) -> dict[str, Any]:
    """Return the fields of a dataset, and where their values come from."""
    from openlineage.client.facet_v2 import column_lineage_dataset as columns
    from openlineage.client.facet_v2 import schema_dataset as schema

    facets: dict[str, Any] = {}
    if node.fields:
        facets["schema"] = schema.SchemaDatasetFacet(
            fields=[
                schema.SchemaDatasetFacetFields(
                    name=known.name, type=known.type or None, description=known.title or None
                )
                for known in node.fields
            ]
        )
    if node.origins:
        fields = {
            name: [columns.InputField(each.namespace, each.name, each.field) for each in origins]
            for name, origins in node.origins.items()
        }
        facets["columnLineage"] = columns.ColumnLineageDatasetFacet(
            fields={name: columns.Fields(inputFields=inputs) for name, inputs in fields.items()}
        )
    return facets
