"""A portal without HTTP: it answers the calls of plans that arrange comments and activities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import AccessDeniedError, Bitrix24Error, NotFoundError
from airflow_provider_bitrix24.rest.plans import Plan, Work
from airflow_provider_bitrix24.rest.replies import check_result
from airflow_provider_bitrix24.rest.reply import Reply

OWNER = "portal user 3"

Bound = dict[int, list[CrmItem]]


class Portal:
    """Keeps what comments and activities are bound to, and tells or changes it.

    :param comments: the items that each comment is bound to
    :param activities: the items that each activity is bound to
    """

    def __init__(self, comments: Bound | None = None, activities: Bound | None = None) -> None:
        self.comments = comments or {}
        self.activities = activities or {}
        self.deleted: set[CrmItem] = set()
        #: what is answered instead, an error or a result, by the words of the call
        self.answers: dict[str, Any] = {}
        self.works: list[Work] = []
        self.page = 50

    def run(self, plan: Plan[Any]) -> Any:
        try:
            work = next(plan)
            while True:
                self.works.append(work)
                assert len(self.works) < 12, "the plan goes on for ever"
                work = plan.send([self._outcome(call) for call in work.calls])
        except StopIteration as stop:
            return stop.value

    @property
    def said(self) -> list[list[str]]:
        """The words of all calls, one list for those that travelled together."""
        return [[words_of(call) for call in work.calls] for work in self.works]

    def _outcome(self, call: Call) -> Outcome:
        answer = self.answers.get(words_of(call))
        if answer is None:
            answer = getattr(self, f"_{call.method.replace('.', '_')}")(call.params)
        if isinstance(answer, Bitrix24Error):
            return owned(Outcome(call, error=answer))
        return owned(check_result(call, answer if isinstance(answer, Reply) else Reply(answer), "portal"))

    def _crm_item_get(self, params: dict[str, Any]) -> Any:
        item = CrmItem.of_type_id(params["entityTypeId"], params["id"])
        return NotFoundError("Not found") if item in self.deleted else {"item": {"id": item.entity_id}}

    def _crm_item_list(self, params: dict[str, Any]) -> Any:
        items = [CrmItem.of_type_id(params["entityTypeId"], number) for number in params["filter"]["@id"]]
        return {"items": [{"id": item.entity_id} for item in items if item not in self.deleted]}

    # --- comments ---

    def _crm_timeline_comment_get(self, params: dict[str, Any]) -> Any:
        if params["id"] not in self.comments:
            return NotFoundError("Not found")
        return {"ID": str(params["id"])} if self.comments[params["id"]] else AccessDeniedError("denied")

    def _crm_timeline_comment_list(self, params: dict[str, Any]) -> Any:
        item = CrmItem(params["filter"]["ENTITY_TYPE"], params["filter"]["ENTITY_ID"])
        return self._paged([{"ID": str(n)} for n, on in sorted(self.comments.items()) if item in on], params)

    def _crm_timeline_bindings_list(self, params: dict[str, Any]) -> Any:
        record = params["filter"]["OWNER_ID"]
        return self._paged([_row(record, item) for item in self.comments.get(record, [])], params)

    def _crm_timeline_bindings_bind(self, params: dict[str, Any]) -> Any:
        self.comments.setdefault(params["fields"]["OWNER_ID"], []).append(_item(params["fields"]))
        return True

    def _crm_timeline_bindings_unbind(self, params: dict[str, Any]) -> Any:
        bound = self.comments[params["fields"]["OWNER_ID"]]
        if _item(params["fields"]) not in bound:
            return NotFoundError("Not found")
        bound.remove(_item(params["fields"]))
        return True

    # --- activities ---

    def _crm_activity_list(self, params: dict[str, Any]) -> Any:
        filter_ = params["filter"]
        [wanted] = filter_.get("BINDINGS", [filter_])
        item = CrmItem.of_type_id(wanted["OWNER_TYPE_ID"], wanted["OWNER_ID"])
        last = filter_.get(">ID", 0)
        numbers = [
            number
            for number, on in sorted(self.activities.items())
            if item in (on if "BINDINGS" in filter_ else on[:1]) and number > last
        ]
        return Reply([{"ID": str(n)} for n in numbers[: self.page]], len(numbers))

    def _crm_activity_binding_list(self, params: dict[str, Any]) -> Any:
        items = self.activities[params["activityId"]]
        return [{"entityTypeId": item.type_id, "entityId": item.entity_id} for item in items]

    def _crm_activity_binding_add(self, params: dict[str, Any]) -> Any:
        self.activities[params["activityId"]].append(_by_number(params))
        return True

    def _crm_activity_binding_delete(self, params: dict[str, Any]) -> Any:
        self.activities[params["activityId"]].remove(_by_number(params))
        return True

    def _paged(self, rows: list[Any], params: dict[str, Any]) -> Reply:
        start = params.get("start", 0)
        following = start + self.page
        return Reply(rows[start:following], len(rows), following if following < len(rows) else None)


def owned(outcome: Outcome) -> Outcome:
    """Return an outcome as an exchange does: where rights were missing, its error says whose."""
    if not isinstance(outcome.error, AccessDeniedError):
        return outcome
    return replace(outcome, error=outcome.error.but(owner=OWNER))


def words_of(call: Call) -> str:
    """Return a call in a few words, such as ``bind 5 deal 2``."""
    params = call.params
    name = call.method.removeprefix("crm.")
    start = f" from {params['start']}" if "start" in params else ""
    if name == "item.get":
        return f"see {CrmItem.of_type_id(params['entityTypeId'], params['id'])}"
    if name == "item.list":
        kind = CrmItem.of_type_id(params["entityTypeId"], 1).entity_type
        return f"see {kind} {', '.join(map(str, params['filter']['@id']))}"
    if name == "timeline.comment.get":
        return f"get {params['id']}"
    if name == "timeline.bindings.list":
        return f"list {params['filter']['OWNER_ID']}{start}"
    if name == "timeline.comment.list":
        return f"comments of {params['filter']['ENTITY_TYPE']} {params['filter']['ENTITY_ID']}{start}"
    if name.startswith("timeline.bindings."):
        fields = params["fields"]
        return f"{name.rpartition('.')[2]} {fields['OWNER_ID']} {_item(fields)}"
    if name == "activity.list":
        if "BINDINGS" in params["filter"]:
            [item] = params["filter"]["BINDINGS"]
            return f"activities on {item['OWNER_TYPE_ID']} {item['OWNER_ID']}"
        return f"activities of {params['filter']['OWNER_TYPE_ID']} {params['filter']['OWNER_ID']}"
    if name == "activity.binding.list":
        return f"items of {params['activityId']}"
    return f"{name.rpartition('.')[2]} {params['activityId']} {_by_number(params)}"


def _row(record: int, item: CrmItem) -> dict[str, str]:
    return {"OWNER_ID": str(record), "ENTITY_TYPE": item.entity_type, "ENTITY_ID": str(item.entity_id)}


def _item(fields: dict[str, Any]) -> CrmItem:
    return CrmItem(fields["ENTITY_TYPE"], fields["ENTITY_ID"])


def _by_number(params: dict[str, Any]) -> CrmItem:
    return CrmItem.of_type_id(params["entityTypeId"], params["entityId"])
