"""Label texts with one class each: AG's news where the real data are, else letters of a small grammar.

People label a first part with nothing to go by. What they said suggests a class for each text of the second; a model is
trained on all of it, and proposes for the rest.
"""

import argparse
import csv
import hashlib
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blocks.errors import LabellingError
from blocks.home import labelline_home
from infra.annotators.truth import KnownWorld, TruePicture
from infra.demo.classes import ClassesDemo, Part, run_classes
from infra.demo.texts.letters import CLASSES, write_letters
from tasks.intake.texts.text_items import clean_text

if TYPE_CHECKING:
    from collections.abc import Sequence

COLLECTION = "demo-text"
SIZES = (120, 100, 180)
SEED = 0

AG_NEWS = "text_ag_news_test"
AG_CLASSES = ("World", "Sports", "Business", "Sci/Tech")


def main() -> None:
    """Run in the state folder's `demo-text/`."""
    parser = argparse.ArgumentParser(description="Label texts with one class each, with simulated people.")
    parser.add_argument("--keep", action="store_true", help="leave the servers up")
    parser.add_argument("--drawn", action="store_true", help="letters of the grammar, also where real texts are")
    asked = parser.parse_args()
    beside = Path(__file__).parents[4] / "shared" / "data"
    data = Path(os.environ.get("LABELLINE_DATA", beside)) / AG_NEWS
    is_real = (data / "test.csv").is_file() and not asked.drawn
    try:
        prepare = partial(news, data=data) if is_real else letters
        run_classes(labelline_home() / "demo-text", prepare, asked.keep)
    except LabellingError as error:
        sys.exit(str(error))


def letters(home: Path) -> ClassesDemo:
    """Write letters to a shop."""
    return demo_of(home, list(write_letters(sum(SIZES), SEED)), CLASSES, "letters to a shop")


def news(home: Path, data: Path) -> ClassesDemo:
    """Draw some of AG's news."""
    with (data / "test.csv").open(encoding="utf-8", newline="") as file:
        rows = [(f"{title}\n{text}", AG_CLASSES[int(number) - 1]) for number, title, text in csv.reader(file)]
    order = np.random.default_rng(SEED).permutation(len(rows))[: sum(SIZES)]
    return demo_of(home, [rows[place] for place in order], AG_CLASSES, "pieces of news")


def demo_of(home: Path, texts: "Sequence[tuple[str, str]]", classes: tuple[str, ...], shown: str) -> ClassesDemo:
    """Write texts as one CSV file for each part, and say what each is about."""
    from flows.options import LineOptions

    pictures: dict[str, TruePicture] = {}
    parts: list[Part] = []
    start = 0
    told = (("champion", "no model"), ("suggest", "suggestions"), ("champion", "the champion's proposals"))
    for size, (detector, who) in zip(SIZES, told, strict=True):
        path = home / f"texts-{len(parts) + 1}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("id", "text"))
            for number, (text, class_name) in enumerate(texts[start : start + size], start):
                rows.writerow((number, text))
                item_id = hashlib.sha256(clean_text(text).text.encode()).hexdigest()
                pictures[item_id] = TruePicture(f"{path.name}:{number}", (0, 0), (), class_name)
        parts.append(Part(path, size, detector, who))
        start += size
    line = LineOptions(collection=COLLECTION, label_kind="classes", classes=classes, retrain_after=SIZES[0] // 2)
    return ClassesDemo(line, parts, KnownWorld(pictures, classes), "texts", shown)
