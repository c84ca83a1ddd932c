"""Checking credentials, in the portal's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import RestError
from .users import Identity, User

if TYPE_CHECKING:
    from .methods import Method
    from .request import RestRequest
    from .world import World

_NO_SCOPE = "The request requires higher privileges than provided by the access token"


def authorise(world: World, request: RestRequest, method: Method, *, secure: bool) -> Identity:
    """Return who calls, or raise the error the portal answers.

    :param secure: whether the request came over HTTPS
    """
    if request.login is not None and request.code is not None:
        return _webhook(world, request.login, request.code, method, secure=secure)
    if request.access_token is not None:
        return _application(world, request.access_token, method)
    raise RestError("NO_AUTH_FOUND", "Wrong authorization data")


def check_scope(identity: Identity, method: Method, description: str = _NO_SCOPE) -> None:
    """Raise if none of the scopes that the method needs is granted."""
    if method.scopes and not set(method.scopes) & set(identity.scopes):
        raise RestError("insufficient_scope", description)


def check_context(identity: Identity, method: Method) -> None:
    """Raise if the method is for applications and a webhook calls."""
    if method.application_only and identity.via == "webhook":
        raise RestError("WRONG_AUTH_TYPE", "Current authorization type is denied for this method")


def _webhook(world: World, login: str, code: str, method: Method, *, secure: bool) -> Identity:
    """Https, user and code, scope, hold, plan, user."""
    if world.switches.require_https and not secure:
        raise RestError("INVALID_REQUEST", "Https required.")
    user = world.user_by_webhook(login, code)
    if user is None:
        raise RestError("INVALID_CREDENTIALS", "Invalid request credentials")
    identity = Identity(user, user.scopes, "webhook", f"webhook/{user.user_id}", code)
    check_scope(identity, method)
    _check_hold(world)
    if not world.switches.rest_available:
        raise RestError("ACCESS_DENIED", "REST is available only by subscription.", 401)
    _check_active(user)
    check_context(identity, method)
    return identity


def _application(world: World, token: str, method: Method) -> Identity:
    """Token, hold, plan, application, expiry, scope, user."""
    known = world.oauth.access.get(token)
    user = world.users.get(known.user_id) if known else None
    if known is None or user is None:
        raise RestError("invalid_token", "Unable to get application by token")
    _check_hold(world)
    if not world.switches.rest_available:
        raise RestError("ACCESS_DENIED", "REST is available only on commercial plans.", 401)
    if not world.oauth.installed:
        raise RestError("APPLICATION_NOT_FOUND", "Application not found")
    if known.expires <= world.clock():
        raise RestError("expired_token", "The access token provided has expired")
    identity = Identity(
        user, world.oauth.scopes, "application", f"application/{world.oauth.client_id}", token
    )
    check_scope(identity, method)
    _check_active(user)
    return identity


def _check_hold(world: World) -> None:
    status = world.switches.overload_status
    if status is not None:
        raise RestError("OVERLOAD_LIMIT", "REST API is blocked due to overload.", status)


def _check_active(user: User) -> None:
    if not user.active:
        raise RestError("authorization_error", "Unable to authorize user")
