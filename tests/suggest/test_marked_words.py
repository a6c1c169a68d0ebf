"""Spans by memory: what is marked often and hardly ever left out is suggested; no answer leaves a trace."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.suggest.marked_words import MarkedSpan, MarkedWords
from tests.examples import examples


def marks_of(text: str, *marked: tuple[str, str]) -> list[MarkedSpan]:
    return [MarkedSpan(text.index(words), text.index(words) + len(words), name) for words, name in marked]


def learnt(*texts: tuple[str, list[tuple[str, str]]]) -> MarkedWords:
    memory = MarkedWords()
    for number, (text, marked) in enumerate(texts):
        memory.learn(str(number), text, marks_of(text, *marked))
    return memory


def told(memory: MarkedWords, text: str) -> list[tuple[str, str]]:
    return [(text[one.start : one.end], one.class_name) for one in memory.suggest(text)]


OFTEN = [(f"In {year} New York was larger.", [("New York", "place")]) for year in range(2001, 2005)]


def test_nothing_is_suggested_before_it_was_marked_in_several_texts() -> None:
    for number in range(len(OFTEN)):
        assert told(learnt(*OFTEN[:number]), "I love New York!") == []
    assert told(learnt(*OFTEN), "I love New York! (New York?)") == [("New York", "place")] * 2
    assert told(learnt(*OFTEN), "New yorkers love York") == []


def test_what_is_mostly_left_unmarked_is_not_suggested() -> None:
    left = [("New York is new.", []), ("New York, New York", [])]
    assert told(learnt(*OFTEN, *left), "New York") == []
    assert told(learnt(*OFTEN * 4, left[0]), "New York") == [("New York", "place")]


def test_the_longer_phrase_wins_and_classes_are_told_apart() -> None:
    longer = [(f"The New York Times of {day}", [("New York Times", "paper")]) for day in range(6)]
    both = learnt(*OFTEN * 3, *longer)
    assert told(both, "New York Times") == [("New York Times", "paper")]
    torn = [(text, [("New York", "paper")]) for text, _ in OFTEN]
    assert told(learnt(*OFTEN, *torn), "New York") == []


def test_what_is_marked_within_a_word_and_empty_texts_teach_nothing() -> None:
    within = [("Yorkshire", [("York", "place")])] * 9
    assert told(learnt(*within, ("", [])), "York Yorkshire") == []
    assert learnt().suggest("") == []


def test_emoji_any_script_and_long_texts_keep_their_places() -> None:
    texts = [(f"{number} 👍🏽 שלום עולם", [("שלום עולם", "greeting")]) for number in range(5)]
    (found,) = learnt(*texts).suggest("👍🏽👍🏽 שלום עולם")
    assert "👍🏽👍🏽 שלום עולם"[found.start : found.end] == "שלום עולם"
    assert learnt(*texts).suggest("x " * 500_000 + "שלום עולם") == []


WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=6).map(" ".join)
ANSWERS = st.lists(st.tuples(st.integers(0, 4), WORDS, st.booleans()), max_size=30)


@given(ANSWERS, WORDS)
@settings(max_examples=examples(60))
def test_only_the_last_answer_to_each_text_counts_and_a_deleted_one_leaves_no_trace(
    answers: list[tuple[int, str, bool]], text: str
) -> None:
    memory, last = MarkedWords(), dict[int, str]()
    for item, words, is_deleted in answers:
        if is_deleted:
            memory.unlearn(str(item))
            last.pop(item, None)
        else:
            memory.learn(str(item), words, [MarkedSpan(0, len(words), "x")] if words else [])
            last[item] = words
    again = MarkedWords()
    for item, words in sorted(last.items()):
        again.learn(str(item), words, [MarkedSpan(0, len(words), "x")] if words else [])
    assert memory.suggest(text) == again.suggest(text)
    assert len(memory) == len(last)
