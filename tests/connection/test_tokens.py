from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from cases import cases
from hook_helpers import secrets_in, whole_story

from airflow_provider_bitrix24.connection import tokens as kept_tokens
from airflow_provider_bitrix24.connection.tokens import TokenKeeper, VariableTokenStore, token_store
from airflow_provider_bitrix24.hooks.bitrix24 import Bitrix24Hook
from airflow_provider_bitrix24.hooks.errors import (
    Bitrix24Error,
    ExpiredTokenError,
    InvalidConnectionError,
    TokenRenewalError,
)
from airflow_provider_bitrix24.rest.credentials import OAuthApplication, Tokens
from airflow_provider_bitrix24.rest.errors import Bitrix24Error as RestError
from airflow_provider_bitrix24.rest.errors import InvalidConnectionError as RestConnectionError
from airflow_provider_bitrix24.rest.errors import TokensUnreadableError

_KEY = "bitrix24_oauth_token__0123456789abcdef"
_APPLICATION = OAuthApplication(
    "https://portal.bitrix24.com", "local.1", "s3cr3t-client", Tokens("s3cr3t-access-0", "s3cr3t-refresh-0")
)
_KEY_OF_APPLICATION = f"bitrix24_oauth_token__{_APPLICATION.identity}_{_APPLICATION.tokens.fingerprint}"
_PAIR = Tokens("s3cr3t-access-1", "s3cr3t-refresh-1")


class MemoryStore:
    """A store of the user's own, named in a connection by its dotted path."""

    kept: ClassVar[dict[str, Any]] = {}
    loads: ClassVar[int] = 0
    #: how many times it says that nothing is kept, as one that lags behind
    lagging: ClassVar[int] = 0

    def load(self, key: str) -> Any:
        cls = type(self)
        cls.loads += 1
        return self.kept.get(key) if cls.loads > cls.lagging else None

    def save(self, key: str, value: Any) -> None:
        json.dumps(value)
        self.kept[key] = value


class ReadOnlyStore(MemoryStore):
    def save(self, key: str, value: Any) -> None:
        raise OSError(f"read-only file system, parameters: {value}")


class DeadStore(MemoryStore):
    def load(self, key: str) -> Any:
        raise ConnectionError("vault is sealed; token s3cr3t-client was sent")


class NoStore:
    pass


class BrokenStore(MemoryStore):
    def __init__(self) -> None:
        raise RuntimeError("no such vault")


NOTHING_TO_CALL = 5


@pytest.fixture(autouse=True)
def _empty_store(monkeypatch):
    monkeypatch.setattr(kept_tokens, "_PAUSES", (0.01,))
    MemoryStore.kept = {}
    MemoryStore.loads = MemoryStore.lagging = 0
    kept_tokens._KNOWN.clear()
    ReadOnlyStore.loads = 0


def _sync(hook: Bitrix24Hook, method: str = "profile") -> Any:
    return hook.call(method)


def _async(hook: Bitrix24Hook, method: str = "profile") -> Any:
    return asyncio.run(hook.acall(method))


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return request.param


def _issued(box: Any) -> list[str]:
    """Return every token that the portal has issued so far."""
    return [*box._world.oauth.access, *box._world.oauth.refresh, box.client_secret]


# ---------------------------------------------------------------- the Variable


def test_a_variable_keeps_what_was_saved(supervisor):
    store = VariableTokenStore()
    assert store.load(_KEY) is None
    store.save(_KEY, {"access_token": "a", "refresh_token": "b"})
    assert store.load(_KEY) == {"access_token": "a", "refresh_token": "b"}
    assert json.loads(supervisor.variables[_KEY]) == {"access_token": "a", "refresh_token": "b"}


def test_a_variable_from_the_environment(monkeypatch):
    monkeypatch.setenv(f"AIRFLOW_VAR_{_KEY.upper()}", '{"access_token": "a"}')
    assert VariableTokenStore().load(_KEY) == {"access_token": "a"}


