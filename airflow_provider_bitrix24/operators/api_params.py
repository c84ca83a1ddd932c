"""Parameters of an API method: ``api_params``, because in Airflow ``params`` holds the DAG's params."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk import BaseOperator

from airflow_provider_bitrix24.crm.inputs import from_json
from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.rest import errors as rest

#: parameters that many API methods take, in lower case
_OF_THE_API = frozenset({
    "cmd", "entityid", "entitytypeid", "fields", "filter", "halt", "id", "item", "order", "select", "start",
})  # fmt: skip


def refuse_params(operator: BaseOperator, api_params: Any) -> None:
    """Refuse ``params`` of an operator that look as if they were meant for the API method.

    :param operator: the operator, whose ``params`` hold the DAG's as well
    :param api_params: what was given as such; with it, ``params`` cannot be meant for the method
    :raises InvalidInputError: they do
    """
    if api_params is not None:
        return
    dag = operator.get_dag()
    of_the_dag = set(dag.params) if dag is not None else set()
    meant = [name for name in operator.params if name not in of_the_dag and name.lower() in _OF_THE_API]
    if meant:
        raise InvalidInputError(
            f"params: {meant[0]!r} looks like a parameter of the API method, which would not get it",
            remedy="Give the method's parameters as api_params; in Airflow, params are the DAG's own.",
        )


def parse_api_params(api_params: Any) -> Any:
    """Return rendered parameters, which a template may have made one JSON text.

    :param api_params: the parameters; ``None`` for none
    :raises InvalidInputError: they are a text, but not JSON
    """
    if isinstance(api_params, str):
        return from_json(api_params, "api_params", floats=float)
    return {} if api_params is None else api_params


@contextmanager
def naming_api_params() -> Iterator[None]:
    """Let errors about a call's parameters name the argument ``api_params``, which they come from."""
    try:
        yield
    except rest.InvalidInputError as error:
        if not re.match(r"params[:.\[]", error.description):
            raise
        found = error.but(description=f"api_{error.description}")
    else:
        return
    raise found
