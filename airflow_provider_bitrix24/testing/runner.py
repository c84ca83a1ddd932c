"""Running one method: operating time, faults of single commands, the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import dates, request
from .access import check_context, check_scope
from .batch import FORBIDDEN, not_allowed, too_many
from .errors import ACCESS_DENIED, PhpTypeError, RestError, classic_error
from .methods import REGISTRY, Method
from .outcome import Outcome
from .world import Call, Listed, World

if TYPE_CHECKING:
    from .faults import Fault
    from .users import Identity

Object = dict[str, Any]


def find_method(name: str) -> Method:
    """Return a method by its name in any case."""
    found = REGISTRY.get(name.lower())
    if found is None:
        raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!")
    return found


@dataclass
class Stopwatch:
    """Times of one call, for the ``time`` block and for the operating limit."""

    world: World
    credential: str
    method: str
    started: float
    working: float = 0.0

    def book(self) -> None:
        """Book what the call cost: the configured cost of its method, or the configured delay."""
        cost = self.world.method_cost.get(self.method, self.working)
        self.world.operating.book(self.credential, self.method, cost, self.world.clock())

    def block(self) -> Object:
        """Return the ``time`` block: the start in whole seconds, as newer portals write it."""
        world, finish = self.world, self.world.now()
        start = int(self.started + world.skew)
        block: Object = {
            "start": start,
            "finish": round(finish, 6),
            "duration": round(finish - start, 6),
            "processing": int(finish) - start,
            "date_start": dates.stamp(start, world.zone),
            "date_finish": dates.stamp(finish, world.zone),
        }
        if world.operating.limit is not None:
            clock = world.clock()
            reset_at = world.operating.reset_at(self.credential, self.method, clock)
            block["operating_reset_at"] = reset_at + int(world.skew)
            block["operating"] = round(world.operating.used(self.credential, self.method, clock), 6)
        return block


def replaced(fault: Fault, watch: Stopwatch) -> Outcome:
    """Return what a fault answers instead of what the method did."""
    if fault.kind == "error":
        return Outcome(error=RestError(fault.code, fault.description, fault.status))
    return Outcome(False if fault.kind == "false" else fault.result, time=watch.block())


@dataclass
class Runner:
    """Runs methods. Every public method expects the world's lock to be held."""

    world: World

    def direct(
        self,
        identity: Identity,
        method: Method,
        params: Object,
        start: int | None,
        started: float,
        fault: Fault | None = None,
    ) -> Outcome:
        """Run a call of its own whose credentials are checked already."""
        watch = Stopwatch(
            self.world, identity.credential, method.name.lower(), started, self.world.request_delay
        )
        return self._run(Call(self.world, identity, method.name, params, start), method, watch, None, fault)

    def command(self, identity: Identity, key: str, name: str, params: Object) -> Outcome:
        """Run a command of a batch, with everything that is checked per command."""
        call = Call(self.world, identity, name, params, request.take_start(params))
        try:
            if name.lower() in FORBIDDEN:
                raise not_allowed()
            method = find_method(name)
            check_scope(identity, method, description="")
            check_context(identity, method)
        except RestError as error:
            return self._refused(call, key, error)
        watch = Stopwatch(
            self.world,
            identity.nested_credential(),
            method.name.lower(),
            self.world.clock(),
            self.world.command_delay,
        )
        call.method = method.name
        fault = self.world.faults.for_command(method.name, params)
        return self._run(call, method, watch, key, fault)

    def _run(
        self, call: Call, method: Method, watch: Stopwatch, key: str | None, fault: Fault | None
    ) -> Outcome:
        if self.world.operating.blocked(watch.credential, watch.method, self.world.clock()):
            error = RestError("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.")
            return self._refused(call, key, error)
        if fault is not None and not fault.executed:
            outcome = replaced(fault, watch)
            self._write(call, key, executed=False, result=outcome.result, error=outcome.error)
            return outcome
        try:
            if method.is_classic_crm and not call.user.reads_anything:
                raise classic_error(ACCESS_DENIED)
            result = method.handler(call)
        except RestError as error:
            watch.book()
            self._write(call, key, executed=True, error=error)
            return Outcome(error=error)
        except PhpTypeError:
            self._write(call, key, executed=True, error=RestError("PHP_TYPE_ERROR", status=500))
            raise
        watch.book()
        listed = result if isinstance(result, Listed) else Listed(result)
        self._write(call, key, executed=True, result=listed.rows)
        if fault is not None:
            return replaced(fault, watch)
        return Outcome(listed.rows, listed.total, listed.next, time=watch.block())

    def surplus(self, identity: Identity, key: str, name: str, params: Object) -> Outcome:
        """Refuse a command that has no place in its batch."""
        return self._refused(Call(self.world, identity, name, params), key, too_many())

    def _refused(self, call: Call, key: str | None, error: RestError) -> Outcome:
        self._write(call, key, executed=False, error=error)
        return Outcome(error=error)

    def _write(
        self,
        call: Call,
        key: str | None,
        *,
        executed: bool,
        result: Any = None,
        error: RestError | None = None,
    ) -> None:
        entry = self.world.journal.call(
            at=self.world.clock(),
            method=call.method,
            params=call.params,
            user_id=call.user.user_id,
            via=call.identity.via,
            in_batch=key,
            executed=executed,
            result=result,
            error=error.code if error else None,
            status=error.status if error else 200,
            started=tuple(call.started),
        )
        if executed:
            self.world.interference.called(entry)
