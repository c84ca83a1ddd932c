"""One card of the page: its address, its fields, its stage that somebody can change."""

from __future__ import annotations

import pytest
import requests
from page_tree import Tree, card_of, chosen, fetch


@pytest.fixture
def deal(box):
    return box.add_item("deal", {"TITLE": "Espresso machines"}, item_id=10)


@pytest.mark.parametrize("path", ["crm/deal/details/10/", "crm/type/2/details/10/", "crm/deal/details/10"])
def test_the_address_of_a_card_leads_to_it(box, deal, path):
    answer = requests.get(f"{box.url}/{path}", timeout=5)
    assert (answer.status_code, answer.url) == (200, f"{box.url}/#deal-10")
    assert card_of(box, "deal-10")


@pytest.mark.parametrize(
    "path", ["crm/deal/details/11/", "crm/type/128/details/1/", "crm/nothing/details/1/"]
)
def test_the_address_of_no_card_is_not_found(box, deal, path):
    answer = requests.get(f"{box.url}/{path}", timeout=5)
    assert answer.status_code == 404
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    shown = Tree(answer.text).root
    assert next(shown.all("h2")).text == "Not found"
    assert [link.attributes["href"] for link in shown.all("a")] == ["/"]


def test_the_address_of_a_card_leads_to_it_among_very_many(box):
    box.add_items("deal", [{"TITLE": "x"}] * 250)
    answer = requests.get(f"{box.url}/crm/deal/details/240/", timeout=5)
    assert answer.url == f"{box.url}/?card=deal-240#deal-240"
    ids = [card.attributes["id"] for card in Tree(answer.text).root.all("article")]
    assert (ids[0], len(ids)) == ("deal-240", 200)
    assert requests.get(f"{box.url}/crm/deal/details/20/", timeout=5).url == f"{box.url}/#deal-20"


@pytest.mark.parametrize("card", ["deal-999", "deal-", "nothing-1", "<b>-1", "deal-\u0663", "-1"])
def test_a_wanted_card_that_is_none_changes_nothing(box, deal, card):
    shown = requests.get(box.url, params={"card": card}, timeout=5)
    assert (shown.status_code, shown.text) == (200, fetch(box).text)


def test_the_address_of_no_card_says_which_one(box, deal):
    answer = requests.get(f"{box.url}/crm/deal/details/11/", timeout=5)
    assert "There is no deal 11 in this portal." in answer.text


# ---------------------------------------------------------------- fields and stages


def test_a_card_shows_the_fields_that_were_given_a_value(box):
    box.add_user_field("deal", "UF_CRM_TAGS", multiple=True)
    phones = [{"VALUE": "+1", "VALUE_TYPE": "WORK"}, {"VALUE": "+2", "VALUE_TYPE": "HOME"}]
    box.add_item("contact", {"NAME": "Ada", "PHONE": phones}, item_id=39)
    document = {"fileData": ["offer.pdf", "aGk="]}
    values = {"UF_CRM_DOCUMENT": document, "UF_CRM_TAGS": ["a", "b"], "COMMENTS": "", "CONTACT_IDS": [39, 40]}
    box.add_item("deal", values, item_id=10)

    def fields(name):
        (part,) = card_of(box, name).all("details", "fields")
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
    (stage,) = card_of(box, "deal-10").all("select", "stage")
    assert chosen(stage) == "New"
    offered = {option.attributes["value"]: option.text for option in stage.all("option")}
    assert (offered["C1:WON"], len(offered)) == ("Deal won", 8)
    (stage,) = card_of(box, "deal-11").all("select", "stage")
    assert (chosen(stage), len(list(stage.all("option")))) == ("ODD", 9)
    assert list(card_of(box, "contact-12").all("select")) == []


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
    (stage,) = card_of(box, "deal-10").all("select", "stage")
    assert chosen(stage) == "Deal won"


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
