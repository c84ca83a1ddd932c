"""The portal's page in a browser: cards, timelines in order, where else a record is, live, on a phone."""

from __future__ import annotations

import pytest
from browser_pages import all_of, texts, wait

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
