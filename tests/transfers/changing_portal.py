"""People who work in a CRM while it is read: what they do is random, and the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from airflow_provider_bitrix24.testing import Bitrix24Portal

_STAGES = ("NEW", "PREPARATION", "EXECUTING", "WON", "LOSE")
#: what they do, and how often
_DOINGS = {
    "change": 6,
    "change_late": 4,
    "move": 3,
    "add": 2,
    "add_old": 2,
    "delete": 3,
    "restore": 3,
    "hide": 1,
    "show": 2,
}
#: seconds that a change may show later than its date; the operators' overlap is two minutes
_LATEST = 110
#: as many deals stay at least
_FEW = 90


class Staff:
    """People who work with the deals of a portal.

    :param portal: the portal
    :param seed: of what they do
    """

    def __init__(self, portal: Bitrix24Portal, seed: Any) -> None:
        self.done: list[str] = []
        self._portal = portal
        self._random = random.Random(seed)
        self._deleted: list[int] = []
        self._hidden: list[int] = []
        self._ends: Callable[[], None] | None = None

    def begin(self) -> None:
        """Work from now on whenever the portal is asked something; time passes meanwhile."""
        self._ends = self._portal.on_call(self._meanwhile)

    def end(self) -> None:
        """Stop working, and let everybody see everything."""
        if self._ends is not None:
            self._ends()
            self._ends = None
        while self._hidden:
            self.show()

    def work(self, times: int) -> None:
        """Do a few things now."""
        names = list(_DOINGS)
        for _ in range(times):
            [name] = self._random.choices(names, weights=list(_DOINGS.values()))
            getattr(self, name)()

    def _meanwhile(self, _: Any) -> None:
        if self._random.random() < 0.5:
            self._portal.move_clock(self._random.choice([0, 5, 150, 400]))
            self.work(self._random.randint(1, 2))

    # --- what they do ---

    def change(self) -> None:
        """Change a deal."""
        number = self._some_deal()
        self._note("changed", number)
        self._portal.update_item("deal", number, self._values())

    def change_late(self) -> None:
        """Change or move a deal in a transaction that takes long: it shows later than its date says."""
        late = self._random.uniform(1, _LATEST)
        self._portal.move_clock(-late)
        self._random.choice([self.change, self.move])()
        self._portal.move_clock(late)

    def move(self) -> None:
        """Move a deal to a stage."""
        number = self._some_deal()
        self._note("moved", number)
        self._portal.set_stage("deal", number, self._random.choice(_STAGES))

    def add(self) -> None:
        """Add a deal."""
        self._note("added", self._portal.add_item("deal", self._values()))

    def add_old(self) -> None:
        """Import a deal with its dates from long ago."""
        moment = f"{self._random.randint(2019, 2024)}-03-04T05:06:07+03:00"
        fields = {**self._values(), "DATE_CREATE": moment, "DATE_MODIFY": moment}
        self._note("imported", self._portal.add_item("deal", fields))

    def delete(self) -> None:
        """Delete a deal."""
        if len(self._portal.items("deal")) <= _FEW:
            return
        number = self._some_deal()
        self._note("deleted", number)
        self._portal.delete_item("deal", number)
        self._deleted.append(number)

    def restore(self) -> None:
        """Restore a deleted deal, which gets a new id and keeps its dates."""
        if self._deleted:
            number = self._deleted.pop(self._random.randrange(len(self._deleted)))
            self._note(f"restored {number} as", self._portal.restore_item("deal", number))

    def hide(self) -> None:
        """Take the right to read a deal from the connection's user."""
        number = self._some_deal()
        self._note("hidden", number)
        self._portal.hide_items("deal", [number])
        self._hidden.append(number)

    def show(self) -> None:
        """Give the right back, and change the deal, because no date tells of rights."""
        if not self._hidden:
            return
        number = self._hidden.pop()
        self._note("shown", number)
        self._portal.hide_items("deal", [number], hidden=False)
        if number in self._portal.items("deal"):
            self._portal.update_item("deal", number, self._values())

    def _some_deal(self) -> int:
        return self._random.choice(list(self._portal.items("deal")))

    def _values(self) -> dict[str, Any]:
        number = self._random.randrange(1000)
        return {"TITLE": f"Deal of {number}", "OPPORTUNITY": number}

    def _note(self, what: str, number: int) -> None:
        self.done.append(f"{what} {number}")
