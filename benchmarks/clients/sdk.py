"""b24pysdk as its README recommends: ``call_batches`` for many calls, ``as_list_fast`` for long lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import upserts, work
from benchmarks.work import Portal


def _client(portal: Portal) -> Any:
    from b24pysdk import BitrixWebhook, Client

    return Client(BitrixWebhook(domain=portal.domain, webhook_token=portal.token))


def _batches(client: Any, requests: Sequence[Any]) -> list[Any]:
    """Carry out many calls; a command that failed is an error here, as it is for the other clients."""
    answer = client.call_batches(requests).result
    if answer.result_error:
        raise RuntimeError(
            f"{len(answer.result_error)} commands failed: {next(iter(answer.result_error.values()))}"
        )
    results = answer.result
    return list(results.values()) if isinstance(results, dict) else list(results)


def bind(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Bind all records with ``call_batches``."""
    client = _client(portal)
    bindings = client.crm.timeline.bindings
    _batches(client, [bindings.bind(**work.bind_fields(binding)) for binding in work.bindings(size)])


def singles(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Bind this process's share of the records with one call each."""
    bindings = _client(portal).crm.timeline.bindings
    for binding in work.bindings(size)[rank::processes]:
        bindings.bind(**work.bind_fields(binding)).call()


def listings(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read the bindings of all records with ``call_batches``."""
    client, wanted = _client(portal), work.bindings(size)
    listing = client.crm.timeline.bindings.list
    results = _batches(client, [listing(**work.list_filter(binding[0])) for binding in wanted])
    return sum(work.is_listed(rows, binding) for binding, rows in zip(wanted, results, strict=False))


def comments(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Add the comments with ``call_batches``."""
    client = _client(portal)
    add = client.crm.timeline.comment.add
    _batches(client, [add(**work.comment_fields(comment)) for comment in work.comments(size)])


def upsert(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Read all deals with ``as_list_fast``, and add those whose keys are not there with ``call_batches``."""
    client = _client(portal)
    there = client.crm.deal.list(select=upserts.SELECT).as_list_fast().result
    _batches(
        client,
        [
            client.crm.item.add(entity_type_id=params["entityTypeId"], fields=params["fields"])
            for params in upserts.additions(there, size)
        ],
    )


def upsert_same(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read all deals with ``as_list_fast``, and count the rows that the portal holds already."""
    return upserts.held(_client(portal).crm.deal.list(select=upserts.SELECT).as_list_fast().result, size)


def sensors(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Ask once for each sensor, one after the other: it has no asynchronous form."""
    listing = _client(portal).crm.timeline.bindings.list
    return sum(
        work.is_listed(listing(**work.list_filter(binding[0])).result, binding)
        for binding in work.bindings(size)
    )


def deals(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read all deals with ``as_list_fast``."""
    rows = _client(portal).crm.deal.list(select=work.SELECT).as_list_fast().result
    return len({int(row["ID"]) for row in rows} & set(range(1, size + 1)))
