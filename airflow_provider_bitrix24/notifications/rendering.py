"""Rendering a notifier's texts: BB codes are the template's own, and no secret comes through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import redact

from airflow_provider_bitrix24.chat.texts import plain
from airflow_provider_bitrix24.rest.redaction import redact_addresses

if TYPE_CHECKING:
    import jinja2

#: what a message is about: the names in the context that say it, and their parts in words
_ABOUT = {
    "ti": {"dag_id": "DAG", "task_id": "task"},
    "dag_run": {"dag_id": "DAG", "run_id": "run"},
    "dag": {"dag_id": "DAG"},
}


def render_text(template: str, context: Mapping[str, Any], environment: jinja2.Environment) -> str:
    """Return a rendered text. BB codes in it are the template's: values are shown as they are.

    A name that the context does not have stays as it is written, so that the rest is told.

    :param template: the text
    :param context: what its expressions may name
    :param environment: Airflow's, which renders to texts
    """
    from jinja2 import ChainableUndefined

    class AsWritten(ChainableUndefined):
        __slots__ = ()

        def __str__(self) -> str:
            return f"{{{{ {self._undefined_name} }}}}"

    marked = environment.overlay(finalize=plain, undefined=AsWritten)
    text: str = masked(marked.from_string(template).render(context))
    return text


def as_written(template: str, context: Mapping[str, Any]) -> str:
    """Return a text whose template fails, and what it is about, which its reader would not see otherwise.

    :param template: the text
    :param context: a task's, a run's or a deadline's
    """
    for name, parts in _ABOUT.items():
        about = context.get(name)
        known = about if isinstance(about, Mapping) else {part: getattr(about, part, "") for part in parts}
        if all(known.get(part) for part in parts):
            what = ", ".join(f"{word} {plain(known[part])}" for part, word in parts.items())
            return f"{template}\n({what})"
    return template


def render_texts(value: Any, context: Mapping[str, Any], environment: jinja2.Environment) -> Any:
    """Return a structure with all its texts rendered, as :func:`render_text` does.

    :param value: mappings and lists, one in the other
    :param context: what the texts may name
    :param environment: Airflow's, which renders to texts
    """
    if isinstance(value, str):
        return render_text(value, context, environment)
    if isinstance(value, Mapping):
        return {key: render_texts(part, context, environment) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [render_texts(part, context, environment) for part in value]
    return value


def masked(value: Any) -> Any:
    """Return a text, or a structure of texts, without what Airflow or an address keeps secret.

    Each text is looked at by itself: Airflow's masker would also drop what stands under a key such as
    ``COLOR_TOKEN``.

    :param value: the text or the structure
    """
    if isinstance(value, str):
        return redact_addresses(str(redact(value)))
    if isinstance(value, Mapping):
        return {key: masked(part) for key, part in value.items()}
    return [masked(part) for part in value] if isinstance(value, (list, tuple)) else value
