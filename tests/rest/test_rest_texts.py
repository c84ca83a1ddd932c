"""Characters that Airflow's database cannot keep: they are not sent, and no answer holds them."""

from __future__ import annotations

import json

from cases import cases
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_bitrix24.rest.texts import all_storable, may_be_unstorable, problem_of, storable

texts = st.text(st.characters(categories=None) | st.sampled_from("\x00\ud83d\ude00\\u"))
documents = st.recursive(
    texts | st.none() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)


def is_kept(text: str) -> bool:
    """Tell whether PostgreSQL keeps a text as JSON."""
    try:
        return "\x00" not in text and bool(text.encode() or True)
    except UnicodeEncodeError:
        return False


def texts_in(document):
    """Return all the texts of a document."""
    if isinstance(document, dict):
        return [text for pair in document.items() for part in pair for text in texts_in(part)]
    if isinstance(document, list):
        return [text for part in document for text in texts_in(part)]
    return [document] if isinstance(document, str) else []


@given(texts)
def test_a_text_that_cannot_be_kept_has_a_problem(text):
    assert bool(problem_of(text)) is not is_kept(text)


@given(st.lists(texts))
@example(["\ud83d", "\ude00"])
def test_many_texts_can_be_kept_if_each_can(several):
    assert all_storable(several) is not any(map(problem_of, several))


@given(documents)
@example(["\\u0000", "\ud83d\ude00 whole", "\ud83d"])
def test_all_of_a_document_can_be_kept(document):
    text = json.dumps(document)
    read = json.loads(text)
    found = storable(read) if may_be_unstorable(text) else read
    assert all(map(is_kept, texts_in(found)))
    if all(map(is_kept, texts_in(read))):
        assert found == read


@cases("text", ["plain", "\u4e2d", "\U0001f600", "\U0001f600\U0001f601 \u00e4"])
def test_ordinary_characters_need_no_walk(text):
    assert not may_be_unstorable(json.dumps({text: [text]}))


@given(st.lists(st.sampled_from(["\\u0000", "\\ud83d", "\\uDE00", "\\uD83D", "\\ude00", "\\u0421", "x"])))
def test_a_document_with_halves_in_any_spelling_needs_a_walk(parts):
    document = f'"{"".join(parts)}"'
    assert may_be_unstorable(document) is not is_kept(json.loads(document))
