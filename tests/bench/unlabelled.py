"""What the unlabelled rest is worth beside a few labels, and whether labels by lot tell where it is worth something.

Of each collection so many items are labelled by lot, ten times over; 1,000 others are the rest, and are asked about.
With every lot the gain is tried as the line tries it, so `where proven` is what a line would have had.

    python -m tests.bench.unlabelled
"""

import argparse
import csv
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tasks.suggest.embedders.texts import TextEmbedder
from tasks.suggest.learners.self_trained import Pool
from tasks.suggest.space import Space
from tasks.suggest.suggester import Suggester
from tasks.train.teaching import FROM_BATCH
from tests.bench.suggest import CALTECH, NEWS, OUTPUT, SMS, Names, Vectors

LOTS = 10
FEW = (25, 50, 100, 200)
ANIMALS = (
    *("ant", "bass", "beaver", "butterfly", "cougar_body", "cougar_face", "crab", "crayfish", "crocodile"),
    *("crocodile_head", "dalmatian", "dolphin", "dragonfly", "elephant", "emu", "flamingo", "flamingo_head"),
    *("gerenuk", "hawksbill", "hedgehog", "ibis", "kangaroo", "Leopards", "llama", "lobster", "mayfly", "nautilus"),
    *("octopus", "okapi", "panda", "pigeon", "platypus", "rhino", "rooster", "scorpion", "sea_horse", "starfish"),
    *("stegosaurus", "tick", "trilobite", "wild_cat"),
)


def main() -> None:
    """Measure on what is there, add it to the report on suggestions, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    found = {}
    for name, vectors, names, sizes in collections(parser.parse_args().data):
        found[name] = [worth(vectors, names, size) for size in sizes]
        print(name, *map(json.dumps, found[name]), sep="\n  ", flush=True)
    report = json.loads(OUTPUT.read_text()) if OUTPUT.is_file() else {}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({**report, "unlabelled": found}, indent=1) + "\n")


def collections(data: Path) -> Iterator[tuple[str, Vectors, Names, Sequence[int]]]:
    """Yield the collections that are there: name, vectors, classes, and how many labels are tried."""
    if (data / CALTECH).is_file():
        with np.load(data / CALTECH, allow_pickle=False) as given:
            vectors, names = given["features"].astype(np.float64), given["names"].astype(str)[given["labels"]]
        yield "caltech, 101 classes", vectors, names, (100, 200, 400, 800)
        yield "caltech, animal or not", vectors, np.where(np.isin(names, ANIMALS), "animal", "not"), FEW
    if (data / NEWS).is_file():
        with (data / NEWS).open(encoding="utf-8", newline="") as file:
            rows = [(row[0], f"{row[1]} {row[2]}") for row in csv.reader(file)]
        yield "ag news", *of_texts(rows), FEW
    if (data / SMS).is_file():
        lines = (data / SMS).read_text(encoding="utf-8").splitlines()
        yield "sms", *of_texts([tuple(line.split("\t", 1)) for line in lines if "\t" in line]), FEW


def of_texts(rows: Sequence[Sequence[str]]) -> tuple[Vectors, Names]:
    """Return vectors of texts, and their classes."""
    texts = [text for _, text in rows]
    return TextEmbedder.of(texts).embed(texts).astype(np.float64), np.array([name for name, _ in rows])


def worth(vectors: Vectors, names: Names, size: int) -> dict[str, float]:
    """Return accuracy on the rest, means over lots: by labels alone, with the rest, and with it where it is proven."""
    alone: list[float] = []
    both: list[float] = []
    used: list[float] = []
    proven: list[float] = []
    for lot in range(LOTS):
        order = np.random.default_rng(lot + 1).permutation(len(names))
        known, rest = order[:size], order[size : size + FROM_BATCH]
        space = Space.of("given", vectors[[*known, *rest]])
        pool = Pool(tuple(map(str, rest)), space.place(vectors[rest], "given"))
        labels = {str(at): (str(names[at]),) for at in known}
        right = []
        for taken in (None, pool):
            suggester = Suggester(space, pool=taken)
            suggester.learn(labels, vectors[known], "given")
            best = suggester.scores(vectors[rest], "given").argmax(axis=1)
            right.append(float(np.mean(np.array(suggester.classes)[best] == names[rest])))
        alone.append(right[0])
        both.append(right[1])
        is_proven = suggester.gain_of(pool, labels).is_proven
        proven.append(float(is_proven))
        used.append(right[is_proven])
    means = {"alone": alone, "with the rest": both, "where proven": used, "proven": proven}
    return {"labels": size, **{name: round(float(np.mean(some)), 3) for name, some in means.items()}}


if __name__ == "__main__":
    main()
