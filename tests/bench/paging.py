"""Minutes of people to label 2,000 items in rounds of pages and single questions, and how wrong pages and labels are.

The planning is the product's: what was learnt, how far it is trusted, what comes onto pages, when these stop, the blind
sample. People are simulated, with times and slips that were published or measured: 1.5 s a single question, 0.4 s an
item that is glanced at, 1 s a page, 1 s a click; of what is wrong on a page they overlook a fifth, and nothing else.
Options and constants were chosen on the lots 1 to 4 of SMS and animals; what is reported is of other lots.

    python -m tests.bench.paging     (--only sms animals --lots 15 16 for some of it)
"""

import argparse
import csv
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.audit.bounds.certify import Promise
from tasks.audit.bounds.frames import Frame, further_draws, is_certified, ways_to_certify
from tasks.suggest.embedders.texts import TextEmbedder
from tasks.suggest.paging.plan import (
    LIKELY,
    STAGE,
    OpenItems,
    RoundOptions,
    RoundPlan,
    SaidOfSure,
    by_lot,
    entropy_of,
    first_wave,
    plan_round,
)
from tasks.suggest.space import Space
from tasks.suggest.suggester import Suggester

SINGLE_S, GLANCE_S, PAGE_S, CLICK_S, OVERLOOKED = 1.5, 0.4, 1.0, 1.0, 0.2
ITEMS, LOTS = 2_000, (11, 12)
DATA_SETS = ("sms", "animals", "ag_news", "caltech")
OPTIONS = RoundOptions()
LEARNER = "kernel-ridge"

CALTECH = Path("caltech101/features_mobilenet_v1_1024d.npz")
NEWS, SMS = Path("text_ag_news_test/test.csv"), Path("text_sms_spam/SMSSpamCollection")
ANIMAL_NAMES = (
    "ant bass beaver brontosaurus butterfly cougar_body cougar_face crab crayfish crocodile crocodile_head dalmatian "
    "dolphin dragonfly elephant emu flamingo flamingo_head gerenuk hawksbill hedgehog ibis kangaroo leopards llama "
    "lobster mayfly nautilus octopus okapi panda pigeon platypus rhino rooster scorpion sea_horse starfish stegosaurus "
    "tick trilobite wild_cat"
)
ANIMALS = frozenset(ANIMAL_NAMES.split())

Vectors = NDArray[np.float64]
Names = NDArray[np.str_]


