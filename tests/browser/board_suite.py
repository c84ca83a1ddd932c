"""The portal's page in a browser: cards, timelines in order, where else a record is, live, on a phone."""

from __future__ import annotations

import pytest
import requests
from browser_pages import all_of, press, texts, wait
from selenium.webdriver.support.ui import Select

from airflow_provider_bitrix24.testing import Bitrix24Portal


@pytest.fixture
def box():
    with Bitrix24Portal() as portal:
        portal.load_demo()
        yield portal


@pytest.fixture
def shared(box):
    """A comment on deal 5 that its contact and its company show, too."""
    record = box.add_comment("deal", 5, "Offer sent. [b]Everybody sees this.[/b]")
    box.bind(record, "contact", 1)
    box.bind(record, "company", 2)
    return record


def entries(browser, card):
    """Return the timeline of a card, as the keys of its entries."""
    return [entry.get_attribute("data-entry") for entry in all_of(browser, f"#{card} li[data-entry]")]


def test_cards_in_columns(wide, box):
    wide.get(box.url)
    assert wide.title == "Bitrix24 portal in a box"
    columns = {"Deals": "deal", "Contacts": "contact", "Companies": "company", "Leads": "lead"}
    assert texts(wide, "section > h2")[:4] == [
        f"{name} {len(box.items(kind))}" for name, kind in columns.items()
    ]
    for kind in columns.values():
        shown = {card.get_attribute("id") for card in all_of(wide, f"article[id^='{kind}-']")}
        assert shown == {f"{kind}-{number}" for number in box.items(kind)}


def test_a_timeline_is_in_order_and_says_where_else_a_record_is(wide, box, shared):
    newest = box.add_log_message("deal", 5, "The newest")
    wide.get(box.url)
    keys = entries(wide, "deal-5")
    assert keys[:2] == [f"record-{newest}", f"record-{shared}"]
    here = f"#deal-5 li[data-entry='record-{shared}']"
    assert texts(wide, f"{here} .entry > p") == ["Offer sent. Everybody sees this."]
    assert texts(wide, f"{here} .entry > p b") == ["Everybody sees this."]
    links = [link.get_attribute("href").partition("#")[2] for link in all_of(wide, f"{here} .also a")]
    assert links == ["company-2", "contact-1"]
    for card in links:
        assert f"record-{shared}" in entries(wide, card)


def test_a_link_leads_to_the_card(wide, box, shared):
    wide.get(box.url)
    all_of(wide, f"#deal-5 li[data-entry='record-{shared}'] .also a")[0].click()
    assert wide.current_url == f"{box.url}/#company-2"
    assert [card.get_attribute("id") for card in all_of(wide, "article.here")] == ["company-2"]


def test_it_follows_what_happens(wide, box, shared):
    wide.get(box.url)
    wide.execute_script("window.kept = true")
    wait(wide, lambda: texts(wide, "#live") == ["live"])
    box.bind(shared, "lead", 3)
    wait(wide, lambda: f"record-{shared}" in entries(wide, "lead-3"))
    assert "new" in all_of(wide, f"#lead-3 li[data-entry='record-{shared}']")[0].get_attribute("class")
    assert wide.execute_script("return window.kept"), "the page was not loaded again"
    box.stop()
    wait(wide, lambda: texts(wide, "#live") == ["not reachable"])
    box.start()
    wait(wide, lambda: texts(wide, "#live") == ["live"])


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_nothing_is_wider_than_the_screen(chromium, box, width):
    box.add_comment("deal", 5, "an_endless_word_" * 40)
    # A window is never as narrow as a phone, so the phone's screen is emulated.
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 700}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        chromium.get(box.url)
        assert chromium.execute_script("return window.innerWidth") == width
        assert chromium.execute_script("return document.documentElement.scrollWidth") <= width
        for card in all_of(chromium, "article"):
            assert card.rect["x"] >= 0
            assert card.rect["x"] + card.rect["width"] <= width
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_what_a_record_says_is_text(wide, box):
    box.add_comment(
        "deal", 5, "<script>window.run = 1</script><img src=x onerror='window.run = 1'>[b]bold[/b]"
    )
    wide.get(box.url)
    assert "<script>window.run = 1</script>" in " ".join(texts(wide, "#deal-5 .entry > p"))
    assert wide.execute_script("return window.run") is None


# ---------------------------------------------------------------- looking around


@pytest.fixture(params=[360, 1400], ids=["phone", "desk"])
def screen(chromium, request):
    """The browser as on a phone and on a desk, with more cards than the screen has room for."""
    size = {"width": request.param, "height": 700, "deviceScaleFactor": 1, "mobile": request.param < 700}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield chromium
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def scroll_to(browser, card):
    browser.execute_script(f"document.getElementById({card!r}).scrollIntoView({{block: 'center'}})")


