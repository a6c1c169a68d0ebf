"""How good a tagger of spans is after few texts: WNUT17, whose test has new names by design, and its training texts.

Strict F1, and what is right in part, on the 1,287 texts of the test and on 1,000 texts of the training set held out by
lot; trained as `retrain` does, with the line's own tokens, features and weights.

    python -m tests.bench.spans
"""

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from blocks.shapes import Span
from tasks.dataset.formats.reading.files import DatasetFiles
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.texts.conll import ConllFormat
from tasks.detect.tagging.crf import Tagger
from tasks.detect.tagging.features import features_of
from tasks.detect.tagging.tokens import tags_of, tokens_of
from tasks.kinds.spans.kind import SPANS
from tasks.kinds.spans.scoring import ClassedSpan
from tasks.train.fitting.trainers.tagger import ROUNDS, train_tagger

OUTPUT = Path(".labelline/bench/spans.json")
WNUT = Path("ner_wnut17")
TRAIN, TEST = "wnut17train.conll", "emerging.test.annotated"
HELD_OUT = 1_000

Texts = Sequence[tuple[str, list[ClassedSpan]]]


def main() -> None:
    """Measure, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    folder = parser.parse_args().data / WNUT
    if not folder.is_dir():
        print(f"skipped: {folder} is not there (set LABELLINE_DATA)")
        return
    train, test = read_texts(folder, TRAIN), read_texts(folder, TEST)
    mixed = random.Random(0).sample(train, len(train))
    pool, held_out = mixed[:-HELD_OUT], mixed[-HELD_OUT:]
    report = {
        "test": {str(count): measure(train[:count], test) for count in (100, len(train))},
        "held out": {str(count): measure(pool[:count], held_out) for count in (100, 500, len(pool))},
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def read_texts(folder: Path, name: str) -> list[tuple[str, list[ClassedSpan]]]:
    """Return the texts of a file with their spans."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copyfile(folder / name, Path(scratch) / "texts.conll")
        for one in ConllFormat().read(Reading(DatasetFiles(Path(scratch)))):
            shapes = [(label.shape, label.class_name) for label in one.labels or ()]
            spans = [ClassedSpan(shape.start, shape.end, name) for shape, name in shapes if isinstance(shape, Span)]
            found.append((one.text or "", spans))
    return found


def measure(train: Texts, test: Texts) -> dict[str, float]:
    """Train on some texts, and return what comes of others, and the seconds of both."""
    classes = tuple(sorted({span.class_name for _, spans in (*train, *test) for span in spans}))
    tokens = [tokens_of(text) for text, _ in train]
    tags = [tags_of(some, spans)[0] for some, (_, spans) in zip(tokens, train, strict=True)]
    marks = [time.perf_counter()]
    weights = train_tagger(zip(map(features_of, tokens), tags, strict=True), classes, ROUNDS)
    marks.append(time.perf_counter())
    tagger = Tagger(weights)
    said = [[one.span for one in tagger.find(text)] for text, _ in test]
    marks.append(time.perf_counter())
    worth = SPANS.metrics(said, [spans for _, spans in test], classes)
    seconds = {"train_s": marks[1] - marks[0], "find_s": marks[2] - marks[1]}
    return {name: round(number, 3) for name, number in {**worth.numbers, **seconds}.items()}


if __name__ == "__main__":
    main()