@pytest.mark.parametrize("text", ["s3cr3t", '"s3cr3t"', '["s3cr3t"]', "{s3cr3t", "null"])
def test_a_variable_that_somebody_else_wrote(supervisor, text):
    supervisor.variables[_KEY] = text
    with pytest.raises(ValueError, match=f"the Airflow Variable {_KEY} is not what this") as caught:
        VariableTokenStore().load(_KEY)
    assert not secrets_in(str(caught.value), "s3cr3t")


def test_a_variable_that_cannot_be_written(supervisor):
    """Airflow 3.1 only logs this failure, later releases raise it: it is noticed either way."""
    from airflow.sdk.exceptions import AirflowRuntimeError

    supervisor.writable = False
    with pytest.raises((AirflowRuntimeError, TokensUnreadableError)):
        VariableTokenStore().save(_KEY, {"access_token": "a"})


def test_a_variable_that_a_secrets_backend_hides(supervisor, monkeypatch):
    monkeypatch.setenv(f"AIRFLOW_VAR_{_KEY.upper()}", '{"access_token": "old"}')
    with pytest.raises(RuntimeError, match="still holds something else after it was written"):
        VariableTokenStore().save(_KEY, {"access_token": "new"})


# ---------------------------------------------------------------- the keeper


def _keeper(store: Any = None, application: OAuthApplication = _APPLICATION) -> TokenKeeper:
    return TokenKeeper(store or MemoryStore(), application)


def test_a_keeper_keeps_a_pair_for_the_pair_it_grew_from():
    keeper = _keeper()
    assert keeper.load() is None
    keeper.save(_PAIR)
    assert keeper.load() == _PAIR
    assert _keeper().load() == _PAIR
    [(key, record)] = MemoryStore.kept.items()
    assert key == _KEY_OF_APPLICATION
    assert record == {"access_token": "s3cr3t-access-1", "refresh_token": "s3cr3t-refresh-1"}
    assert not secrets_in(json.dumps(record), "s3cr3t-refresh-0", "s3cr3t-client")


def test_the_connection_wins_once_its_refresh_token_has_changed():
    _keeper().save(_PAIR)
    assert _keeper(application=_APPLICATION.with_tokens(Tokens("x", "another"))).load() is None
    same = _APPLICATION.with_tokens(Tokens("another", "s3cr3t-refresh-0"))
    assert _keeper(application=same).load() == _PAIR


def test_pairs_of_other_connections_stay():
    applications = [_APPLICATION.with_tokens(Tokens("", f"first-{number}")) for number in range(3)]
    for number, application in enumerate(applications * 2):
        _keeper(application=application).save(Tokens(f"access-{number}", f"refresh-{number}"))
    found = [_keeper(application=application).load() for application in applications]
    assert found == [Tokens(f"access-{number}", f"refresh-{number}") for number in (3, 4, 5)]


@cases("record", [{}, {"access_token": ""}, {"refresh_token": "x"}, {"others": []}])
def test_a_record_without_our_pair(record):
    MemoryStore.kept = {_KEY_OF_APPLICATION: record}
    assert _keeper().load() is None


def test_a_store_that_does_not_answer():
    with pytest.raises(RestError, match="ConnectionError: vault is sealed") as caught:
        _keeper(DeadStore()).load()
    assert caught.value.passes
    assert not secrets_in(whole_story(caught.value), "s3cr3t-client", "s3cr3t-access-1", "s3cr3t-refresh-1")


