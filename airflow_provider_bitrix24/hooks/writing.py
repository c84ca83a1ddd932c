"""Prepares the writing of items: reads the metadata, checks the arguments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Literal, get_args
from zoneinfo import ZoneInfo

from airflow_provider_bitrix24.crm.extraction.clocks import WIDEST, PortalClock
from airflow_provider_bitrix24.crm.extraction.datasets import ListDataset, parse_dataset
from airflow_provider_bitrix24.crm.fields.schema import CrmSchema
from airflow_provider_bitrix24.crm.inputs import is_sequence
from airflow_provider_bitrix24.crm.writing.changes import Operation
from airflow_provider_bitrix24.crm.writing.keys import Key
from airflow_provider_bitrix24.crm.writing.statuses import status_codes
from airflow_provider_bitrix24.crm.writing.writers import writers_of
from airflow_provider_bitrix24.crm.writing.writing import Writing
from airflow_provider_bitrix24.hooks.attachments import read_file
from airflow_provider_bitrix24.hooks.logs import Logger
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, InvalidInputError
from airflow_provider_bitrix24.rest.plans import Plan, Work, both
from airflow_provider_bitrix24.rest.shown import shown

if TYPE_CHECKING:
    from airflow_provider_bitrix24.hooks.rest import RestHook

#: what becomes of phones, e-mails and the like that a row does not name: they stay, or they go
Phones = Literal["add", "replace"]
PHONES: tuple[Phones, ...] = get_args(Phones)
#: items that are deleted at most, unless the user says otherwise
MAX_ITEMS = 1_000


def open_writing(
    hook: RestHook,
    operation: Operation,
    entity_type: Any,
    *,
    key: Any = None,
    skip_unchanged: bool = True,
    phones: Any = "add",
    timezone: Any = None,
    missing_ok: bool = True,
) -> Writing:
    """Read the metadata of a type, and return how its items are written.

    :param hook: asks the portal
    :param operation: what is done with the items
    :param entity_type: the type's name
    :param key: columns that tell items from others
    :param skip_unchanged: whether what is so already is left alone
    :param phones: ``add`` or ``replace``
    :param timezone: the zone of times without an offset
    :param missing_ok: whether an item to delete that is not there counts as done
    :raises InvalidInputError: one of these is not valid; nothing was written
    :raises Bitrix24Error: the metadata could not be read
    """
    items = parse_writable(entity_type)
    check_phones(phones)
    zone = parse_zone(timezone)
    schema = CrmSchema(items.name, ())
    shifts: Collection[timedelta] = ()
    codes: Mapping[str, Collection[str]] = {}
    if operation != "delete":
        schema, shifts = hook.carry_out(both(items.describe("snake"), _shifts()))
        codes = hook.carry_out(status_codes(schema))
    return Writing(
        operation=operation,
        entity_type=items.name,
        writers=writers_of(schema, phones=phones, zone=zone, codes=codes),
        key=None if key is None else Key.parse(key, schema),
        skip_unchanged=skip_unchanged,
        missing_ok=missing_ok,
        cut=hook.request_cut,
        read_file=read_file,
        shifts=shifts,
    )


def parse_writable(value: Any, field: str = "entity_type") -> ListDataset:
    """Return a type whose items can be written.

    :param value: its name
    :param field: where it stands, for the message
    :raises InvalidInputError: there is no such type
    """
    try:
        found = parse_dataset(value, field)
    except InvalidInputError:
        found = None
    if isinstance(found, ListDataset) and found.method == "crm.item.list":
        return found
    raise InvalidInputError(
        f"{field}: {shown(value)} is no type whose items can be written",
        remedy="Give lead, deal, contact, company, quote, smart_invoice, or dynamic_1042 and the like.",
    )


def check_phones(value: Any, field: str = "phones") -> None:
    """Refuse what says nothing about phones that a row does not name.

    :param value: the value
    :param field: where it stands, for the message
    :raises InvalidInputError: it is neither ``add`` nor ``replace``
    """
    if value not in PHONES:
        raise InvalidInputError(
            f"{field}: {shown(value)} is none of {', '.join(PHONES)}",
            remedy="With 'add' the phones, e-mails and the like that a row does not name stay.",
        )


def check_key(value: Any, field: str = "key") -> None:
    """Refuse what cannot be a key, whatever fields the type has.

    :param value: a column or several
    :param field: where it stands, for the message
    :raises InvalidInputError: it is no column
    """
    names = [value] if isinstance(value, str) else value
    if is_sequence(names) and names and all(isinstance(name, str) and name.strip() for name in names):
        return
    raise InvalidInputError(
        f"{field}: {shown(value)} is no column", remedy="Give 'xml_id', or ['originator_id', 'origin_id']."
    )


def check_max_items(value: Any, field: str = "max_items") -> None:
    """Refuse what is no number of items.

    :param value: the value
    :param field: where it stands, for the message
    :raises InvalidInputError: it is no whole number from 1 up
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInputError(f"{field}: {shown(value)} is not a whole number from 1 up")


def check_count(count: int, max_items: int | None) -> None:
    """Refuse to delete more items than a user expects.

    :param count: how many there are
    :param max_items: how many may be deleted at most, ``None`` for any number
    :raises InvalidInputError: there are more
    """
    if max_items is not None and count > max_items:
        raise InvalidInputError(
            f"ids: there are {count} items to delete, and max_items is {max_items}",
            remedy="Nothing was deleted. Check where the ids come from; if all are meant, raise max_items.",
        )


def say_left_out(log: Logger, entity_type: str, columns: Collection[str]) -> None:
    """Log which columns are not written, because the API does not let them be.

    :param log: the log
    :param entity_type: the items' type
    :param columns: the columns
    """
    if columns:
        log.info(
            "Bitrix24 sets these fields of a %s itself; they are left out: %s.",
            entity_type,
            ", ".join(columns),
        )


def parse_zone(value: Any, field: str = "timezone") -> tzinfo | None:
    """Return a time zone.

    :param value: its name, ``None`` for none
    :param field: where it stands, for the message
    :raises InvalidInputError: there is none of the name
    """
    if value is None:
        return None
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, TypeError, OSError, AttributeError):
        problem = f"{field}: {shown(value)} is no time zone"
    raise InvalidInputError(problem, remedy="Give a name such as 'UTC' or 'Europe/Berlin'.")


def _shifts() -> Plan[Collection[timedelta]]:
    """Find out by how much the portal may show a time otherwise than it was written."""
    time, profile = yield Work([Call("server.time"), Call("profile")])
    try:
        clock = PortalClock.read(time.unwrap(), profile.unwrap())
    except Bitrix24Error:
        return _any_shift()
    shift = clock.user_offset
    if shift is None:
        return _any_shift()
    return {shift - clock.offset, clock.offset - shift}


def _any_shift() -> Collection[timedelta]:
    """Return all differences that two clocks on earth may have."""
    quarter = timedelta(minutes=15)
    return {quarter * number for number in range(-(WIDEST // quarter), WIDEST // quarter + 1)}
