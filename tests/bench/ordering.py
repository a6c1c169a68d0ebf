"""Which order of the surest puts wrong ones late: of the surest 20, 40, 60 and 80 % of what is open, how many are.

Items are labelled as rounds ask while nothing is certified: some by lot, then what is least certain. None of the other
orders is the product's, which is the chance alone: what they are worth in rounds is another question.

    python -m tests.bench.ordering     (--only sms animals ag_news --lots 1 2 3 4 --labels 100 160)
"""

import argparse
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.suggest.learners.kernel_ridge import KernelRidge
from tasks.suggest.learners.protocol import Example, Floats
from tasks.suggest.learners.ridge_lda import RidgeLda
from tasks.suggest.paging.plan import OpenItems, plan_round
from tests.bench.paging import CALTECH, NEWS, SMS, Labelling, ag_news, animals, sms

READERS = {"sms": (SMS, sms), "animals": (CALTECH, animals), "ag_news": (NEWS, ag_news)}
SHARES, NEAREST, BAGS = (0.2, 0.4, 0.6, 0.8), 10, 20


def label_up_to(one: Labelling, labels: int) -> tuple[OpenItems, NDArray[np.intp], tuple[str, ...]]:
    """Ask singly until so many are labelled; return what is known then of the others, their places, and the classes."""
    while len(one.said) < labels:
        known, _, at = one.standing()
        places = at[list(plan_round(known, one.options, lambda size, share: []).singles)]
        answers = {int(place): str(one.names[place]) for place in places}
        one.learn(answers)
    known, classes, at = one.standing()
    return known, at, classes


def orders(one: Labelling, known: OpenItems, classes: tuple[str, ...]) -> dict[str, Floats]:
    """Return of each order how sure every open item is, shape (n,)."""
    places = list(one.said)
    placed = one.suggester.space.place(one.vectors[places], "bench")
    examples = [Example(str(n), vector, (one.said[n],)) for n, vector in zip(places, placed, strict=True)]
    rows, best = np.arange(len(known.best)), known.best
    alike = known.vectors @ known.vectors.T
    np.fill_diagonal(alike, -np.inf)
    around = np.argpartition(-alike, NEAREST, axis=1)[:, :NEAREST]
    linear = RidgeLda(placed.shape[1])
    linear.learn(examples)
    votes = linear.suggest(known.vectors).argmax(axis=1) == best
    draw, bagged = np.random.default_rng(0), np.zeros(len(best))
    for _ in range(BAGS):
        some = KernelRidge(placed.shape[1])
        some.learn([examples[n] for n in np.unique(draw.integers(0, len(examples), len(examples)))])
        scores = np.full((len(best), len(classes)), -1.0)
        scores[:, [classes.index(name) for name in some.classes]] = some.suggest(known.vectors)
        top = scores[rows, best].copy()
        scores[rows, best] = -np.inf
        bagged += top - scores.max(axis=1)
    return {
        "chance": known.chance,
        "chance, ridge LDA agrees": np.where(votes, known.chance, 0),
        "mean margin of bags": bagged,
        "chance times agreeing neighbours": known.chance * (best[around] == best[:, None]).mean(axis=1),
    }


def main() -> None:
    """Print means over lots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    parser.add_argument("--only", nargs="*", default=list(READERS), choices=list(READERS))
    parser.add_argument("--lots", type=int, nargs="*", default=[1, 2, 3, 4])
    parser.add_argument("--labels", type=int, nargs="*", default=[100, 160])
    given = parser.parse_args()
    for name in given.only:
        path, read = READERS[name]
        found: dict[tuple[int, str], list[list[float]]] = {}
        for lot in given.lots:
            one = Labelling(*read(given.data / path, lot), lot)
            for labels in sorted(given.labels):
                known, at, classes = label_up_to(one, labels)
                wrong = np.array(classes)[known.best] != one.names[at]
                for order, sure in orders(one, known, classes).items():
                    ranked = wrong[np.argsort(-sure, kind="stable")]
                    shares = [float(ranked[: int(share * len(ranked))].mean()) for share in SHARES]
                    found.setdefault((labels, order), []).append(shares)
        for (labels, order), rows in found.items():
            told = "  ".join(f"{share:6.2%}" for share in np.mean(rows, axis=0))
            print(f"{name:8} {labels:4} labels  {order:34} {told}", flush=True)


if __name__ == "__main__":
    main()
