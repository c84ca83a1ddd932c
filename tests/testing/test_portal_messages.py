from __future__ import annotations

import pytest
from page_tree import card_of, page_of
from portal_client import Client


@pytest.mark.parametrize(("method", "author"), [("personal", 2), ("system", 0)])
def test_notify(box, method, author):
    manager = Client(box, 2)
    number = manager(f"im.notify.{method}.add", {"user_id": 3, "Message": " [B]Done[/B] \n"}).result
    (sent,) = box.notifications(3)
    assert isinstance(number, int)
    assert (sent.message_id, sent.kind, sent.author_id, sent.text) == (number, method, author, "[B]Done[/B]")
    assert box.notifications(1) == []
    assert box.messages() == []


@pytest.mark.parametrize("method", ["im.notify.personal.add", "im.notify.system.add"])
def test_notify_errors(box, client, method):
    assert client(method, {"MESSAGE": "x"}).error[:2] == (400, "USER_ID_EMPTY")
    assert client(method, {"USER_ID": 3, "MESSAGE": "  "}).error[:2] == (400, "MESSAGE_EMPTY")
    assert client(method, {"USER_ID": 99, "MESSAGE": "x"}).result is False
    box.add_user(4, scopes=("crm",))
    assert Client(box, 4)(method, {"USER_ID": 3, "MESSAGE": "x"}).error[1] == "insufficient_scope"
    assert box.notifications() == []


def test_long_texts_are_cut(box, client):
    client("im.notify.system.add", {"USER_ID": 3, "MESSAGE": "x" * 20_000})
    client("im.message.add", {"DIALOG_ID": 3, "MESSAGE": "y" * 20_001})
    assert box.notifications()[0].text == "x" * 20_000
    assert box.messages()[0].text == "y" * 20_000 + " (...)"


def test_tags_are_for_applications(box, client, application):
    params = {"USER_ID": 3, "MESSAGE": "x", "TAG": "nightly"}
    for _ in range(2):
        client("im.notify.system.add", params)
    assert len(box.notifications(3)) == 2
    for _ in range(2):
        application("im.notify.system.add", params)
    application("im.notify.system.add", {**params, "USER_ID": 2})
    tagged = [sent for sent in box.notifications() if sent.tag]
    assert [sent.dialog for sent in tagged] == ["3", "2"], "a newer one replaces the older"
    assert tagged[0].text.endswith("\nx"), "after the application's name"
    assert application("im.notify.delete", {"TAG": "nightly"}).result is True
    assert len(box.notifications()) == 2


def test_notify_delete(box, client):
    number = client("im.notify.system.add", {"USER_ID": 3, "MESSAGE": "x"}).result
    message = client("im.message.add", {"DIALOG_ID": 3, "MESSAGE": "x"}).result
    assert client("im.notify.delete", {"ID": message}).result is False
    assert client("im.notify.delete", {"ID": number}).result is True
    assert client("im.notify.delete", {"ID": number}).result is False
    assert client("im.notify.delete").error[1] == "PARAMS_ERROR"
    assert (box.notifications(), len(box.messages())) == ([], 1)


def test_message_to_a_user(box, client):
    number = client("im.message.add", {"DIALOG_ID": "2", "MESSAGE": "Hello"}).result
    (sent,) = box.messages(2)
    assert (sent.message_id, sent.author_id, sent.text) == (number, 1, "Hello")


def test_message_into_a_chat(box, client):
    chat = box.add_chat([1, 2])
    assert client("im.message.add", {"DIALOG_ID": chat, "MESSAGE": "Hello"}).result > 0
    assert [sent.text for sent in box.messages(chat)] == ["Hello"]
    for dialog, caller in ((chat, Client(box, 3)), ("chat99", client)):
        error = caller("im.message.add", {"DIALOG_ID": dialog, "MESSAGE": "x"}).error
        assert error[:2] == (403, "ACCESS_ERROR")


def test_message_errors(client):
    method = "im.message.add"
    assert client(method, {"MESSAGE": "x"}).error[:2] == (400, "CHAT_ID_EMPTY")
    assert client(method, {"DIALOG_ID": 99, "MESSAGE": "x"}).error[:2] == (400, "USER_NOT_FOUND")
    assert client(method, {"DIALOG_ID": 2}).error[:2] == (400, "MESSAGE_EMPTY")


def test_attachments(box, client):
    def send(attach):
        return client("im.message.add", {"DIALOG_ID": 2, "ATTACH": attach})

    blocks = [{"MESSAGE": "12 rows"}, {"DELIMITER": {"SIZE": 200}}]
    assert send(blocks).result > 0
    assert send('[{"MESSAGE": "12 rows"}]').result > 0
    assert box.messages()[0].attach == blocks
    assert send("no json").error[:2] == (400, "ATTACH_ERROR")
    assert send([{"MESSAGE": "x" * 60_000}]).error[:2] == (400, "ATTACH_OVERSIZE")


def test_system_messages_and_chats_of_groups(box, client):
    client("im.message.add", {"DIALOG_ID": 2, "MESSAGE": "x", "SYSTEM": "Y"})
    client("im.message.add", {"DIALOG_ID": 2, "MESSAGE": "x"})
    assert [sent.system for sent in box.messages()] == [True, False]
    assert client("im.message.add", {"DIALOG_ID": "sg7", "MESSAGE": "x"}).error[:2] == (403, "ACCESS_ERROR")


def test_the_page_shows_messages_newest_first(box, client):
    assert not [card for card in page_of(box).all("article") if card.attributes["id"] == "messages"]
    client("im.notify.system.add", {"USER_ID": 3, "MESSAGE": "[b]<Done>[/b]"})
    client("im.message.add", {"DIALOG_ID": box.add_chat([1]), "MESSAGE": "Hi", "ATTACH": [{"MESSAGE": "x"}]})
    newest, oldest = card_of(box, "messages").all("li")
    assert ["Message" in newest.text, "to chat1 · with an attachment" in newest.text] == [True, True]
    assert [bold.text for bold in oldest.all("b")] == ["System notification", "<Done>"]
    assert "the system · message 1 · to " in oldest.text
