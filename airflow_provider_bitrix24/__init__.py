"""Apache Airflow provider for Bitrix24."""

from __future__ import annotations

from typing import Any

__version__ = "0.2.0"


def get_provider_info() -> dict[str, Any]:
    """Return what Airflow has to know of this package."""
    from airflow_provider_bitrix24.connection.form import connection_type

    package = "airflow_provider_bitrix24"
    return {
        "package-name": "airflow-provider-bitrix24",
        "name": "Bitrix24",
        "description": "Timelines, CRM data in and out, and sensors of `Bitrix24 <https://www.bitrix24.com/>`__.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Bitrix24",
                "external-doc-url": "https://apidocs.bitrix24.com/",
                "tags": ["service"],
            }
        ],
        "hooks": [{"integration-name": "Bitrix24", "python-modules": [f"{package}.hooks.bitrix24"]}],
        "operators": [
            {
                "integration-name": "Bitrix24",
                "python-modules": [
                    f"{package}.operators.timeline",
                    f"{package}.operators.activity",
                    f"{package}.operators.items",
                    f"{package}.operators.rest",
                ],
            }
        ],
        "transfers": [
            {
                "source-integration-name": "Bitrix24",
                "target-integration-name": "Common IO",
                "how-to-guide": "/docs/extracting.md",
                "python-module": f"{package}.transfers.bitrix24_to_file",
            },
            {
                "source-integration-name": "Bitrix24",
                "target-integration-name": "Common SQL",
                "how-to-guide": "/docs/extracting.md",
                "python-module": f"{package}.transfers.bitrix24_to_sql",
            },
            {
                "source-integration-name": "Common IO",
                "target-integration-name": "Bitrix24",
                "how-to-guide": "/docs/loading.md",
                "python-module": f"{package}.transfers.file_to_bitrix24",
            },
            {
                "source-integration-name": "Common SQL",
                "target-integration-name": "Bitrix24",
                "how-to-guide": "/docs/loading.md",
                "python-module": f"{package}.transfers.sql_to_bitrix24",
            },
        ],
        "sensors": [
            {
                "integration-name": "Bitrix24",
                "python-modules": [f"{package}.sensors.timeline", f"{package}.sensors.crm"],
            }
        ],
        "triggers": [
            {
                "integration-name": "Bitrix24",
                "python-modules": [
                    f"{package}.triggers.timeline",
                    f"{package}.triggers.crm",
                    f"{package}.triggers.changes",
                ],
            }
        ],
        "notifications": [f"{package}.notifications.bitrix24.Bitrix24Notifier"],
        "asset-uris": [
            {
                "schemes": ["bitrix24"],
                "handler": f"{package}.assets.bitrix24.sanitize_uri",
                "to_openlineage_converter": f"{package}.assets.lineage.convert_asset_to_openlineage",
            }
        ],
        "extra-links": [f"{package}.links.card.CrmCardLink"],
        "connection-types": [connection_type()],
    }
