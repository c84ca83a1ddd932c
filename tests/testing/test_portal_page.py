"""The page at the root: its structure, what it links to, and that nothing written into the CRM breaks it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
import requests
from portal_client import Client

from airflow_provider_bitrix24.testing import Bitrix24Portal

_VOID = {"meta", "link", "path", "use"}


@dataclass
class Node:
    name: str
    attributes: dict
    children: list = field(default_factory=list)

    def all(self, name=None, css=None):
        """Every element below, by name and class, in the order of the page."""
        for child in self.children:
            if isinstance(child, Node):
                if (not name or child.name == name) and (not css or css in child.attributes.get("class", "")):
                    yield child
                yield from child.all(name, css)

    @property
    def text(self):
        return "".join(child.text if isinstance(child, Node) else child for child in self.children)


class _Tree(HTMLParser):
    """Builds a tree and fails where a tag is closed that is not the one open."""

    def __init__(self, page):
        super().__init__()
        self.root = Node("", {})
        self.open = [self.root]
        self.feed(page)
        self.close()
        assert self.open == [self.root], [node.name for node in self.open]

    def handle_starttag(self, tag, attrs):
        node = Node(tag, dict(attrs))
        self.open[-1].children.append(node)
        if tag not in _VOID:
            self.open.append(node)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Node(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop().name == tag

    def handle_data(self, data):
        self.open[-1].children.append(data)


def _response(box, **headers):
    return requests.get(box.url, timeout=5, headers=headers)


def _page(box):
    return _Tree(_response(box).text).root


def _card(box, name):
    (card,) = [card for card in _page(box).all("article") if card.attributes["id"] == name]
    return card


def _entries(card):
    return [entry.attributes["data-entry"] for entry in card.all("li") if "data-entry" in entry.attributes]


@pytest.fixture
def deal(box):
    return box.add_item("deal", {"TITLE": "Espresso machines"}, item_id=10)


# ---------------------------------------------------------------- cards


def test_cards_by_type(box, deal):
    box.add_item("contact", {"NAME": "Ada", "LAST_NAME": "L"}, item_id=39)
    box.add_item("company", {"TITLE": "Northwind"})
    box.add_item(box.add_smart_process(128, "Deliveries"), {"title": "First"})
    page = _page(box)
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
    card = _card(box, "deal-10")
    (stage,) = card.all("span", "stage")
    assert (stage.text, stage.attributes["class"], stage.attributes["title"]) == (
        "Deal won",
        "stage S",
        "WON",
    )
    assert "48,000 USD" in card.text
    assert [link.attributes["href"] for link in card.all("a")] == ["#contact-39", "#lead-1"]


def test_cards_with_something_in_the_timeline_come_first(box):
    for number in range(1, 5):
        box.add_item("deal", item_id=number)
    box.add_comment("deal", 3, "x")
    box.add_activity("deal", 4, "y")
    ids = [card.attributes["id"] for card in _page(box).all("article")]
    assert ids == ["deal-3", "deal-4", "deal-1", "deal-2"]


def test_more_cards_than_a_page_shows(box):
    box.add_items("deal", [{"TITLE": "x"}] * 250)
    box.add_comment("deal", 240, "x")
    page = _page(box)
    ids = [card.attributes["id"] for card in page.all("article")]
    assert (len(ids), ids[0]) == (200, "deal-240")
    assert next(page.all("h2")).text == "Deals250"
    assert "and 50 more" in page.text


def test_empty_crm(box):
    assert "The CRM is empty." in _page(box).text


# ---------------------------------------------------------------- timelines


def test_timeline_is_newest_first(box, clock, deal):
    first = box.add_record("deal", deal, kind="stage_change", text="New")
    clock.now += 60
    call = box.add_activity("deal", deal, "Call Ada", kind="call", author_id=2)
    clock.now += 60
    comment = box.add_comment("deal", deal, "Hello", author_id=2, files={"offer.pdf": b"1"})
    clock.now += 60
    log = box.add_log_message("deal", deal, "Nightly sync", "12 rows")
    card = _card(box, "deal-10")
    assert _entries(card) == [
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
            link.attributes["href"] for also in _card(box, name).all("div", "also") for link in also.all("a")
        )
        for name in ("deal-10", "contact-39", "dynamic_1042-7")
    }
    assert links == {
        "deal-10": ["#contact-39", "#contact-39", "#dynamic_1042-7"],
        "contact-39": ["#deal-10", "#deal-10", "#dynamic_1042-7"],
        "dynamic_1042-7": ["#contact-39", "#deal-10"],
    }
    assert "Ada (contact 39)" in _card(box, "deal-10").text
    assert "does not exist" in _card(box, "dynamic_1042-7").text


def test_every_link_leads_to_a_card(box):
    box.load_demo()
    page = _page(box)
    cards = {f"#{card.attributes['id']}" for card in page.all("article")}
    links = {link.attributes["href"] for link in page.all("a")}
    assert links
    assert links <= cards


@pytest.mark.parametrize("path", ["crm/deal/details/10/", "crm/type/2/details/10/", "crm/deal/details/10"])
def test_the_address_of_a_card_leads_to_it(box, deal, path):
    answer = requests.get(f"{box.url}/{path}", timeout=5)
    assert (answer.status_code, answer.url) == (200, f"{box.url}/#deal-10")
    assert _card(box, "deal-10")


@pytest.mark.parametrize(
    "path", ["crm/deal/details/11/", "crm/type/128/details/1/", "crm/nothing/details/1/"]
)
def test_the_address_of_no_card_is_not_found(box, deal, path):
    assert requests.get(f"{box.url}/{path}", timeout=5).status_code == 404


def test_bindings_gone_astray(box, deal):
    box.bind(777, "deal", deal)
    lost = box.add_comment("deal", deal, "Nobody sees this")
    box.unbind(lost, "deal", deal)
    assert "Record 777 is bound here and does not exist" in _card(box, "deal-10").text
    assert _entries(_card(box, "nothing")) == [f"record-{lost}"]


def test_long_timelines_are_cut(box, deal):
    numbers = [box.add_comment("deal", deal, str(n)) for n in range(45)]
    card = _card(box, "deal-10")
    assert _entries(card) == [f"record-{number}" for number in reversed(numbers[15:])]
    assert "and 15 older ones" in card.text


def test_activities_done_and_due(box, deal):
    box.add_activity("deal", deal, "a", fields={"COMPLETED": "Y"})
    box.add_activity("deal", deal, "b", fields={"DEADLINE": "2025-09-10T12:00:00+03:00"})
    text = _card(box, "deal-10").text
    assert "activity 1 · done" in text
    assert "activity 2 · due 10 Sep 12:00" in text


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
    page = _page(box)
    assert len(list(page.all("script"))) == 1
    assert next(page.all("h3")).text == _HOSTILE
    assert {name for node in page.all() for name in node.attributes if name.startswith("on")} == set()
    assert _response(box).text.count("<script") == 1


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("[b]Hi[/b]", "<b>Hi</b>"),
        ("[B]a [i]b[/i][/B]", "<b>a <i>b</i></b>"),
        ("[b]a [i]b[/b]", "[b]a [i]b[/b]"),
        ("[/b]a[b]", "[/b]a[b]"),
        ("[s]<i>[/s]", "<s>&lt;i&gt;</s>"),
        ("[url=javascript:x]y[/url]", "[url=javascript:x]y[/url]"),
        ("[b onclick=x]y[/b]", "[b onclick=x]y[/b]"),
    ],
)
def test_bb_codes(box, deal, text, written):
    box.add_comment("deal", deal, text)
    assert f"<p>{written}</p>" in _response(box).text
    _page(box)


def test_policy_lets_only_its_own_script_and_style_run(box):
    response = _response(box)
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
    text = _response(box).text
    assert "://" not in text.replace(box.url, "")
    assert "src=" not in text
    for user_id in (1, 2, 3):
        assert box.webhook_code(user_id) not in text
    assert box.client_secret not in text


# ---------------------------------------------------------------- live


def test_latest_calls(box, client, deal):
    client("crm.deal.get", {"id": deal})
    client("crm.deal.get", {"id": 99})
    client.batch({"a": "crm.contact.list"})
    Client(box, 3).pair("bind", 1, "deal", deal)
    (calls,) = _page(box).all("details")
    lines = [row.text for row in calls.all("li")]
    assert next(calls.all("summary")).text == "4 requests, 0 refused"
    assert [re.sub(r"^[0-9:]{8}", "", line) for line in lines] == [
        "crm.timeline.bindings.binduser 3false",
        "batchuser 1ok",
        "crm.contact.listuser 1 in a batchok",
        "crm.deal.getuser 1400",
        "crm.deal.getuser 1ok",
    ]


def test_unchanged_page_is_not_sent_again(box, client, deal):
    version = _response(box).headers["ETag"]
    assert _response(box).headers["ETag"] == version
    again = _response(box, **{"If-None-Match": version})
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
        response = _response(box, **{"If-None-Match": version})
        assert (number, response.status_code) == (number, 200)
        version = response.headers["ETag"]


def test_other_portals_have_other_versions(box):
    with Bitrix24Portal() as other:
        assert _response(other).headers["ETag"] != _response(box).headers["ETag"]


def test_script_finds_what_it_replaces(box):
    page = _page(box)
    ids = {node.attributes["id"] for node in page.all() if "id" in node.attributes}
    assert ids >= {"bar", "calls", "board", "live"}
    assert next(page.all("html")).attributes["data-version"] == _response(box).headers["ETag"]
