"""anomalib beside ours: its PatchCore and PaDiM on the very features that our methods get, in its own environment.

anomalib (Apache-2.0, https://github.com/open-edge-platform/anomalib) brings some 90 packages, so `make bench-anomalies`
gives it `.venv-anomalib`, and features and scores cross as files. Its usual backbone, a wide ResNet of timm, is not
compared: what that would gain or lose is the backbone's and not the method's.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from blocks.errors import LabellingError
from tasks.triage.robust_z import Floats

EXECUTABLE_VARIABLE = "LABELLINE_ANOMALIB"
"""Names the Python that has anomalib, where it is not found by itself."""

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("anomalies_apart.py")


def find_anomalib() -> Path | None:
    """Return the Python of anomalib's environment; None where it is not installed."""
    # Not resolved: an environment is known by the link to Python that lies in it.
    python = Path(os.environ.get(EXECUTABLE_VARIABLE, ROOT / ".venv-anomalib" / "bin" / "python")).absolute()
    return python if python.exists() else None


def anomalib_scores(
    python: Path,
    grids: npt.NDArray[np.float32],
    train: Sequence[int] | npt.NDArray[np.int64],
    test: Sequence[int] | npt.NDArray[np.int64],
    *,
    numbers: npt.NDArray[np.int64],
    share: float,
    size_px: int,
    seed: int,
) -> dict[str, Floats]:
    """Let anomalib learn some pictures and judge others.

    Args:
        python: Of its environment.
        grids: Shape (n, rows, columns, d), as `PatchReader` gives them.
        train: Places of the pictures to learn from.
        test: Places of the pictures to judge, m of them.
        numbers: Which of the d features its PaDiM looks at.
        share: Of the patches that its PatchCore keeps.
        size_px: Side of the pictures.
        seed: Of its coreset.

    Returns:
        Scores of shape (m,), of `patchcore` and of `padim`.

    Raises:
        LabellingError: It fails; the message has the end of what it said.
    """
    with TemporaryDirectory(prefix="labelline-anomalib-") as folder:
        given, said = Path(folder) / "features.npz", Path(folder) / "scores.npz"
        with given.open("wb") as file:
            places = {"train": np.asarray(train), "test": np.asarray(test), "numbers": numbers}
            facts = {"share": np.array(share), "size": np.array(size_px), "seed": np.array(seed)}
            np.savez(file, allow_pickle=False, grids=grids, **places, **facts)
        command = [str(python), "-I", str(SCRIPT), str(given), str(said)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabellingError(
                f"anomalib in {python.parent.parent} failed ({done.returncode}): {done.stderr[-600:].strip()} "
                "(remove that folder, and `make bench-anomalies` installs it anew)"
            )
        with np.load(said) as scores:
            return {name: np.asarray(scores[name], dtype=np.float64) for name in scores.files}
