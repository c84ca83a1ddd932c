"""``disk.file.get``: a stored file, with a link to download it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import dates, php
from ..errors import RestError, denied
from ..files import disk_link, machine_link
from .registry import Method

if TYPE_CHECKING:
    from ..files import StoredFile
    from ..world import Call

# The number of a file's contents, which no method of the Drive takes.
_CONTENTS = 30_000


def get_file(call: Call) -> dict[str, Any]:
    """Return a file; the link carries the caller's own credentials."""
    number = call.params.get("id")
    if number is None:
        raise RestError("ERROR_ARGUMENT", "Invalid value of parameter {Parameter #0}")
    world, identity = call.world, call.identity
    stored = world.files.files.get(php.int_cast(number))
    if stored is None:
        raise RestError("ERROR_NOT_FOUND", f"Could not find entity with id `{php.text(number)}`")
    if not _may_read(call, stored):
        raise denied()
    created = dates.stamp(stored.created, world.zone)
    token = world.files.token(stored.file_id, "disk")
    return {
        "ID": str(stored.file_id),
        "NAME": stored.name,
        "CODE": None,
        "STORAGE_ID": str(stored.author_id),
        "TYPE": "file",
        "PARENT_ID": str(stored.author_id),
        "DELETED_TYPE": "0",
        "GLOBAL_CONTENT_VERSION": "1",
        "FILE_ID": str(_CONTENTS + stored.file_id),
        "SIZE": str(len(stored.content)),
        "CREATE_TIME": created,
        "UPDATE_TIME": created,
        "DELETE_TIME": None,
        "CREATED_BY": str(stored.author_id),
        "UPDATED_BY": str(stored.author_id),
        "DELETED_BY": "0",
        "DOWNLOAD_URL": machine_link(world.base_url, identity.via, call.user.user_id, identity.secret, token),
        "DETAIL_URL": disk_link(world.base_url, stored),
    }


def _may_read(call: Call, stored: StoredFile) -> bool:
    """Tell whether the caller owns the file, or sees it in a timeline."""
    if call.user.admin or stored.author_id == call.user.user_id:
        return True
    timeline = call.world.timeline
    return any(
        any(call.pairs_user_may(call.world.may_read, list(timeline.bindings(record.record_id))))
        for record in timeline.records.values()
        if stored.file_id in record.files
    )


METHODS = (Method("disk.file.get", get_file, ("disk",)),)
