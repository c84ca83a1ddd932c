"""What the cells of the matrix are made of: an operation, and the scene that it works on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from no_waits import no_long_waits

from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import Bitrix24Error
from airflow_provider_bitrix24.rest.session import Policy
from airflow_provider_bitrix24.testing import Bitrix24Portal


@dataclass
class Scene:
    """What one cell works on: its own record, deals and text, in a portal that all cells share.

    :param record: a comment that shows on the first deal
    :param deals: the others are bound by the cell
    :param text: of the comment that the cell adds
    :param policy: how patient it is
    :param contacts: more than fit on a few pages, which all cells read and none changes
    :param fault: puts the cell's fault in force, for operations that say themselves when
    :param overdue: the portal goes on with a request that its caller has given up
    """

    portal: Bitrix24Portal
    record: int
    deals: list[int]
    text: str
    policy: Policy
    contacts: list[int]
    fault: Callable[[], AbstractContextManager[None]]
    overdue: bool

    @property
    def texts(self) -> list[str]:
        """Texts of a list of comments, which two requests carry."""
        return [f"{self.text}, number {number}" for number in range(52)]

    @property
    def pairs(self) -> list[tuple[int, str, int]]:
        return [(self.record, "deal", deal) for deal in self.deals[1:]]

    def waiting(self) -> AbstractContextManager[Any]:
        """Return a block that waits for what is overdue, and for nothing else."""
        return nullcontext() if self.overdue else no_long_waits()

    def hook(self) -> Bitrix24Hook:
        hook = Bitrix24Hook(request_cut=self.policy.cut)
        hook.get_conn().session.policy = self.policy
        return hook

    def context(self) -> Any:
        ti = SimpleNamespace(
            xcom_push=lambda **_: None, try_number=1, max_tries=0, task=None, dag_id="dag", task_id="cell"
        )
        return {"ti": ti, "run_id": "run"}


@dataclass(frozen=True)
class Operation:
    """One column of the matrix.

    :param title: how the table calls it; the ordinary and the asynchronous door share a title
    :param kind: how it is judged
    :param run: returns the operation's result
    :param expected: what the result has to be
    :param spares: how many requests a fault lets pass first
    :param in_the_middle: the operation says itself when the fault begins
    :param expired: the connection is an OAuth application's whose token has expired
    :param check: sees that the portal holds what it may hold, where the kind does not say it
    :param word_of: what the table says of a result, where it is not always done
    """

    name: str
    title: str
    kind: str
    run: Callable[[Scene], Any]
    expected: Callable[[Scene, Any], bool]
    spares: int = 0
    in_the_middle: bool = False
    expired: bool = False
    check: Callable[[Scene, Bitrix24Error | None], None] | None = None
    word_of: Callable[[Any], str] | None = None


def hurried(cls: Any, scene: Scene, **arguments: Any) -> Any:
    """Return an operator whose hook pauses shorter."""
    hurried = type(cls.__name__, (cls,), {"hook": cached_property(lambda self: scene.hook())})
    return hurried(task_id="cell", **arguments).execute(scene.context())


def quick(attempts: int, *, cut: float = Policy.cut) -> Policy:
    """As patient as by default, but in a hurry."""
    return Policy(
        attempts=attempts,
        first_pause=0.005,
        longest_pause=0.01,
        max_wait=5.0,
        cut=cut,
        jitter=lambda: 0.5,
    )


def relieve(scene: Scene) -> None:
    """End the fault that is in force."""
    scene.portal.faults.clear()
    scene.portal.start()
