"""Detectors behind one small protocol, each loaded once per process and kept warm for all shards and runs.

Everything around a detector (tiles, batches, seams, proposals) knows only the protocol. A network in any library
becomes one through `RowDetector`; see `backends.py` for .pt files and `outside.py` for what other tools have made.
"""

import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from blocks.errors import BadWeights
from blocks.stores import Store
from tasks.detect.networks import Backend
from tasks.detect.refs import DetectorRef
from tasks.detect.weights import version_of
from tasks.intake.images import Pixels

if TYPE_CHECKING:
    import supervision as sv

logger = logging.getLogger(__name__)

EMBEDDING = "embedding"
"""Key in `Detections.metadata` under which a back end leaves an image's features, where they cost it nothing."""

DROPPED = "dropped"
"""Key in `Detections.metadata` under which a back end says how many boxes were not finite: supervision takes none."""

WARM_AT_MOST = 4
"""Detectors kept loaded; the one unused for longest goes first."""

Embeddings = npt.NDArray[np.float32]


def to_detections(
    boxes_xyxy_px: npt.NDArray[np.floating], scores: npt.NDArray[np.floating], class_ids: npt.NDArray[np.generic]
) -> "sv.Detections":
    """Return what a network said as detections, without and with the count of what is not finite.

    Args:
        boxes_xyxy_px: Shape (n, 4), in pixels of the image. n may be 0.
        scores: Shape (n,), 0 to 1.
        class_ids: Shape (n,).
    """
    import supervision as sv

    finite = np.isfinite(boxes_xyxy_px).all(axis=1) & np.isfinite(scores)
    return sv.Detections(
        xyxy=boxes_xyxy_px[finite].astype(np.float32),
        confidence=scores[finite].astype(np.float32),
        class_id=class_ids[finite].astype(np.int64),
        metadata={DROPPED: int((~finite).sum())},
    )


class Detector(Protocol):
    """A model that finds boxes in pictures. Safe to call from several threads."""

    @property
    def version(self) -> str:
        """First 12 hex digits of the SHA-256 of its weights."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by class id."""
        ...

    @property
    def imgsz(self) -> int:
        """Longest side in pixels of the pictures that its network sees."""
        ...

    @property
    def widens(self) -> bool:
        """Whether it sees fitted pictures that are larger than `imgsz`, too."""
        ...

    @property
    def lanes(self) -> int:
        """How many calls run side by side."""
        ...

    @property
    def batch_size(self) -> int:
        """How many images suit one call; 0 for as many as the caller likes."""
        ...

    def predict(self, images: Sequence[Pixels], min_score: float = 0.1, fitted: bool = False) -> "list[sv.Detections]":
        """Find boxes, in pixels of each image, best score first; images are letterboxed unless they are `fitted`.

        Fitted are pictures whose sides are multiples of 32 and at most `imgsz` (any, where it widens): they are seen as
        they are. One call is fastest with pictures of one size. Made with `to_detections`; a back end that has features
        of the image at hand leaves them, a vector (d,) float32, in `metadata["embedding"]`.
        """
        ...

    def embed(self, images: Sequence[Pixels]) -> Embeddings:
        """Return pooled features of whole images, shape (n, d), float32."""
        ...


_warm: OrderedDict[tuple[str, int, Backend], Detector] = OrderedDict()
_lock = threading.Lock()
_loads: Counter[str] = Counter()


def load_detector(weights: Path, version: str, imgsz: int = 640, backend: Backend = "auto") -> Detector:
    """Return the detector of a weights file, loaded at most once per process for a version, input size and back end.

    Args:
        weights: A .pt file that ultralytics saved, an .onnx file, or one of Darknet or Caffe; see `weights.py`,
            `outside.py` and `opencv_formats.py` for how they are distrusted.
        version: What `version_of` says of the file; the key under which it stays warm.
        imgsz: Side of the network's input in pixels, a multiple of 32; an .onnx file brings its own.
        backend: What runs it; the fastest here that agrees with torch by default.

    Raises:
        BadWeights: The file is missing, corrupt, unsafe or for another task.
        BadOption: The back end cannot run here.
    """
    with _lock:  # held while loading: a second thread waits for the first one's model instead of loading its own
        key = (version, imgsz, backend)
        if key not in _warm:
            _warm[key] = _open(weights, version, imgsz, backend)
            _loads[version] += 1
            while len(_warm) > WARM_AT_MOST:
                _warm.popitem(last=False)
        _warm.move_to_end(key)
        return _warm[key]


def open_detector(store: Store, ref: DetectorRef, imgsz: int = 640, backend: Backend = "auto") -> Detector:
    """Return the warm detector that a reference names, its weights fetched from the store and checked by hash.

    Raises:
        BadWeights: The stored file is not the one that the reference names, or cannot be used.
        BadOption: The back end cannot run here.
        ObjectMissing: The store has no such weights.
    """
    with _lock:
        if (warm := _warm.get((ref.version, imgsz, backend))) is not None:
            return warm
    weights = store.local_path(ref.weights_key)
    found = version_of(weights)
    if found != ref.version:
        raise BadWeights(
            f"the weights at {ref.weights_key} have version {found}, not {ref.version}: they were overwritten or half "
            "fetched. Store and register them again."
        )
    return load_detector(weights, ref.version, imgsz, backend)


def loads_of(version: str) -> int:
    """Return how often this process has loaded a version; 1 in a run that keeps it warm."""
    return _loads[version]


def forget_detectors() -> None:
    """Let go of all warm detectors, to free their memory."""
    with _lock:
        _warm.clear()


def known_classes(detector: Detector, asked: Sequence[str]) -> tuple[str, ...]:
    """Return those of the asked classes that a detector can find; may be none."""
    return tuple(name for name in dict.fromkeys(asked) if name in detector.classes)


def _open(weights: Path, version: str, imgsz: int, backend: Backend) -> Detector:
    from tasks.detect.row_detector import RowDetector

    if weights.suffix == ".onnx":
        from tasks.detect.outside import open_outside

        runner, facts = open_outside(weights, version, backend)
    elif weights.suffix in (".weights", ".caffemodel"):
        from tasks.detect.opencv_formats import open_with_opencv

        runner, facts = open_with_opencv(weights, backend)
    else:
        from tasks.detect.backends import open_weights

        runner, facts = open_weights(weights, version, imgsz, backend)
    logger.info("loaded detector %s: %d classes, %d px, %s", version, len(facts.classes), facts.imgsz, runner)
    return RowDetector(runner, facts, version)
