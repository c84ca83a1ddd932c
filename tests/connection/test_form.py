"""The connection form as Airflow itself reads it, in a process of its own: it puts stand-ins into modules."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_bitrix24 import get_provider_info
from airflow_provider_bitrix24.connection import form
from airflow_provider_bitrix24.connection.parsing import parse_connection

_READ = """
import json, logging, sys, warnings
warnings.simplefilter("always")
caught = []
warnings.showwarning = lambda message, category, *rest: caught.append(f"{category.__name__}: {message}")
noticed = []
class Notice(logging.Handler):
    def emit(self, record):
        noticed.append(record.getMessage())
logging.getLogger("airflow.providers_manager").addHandler(Notice(logging.WARNING))

from airflow.providers_manager import ProvidersManager
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

manager = ProvidersManager()
[meta] = [meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "bitrix24"]
provider = manager.providers["airflow-provider-bitrix24"]
print("\\nSEEN", json.dumps({
    "meta": json.loads(meta.model_dump_json()),
    "version": provider.version,
    "info": provider.data,
    "warnings": [text for text in caught if "bitrix24" in text.lower()],
    "noticed": [text for text in noticed if "bitrix24" in text.lower()],
    "declared": hasattr(manager, "iter_connection_type_hook_ui_metadata"),
    "hook_imported": "airflow_provider_bitrix24.hooks.bitrix24" in sys.modules,
}))
"""


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What Airflow's UI is told of the form."""
    done = subprocess.run(
        [sys.executable, "-c", _READ], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2000:]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("SEEN ")]
    found: dict[str, Any] = json.loads(line.removeprefix("SEEN "))
    return found


@pytest.mark.slow
def test_the_package_is_known_without_a_warning(seen):
    assert seen["version"] == get_provider_info()["versions"][0]
    assert seen["info"]["connection-types"] == [form.connection_type()]
    assert seen["warnings"] == []
    assert seen["noticed"] == []


def test_names(seen):
    meta = seen["meta"]
    assert meta["hook_name"] == "Bitrix24"
    assert meta["hook_class_name"] == "airflow_provider_bitrix24.hooks.bitrix24.Bitrix24Hook"


def test_standard_fields(seen):
    fields = seen["meta"]["standard_fields"]
    assert fields["host"] == {"hidden": False, "title": "Portal", "placeholder": "portal.bitrix24.com"}
    assert fields["login"]["title"] == "Webhook: user id"
    assert fields["password"]["title"] == "Webhook: code or whole URL"
    assert fields["password"]["placeholder"] == "https://portal.bitrix24.com/rest/1/code/"
    assert fields["port"] == {"hidden": False, "title": "Port (443)", "placeholder": "443"}
    assert fields["url_schema"]["title"] == "Scheme (https)"


def _schema(seen: dict[str, Any], name: str) -> dict[str, Any]:
    schema: dict[str, Any] = seen["meta"]["extra_fields"][name]["schema"]
    return schema


def test_every_extra_field_has_a_label_and_a_description(seen):
    fields = seen["meta"]["extra_fields"]
    assert set(fields) == set(form.CONN_FIELDS)
    for name, declared in form.CONN_FIELDS.items():
        assert fields[name]["schema"]["title"] == declared["label"], name
        assert fields[name]["description"] == declared["description"], name


def test_fields_come_in_the_order_of_use_and_those_of_oauth_together_at_the_end(seen):
    names = list(seen["meta"]["extra_fields"])
    assert names == list(form.CONN_FIELDS)
    titles = [_schema(seen, name)["title"] for name in names]
    of_oauth = [title.startswith("OAuth: ") for title in titles]
    assert of_oauth == sorted(of_oauth)
    assert names[0] == "plan"
    assert (
        names.index("request_cut") < names.index("pacing") < names.index("timeout") < names.index("client_id")
    )


def test_secrets_are_password_fields(seen):
    names = seen["meta"]["extra_fields"]
    secret = {name for name in names if _schema(seen, name).get("format") == "password"}
    assert secret == {"client_secret", "refresh_token", "access_token", "proxy"}


