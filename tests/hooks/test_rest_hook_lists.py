"""The hook reads lists, and downloads files."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from hook_helpers import secrets_in, whole_story

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import (
    Bitrix24Error,
    IncompleteListError,
    InvalidInputError,
    MorePagesError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits

_DEALS = "crm.deal.list"


def _deals(box: Any, count: int) -> None:
    box.add_items("deal", [{"TITLE": f"Deal {number}"} for number in range(count)])


# ---------------------------------------------------------------- lists


def test_a_list_with_more_pages_is_an_error(box, hook, door):
    _deals(box, 51)
    with pytest.raises(
        MorePagesError, match=r"rows in all: 51.*Bitrix24ListOperator or .*records\(\)"
    ) as caught:
        door.call(hook, _DEALS)
    assert isinstance(caught.value, IncompleteListError)
    assert isinstance(caught.value, AirflowFailException)


def test_a_list_with_more_pages_inside_a_batch(box, hook, door):
    _deals(box, 51)
    with pytest.raises(MorePagesError, match=r"calls\[1\]: .*records\(\)") as caught:
        door.batch(hook, [Call("profile"), Call(_DEALS)])
    profile, deals = caught.value.outcomes
    assert isinstance(deals.error, MorePagesError)
    assert profile.result["ID"] == "1"
    assert len(deals.reply.result) == 50


@pytest.mark.parametrize("start", [{"start": 0}, {"START": 50}, {"Start": -1}], ids=str)
def test_who_asks_for_a_page_gets_it(box, hook, door, start):
    _deals(box, 51)
    assert door.call(hook, _DEALS, start)
    [outcome] = door.batch(hook, [Call(_DEALS, start)])
    assert outcome.ok


def test_a_list_of_one_page(box, hook, door):
    _deals(box, 50)
    assert len(door.call(hook, _DEALS)) == 50


def test_all_records(box, hook, door):
    _deals(box, 120)
    rows = door.records(hook, _DEALS, {"select": ["TITLE"]})
    assert [row["TITLE"] for row in rows] == [f"Deal {number}" for number in range(120)]


@pytest.mark.parametrize("documented", [True, False])
def test_all_log_messages(box, hook, door, documented):
    """The documentation has them in pages by ``start``, the product by ``offset``."""
    box.set_log_messages_as_documented(documented)
    box.add_item("deal", item_id=10)
    numbers = [box.add_log_message("deal", 10, "Sync", str(number)) for number in range(25)]
    rows = door.records(hook, "crm.timeline.logmessage.list", {"entityTypeId": 2, "entityId": 10})
    assert [row["id"] for row in rows] == numbers


def test_records_that_are_missing(box, hook, door):
    _deals(box, 60)
    box.inject("result", _DEALS, result=[{"ID": "1"}], times=None)
    with pytest.raises(IncompleteListError):
        door.records(hook, _DEALS)


def test_records_of_what_is_no_list(box, hook, door):
    with pytest.raises(UnexpectedResultError):
        door.records(hook, "profile")
    with pytest.raises(InvalidInputError):
        door.records(hook, _DEALS, {"start": 50})


def test_records_are_read_as_they_are_wanted(box, hook):
    _deals(box, 120)
    rows = hook.records(_DEALS)
    next(rows)
    assert len(box.requests) == 1
    rows.close()


@pytest.mark.parametrize("max_in_flight", [0, 41, True, 2.0, "16", None], ids=repr)
def test_up_to_forty_requests_of_a_list_are_under_way(box, hook, door, max_in_flight):
    with pytest.raises(InvalidInputError, match=r"^max_in_flight: .* is not a whole number from 1 to 40"):
        door.records(hook, _DEALS, max_in_flight=max_in_flight)
    assert not box.requests


@pytest.mark.parametrize("max_in_flight", [1, 40])
def test_a_long_list_is_read_in_ranges_if_several_requests_may_be_under_way(box, hook, door, max_in_flight):
    """The name is so long that a request holds ten pages; so a list of 1,100 rows is a long one."""
    _deals(box, 1100)
    params = {"filter": {"!TITLE": "x" * 39_000}, "select": ["ID"]}
    rows = door.records(hook, _DEALS, params, max_in_flight=max_in_flight)
    assert [int(row["ID"]) for row in rows] == list(range(1, 1101))
    bounded = [call for call in box.calls() if "<=ID" in call.params.get("filter", {})]
    assert bool(bounded) == (max_in_flight > 1)


def test_who_stops_reading_leaves_nothing_open(box, hook):
    _deals(box, 120)

    async def first() -> Any:
        rows = hook.arecords(_DEALS)
        row = await anext(rows)
        await rows.aclose()
        return row

    assert asyncio.run(first())["ID"] == "1"
    assert len(box.requests) == 1


# ---------------------------------------------------------------- downloads


@pytest.fixture
def link(box, connect) -> Callable[..., str]:
    """Return the link to a file as the hook's result holds it, and its hook."""

    def link(connection: Any = None) -> tuple[Bitrix24Hook, str]:
        document = {"fileData": ["a.txt", base64.b64encode(b"contents").decode()]}
        deal = box.add_item("deal", {"UF_CRM_DOCUMENT": document})
        hook = connect(connection or box.connection())
        item = hook.call("crm.item.get", {"entityTypeId": 2, "id": deal})["item"]
        return hook, str(item["ufCrmDocument"]["urlMachine"])

    return link


