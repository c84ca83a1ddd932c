"""Where the watermarks of files are kept."""

from __future__ import annotations

import importlib.metadata
import json
import logging
from datetime import UTC, datetime, timedelta, timezone

import pytest
from airflow.sdk import DAG, Asset, BaseOperator
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.state.watermarks import AssetWatermarks, Watermark

DEALS = Asset("deals", uri="file:///deals")
SOURCE = "5" * 64
KEY = f"bitrix24_watermark_{SOURCE}"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HAS_STORES = importlib.metadata.version("apache-airflow-core") >= "3.3"


class Store:
    """A state store; what is kept goes through JSON."""

    def __init__(self):
        self.kept = {}
        self.broken = self.read_only = False

    def get(self, key, default=None):
        if self.broken:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={}))
        return json.loads(self.kept[key]) if key in self.kept else default

    def set(self, key, value):
        if self.broken or self.read_only:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={}))
        self.kept[key] = json.dumps(value)


class Stores:
    """The stores of a task's assets, by their names: not all releases hash an asset."""

    def __init__(self, **stores):
        self.stores = stores

    def __getitem__(self, asset):
        return self.stores[asset.name]


@pytest.fixture
def of_asset():
    return Store()


def run_of(of_asset, of_run=None):
    """Return the watermarks of a run of its own, or of another try of a run."""
    stores = {"task_state_store": of_run or Store(), "asset_state_store": Stores(deals=of_asset)}
    return AssetWatermarks(stores, DEALS, SOURCE)


def extracted(of_asset, *reached):
    """Let a run of its own extract so far, and return the watermark that is kept."""
    run = run_of(of_asset)
    run.fixed()
    return run.advance(*reached)


def test_the_first_run_reads_everything_and_the_next_from_its_watermark(of_asset):
    first = run_of(of_asset)
    assert first.fixed() is None
    first.advance(NOON, 7, ["id", "title"])
    assert json.loads(of_asset.kept[KEY]) == {
        "watermark": "2026-05-04T12:00:00+00:00",
        "max_id": 7,
        "columns": ["id", "title"],
    }
    assert run_of(of_asset).fixed() == Watermark(moment=NOON, max_id=7, columns=("id", "title"))


@pytest.mark.parametrize("earlier", [None, NOON])
def test_every_try_of_a_run_reads_the_same_window(of_asset, earlier, caplog):
    if earlier:
        extracted(of_asset, earlier, 7, [])
    of_run = Store()
    window = run_of(of_asset, of_run).fixed()
    run_of(of_asset, of_run).advance(NOON + HOUR, 9, [])
    with caplog.at_level(logging.INFO):
        assert run_of(of_asset, of_run).fixed() == window
    assert "This run reads the same window as its earlier try." in caplog.text
    assert run_of(of_asset).fixed().moment == NOON + HOUR


def test_another_source_has_a_watermark_of_its_own(of_asset):
    extracted(of_asset, NOON, 7, [])
    context = {"task_state_store": Store(), "asset_state_store": Stores(deals=of_asset)}
    assert AssetWatermarks(context, DEALS, "6" * 64).fixed() is None


@given(st.lists(st.tuples(st.timedeltas(-HOUR, HOUR), st.integers(0, 99)), min_size=1, max_size=6))
def test_a_watermark_only_moves_forward(steps):
    of_asset = Store()
    for after, number in steps:
        extracted(of_asset, NOON + after, number, [])
    found = run_of(of_asset).fixed()
    assert found.moment == NOON + max(after for after, _ in steps)
    assert found.max_id == max(number for _, number in steps)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=12))
def test_a_run_that_another_one_has_overtaken_moves_no_watermark(steps):
    """Its file is older in the order of the runs, so a later file has to have what it read just now."""
    of_asset, stores, newest = Store(), [Store() for _ in range(4)], None
    for minute, (number, tried_again) in enumerate(steps):
        run = run_of(of_asset, stores[number])
        window, before = run.fixed(), of_asset.get(KEY)
        if tried_again:
            continue
        found = run.advance(NOON + minute * HOUR, minute, [])
        if window == newest:
            newest = found
            assert found.moment == NOON + minute * HOUR
        else:
            assert (found, of_asset.get(KEY)) == (newest, before)


def test_the_columns_are_those_of_the_latest_extraction(of_asset):
    extracted(of_asset, NOON, 7, ["id", "title"])
    assert extracted(of_asset, NOON - HOUR, 8, ["id"]).columns == ("id", "title")
    zone = timezone(HOUR)
    kept = extracted(of_asset, (NOON + HOUR).astimezone(zone), 8, ["id"])
    assert (kept.columns, kept.moment.utcoffset()) == (("id",), timedelta())


