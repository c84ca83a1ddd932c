"""Which templates the triggerer can render, where it starts a task without a worker."""

from __future__ import annotations

from jinja2 import Environment, TemplateError, meta

#: what a template may refer to: plain facts of the run. Not ``ti``, ``var`` or ``conn``, which ask Airflow's
#: API while the event loop stands, nor a DAG's own macros, which the triggerer does not have.
_PLAIN = frozenset({
    "params", "dag_run", "run_id", "logical_date", "data_interval_start", "data_interval_end",
    "ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz", "task_instance_key_str",
})  # fmt: skip


def renders_anywhere(text: str) -> bool:
    """Tell whether a text is no template, or one that needs nothing but plain facts of the run.

    :param text: an argument of an operator
    """
    environment = Environment(autoescape=False)  # noqa: S701 - nothing is rendered, least of all HTML
    try:
        environment.from_string(text)  # knows its filters
        names = meta.find_undeclared_variables(environment.parse(text))
    except TemplateError:
        return False
    return names <= _PLAIN
