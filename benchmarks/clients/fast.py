"""fast_bitrix24 as its README recommends: lists of parameters for ``call``, ``get_all``, its own pace."""

from __future__ import annotations

from typing import Any

from benchmarks import upserts, work
from benchmarks.work import Portal


def _client(portal: Portal) -> Any:
    from fast_bitrix24 import Bitrix

    return Bitrix(portal.webhook, verbose=False)


def bind(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Bind all records with one ``call``, which packs batches."""
    _client(portal).call(work.BIND, [work.bind_fields(binding) for binding in work.bindings(size)])


def singles(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Bind this process's share of the records with one ``call`` each."""
    client = _client(portal)
    for binding in work.bindings(size)[rank::processes]:
        client.call(work.BIND, work.bind_fields(binding), raw=True)


def listings(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read the bindings of all records with one ``call``, which returns the rows of all lists in one."""
    wanted = work.bindings(size)
    rows = _client(portal).call(work.LISTING, [work.list_filter(binding[0]) for binding in wanted])
    by_record: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_record.setdefault(int(row["OWNER_ID"]), []).append(row)
    return sum(work.is_listed(by_record.get(binding[0], []), binding) for binding in wanted)


def comments(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Add the comments with one ``call``."""
    _client(portal).call(work.ADD, [work.comment_fields(comment) for comment in work.comments(size)])


def upsert(portal: Portal, size: int, rank: int, processes: int) -> None:
    """Read all deals with ``get_all``, and add those whose keys are not there with one ``call``."""
    client = _client(portal)
    there = client.get_all(work.DEALS, {"select": upserts.SELECT})
    client.call(upserts.ADD, upserts.additions(there, size))


def upsert_same(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read all deals with ``get_all``, and count the rows that the portal holds already."""
    return upserts.held(_client(portal).get_all(work.DEALS, {"select": upserts.SELECT}), size)


def sensors(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Ask once for each sensor, all of them in one event loop that shares a client."""
    import asyncio

    from fast_bitrix24 import BitrixAsync

    async def all_of_them() -> int:
        client = BitrixAsync(portal.webhook, verbose=False)

        async def look(binding: work.Binding) -> bool:
            answer = await client.call(work.LISTING, work.list_filter(binding[0]), raw=True)
            return work.is_listed(answer["result"], binding)

        return sum(await asyncio.gather(*(look(binding) for binding in work.bindings(size))))

    return asyncio.run(all_of_them())


def deals(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read all deals with ``get_all``."""
    return _read("deals", portal, size)


def sparse_deals(portal: Portal, size: int, rank: int, processes: int) -> int:
    """Read all deals, where every second id is missing."""
    return _read("sparse_deals", portal, size)


def _read(job: str, portal: Portal, size: int) -> int:
    """Return how many deals came, in whatever order."""
    rows = _client(portal).get_all(work.DEALS, {"select": work.SELECT})
    return len({int(row["ID"]) for row in rows} & set(work.deal_ids(job, size)))