@pytest.mark.parametrize("which", ["asset", "run"])
def test_a_store_that_cannot_be_read_is_not_an_empty_one(of_asset, which):
    of_run = Store()
    extracted(of_asset, NOON, 7, [])
    (of_asset if which == "asset" else of_run).broken = True
    with pytest.raises(AirflowRuntimeError):
        run_of(of_asset, of_run).fixed()
    if which == "asset":
        with pytest.raises(AirflowRuntimeError):
            run_of(of_asset, of_run).advance(NOON, 7, [])


def test_an_asset_that_cannot_be_written_is_not_one_without_a_watermark(of_asset):
    """Airflow answers for an asset that is not active as for one that holds nothing."""
    of_asset.read_only = True
    with pytest.raises(AirflowRuntimeError):
        run_of(of_asset).fixed()


@pytest.mark.parametrize(
    "value",
    [
        5,
        "x",
        [],
        {},
        {"watermark": "soon", "max_id": 1},
        {"watermark": "2026-05-04T12:00:00", "max_id": 1},
        {"watermark": "2026-05-04T12:00:00Z"},
        {"watermark": "2026-05-04T12:00:00Z", "max_id": -1},
        {"watermark": "2026-05-04T12:00:00Z", "max_id": 1, "columns": 5},
    ],
    ids=str,
)
def test_something_else_in_the_store_is_an_error(of_asset, value):
    of_asset.set(KEY, value)
    for use in (AssetWatermarks.fixed, lambda marks: marks.advance(NOON, 1, [])):
        with pytest.raises(InvalidInputError, match=f"'deals' holds something else .* under {KEY}"):
            use(run_of(of_asset))


def test_below_airflow_3_3_the_error_names_since():
    with pytest.raises(InvalidInputError, match=r"only from 3\.3 up\. Give 'since' instead"):
        AssetWatermarks({}, DEALS, SOURCE)


@pytest.mark.parametrize("stores", [{}, {"asset_state_store": Stores()}], ids=["none", "others"])
def test_an_asset_that_is_not_the_tasks_is_an_error(stores):
    with pytest.raises(InvalidInputError, match="'deals' is no inlet or outlet of the task"):
        AssetWatermarks({"task_state_store": Store(), **stores}, DEALS, SOURCE)


# ---------------------------------------------------------------- with Airflow


class Extract(BaseOperator):
    """Reads a window and moves the watermark; fails then at its first try, if it has another."""

    def __init__(self, *, moment, max_id, asset=DEALS, **kwargs):
        super().__init__(**kwargs)
        self.outlets.append(asset)
        self.moment, self.max_id = moment, max_id

    def execute(self, context):
        marks = AssetWatermarks(context, self.outlets[0], SOURCE)
        found = marks.fixed()
        marks.advance(datetime.fromisoformat(self.moment), self.max_id, ["id"])
        if context["ti"].try_number <= self.retries:
            raise ValueError("the worker is gone")
        return None if found is None else found.to_json()


def extraction(moment, max_id, retries=0):
    with DAG("extraction", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        Extract(
            task_id="extract",
            moment=moment.isoformat(),
            max_id=max_id,
            retries=retries,
            retry_delay=timedelta(),
        )
    return dag


@pytest.mark.slow
@pytest.mark.skipif(not HAS_STORES, reason="this release of Airflow keeps no state of assets")
def test_airflow_keeps_a_watermark_between_runs_and_a_window_between_tries(run_dag):
    first = run_dag(extraction(NOON, 7))
    assert (first.state, first.states) == ("success", {"extract": "success"})
    with pytest.raises(KeyError):
        first.xcom("extract")
    second = run_dag(extraction(NOON + HOUR, 9, retries=1))
    assert second.states == {"extract": "success"}
    assert second.xcom("extract") == Watermark(moment=NOON, max_id=7, columns=("id",)).to_json()
    assert "This run reads the same window as its earlier try." in second.log("extract")
    third = run_dag(extraction(NOON, 8))
    assert third.xcom("extract") == Watermark(moment=NOON + HOUR, max_id=9, columns=("id",)).to_json()


@pytest.mark.slow
@pytest.mark.skipif(HAS_STORES, reason="this release of Airflow keeps the state of assets")
def test_airflow_without_a_store_ends_the_task_with_the_remedy(run_dag):
    run = run_dag(extraction(NOON, 7))
    assert run.states == {"extract": "failed"}
    assert "Give 'since' instead" in run.output
