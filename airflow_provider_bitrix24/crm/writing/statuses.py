"""The codes that fields of the type ``crm_status`` may hold: the portal replaces unknown ones silently."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from airflow_provider_bitrix24.crm.fields.schema import CrmSchema
from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.relations import TELLS_NOTHING
from airflow_provider_bitrix24.crm.stages import all_stages_call, has_stages, stages_of_type
from airflow_provider_bitrix24.rest.errors import UnexpectedResultError
from airflow_provider_bitrix24.rest.plans import Plan, Work

_STAGE = "stageId"


def status_codes(schema: CrmSchema) -> Plan[Mapping[str, frozenset[str]]]:
    """Read the codes that exist, by the API's names of the fields that hold them (``crm.status.list``).

    A stage may be one of any pipeline. A field whose codes cannot be told has no entry: the metadata does not
    say which list it takes them from, the list is empty, or the user may not read it.

    :param schema: the fields of a type
    :raises UnexpectedResultError: the answer holds no statuses
    :raises Bitrix24Error: they could not be read now
    """
    fields = [known for known in schema.fields if known.type == "crm_status" and not known.read_only]
    if not fields:
        return {}
    [outcome] = yield Work([all_stages_call()])
    if isinstance(outcome.error, TELLS_NOTHING):
        return {}
    rows = outcome.unwrap()
    lists: dict[str, set[str]] = defaultdict(set)
    try:
        for row in rows:
            lists[str(row["ENTITY_ID"])].add(str(row["STATUS_ID"]))
    except (KeyError, TypeError):
        raise UnexpectedResultError("a list without statuses", method=outcome.call.method) from None
    codes = {known.api_name: lists.get(known.status_type, set()) for known in fields}
    item = CrmItem(schema.dataset, 1)
    if _STAGE in codes and has_stages(item):
        codes[_STAGE] = set(stages_of_type(item, rows))
    return {name: frozenset(found) for name, found in codes.items() if found}
