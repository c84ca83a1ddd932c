"""What Airflow is told of the package: where classes are imported from is what they call themselves."""

from __future__ import annotations

import inspect
import json
import pickle
import pkgutil
from importlib import import_module
from pathlib import Path

import airflow
import jsonschema
from airflow.providers_manager import ProvidersManager
from airflow.sdk import DAG, BaseHook, BaseNotifier, BaseOperator, BaseOperatorLink
from airflow.sdk.module_loading import import_string
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.triggers.base import BaseTrigger
from cases import cases

import airflow_provider_bitrix24
from airflow_provider_bitrix24 import get_provider_info
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.operators import timeline
from airflow_provider_bitrix24.triggers.limit import LimitTrigger

INFO = get_provider_info()
PACKAGE = airflow_provider_bitrix24.__name__
KINDS = {
    "hooks": BaseHook,
    "operators": BaseOperator,
    "transfers": BaseOperator,
    "sensors": BaseOperator,
    "triggers": BaseTrigger,
}
#: what Airflow is told of class by class: the name in the package, and in what Airflow is told
CLASS_BY_CLASS = {
    "notifications": (BaseNotifier, "notifications"),
    "links": (BaseOperatorLink, "extra-links"),
}


def listed(kind):
    """Return the modules of a kind that Airflow is told of."""
    if kind == "transfers":
        return [group["python-module"] for group in INFO[kind]]
    return [name for group in INFO[kind] for name in group["python-modules"]]


def public(kind, base):
    """Return the classes of a kind that others may use: those from which none of the package derives."""
    folder = import_module(f"{PACKAGE}.{kind}")
    found = {}
    for info in pkgutil.walk_packages(folder.__path__, f"{folder.__name__}."):
        for cls in vars(import_module(info.name)).values():
            ours = isinstance(cls, type) and cls.__module__.startswith(f"{folder.__name__}.")
            if ours and issubclass(cls, base) and not cls.__name__.startswith("_"):
                found[cls.__name__] = cls
    derived = {
        cls: [each for each in cls.__subclasses__() if each in found.values()] for cls in found.values()
    }
    return {cls for cls, others in derived.items() if not others and not inspect.isabstract(cls)}


PUBLIC = {kind: sorted(public(kind, base), key=lambda cls: cls.__name__) for kind, base in KINDS.items()}
CLASSES = [(kind, cls) for kind, classes in PUBLIC.items() for cls in classes]


def name_of(value):
    return value.__name__ if isinstance(value, type) else value


def test_everything_is_found():
    assert {kind: len(classes) for kind, classes in PUBLIC.items()} == {
        "hooks": 1, "operators": 21, "transfers": 4, "sensors": 4, "triggers": 6,
    }  # fmt: skip


@cases(("kind", "cls"), CLASSES)
def test_a_class_calls_itself_as_it_is_imported(kind, cls):
    if cls is LimitTrigger:  # for the operators only
        assert cls.__module__ == f"{PACKAGE}.triggers.limit"
    else:
        assert cls.__module__ in listed(kind)
    assert cls.__qualname__ == cls.__name__
    assert getattr(import_module(cls.__module__), cls.__name__) is cls
    assert import_string(f"{cls.__module__}.{cls.__name__}") is cls
    assert pickle.loads(pickle.dumps(cls)) is cls


@cases("kind", KINDS)
def test_every_module_that_is_listed_has_classes_of_its_own(kind):
    assert set(listed(kind)) == {cls.__module__ for cls in PUBLIC[kind]} - {LimitTrigger.__module__}


def test_the_module_of_timelines_offers_what_it_is_said_to():
    wanted = {cls.__name__ for cls in PUBLIC["operators"] if cls.__module__ == timeline.__name__}
    assert sorted(timeline.__all__) == timeline.__all__
    assert set(timeline.__all__) == wanted
    assert len(wanted) == 11


def test_the_ui_names_the_module_to_import_from():
    """It shows what stands in the serialized DAG."""
    arguments = {"record_id": 1, "entity_type": "deal", "entity_id": 1}
    with DAG("provider_info") as dag:
        timeline.BindTimelineRecordOperator(task_id="bind", **arguments)
        timeline.AddTimelineLogMessageOperator(task_id="log", item="D_1", title="T", text="x")
    tasks = [task["__var"] for task in LazyDeserializedDAG.from_dag(dag).data["dag"]["tasks"]]
    assert {(task["_task_module"], task["task_type"]) for task in tasks} == {
        (timeline.__name__, "BindTimelineRecordOperator"),
        (timeline.__name__, "AddTimelineLogMessageOperator"),
    }


def test_airflow_accepts_what_it_is_told():
    schema = Path(airflow.__file__).with_name("provider_info.schema.json")
    jsonschema.validate(INFO, json.loads(schema.read_text()))


def test_what_data_is_moved_between_is_an_integration_of_some_provider():
    known = {
        integration["integration-name"]
        for provider in ProvidersManager().providers.values()
        for integration in provider.data.get("integrations", ())
    }
    for transfer in INFO["transfers"]:
        assert transfer["source-integration-name"] in known
        assert transfer["target-integration-name"] in known


def test_the_guides_of_transfers_are_there():
    folder = Path(airflow_provider_bitrix24.__file__).parents[1]
    for transfer in INFO["transfers"]:
        assert (folder / transfer["how-to-guide"].removeprefix("/")).is_file()


@cases(("folder", "base", "kind"), [(folder, *told) for folder, told in CLASS_BY_CLASS.items()])
def test_every_notifier_and_link_is_listed(folder, base, kind):
    assert {f"{cls.__module__}.{cls.__name__}" for cls in public(folder, base)} == set(INFO[kind])


def test_airflow_holds_all_that_it_is_told():
    """``airflow providers get`` shows it."""
    shown = ProvidersManager().providers[INFO["package-name"]].data
    assert {name: shown.get(name) for name in INFO} == INFO
    assert {"hooks", "operators", "sensors", "triggers", "transfers", "notifications", "asset-uris"} < set(
        INFO
    )
    [uris] = INFO["asset-uris"]
    assert callable(import_string(uris["handler"]))


def test_links_notifiers_and_connection_types_are_there():
    for path in INFO["extra-links"]:
        cls = import_string(path)
        assert f"{cls.__module__}.{cls.__name__}" == path
    for path in INFO["notifications"]:
        assert issubclass(import_string(path), BaseNotifier)
        assert path in ProvidersManager().notification
    [connection] = INFO["connection-types"]
    assert import_string(connection["hook-class-name"]) is Bitrix24Hook