@dataclass(slots=True)
class Labelling:
    """A collection on its way through rounds, and what that has cost so far."""

    vectors: Vectors
    names: Names
    lot: int
    said: dict[int, str] = field(default_factory=dict)
    pages: list[SaidOfSure] = field(default_factory=list)
    blind: list[SaidOfSure] = field(default_factory=list)
    seconds: float = 0.0
    on_pages: int = 0
    wrong_on_pages: int = 0
    round: int = 0
    options: RoundOptions = OPTIONS
    frames: list[Frame] = field(default_factory=list)
    place_of: dict[int, int] = field(default_factory=dict)
    suggester: Suggester = field(init=False)
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.suggester = Suggester(Space.of("bench", self.vectors), LEARNER)
        self.rng = np.random.default_rng(self.lot)

    def run(self) -> dict[str, float]:
        """Label all of it; return minutes, the share of wrong items on pages, and that of wrong labels in the end."""
        while len(self.said) < len(self.names):
            self.ask_round()
        wrong = sum(self.said[at] != name for at, name in enumerate(self.names))
        shares = {"wrong_share": self.wrong_on_pages / max(self.on_pages, 1), "final_error": wrong / len(self.names)}
        return {"minutes": round(self.seconds / 60, 1)} | {name: round(share, 4) for name, share in shares.items()}

    def ask_round(self) -> None:
        """Plan a round as the line does, and let people answer it."""
        known, classes, at = self.standing()
        promise = Promise(max_error_rate=self.options.max_error_rate, confidence=self.options.confidence)
        plan = plan_round(known, self.options, partial(ways_to_certify, self.frames, promise=promise))
        singles, answers = {*plan.singles, *plan.drawn}, dict[int, str]()
        if plan.drawn:
            drawn, is_shown = self._draw(known, classes, at, plan, promise)
            singles |= set(drawn)
            left = [place for place in plan.on_pages if place not in singles]
            answers = self._show(known, classes, at, left) if is_shown else {}
            singles |= set(left) - {self.place_of[key] for key in answers} if is_shown else set()
        answers |= {int(at[place]): str(self.names[at[place]]) for place in singles}
        self.seconds += SINGLE_S * len(singles)
        self.learn(answers)

    def learn(self, answers: dict[int, str]) -> None:
        """End a round with what was said in it."""
        self.suggester.learn(
            {self._id(place): (name,) for place, name in answers.items()}, self.vectors[list(answers)], "bench"
        )
        self.said |= answers
        self.round += 1

    def _draw(
        self, known: OpenItems, classes: tuple[str, ...], at: NDArray[np.intp], plan: RoundPlan, promise: Promise
    ) -> tuple[list[int], bool]:
        """Draw from a frame, further where the line would; return what was drawn, and whether the rest is shown."""
        place_of = {known.item_ids[place]: place for place in plan.on_pages}
        waiting = [place_of[item_id] for item_id in by_lot(list(place_of), self.options.seed + self.round)]
        drawn, more, shown = list(plan.drawn), 0, False
        population = len(drawn) + len(waiting)
        while True:
            drawn, waiting = [*drawn, *waiting[:more]], waiting[more:]
            wrong = sum(classes[known.best[place]] != self.names[at[place]] for place in drawn)
            frame = Frame(population, len(drawn), wrong)
            shown = is_certified([*self.frames, frame], promise)
            further = (
                None if shown else further_draws(self.frames, frame, promise, self.options.most_drawn, LIKELY, STAGE)
            )
            if further is None:
                break
            more = further
        self.blind.append(SaidOfSure(self.round, len(drawn), wrong, float((1 - known.chance[drawn]).sum())))
        self.frames.append(replace(frame, is_shown=shown))
        return drawn, shown

    def _show(
        self, known: OpenItems, classes: tuple[str, ...], at: NDArray[np.intp], places: Sequence[int]
    ) -> dict[int, str]:
        """Return what people leave on pages, by item; what follows a bad page is not shown any more."""
        by_class: dict[int, list[int]] = {}
        for place in places:
            by_class.setdefault(int(known.best[place]), []).append(place)
        size = self.options.page_size
        pages = [some[n : n + size] for some in by_class.values() for n in range(0, len(some), size)]
        pages.sort(key=lambda page: -len(page))
        left, is_bad = dict[int, str](), False
        for number, page in enumerate(pages):
            if number >= first_wave(len(pages)) and is_bad:
                break
            left |= self._confirm(known, classes, at, page)
            is_bad |= self.pages[-1].is_bad(1 - self.options.max_error_rate)
        self.place_of = {int(at[place]): place for place in places}
        return {int(at[place]): name for place, name in left.items()}

    def standing(self) -> tuple[OpenItems, tuple[str, ...], NDArray[np.intp]]:
        """Return what is known of the open items, the classes that their places are of, and which items these are."""
        at = np.array([place for place in range(len(self.names)) if place not in self.said], dtype=np.intp)
        found = self.suggester.suggest(self.vectors[at], "bench")
        some = found.probabilities.any()
        best = found.probabilities.argmax(axis=1) if some else np.zeros(len(at), dtype=np.intp)
        chance = found.probabilities.max(axis=1) if some else np.zeros(len(at))
        ids, placed = tuple(map(self._id, at)), self.suggester.space.place(self.vectors[at], "bench")
        said = (tuple(self.pages), tuple(self.blind))
        entropy = entropy_of(found.probabilities) if some else None
        tried = tuple(frame.is_shown for frame in self.frames)
        known = OpenItems(ids, best, chance, placed, *said, len(self.said), self.round, tried=tried, entropy=entropy)
        return known, found.classes, at

    def _confirm(
        self, known: OpenItems, classes: tuple[str, ...], at: NDArray[np.intp], shown: list[int]
    ) -> dict[int, str]:
        name = classes[known.best[shown[0]]]
        wrong = [place for place in shown if self.names[at[place]] != name]
        out = {place for place in wrong if self.rng.random() >= OVERLOOKED}
        self.seconds += PAGE_S + GLANCE_S * len(shown) + CLICK_S * len(out)
        self.on_pages += len(shown)
        self.wrong_on_pages += len(wrong)
        self.pages.append(SaidOfSure(self.round, len(shown), len(out), float((1 - known.chance[shown]).sum())))
        return {place: name for place in shown if place not in out}

    def _id(self, place: int) -> str:
        return f"{self.lot}-{place}"


