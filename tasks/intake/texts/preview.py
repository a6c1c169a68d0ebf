"""A quick look at texts before any of them is taken in: what is wrong is said where the person sits."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from blocks.errors import BadInput, BadOption
from tasks.intake.texts.columns import TextOptions
from tasks.intake.texts.letters import read_letters
from tasks.intake.texts.take_in import OfferedText, file_of, offered_texts, sequence_of_text
from tasks.intake.texts.text_items import clean_text

LOOK_AT_MOST = 1_000
SHOWN = 3


@dataclass(frozen=True, slots=True)
class TextsLook:
    """What a look at the first texts shows.

    Attributes:
        texts: That were looked at.
        is_all: Whether there are no more.
        sequences: To which they belong.
        first: The beginning of the first one that can be labelled.
        faults: Why the others cannot.
    """

    texts: int
    is_all: bool
    sequences: tuple[str, ...]
    first: str
    faults: tuple[str, ...]

    def about_one_sequence(self) -> str:
        """Say that none could be held out for testing; empty: some could be."""
        if not self.is_all or len(self.sequences) != 1:
            return ""
        return (
            f"all {self.texts} texts are one sequence ({self.sequences[0]!r}), and texts of one sequence never part "
            "between training and test. So none could be held out for testing: give more texts, or a pattern by which "
            "they are told apart."
        )

    def about_sequences(self) -> str:
        """Say what was found, so that a wrong column is seen before thousands of texts are taken in."""
        count = f"{self.texts} texts" if self.is_all else f"more than {self.texts} texts"
        aside = (
            f"; {len(self.faults)} of the first {self.texts} cannot be used: {self.faults[0]}" if self.faults else ""
        )
        return f"{count} in {len(self.sequences)} sequences, the first: {self.first!r}{aside}"


def look_into_texts(place: Path, options: TextOptions, pattern: str | None = None) -> TextsLook:
    """Look at the first texts of a place.

    Raises:
        BadOption: There are none, it is not clear where they are, or none of them can be labelled.
    """
    texts = offered_texts(place, options)
    sequences: dict[str, None] = {}
    faults: list[str] = []
    first, count = "", 0
    for each in islice(texts, LOOK_AT_MOST):
        count += 1
        try:
            said = _read(each, options)
        except (BadInput, OSError) as error:
            faults.append(f"{each.name}: {error}" if not each.fault else each.fault)
            continue
        sequences[sequence_of_text(each.path, pattern)] = None
        first = first or said[:60]
    is_all = next(texts, None) is None
    if not first:
        raise BadOption(f"none of the first {count} texts in {place} can be labelled, such as: {faults[0]}")
    return TextsLook(count, is_all, tuple(sequences), first, tuple(faults))


def _read(offered: OfferedText, options: TextOptions) -> str:
    if offered.fault:
        raise BadOption(offered.fault)
    text = offered.text if offered.text is not None else read_letters(file_of(offered).read_bytes(), options.encoding)
    return clean_text(text).text