def test_a_store_that_does_not_take_a_pair():
    with pytest.raises(RestError, match="OSError: read-only file system") as caught:
        _keeper(ReadOnlyStore()).save(_PAIR)
    assert type(caught.value).__name__ == "TokenRenewalError"
    assert "authorise the application anew" in str(caught.value)
    assert not secrets_in(whole_story(caught.value), "s3cr3t-access-1", "s3cr3t-refresh-1")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("no.such.module.Store", "ModuleNotFoundError"),
        ("test_tokens.NoSuchStore", "AttributeError"),
        ("Store", "ValueError"),
        (".Store", "ValueError"),
        ("test_tokens.NoStore", "it has no load() and save()"),
        ("test_tokens.BrokenStore", "RuntimeError: no such vault"),
        ("test_tokens.NOTHING_TO_CALL", "TypeError"),
    ],
)
def test_no_such_store(path, problem, box, connect):
    with pytest.raises(RestConnectionError) as caught:
        token_store(path)
    assert str(caught.value).startswith(f"token_store: {path!r} is no token store: ")
    assert problem in str(caught.value)
    hook = connect(box.oauth_connection(token_store=path))
    with pytest.raises(InvalidConnectionError):
        hook.call("profile")
    works, message = hook.test_connection()
    assert not works
    assert problem in message
    assert box.requests == []


def test_the_store_is_a_variable_unless_another_is_named():
    assert isinstance(token_store(""), VariableTokenStore)
    assert isinstance(token_store("test_tokens.MemoryStore"), MemoryStore)


# ---------------------------------------------------------------- renewal through the hook


def test_a_good_token_is_not_renewed(box, connect, supervisor, call):
    assert call(connect(box.oauth_connection()))["ID"] == "1"
    assert box.renew_count == 0
    assert supervisor.variables == {}


def test_a_renewed_pair_is_saved_before_it_is_used(box, connect, supervisor, call):
    hook = connect(box.oauth_connection())
    box.expire_access_tokens()
    at_write = []
    supervisor.on_write = lambda: at_write.append((box.renew_count, len(box.calls("profile"))))
    assert call(hook)["ID"] == "1"
    assert at_write == [(1, 0)]
    assert len(box.calls("profile")) == 1
    [record] = map(json.loads, supervisor.variables.values())
    assert {record["access_token"], record["refresh_token"]} <= set(supervisor.masked)
    assert call(hook)["ID"] == "1"
    assert box.renew_count == 1


def test_a_refresh_token_alone_is_enough(box, connect, supervisor, call):
    hook = connect(box.oauth_connection(access_token=""))
    assert call(hook)["ID"] == "1"
    assert box.renew_count == 1
    assert [entry.status for entry in box.requests] == [200]


def test_a_later_task_and_a_second_connection_use_the_kept_pair(box, connect, supervisor, call):
    connection = box.oauth_connection()
    box.expire_access_tokens()
    assert call(connect(connection))["ID"] == "1"
    assert call(connect(connection))["ID"] == "1"
    assert call(connect(connection, "second_connection"))["ID"] == "1"
    assert box.renew_count == 1
    assert [entry.status for entry in box.requests] == [401, 200, 200, 200]


def test_a_new_pair_in_the_connection_wins(box, connect, supervisor, call):
    old = box.oauth_connection()
    box.expire_access_tokens()
    call(connect(old))
    box.revoke_refresh_token()
    box.expire_access_tokens()
    new = box.oauth_connection()
    assert call(connect(new))["ID"] == "1"
    assert box.renew_count == 1


def test_two_users_of_one_application_do_not_lose_each_others_pairs(box, connect, supervisor, call):
    connections = [box.oauth_connection(1), box.oauth_connection(2)]
    for turn in (1, 2, 3):
        box.expire_access_tokens()
        assert [call(connect(connection))["ID"] for connection in connections] == ["1", "2"]
        assert box.renew_count == 2 * turn
    assert len(supervisor.variables) == 2


def test_an_own_store(box, connect, call):
    hook = connect(box.oauth_connection(token_store="test_tokens.MemoryStore"))
    box.expire_access_tokens()
    assert call(hook)["ID"] == "1"
    assert len(MemoryStore.kept) == 1