def measure(
    data: Path, lots: tuple[int, ...] = LOTS, only: tuple[str, ...] = DATA_SETS
) -> dict[str, dict[str, float] | None]:
    """Return of each data set that is there minutes and shares, each the mean over lots; None where it is missing."""
    readers: dict[str, tuple[Path, Callable[[Path, int], tuple[Vectors, Names]]]] = {
        "sms": (SMS, sms),
        "animals": (CALTECH, animals),
        "ag_news": (NEWS, ag_news),
        "caltech": (CALTECH, caltech),
    }
    found: dict[str, dict[str, float] | None] = {}
    for name in only:
        path, read = readers[name]
        if not (data / path).is_file():
            print(f"pages, {name}: skipped, {data / path} is not there (set LABELLINE_DATA)")
            found[name] = None
            continue
        runs = []
        for lot in lots if name != "caltech" else lots[:1]:
            one = Labelling(*read(data / path, lot), lot)
            runs.append(one.run())
            frames = "; ".join(
                f"{frame.population}, {frame.drawn}, {frame.wrong}{'' if frame.is_shown else ': not shown'}"
                for frame in one.frames
            )
            print(f"pages, {name}, lot {lot}: {runs[-1]}, frames (items, drawn, wrong): {frames or 'none'}", flush=True)
        found[name] = {key: round(float(np.mean([run[key] for run in runs])), 4) for key in runs[0]}
    return found


def sms(path: Path, lot: int) -> tuple[Vectors, Names]:
    """Return 2,000 messages, ham or spam."""
    lines = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").splitlines()[1:] if "\t" in line]
    return _texts([text for _, text in lines], [name for name, _ in lines], lot)


def ag_news(path: Path, lot: int) -> tuple[Vectors, Names]:
    """Return 2,000 news of four classes."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return _texts([f"{row[1]} {row[2]}" for row in rows], [row[0] for row in rows], lot)


def animals(path: Path, lot: int) -> tuple[Vectors, Names]:
    """Return 2,000 pictures of Caltech-101: animal or not."""
    vectors, names = caltech(path, lot)
    kinds = np.array(["animal" if name.lower() in ANIMALS else "other" for name in names])
    return vectors[:ITEMS], kinds[:ITEMS]


def caltech(path: Path, lot: int) -> tuple[Vectors, Names]:
    """Return the 3,030 pictures of 101 classes, in an order of the lot."""
    with np.load(path, allow_pickle=False) as given:
        vectors, names = given["features"].astype(np.float64), given["names"].astype(str)[given["labels"]]
    order = np.random.default_rng(lot).permutation(len(names))
    return vectors[order], names[order]


def _texts(texts: list[str], names: list[str], lot: int) -> tuple[Vectors, Names]:
    some = np.random.default_rng(lot).permutation(len(texts))[:ITEMS]
    chosen = [texts[at] for at in some]
    return TextEmbedder.of(chosen).embed(chosen).astype(np.float64), np.array(names)[some]


def main() -> None:
    """Measure what the data are there for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    parser.add_argument("--lots", type=int, nargs="*", default=LOTS, help="other lots than are reported")
    parser.add_argument("--only", nargs="*", default=DATA_SETS, choices=DATA_SETS, help="data sets")
    given = parser.parse_args()
    print(json.dumps(measure(given.data, tuple(given.lots), tuple(given.only)), indent=1))


if __name__ == "__main__":
    main()
