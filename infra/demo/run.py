"""`make demo`: draw parking lots, label them with simulated people, retrain, promote, and say what it saved."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from infra.annotators.people import People
from infra.annotators.times import HABIT_FOR
from infra.demo.line_run import ANY_HEADING_Z, Clock, DemoRun, own_home, run_trial
from infra.demo.scenes.drawing import draw_scenes
from infra.demo.scenes.vehicles import CLASSES, TRUCK_KINDS

if TYPE_CHECKING:
    from tasks.review.questions.kinds.boxes.extreme_points import Drawing

SCENES, SEED = 24, 0
STARTER = Path(__file__).parent / "starter.pt"

EPOCHS = 4
"""As many as two cores manage in about two minutes."""


def run_demo(home: Path, keep: bool, drawing: "Drawing" = "extreme_points") -> None:
    """Run the whole line on drawn scenes.

    Args:
        home: The state folder; the demo keeps to `demo/` in it, and empties that first.
        keep: Leave the servers up at the end.
        drawing: How people draw boxes, in the line and in what it is compared with.
    """
    from flows.options import LineOptions
    from tasks.review.questions.staffing import AnnotatorPool
    from tasks.train.options import TrainOptions
    from tasks.triage.options import ScoreThresholds, TriageOptions

    clock = Clock()
    folder = own_home(home / "demo")
    since = time.monotonic()
    scenes = draw_scenes(folder / "scenes", SCENES, SEED)
    clock.timed("draw", since)
    line = LineOptions(
        collection="demo",
        classes=CLASSES,
        detector=str(STARTER),
        kinds={"truck": TRUCK_KINDS},
        annotator_pool=AnnotatorPool(drawing=drawing),
        # The starter takes bare asphalt at dusk for buses, now and then even surely: hardly any is accepted unseen.
        # No control group: one picture more or less without proposals tells nothing, and would change every number.
        triage=TriageOptions(
            accept=0.7, class_thresholds={"bus": ScoreThresholds(accept=0.9)}, outlier_z=ANY_HEADING_Z, control_share=0
        ),
        retrain_after=100,
        retrain=TrainOptions(
            epochs=EPOCHS, batch=4, lr0=0.001, mosaic=0.0, scale=0.15, from_above=True, keep_norms=False
        ),
    )
    people = People(skill=0.97, drawing=HABIT_FOR[drawing])
    trial = DemoRun(f"{SCENES} drawn parking lots", scenes.images, scenes.folder, line, people)
    run_trial(trial, folder, clock, keep)