def test_a_refused_refresh_token_is_looked_up_once_more(box, connect, call):
    connection = box.oauth_connection(token_store="test_tokens.MemoryStore")
    box.expire_access_tokens()
    box.revoke_refresh_token()
    newer = box.oauth_connection()["extra"]
    keeper = _keeper(application=_application_of(connection))
    keeper.save(Tokens(newer["access_token"], newer["refresh_token"]))
    MemoryStore.loads, MemoryStore.lagging = 0, 2  # the first pair at the start, and again before renewing
    assert call(connect(connection))["ID"] == "1"
    assert box.renew_count == 0
    assert MemoryStore.loads == 3


def _application_of(connection: dict[str, Any]) -> OAuthApplication:
    extra = connection["extra"]
    return OAuthApplication(
        f"{connection['schema']}://{connection['host']}:{connection['port']}",
        extra["client_id"],
        extra["client_secret"],
        Tokens(extra["access_token"], extra["refresh_token"]),
        extra["oauth_server"],
    )


def test_a_refused_refresh_token(box, connect, call):
    hook = connect(box.oauth_connection(token_store="test_tokens.MemoryStore"))
    secrets = _issued(box)
    box.expire_access_tokens()
    box.revoke_refresh_token()
    with pytest.raises(TokenRenewalError, match="invalid_grant") as caught:
        call(hook)
    assert isinstance(caught.value, AirflowFailException)
    assert not secrets_in(whole_story(caught.value), *secrets)


def test_an_expired_token_without_a_refresh_token(box, connect, call):
    hook = connect(box.oauth_connection(refresh_token=""))
    box.expire_access_tokens()
    with pytest.raises(ExpiredTokenError):
        call(hook)


@pytest.mark.parametrize("store", ["", "test_tokens.ReadOnlyStore"], ids=["Variable", "own store"])
def test_a_pair_that_cannot_be_kept_is_said_to_be_lost(box, connect, supervisor, call, store):
    hook = connect(box.oauth_connection(token_store=store))
    box.expire_access_tokens()
    supervisor.writable = False
    with pytest.raises(Bitrix24Error, match="authorise the application anew") as caught:
        call(hook)
    if "although they were written" not in str(caught.value):  # Airflow 3.1 does not say that a write failed
        assert isinstance(caught.value, TokenRenewalError)
        assert "issued a new pair of tokens, but it could not be kept" in str(caught.value)
    assert box.renew_count == 1
    assert box.calls("profile") == []
    assert not secrets_in(whole_story(caught.value), *_issued(box))


def test_a_store_that_does_not_answer_costs_no_pair(box, connect, call):
    hook = connect(box.oauth_connection(token_store="test_tokens.DeadStore"))
    box.expire_access_tokens()
    with pytest.raises(Bitrix24Error, match="the kept tokens cannot be read") as caught:
        call(hook)
    assert not isinstance(caught.value, AirflowFailException)
    assert box.renew_count == 0
    assert not secrets_in(whole_story(caught.value), *_issued(box))


@pytest.mark.parametrize("shared", [True, False], ids=["one hook", "a hook each"])
def test_eight_threads_renew_once(box, connect, supervisor, shared):
    connection = box.oauth_connection()
    hook = connect(connection)
    hooks = [hook] * 8 if shared else [connect(connection) for _ in range(8)]
    for hook in hooks:
        hook.call("server.time")
    box.expire_access_tokens()
    barrier = threading.Barrier(8)

    def work(hook: Bitrix24Hook) -> str:
        barrier.wait()
        return str(hook.call("profile")["ID"])

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, hooks)) == ["1"] * 8
    assert box.renew_count == 1


@pytest.mark.parametrize("shared", [True, False], ids=["one hook", "a hook each"])
def test_eight_coroutines_renew_once(box, connect, supervisor, shared):
    connection = box.oauth_connection()
    hook = connect(connection)
    hooks = [hook] * 8 if shared else [connect(connection) for _ in range(8)]
    box.expire_access_tokens()

    async def work() -> list[Any]:
        return await asyncio.gather(*[hook.acall("profile") for hook in hooks])

    assert [profile["ID"] for profile in asyncio.run(work())] == ["1"] * 8
    assert box.renew_count == 1
