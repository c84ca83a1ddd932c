"""The page at the root: its structure, what it links to, and that nothing written into the CRM breaks it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote

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


def _chosen(stage):
    (option,) = [option for option in stage.all("option") if "selected" in option.attributes]
    return option.text


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
    (stage,) = card.all("select", "stage")
    assert (stage.attributes["class"], stage.attributes["title"]) == ("stage S", "WON")
    assert _chosen(stage) == "Deal won"
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
    answer = requests.get(f"{box.url}/{path}", timeout=5)
    assert answer.status_code == 404
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    shown = _Tree(answer.text).root
    assert next(shown.all("h2")).text == "Not found"
    assert [link.attributes["href"] for link in shown.all("a")] == ["/"]


def test_the_address_of_no_card_says_which_one(box, deal):
    answer = requests.get(f"{box.url}/crm/deal/details/11/", timeout=5)
    assert "There is no deal 11 in this portal." in answer.text


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
    calls = _calls(box)
    lines = [row.text for row in calls.all("li")]
    assert next(calls.all("summary")).text == "4 requests, 0 refused"
    assert {line[:26] for line in lines} == {"9 Sep 2025 16:31:11 +03:00"}
    assert [line[26:] for line in lines] == [
        "crm.timeline.bindings.binduser 3false"
        '{"fields": {"OWNER_ID": 1, "ENTITY_TYPE": "deal", "ENTITY_ID": 10}}',
        'batchuser 1ok{"commands": 1}',
        "crm.contact.listuser 1 in a batchok",
        'crm.deal.getuser 1400{"id": 99}',
        'crm.deal.getuser 1ok{"id": 10}',
    ]


def _calls(box):
    (calls,) = [part for part in _page(box).all("details") if part.attributes["id"] == "calls"]
    return calls


def test_no_secret_is_in_a_call_that_is_shown(box, client, application):
    code, secret = box.webhook_code(), box.client_secret
    link = f"{box.webhook_url()}download/?token=x"
    client("crm.deal.add", {"fields": {"TITLE": link, code: 1, "COMMENTS": ["a", {"b": secret}]}})
    client("crm.deal.list", {"filter": {"AUTHOR_ID": 7}, "api_token": "hidden-by-its-name", "auth": "mine"})
    application("crm.deal.get", {"id": 1, "more": quote(link, safe="")})
    client.batch({"a": f"crm.deal.get?id=1&auth={code}"})
    shown = _calls(box).text
    for hidden in (code, secret, "hidden-by-its-name", "mine", *box._world.oauth.access):
        assert hidden not in shown
    assert '"AUTHOR_ID": 7' in shown
    assert shown.count("***") == 5


def test_long_parameters_are_cut(box, client):
    file_data = {"fileData": ["a.pdf", "A" * 5000]}
    client("crm.deal.add", {"fields": {"UF_CRM_DOCUMENT": file_data}})
    client("crm.contact.list", {"filter": {"ID": list(range(2000))}})
    texts = [sent.text for sent in _calls(box).all("code")]
    assert "... (5000 characters)" in texts[1]
    assert all(len(text) < 700 for text in texts)


# ---------------------------------------------------------------- fields and stages


def test_a_card_shows_the_fields_that_were_given_a_value(box):
    box.add_user_field("deal", "UF_CRM_TAGS", multiple=True)
    phones = [{"VALUE": "+1", "VALUE_TYPE": "WORK"}, {"VALUE": "+2", "VALUE_TYPE": "HOME"}]
    box.add_item("contact", {"NAME": "Ada", "PHONE": phones}, item_id=39)
    document = {"fileData": ["offer.pdf", "aGk="]}
    values = {"UF_CRM_DOCUMENT": document, "UF_CRM_TAGS": ["a", "b"], "COMMENTS": "", "CONTACT_IDS": [39, 40]}
    box.add_item("deal", values, item_id=10)

    def fields(name):
        (part,) = _card(box, name).all("details", "fields")
        names = [term.text for term in part.all("dt")]
        assert next(part.all("summary")).text == f"Fields ({len(names)})"
        return dict(zip(names, [value.text for value in part.all("dd")], strict=True))

    deal = fields("deal-10")
    assert deal["UF_CRM_DOCUMENT"] == "offer.pdf (file 1)"
    assert (deal["UF_CRM_TAGS"], deal["CONTACT_IDS"]) == ("a, b", "39, 40")
    assert deal["DATE_CREATE"] == "2025-09-09T16:31:11+03:00"
    assert "COMMENTS" not in deal
    assert next(iter(deal)) == "ID"
    assert fields("contact-39")["PHONE"] == "+1 (WORK), +2 (HOME)"


def test_a_card_offers_the_stages_of_its_pipeline(box):
    projects = box.add_pipeline("deal", "Projects")
    box.add_item("deal", {"CATEGORY_ID": projects}, item_id=10)
    box.add_item("deal", {"STAGE_ID": "ODD"}, item_id=11)
    box.add_item("contact", item_id=12)
    (stage,) = _card(box, "deal-10").all("select", "stage")
    assert _chosen(stage) == "New"
    offered = {option.attributes["value"]: option.text for option in stage.all("option")}
    assert (offered["C1:WON"], len(offered)) == ("Deal won", 8)
    (stage,) = _card(box, "deal-11").all("select", "stage")
    assert (_chosen(stage), len(list(stage.all("option")))) == ("ODD", 9)
    assert list(_card(box, "contact-12").all("select")) == []


def _move(box, *args):
    return requests.post(f"{box.url}/_portal/do", json={"name": "set_stage", "args": args}, timeout=5)


def test_a_stage_that_is_chosen_by_hand_is_the_items(box, client, clock):
    box.add_item("deal", item_id=10)
    clock.now += 60
    assert _move(box, "deal", 10, "WON").status_code == 200
    row = client("crm.deal.get", {"id": 10}).result
    assert (row["STAGE_ID"], row["STAGE_SEMANTIC_ID"], row["CLOSED"]) == ("WON", "S", "Y")
    assert row["MOVED_TIME"] == "2025-09-09T16:32:11+03:00"
    history = client("crm.stagehistory.list", {"entityTypeId": 2}).result["items"]
    assert [step["STAGE_ID"] for step in history] == ["NEW", "WON"]
    (stage,) = _card(box, "deal-10").all("select", "stage")
    assert _chosen(stage) == "Deal won"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("deal", 10, "C1:WON"), "'C1:WON' is no stage of deal 10: NEW, PREPARATION"),
        (("deal", 99, "WON"), "deal 99 does not exist"),
        (("contact", 12, "WON"), "'WON' is no stage of contact 12: it has none"),
    ],
)
def test_a_stage_that_an_item_cannot_have_is_refused(box, args, said):
    box.add_item("deal", item_id=10)
    box.add_item("contact", item_id=12)
    answer = _move(box, *args)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(said)
    assert box.items("deal")[10]["STAGE_ID"] == "NEW"


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
