"""What the stills of a film cost people, by the line's own path: rounds of key frames between which a detector learns.

The rounds, what is followed and seen in them, triage, pages and questions about whole stills, answers and settling are
those of `flows/label.py`, as plain functions without a server. Simulated people answer from the published labels with
the published times, and leave a box that overlaps its object by 0.5. Stills are made smaller before anybody sees them,
as those of `make bench-effort`; nobody tells the line where shots begin.

    python -m tests.bench.video_film
"""

import argparse
import json
import logging
import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from blocks.catalog import migrate
from blocks.database.engine import open_engine
from blocks.home import labelline_home
from blocks.published_times import CHECK_COVERAGE, DRAW_BOX, DRAW_BOX_FAST
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore, Store
from flows.options import LineOptions
from infra.annotators.people import People
from tasks.detect.models import forget_detectors
from tasks.detect.options import TilingOptions
from tasks.detect.plan import plan_tiling
from tasks.detect.proposals import propose
from tasks.intake.batches import items_of, note_detector
from tasks.intake.sequences import assign_splits
from tasks.kinds.geometry import edges_of, iou_of_all
from tasks.kinds.matching import match_optimally
from tasks.monitor.active_learning.label_rounds import RoundRef, open_round
from tasks.review.questions.expected import ADJUST_SHARE, CLICK_S
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import settle
from tasks.suggest.paging.plan import RoundOptions
from tasks.train.between_rounds import learn_between_rounds
from tasks.train.options import TrainOptions
from tasks.train.propagating import find_propagated
from tasks.triage.decide import decide
from tests.bench.effort_data import Pictures, by_sequence, make_smaller, take_in_pictures
from tests.bench.effort_people import TrialAnnotators
from tests.bench.effort_trial import keep_weights

RIGHT_FROM = 0.5
SIDE_PX = 448
RUN = "film"
TILING = TilingOptions(tile_px=SIDE_PX, whole_image=False, backend="torch")
TRAINING = TrainOptions(steps=80, batch=8, lr0=0.003, freeze=10, min_val_boxes=1_000_000)
"""As `make bench-effort` trains on these stills, with half of its steps."""


@dataclass(slots=True)
class FilmTrial:
    """A folder of stills while it is labelled."""

    engine: Engine
    store: Store
    experiments: Experiments
    annotators: TrialAnnotators
    line: LineOptions
    rounds: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> None:
        """Label all of it, round after round."""
        while (round_ := self._open()).batch.size:
            self._label(round_)
            self._learn()

    def _open(self) -> RoundRef:
        assert self.line.rounds
        where = (self.engine, self.store, self.experiments, self.line.collection)
        return open_round(*where, self.line.detector, self.line.label_kind, self.line.rounds, RUN)

    def _label(self, round_: RoundRef) -> None:
        batch, line, before = round_.batch, self.line.accepting(round_.accept), self.annotators.human_seconds
        where = (self.engine, self.store, self.experiments, batch.collection)
        learns = bool(line.rounds and line.rounds.learn)
        ref = find_propagated(*where, line.detector, line.label_kind, batch.id, learns=learns)
        assert ref
        note_detector(self.engine, batch.id, ref.version)
        looks = (batch.collection, ref.version, line.classes, line.tiling, line.label_kind)
        planned = plan_tiling(self.engine, self.store, batch.id, *looks)
        items, recipe = items_of(self.engine, batch.id), planned.recipe(line.classes)
        propose(self.engine, self.store, items, ref, line.classes, planned, line.label_kind)
        decide(self.engine, batch.id, line.triage, ref.version, recipe, classes=line.classes, store=self.store)
        asked: Counter[str] = Counter()
        for project, stop in enumerate(line.queues, start=1):
            for wave in range(stop.waves):
                asked[stop.queue.name] += self.annotators.answer_stop(project, stop, batch.id, wave)
        settle(self.engine, batch.id, ref.version, recipe)
        seconds = round(self.annotators.human_seconds - before)
        self.rounds.append({"stills": batch.size, "human_seconds": seconds, "questions": dict(asked)})
        print(json.dumps(self.rounds[-1]), flush=True)

    def _learn(self) -> None:
        where = (self.engine, self.store, self.experiments, self.line.collection)
        line = self.line
        if line.rounds and line.rounds.learn:
            learn_between_rounds(*where, line.detector, line.label_kind, line.retrain, line.tiling)
            forget_detectors()

    def worth(self) -> dict[str, Any]:
        """Return what it cost and how right it is."""
        pictures = self.annotators.world.pictures
        labels = labels_in_force(self.engine, list(pictures), self.line.collection)
        found = there = right = 0
        for item_id, picture in pictures.items():
            mine = labels[item_id]
            true = np.array([box.xyxy for box in picture.boxes], dtype=np.float64).reshape(-1, 4)
            same = np.array([[one.class_name == box.class_name for box in picture.boxes] for one in mine], dtype=bool)
            overlap = iou_of_all(edges_of(mine), true)
            overlap = np.where(same.reshape(overlap.shape), overlap, 0.0)
            right += sum(overlap[pair] >= RIGHT_FROM for pair in match_optimally(overlap))
            found, there = found + len(mine), there + len(true)
        return {**self._seconds(len(pictures), there), "precision": right / found, "recall": right / there}

    def _seconds(self, stills: int, boxes: int) -> dict[str, Any]:
        acts, spent = self.annotators.seconds_by_act, self.annotators.human_seconds
        by_hand = {
            name: stills * CHECK_COVERAGE.seconds + boxes * draw.seconds
            for name, draw in (("classic", DRAW_BOX), ("extreme", DRAW_BOX_FAST))
        }
        # Who draws by extreme points draws anew what others mend.
        mended = acts["adjust"] / (ADJUST_SHARE * DRAW_BOX.seconds)
        drawn = acts["draw"] * DRAW_BOX_FAST.seconds / DRAW_BOX.seconds
        fast = spent - acts["draw"] - acts["adjust"] + drawn + mended * (CLICK_S + DRAW_BOX_FAST.seconds)
        return {
            "human_seconds": round(spent),
            "human_seconds_manual": round(by_hand["classic"]),
            "share_of_manual": round(spent / by_hand["classic"], 3),
            "human_seconds_extreme": round(fast),
            "human_seconds_manual_extreme": round(by_hand["extreme"]),
            "share_of_manual_extreme": round(fast / by_hand["extreme"], 3),
            "share_extreme_of_manual_classic": round(fast / by_hand["classic"], 3),
            "seconds_by_act": {act: round(seconds) for act, seconds in acts.most_common()},
            "boxes_true": boxes,
            "rounds": self.rounds,
        }


