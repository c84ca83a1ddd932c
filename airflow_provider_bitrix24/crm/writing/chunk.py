"""Some changes that are made side by side: what is found out of them on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bitrix24.crm.telling import counted, reason_of
from airflow_provider_bitrix24.crm.timeline.comment_lookups import portal_time
from airflow_provider_bitrix24.crm.writing.changes import Change
from airflow_provider_bitrix24.crm.writing.resolving import Present, by_id, by_key
from airflow_provider_bitrix24.crm.writing.sending import Sending, sendings
from airflow_provider_bitrix24.crm.writing.writing import (
    CREATED,
    UNCHANGED,
    UPDATED,
    Writing,
    Written,
)
from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, Bitrix24Error
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, Wait, Work
from airflow_provider_bitrix24.rest.progress import Progress, Span

#: how often what is proven absent is sent again
_ROUNDS = 3
#: items are dated in whole seconds, and clocks are read at different moments
_SLACK = 5.0


class Chunk:
    """The work on some changes.

    :param writing: how the items are written
    :param changes: the changes
    :param progress: what is known of them, by position
    :param earlier_since: the Unix time since which an earlier try may have done any of it, where there was
        one of which nothing is known
    """

    def __init__(
        self, writing: Writing, changes: Sequence[Change], progress: Progress, earlier_since: float | None
    ) -> None:
        self._writing = writing
        self._changes = changes
        self._progress = progress
        self._progress.earlier_since = earlier_since
        self._vague = earlier_since is not None or progress.earlier is not None
        self._found: dict[int, Written] = {}
        #: of changes whose answer was lost: why, and what was to become of the item
        self._lost: dict[int, tuple[Bitrix24Error, str]] = {}
        #: items that an earlier try made, and that did not take all values
        self._made: dict[int, int] = {}

    def carry_out(self) -> Plan[list[Written]]:
        """Make the changes that are left, in a few rounds, and return the outcomes of all in order."""
        self._take_known()
        if self._left():
            yield from self._suspect()
        for _ in range(_ROUNDS):
            if not self._left():
                break
            yield from self._settle()
            targets = yield from self._targets()
            yield from self._send(targets)
        for change in self._left():
            self._fail(change, self._lost[change.position][0])
        return [self._found[change.position] for change in self._changes]

    def _left(self) -> list[Change]:
        return [change for change in self._changes if change.position not in self._found]

    # --- what earlier tries did ---

    def _take_known(self) -> None:
        for change in self._changes:
            known = self._progress.known.get(change.position)
            if known is None:
                continue
            if known.get("NOT_TAKEN"):
                self._made[change.position] = known["ID"]
            else:
                self._found[change.position] = self._writing.done(change, known["STATUS"], known["ID"])

    def _suspect(self) -> Plan[None]:
        """Count as unclear what an earlier try may have added; without a key, that is all there is to say."""
        if self._writing.operation == "update":
            return
        if self._vague or self._progress.unclear:
            [clock] = yield Work([Call("profile")])
            self._progress.set_clock(portal_time(clock) if clock.ok else None)
        left = [change.position for change in self._left()]
        self._progress.suspect(dict.fromkeys(left, Call("crm.item.add")))
        if self._writing.key is None:
            for change in self._left():
                if change.position in self._progress.unclear:
                    self._fail(change, _left_open())

    def _settle(self) -> Plan[None]:
        """Wait until the portal can no longer be carrying out what a look-up would not see."""
        spans = [self._unclear(change) for change in self._left() if self._unclear(change)]
        if not spans:
            return
        wait = max(span.last for span in spans if span) + self._writing.cut + _SLACK - self._progress.now()
        if wait > 0:
            items = counted(len(spans), "item")
            yield Wait(wait, f"{items} may have been written; they can be looked up only later")

    def _unclear(self, change: Change) -> Span | None:
        return self._progress.unclear.get(change.position)

    # --- which items are meant ---

    def _targets(self) -> Plan[dict[int, Present]]:
        """Find the items of the changes that are left, and settle those for which nothing is to be done."""
        left = self._left()
        targets: dict[int, Present | Bitrix24Error] = {}
        ids = {
            change: number
            for change in left
            if (number := self._made.get(change.position, change.entity_id)) is not None
        }
        known = {change: number for change, number in ids.items() if self._has_to_be_read(change)}
        targets |= {change.position: {"id": number} for change, number in ids.items() if change not in known}
        if known:
            read = yield from by_id(self._writing, known)
            targets |= {change.position: item for change, item in read.items()}
        others = [change for change in left if change not in ids]
        if others and self._writing.key is not None:
            looked_up = yield from by_key(self._writing, self._writing.key, others)
            targets |= {change.position: item for change, item in looked_up.items()}
        else:
            targets |= {change.position: None for change in others}
        return {
            change.position: target
            for change in left
            if not self._is_settled(change, target := targets[change.position])
            and not isinstance(target, Bitrix24Error)
        }

    def _has_to_be_read(self, change: Change) -> bool:
        """Tell whether what is sent depends on what the item holds."""
        writing = self._writing
        if writing.skip_unchanged or change.position in self._made or self._unclear(change):
            return True
        return any(writing.writers[name].needs_item(value) for name, value in change.wanted.items())

    def _is_settled(self, change: Change, target: Present | Bitrix24Error) -> bool:
        if isinstance(target, Bitrix24Error):
            is_unclear = change.position in self._progress.unclear
            self._fail(change, _undecided(target) if is_unclear else target)
            return True
        if target is not None and self._writing.operation == "create" and change.position not in self._made:
            status = CREATED if self._was_sent(change) else UNCHANGED
            self._done(change, status, target)
            return True
        if target is None and change.position in self._progress.unclear:
            self._progress.absent(change.position)
        return False

    def _was_sent(self, change: Change) -> bool:
        """Tell whether it is this task that wrote what a look-up found."""
        return change.position in self._progress.unclear and not self._vague

    # --- making the changes ---

    def _send(self, targets: Mapping[int, Present]) -> Plan[None]:
        """Send what differs, and judge the answers."""
        writing = self._writing
        changes = [change for change in self._left() if change.position in targets]
        for part in sendings(writing, changes, targets, self._fail):
            for sending in part:
                if not sending.fields and not sending.clears:
                    self._done(sending.change, self._status(sending, UNCHANGED), sending.target)
            yield from self._make([sending for sending in part if sending.fields])
            yield from self._clear([sending for sending in part if sending.clears])

    def _make(self, sendings: Sequence[Sending]) -> Plan[None]:
        """Add or change items."""
        if not sendings:
            return
        by_position = {sending.change.position: sending for sending in sendings}
        outcomes = yield Work(
            [sending.call for sending in sendings],
            list(by_position),
            kept=lambda position, outcome: self._kept(by_position[position], outcome),
        )
        for sending, outcome in zip(sendings, outcomes, strict=True):
            self._judge(sending, outcome)

    def _judge(self, sending: Sending, outcome: Outcome) -> None:
        """Settle a change by the answer to it, unless that was lost or fields are still to be emptied."""
        change, error = sending.change, outcome.error or sending.wrong_item(outcome)
        if error is None:
            self._lost.pop(change.position, None)
            if not sending.clears:
                self._take(sending, outcome.result["item"])
        elif isinstance(error, AmbiguousWriteError) and self._can_be_found(change):
            self._lost[change.position] = sending.told(error), sending.status
        else:
            self._fail(change, sending.told(error), sending.entity_id)

    def _can_be_found(self, change: Change) -> bool:
        return self._writing.key is not None or change.entity_id is not None or change.position in self._made

    def _take(self, sending: Sending, item: Mapping[str, Any]) -> None:
        """Compare what the portal answered with what was sent."""
        missing = sending.not_taken(item)
        if missing:
            self._fail(sending.change, sending.refused(missing), number_of(item.get("id")))
        else:
            self._done(sending.change, self._status(sending, sending.status), item)

    def _kept(self, sending: Sending, outcome: Outcome) -> dict[str, Any] | None:
        """Return what another try has to know of a change that was made."""
        if sending.clears or sending.wrong_item(outcome):
            return None
        item = outcome.result["item"]
        missing = sending.not_taken(item)
        if missing and sending.target is not None and sending.change.position not in self._made:
            return None  # another try does it again
        record = {"ID": number_of(item.get("id")), "STATUS": self._status(sending, sending.status)}
        return {**record, "NOT_TAKEN": missing} if missing else record

    def _clear(self, sendings: Sequence[Sending]) -> Plan[None]:
        """Empty multiple fields, which ``crm.item.update`` does not save, and look whether they are empty."""
        sendings = [sending for sending in sendings if self._is_open(sending)]
        if not sendings:
            return
        outcomes = yield Work([sending.clearing_call for sending in sendings])
        emptied = {}
        for sending, outcome in zip(sendings, outcomes, strict=True):
            if outcome.error is None and sending.entity_id is not None:
                emptied[sending.change] = sending.entity_id
            elif outcome.error is not None:
                self._fail(sending.change, sending.told(outcome.error), sending.entity_id)
        items = yield from by_id(self._writing, emptied)
        for sending in sendings:
            item = items.get(sending.change)
            if isinstance(item, Bitrix24Error):
                self._fail(sending.change, item, sending.entity_id)
            elif item is not None:
                self._take(sending, item)

    def _is_open(self, sending: Sending) -> bool:
        position = sending.change.position
        return position not in self._found and position not in self._lost

    # --- outcomes ---

    def _status(self, sending: Sending, status: str) -> str:
        """Return what happened to an item in all tries."""
        change = sending.change
        if change.position in self._made:
            return CREATED
        if status == UNCHANGED and change.position in self._lost:
            return self._lost[change.position][1]
        if status == UNCHANGED and self._was_sent(change):
            return UPDATED if self._writing.operation == "update" else CREATED
        return status

    def _done(self, change: Change, status: str, item: Present) -> None:
        number = number_of(item.get("id")) if item is not None else change.entity_id
        self._found[change.position] = self._writing.done(change, status, number)
        is_known = change.position in self._progress.known
        if not is_known and (change.position in self._progress.unclear or status != UNCHANGED):
            self._progress.found(change.position, {"ID": number, "STATUS": status})

    def _fail(self, change: Change, error: Bitrix24Error, entity_id: int | None = None) -> None:
        self._found[change.position] = self._writing.failed(
            change, error, entity_id or self._made.get(change.position)
        )


def _undecided(error: Bitrix24Error) -> Bitrix24Error:
    """Return what a failed look-up means: if its trouble passes, another try decides it."""
    why = f"it may have been written, and the look-up failed: {reason_of(error)}"
    return error.but(description=why) if error.passes else AmbiguousWriteError(why, method=error.method)


def _left_open() -> AmbiguousWriteError:
    return AmbiguousWriteError(
        "an earlier try may have created the item",
        method="crm.item.add",
        remedy="Look for it in the portal. With a key (key=...) the task looks it up by itself.",
    )