def test_choices_and_defaults(seen):
    fields = seen["meta"]["extra_fields"]
    assert list(_schema(seen, "plan")["enum"]) == ["standard", "enterprise", "self-hosted"]
    assert list(_schema(seen, "pacing")["enum"]) == ["machine", "redis", "process", "off"]
    assert fields["plan"]["value"] == "standard"
    assert fields["pacing"]["value"] == "machine"
    assert fields["allow_http"]["value"] is False
    assert fields["timeout"]["value"] is None
    assert _schema(seen, "allow_http")["type"] == ["boolean", "null"]
    assert _schema(seen, "burst")["type"] == ["integer", "null"]


def test_numbers_where_the_form_reads_the_declaration(seen):
    # Airflow 3.1 knows no fractions in its forms, so there these are texts.
    kind = "number" if seen["declared"] else "string"
    for name in ("timeout", "requests_per_second", "operating_limit", "request_cut"):
        assert _schema(seen, name)["type"] == [kind, "null"]


def test_the_hook_is_imported_only_where_the_form_has_to_ask_it(seen):
    assert seen["hook_imported"] is not seen["declared"]


def test_both_releases_read_one_declaration():
    info = get_provider_info()["connection-types"][0]
    behaviour = form.field_behaviour()
    assert behaviour["hidden_fields"] == info["ui-field-behaviour"]["hidden-fields"] == ["extra"]
    assert behaviour["relabeling"] == info["ui-field-behaviour"]["relabeling"]
    assert behaviour["placeholders"] == info["ui-field-behaviour"]["placeholders"]


def test_the_hooks_own_class_has_what_older_releases_look_for_there():
    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

    assert {"get_ui_field_behaviour", "get_connection_form_widgets"} <= set(vars(Bitrix24Hook))


def test_the_hook_describes_its_fields():
    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

    assert Bitrix24Hook.get_ui_field_behaviour() == form.field_behaviour()
    assert (Bitrix24Hook.conn_type, Bitrix24Hook.conn_name_attr) == ("bitrix24", "bitrix24_conn_id")
    assert Bitrix24Hook.default_conn_name == "bitrix24_default"


def test_what_a_new_form_sends_can_be_read():
    defaults = {name: field["schema"].get("default") for name, field in form.CONN_FIELDS.items()}
    connection = Connection(
        conn_id="b24",
        conn_type="bitrix24",
        host="",
        login="",
        schema="",
        password="https://portal.bitrix24.com/rest/1/code/",
        extra=json.dumps(defaults),
    )
    assert parse_connection(connection).credentials.portal == "portal.bitrix24.com"


def test_the_package_says_where_everything_is():
    import importlib

    info = get_provider_info()
    for section in ("hooks", "operators", "sensors", "triggers"):
        for entry in info[section]:
            assert entry["integration-name"] == info["integrations"][0]["integration-name"]
            for module in entry["python-modules"]:
                importlib.import_module(module)


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Airflow's own stand-ins for the libraries whose widgets it asks a hook for."""
    from types import ModuleType

    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    modules: dict[str, dict[str, Any]] = {
        "wtforms": {
            "StringField": HookMetaService.MockStringField,
            "IntegerField": HookMetaService.MockIntegerField,
            "PasswordField": HookMetaService.MockPasswordField,
            "BooleanField": HookMetaService.MockBooleanField,
        },
        "wtforms.validators": {"any_of": HookMetaService.MockEnum},
        "flask_appbuilder": {},
        "flask_appbuilder.fieldwidgets": {
            "BS3TextFieldWidget": HookMetaService.MockAnyWidget,
            "BS3PasswordFieldWidget": HookMetaService.MockAnyWidget,
        },
    }
    for name, contents in modules.items():
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    return HookMetaService


def test_the_widgets_that_a_hook_is_asked_for(stand_ins):
    from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook

    widgets = Bitrix24Hook.get_connection_form_widgets()
    assert list(widgets) == list(form.CONN_FIELDS)
    kinds = {name: type(widget) for name, widget in widgets.items()}
    assert kinds["client_secret"] is kinds["proxy"] is stand_ins.MockPasswordField
    assert kinds["allow_http"] is stand_ins.MockBooleanField
    assert kinds["burst"] is stand_ins.MockIntegerField
    assert kinds["client_id"] is kinds["timeout"] is kinds["plan"] is stand_ins.MockStringField
    plan = widgets["plan"].param.dump()
    assert plan["value"] == "standard"
    assert plan["schema"]["enum"] == ["standard", "enterprise", "self-hosted"]
    assert plan["schema"]["title"] == "Plan"