def label_film(data: Path, name: str, *, learn: bool = True, most: int | None = None) -> dict[str, Any]:
    """Label the stills of a data set in the order of their numbers, and return what that cost.

    Args:
        data: The folder of all data sets.
        name: Of this one, with labels as Pascal VOC.
        learn: Whether a detector learns between rounds.
        most: Thin the stills to so many.
    """
    with tempfile.TemporaryDirectory(prefix="labelline-film-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        pictures = Pictures(name, "voc", SIDE_PX, TILING, by_sequence, rounds=(), steps=0, pattern=None)
        smaller = make_smaller(data, pictures, most, scratch / "pictures")
        url = f"sqlite:///{scratch / 'catalog.sqlite'}"
        migrate(url)
        engine, store = open_engine(url), FolderStore(scratch / "objects")
        world = take_in_pictures(engine, store, name, pictures, smaller, data / name)
        assign_splits(engine, name)
        experiments = Experiments(f"sqlite:///{scratch / 'mlflow.sqlite'}", str(scratch / "mlartifacts"))
        annotators = TrialAnnotators(engine, world, name, world.classes, People())
        detector = keep_weights(store, data / "weights" / "yolov8n-coco.pt").version if learn else ""
        line = LineOptions(
            collection=name,
            classes=world.classes,
            detector=f"propagate:{detector}" if detector else "propagate",
            rounds=RoundOptions(learn=learn),
            parts=None,  # these people answer whole stills
            tiling=TILING,
            retrain=TRAINING,
        )
        film = FilmTrial(engine, store, experiments, annotators, line)
        began = time.process_time()
        film.run()
        return film.worth() | {"cpu_seconds": round(time.process_time() - began)}


def main() -> None:
    """Label the film, and print and write what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    parser.add_argument("--name", default="starwars", help="the folder of the stills")
    parser.add_argument("--most", type=int, default=None, help="thin the stills to so many")
    parser.add_argument("--without-learning", action="store_true", help="no detector")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    found = label_film(asked.data, asked.name, learn=not asked.without_learning, most=asked.most)
    output = labelline_home() / "bench" / f"film-{asked.name}{'-alone' if asked.without_learning else ''}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
