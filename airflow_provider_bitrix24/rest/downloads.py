"""Fetching a file that a result links to, with the secrets that the link needs, from the same portal only."""

from __future__ import annotations

from collections.abc import Generator
from typing import IO, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from airflow_provider_bitrix24.rest.credentials import Address
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError, Retry
from airflow_provider_bitrix24.rest.exchange import Pause, Reserve, Session, Settle, Step
from airflow_provider_bitrix24.rest.pacing import Slot
from airflow_provider_bitrix24.rest.redaction import redact_addresses
from airflow_provider_bitrix24.rest.redirects import new_origin
from airflow_provider_bitrix24.rest.replies import Failure, Response, read_envelope

_MOST_REDIRECTS = 3


class Download(NamedTuple):
    """Stream what is at this address into the target; answered by a ``Response`` or a ``Failure``."""

    address: Address
    target: IO[bytes]

    def __repr__(self) -> str:
        return f"Download({self.address})"


DownloadStep = Step | Download


def download(
    link: str, target: IO[bytes], session: Session
) -> Generator[DownloadStep, Any, int | Bitrix24Error]:
    """Write what a link leads to into a file, and return the number of bytes.

    :param link: a link from a result; its placeholders are replaced by the secrets they stand for
    :param target: an empty file that can be emptied again
    :param session: credentials, limits and patience
    """
    address = _address(link, session)
    attempt = redirects = 0
    while True:
        slot: Slot = yield Reserve(session.credentials.portal)
        if slot.wait > 0:
            yield Pause(slot.wait, "download: request limit", notable=False)
        answer: Response | Failure = yield Download(address, target)
        passed = None if isinstance(answer, Failure) else answer.status != 503
        yield Settle(session.credentials.portal, slot, passed, ())
        if isinstance(answer, Response) and answer.status == 200:
            return target.tell()
        if isinstance(answer, Response) and 300 <= answer.status < 400 and redirects < _MOST_REDIRECTS:
            redirects += 1
            moved = new_origin(address, answer.location, session.trusted_hosts)
            if isinstance(moved, Bitrix24Error):
                return moved
            address = Address(moved, address.path, address.shown)
            continue
        error = _error(answer, session)
        attempt += 1
        if error.retry is Retry.NEVER or attempt >= session.policy.attempts:
            return error
        target.seek(0)
        target.truncate()
        yield Pause(session.policy.pause(attempt), f"download: attempt {attempt} failed: {error}")


def _address(link: str, session: Session) -> Address:
    """Return where a link leads.

    :raises InvalidInputError: not to this portal
    """
    origin = session.credentials.origin
    whole = urlsplit(urljoin(origin + "/", link)) if isinstance(link, str) else urlsplit("")
    if f"{whole.scheme}://{whole.netloc}" != origin:
        raise InvalidInputError(
            f"link: {redact_addresses(str(link)).split('?')[0]!r} does not lead to {origin}",
            remedy="Only links that this portal returned can be downloaded through its connection.",
        )
    path = whole.path + (f"?{whole.query}" if whole.query else "")
    return Address(origin, session.credentials.secrets.reveal(path), redact_addresses(path))


def _error(answer: Response | Failure, session: Session) -> Bitrix24Error:
    portal = session.credentials.portal
    if isinstance(answer, Failure):
        return type(answer.error).from_fields(
            {**answer.error.fields(), "method": "download", "portal": portal}
        )
    reply = read_envelope(answer, method="download", portal=portal, secrets=session.credentials.secrets)
    if isinstance(reply, Bitrix24Error):
        return reply
    return Bitrix24Error(f"HTTP {answer.status}", method="download", portal=portal, status=answer.status)
