"""Stored files and the links that lead to them: signed ones, and those for somebody who is signed in."""

from __future__ import annotations

import base64
import binascii
import hmac
import mimetypes
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from . import php


@dataclass(frozen=True)
class StoredFile:
    """A file on the portal."""

    file_id: int
    name: str
    content: bytes
    author_id: int
    created: float

    @property
    def content_type(self) -> str:
        """Its media type, guessed from the name."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"


class FileStore:
    """The portal's files. A link's token is ``scope|file|signature``; it is good for this portal only."""

    def __init__(self) -> None:
        self.files: dict[int, StoredFile] = {}
        self._key = secrets.token_bytes(16)

    def add(self, name: str, content: bytes, author_id: int, created: float) -> int:
        """Store a file and return its number."""
        file_id = len(self.files) + 1
        self.files[file_id] = StoredFile(file_id, name, content, author_id, created)
        return file_id

    def token(self, file_id: int, scope: str = "crm") -> str:
        """Return the token of a link to the file."""
        packed = base64.b64encode(f"id={file_id}&_={secrets.token_hex(8)}".encode()).decode()
        return f"{scope}|{packed}|{self._sign(packed)}"

    def resolve(self, token: str) -> StoredFile | None:
        """Return the file a token leads to, ``None`` if the token is not ours."""
        parts = token.split("|")
        if len(parts) != 3 or not hmac.compare_digest(self._sign(parts[1]).encode(), parts[2].encode()):
            return None
        query = php.parse_query(base64.b64decode(parts[1]).decode())
        return self.files.get(php.int_cast(query.get("id")))

    def _sign(self, packed: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, packed.encode(), "sha256")).decode()


def show_link(kind: str, item_id: Any, field: str, file_id: int, **more: str) -> str:
    """Return the address of an item's file for a browser in which somebody is signed in."""
    query = urlencode({**more, "ownerId": item_id, "fieldName": field, "fileId": file_id})
    return f"/bitrix/components/bitrix/crm.{kind}.show/show_file.php?{query}"


def disk_link(base_url: str, file: StoredFile) -> str:
    """Return the address of a comment's file for a browser in which somebody is signed in."""
    return f"{base_url}/disk/downloadFile/{file.file_id}/?{urlencode({'ncc': 1, 'filename': file.name})}"


def machine_link(base_url: str, via: str, user_id: int, secret: str, token: str) -> str:
    """Return a link that carries the caller's own credentials, as the portal writes them."""
    signed = f"token={quote(token, safe='')}"
    if via == "webhook":
        return f"{base_url}/rest/{user_id}/{secret}/download/?{signed}"
    return f"{base_url}/rest/download.json?auth={secret}&{signed}"


def uploaded(value: Any) -> tuple[str, bytes] | None:
    """Read ``["name", "base64"]``; ``None`` if it is anything else."""
    name, content = php.lookup(value, "0"), php.lookup(value, "1")
    if not isinstance(name, str) or not isinstance(content, str) or not name:
        return None
    try:
        return name, base64.b64decode(content.encode(), validate=False)
    except (ValueError, binascii.Error):
        return None