def test_headings_stay_visible(screen, box):
    box.add_items("deal", [{"TITLE": f"Deal {number}"} for number in range(40)])
    screen.get(box.url)
    scroll_to(screen, "deal-40")
    heading = all_of(screen, "section.deal > h2")[0]
    top = screen.execute_script("return arguments[0].getBoundingClientRect().top", heading)
    assert -20 <= top < 200
    middle = "const [at] = arguments, box = at.getBoundingClientRect();"
    seen = f"{middle} return document.elementFromPoint(box.x + 20, box.bottom - 10) === at"
    assert screen.execute_script(seen, heading), "something covers the heading"


def test_a_link_leads_below_the_heading(screen, box):
    box.add_items("deal", [{"TITLE": f"Deal {number}"} for number in range(40)])
    screen.get(f"{box.url}/crm/deal/details/40/")
    assert screen.current_url == f"{box.url}/#deal-40"
    card, heading = all_of(screen, "#deal-40")[0], all_of(screen, "section.deal > h2")[0]
    bounds = "return arguments[0].getBoundingClientRect()"
    at, above = (screen.execute_script(bounds, element) for element in (card, heading))
    assert above["bottom"] <= at["top"] + 1
    assert at["top"] < 700


def test_the_place_is_kept_when_the_page_changes(wide, box):
    box.add_items("deal", [{"TITLE": f"Deal {number}"} for number in range(60)])
    wide.get(box.url)
    scroll_to(wide, "deal-60")
    press(wide, all_of(wide, "#fields-deal-60 summary")[0])
    before = all_of(wide, "main")[0].get_property("scrollTop")
    assert before > 0
    record = box.add_comment("deal", 60, "Hello")
    wait(wide, lambda: f"record-{record}" in entries(wide, "deal-60"))
    assert all_of(wide, "main")[0].get_property("scrollTop") > 0
    assert all_of(wide, "#fields-deal-60")[0].get_attribute("open")


def test_an_items_fields_unfold(wide, box):
    wide.get(box.url)
    terms = all_of(wide, "#fields-deal-1 dt")
    assert not any(term.is_displayed() for term in terms)
    all_of(wide, "#fields-deal-1 summary")[0].click()
    shown = dict(zip(texts(wide, "#fields-deal-1 dt"), texts(wide, "#fields-deal-1 dd"), strict=True))
    assert (shown["ID"], shown["TITLE"]) == ("1", "Espresso machines for 12 shops")


def test_dates_have_a_zone(wide, box, shared):
    wide.get(box.url)
    [when] = texts(wide, f"#deal-5 li[data-entry='record-{shared}'] time")
    assert when.endswith("+03:00")
    assert len(when.split()) == 5


def test_calls_show_what_was_sent(wide, box):
    requests.post(f"{box.webhook_url()}crm.deal.get", json={"id": 4}, timeout=5)
    wide.get(box.url)
    all_of(wide, "#calls summary")[0].click()
    assert texts(wide, "#calls code") == ['{"id": 4}']
    assert box.webhook_code() not in wide.page_source


# ---------------------------------------------------------------- by hand


def choose(browser, card, stage):
    Select(all_of(browser, f"#{card} select.stage")[0]).select_by_visible_text(stage)


def test_a_stage_is_changed_by_hand(wide, box):
    wide.get(box.url)
    choose(wide, "deal-1", "Deal won")
    wait(wide, lambda: box.items("deal")[1]["STAGE_ID"] == "WON")
    wait(wide, lambda: "S" in all_of(wide, "#deal-1 select.stage")[0].get_attribute("class").split())
    choose(wide, "deal-3", "Deal won")
    wait(wide, lambda: box.items("deal")[3]["STAGE_ID"] == "C1:WON")


def test_a_stage_that_could_not_be_changed_is_shown_as_it_is(wide, box):
    wide.get(box.url)
    choices = all_of(wide, "#deal-1 select.stage option")
    wide.execute_script("arguments[0].value = 'NO_STAGE'", choices[2])
    choose(wide, "deal-1", choices[2].text)
    wait(wide, lambda: Select(all_of(wide, "#deal-1 select.stage")[0]).first_selected_option.text == "New")


def test_no_such_card_has_a_way_back(wide, box):
    wide.get(f"{box.url}/crm/deal/details/99/")
    assert texts(wide, "h2") == ["Not found"]
    assert "There is no deal 99 in this portal." in texts(wide, "p")
    all_of(wide, "main a")[0].click()
    assert wide.current_url == f"{box.url}/"
    assert all_of(wide, "#deal-1")
