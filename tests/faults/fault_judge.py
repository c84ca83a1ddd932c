"""The judge: compares what the portal was asked and holds with what was wanted, and names what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from fault_scene import Operation, Scene

from airflow_provider_bitrix24.hooks.errors import AmbiguousWriteError, Bitrix24Error
from airflow_provider_bitrix24.rest.errors import Acted
from airflow_provider_bitrix24.testing import php
from airflow_provider_bitrix24.testing.journal import JournalEntry

_ADD, _BIND = "crm.timeline.comment.add", "crm.timeline.bindings.bind"


def observe(operation: Operation, scene: Scene) -> tuple[Any, Bitrix24Error | None]:
    """Run an operation; anything but an error of the package's own is a test's failure."""
    try:
        return operation.run(scene), None
    except Bitrix24Error as error:
        return None, error


def verdict(operation: Operation, scene: Scene, result: Any, error: Bitrix24Error | None) -> str:
    """Return what the table says of a cell, after everything that always holds was found to hold."""
    _check_writes(operation, scene, error)
    if error is None:
        assert operation.expected(scene, result), f"a wrong result was returned as if right: {result!r}"
        return operation.word_of(result) if operation.word_of else "done"
    assert str(error).strip(), "an error says nothing"
    if isinstance(error, AmbiguousWriteError):
        return "**ambiguous**"
    return f"`{type(error).__name__}`"


def _check_writes(operation: Operation, scene: Scene, error: Bitrix24Error | None) -> None:
    checks: dict[str, Callable[[Scene, Bitrix24Error | None], None]] = {
        "bind": _check_bindings,
        "bind_one": _check_binding,
        "add": _check_comment,
        "comment": _check_one_comment,
        "comments": _check_comments,
        "calls": _check_calls,
    }
    check = operation.check or checks.get(operation.kind, _check_nothing_written)
    check(scene, error)


def _check_bindings(scene: Scene, error: Bitrix24Error | None) -> None:
    _compare(scene, error, set(scene.deals))


def _check_binding(scene: Scene, error: Bitrix24Error | None) -> None:
    _compare(scene, error, set(scene.deals[:2]))


def _compare(scene: Scene, error: Bitrix24Error | None, wanted: set[int]) -> None:
    bound = [item for _, item in scene.portal.bindings(scene.record)]
    assert len(bound) == len(set(bound)), f"bound twice: {bound}"
    assert set(bound) <= wanted, f"bound to what nobody asked for: {bound}"
    if error is None:
        assert set(bound) == wanted, f"lost: {wanted - set(bound)}"
        return
    assert not isinstance(error, AmbiguousWriteError), "binding again does no harm, so it is never ambiguous"
    for outcome in error.outcomes:
        if outcome["STATUS"] != "failed":
            assert int(outcome["ENTITY_ID"]) in bound, f"said to be bound, and is not: {outcome}"


def _check_comment(scene: Scene, error: Bitrix24Error | None) -> None:
    stored = _stored_once(scene, [scene.text])
    _check_sent_once(scene, [scene.text])
    if error is None:
        assert stored, "the comment was lost without a word"
    elif error.acted is Acted.NO:
        assert not stored, f"{type(error).__name__} says that nothing was done, and the comment is there"
    else:
        assert isinstance(error, AmbiguousWriteError), f"unclear, and not said so: {error!r}"


def _check_one_comment(scene: Scene, error: Bitrix24Error | None) -> None:
    """Check a comment that is looked up where its answer was lost, and may be sent again then."""
    stored = _stored_once(scene, [scene.text])
    if error is None:
        assert stored, "the comment was lost without a word"
    elif not isinstance(error, AmbiguousWriteError):
        assert not stored, f"{type(error).__name__} says that nothing was done, and the comment is there"


def _check_comments(scene: Scene, error: Bitrix24Error | None) -> None:
    stored = _stored_once(scene, scene.texts)
    if error is None:
        assert set(stored) == set(scene.texts), "comments were lost without a word"
        return
    assert len(error.outcomes) == len(scene.texts), "not every comment has an outcome"
    for text, outcome in zip(scene.texts, error.outcomes, strict=True):
        if outcome["STATUS"] == "added":
            assert stored.get(text) == outcome["ID"], f"said to be added, and is not: {text}"
        elif outcome["ERROR"] != "AmbiguousWriteError":
            assert text not in stored, f"said not to be added, and is there: {outcome}"


def _check_calls(scene: Scene, error: Bitrix24Error | None) -> None:
    texts = scene.texts[: len(scene.pairs)]
    stored = _stored_once(scene, texts)
    _check_sent_once(scene, texts)
    bound = [item for _, item in scene.portal.bindings(scene.record)]
    if error is None:
        assert set(stored) == set(texts), "comments were lost without a word"
        assert sorted(bound) == sorted(scene.deals), "bindings were lost without a word"
        return
    outcomes = list(error.outcomes)
    adds = [outcome for outcome in outcomes if outcome["METHOD"] == _ADD]
    assert len(adds) == len(texts), "not every call has an outcome"
    for text, outcome in zip(texts, adds, strict=True):
        if outcome["STATUS"] == "done":
            assert stored.get(text) == outcome["RESULT"], f"said to be added, and is not: {text}"
        elif outcome["ERROR"] != "AmbiguousWriteError":
            assert text not in stored, f"said not to be added, and is there: {outcome}"
    binds = [outcome for outcome in outcomes if outcome["METHOD"] == _BIND]
    for (_, _, item), outcome in zip(scene.pairs, binds, strict=True):
        assert outcome["STATUS"] == "failed" or item in bound, f"said to be bound, and is not: {item}"
    if any(outcome["STATUS"] == "failed" for outcome in outcomes if outcome["METHOD"] != _ADD):
        assert not isinstance(error, AmbiguousWriteError), "what may be repeated is never ambiguous"


def _stored_once(scene: Scene, texts: list[str]) -> dict[str, int]:
    """Return the records of those texts that the portal holds; none twice, also not if it was deleted."""
    executed = Counter(
        str(entry.params.get("fields", {}).get("COMMENT"))
        for entry in scene.portal.calls(_ADD)
        if entry.error is None
    )
    found = [record for record in scene.portal.comments() if record.text in set(texts)]
    stored = {record.text: record.record_id for record in found}
    assert len(stored) == len(found), "a comment was added twice"
    assert executed == Counter(list(stored)), "the portal's journal and its contents disagree"
    return stored


def _check_sent_once(scene: Scene, texts: list[str]) -> None:
    """See that what must not be repeated went out once, but for what the portal refused in so many words."""
    sent = Counter(
        text
        for entry in scene.portal.journal
        if entry.in_batch is None and entry.error is None
        for text in _texts_in(entry)
    )
    for text in texts:
        assert sent[text] <= 1, f"a one-shot write was sent again though it was unclear: {text}"


def _texts_in(entry: JournalEntry) -> list[str]:
    """Return the texts of the comments that a request asks to add."""
    calls = [(entry.method, entry.params)]
    if entry.method == "batch":
        commands = [command.partition("?") for command in dict(php.pairs(entry.params["cmd"])).values()]
        calls = [(method, php.parse_query(query)) for method, _, query in commands]
    return [str(params["fields"]["COMMENT"]) for method, params in calls if method == _ADD]


def _check_nothing_written(scene: Scene, error: Bitrix24Error | None) -> None:
    assert [item for _, item in scene.portal.bindings(scene.record)] == scene.deals[:1]
