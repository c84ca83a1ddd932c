"""dlt's ``rest_api`` source as its documentation recommends for an API that pages by offset."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import deals as wide
from benchmarks.clients import dlt as rows
from benchmarks.work import Portal


def wide_deals_to_parquet(portal: Portal, size: int, rank: int, processes: int) -> Callable[[], int]:
    """Read the deals page by page and write them to Parquet files."""
    rows.loaded()
    from dlt.sources.rest_api import rest_api_source

    return rows.to_parquet(
        rest_api_source(
            {
                "client": {"base_url": portal.webhook},
                "resource_defaults": {"primary_key": "id", "max_table_nesting": 0},
                "resources": [
                    {
                        "name": "deal",
                        "endpoint": {
                            "path": wide.METHOD,
                            "method": "POST",
                            "json": {**wide.PARAMS, "order": {"id": "ASC"}},
                            "data_selector": "result.items",
                            "paginator": {
                                "type": "offset",
                                "limit": 50,
                                "offset_body_path": "start",
                                "limit_body_path": "limit",
                                "total_path": "total",
                            },
                        },
                    }
                ],
            }
        )
    )
