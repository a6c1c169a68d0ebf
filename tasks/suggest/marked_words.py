"""Spans by memory: what people have marked in texts so far, word for word, is found in further texts.

No network and no training: a phrase that people marked in several texts, and hardly ever left unmarked where it stands,
is suggested where it stands again. It is counted, so an answer that is changed or deleted leaves no trace, and the
order of answers says nothing. Phrases begin and end where words do; what people mark within a word is not learnt.
"""

import json
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MOST_WORDS = 8
"""Of a phrase: longer ones do not come back."""

MOST_CHARACTERS = 50_000
"""Of a text that is learnt from, or looked at: further on nothing is suggested."""

LEAST_TEXTS = 3
"""In so many texts a phrase must have been marked before it is suggested."""

LEAST_SHARE = 0.8
"""And so often, of the times that it stands in texts that people went through."""

_WORD = re.compile(r"\w+|[^\w\s]")

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MarkedSpan:
    """A marked span of a text.

    Attributes:
        start: The first code point.
        end: The first one behind.
        class_name: Its class.
        chance: 0 to 1, of one that is suggested.
    """

    start: int
    end: int
    class_name: str
    chance: float = 1.0


@dataclass(slots=True)
class _ReadText:
    """What was counted in one text."""

    words: Phrase
    marked: Mapping[Phrase, Counter[str]]
    stands: dict[Phrase, int]


@dataclass(slots=True)
class _Tally:
    """What is known of a phrase that somebody marked.

    Attributes:
        marked: How often, by class.
        texts: In how many texts, by class.
        stands: How often it stands in any text that people went through, marked or not.
    """

    marked: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    stands: int = 0

    @property
    def trusted(self) -> tuple[str, float] | None:
        """The class and how often it is marked so, where that is often enough."""
        shares = [(self.marked[one] / (self.stands + 1), one) for one in self.texts if self.texts[one] >= LEAST_TEXTS]
        share, name = max(shares, default=(0.0, ""))
        return (name, share) if share >= LEAST_SHARE else None


def write_marked(text: str, marks: Iterable[MarkedSpan]) -> str | None:
    """Return a text with its marks as one text, the same for the same marks in whatever order; None: it is too long."""
    if len(text) > MOST_CHARACTERS:
        return None
    return json.dumps([text, sorted([one.start, one.end, one.class_name] for one in marks)], ensure_ascii=False)


def read_marked(written: str) -> tuple[str, list[MarkedSpan]]:
    """Return a text and its marks, as `write_marked` wrote them."""
    text, marks = json.loads(written)
    return text, [MarkedSpan(start, end, name) for start, end, name in marks]


class MarkedWords:
    """What was marked, and how often each of these phrases stands in the texts that people went through."""

    def __init__(self) -> None:
        self._texts: dict[str, _ReadText] = {}
        self._with_word: defaultdict[str, set[str]] = defaultdict(set)
        self._phrases: defaultdict[str, dict[Phrase, _Tally]] = defaultdict(dict)
        """By their first word."""

    def __len__(self) -> int:
        return len(self._texts)

    def learn(self, item_id: str, text: str, marks: Iterable[MarkedSpan]) -> None:
        """Learn what is marked in a text; one that was learnt before has these marks from now on."""
        self.unlearn(item_id)
        words, places = _words_of(text)
        marked: defaultdict[Phrase, Counter[str]] = defaultdict(Counter)
        for one in marks:
            phrase = _phrase_at(one, words, places)
            if phrase:
                marked[phrase][one.class_name] += 1
        read = self._texts[item_id] = _ReadText(words, marked, {})
        for word in set(words):
            self._with_word[word].add(item_id)
            for phrase, tally in self._phrases.get(word, {}).items():
                _count(read, phrase, tally)
        for phrase, classes in marked.items():
            if phrase not in self._phrases[phrase[0]]:
                tally = self._phrases[phrase[0]][phrase] = _Tally()
                for other in self._with_word[phrase[0]]:
                    _count(self._texts[other], phrase, tally)
            self._phrases[phrase[0]][phrase].marked.update(classes)
            self._phrases[phrase[0]][phrase].texts.update(classes.keys())

    def unlearn(self, item_id: str) -> None:
        """Forget a text, as if nobody had ever gone through it; one that is not known is none."""
        read = self._texts.pop(item_id, None)
        if read is None:
            return
        for word in set(read.words):
            self._with_word[word].discard(item_id)
        for phrase, number in read.stands.items():
            self._phrases[phrase[0]][phrase].stands -= number
        for phrase, classes in read.marked.items():
            tally = self._phrases[phrase[0]][phrase]
            tally.marked -= classes
            tally.texts -= Counter(classes.keys())
            if not tally.texts:
                del self._phrases[phrase[0]][phrase]
                for other in self._with_word[phrase[0]]:
                    self._texts[other].stands.pop(phrase, None)

    def suggest(self, text: str) -> list[MarkedSpan]:
        """Return what people would mark in a text, as far as memory tells: apart from each other, in their order."""
        words, places = _words_of(text)
        found, at = [], 0
        while at < len(words):
            here = [
                (len(phrase), trusted)
                for phrase, tally in self._phrases.get(words[at], {}).items()
                if words[at : at + len(phrase)] == phrase and (trusted := tally.trusted)
            ]
            length, (name, share) = max(here, default=(1, ("", 0.0)))
            if name:
                found.append(MarkedSpan(places[at][0], places[at + length - 1][1], name, share))
            at += length
        return found


def _count(read: _ReadText, phrase: Phrase, tally: _Tally) -> None:
    number, at = 0, 0
    for _ in range(read.words.count(phrase[0])):
        at = read.words.index(phrase[0], at)
        number += read.words[at : at + len(phrase)] == phrase
        at += 1
    if number:
        read.stands[phrase] = number
        tally.stands += number


def _words_of(text: str) -> tuple[Phrase, list[tuple[int, int]]]:
    found = list(_WORD.finditer(text, 0, MOST_CHARACTERS))
    return tuple(one.group() for one in found), [one.span() for one in found]


def _phrase_at(mark: MarkedSpan, words: Phrase, places: Sequence[tuple[int, int]]) -> Phrase | None:
    """Return the words of a mark; None: it begins or ends within one, is too long, or far behind."""
    first = bisect_left(places, (mark.start, 0))
    last = first
    while last < len(places) and places[last][1] < mark.end:
        last += 1
    is_whole = last < len(places) and places[first][0] == mark.start and places[last][1] == mark.end
    return words[first : last + 1] if is_whole and last - first < MOST_WORDS else None
