"""Letting an operator take the API's ``params`` although Airflow uses that name for something else.

For Airflow ``params`` are the DAG's own: it merges them into every operator's, accepts only mappings and
shows them in templates. Merged into a call, they would reach the portal. So what a DAG file passes as
``params`` is moved to ``parameters`` before Airflow sees it, in ordinary tasks and in mapped ones.
"""

from __future__ import annotations

from typing import Any, Self

from airflow.sdk.bases.operator import BaseOperatorMeta
from airflow.sdk.definitions.param import ParamsDict

from airflow_provider_bitrix24.hooks.errors import InvalidInputError
from airflow_provider_bitrix24.operators.base import UNSET, Bitrix24Operator, Unset, from_template


class _DagParams(ParamsDict):
    """The DAG's params of a mapped task, which keep apart what ``expand`` would merge into them."""

    mapped: Any = UNSET

    def __copy__(self) -> Self:
        twin = type(self)(_unresolved(self))
        twin.mapped = self.mapped
        return twin

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Keep what one task of the mapping was given."""
        [self.mapped] = args


class _ApiParamsMeta(BaseOperatorMeta):
    """Moves ``params`` to ``parameters``."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - a metaclass's instances are classes
        given = kwargs.pop("params", None)
        if isinstance(given, _DagParams):
            if dag_params := _unresolved(given):
                kwargs["params"] = dag_params
            given = None if isinstance(given.mapped, Unset) else given.mapped
        return super().__call__(*args, **_with_parameters(kwargs, given))


def _with_parameters(kwargs: dict[str, Any], given: Any) -> dict[str, Any]:
    if given is None:
        return kwargs
    if "parameters" in kwargs:
        raise InvalidInputError("params and parameters: both are given", remedy="Give one of them.")
    return {**kwargs, "parameters": given}


def _unresolved(params: Any) -> dict[str, Any]:
    """Return DAG params as they are declared, for one without a default has no value yet."""
    return dict(params.items())


class ApiParamsOperator(Bitrix24Operator, metaclass=_ApiParamsMeta):
    """Base of operators that call one method with ``params``.

    :param method: the API method
    :param parameters: the method's parameters; a DAG file gives them as ``params``
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``
    """

    def __init__(self, *, method: Any, parameters: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.method = method
        self.parameters = parameters
        self.remember_sources(method=method, params=parameters)

    def call_params(self) -> Any:
        """Return the rendered parameters, which a template may have made one JSON text.

        :raises InvalidInputError: they are a text, but not JSON
        """
        return {} if self.parameters is None else from_template(self.parameters, "params")

    @classmethod
    def partial(cls, *, params: Any = None, **kwargs: Any) -> Any:
        """Set the arguments that are the same for all tasks of a mapping.

        :param params: the method's parameters
        """
        made = super().partial(**_with_parameters(kwargs, params))
        made.params = _DagParams(_unresolved(made.params))
        return made
