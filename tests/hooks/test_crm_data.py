"""The CRM's data through the hook: fields, rows and record batches of every dataset."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from airflow_provider_bitrix24.hooks.errors import BadValueError, InvalidInputError

ITEMS = ("lead", "deal", "contact", "company", "quote", "smart_invoice", "dynamic_1042")
DATASETS = [
    *ITEMS,
    *("activity", "stages", "statuses", "pipelines", "users", "departments", "currencies"),
    *("deal.stage_history", "lead.stage_history", "dynamic_1042.stage_history"),
    *("deal.product_rows", "quote.product_rows", "dynamic_1042.product_rows"),
    *("deal.fields", "contact.fields", "dynamic_1042.fields", "deal.enum_values"),
]
#: what a column's values are, if they are not ``None``
PYTHON = {
    "integer": int,
    "decimal": Decimal,
    "boolean": bool,
    "date": date,
    "timestamp": datetime,
    "text": str,
    "multifield": dict,
    "json": (dict, list),
}


@pytest.fixture
def full(box):
    """A portal with something of each dataset."""
    box.load_demo()
    box.add_smart_process(1042, "Project")
    box.add_user_field("deal", "UF_CRM_SIZE", "enumeration", options=["S", "M"])
    box.add_department("Sales")
    for kind in ITEMS:
        number = box.add_item(kind, {"NAME" if kind == "contact" else "TITLE": f"One {kind}"})
        if kind in ("deal", "quote", "dynamic_1042"):
            box.add_product_rows(kind, number, [{"PRODUCT_NAME": "Cup", "PRICE": 2.5, "QUANTITY": 4}])
    return box


def fits(column, value):
    if value is None:
        return True
    if column.multiple:
        return isinstance(value, list) and value and all(type(one) is PYTHON[column.type] for one in value)
    return isinstance(value, PYTHON[column.type])


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("names", ["snake", "api"])
def test_every_dataset_has_typed_rows_and_batches(full, hook, dataset, names):
    schema = hook.crm_schema(dataset, names=names)
    columns = schema.only(None).columns
    rows = list(hook.crm_rows(dataset, names=names))
    assert rows
    for row in rows:
        assert list(row) == [column.name for column in columns]
        assert all(fits(column, row[column.name]) for column in columns)
        assert all(row[name] is not None for name in schema.key)
    keys = [tuple(row[name] for name in schema.key) for row in rows]
    assert len(set(keys)) == len(keys)
    [batch] = hook.crm_batches(dataset, names=names)
    assert batch.schema.names == [column.name for column in columns]
    plain = [column.name for column in columns if column.type != "json"]
    assert [{name: row[name] for name in plain} for row in batch.to_pylist()] == [
        {name: row[name] for name in plain} for row in rows
    ]


@pytest.mark.parametrize("count", [0, 1, 50, 51, 2600])
def test_a_list_of_any_length_is_complete_and_in_order(box, hook, count):
    numbers = box.add_many("deal", count, fields={"TITLE": "Deal"})
    assert [row["id"] for row in hook.crm_rows("deal", fields=["title"])] == numbers
    batches = list(hook.crm_batches("deal", fields=["title"]))
    assert [number for batch in batches for number in batch["id"].to_pylist()] == numbers


def test_batches_hold_10000_rows(box, hook):
    box.add_many("deal", 10_001, fields={"TITLE": "Deal"})
    assert [len(batch) for batch in hook.crm_batches("deal", fields=["title"])] == [10_000, 1]


def test_the_schema_tells_how_people_call_fields_and_their_options(full, hook):
    [size] = [known for known in hook.crm_schema("deal").fields if known.name == "uf_crm_size"]
    assert (size.api_name, size.type, size.multiple) == ("ufCrmSize", "enumeration", False)
    assert [option.value for option in size.options] == ["S", "M"]


def test_contacts_of_other_categories_and_recurring_templates_come(box, hook):
    plain = box.add_item("contact", {"NAME": "Ann"})
    other = box.add_item("contact", {"NAME": "Ben", "CATEGORY_ID": 7})
    assert [row["id"] for row in hook.crm_rows("contact", fields=["name"])] == [plain, other]
    deal = box.add_item("deal", {"TITLE": "One"})
    template = box.add_item("deal", {"TITLE": "Template", "IS_RECURRING": "Y"})
    assert {row["id"]: row["is_recurring"] for row in hook.crm_rows("deal", fields=["is_recurring"])} == {
        deal: False,
        template: True,
    }


@pytest.mark.parametrize("kind", ["lead", "contact", "company"])
def test_phones_and_the_like_come_with_all_their_values_and_kinds(box, hook, kind):
    kinds = ["WORK", "MOBILE", "HOME"]
    phones = [{"VALUE": f"+49{place}", "VALUE_TYPE": kinds[place]} for place in range(3)]
    mails = [{"VALUE": "ann@example.com", "VALUE_TYPE": "WORK"}]
    box.add_item(
        kind, {"PHONE": phones, "EMAIL": mails, "WEB": [{"VALUE": "example.com", "VALUE_TYPE": "OTHER"}]}
    )
    box.add_item(kind)
    first, second = hook.crm_rows(kind, fields=["phone", "email", "web", "im", "link"])
    assert [(one["kind"], one["value"]) for one in first["phone"]] == [
        ("WORK", "+490"), ("MOBILE", "+491"), ("HOME", "+492"),
    ]  # fmt: skip
    assert len({one["id"] for one in first["phone"]}) == 3
    assert [(one["kind"], one["value"]) for one in first["email"]] == [("WORK", "ann@example.com")]
    assert [(one["kind"], one["value"]) for one in first["web"]] == [("OTHER", "example.com")]
    assert (first["im"], first["link"]) == (None, None)
    assert {second[name] for name in ("phone", "email", "web", "im", "link")} == {None}


def test_what_costs_much_comes_where_it_is_named_only(full, hook):
    assert "communications" not in next(hook.crm_rows("activity"))
    assert "communications" in next(hook.crm_rows("activity", fields=["communications"]))


def test_a_filter_chooses_the_rows(full, hook):
    rows = list(hook.crm_rows("deal", where={"title": "One deal"}))
    assert [row["title"] for row in rows] == ["One deal"]
    [batch] = hook.crm_batches("deal", where={"title": "One deal"}, fields=["title"])
    assert batch["title"].to_pylist() == ["One deal"]


# --- what changed ---


@pytest.fixture
def clocked(box):
    """A portal whose windows are exact, with ten deals of ten hours ago, one of which has changed since."""
    box.set_server_timezone("Europe/Berlin")
    box.set_time_zone(1, "Europe/Berlin")
    box.move_clock(-36_000)
    box.add_many("deal", 10, fields={"TITLE": "Deal"})
    box.add_activity("deal", 1, "Call")
    box.move_clock(7200)
    box.update_item("deal", 1, {"TITLE": "Changed"})
    return box


@pytest.mark.parametrize("spelled", [lambda moment: moment, datetime.isoformat], ids=["datetime", "text"])
def test_changes_since_a_moment(clocked, hook, spelled):
    since = spelled(datetime.now(UTC) - timedelta(hours=9))
    assert [row["title"] for row in hook.crm_rows("deal", changed_since=since)] == ["Changed"]
    [batch] = hook.crm_batches("deal", changed_since=since)
    assert batch["title"].to_pylist() == ["Changed"]
    assert list(hook.crm_rows("activity", changed_since=since)) == []
    assert list(hook.crm_rows("deal", changed_since=since, where={"title": "Deal"})) == []


def test_changes_since_the_beginning_are_everything(clocked, hook):
    assert len(list(hook.crm_rows("deal", changed_since=""))) == 10
    assert len(list(hook.crm_rows("deal", changed_since=datetime(1970, 1, 1, tzinfo=UTC)))) == 10


def test_what_changed_in_the_two_minutes_before_comes_again(clocked, hook):
    [row] = hook.crm_rows("deal", where={"id": 1}, fields=["updated_time"])
    for seconds, found in ((119, 1), (121, 0)):
        since = row["updated_time"] + timedelta(seconds=seconds)
        clocked.move_clock(150)
        assert len(list(hook.crm_rows("deal", changed_since=since))) == found


def test_a_filter_by_date_that_the_portal_ignores_reads_everything_and_is_told(clocked, hook, written):
    clocked.set_dates(filter_ignored=True)
    assert len(list(hook.crm_rows("deal", changed_since=datetime.now(UTC) - timedelta(hours=9)))) == 10
    assert "The portal ignores the filter of crm.item.list by updatedTime" in written()


@pytest.mark.parametrize(
    ("dataset", "value", "sentence"),
    [
        ("deal", datetime(2026, 5, 4), "changed_since: .* has no time zone"),
        ("deal", "soon", "changed_since: 'soon' is no time"),
        ("deal", "None", "changed_since: 'None' is no time"),
        ("deal", 7, "changed_since: 7 is no time"),
        ("deal", datetime(2099, 1, 1, tzinfo=UTC), "changed_since: .* is later than the portal's clock"),
        ("stages", "2026-05-04T10:00:00Z", "changed_since: stages has no date of the last change"),
        ("deal.product_rows", "2026-05-04T10:00:00Z", "changed_since: deal.product_rows has no date"),
    ],
)
def test_a_moment_that_is_none_is_refused_before_rows_are_read(clocked, hook, dataset, value, sentence):
    for read in (hook.crm_rows, hook.crm_batches):
        with pytest.raises(InvalidInputError, match=sentence):
            next(read(dataset, changed_since=value))


# --- errors ---


@pytest.mark.parametrize(
    "arguments",
    [
        {"dataset": "dael"},
        {"fields": ["titel"]},
        {"where": {"@id": []}},
        {"names": "camel"},
        {"on_bad_value": "x"},
        {"max_in_flight": 0},
    ],
)
def test_what_is_not_valid_is_refused(box, hook, arguments):
    for read in (hook.crm_rows, hook.crm_batches):
        with pytest.raises(InvalidInputError):
            next(read(**{"dataset": "deal", **arguments}))


def test_a_value_that_does_not_fit_names_dataset_id_and_field(box, hook):
    box.add_user_field("deal", "UF_CRM_SIZE", "double")
    box.add_item("deal", {"UF_CRM_SIZE": "77777777777777777777"})
    for read in (hook.crm_rows, hook.crm_batches):
        with pytest.raises(BadValueError, match=r"deal 1: the value of ufCrmSize") as caught:
            next(read("deal"))
        assert "777" not in str(caught.value)
    assert next(hook.crm_rows("deal", on_bad_value="null"))["uf_crm_size"] is None


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
hook = Bitrix24Hook()
assert len(list(hook.crm_rows("deal", fields=["title"]))) == 2
try:
    next(hook.crm_batches("deal"))
except InvalidInputError as error:
    print("refused", error, error.remedy)
"""


@pytest.mark.slow
def test_without_pyarrow_rows_come_and_batches_say_what_to_install(box, connect):
    connect(box.connection())
    box.add_many("deal", 2, fields={"TITLE": "Deal"})
    run = subprocess.run([sys.executable, "-c", WITHOUT_PYARROW], capture_output=True, text=True, check=True)
    [line] = [line for line in run.stdout.splitlines() if line.startswith("refused")]
    assert "need pyarrow" in line
    assert "airflow-provider-bitrix24[arrow]" in line


def test_who_reads_no_further_leaves_nothing_under_way(box, hook):
    box.add_many("deal", 30_000, fields={"TITLE": "Deal"})
    rows = hook.crm_rows("deal", fields=["title"])
    next(rows)
    rows.close()
    sent = len(box.requests)
    assert next(hook.crm_rows("deal", fields=["title"], where={"id": 5}))["id"] == 5
    assert len(box.requests) - sent <= 3