@pytest.mark.parametrize("oauth", [False, True], ids=["webhook", "application"])
def test_a_download(box, link, tmp_path, oauth):
    hook, url = link(box.oauth_connection() if oauth else box.connection())
    assert not secrets_in(url, box.webhook_code(), *box._world.oauth.access)
    path = hook.download(url, tmp_path / "a.txt")
    assert path.read_bytes() == b"contents"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("field", ["showUrl", "downloadUrl", "urlDownload"])
def test_a_download_that_needs_a_browser_says_what_needs_none(box, hook, tmp_path, field):
    deal = box.add_item("deal", {"UF_CRM_DOCUMENT": {"fileData": ["a.txt", "aGk="]}})
    record = box.add_comment("deal", deal, "with a file", files={"a.txt": b"hi"})
    links = dict(hook.call("crm.deal.get", {"id": deal})["UF_CRM_DOCUMENT"])
    links |= next(iter(hook.call("crm.timeline.comment.get", {"id": record})["FILES"].values()))
    with pytest.raises(UnexpectedResultError, match="a page instead of the file") as caught:
        hook.download(links[field], tmp_path / "a.txt")
    assert "urlMachine of crm.item.get" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_download_from_elsewhere(box, link, tmp_path):
    hook, url = link()
    before = len(box.requests)
    with Bitrix24Portal(limits=Limits.off()) as other:
        stranger = url.replace(box.url, other.url) if box.url in url else f"{other.url}{url}"
        with pytest.raises(InvalidInputError, match="does not lead to") as caught:
            hook.download(stranger, tmp_path / "a.txt")
        assert other.requests == []
    assert not secrets_in(whole_story(caught.value), box.webhook_code())
    assert len(box.requests) == before
    assert list(tmp_path.iterdir()) == []


def test_the_secret_in_a_link_is_put_back_for_its_portal_only(box, hook, tmp_path):
    link = f"{box.webhook_url()}profile"
    box.inject("result", "crm.deal.get", result={"FILE": link})
    shown = hook.call("crm.deal.get", {"id": 1})["FILE"]
    assert not secrets_in(shown, box.webhook_code())
    assert b'"NAME":"Admin"' in hook.download(shown, tmp_path / "a.txt").read_bytes()
    with pytest.raises(InvalidInputError) as caught:
        hook.download(shown.replace("127.0.0.1", "localhost"), tmp_path / "b.txt")
    assert not secrets_in(whole_story(caught.value), box.webhook_code())


def test_a_download_that_fails_leaves_nothing(box, link, tmp_path):
    hook, url = link()
    (tmp_path / "a.txt").write_text("before")
    box.inject("status", status=404, body="html", times=None)
    with pytest.raises(Bitrix24Error) as caught:
        hook.download(url, str(tmp_path / "a.txt"))
    assert not secrets_in(whole_story(caught.value), box.webhook_code())
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "before"
