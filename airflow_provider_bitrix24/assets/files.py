"""Assets of files, as they are known where a DAG is parsed."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Any

from airflow.sdk import Asset

from airflow_provider_bitrix24.crm.inputs import holds_template

#: what stands before a bucket: a connection's id, or a key and a secret, in which a slash may stand
_BEFORE_BUCKET = re.compile(r"\A(?:[^/]*@|[^/:]*:(?!\d+(?:/|$))[^@]*@)")


def asset_of_path(path: Any) -> Asset | None:
    """Return the asset of a path that holds no template, ``None`` for another one.

    :param path: a local path, or one in object storage; a connection's id in it is no part of the asset
    """
    if not isinstance(path, (str, PurePath)) or holds_template(str(path)):
        return None
    return Asset(uri=uri_of_path(str(path)))


def uri_of_path(path: str) -> str:
    """Return the URI of a path, without the id of a connection.

    :param path: a local path, or one in object storage such as ``s3://conn@bucket/deals.jsonl``
    """
    if "://" not in path:
        return Path(path.removeprefix("file:")).absolute().as_uri()
    scheme, _, rest = path.partition("://")
    return f"{scheme}://{_BEFORE_BUCKET.sub('', rest, count=1)}"
