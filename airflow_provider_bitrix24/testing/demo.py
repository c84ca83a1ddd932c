"""Demo data: a small CRM with links between its items and something in the timelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contents import PortalContents


def load(portal: PortalContents) -> None:
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
        ("Booking portal, phase 2", "C1:EXECUTING", 91000),
        ("Roastery refit", "WON", 130000),
        ("Loyalty cards", "PREPARATION", 2500),
    )
    projects = portal.add_pipeline("deal", "Projects")
    leads = [
        portal.add_item("lead", {"TITLE": title, "NAME": name, "STATUS_ID": status})
        for title, name, status in (
            ("Fair: asked for samples", "Lena", "NEW"),
            ("Web form: group travel", "Omar", "JUNK"),
            ("Call: a new roastery in the harbour", "Jonas", "CONVERTED"),
        )
    ]
    deals = [
        portal.add_item(
            "deal",
            {
                "TITLE": title,
                "CATEGORY_ID": projects if stage.startswith("C") else 0,
                "STAGE_ID": stage,
                "LEAD_ID": leads[2] if stage == "WON" else None,
                "OPPORTUNITY": amount,
                "CONTACT_ID": contacts[index % len(contacts)],
                "COMPANY_ID": companies[index % len(companies)],
            },
        )
        for index, (title, stage, amount) in enumerate(wishes)
    ]
    delivery = portal.add_smart_process(128, "Deliveries")
    portal.add_item(
        delivery,
        {"title": "Machines for the first four shops", "parentId2": deals[0], "contactId": contacts[0]},
    )
    _timelines(portal, deals, leads, contacts)


def _timelines(portal: PortalContents, deals: list[int], leads: list[int], contacts: list[int]) -> None:
    portal.add_record("deal", deals[0], kind="creation", text="Deal created")
    portal.add_comment(
        "deal", deals[0], "Called Ada: the offer should list every shop separately.", author_id=2
    )
    portal.add_comment("deal", deals[1], "Paper samples are on their way.", author_id=2)
    portal.add_comment("deal", deals[2], "Kick-off on Monday, see the company's card for the contract.")
    story = portal.add_comment("lead", leads[2], "Wants roasting and packing under one roof.", author_id=2)
    portal.bind(story, "deal", deals[3])
    portal.add_log_message("deal", deals[0], "Nightly sync", "Prices of 12 machines brought up to date.")
    call = portal.add_activity(
        "deal", deals[0], "Called Ada about the shops", kind="call", author_id=2, fields={"COMPLETED": "Y"}
    )
    portal.bind_activity(call, "contact", contacts[0])
    todo = {"DESCRIPTION": "One page for each shop.", "DEADLINE": "tomorrow"}
    portal.add_activity("deal", deals[0], "Send the offer", author_id=2, fields=todo)
