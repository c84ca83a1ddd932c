"""Where renewed OAuth tokens are kept between tasks: an Airflow Variable, or a store of the user's own."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from airflow.sdk.log import mask_secret

from airflow_provider_bitrix24.rest.credentials import OAuthApplication, Tokens
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    InvalidConnectionError,
    TokenRenewalError,
)
from airflow_provider_bitrix24.rest.redaction import Secrets

_PREFIX = "bitrix24_oauth_token__"
#: pairs that grew from other connections' tokens, kept beside the newest one
_OTHERS_KEPT = 8


class TokenStore(Protocol):
    """A place that keeps token pairs. Name a class of this kind in the connection's ``token_store``."""

    def load(self, key: str) -> Mapping[str, Any] | None:
        """Return what was saved under a key, ``None`` where nothing was."""

    def save(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a value under a key, for good by the time this returns; raise where that fails."""


class VariableTokenStore:
    """Keeps token pairs in Airflow Variables, which Airflow encrypts and its UI masks."""

    def load(self, key: str) -> Mapping[str, Any] | None:
        """Return what was saved under a key, ``None`` where nothing was.

        :raises ValueError: somebody else has written something into the Variable
        """
        from airflow.sdk import Variable

        raw = Variable.get(key, default=None)
        if raw is None:
            return None
        try:
            value = json.loads(raw)
        except ValueError:
            value = None  # the error would quote the text, which may be a token
        if not isinstance(value, dict):
            raise ValueError(f"the Airflow Variable {key} is not what this package writes; delete it")  # noqa: TRY004
        return value

    def save(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a value under a key.

        :raises RuntimeError: it does not stand in the Variable afterwards. Airflow 3.1 only logs a failure to
            write, and a secrets backend that knows the Variable goes before what was written
        """
        from airflow.sdk import Variable

        Variable.set(key, dict(value), serialize_json=True)
        if self.load(key) != dict(value):
            raise RuntimeError(f"the Airflow Variable {key} still holds something else after it was written")


class TokenKeeper:
    """Keeps the pair of one application, together with the pair in the connection that it grew from.

    Connections with different first pairs of one application, such as those of two users whose ids are not
    told, share a place in the store. Each finds the pair that grew from its own.

    :param store: where it is kept
    :param application: the application as the connection has it: its tokens are the first pair
    """

    def __init__(self, store: TokenStore, application: OAuthApplication) -> None:
        self._store = store
        self._key = _PREFIX + application.identity
        self._application = application
        self._grown_from = application.tokens.fingerprint

    def load(self) -> Tokens | None:
        """Return the kept pair, unless the connection has got another since: then that one wins.

        :raises Bitrix24Error: the store does not answer
        """
        for record in self._records():
            if record.get("grown_from") == self._grown_from:
                tokens = Tokens(str(record.get("access_token") or ""), str(record.get("refresh_token") or ""))
                mask(tokens.access, tokens.refresh)
                return tokens if tokens.access else None
        return None

    def save(self, tokens: Tokens) -> None:
        """Keep a new pair.

        :raises TokenRenewalError: the store does not take it; the pair before is used up, so both are lost
        """
        mask(tokens.access, tokens.refresh)
        problem = _problem_of(lambda: self._save(tokens), self._secrets_with(tokens))
        if problem:
            raise TokenRenewalError(
                f"the portal issued a new pair of tokens, but it could not be kept: {problem}",
                portal=self._application.portal,
                remedy="See that the store can be written. The pair before is used up: authorise the "
                "application anew and put the new pair of tokens into the connection.",
            )

    def _save(self, tokens: Tokens) -> None:
        others = [
            {name: value for name, value in record.items() if name != "others"}
            for record in self._records()
            if record.get("grown_from") != self._grown_from
        ]
        record: dict[str, Any] = {
            "access_token": tokens.access,
            "refresh_token": tokens.refresh,
            "grown_from": self._grown_from,
        }
        if others:
            record["others"] = others[:_OTHERS_KEPT]
        self._store.save(self._key, record)

    def _records(self) -> list[Mapping[str, Any]]:
        """Return what is kept of the application's pairs, the newest first."""
        found: list[Mapping[str, Any] | None] = []
        problem = _problem_of(lambda: found.append(self._store.load(self._key)), self._secrets_with())
        if problem:
            raise Bitrix24Error(
                f"the kept tokens cannot be read: {problem}",
                portal=self._application.portal,
                remedy="Another try helps once the store answers.",
            )
        newest = found[0] or {}
        others = newest.get("others")
        records = [newest, *(others if isinstance(others, list) else ())]
        return [record for record in records if isinstance(record, Mapping) and record.get("grown_from")]

    def _secrets_with(self, tokens: Tokens | None = None) -> Secrets:
        application = self._application
        secrets = [application.client_secret, application.tokens.access, application.tokens.refresh]
        if tokens is not None:
            secrets += [tokens.access, tokens.refresh]
        return Secrets(dict.fromkeys(secrets, ""))


def _problem_of(action: Callable[[], Any], secrets: Secrets) -> str:
    """Do something with a store, anybody's code; return what went wrong, without frames and secrets."""
    try:
        action()
    except Bitrix24Error as error:
        return error.description
    except Exception as error:
        return f"{type(error).__name__}: {secrets.redact(str(error))[:300]}"
    return ""


def token_store(path: str) -> TokenStore:
    """Return the store that a connection names, by default Airflow's Variables.

    :param path: dotted path of a class without arguments, or ``""``
    :raises InvalidConnectionError: there is no such class
    """
    if not path:
        return VariableTokenStore()
    module, _, name = path.rpartition(".")
    stores: list[TokenStore] = []
    problem = _problem_of(
        lambda: stores.append(getattr(importlib.import_module(module), name)()), Secrets({})
    )
    if not problem and not all(callable(getattr(stores[0], method, None)) for method in ("load", "save")):
        problem = "it has no load() and save()"
    if problem:
        raise InvalidConnectionError(
            f"token_store: {path!r} is no token store: {problem}",
            remedy="Give the dotted path of a class with load() and save().",
        )
    return stores[0]


def mask(*secrets: str) -> None:
    """Tell Airflow's masker of secrets, the second line behind our own redaction."""
    for secret in secrets:
        if secret:
            mask_secret(secret)
