"""Drives an exchange by hand: answers what it asks for from a script, without socket, clock or sleep."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest import renewal as rn
from airflow_provider_bitrix24.rest import steps as st
from airflow_provider_bitrix24.rest.credentials import OAuthApplication, Tokens, Webhook
from airflow_provider_bitrix24.rest.exchange import Policy, Session, exchange
from airflow_provider_bitrix24.rest.ledgers.process import ProcessLedger
from airflow_provider_bitrix24.rest.replies import Failure, Response

CODE = "s3cr3twebhookcode"
WEBHOOK = Webhook("https://portal.bitrix24.com", "1", CODE)
APPLICATION = OAuthApplication(
    "https://portal.bitrix24.com", "app.1", "client-secret-xyz", Tokens("access-one", "refresh-one")
)
STEADY = Policy(jitter=lambda: 0.0)

TIMES = {"start": 1.0, "finish": 1.1, "operating": 1.5, "operating_reset_at": 5000}


class Clock:
    """A clock that moves only when told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def ok(result: Any, **more: Any) -> Response:
    return Response(200, json.dumps({"result": result, **more}).encode())


def refusal(code: str, text: str = "", status: int = 400) -> Response:
    return Response(status, json.dumps({"error": code, "error_description": text}).encode())


def lost(elapsed: float = 0.1) -> Failure:
    return Failure(e.ConnectionLostError("reset by peer"), elapsed)


def unreachable() -> Failure:
    return Failure(e.PortalUnreachableError("refused"))


def html(status: int, text: str = "<html>Bad Gateway</html>") -> Response:
    return Response(status, text.encode())


def moved(location: str) -> Response:
    return Response(302, b"<html>", location)


def maps(**parts: Any) -> Response:
    """Return a batch's answer with these of its five maps, the others empty as PHP writes them."""
    return ok({f"result{'_' + key if key != 'result' else ''}": value for key, value in _five(parts)})


def _five(parts: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(key, parts.get(key, [])) for key in ("result", "error", "total", "next", "time")]


@dataclass
class Feed:
    """What an exchange did with a script of answers.

    :param script: answers to what is sent, in order; each may be a function of the request
    :param renewals: answers to ``Renew``, in order
    """

    script: list[Any]
    renewals: list[Any] = field(default_factory=list)
    session: Session = field(default_factory=lambda: Session(WEBHOOK, policy=STEADY))
    clock: Clock = field(default_factory=Clock)
    during_pause: Callable[[], None] = lambda: None
    sent: list[st.Request] = field(default_factory=list)
    pauses: list[st.Pause] = field(default_factory=list)
    settled: list[st.Settle] = field(default_factory=list)
    renewed: list[Tokens] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = ProcessLedger(self.clock, self.clock)

    def run(self, *calls: Any) -> list[Any]:
        outcomes = self.drive(exchange(list(calls), self.session))
        assert not self.script, f"never asked for: {self.script}"
        return outcomes

    def drive(self, generator: Any) -> Any:
        answer: Any = None
        while True:
            try:
                step = generator.send(answer)
            except StopIteration as stop:
                return stop.value
            answer = self._answer(step)

    def error(self, call: Any) -> e.Bitrix24Error:
        [outcome] = self.run(call)
        assert outcome.error is not None
        return outcome.error

    def result(self, call: Any) -> Any:
        [outcome] = self.run(call)
        return outcome.unwrap()

    def body(self, position: int) -> dict[str, Any]:
        return json.loads(self.sent[position].body)

    def commands(self, position: int) -> list[str]:
        return list(self.body(position)["cmd"])

    @property
    def waits(self) -> list[float]:
        return [round(pause.seconds, 3) for pause in self.pauses]

    def _answer(self, step: Any) -> Any:
        match step:
            case st.Reserve(portal, _):
                return self.ledger.reserve(portal, self.session.limits)
            case st.IsCurrent(portal, slot):
                return self.ledger.is_current(portal, slot)
            case st.Blocked(meters):
                return self.ledger.blocked(meters)
            case st.Settle(portal, slot, passed, readings):
                self.settled.append(step)
                return self.ledger.settle(portal, self.session.limits, slot, passed=passed, readings=readings)
            case st.Pause(seconds):
                self.pauses.append(step)
                self.clock.now += seconds
                self.during_pause()
                return None
            case st.Renew(application):
                self.renewed.append(application.tokens)
                return self.renewals.pop(0)
            case st.Send(request):
                assert self.script, f"not expected: {request}"
                self.sent.append(request)
                answer = self.script.pop(0)
                return answer(request) if callable(answer) else answer
        raise AssertionError(step)


@dataclass
class Steps(Feed):
    """A feed that keeps every step."""

    steps: list[Any] = field(default_factory=list)

    def _answer(self, step: Any) -> Any:
        self.steps.append(step)
        return super()._answer(step)

    def of(self, kind: type) -> list[Any]:
        return [step for step in self.steps if type(step) is kind]

    def fill(self, requests: int) -> None:
        for _ in range(requests):
            self.ledger.reserve(self.session.credentials.portal, self.session.limits)


def run_renewal(application: OAuthApplication, kept: list[Tokens | None], script: list[Any]) -> Any:
    """Drive a renewal; return its result, what was sent, saved and waited."""
    generator = rn.renewal(application, STEADY)
    sent: list[rn.SendForm] = []
    saved: list[Tokens] = []
    waits: list[float] = []
    answer: Any = None
    while True:
        try:
            step = generator.send(answer)
        except StopIteration as stop:
            assert not script
            return stop.value, sent, saved, waits
        match step:
            case rn.Load():
                answer = kept.pop(0)
            case rn.Save(tokens):
                answer = saved.append(tokens)
            case st.Pause(seconds):
                answer = waits.append(seconds)
            case rn.SendForm():
                sent.append(step)
                answer = script.pop(0)
