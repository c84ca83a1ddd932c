"""What OpenLineage calls a portal's assets: the same as the datasets that operators report."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow_provider_bitrix24.crm.lineage import name_in_path, namespace_of


def convert_asset_to_openlineage(asset: Any, lineage_context: Any) -> Any:
    """Return the OpenLineage dataset that an asset means: Airflow's provider of OpenLineage asks for it.

    :param asset: an asset with a URI such as ``bitrix24://portal.bitrix24.com/crm/deal``
    :param lineage_context: the hook that reported it, if one did; it makes no difference
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    parts = urlsplit(asset.uri)
    return Dataset(namespace=namespace_of(parts.netloc), name=name_in_path(parts.path))
