from __future__ import annotations

from airflow.sdk.log import mask_secret
from notifier_fixtures import context_of, sync, texts

from airflow_provider_bitrix24.notifications.bitrix24 import Bitrix24Notifier


def sent(portal, message, **context):
    sync(Bitrix24Notifier(user_ids=1, message=message), context_of(**context))
    return texts(portal)[-1]


def test_bb_codes_are_the_templates_and_not_the_values(told):
    error = ValueError("[user=all]Hi[/user] rows[0] [1, 2] \x00")
    assert sent(told, "[b]{{ ti.task_id }}[/b]: {{ exception }}", exception=error) == (
        "[b]load[/b]: [\u200buser=all]Hi[\u200b/user] rows[0] [1, 2] \ufffd"
    )
    assert sent(told, "{% if yes %}[b]now[/b]{% endif %}", yes=True) == "[b]now[/b]"


def test_no_secret_comes_through_a_template(told):
    mask_secret("s3cret-of-a-connection")
    message = "{{ exception }} {{ password }}"
    text = sent(
        told,
        message,
        exception=OSError("https://x.bitrix24.com/rest/1/abcdefgh123/crm.deal.get refused"),
        password="s3cret-of-a-connection",
    )
    assert text == "https://x.bitrix24.com/rest/1/***/crm.deal.get refused ***"


def test_a_long_text_is_cut_with_a_mark(told):
    text = sent(told, "{{ text }}", text="x" * 30_000)
    assert len(text) == 20_000
    assert text.endswith("xx (...)")
