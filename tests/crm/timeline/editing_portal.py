"""A portal that keeps comments and runs plans of changing and deleting them against itself."""

from __future__ import annotations

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.outcomes import ItemOutcome
from airflow_provider_bitrix24.crm.timeline.editing import EditedComment, delete_comment, update_comment
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, NotFoundError
from airflow_provider_bitrix24.rest.plans import Wait
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.reply import Reply

DEAL = CrmItem("deal", 1)
CONTACT = CrmItem("contact", 2)
CUT = 60.0

LISTED = "crm.timeline.comment.list"
UPDATE = "crm.timeline.comment.update"
DELETE = "crm.timeline.comment.delete"
UNBIND = "crm.timeline.bindings.unbind"
READING = ["crm.timeline.bindings.list", "crm.timeline.comment.get"]


class Portal:
    """Does with comment 5, on several items or one, as Bitrix24 does.

    :param bound: the items that each comment is on
    """

    def __init__(self, bound):
        self.bound = {record: list(items) for record, items in bound.items()}
        self.now = 1_000.0
        self.rows = []  # what the list of an item shows
        self.me = {"ID": "7"}
        self.errors = {}
        self.remembers = False  # a comment's only item, whatever it was bound to since
        self.lost = 0  # so many writes are carried out, and the answer is lost
        self.never = 0  # so many are not carried out, and the answer is lost as well
        self.calls = []
        self.positions = []
        self.waits = []

    def progress(self, **known):
        return Progress(clock=lambda: self.now, **known)

    def update(self, item=None, progress=None, *, text="New", files=None):
        progress = progress or self.progress()
        return self.run(update_comment(5, text, files, item, progress, cut=CUT), progress)

    def delete(self, item=None, progress=None, *, missing_ok=True):
        progress = progress or self.progress()
        return self.run(delete_comment(5, item, progress, missing_ok=missing_ok, cut=CUT), progress)

    def run(self, plan, progress):
        answer = None
        try:
            while True:
                step = plan.send(answer)
                answer = None
                if isinstance(step, Wait):
                    self.waits.append(step.seconds)
                    self.now += step.seconds
                    continue
                self.calls += step.calls
                if step.positions is not None:
                    self.positions.append(step.positions)
                    progress.sending(dict(zip(step.positions, step.calls, strict=True)))
                answer = [self.answer(call) for call in step.calls]
                self.now += 1.0
                if step.positions is not None:
                    progress.ended(dict(zip(step.positions, answer, strict=True)))
        except StopIteration as stop:
            return stop.value

    def made(self, method):
        return [call for call in self.calls if call.method == method]

    def answer(self, call):
        if call.method in self.errors:
            return Outcome(call, error=self.errors[call.method])
        if call.method == "profile":
            return Outcome(call, Reply(self.me))
        if call.method == LISTED:
            return Outcome(call, Reply(self.rows, len(self.rows)))
        if call.method == "crm.timeline.bindings.list":
            record = call.params["filter"]["OWNER_ID"]
            rows = [
                {"OWNER_ID": record, "ENTITY_TYPE": item.entity_type, "ENTITY_ID": item.entity_id}
                for item in self.bound.get(record, [])
            ]
            return Outcome(call, Reply(rows, len(rows)))
        record = call.params["fields"]["OWNER_ID"] if call.method == UNBIND else call.params["id"]
        if record not in self.bound:
            return Outcome(call, error=NotFoundError("Not found."))
        if call.method == "crm.timeline.comment.get":
            return Outcome(call, Reply({"ID": str(record)}))
        if self.never:
            self.never -= 1
            return Outcome(call, error=AmbiguousWriteError("lost"))
        result = self.write(call, record)
        if self.lost:
            self.lost -= 1
            return Outcome(call, error=AmbiguousWriteError("lost"))
        return Outcome(call, Reply(result))

    def write(self, call, record):
        items = self.bound[record]
        if call.method == UNBIND:
            items.remove(CrmItem(call.params["fields"]["ENTITY_TYPE"], call.params["fields"]["ENTITY_ID"]))
            return True
        owner = (call.params.get("ownerTypeId"), call.params.get("ownerId"))
        item = next((item for item in items if (item.type_id, item.entity_id) == owner), items[0])
        if call.method == DELETE:
            del self.bound[record]
            return None
        if len(items) > 1 and not self.remembers:
            items.remove(item)
            record = 90 + len(self.bound)
            self.bound[record] = [item]
            self.rows.append(comment(record, call.params["fields"]["COMMENT"]))
        return record


def comment(record, text="New", author="7"):
    return {"ID": str(record), "AUTHOR_ID": author, "COMMENT": text}


def outcome(record, status):
    return ItemOutcome(EditedComment(record), status)
