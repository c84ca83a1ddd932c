"""Operators for any method of the REST API: one call, a whole list, many calls."""

from __future__ import annotations

from airflow_provider_bitrix24.operators.rest_batch import Bitrix24BatchOperator
from airflow_provider_bitrix24.operators.rest_call import Bitrix24CallOperator
from airflow_provider_bitrix24.operators.rest_list import Bitrix24ListOperator

__all__ = ["Bitrix24BatchOperator", "Bitrix24CallOperator", "Bitrix24ListOperator"]

# Airflow's UI and the docs name the module to import them from, not the file they are in
for _name in __all__:
    globals()[_name].__module__ = __name__
