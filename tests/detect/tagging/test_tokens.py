"""Tokens of any script, and tags that stand for spans; what tags cannot hold is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.detect.tagging.tokens import Token, spans_of_tags, tags_of, tokens_of
from tasks.kinds.spans.scoring import ClassedSpan

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=50)


@given(TEXTS)
def test_every_character_that_is_no_blank_is_in_one_token(text: str) -> None:
    tokens = tokens_of(text)
    assert all(text[one.start : one.end] == one.text for one in tokens)
    covered = [place for one in tokens for place in range(one.start, one.end)]
    assert covered == sorted(set(covered))
    assert all(text[place].isspace() for place in set(range(len(text))) - set(covered))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \n\t", []),
        ("Don't go, 42nd!", ["Don", "'", "t", "go", ",", "42nd", "!"]),
        ("über naïve", ["über", "naïve"]),
        ("e\u0301te\u0301 हिन्दी", ["e\u0301te\u0301", "हिन्दी"]),
        ("עברית عربي", ["עברית", "عربي"]),
        ("iPhone手机 好", ["iPhone", "手", "机", "好"]),
        ("a🦜b", ["a", "🦜", "b"]),
        ("<b>x</b>", ["<", "b", ">", "x", "<", "/", "b", ">"]),
    ],
)
def test_words_signs_and_letters_of_scripts_without_blanks(text: str, tokens: list[str]) -> None:
    assert [token.text for token in tokens_of(text)] == tokens


TEXT = "Ada of the University of London"
PER, ORG, LOC = ClassedSpan(0, 3, "PER"), ClassedSpan(11, 31, "ORG"), ClassedSpan(25, 31, "LOC")


def test_tags_stand_for_spans_and_of_nested_ones_the_longest_stays() -> None:
    tokens = tokens_of(TEXT)
    tags, lost = tags_of(tokens, [LOC, PER, ORG])
    assert tags == ["B-PER", "O", "O", "B-ORG", "I-ORG", "I-ORG"] and lost == [LOC]
    assert [span for span, _, _ in spans_of_tags(tokens, tags)] == [PER, ORG]


def test_a_span_that_ends_inside_of_a_word_takes_all_of_it_and_one_in_a_blank_is_none() -> None:
    tokens = tokens_of(TEXT)
    assert tags_of(tokens, [ClassedSpan(12, 14, "ORG")])[0][3] == "B-ORG"
    blank = ClassedSpan(3, 4, "PER")
    assert tags_of(tokens, [blank]) == (["O"] * 6, [blank])


@given(TEXTS, st.data())
def test_spans_of_whole_words_that_do_not_overlap_come_back(text: str, data: st.DataObject) -> None:
    tokens = tokens_of(text)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(tokens)), max_size=8)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    names = st.sampled_from(["PER", "per", "LOC-x"])
    spans = [ClassedSpan(tokens[a].start, tokens[b - 1].end, data.draw(names)) for a, b in pairs]
    tags, lost = tags_of(tokens, spans)
    assert not lost and [span for span, _, _ in spans_of_tags(tokens, tags)] == spans


def test_a_further_token_that_nothing_begins_begins_a_span() -> None:
    tokens = [Token("a", 0, 1), Token("b", 2, 3), Token("c", 4, 5)]
    found = [span for span, _, _ in spans_of_tags(tokens, ["I-PER", "I-PER", "I-LOC"])]
    assert found == [ClassedSpan(0, 3, "PER"), ClassedSpan(4, 5, "LOC")]
