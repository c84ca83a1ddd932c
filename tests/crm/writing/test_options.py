"""Options of list fields."""

from __future__ import annotations

from field_writers import parse, refused, writer

OPTIONS = [
    {"ID": "17", "VALUE": "Red"},
    {"ID": "18", "VALUE": "Twice"},
    {"ID": "19", "VALUE": "Twice"},
    {"ID": "20", "VALUE": "17"},
    {"ID": "21", "VALUE": "2024"},
]


def test_an_option_is_named_by_its_id_or_by_a_label_of_its_own():
    colour = writer("enumeration", items=OPTIONS)
    assert [parse(colour, value) for value in (17, 17.0, "18", "19.0", "Red", " Red ", "2024", "20")] == [
        17, 17, 18, 19, 17, 17, 21, 20,
    ]  # fmt: skip
    assert [parse(colour, value) for value in (0, "0", None, "")] == [None] * 4
    assert parse(writer("enumeration", items=OPTIONS, isMultiple=True), '["Red", 18]') == [17, 18]


def test_a_text_that_may_mean_two_options_is_refused():
    colour = writer("enumeration", items=OPTIONS)
    for value in ("17", "Twice"):
        assert "more than one option" in refused(colour, value + " ")


def test_an_unknown_option_is_refused_with_the_fields_own_options():
    options = [{"ID": str(number), "VALUE": f"Label {number}"} for number in range(1, 13)]
    colour = writer("enumeration", items=options)
    for value in (99, "99", "Violet", "red", True, 7.5, -1):
        message = refused(colour, value)
        assert "1 (Label 1), " in message
        assert message.endswith("10 (Label 10) and 2 more.")
    assert parse(writer("enumeration"), "99") == 99, "nothing is known of its options"
