"""Demo data: a small CRM with links between its items and something in the timelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .portal import Bitrix24Portal


def load(portal: Bitrix24Portal) -> None:
    """Fill the portal's CRM."""
    companies = [
        portal.add_item("company", {"TITLE": title, "ASSIGNED_BY_ID": "2"})
        for title in ("Northwind Coffee", "Alder & Sons", "Blue Harbour Travel")
    ]
    people = (("Ada", "Lindqvist"), ("Tomas", "Alder"), ("Mira", "Okafor"), ("Jonas", "Weber"))
    contacts = [
        portal.add_item(
            "contact",
            {
                "NAME": name,
                "LAST_NAME": last_name,
                "COMPANY_ID": companies[index % len(companies)],
                "EMAIL": [{"VALUE": f"{name.lower()}@example.com", "VALUE_TYPE": "WORK"}],
                "PHONE": [{"VALUE": f"+1555010{index}", "VALUE_TYPE": "WORK"}],
            },
        )
        for index, (name, last_name) in enumerate(people)
    ]
    wishes = (
        ("Espresso machines for 12 shops", "NEW", 48000),
        ("Spring catalogue", "PREPARATION", 5200),
        ("Booking portal, phase 2", "EXECUTING", 91000),
        ("Roastery refit", "WON", 130000),
        ("Loyalty cards", "LOSE", 2500),
    )
    deals = [
        portal.add_item(
            "deal",
            {
                "TITLE": title,
                "STAGE_ID": stage,
                "OPPORTUNITY": amount,
                "CONTACT_ID": contacts[index % len(contacts)],
                "COMPANY_ID": companies[index % len(companies)],
            },
        )
        for index, (title, stage, amount) in enumerate(wishes)
    ]
    for title, name in (("Fair: asked for samples", "Lena"), ("Web form: group travel", "Omar")):
        portal.add_item("lead", {"TITLE": title, "NAME": name, "STATUS_ID": "NEW"})
    portal.add_record("deal", deals[0], kind="creation", text="Deal created")
    portal.add_comment(
        "deal", deals[0], "Called Ada: the offer should list every shop separately.", author_id=2
    )
    portal.add_comment("deal", deals[1], "Paper samples are on their way.", author_id=2)
    portal.add_comment("deal", deals[2], "Kick-off on Monday, see the company's card for the contract.")
