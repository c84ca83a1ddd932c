"""Many cases of one rule as one test: what pytest does for a test takes longer than most cases."""

from __future__ import annotations

import functools
import inspect
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._io.saferepr import saferepr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Test = Callable[..., None]
    #: its arguments, and what its author calls it
    Case = tuple[dict[str, Any], str]

#: characters of an argument in the name of a case
_LONGEST = 60
#: cases that a failure's message names; the others are named where their errors are
_NAMED = 10


def cases(
    names: str | Sequence[str], values: Iterable[Any], *, ids: Iterable[str] = ()
) -> Callable[[Test], Test]:
    """Try all cases in one test, in place of ``pytest.mark.parametrize``, and name each that fails.

    Several of these decorators make all combinations. The cases share the test's fixtures, so this is for
    tests that leave them as they are, and whose cases are quick.
    """
    arguments = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    added = [_case(arguments, value) for value in values]
    if called := list(ids):
        added = [(case, name) for (case, _), name in zip(added, called, strict=True)]

    def decorate(test: Test) -> Test:
        inner, known = getattr(test, "inner_test", test), getattr(test, "cases", [({}, "")])
        pairs = itertools.product(added, known)
        return _one_test(inner, [(new | old, f"{name} {of}".strip()) for (new, name), (old, of) in pairs])

    return decorate


def _case(arguments: list[str], value: Any) -> Case:
    parameters = value if isinstance(value, type(pytest.param())) else pytest.param(value)
    if parameters.marks:
        raise ValueError("a case has no marks; pytest.mark.parametrize makes tests that may have some")
    parts = value if parameters is not value and len(arguments) > 1 else parameters.values
    return dict(zip(arguments, parts, strict=True)), parameters.id or ""


def _name(case: Case) -> str:
    arguments, name = case
    told = ", ".join(f"{key}={saferepr(part, _LONGEST)}" for key, part in arguments.items())
    return f"{name} ({told})" if name else told


def _one_test(inner: Test, tried: list[Case]) -> Test:
    @functools.wraps(inner)
    def test(**fixtures: Any) -> None:
        names, errors = [], []
        for case in tried:
            try:
                inner(**fixtures, **case[0])
            except (Exception, pytest.fail.Exception) as error:
                names.append(_name(case))
                error.add_note(f"Case: {names[-1]}")
                errors.append(error)
        if errors:
            told = "; ".join(names[:_NAMED]) + ("; ..." if len(names) > _NAMED else "")
            raise BaseExceptionGroup(f"{len(names)} of {len(tried)} cases failed: {told}", errors)

    signature = inspect.signature(inner)
    fixtures = [part for name, part in signature.parameters.items() if name not in tried[0][0]]
    test.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
    test.inner_test, test.cases = inner, tried  # type: ignore[attr-defined]
    return test
