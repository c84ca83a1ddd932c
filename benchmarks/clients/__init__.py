"""One module for each client, all with the same functions; imported when a worker's time has started."""

from __future__ import annotations

#: module -> (name in the results, distribution whose version is told)
NAMES = {
    "ours": ("this package", "airflow-provider-bitrix24"),
    "fast": ("fast_bitrix24", "fast_bitrix24"),
    "sdk": ("b24pysdk", "b24pysdk"),
    "plain": ("requests loop", "requests"),
    "dlt": ("dlt", "dlt"),
    "dlt_rest": ("dlt rest_api", "dlt"),
}
