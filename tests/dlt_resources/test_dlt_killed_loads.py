"""Workers that die at one of dlt's steps, and what the next load makes of it."""

from __future__ import annotations

import json
import time

import pytest
from dlt_pipelines import Crm, deals
from killable import KILLED, Workers

pytestmark = [pytest.mark.slow, pytest.mark.once]

#: how often a load is tried that finds what a killed one left: it only loads that
_TRIES = 3


@pytest.fixture(scope="module")
def workers():
    found = Workers("dlt_task")
    yield found
    found.close()


class Worker:
    """Loads deals and stages in processes of their own, which may die.

    :param crm: where to
    """

    def __init__(self, workers, portal, crm: Crm, folder) -> None:
        self._workers = workers
        self._portal = portal
        self._crm = crm
        self._folder = folder

    def load(self, name="worker", die_at=None, *, may_fail=False):
        """Load, and return what dlt's steps were called; ``None`` if it was killed or failed."""
        answer = self._folder / "answer"
        answer.unlink(missing_ok=True)
        self._workers.start(
            {
                "operator": "dlt_task.LoadWithDlt",
                "arguments": {
                    "address": self._crm.address,
                    "folder": str(self._folder / name),
                    "die_at": die_at,
                    "datasets": ["deal", "stages"],
                    "deletions": True,
                },
                "connection": json.dumps(self._portal.connection(plan="self-hosted", pacing="process")),
                "store": None,
                "answer": str(answer),
                "started": time.time(),
                "try_number": 1,
            }
        )
        code = self._workers.ended()
        assert code in ((0, 1) if may_fail else (0, KILLED))
        return json.loads(answer.read_text())["result"] if code == 0 else None


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("database", "folder"), [("duck", "kept"), ("duck", "new"), ("crm_in_postgres", "kept")]
)
def test_a_killed_load_is_repeated(crm_portal, workers, request, database, folder, dlt_folder):
    """Each moment is one of the last load's steps: while rows are read, made ready, or loaded."""
    crm = request.getfixturevalue(database)
    worker = Worker(workers, crm_portal, crm, dlt_folder)
    kept = "worker"
    steps = worker.load(kept)
    moments = {
        "reading": steps.index("deal") + 1,
        "after reading": steps.index("end") + 2,
        "normalizing": len(steps) - steps[::-1].index("Files") - 3,
        "before loading": steps.index("Jobs") + 1,
        "loading": steps.index("Jobs") + 4,
        "at the end": len(steps),
    }
    for number, (moment, die_at) in enumerate(moments.items(), start=1):
        crm_portal.move_clock(3_600)
        crm_portal.update_item("deal", 3, {"TITLE": moment})
        crm_portal.delete_item("deal", 50 + number)
        crm_portal.add_item("deal", {"TITLE": f"New {moment}"})
        assert worker.load(f"killed {number}" if folder == "new" else kept, die_at) is None, moment
        crm_portal.move_clock(600)
        crm_portal.update_item("deal", 4, {"TITLE": f"{moment} again"})
        for _ in range(_TRIES if folder == "kept" else 1):
            again = worker.load(f"again {number}" if folder == "new" else kept, may_fail=folder == "kept")
            if again is None:
                # Killed between a commit and its note of that, dlt loads the rows of its state once more,
                # which PostgreSQL refuses in each try. As docs/dlt.md says, an empty folder helps.
                kept = f"worker after {number}"
            if crm.titles() == deals(crm_portal):
                break
        assert crm.titles() == deals(crm_portal), moment
