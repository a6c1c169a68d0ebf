"""Label texts with one class each: AG's news or SMS messages where the real data are, else letters of a small grammar.

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

from blocks.errors import BadOption, LabellingError
from blocks.home import labelline_home
from infra.annotators.truth import KnownWorld, TruePicture
from infra.demo.classes import ClassesDemo, Part, run_classes
from infra.demo.texts.letters import CLASSES, write_letters
from tasks.intake.texts.text_items import clean_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COLLECTION = "demo-text"
SIZES = (120, 100, 180)
SEED = 0

AG_NEWS = "text_ag_news_test"
AG_CLASSES = ("World", "Sports", "Business", "Sci/Tech")

SMS = "text_sms_spam/SMSSpamCollection"
SMS_CLASSES = ("ham", "spam")


def main() -> None:
    """Run in the state folder's `demo-text/`."""
    parser = argparse.ArgumentParser(description="Label texts with one class each, with simulated people.")
    parser.add_argument("--keep", action="store_true", help="leave the servers up")
    parser.add_argument(
        "--texts",
        choices=sorted(TEXTS),
        help="AG's news, SMS messages, or letters of the grammar; the news where they are, if not given",
    )
    asked = parser.parse_args()
    data = Path(os.environ.get("LABELLINE_DATA", Path(__file__).parents[4] / "shared" / "data"))
    try:
        run_classes(labelline_home() / "demo-text", prepare_of(asked.texts, data), asked.keep)
    except LabellingError as error:
        sys.exit(str(error))


def prepare_of(texts: str | None, data: Path) -> "Callable[[Path], ClassesDemo]":
    """Return what makes the demo's texts.

    Args:
        texts: A name of `TEXTS`; None: the news where they are, else letters.
        data: The folder with the real data.

    Raises:
        BadOption: They are asked for, and are not there.
    """
    if texts is None:
        texts = "news" if (data / FILES["news"]).is_file() else "letters"
    if texts in FILES and not (data / FILES[texts]).is_file():
        raise BadOption(
            f"{data / FILES[texts]} is not there: set LABELLINE_DATA to the folder that has it, or take the letters"
        )
    return partial(TEXTS[texts], data=data)


def letters(home: Path, data: Path) -> ClassesDemo:  # noqa: ARG001  (as the others)
    """Write letters to a shop."""
    return demo_of(home, list(write_letters(sum(SIZES), SEED)), CLASSES, "letters to a shop")


def news(home: Path, data: Path) -> ClassesDemo:
    """Draw some of AG's news."""
    with (data / FILES["news"]).open(encoding="utf-8", newline="") as file:
        rows = [(f"{title}\n{text}", AG_CLASSES[int(number) - 1]) for number, title, text in csv.reader(file)]
    return demo_of(home, _drawn(rows), AG_CLASSES, "pieces of news")


def messages(home: Path, data: Path) -> ClassesDemo:
    """Draw some SMS messages; its first line names the columns."""
    lines = (data / FILES["messages"]).read_text(encoding="utf-8").splitlines()[1:]
    rows = [(text, name) for name, tab, text in (line.partition("\t") for line in lines) if tab and text.strip()]
    return demo_of(home, _drawn(rows), SMS_CLASSES, "SMS messages")


def _drawn(rows: "Sequence[tuple[str, str]]") -> "list[tuple[str, str]]":
    """Draw as many as are labelled, each text once."""
    once = list(dict(rows).items())
    order = np.random.default_rng(SEED).permutation(len(once))[: sum(SIZES)]
    return [once[place] for place in order]


TEXTS: "dict[str, Callable[..., ClassesDemo]]" = {"news": news, "messages": messages, "letters": letters}

FILES = {"news": f"{AG_NEWS}/test.csv", "messages": SMS}
"""Where the real ones are, below the folder of data."""


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
                pictures[item_id] = TruePicture(f"{path.name}:{number}", (0, 0), (), class_name, (class_name,))
        parts.append(Part(path, size, detector, who))
        start += size
    line = LineOptions(collection=COLLECTION, label_kind="classes", classes=classes, retrain_after=SIZES[0] // 2)
    return ClassesDemo(line, parts, KnownWorld(pictures, classes), "texts", shown)
