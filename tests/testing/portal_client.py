"""A client made for these tests only: plain requests, nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests


class Clock:
    """A clock that moves only when told to."""

    def __init__(self, now: float = 1_757_424_671.5) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Answer:
    status: int
    body: Any
    response: requests.Response

    @property
    def result(self) -> Any:
        assert self.status == 200, (self.status, self.body)
        return self.body["result"]

    @property
    def error(self) -> tuple[int, str, str]:
        assert set(self.body) >= {"error", "error_description"}, self.body
        assert "result" not in self.body
        assert "time" not in self.body
        return self.status, self.body["error"], self.body["error_description"]


class Client:
    """Calls a portal with a user's webhook."""

    def __init__(self, portal: Any, user_id: int = 1) -> None:
        self.base = portal.webhook_url(user_id)
        self.session = requests.Session()
        self.session.trust_env = False

    def __call__(self, method: str, params: Any = None) -> Answer:
        return self.send("POST", self.base + method, json={} if params is None else params)

    def send(self, verb: str, url: str, **options: Any) -> Answer:
        response = self.session.request(verb, url, timeout=10, allow_redirects=False, **options)
        try:
            body = response.json()
        except ValueError:
            body = response.text
        return Answer(response.status_code, body, response)

    def batch(self, cmd: Any, **params: Any) -> Any:
        return self("batch", {"cmd": cmd, **params}).result

    def pair(self, method: str, record_id: Any, kind: Any, item_id: Any) -> Answer:
        fields = {"OWNER_ID": record_id, "ENTITY_TYPE": kind, "ENTITY_ID": item_id}
        return self(f"crm.timeline.bindings.{method}", {"fields": fields})
