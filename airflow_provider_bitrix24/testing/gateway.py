"""From an HTTP request to ``/rest/`` to its answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import batch, reply
from .access import authorise
from .errors import PhpTypeError, RestError
from .faults import COMMAND_KINDS, Fault
from .outcome import Outcome
from .request import HttpRequest, RestRequest, understand
from .runner import Runner, Stopwatch, find_method, replaced

if TYPE_CHECKING:
    from .journal import RequestEntry
    from .methods import Method
    from .reply import Reply
    from .users import Identity
    from .world import World

_BEFORE = frozenset({"drop_before", "status", "raw"})


@dataclass
class Gateway:
    """Answers requests. The lock is held while state is touched, never while waiting."""

    world: World

    def __post_init__(self) -> None:
        self._runner = Runner(self.world)

    async def answer(self, http: HttpRequest, redirect: str | None = None) -> Reply:
        """Answer one request.

        :param redirect: where the portal has moved to, if the request came to an old address
        """
        request = understand(http)
        entry = self._arrived(http, request)
        if redirect is not None:
            answer = reply.html(302, {"Location": redirect})
        elif not self._admitted(http):
            answer = self._rejected(request, RestError("QUERY_LIMIT_EXCEEDED", "Too many requests"), entry)
        else:
            with self.world.lock:
                self.world.interference.before_request(entry)
            answer = await self._with_faults(http, request, entry)
        entry.status = answer.status
        entry.refused = entry.error == "QUERY_LIMIT_EXCEEDED"
        with self.world.lock:
            self.world.interference.after_request(entry)
        return answer

    # ------------------------------------------------------------ the stations of a request

    def _arrived(self, http: HttpRequest, request: RestRequest) -> RequestEntry:
        commands = batch.plan(request.params).commands if request.method.lower() == "batch" else ()
        with self.world.lock:
            return self.world.journal.request(
                at=self.world.clock(),
                http_method=http.http_method,
                path=request.public_path,
                method=request.method,
                encoding=request.encoding,
                n_commands=len(commands),
                source=http.source,
            )

    def _admitted(self, http: HttpRequest) -> bool:
        with self.world.lock:
            return self.world.buckets.admit(http.source, self.world.clock())

    def _rejected(self, request: RestRequest, error: RestError, entry: RequestEntry) -> Reply:
        """Answer an error that came up before the method ran."""
        entry.error = error.code
        self._note_refusal(request, error.code, error.status)
        return reply.structured(error.status, error.body(), request.transport)

    def _note_refusal(self, request: RestRequest, code: str | None, status: int) -> None:
        with self.world.lock:
            self.world.journal.call(
                at=self.world.clock(),
                method=request.method,
                params=request.params,
                user_id=int(request.login) if request.login and request.login.isdecimal() else None,
                via="webhook" if request.login else "application" if request.access_token else None,
                in_batch=None,
                executed=False,
                result=None,
                error=code,
                status=status,
            )

    async def _with_faults(self, http: HttpRequest, request: RestRequest, entry: RequestEntry) -> Reply:
        faults = self.world.faults
        with self.world.lock:
            before, after = faults.delays(request.method, request.params)
            fault = faults.for_request(request.method, request.params)
        await _sleep(before)
        if fault is not None and fault.kind in _BEFORE and not fault.executed:
            answer = reply.unexecuted(fault)
            self._note_refusal(request, None, answer.status)
        else:
            if fault is not None and fault.kind == "expire_token":
                self._expire(request)
            answer = await self._execute(http, request, entry, fault)
            if fault is not None:
                answer = reply.instead(fault, answer)
        await _sleep(after)
        return answer

    def _expire(self, request: RestRequest) -> None:
        with self.world.lock:
            token = self.world.oauth.access.get(request.access_token or "")
            if token is not None:
                token.expires = min(token.expires, self.world.clock())

    async def _execute(
        self, http: HttpRequest, request: RestRequest, entry: RequestEntry, fault: Fault | None
    ) -> Reply:
        if request.version == 3:
            return self._version_3(request)
        started = self.world.clock()
        await _sleep(self.world.request_delay)
        try:
            with self.world.lock:
                method, identity = self._check(http, request)
                if request.signature is not None or identity is None:
                    return self._download(http, request, identity)
            outcome = await self._outcome(identity, method, request, started, fault)
        except RestError as error:
            return self._rejected(request, error, entry)
        except PhpTypeError:
            return reply.html(500)
        status = 200
        if outcome.error is not None:
            entry.error, status = outcome.error.code, outcome.error.status
        return reply.structured(status, outcome.envelope(), request.transport)

    def _check(self, http: HttpRequest, request: RestRequest) -> tuple[Method, Identity | None]:
        """Portal closed, method exists, credentials: in this order."""
        if self.world.switches.deleted:
            raise RestError("PORTAL_DELETED", "Portal was deleted")
        method = find_method(request.method)
        if request.signature is not None and request.login is None and request.access_token is None:
            return method, None
        return method, authorise(self.world, request, method, secure=http.secure)

    def _version_3(self, request: RestRequest) -> Reply:
        """No method of the portal belongs to REST 3.0."""
        code = "BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION"
        self._note_refusal(request, code, 404)
        message = f"Method '{request.method}' not found"
        return reply.structured(404, {"error": {"code": code, "message": message}})

    # ------------------------------------------------------------ execution

    async def _outcome(
        self,
        identity: Identity,
        method: Method,
        request: RestRequest,
        started: float,
        fault: Fault | None,
    ) -> Outcome:
        fault = fault if fault is not None and fault.kind in COMMAND_KINDS else None
        if method.name == "batch":
            return await self._batch(identity, request, started, fault)
        with self.world.lock:
            return self._runner.direct(identity, method, request.params, request.start, started, fault)

    async def _batch(
        self, identity: Identity, request: RestRequest, started: float, fault: Fault | None
    ) -> Outcome:
        watch = Stopwatch(self.world, identity.credential, "batch", started)
        outcome = None
        if fault is None or fault.executed:
            maps = await self._commands(identity, batch.plan(request.params))
            outcome = Outcome(maps.body(), time=watch.block())
        with self.world.lock:
            answered = replaced(fault, watch) if fault is not None else outcome
            assert answered is not None  # noqa: S101 - one of the two exists
            written = outcome or answered
            self.world.journal.call(
                at=self.world.clock(),
                method="batch",
                params=request.params,
                user_id=identity.user.user_id,
                via=identity.via,
                in_batch=None,
                executed=outcome is not None,
                result=written.result,
                error=written.error.code if written.error else None,
                status=written.error.status if written.error else 200,
            )
        return answered

    async def _commands(self, identity: Identity, plan: batch.Plan) -> batch.BatchResult:
        """Run the commands one after the other; other requests may come in between, as in real life."""
        maps = batch.BatchResult()
        loop = asyncio.get_running_loop()
        due = loop.time()
        for key, command in plan.commands:
            if command is None:
                continue
            due += self.world.command_delay  # overslept time is made up for
            await _sleep(due - loop.time())
            with self.world.lock:
                path, query = batch.split_command(command)
                outcome = self._runner.command(identity, key, path, batch.substitute(query, maps))
            maps.store(key, outcome)
            if outcome.error is not None and plan.halt:
                return maps
        for key, command in plan.surplus[:1] if plan.halt else plan.surplus:
            with self.world.lock:
                path, query = batch.split_command(command or "")
                maps.store(key, self._runner.surplus(identity, key, path, query))
        return maps

    # ------------------------------------------------------------ downloads

    def _download(self, http: HttpRequest, request: RestRequest, identity: Identity | None) -> Reply:
        """Follow a signed link; the web server in front does not like clients without a name."""
        if not http.headers.get("user-agent"):
            return reply.html(404)
        stored = self.world.files.resolve(request.signature or "")
        if stored is None or request.method.lower() != "download":
            raise RestError("INVALID_CREDENTIALS", "Invalid request credentials")
        params: dict[str, Any] = {"id": stored.file_id}
        self.world.journal.call(
            at=self.world.clock(),
            method="download",
            params=params,
            user_id=identity.user.user_id if identity else None,
            via=identity.via if identity else None,
            in_batch=None,
            executed=True,
            result=stored.name,
            error=None,
            status=200,
        )
        return reply.file_download(stored.name, stored.content_type, stored.content)


async def _sleep(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)
