"""Pipelines (categories) of deals and smart processes, and the stages items go through."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from .directories import named

if TYPE_CHECKING:
    from collections.abc import Iterator

# Codes with their names; the successful one is marked by a plus, failures by a minus.
_STAGES = {
    "lead": "NEW=Unassigned IN_PROCESS=In progress PROCESSED=Processed CONVERTED=+Good lead JUNK=-Junk lead",
    "deal": (
        "NEW=New PREPARATION=Document preparation PREPAYMENT_INVOICE=Prepayment invoice "
        "EXECUTING=In progress FINAL_INVOICE=Final invoice WON=+Deal won LOSE=-Deal lost "
        "APOLOGY=-Analyze failure"
    ),
    "quote": "DRAFT=Draft SENT=Sent APPROVED=+Accepted DECLAINED=-Declined",
    "smart_invoice": "N=New S=Sent to client P=+Paid D=-Unpaid",
    "dynamic": "NEW=Start PREPARATION=Preparation CLIENT=Client SUCCESS=+Success FAIL=-Failure",
}
_COLORS = {"P": "#39A8EF", "S": "#7BD500", "F": "#FF5752"}


@dataclass(frozen=True)
class Stage:
    """A stage.

    :param number: ``ID`` in ``crm.status.list``
    :param stage_id: as items show it, with the prefix of their pipeline
    :param semantic: S, F or P: success, failure, in process
    :param later_failure: whether it is one of the failures after the first
    """

    number: int
    stage_id: str
    name: str
    semantic: str
    sort: int
    system: bool
    later_failure: bool = False

    @property
    def color(self) -> str:
        """The colour its column has."""
        return _COLORS[self.semantic]

    @property
    def semantic_word(self) -> str:
        """The semantic as ``EXTRA`` spells it."""
        if self.later_failure:
            return "apology"
        return {"S": "success", "F": "failure"}.get(self.semantic, "process")


@dataclass
class Pipeline:
    """A pipeline of one type of items; leads and quotes have just one, which no method lists."""

    category_id: int
    kind: str
    type_id: int
    name: str
    sort: int
    is_default: bool
    stages: list[Stage] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        """What the ids of its stages begin with."""
        if self.kind == "deal":
            return f"C{self.category_id}:" if self.category_id else ""
        return f"DT{self.type_id}_{self.category_id}:" if self.kind not in ("lead", "quote") else ""

    @property
    def status_entity(self) -> str:
        """``ENTITY_ID`` of its stages in ``crm.status.list``."""
        if self.kind in ("lead", "quote"):
            return {"lead": "STATUS", "quote": "QUOTE_STATUS"}[self.kind]
        if self.kind == "deal":
            return f"DEAL_STAGE_{self.category_id}" if self.category_id else "DEAL_STAGE"
        return f"{self.kind.upper()}_STAGE_{self.category_id}"


class Pipelines:
    """All pipelines of a portal."""

    def __init__(self) -> None:
        self._pipelines: dict[str, dict[int, Pipeline]] = {}
        self._semantics: dict[str, dict[str, str]] = {}
        self._numbers = count(101)
        self._category_ids = count(1)
        for kind, type_id in (("lead", 1), ("deal", 2), ("quote", 7)):
            self.add(kind, type_id, "General", 0)
        self.add("smart_invoice", 31, "General")

    def add(self, kind: str, type_id: int, name: str, category_id: int | None = None) -> Pipeline:
        """Add a pipeline with the usual stages; the first one of a type is its default.

        Deals count theirs by themselves, all other types count together.
        """
        known = self._pipelines.setdefault(kind, {})
        if category_id is None:
            category_id = len(known) if kind == "deal" else next(self._category_ids)
        made = Pipeline(category_id, kind, type_id, name, 100 * (len(known) + 1), not known)
        known[category_id] = made
        for code, label in named(_STAGES.get(kind) or _STAGES["dynamic"]):
            mark = label[0] if label[0] in "+-" else ""
            self.add_stage(made, code, label.lstrip("+-"), {"+": "S", "-": "F"}.get(mark, "P"))
        return made

    def add_stage(self, pipeline: Pipeline, code: str, name: str, semantic: str) -> str:
        """Add a stage and return its id."""
        if semantic not in _COLORS:
            raise ValueError(f"semantic={semantic!r}: one of P, S, F expected")
        stage_id = pipeline.prefix + code
        failed = any(stage.semantic == "F" for stage in pipeline.stages)
        stage = Stage(
            next(self._numbers),
            stage_id,
            name,
            semantic,
            10 * (len(pipeline.stages) + 1),
            system=not pipeline.stages or semantic == "S" or (semantic == "F" and not failed),
            later_failure=failed and semantic == "F",
        )
        pipeline.stages.append(stage)
        self._semantics.setdefault(pipeline.kind, {})[stage_id] = semantic
        return stage_id

    def __iter__(self) -> Iterator[Pipeline]:
        for known in self._pipelines.values():
            yield from known.values()

    def of(self, kind: str) -> dict[int, Pipeline]:
        """Return a type's pipelines by their numbers."""
        return self._pipelines.get(kind, {})

    def default(self, kind: str) -> Pipeline | None:
        """Return a type's default pipeline."""
        return next(iter(self.of(kind).values()), None)

    def semantic(self, kind: str, stage_id: str) -> str:
        """Return S, F or P; for a stage that nobody created its usual code decides."""
        known = self._semantics.get(kind, {}).get(stage_id)
        return known or _guessed(stage_id.rpartition(":")[2])

    def counterpart(self, kind: str, category_id: int, stage_id: str) -> str:
        """Return the first stage of a pipeline that means the same as a stage of another one."""
        stages = self.of(kind)[category_id].stages
        semantic = self.semantic(kind, stage_id)
        return next((stage for stage in stages if stage.semantic == semantic), stages[0]).stage_id

    def stage_name(self, kind: str, stage_id: str) -> str:
        """Return what a person calls the stage."""
        for pipeline in self.of(kind).values():
            for stage in pipeline.stages:
                if stage.stage_id == stage_id:
                    return stage.name
        return stage_id


def _guessed(code: str) -> str:
    if code in ("WON", "CONVERTED", "APPROVED", "SUCCESS"):
        return "S"
    return "F" if code in ("LOSE", "APOLOGY", "JUNK", "DECLAINED", "FAIL") else "P"
