"""How many statements a text holds."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.transfers.sql.statements import count_statements

#: pieces of one statement, which hold what could be taken for the end of it
PIECES = [
    *("SELECT", "1", "x", "\n", "a::int", "%(name)s", "$1", ":b", "a -> 'b'", "5 - 3", "5 / 2 * 3"),
    *("';'", "'it''s; so'", '"a;b"', '"a"";b"', "`a;b`", "$$a;b$$", "$tag$a;$$;b$tag$", "''"),
    *("-- a; b\n", "/* a; 'b */", "--\n"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from(["", ";", " ;\n", "; -- end;", ";;"]))
def test_a_statement_is_one_whatever_its_texts_and_comments_hold(pieces, end):
    text = " ".join(["SELECT", *pieces])
    assert count_statements(text + end) == 1
    assert count_statements(f"{text};{text}{end}") == 2


def test_texts_that_dialects_read_in_different_ways_are_no_second_statement():
    for text in (r"SELECT 'a\'; b' AS x", r"SELECT 'a\' AS x, '; b' AS y", "SELECT 'never ended; "):
        assert count_statements(text) == 1
    assert count_statements(r"SELECT 'a\\' AS x; SELECT 2") == 2


def test_what_holds_nothing_is_no_statement():
    for text in ("", " \n", ";", "-- nothing", "/* nothing; */ ;"):
        assert count_statements(text) == 0


def test_a_query_of_any_length_is_counted_quickly():
    began = time.process_time()
    assert (
        count_statements(f"SELECT 1 WHERE id IN ({', '.join(map(str, range(50_000)))}) OR '{'a' * 50_000}'")
        == 1
    )
    assert time.process_time() - began < 1
