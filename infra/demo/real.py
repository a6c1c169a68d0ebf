"""`make real`: the same on real aerial pictures, which are not part of this repository.

The starting detector is YOLOv8n as trained on COCO. It has never looked down from the air and does not know a minibus.
"""

import argparse
import os
import sys
from pathlib import Path

from blocks.errors import LabellingError
from blocks.home import labelline_home
from infra.annotators.people import People
from infra.demo.line_run import ANY_HEADING_Z, Clock, DemoRun, own_home, run_trial

CLASSES = ("car", "truck", "bus", "minibus")


def main() -> None:
    """Run on `LABELLINE_DATA`, or on the data beside the checkout."""
    parser = argparse.ArgumentParser(description="Run the line on real aerial pictures with simulated people.")
    parser.add_argument("--keep", action="store_true", help="leave the servers up")
    beside = Path(__file__).parents[3] / "shared" / "data"
    keep = parser.parse_args().keep
    try:
        run_real(Path(os.environ.get("LABELLINE_DATA", beside)), labelline_home(), keep)
    except LabellingError as error:
        sys.exit(str(error))


def run_real(data: Path, home: Path, keep: bool = False) -> None:
    """Run the whole line on `aerial_cars`.

    Args:
        data: The folder that has `aerial_cars/` and `weights/yolov8n-coco.pt`.
        home: The state folder; the run keeps to `real/` in it, and empties that first.
        keep: Leave the servers up at the end.

    Raises:
        LabellingError: The data are not there.
    """
    from flows.options import LineOptions
    from tasks.train.options import TrainOptions
    from tasks.triage.options import TriageOptions

    pictures, weights = data / "aerial_cars", data / "weights" / "yolov8n-coco.pt"
    for path in (pictures / "images", pictures / "labels", weights):
        if not path.exists():
            raise LabellingError(
                f"{path} is not there: set LABELLINE_DATA to the folder that has aerial_cars/ and weights/"
            )
    clock = Clock()
    line = LineOptions(
        collection="aerial",
        classes=CLASSES,
        detector=str(weights.resolve()),
        # No control group: two pictures without proposals tell nothing, and would change every number.
        triage=TriageOptions(outlier_z=ANY_HEADING_Z, control_share=0),
        retrain_after=100,
        retrain=TrainOptions(epochs=2, batch=8, lr0=0.001, freeze=10, mosaic=0.0, scale=0.3, from_above=True),
    )
    images = (pictures / "images").resolve()
    trial = DemoRun("103 aerial pictures", images, pictures.resolve(), line, People(skill=0.97), run_limit_s=5400)
    run_trial(trial, own_home(home / "real"), clock, keep)


if __name__ == "__main__":
    main()
