"""Weights that a training begins with where there is no model yet: a file, or a name that ultralytics publishes.

They are opened with the distrust of `safe_weights.py` before any picture is taken in, and kept in the object store:
people label for days before they are needed, and by then a file may be gone, or a network out of reach.
"""

import re
import tempfile
from pathlib import Path

from blocks.errors import BadWeights
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import quiet_ultralytics, version_of
from tasks.detect.refs import DetectorRef
from tasks.train.fitting.beginnings import TRAINABLE, begin_with
from tasks.train.fitting.trainers.registry import trainer_of

VERSION = re.compile(r"[0-9a-f]{12}")
"""See `version_of`."""

BY_NAME = "yolo11n.pt"
"""An example of a name that ultralytics publishes weights under."""


def keep_base(store: Store, spec: str, kind: str, classes: tuple[str, ...]) -> DetectorRef:
    """Find weights to begin with, check them, keep them in the store, and return what names them.

    Args:
        store: Where they are kept.
        spec: The path of a .pt file, a name that ultralytics publishes, or the version of what the store keeps.
        kind: Of the labels.
        classes: What will be learnt; what the weights know of it does not matter.

    Raises:
        BadWeights: There are none, they cannot be fetched, they cannot be used, or too little of them could be trained.
    """
    if VERSION.fullmatch(spec) and store.has(_ref(spec).weights_key):
        return _ref(spec)
    if Path(spec).is_file():
        return _keep(store, Path(spec), kind, classes)
    with tempfile.TemporaryDirectory(prefix="labelline-base-") as folder:
        return _keep(store, fetch_published(spec, Path(folder)), kind, classes)


def fetch_published(name: str, folder: Path) -> Path:
    """Download weights that ultralytics publishes, and return their path in a folder.

    Raises:
        BadWeights: It publishes none of this name, or they cannot be fetched here.
    """
    quiet_ultralytics()
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

    if name not in GITHUB_ASSETS_NAMES or not name.endswith(TRAINABLE):
        raise BadWeights(
            f"{name!r} is no file, and no name under which ultralytics publishes weights: expected the path of a "
            f"{TRAINABLE} file, or a name such as {BY_NAME}"
        )
    try:
        fetched = Path(attempt_download_asset(folder / name, progress=False))
    except (OSError, MemoryError) as error:  # ultralytics' ConnectionError and those of requests are OSErrors
        raise BadWeights(
            f"weights {name} could not be fetched from where ultralytics publishes them ({type(error).__name__}): this "
            "machine may not reach it. Fetch the file elsewhere and give its path, or begin without weights"
        ) from error
    return fetched


def _keep(store: Store, weights: Path, kind: str, classes: tuple[str, ...]) -> DetectorRef:
    if weights.suffix != TRAINABLE:
        raise BadWeights(
            f"weights {weights.name} cannot be trained here: expected a {TRAINABLE} file of ultralytics to begin with. "
            "What only labels pictures is a `--detector`"
        )
    ref = _ref(version_of(weights))
    begin_with(weights, classes, trainer_of(kind).task)
    store.put(ref.weights_key, weights)
    return ref


def _ref(version: str) -> DetectorRef:
    return DetectorRef(version=version, weights_key=f"weights/{version}{TRAINABLE}", name="base")
