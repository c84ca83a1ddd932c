"""Files on the Drive."""

from __future__ import annotations

import requests
from portal_client import Client


def test_a_file_with_a_link_to_download_it(box, client):
    number = box.add_file("offer.pdf", b"%PDF-1", author_id=2)
    file = client("disk.file.get", {"id": number}).result
    assert (
        file.items()
        >= {
            "ID": str(number),
            "NAME": "offer.pdf",
            "TYPE": "file",
            "SIZE": "6",
            "CREATED_BY": "2",
            "DELETED_TYPE": "0",
            "CREATE_TIME": "2025-09-09T16:31:11+03:00",
        }.items()
    )
    assert file["FILE_ID"] != file["ID"], "the number of the contents is another one"
    assert f"/rest/1/{box.webhook_code()}/download/?token=disk%7C" in file["DOWNLOAD_URL"]
    answer = requests.get(file["DOWNLOAD_URL"], timeout=10)
    assert (answer.content, answer.headers["Content-Type"]) == (b"%PDF-1", "application/pdf")
    assert box.webhook_code() not in file["DETAIL_URL"]


def test_files_that_are_not_there_and_missing_numbers(box, client):
    assert client("disk.file.get").error[:2] == (400, "ERROR_ARGUMENT")
    assert client("disk.file.get", {"id": 7}).error == (
        400,
        "ERROR_NOT_FOUND",
        "Could not find entity with id `7`",
    )
    box.add_user(4, scopes=("crm",))
    assert Client(box, 4)("disk.file.get", {"id": 7}).error[1] == "insufficient_scope"


def test_who_may_read_a_file(box, client):
    """Its owner, and who sees the comment that it is in."""
    box.add_item("deal")
    box.add_comment("deal", 1, "the offer", files={"offer.pdf": b"1"})
    own = box.add_file("notes.txt", b"2", author_id=4)
    box.add_user(4, may_read=[("deal", 1)])
    box.add_user(5, may_read=[("deal", 2)])
    assert Client(box, 4)("disk.file.get", {"id": 1}).result["NAME"] == "offer.pdf"
    assert Client(box, 5)("disk.file.get", {"id": 1}).error[1] == "ACCESS_DENIED"
    assert Client(box, 4)("disk.file.get", {"id": own}).result["NAME"] == "notes.txt"
    assert Client(box, 2)("disk.file.get", {"id": own}).error[1] == "ACCESS_DENIED"
