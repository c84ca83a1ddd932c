"""The page at the root: its structure, what it links to, and that nothing written into the CRM breaks it."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
import requests
from page_tree import card_of, chosen, entries, fetch, page_of

from airflow_provider_bitrix24.testing import Bitrix24Portal


@pytest.fixture
def deal(box):
    return box.add_item("deal", {"TITLE": "Espresso machines"}, item_id=10)


# ---------------------------------------------------------------- cards


def test_cards_by_type(box, deal):
    box.add_item("contact", {"NAME": "Ada", "LAST_NAME": "L"}, item_id=39)
    box.add_item("company", {"TITLE": "Northwind"})
    box.add_item(box.add_smart_process(128, "Deliveries"), {"title": "First"})
    page = page_of(box)
    assert [heading.text for heading in page.all("h2")] == [
        "Deals1",
        "Contacts1",
        "Companies1",
        "Deliveries1",
    ]
    titles = {card.attributes["id"]: next(card.all("h3")).text for card in page.all("article")}
    assert titles == {
        "deal-10": "Espresso machines",
        "contact-39": "Ada L",
        "company-1": "Northwind",
        "dynamic_128-1": "First",
    }


def test_facts_of_a_card(box):
    box.add_item("contact", {"NAME": "Ada"}, item_id=39)
    lead = box.add_item("lead", {"TITLE": "Fair"})
    values = {"STAGE_ID": "WON", "OPPORTUNITY": 48000, "CONTACT_IDS": [39, 40], "LEAD_ID": lead}
    box.add_item("deal", values, item_id=10)
    card = card_of(box, "deal-10")
    (stage,) = card.all("select", "stage")
    assert (stage.attributes["class"], stage.attributes["title"]) == ("stage S", "WON")
    assert chosen(stage) == "Deal won"
    assert "48,000 USD" in card.text
    assert [link.attributes["href"] for link in card.all("a")] == ["#contact-39", "#lead-1"]


def test_cards_with_something_in_the_timeline_come_first(box):
    for number in range(1, 5):
        box.add_item("deal", item_id=number)
    box.add_comment("deal", 3, "x")
    box.add_activity("deal", 4, "y")
    ids = [card.attributes["id"] for card in page_of(box).all("article")]
    assert ids == ["deal-3", "deal-4", "deal-1", "deal-2"]


def test_more_cards_than_a_page_shows(box):
    box.add_items("deal", [{"TITLE": "x"}] * 250)
    box.add_comment("deal", 240, "x")
    page = page_of(box)
    ids = [card.attributes["id"] for card in page.all("article")]
    assert (len(ids), ids[0]) == (200, "deal-240")
    assert next(page.all("h2")).text == "Deals250"
    assert "and 50 more" in page.text


def test_empty_crm(box):
    assert "The CRM is empty." in page_of(box).text


# ---------------------------------------------------------------- timelines


def test_timeline_is_newest_first(box, clock, deal):
    first = box.add_record("deal", deal, kind="stage_change", text="New")
    clock.now += 60
    call = box.add_activity("deal", deal, "Call Ada", kind="call", author_id=2)
    clock.now += 60
    comment = box.add_comment("deal", deal, "Hello", author_id=2, files={"offer.pdf": b"1"})
    clock.now += 60
    log = box.add_log_message("deal", deal, "Nightly sync", "12 rows")
    card = card_of(box, "deal-10")
    assert entries(card) == [
        f"record-{log}",
        f"record-{comment}",
        f"activity-{call}",
        f"record-{first}",
    ]
    kinds = [kind.text for kind in card.all("b")]
    assert kinds == ["Log message", "Comment", "Call", "Stage change"]
    times = [time.attributes["datetime"] for time in card.all("time")]
    assert times == sorted(times, reverse=True)
    assert times[0] == "2025-09-09T16:34:11+03:00"
    assert next(card.all("time")).text == "9 Sep 2025 16:34:11 +03:00"
    for text in ("Nightly sync", "12 rows", "Hello", "Call Ada", "Manager · record 2 · with offer.pdf"):
        assert text in card.text


def test_where_else_a_record_is_bound(box, deal):
    box.add_item("contact", {"NAME": "Ada"}, item_id=39)
    record = box.add_comment("deal", deal, "Hello")
    box.bind(record, "contact", 39)
    box.bind(record, box.add_smart_process(1042), 7)
    activity = box.add_activity("deal", deal, "Call")
    box.bind_activity(activity, "contact", 39)
    links = {
        name: sorted(
            link.attributes["href"]
            for also in card_of(box, name).all("div", "also")
            for link in also.all("a")
        )
        for name in ("deal-10", "contact-39", "dynamic_1042-7")
    }
    assert links == {
        "deal-10": ["#contact-39", "#contact-39", "#dynamic_1042-7"],
        "contact-39": ["#deal-10", "#deal-10", "#dynamic_1042-7"],
        "dynamic_1042-7": ["#contact-39", "#deal-10"],
    }
    assert "Ada (contact 39)" in card_of(box, "deal-10").text
    assert "does not exist" in card_of(box, "dynamic_1042-7").text


def test_every_link_leads_to_a_card(box):
    box.load_demo()
    page = page_of(box)
    cards = {f"#{card.attributes['id']}" for card in page.all("article")}
    links = {link.attributes["href"] for link in page.all("a")}
    assert links
    assert links <= cards


def test_bindings_gone_astray(box, deal):
    box.bind(777, "deal", deal)
    lost = box.add_comment("deal", deal, "Nobody sees this")
    box.unbind(lost, "deal", deal)
    assert "Record 777 is bound here and does not exist" in card_of(box, "deal-10").text
    assert entries(card_of(box, "nothing")) == [f"record-{lost}"]


def test_long_timelines_are_cut(box, deal):
    numbers = [box.add_comment("deal", deal, str(n)) for n in range(45)]
    card = card_of(box, "deal-10")
    assert entries(card) == [f"record-{number}" for number in reversed(numbers[15:])]
    assert "and 15 older ones" in card.text


def test_activities_done_and_due(box, deal):
    box.add_activity("deal", deal, "a", fields={"COMPLETED": "Y"})
    box.add_activity("deal", deal, "b", fields={"DEADLINE": "2025-09-10T12:00:00+03:00"})
    box.add_activity("deal", deal, "c", kind="email")
    text = card_of(box, "deal-10").text
    assert "9999" not in text
    assert "activity 1 · done" in text
    assert "activity 2 · due 10 Sep 2025 12:00:00 +03:00" in text


# ---------------------------------------------------------------- escaping


_HOSTILE = "<script>alert('1')</script>\" & <b>"


def test_nothing_written_into_the_crm_is_markup(box):
    box.add_user(4, name=_HOSTILE)
    box.add_item("deal", {"TITLE": _HOSTILE, "STAGE_ID": _HOSTILE, "CURRENCY_ID": _HOSTILE, "OPPORTUNITY": 5})
    kind = box.add_smart_process(128, _HOSTILE)
    box.add_item(kind, {"title": _HOSTILE, "parentId2": 1})
    record = box.add_comment("deal", 1, _HOSTILE, author_id=4, files={_HOSTILE: b"1"})
    box.bind(record, kind, 1)
    box.add_record("deal", 1, kind=_HOSTILE, text=_HOSTILE)
    box.add_log_message("deal", 1, _HOSTILE, _HOSTILE)
    box.add_activity("deal", 1, _HOSTILE, fields={"DESCRIPTION": _HOSTILE})
    requests.post(box.webhook_url() + "no.such<script>", json={}, timeout=5)
    page = page_of(box)
    assert len(list(page.all("script"))) == 1
    assert next(page.all("h3")).text == _HOSTILE
    assert {name for node in page.all() for name in node.attributes if name.startswith("on")} == set()
    assert fetch(box).text.count("<script") == 1


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("[b]Hi[/b]", "<b>Hi</b>"),
        ("[B]a [i]b[/i][/B]", "<b>a <i>b</i></b>"),
        ("[b]a [i]b[/b]", "[b]a [i]b[/b]"),
        (
            "[url=https://x.com/?a=1&b='2']the [b]log[/b][/URL]",
            '<a href="https://x.com/?a=1&amp;b=&#x27;2&#x27;" rel="noreferrer">the <b>log</b></a>',
        ),
        ('[url=https://x"onclick="y]x', "[url=https://x&quot;onclick=&quot;y]x"),
        ("[/b]a[b]", "[/b]a[b]"),
        ("[s]<i>[/s]", "<s>&lt;i&gt;</s>"),
        ("[url=javascript:x]y[/url]", "[url=javascript:x]y[/url]"),
        ("[b onclick=x]y[/b]", "[b onclick=x]y[/b]"),
    ],
)
def test_bb_codes(box, deal, text, written):
    box.add_comment("deal", deal, text)
    assert f"<p>{written}</p>" in fetch(box).text
    page_of(box)


def test_policy_lets_only_its_own_script_and_style_run(box):
    response = fetch(box)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    for name in ("script", "style"):
        (content,) = re.findall(f"<{name}>(.*?)</{name}>", response.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_nothing_is_loaded_and_no_secret_shown(box, client, deal):
    client("crm.deal.get", {"id": deal})
    box.oauth_connection()
    text = fetch(box).text
    assert "://" not in text.replace(box.url, "")
    assert "src=" not in text
    for user_id in (1, 2, 3):
        assert box.webhook_code(user_id) not in text
    assert box.client_secret not in text


# ---------------------------------------------------------------- live


def test_unchanged_page_is_not_sent_again(box, client, deal):
    version = fetch(box).headers["ETag"]
    assert fetch(box).headers["ETag"] == version
    again = fetch(box, **{"If-None-Match": version})
    assert (again.status_code, again.content) == (304, b"")
    changes = (
        lambda: box.add_item("deal"),
        lambda: box.add_comment("deal", deal, "x"),
        lambda: box.bind(1, "deal", 1),
        lambda: box.unbind(1, "deal", 1),
        lambda: client("crm.timeline.comment.update", {"id": 1, "fields": {"COMMENT": "y"}}),
        lambda: client("crm.deal.update", {"id": deal, "fields": {"TITLE": "z"}}),
        lambda: box.add_activity("deal", deal, "x"),
        lambda: box.bind_activity(1, "deal", 1),
        lambda: box.delete_activity(1),
        lambda: box.delete_record(1),
        lambda: box.delete_item("deal", deal),
        box.clear_journal,
    )
    for number, change in enumerate(changes):
        change()
        response = fetch(box, **{"If-None-Match": version})
        assert (number, response.status_code) == (number, 200)
        version = response.headers["ETag"]


def test_other_portals_have_other_versions(box):
    with Bitrix24Portal() as other:
        assert fetch(other).headers["ETag"] != fetch(box).headers["ETag"]


def test_script_finds_what_it_replaces(box):
    page = page_of(box)
    ids = {node.attributes["id"] for node in page.all() if "id" in node.attributes}
    assert ids >= {"bar", "calls", "board", "live"}
    assert next(page.all("html")).attributes["data-version"] == fetch(box).headers["ETag"]
