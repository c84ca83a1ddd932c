"""Where renewed OAuth tokens are kept between tasks: an Airflow Variable, or a store of the user's own.

Airflow says that a Variable is not there if it could not read it. So nothing permanent is concluded from
that, and no record holds more than one connection's pair: writing one never drops what could not be read.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from airflow.sdk.log import mask_secret

from airflow_provider_bitrix24.rest.credentials import OAuthApplication, Tokens
from airflow_provider_bitrix24.rest.errors import (
    Bitrix24Error,
    InvalidConnectionError,
    TokenRenewalError,
    TokensUnreadableError,
)
from airflow_provider_bitrix24.rest.redaction import Secrets

_PREFIX = "bitrix24_oauth_token__"
#: seconds to wait before each look for a Variable that was written and cannot be read yet
_PAUSES = (0.1, 0.4, 1.0, 2.0)
#: the pairs that this process knew last, by their place in the store
_KNOWN: dict[str, Tokens] = {}
_REFUSED = "the authorisation server does not accept the connection's refresh token, and "


class TokenStore(Protocol):
    """A place that keeps token pairs. Name a class of this kind in the connection's ``token_store``."""

    def load(self, key: str) -> Mapping[str, Any] | None:
        """Return what was saved under a key, ``None`` where nothing was."""

    def save(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a value under a key, for good by the time this returns; raise where that fails."""


class VariableTokenStore:
    """Keeps token pairs in Airflow Variables, which Airflow encrypts and its UI masks."""

    def load(self, key: str) -> Mapping[str, Any] | None:
        """Return what was saved under a key, ``None`` where nothing was, or where it cannot be read now.

        :raises ValueError: somebody else has written something into the Variable
        :raises InvalidConnectionError: Airflow denies the Variable to this task
        """
        raw = _read_variable(key)
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
        """Keep a value under a key, and look whether it stands there. Tries again for some seconds.

        :raises RuntimeError: something else stands there: Airflow 3.1 only logs a failure to write, and a
            secrets backend that knows the Variable goes before what was written
        :raises TokensUnreadableError: it was written, but Airflow does not show it
        """
        from airflow.sdk import Variable

        failure: Exception | None = None
        found = None
        for pause in (0.0, *_PAUSES):
            time.sleep(pause)
            try:
                Variable.set(key, dict(value), serialize_json=True)
            except Exception as error:
                failure = error
                continue
            failure, found = None, self.load(key)
            if found == dict(value):
                return
        if failure is not None:
            raise failure
        if found is not None:
            raise RuntimeError(f"the Airflow Variable {key} still holds something else after it was written")
        raise TokensUnreadableError(f"{_not_found(key)}, although they were written")


class TokenKeeper:
    """Keeps the pair that grew from the pair in a connection.

    Connections with different first pairs of one application, such as those of two users whose ids are not
    told, have a place each in the store.

    :param store: where it is kept
    :param application: the application as the connection has it: its tokens are the first pair
    """

    def __init__(self, store: TokenStore, application: OAuthApplication) -> None:
        self._store = store
        self._key = f"{_PREFIX}{application.identity}_{application.tokens.fingerprint}"
        self._application = application

    def newest(self) -> Tokens:
        """Return the pair to begin with: the kept one, or else the connection's.

        If the store cannot be read, that is the one that this process knew last.

        :raises TokensUnreadableError: the store does not answer, and this process knows of no pair
        """
        try:
            return self.load() or self._application.tokens
        except TokensUnreadableError:
            if self._key not in _KNOWN:
                raise
            return _KNOWN[self._key]

    def load(self, *, stale: Tokens | None = None, refused: bool = False) -> Tokens | None:
        """Return the kept pair, ``None`` where the connection's is the first.

        If Airflow does not show one, it is the pair that this process knew last.

        :param stale: a pair that has expired, so that it is no answer
        :param refused: the authorisation server has refused the newest pair that is known, which is no wonder
            if a newer one only cannot be read
        :raises TokensUnreadableError: the store does not answer, or does not show what has to be there
        """
        tokens = self._read()
        if tokens.access:
            mask(tokens.access, tokens.refresh)
            _KNOWN[self._key] = tokens
            return tokens
        if not isinstance(self._store, VariableTokenStore):
            return None  # a store of the user's own says so only where it is so
        known = _KNOWN.get(self._key)
        if known is not None and known != stale:
            return known
        if known is not None or refused:
            raise self._unreadable(_REFUSED + _not_found(self._key) if refused else _not_found(self._key))
        return None

    def save(self, tokens: Tokens) -> None:
        """Keep a new pair.

        :raises TokenRenewalError: the store does not take it; the pair before is used up, so both are lost
        :raises TokensUnreadableError: Airflow does not show whether it has taken it
        """
        mask(tokens.access, tokens.refresh)
        _KNOWN[self._key] = tokens
        problem = _problem_of(
            lambda: self._store.save(self._key, _record_of(tokens)), self._secrets_with(tokens)
        )
        if problem:
            raise TokenRenewalError(
                f"the portal issued a new pair of tokens, but it could not be kept: {problem}",
                portal=self._application.portal,
                remedy="See that the store can be written. The pair before is used up: authorise the "
                "application anew and put the new pair of tokens into the connection.",
            )

    def _read(self) -> Tokens:
        found: list[Mapping[str, Any] | None] = []
        problem = _problem_of(lambda: found.append(self._store.load(self._key)), self._secrets_with())
        if problem:
            raise self._unreadable(f"the kept tokens cannot be read: {problem}")
        record = found[0] or {}
        return Tokens(str(record.get("access_token") or ""), str(record.get("refresh_token") or ""))

    def _unreadable(self, problem: str) -> TokensUnreadableError:
        return TokensUnreadableError(problem, portal=self._application.portal)

    def _secrets_with(self, tokens: Tokens | None = None) -> Secrets:
        application = self._application
        secrets = [application.client_secret, application.tokens.access, application.tokens.refresh]
        if tokens is not None:
            secrets += [tokens.access, tokens.refresh]
        return Secrets(dict.fromkeys(secrets, ""))


def _record_of(tokens: Tokens) -> dict[str, str]:
    return {"access_token": tokens.access, "refresh_token": tokens.refresh}


def _not_found(key: str) -> str:
    return f"Airflow does not find the renewed tokens in the Variable {key}, or cannot read them now"


def _read_variable(key: str) -> str | None:
    """Return a Variable's text, ``None`` where Airflow says that it is not there."""
    from airflow.sdk import Variable

    try:
        text: str | None = Variable.get(key, default=None)
    except PermissionError:  # AirflowSecretsBackendAccessDenied, from 3.3 up
        denied = InvalidConnectionError(
            f"token_store: Airflow denies this task the Variable {key}, which keeps the renewed tokens",
            remedy="Let the task's team use the Variable, or name a store of your own in token_store.",
        )
    else:
        return text
    raise denied from None


def _problem_of(action: Callable[[], Any], secrets: Secrets) -> str:
    """Do something with a store, anybody's code; return what went wrong, without frames and secrets.

    :raises InvalidConnectionError: as the action does
    :raises TokensUnreadableError: as the action does
    """
    try:
        action()
    except (InvalidConnectionError, TokensUnreadableError) as error:
        told = error.but()  # without the frames
    except Bitrix24Error as error:
        return error.description
    except Exception as error:
        return f"{type(error).__name__}: {secrets.redact(str(error))[:300]}"
    else:
        return ""
    raise told


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
