"""Choose between back ends by measuring them here: the fastest of those that say the same as the reference does."""

import hashlib
import json
import logging
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from blocks.storage.stores import fill_atomically
from tasks.detect.backends.exports import cache_folder
from tasks.detect.backends.runner import NetworkFacts, Runner, threads_here
from tasks.intake.images import Pixels

logger = logging.getLogger(__name__)

LIBRARIES = ("openvino", "onnxruntime", "tensorrt")

MOST_APART_PX, MOST_APART_SCORE = 1.0, 0.01
"""Back ends agree if no box and no score differs by more."""

ROUNDS = 3
"""How often each candidate is timed; the best round counts, since other programs only ever slow one down."""


class BackendTrial(BaseModel):
    """How a back end did on the probe pictures."""

    model_config = ConfigDict(frozen=True)
    name: str
    picture_ms: float
    apart_px: float
    apart_score: float

    @property
    def agrees(self) -> bool:
        """Whether it says what the reference says."""
        return self.apart_px <= MOST_APART_PX and self.apart_score <= MOST_APART_SCORE


class Choice(BaseModel):
    """The back end chosen for a network on this machine, and why."""

    model_config = ConfigDict(frozen=True)
    name: str
    why: str
    trials: tuple[BackendTrial, ...] = ()


def choose(
    candidates: Iterable[Runner], reference: Callable[[], Runner], pictures: Pixels, facts: NetworkFacts
) -> tuple[Choice, Runner]:
    """Time back ends on pictures and return the fastest of those that agree with the reference.

    Args:
        candidates: Back ends other than the reference; where there are none, the reference is taken unmeasured.
        reference: Opens what is right by definition.
        pictures: Shape (n, side, side, 3).
        facts: Of the network.
    """
    right = reference()
    others = list(candidates)
    if not others:
        return Choice(name=right.name, why="there is nothing faster to be had for it here"), right
    truth = _run_all(right, pictures)
    trials = [BackendTrial(name=right.name, picture_ms=_time(right, pictures), apart_px=0.0, apart_score=0.0)]
    for runner in others:
        apart_px, apart_score = most_apart(truth, _run_all(runner, pictures), facts)
        taken = _time(runner, pictures)
        trials.append(BackendTrial(name=runner.name, picture_ms=taken, apart_px=apart_px, apart_score=apart_score))
        if not trials[-1].agrees:
            logger.warning("back end %s is wrong by %.1f px or %.3f: not used", runner.name, apart_px, apart_score)
    best = min((trial for trial in trials if trial.agrees), key=lambda trial: trial.picture_ms)
    why = ", ".join(f"{trial.name} {trial.picture_ms:.0f} ms" for trial in trials) + " a picture"
    opened = {runner.name: runner for runner in (right, *others)}
    return Choice(name=best.name, why=why, trials=tuple(trials)), opened[best.name]


def probe_pictures(imgsz: int, count: int = 4) -> Pixels:
    """Return drawn pictures that excite a network: blocks of all sizes and colours on noise, the same every time."""
    chance = np.random.default_rng(0)
    pictures = chance.normal(110, 12, (count, imgsz, imgsz, 3)).clip(0, 255).astype(np.uint8)
    for picture in pictures:
        for _ in range(40):
            x, y = chance.integers(0, imgsz, 2)
            width, height = chance.integers(4, max(5, imgsz // 4), 2)
            picture[y : y + height, x : x + width] = chance.integers(0, 255, 3)
    return pictures


def installed(*names: str) -> list[str]:
    """Return those of some libraries that are installed, without importing them."""
    return [name for name in names if find_spec(name) is not None]


def _run_all(runner: Runner, pictures: Pixels) -> list[npt.NDArray[np.float32]]:
    step = runner.batch_size or len(pictures)
    parts = [runner.run(pictures[start : start + step]) for start in range(0, len(pictures), step)]
    return [np.concatenate([part[place] for part in parts]) for place in range(len(parts[0]))]


def _time(runner: Runner, pictures: Pixels) -> float:
    """Return milliseconds per picture with all lanes busy, in the best of some rounds."""
    step = runner.batch_size or len(pictures)
    work = [pictures[start : start + step] for start in range(0, len(pictures), step)]
    best = float("inf")
    with ThreadPoolExecutor(runner.lanes) as lanes:
        for _ in range(ROUNDS):
            start = time.perf_counter()
            list(lanes.map(runner.run, work))
            best = min(best, time.perf_counter() - start)
    return best / len(pictures) * 1000


def _choice_path(version: str, imgsz: int) -> Path:
    """Name a choice after all that could change it: this machine's processor and threads, and the libraries here."""
    versions = [f"{name} {metadata.version(name)}" for name in ("torch", *installed(*LIBRARIES))]
    machine = json.dumps([platform.machine(), platform.processor(), _cpu_name(), threads_here(), versions])
    return cache_folder(version) / f"{imgsz}-choice-{hashlib.sha256(machine.encode()).hexdigest()[:12]}.json"


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith("model name")), "")


def kept_choice(version: str, imgsz: int) -> Choice | None:
    """Return what was chosen here earlier for a version and input size, or None."""
    try:
        return Choice.model_validate_json(_choice_path(version, imgsz).read_bytes())
    except (OSError, ValidationError):
        return None


def keep_choice(version: str, imgsz: int, choice: Choice) -> None:
    """Note a choice for the next process; without a writable cache it is made again."""
    path = _choice_path(version, imgsz)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fill_atomically(path, choice.model_dump_json(indent=1).encode())
    except OSError as error:
        logger.warning("the chosen back end cannot be noted in %s: %s", path, error.strerror)


def most_apart(one: Sequence[Any], other: Sequence[Any], facts: NetworkFacts) -> tuple[float, float]:
    """Return how far two back ends' outputs for the same pictures lie apart: pixels of a box, and score.

    Boxes are compared where either says that something could be (a score of 0.05), and the best 20 rows in any case;
    scores everywhere. Rows must be in the same order, as they are when both run the same network.
    """
    from tasks.detect.backends.decode import rows_of

    a, b = rows_of(one, facts), rows_of(other, facts)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf"), float("inf")
    score = np.maximum(a[:, 4], b[:, 4])
    least = np.minimum(0.05, np.sort(score, axis=1)[:, -20:][:, :1])
    boxes = np.abs(a[:, :4] - b[:, :4]).max(axis=1)[score >= least]
    return float(boxes.max(initial=0.0)), float(np.abs(a[:, 4] - b[:, 4]).max(initial=0.0))
