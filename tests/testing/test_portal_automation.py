"""What adding and changing items starts: the journal says so."""

from __future__ import annotations

from page_tree import calls_of

_ALL = ("robots", "processes")


def _started(box):
    """Return what the calls since the last time have started, and forget them."""
    started = [entry.started for entry in box.journal if entry.method != "batch"]
    box.clear_journal()
    return started


def test_items_start_automation_when_they_are_added_or_changed(box, client):
    update = {"entityTypeId": 2, "id": 1, "fields": {"title": "b", "opportunity": "5"}}
    client("crm.item.add", {"entityTypeId": 2, "fields": {"title": "a"}})
    client("crm.item.update", update)
    client("crm.item.update", update)
    client("crm.item.update", {**update, "fields": {"title": "", "nonsense": 1, "companyId": 0}})
    client("crm.item.get", {"entityTypeId": 2, "id": 1})
    client("crm.item.delete", {"entityTypeId": 2, "id": 99})
    assert _started(box) == [_ALL, _ALL, (), (), (), ()]


def test_an_update_that_changes_nothing_leaves_the_dates_alone(box, client, clock):
    box.add_item("contact", {"NAME": "Ada", "PHONE": [{"VALUE": "+1"}], "COMPANY_ID": 0})
    before = box.item("contact", 1)
    clock.now += 60
    [phone] = before["fm"]
    fm = {str(phone["id"]): {"value": "+1", "valueType": "WORK"}}
    fields = {"name": "Ada", "lastName": "", "companyId": None, "companyIds": [], "fm": fm}
    client("crm.item.update", {"entityTypeId": 3, "id": 1, "fields": fields})
    assert box.item("contact", 1) == before
    client("crm.item.update", {"entityTypeId": 3, "id": 1, "fields": {"name": "Eve"}})
    assert box.item("contact", 1)["updatedTime"] != before["updatedTime"]


def test_classic_updates_start_processes_even_if_nothing_changes(box, client):
    client("crm.deal.add", {"fields": {"TITLE": "a"}})
    client("crm.deal.update", {"id": 1, "fields": {"TITLE": "a"}})
    client("crm.deal.update", {"id": 1, "fields": {"TITLE": "b"}})
    assert _started(box) == [_ALL, ("processes",), _ALL]


def test_imports_start_nothing_but_robots_of_leads(box, client):
    client("crm.item.import", {"entityTypeId": 2, "fields": {"title": "a"}})
    client("crm.item.batchImport", {"entityTypeId": 2, "data": [{"title": "a"}]})
    for kind in ("lead", "contact", "company"):
        client(f"crm.{kind}.add", {"fields": {"COMMENTS": "a"}, "params": {"IMPORT": "Y"}})
    assert _started(box) == [(), (), ("robots",), (), ()]


def test_product_rows_save_their_owner(box, client):
    deal = box.add_item("deal")
    rows = [{"productName": "Mug", "price": 5}]
    client("crm.item.productrow.set", {"ownerType": "D", "ownerId": deal, "productRows": rows})
    classic = {"id": deal, "rows": [{"PRODUCT_NAME": "Mug", "PRICE": 5}]}
    client("crm.deal.productrows.set", classic)
    client("crm.deal.productrows.set", {**classic, "rows": []})
    assert _started(box) == [_ALL, (), _ALL]


def test_the_page_shows_what_calls_have_started(box, client):
    client.batch(
        {"a": "crm.item.add?entityTypeId=2&fields[title]=x", "b": "crm.item.get?entityTypeId=2&id=1"}
    )
    shown = [row.text for row in calls_of(box).all("li")]
    assert ["started robots and processes" in line for line in shown] == [False, False, True]
    [entry] = client.send("GET", f"{box.url}/_portal/journal?method=crm.item.add").body
    assert entry["started"] == list(_ALL)
