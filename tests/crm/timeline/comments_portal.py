"""A portal that adds and lists comments, and runs the plan of adding them against itself."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_bitrix24.crm.items import CrmItem
from airflow_provider_bitrix24.crm.timeline.comments import Comment, add_comments
from airflow_provider_bitrix24.rest.calls import Outcome
from airflow_provider_bitrix24.rest.errors import AccessDeniedError, AmbiguousWriteError
from airflow_provider_bitrix24.rest.plans import Wait
from airflow_provider_bitrix24.rest.progress import Progress
from airflow_provider_bitrix24.rest.reply import Reply

ITEM = CrmItem.of("deal", 1)
CUT = 60.0


class Portal:
    """Adds and lists comments; its clock is ahead of everyone else's.

    :param now: the time here
    """

    def __init__(self, now=1_000_000.0):
        self.here = now
        self.ahead = 3_600.0
        self.comments = []
        self.lost = 0  # so many additions are carried out, and the answer is lost
        self.never = 0  # so many are not carried out, and the answer is lost as well
        self.refused = {}
        self.list_error = None
        self.profile_error = None
        self.page = 50
        self.waits = []
        self.added = 0
        self.author = "7"

    def clock(self):
        return self.here

    def write(self, text, *, author="7", age=0.0, item=ITEM):
        self.comments.append((len(self.comments) + 1, author, self.here + self.ahead - age, text, item))
        return len(self.comments)

    def run(self, texts, progress=None):
        progress = progress or Progress(clock=self.clock)
        comments = [text if isinstance(text, Comment) else Comment(ITEM, text) for text in texts]
        plan = add_comments(comments, progress, cut=CUT)
        answer = None
        try:
            while True:
                step = plan.send(answer)
                if isinstance(step, Wait):
                    self.waits.append(step.seconds)
                    self.here += step.seconds
                    answer = None
                    continue
                if step.positions:
                    progress.sending(dict(zip(step.positions, step.calls, strict=True)))
                answer = [self.answer(call) for call in step.calls]
                self.here += 1.0
                if step.positions:
                    progress.ended(dict(zip(step.positions, answer, strict=True)))
        except StopIteration as stop:
            return stop.value

    def answer(self, call):
        if call.method == "profile" and self.profile_error:
            return Outcome(call, error=self.profile_error)
        if call.method == "profile":
            result = {"ID": self.author} if self.author else []
            return Outcome(call, Reply(result, time={"finish": self.here + self.ahead}))
        if call.method == "crm.timeline.comment.list":
            return self.list(call)
        self.added += 1
        text = call.params["fields"]["COMMENT"]
        if text in self.refused:
            return Outcome(call, error=AccessDeniedError("no rights", method=call.method))
        if self.never:
            self.never -= 1
            return Outcome(call, error=AmbiguousWriteError("lost"))
        number = self.write(f"  {text}  ".strip())
        if self.lost:
            self.lost -= 1
            return Outcome(call, error=AmbiguousWriteError("lost"))
        return Outcome(call, Reply(number))

    def list(self, call):
        if self.list_error is not None:
            return Outcome(call, error=self.list_error)
        start = call.params["start"]
        rows = [
            row for row in reversed(self.comments) if row[4].entity_id == call.params["filter"]["ENTITY_ID"]
        ]
        page = [
            {"ID": str(number), "AUTHOR_ID": author, "COMMENT": text,
             "CREATED": datetime.fromtimestamp(int(created), UTC).isoformat()}
            for number, author, created, text, _ in rows[start : start + self.page]
        ]  # fmt: skip
        following = start + self.page if start + self.page < len(rows) else None
        return Outcome(call, Reply(page, len(rows), following))

    def texts(self):
        return sorted(text for _, author, _, text, _ in self.comments if author == "7")
