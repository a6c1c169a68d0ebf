"""How good suggestions are after a few labels: learners on pictures and on texts, and how long they take.

Caltech-101, 101 classes: features of MobileNet v1 are given; of each class the first 1, 5 and 15 pictures are labelled,
and pictures 16 to 30 are asked about. AG news, 4 classes, and SMS, of which 13 % are spam: 2,600 texts are held out, of
the others so many are labelled by lot, ten times over; vectors are made of the others' texts alone. What a learner says
of its own chances is held against what was right.

    python -m tests.bench.suggest
"""

import argparse
import csv
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blocks.errors import UnreadableImage
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.proposers.suggested import embedder_of_weights
from tasks.intake.images import Pixels
from tasks.suggest.embedders.registry import EMBEDDERS
from tasks.suggest.embedders.texts import TextEmbedder
from tasks.suggest.learners.registry import DEFAULT, LEARNERS
from tasks.suggest.space import Space
from tasks.suggest.suggester import Suggester
from tests.bench import paging

WEIGHTS = Path("weights/yolov8n-coco.pt")
OUTPUT = Path(".labelline/bench/suggest.json")
CALTECH, NEWS = Path("caltech101/features_mobilenet_v1_1024d.npz"), Path("text_ag_news_test/test.csv")
LABELS_EACH, LABELS = (1, 5, 15), (20, 100, 500)
SMS = Path("text_sms_spam/SMSSpamCollection")
LABELS_SMS = (25, 50, 200)
HELD_OUT, LOTS = 2_600, 10
SURE = 0.9
Vectors = NDArray[np.floating]
Names = NDArray[np.str_]


def main() -> None:
    """Measure what the data are there for, write it, and say of the rest why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    data = parser.parse_args().data
    report: dict[str, Any] = {"latency_ms": latency_ms()}
    for name, path, measure in (("caltech", CALTECH, caltech), ("ag_news", NEWS, ag_news), ("sms", SMS, sms)):
        if (data / path).is_file():
            report |= measure(data / path)
        else:
            report[name] = None
            print(f"{name}: skipped, {data / path} is not there (set LABELLINE_DATA)")
    report["own_vectors"] = own_vectors(data / "caltech101", data / WEIGHTS)
    report["pages"] = paging.measure(data)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def caltech(path: Path) -> dict[str, Any]:
    """Return accuracy at 1, 5 and 15 labels a class by learner, and what the chances at 15 were worth."""
    with np.load(path, allow_pickle=False) as given:
        vectors, place = given["features"].astype(np.float64), given["index_in_class"]
        names = given["names"].astype(str)[given["labels"]]
    space, asked = Space.of("mobilenet-v1", vectors), place >= 15
    accuracies, chances = {}, {}
    for learner in LEARNERS:
        said = [_ask(space, learner, vectors, names, np.flatnonzero(place < each), asked) for each in LABELS_EACH]
        accuracies[learner] = [accuracy for accuracy, _ in said]
        chances[learner] = said[-1][1]
    return {"caltech": accuracies, "caltech_chances": chances}


def own_vectors(folder: Path, weights: Path) -> dict[str, list[float]] | None:
    """Return accuracy on pictures 6 to 10 at 1 and 5 labels a class, by what makes the vectors here."""
    if not (folder.is_dir() and weights.is_file()):
        print(f"own_vectors: skipped, {folder} or {weights} is not there (set LABELLINE_DATA)")
        return None
    folders = [each for each in sorted(folder.iterdir()) if each.is_dir()]
    paths = [(path, at) for each in folders for at, path in enumerate(sorted(each.iterdir()))]
    names, place = np.array([path.parent.name for path, _ in paths]), np.array([at for _, at in paths])
    accuracies = {}
    for embedder in (*EMBEDDERS.values(), embedder_of_weights(weights, version_of(weights))):
        fitted = [embedder.fit(read_picture(path)) for path, _ in paths]
        vectors = np.concatenate([embedder.embed(fitted[at : at + 32]) for at in range(0, len(fitted), 32)])
        space = Space.of(embedder.name, vectors)
        said = [_ask(space, DEFAULT, vectors, names, np.flatnonzero(place < each), place >= 5) for each in (1, 5)]
        accuracies[embedder.name] = [accuracy for accuracy, _ in said]
    return accuracies


def read_picture(path: Path) -> Pixels:
    """Return the pixels of a picture of the data."""
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise UnreadableImage(f"{path} cannot be decoded: fetch the data again")
    return np.asarray(pixels, dtype=np.uint8)


def ag_news(path: Path) -> dict[str, Any]:
    """Return accuracy at 20, 100 and 500 labels by learner, each the mean of ten lots."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return {"ag_news": _by_lots([row[0] for row in rows], [f"{row[1]} {row[2]}" for row in rows], LABELS)}


