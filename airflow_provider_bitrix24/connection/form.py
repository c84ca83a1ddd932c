"""The connection form, declared once: read from the provider info, by older releases from the hook."""

from __future__ import annotations

from typing import Any

CONN_TYPE = "bitrix24"
HOOK_NAME = "Bitrix24"
DEFAULT_CONN_ID = "bitrix24_default"

PLAN_CHOICES = ("standard", "enterprise", "self-hosted")
PACING_CHOICES = ("machine", "redis", "process", "off")

UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["extra"],
    "relabeling": {
        "host": "Portal",
        "port": "Port (443)",
        "schema": "Scheme (https)",
        "login": "Webhook: user id",
        "password": "Webhook: code or whole URL",
    },
    "placeholders": {
        "host": "portal.bitrix24.com",
        "login": "1",
        "port": "443",
        "schema": "https",
        "password": "https://portal.bitrix24.com/rest/1/code/",
    },
}


def _field(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


#: in the order of use: the plan and its limits, the network, then what an OAuth application needs
CONN_FIELDS: dict[str, dict[str, Any]] = {
    "plan": _field(
        "Plan",
        "Which request limits the portal has: standard 2/s, enterprise 5/s, self-hosted none",
        enum=list(PLAN_CHOICES),
        default="standard",
    ),
    "requests_per_second": _field(
        "Requests per second", "Overrides the plan's rate", type=["number", "null"]
    ),
    "burst": _field("Burst", "Overrides how many requests may come at once", type=["integer", "null"]),
    "operating_limit": _field(
        "Operating limit", "Overrides a method's seconds in ten minutes (480)", type=["number", "null"]
    ),
    "request_cut": _field(
        "Request cut", "Seconds after which the portal cuts a request off (60)", type=["number", "null"]
    ),
    "pacing": _field(
        "Pacing", "Who shares the count of requests", enum=list(PACING_CHOICES), default="machine"
    ),
    "redis_conn_id": _field("Redis connection", "Id of an Airflow connection, for pacing = redis"),
    "timeout": _field(
        "Time-out", "Seconds to wait for an answer (the request cut and 10)", type=["number", "null"]
    ),
    "verify": _field("Verify certificates", "true, false, or the path of a CA bundle"),
    "proxy": _field("Proxy", "Proxy URL; empty: the environment's proxies", format="password"),
    "allow_http": _field(
        "Allow plain http",
        "For a self-hosted portal without TLS only",
        type=["boolean", "null"],
        default=False,
    ),
    "trusted_hosts": _field(
        "Trusted hosts", "Hosts, separated by commas, that a renamed portal may redirect to"
    ),
    "client_id": _field("OAuth: client id", "Id of an OAuth application, instead of a webhook"),
    "client_secret": _field("OAuth: client secret", "The application's secret", format="password"),
    "refresh_token": _field(
        "OAuth: refresh token",
        "The first one; renewed pairs are kept in an Airflow Variable",
        format="password",
    ),
    "access_token": _field("OAuth: access token", "The first one, if it is at hand", format="password"),
    "oauth_server": _field(
        "OAuth: server", "Default https://oauth.bitrix.info; https://oauth.bitrix24.tech for ru, by, kz ..."
    ),
    "token_store": _field(
        "OAuth: token store", "Dotted path of a class that keeps renewed tokens elsewhere than in a Variable"
    ),
}


def connection_type() -> dict[str, Any]:
    """Return the connection type's entry for the provider info."""
    return {
        "connection-type": CONN_TYPE,
        "hook-class-name": "airflow_provider_bitrix24.hooks.bitrix24.Bitrix24Hook",
        "hook-name": HOOK_NAME,
        "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
        "conn-fields": CONN_FIELDS,
    }


def field_behaviour() -> dict[str, Any]:
    """Return the fields' behaviour in the form that Airflow 3.1 asks of the hook."""
    return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}


def form_widgets() -> dict[str, Any]:
    """Return the extra fields as the widgets that Airflow 3.1 asks of the hook.

    Its UI understands text, password, integer and boolean fields, and a choice by its validator.
    """
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import BooleanField, IntegerField, PasswordField, StringField
    from wtforms.validators import any_of

    def widget(field: dict[str, Any]) -> Any:
        schema = field["schema"]
        options: dict[str, Any] = {"description": field["description"], "default": schema.get("default")}
        if "enum" in schema:
            options["validators"] = [any_of(schema["enum"])]
        if "boolean" in schema["type"]:
            return BooleanField(field["label"], **options)
        if schema.get("format") == "password":
            return PasswordField(field["label"], widget=BS3PasswordFieldWidget(), **options)
        kind = IntegerField if "integer" in schema["type"] else StringField
        return kind(field["label"], widget=BS3TextFieldWidget(), **options)

    return {name: widget(field) for name, field in CONN_FIELDS.items()}
