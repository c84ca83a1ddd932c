"""Fixtures that several modules on the hook share."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.testing import Bitrix24Portal


@pytest.fixture
def record(box: Bitrix24Portal) -> int:
    """A comment on deal 1; deals 1 to 3 and contact 1 exist."""
    for number in (1, 2, 3):
        box.add_item("deal", item_id=number)
    box.add_item("contact", item_id=1)
    return box.add_comment("deal", 1, "text")


def _sync(hook: Bitrix24Hook, binding: Any) -> bool:
    return hook.is_bound(binding)


def _async(hook: Bitrix24Hook, binding: Any) -> bool:
    return asyncio.run(hook.ais_bound(binding))


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def is_bound(request: pytest.FixtureRequest) -> Any:
    return request.param


class Doors:
    """The ordinary and the asynchronous methods of a hook under the same names."""

    def __init__(self, asynchronous: bool) -> None:
        self.asynchronous = asynchronous

    def _run(self, hook: Bitrix24Hook, name: str, *args: Any, **options: Any) -> Any:
        if self.asynchronous:
            return asyncio.run(getattr(hook, f"a{name}")(*args, **options))
        return getattr(hook, name)(*args, **options)

    def call(self, hook: Bitrix24Hook, *args: Any, **options: Any) -> Any:
        return self._run(hook, "call", *args, **options)

    def call_reply(self, hook: Bitrix24Hook, *args: Any, **options: Any) -> Any:
        return self._run(hook, "call_reply", *args, **options)

    def batch(self, hook: Bitrix24Hook, *args: Any) -> Any:
        return self._run(hook, "batch", *args)

    def carry_out(self, hook: Bitrix24Hook, plan: Any) -> Any:
        return self._run(hook, "carry_out", plan)

    def records(self, hook: Bitrix24Hook, *args: Any, **options: Any) -> list[Any]:
        if not self.asynchronous:
            return list(hook.records(*args, **options))

        async def read() -> list[Any]:
            return [row async for row in hook.arecords(*args, **options)]

        return asyncio.run(read())


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def door(request: pytest.FixtureRequest) -> Doors:
    return Doors(request.param)