def sms(path: Path) -> dict[str, Any]:
    """Return the same at 25, 50 and 200 labels of two classes, of which one has 13 % of the texts."""
    rows = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").splitlines() if "\t" in line]
    return {"sms": _by_lots([row[0] for row in rows], [row[1] for row in rows], LABELS_SMS)}


def _by_lots(classes: Sequence[str], texts: Sequence[str], sizes: Sequence[int]) -> dict[str, list[float]]:
    names, order = np.array(classes), np.random.default_rng(0).permutation(len(texts))
    asked, pool = order[:HELD_OUT], order[HELD_OUT:]
    vectors = TextEmbedder.of([texts[at] for at in pool]).embed(texts).astype(np.float64)
    space = Space.of("tf-idf", vectors[pool])
    lots = [np.random.default_rng(lot + 1).permutation(pool) for lot in range(LOTS)]
    accuracies = {}
    for learner in LEARNERS:
        said = [[_ask(space, learner, vectors, names, lot[:labels], asked)[0] for lot in lots] for labels in sizes]
        accuracies[learner] = [round(float(np.mean(some)), 4) for some in said]
    return accuracies


def latency_ms() -> dict[str, float]:
    """Return milliseconds, median of seven, at 10,000 labelled items of 256 numbers and 100 classes."""
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((10_000, 256))
    names = np.array([f"class {at % 100}" for at in range(len(vectors))])
    suggester = Suggester(Space.of("drawn", vectors))
    suggester.learn({f"{at}": (names[at],) for at in range(len(vectors))}, vectors, "drawn")
    taken: dict[str, list[float]] = {"learn one": [], "solve and suggest one": [], "measure trust": []}
    for at in range(7):
        marks = [time.perf_counter()]
        suggester.learn({f"{at}": (names[at + 1],)}, vectors[at : at + 1], "drawn")
        marks.append(time.perf_counter())
        _ = suggester.trust
        marks.append(time.perf_counter())
        suggester.suggest(vectors[at : at + 1], "drawn")
        marks.append(time.perf_counter())
        learnt, trusted, suggested = np.diff(marks) * 1000
        for name, spent in zip(taken, (learnt, suggested, trusted), strict=True):
            taken[name].append(float(spent))
    return {name: round(float(np.median(spent)), 2) for name, spent in taken.items()}


def _ask(
    space: Space, learner: str, vectors: Vectors, names: Names, labelled: NDArray[np.int64], asked: NDArray[Any]
) -> tuple[float, dict[str, float]]:
    """Return the accuracy on what is asked, and what the chances said beside what was right."""
    suggester = Suggester(space, learner)
    suggester.learn({f"{at}": (str(names[at]),) for at in labelled}, vectors[labelled], space.embedder)
    found = suggester.suggest(vectors[asked], space.embedder)
    # Of one label a class all chances are 0, as each next item may well be of a class not named yet: the order stays.
    scores = suggester.scores(vectors[asked], space.embedder)
    right = np.array(found.classes)[scores.argmax(axis=1)] == names[asked]
    best = found.probabilities.max(axis=1)
    sure = best >= SURE
    chances = {"mean chance": best.mean(), "right": right.mean(), "share sure": sure.mean()}
    if sure.any():
        chances |= {"mean chance, sure": best[sure].mean(), "right, sure": right[sure].mean()}
    return round(float(right.mean()), 4), {name: round(float(number), 3) for name, number in chances.items()}


if __name__ == "__main__":
    main()
