"""Telling Airflow's lineage which file was written, or read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

_log = logging.getLogger(__name__)


def report_output(path: ObjectStoragePath) -> None:
    """Report a file that a task has written. Lineage that does not work never fails the task.

    :param path: where the file is
    """
    _report(path, is_output=True)


def report_input(path: ObjectStoragePath) -> None:
    """Report a file that a task has read. Lineage that does not work never fails the task.

    :param path: where the file is
    """
    _report(path, is_output=False)


def _report(path: ObjectStoragePath, *, is_output: bool) -> None:
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    try:
        # the address without the connection's id, which stands where a bucket's name is looked for
        uri = path.fs.unstrip_protocol(path.path)
        collector = get_hook_lineage_collector()
        report = collector.add_output_asset if is_output else collector.add_input_asset
        report(context=path, uri=uri)
    except Exception as error:  # whatever a plugin of Airflow's raises: the file is there all the same
        _log.debug("Lineage of %s cannot be reported: %s", path.name, type(error).__name__)
