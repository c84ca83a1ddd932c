"""Operators in a DAG with native rendering: what the user wrote as text arrives as this text."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG
from operator_alone import context_of

from airflow_provider_bitrix24.operators.rest import Bitrix24CallOperator
from airflow_provider_bitrix24.operators.timeline import (
    AddTimelineCommentOperator,
    AddTimelineCommentsOperator,
    AddTimelineLogMessageOperator,
)

#: texts that native rendering would turn into something else
LOOKALIKES = ["+48100200300", "10.50", "2024", "1_000", "True", "[1, 2]", "None so far\n", "{# no comment #}"]


def rendered(cls, context=None, **arguments):
    """Return an operator of a DAG with native rendering, and the context in which it was rendered."""
    context = {**context_of(), **(context or {})}
    with DAG("native", render_template_as_native_obj=True):
        operator = cls(task_id="t", **arguments)
    operator.render_template_fields(context)
    return operator, context


@pytest.mark.parametrize("text", LOOKALIKES)
def test_a_text_without_a_template_reaches_the_portal_as_it_is_written(portal, text):
    fields = {"POST": text, "PHONE": [{"ID": 7, "VALUE": text}]}
    operator, context = rendered(
        Bitrix24CallOperator, method="crm.contact.update", api_params={"id": 1, "fields": fields}
    )
    operator.execute(context)
    [call] = portal.calls("crm.contact.update")
    assert call.params["fields"] == fields


@pytest.mark.parametrize("text", ["2024", "+48100200300", "10.50"])
def test_a_comment_without_a_template_is_added_as_it_is_written(portal, text):
    operator, context = rendered(AddTimelineCommentOperator, item="D_1", comment=text)
    operator.execute(context)
    assert [comment.text for comment in portal.comments("deal", 1)][-1:] == [text]


@pytest.mark.parametrize("value", ["2024", 2024], ids=repr)
def test_a_text_that_rendered_to_a_number_is_the_text_of_the_number(portal, value):
    operator, context = rendered(AddTimelineCommentOperator, {"x": value}, item="D_1", comment="{{ x }}")
    operator.execute(context)
    rows, context = rendered(
        AddTimelineCommentsOperator, {"x": value}, rows=[{"item": "D_1", "comment": "{{ x }}"}]
    )
    rows.execute(context)
    assert [comment.text for comment in portal.comments("deal", 1)][-2:] == ["2024", "2024"]
    message, context = rendered(
        AddTimelineLogMessageOperator, {"x": value}, item="D_1", title="{{ x }}", text="{{ x }}"
    )
    message.execute(context)
    [call] = portal.calls("crm.timeline.logmessage.add")
    assert (call.params["fields"]["title"], call.params["fields"]["text"]) == ("2024", "2024")
