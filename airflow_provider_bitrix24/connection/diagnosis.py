"""Testing a connection: one sentence about who and what, or exactly what is wrong."""

from __future__ import annotations

from typing import Any

from airflow_provider_bitrix24.connection.parsing import Settings
from airflow_provider_bitrix24.rest import errors as e
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.credentials import OAuthApplication, Tokens
from airflow_provider_bitrix24.rest.ledgers import Ledger
from airflow_provider_bitrix24.rest.session import Policy, Session

#: the UI waits for the answer, so patience is short
_POLICY = Policy(attempts=2, max_wait=20.0)
_WRONG_CLIENT = "The authorisation server does not accept client_id and client_secret"
_NO_PORTAL = "What answers there is not a Bitrix24 portal"


def diagnose(settings: Settings, ledger: Ledger) -> tuple[bool, str]:
    """Return whether a connection works, and a sentence about it.

    Calls ``profile`` and ``scope``, and asks the authorisation server whether it accepts an application.
    Tokens are never renewed here: the UI tests under a throw-away connection id, so a renewed pair could not
    be kept.

    :param settings: the connection
    :param ledger: keeps the portal's limits together with everyone else
    """
    from airflow_provider_bitrix24.rest.client import Client

    credentials = settings.credentials
    application = credentials if isinstance(credentials, OAuthApplication) else None
    can_renew = application is not None and bool(application.tokens.refresh)
    if application is not None:
        credentials = application.with_tokens(Tokens(application.tokens.access))
    session = Session(credentials, settings.limits, _POLICY, settings.trusted_hosts, settings.self_hosted)
    client = Client(session, ledger, settings.wire)
    try:
        if application is not None and can_renew:
            refused = client.refused_client(application)
            if refused is not None:
                return False, f"{_WRONG_CLIENT}: {refused}"
            if not application.tokens.access:
                return True, "There is no access token yet; the first task gets one with the refresh token."
        profile, scope = client.batch([Call("profile"), Call("scope")])
    except e.Bitrix24Error as error:
        return False, _problem(error)
    finally:
        client.close()
    if isinstance(profile.error, e.ExpiredTokenError) and can_renew:
        return True, f"{_expired(profile.error)}; the first task renews it."
    for outcome in (profile, scope):
        if outcome.error is not None:
            return False, _problem(outcome.error)
    return _verdict(profile.result, scope.result)


def _verdict(profile: Any, scopes: list[Any]) -> tuple[bool, str]:
    if profile == []:  # PHP's empty mapping
        return False, "The portal knows the credentials, but their user is inactive."
    if not isinstance(profile, dict) or not profile.get("ID"):
        return False, f"{_NO_PORTAL}: it does not say whose credentials these are."
    who = _who(profile)
    names = [str(name) for name in scopes]
    granted = f"scopes: {', '.join(sorted(names)) or 'none'}"
    if "crm" not in names:
        return False, f"Connected as {who}, but scope crm is not granted ({granted}). Add it in Bitrix24."
    return True, f"Connected as {who}; {granted}."


def _who(profile: dict[str, Any]) -> str:
    name = " ".join(str(profile.get(part) or "") for part in ("NAME", "LAST_NAME")).strip()
    role = "administrator" if profile.get("ADMIN") else "not an administrator"
    return f"{name or 'user'} (user {profile['ID']}, {role})"


def _expired(error: e.Bitrix24Error) -> str:
    known = error.code.lower() != "invalid_token"
    return "The access token has expired" if known else "The portal does not know the access token any more"


def _problem(error: e.Bitrix24Error) -> str:
    if isinstance(error, e.ExpiredTokenError):
        return f"{_expired(error)}, and there is no refresh token: {error}"
    if error.code.lower() == "invalid_request":
        return f"The portal refuses the request before it looks at the webhook or token: {error}"
    if error.code.lower() == "authorization_error":
        return f"The portal knows the credentials, but their user is inactive or blocked: {error}"
    for kinds, what in _PROBLEMS:
        if isinstance(error, kinds):
            return f"{what}: {error}"
    return str(error)


_PROBLEMS: tuple[tuple[tuple[type[e.Bitrix24Error], ...], str], ...] = (
    ((e.TlsError,), "The portal's certificate is not trusted"),
    ((e.PortalUnreachableError, e.ConnectionLostError), "The portal cannot be reached"),
    ((e.NotAPortalError, e.MalformedReplyError, e.UnexpectedResultError), _NO_PORTAL),
    ((e.PlanError,), "The portal's plan does not include the REST API"),
    ((e.AuthenticationError,), "The portal does not accept the webhook or token"),
    ((e.PortalClosedError,), "The portal is closed"),
    ((e.PortalMaintenanceError,), "The portal is closed for a while"),
    ((e.OverloadError,), "Bitrix24 has blocked the portal's REST API"),
    ((e.RedirectRefusedError,), "The portal has moved"),
    ((e.ServerError,), "The portal has trouble of its own"),
    ((e.LimitError,), "The portal's limits are used up at the moment"),
)
