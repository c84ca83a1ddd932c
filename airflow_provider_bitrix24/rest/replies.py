"""Reading answers: an envelope becomes a :class:`Reply` or an error, a batch's one outcome a call."""

from __future__ import annotations

import html
import json
import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_bitrix24.rest.calls import Call, Outcome
from airflow_provider_bitrix24.rest.codes import error_class, remedy_of, status_class
from airflow_provider_bitrix24.rest.errors import (
    AccessDeniedError,
    Bitrix24Error,
    InsufficientScopeError,
    MalformedReplyError,
    UnexpectedResultError,
)
from airflow_provider_bitrix24.rest.redaction import Secrets
from airflow_provider_bitrix24.rest.reply import Reply
from airflow_provider_bitrix24.rest.scopes import scope_of
from airflow_provider_bitrix24.rest.texts import may_be_unstorable, storable

log = logging.getLogger(__name__)

_EXCERPT = 200
_TITLE = re.compile(r"<title[^>]*>([^<]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Response:
    """An HTTP answer as the transports hand it over.

    :param status: HTTP status
    :param body: the decoded body's bytes
    :param location: the ``Location`` header, ``""`` where there is none
    :param elapsed: seconds from sending to the last byte
    """

    status: int
    body: bytes = field(repr=False)
    location: str = ""
    elapsed: float = 0.0


@dataclass(frozen=True)
class Failure:
    """No answer came.

    :param error: what happened, as the class that fits
    :param elapsed: seconds from sending to the failure
    """

    error: Bitrix24Error
    elapsed: float = 0.0


def read_envelope(response: Response, *, method: str, portal: str, secrets: Secrets) -> Reply | Bitrix24Error:
    """Return what an answer says: a reply, or the error it stands for.

    :param response: the HTTP answer
    :param method: the API method called, ``batch`` for a batch
    :param portal: the portal's host, for messages
    :param secrets: what to keep out of results and messages
    """
    text = response.body.decode("utf-8", errors="replace")
    body, is_changed = _read_object(text)
    if body is None or not ("result" in body or "error" in body):
        return _not_the_api(response, text, method=method, portal=portal, secrets=secrets)
    if is_changed:
        log.warning("The answer to %s holds NUL or half characters, which became U+FFFD.", method)
    if secrets.occur_in(text):
        body = secrets.hide(body)
    if "error" in body:
        return _error(body, response.status, method=method, portal=portal, secrets=secrets)
    time = body.get("time")
    return Reply(
        body["result"],
        _integer(body.get("total")),
        _integer(body.get("next")),
        time if isinstance(time, dict) else None,
    )


def check_result(call: Call, reply: Reply, portal: str) -> Outcome:
    """Return the outcome of a call whose answer is a success in form: it may not be what is returned."""
    facts = call.facts
    if facts.returns(reply.result):
        return Outcome(call, reply)
    if reply.result is False and facts.false_is_denial:
        denied = AccessDeniedError(
            "the portal answered 'false', which means that the user of this connection lacks the rights",
            code="ACCESS_DENIED",
            method=call.method,
            portal=portal,
            remedy="Give that user the right to change the CRM item.",
        )
        return Outcome(call, reply, denied)
    problem = f"the method returns {facts.shape}, but the portal answered {kind_of(reply.result)}"
    unexpected = UnexpectedResultError(problem, method=call.method, portal=portal, remedy=facts.remedy)
    return Outcome(call, reply, unexpected)


def kind_of(result: Any) -> str:
    """Say what a result is, without the customer's values in it.

    :param result: the result
    """
    if isinstance(result, Mapping):
        lists = [value for value in result.values() if isinstance(value, list) and [] in value]
        return kind_of(lists[0]) if lists else f"an object with {', '.join(list(result)[:5]) or 'nothing'}"
    if isinstance(result, list):
        return "rows without fields" if [] in result else f"a list of {len(result)}"
    return "a text" if isinstance(result, str) else json.dumps(result)


def read_batch(
    calls: Sequence[Call], keys: Sequence[str], reply: Reply, *, portal: str, secrets: Secrets
) -> list[Outcome]:
    """Return one outcome for each command of a batch, in order.

    :param calls: the calls that the batch carried
    :param keys: the name of each call's command
    :param reply: the batch's own reply
    :param portal: the portal's host, for messages
    :param secrets: what to keep out of messages
    """
    envelope = reply.result if isinstance(reply.result, dict) else {}
    results, errors, totals, nexts, times = (
        _by_key(envelope.get(name), keys)
        for name in ("result", "result_error", "result_total", "result_next", "result_time")
    )
    outcomes = []
    for call, key in zip(calls, keys, strict=True):
        if key in errors:
            body = _error_body(errors[key])
            error = _error(body, 200, method=call.method, portal=portal, secrets=secrets)
            outcomes.append(Outcome(call, error=error))
        elif key in results:
            part = Reply(results[key], _integer(totals.get(key)), _integer(nexts.get(key)), times.get(key))
            outcomes.append(check_result(call, part, portal))
        else:
            problem = "the batch's answer says nothing of this call"
            silent = MalformedReplyError(problem, method=call.method, portal=portal)
            outcomes.append(Outcome(call, error=silent))
    return outcomes


def _by_key(value: Any, keys: Sequence[str]) -> dict[str, Any]:
    """Return one of a batch's maps by command; PHP writes an empty one, and one keyed 0..n-1, as a list."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and len(value) == len(keys):
        return dict(zip(keys, value, strict=True))
    return {}  # a shorter list does not say which commands it speaks of


def _error_body(error: Any) -> dict[str, Any]:
    return error if isinstance(error, dict) else {"error": error if error is not None else ""}


def _error(
    body: Mapping[str, Any], status: int, *, method: str, portal: str, secrets: Secrets
) -> Bitrix24Error:
    code, description = _code_and_text(body)
    cls = error_class(code, description, status)
    remedy = remedy_of(description)
    if cls is InsufficientScopeError and (scope := scope_of(method)):
        remedy = f"Add the scope {scope} to the webhook or application in Bitrix24."
    return cls(
        secrets.redact(description),
        code="" if code == "0" else secrets.redact(code),
        method=method,
        portal=portal,
        status=status,
        remedy=remedy,
    )


def _code_and_text(body: Mapping[str, Any]) -> tuple[str, str]:
    error = body.get("error", "")
    if isinstance(error, Mapping):  # REST 3.0
        details = [
            f"{item.get('field')}: {item.get('message')}"
            for item in _listed(error.get("validation"))
            if isinstance(item, Mapping)
        ]
        return str(error.get("code") or ""), "; ".join([str(error.get("message") or ""), *details])
    description = str(body.get("error_description") or "")
    if body.get("argument"):
        description = f"{description} (argument {body['argument']})"
    return str(error if error is not None else ""), description


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _not_the_api(
    response: Response, text: str, *, method: str, portal: str, secrets: Secrets
) -> Bitrix24Error:
    """Return the error of a body that is not the API's; it quotes a page's title only.

    The rest may be half an answer, or a failed query of the portal's database: values of customers.
    """
    kind = "HTML" if "<html" in text[:2000].lower() or text.lstrip().startswith("<") else "not the API's JSON"
    what = f"HTTP {response.status} with a body that is {kind if text.strip() else 'empty'}"
    if title := _TITLE.search(text):
        excerpt = secrets.redact(" ".join(html.unescape(title[1]).split()))[:_EXCERPT]
        what = f"{what}: {excerpt!r}"
    elif size := len(text.strip()):
        what = f"{what}, {size} characters long"
    return status_class(response.status)(what, method=method, portal=portal, status=response.status)


def json_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object in a body, ``None`` where there is none.

    What Airflow's database cannot keep is replaced, here for results, errors, events and progress alike.
    """
    return _read_object(text)[0]


def _read_object(text: str) -> tuple[dict[str, Any] | None, bool]:
    """Return the JSON object in a body, and whether something in it was replaced."""
    try:
        body = kept = json.loads(text.removeprefix("\ufeff"))
        if may_be_unstorable(text):
            kept = storable(body)
        return (kept if isinstance(kept, dict) else None), kept is not body and kept != body
    except (ValueError, RecursionError):
        return None, False


def _integer(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
