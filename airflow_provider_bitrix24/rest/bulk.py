"""Many calls: which of them travel together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_bitrix24.rest.calls import Call

#: commands that a batch takes
BATCH_SIZE = 50
#: bytes of a batch's commands; a web server's usual bound for a whole request is 1 MiB
_BATCH_BYTES = 400_000


def groups(calls: Iterable[Call]) -> Iterator[list[Call]]:
    """Split calls into those that travel together, keeping their order.

    A call that a batch would change travels alone, and so does one that fills a batch by itself.

    :param calls: any number of calls
    """
    batch: list[Call] = []
    size = 0
    for call in calls:
        if not call.fits_batch:
            if batch:
                yield batch
            yield [call]
            batch, size = [], 0
            continue
        length = len(call.command())
        if batch and (len(batch) == BATCH_SIZE or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(call)
        size += length
    if batch:
        yield batch
