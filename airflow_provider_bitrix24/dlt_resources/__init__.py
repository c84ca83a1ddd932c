"""What the resources of the dlt source yield, and what they know of earlier loads."""

from __future__ import annotations

try:
    import dlt  # noqa: F401 - only whether it is there
    import pyarrow  # noqa: F401 - the same
except ImportError as error:
    raise ImportError(
        "airflow_provider_bitrix24.dlt_source needs dlt and pyarrow, which cannot be imported here. "
        "Run pip install 'airflow-provider-bitrix24[dlt]' where the pipeline runs."
    ) from error
