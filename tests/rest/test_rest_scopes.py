"""The scope that a method needs, named where its name tells."""

from __future__ import annotations

import pytest
from cases import cases

from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.redaction import Secrets
from airflow_provider_bitrix24.rest.replies import read_batch
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.rest.scopes import scope_of


@cases(
    ("method", "scope"),
    [
        ("crm.deal.list", "crm"),
        ("CRM.DEAL.LIST", "crm"),
        ("im.notify.personal.add", "im"),
        ("imbot.message.add", "imbot"),
        ("user.get", "user"),
        ("tasks.task.list", "task"),
        ("task.item.list", "task"),
        ("socialnetwork.api.workgroup.list", "sonet_group"),
        ("voximplant.statistic.get", "telephony"),
        ("profile", ""),
        ("something.new", ""),
        ("", ""),
    ],
)
def test_the_scope_of_a_method(method, scope):
    assert scope_of(method) == scope


@pytest.mark.parametrize(
    ("method", "remedy"),
    [
        ("im.notify", "Add the scope im to the webhook or application in Bitrix24."),
        ("something.new", "Add the scope to the webhook or application in Bitrix24."),
    ],
)
def test_a_command_of_a_batch_names_the_scope_that_it_lacks(method, remedy):
    result = {"result": {}, "result_error": {"c0": {"error": "insufficient_scope", "error_description": ""}}}
    [outcome] = read_batch([Call(method)], ["c0"], Reply(result), portal="p", secrets=Secrets({}))
    assert outcome.error.remedy == remedy
