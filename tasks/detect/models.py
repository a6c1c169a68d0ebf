"""Detectors behind one small protocol, each loaded once per process and kept warm for all shards and runs.

Everything around a detector (tiles, batches, seams, proposals) knows only the protocol. A network in any library
becomes one through `RowDetector`; see `auto.py` for .pt files and `foreign_onnx.py` for what other tools have made.
"""

import logging
import threading
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np

from blocks.errors import BadWeights
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import KINDS, files_of, version_of
from tasks.detect.detector import Detector
from tasks.detect.options import Backend
from tasks.detect.refs import DetectorRef

logger = logging.getLogger(__name__)


WARM_AT_MOST = 4
"""Detectors kept loaded; the one unused for longest goes first."""


_warm: OrderedDict[tuple[str, int, Backend], Detector] = OrderedDict()
_lock = threading.Lock()
_loads: Counter[str] = Counter()


def load_detector(weights: Path, version: str, imgsz: int = 640, backend: Backend = "auto") -> Detector:
    """Return the detector of a weights file, loaded at most once per process for a version, input size and back end.

    Args:
        weights: A .pt file that ultralytics saved, an .onnx file, or one of Darknet or Caffe; see `safe_weights.py`,
            `foreign_onnx.py` and `darknet_caffe.py` for how they are distrusted.
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
    return load_detector(fetch_weights(store, ref), ref.version, imgsz, backend)


def fetch_weights(store: Store, ref: DetectorRef) -> Path:
    """Return the weights file that a reference names, fetched from the store and checked by hash.

    Raises:
        BadWeights: The stored file is not the one that the reference names.
        ObjectMissing: The store has no such weights.
    """
    weights, *_ = (store.local_path(key) for key in keys_of(ref.weights_key))
    found = version_of(weights)
    if found != ref.version:
        raise BadWeights(
            f"the weights at {ref.weights_key} have version {found}, not {ref.version}: they were overwritten or half "
            "fetched. Store and register them again."
        )
    return weights


def keys_of(weights_key: str) -> tuple[str, ...]:
    """Return where in the store the files of a detector are, its weights first; see `weights.files_of`."""
    return tuple(str(part) for part in files_of(Path(weights_key)))


def check_detector(weights: Path, version: str) -> tuple[str, ...]:
    """Open weights of any kind, see that they run, and return their class names, before anything is kept of them.

    Raises:
        BadWeights: They cannot be used, or are of no kind that is.
        BadOption: Nothing that is installed here runs them.
    """
    if weights.suffix not in KINDS:
        raise BadWeights(
            f"weights {weights.name} are of no kind that is used here: expected {', '.join(KINDS)} (ultralytics, "
            "YOLOX, Darknet, Caffe)"
        )
    if weights.suffix == ".pt":
        from tasks.detect.backends.torch_network import open_graph

        return open_graph(weights, 64)[1].classes
    detector = _open(weights, version, 640, "auto")
    detector.predict([np.zeros((detector.imgsz, detector.imgsz, 3), dtype=np.uint8)])
    return detector.classes


def fixed_side(store: Store, ref: DetectorRef) -> int | None:
    """Return the side in pixels of the only pictures that a detector sees; None where it sees any."""
    suffix = Path(ref.weights_key).suffix
    if suffix == ".pt":
        return None
    weights, *_ = (store.local_path(key) for key in keys_of(ref.weights_key))
    if suffix == ".onnx":
        from tasks.detect.backends.foreign.foreign_onnx import facts_of

        return facts_of(weights).imgsz
    from tasks.detect.backends.foreign.darknet_caffe import side_of

    return side_of(weights)


def loads_of(version: str) -> int:
    """Return how often this process has loaded a version; 1 in a run that keeps it warm."""
    return _loads[version]


def forget_detectors() -> None:
    """Let go of all warm detectors, to free their memory."""
    with _lock:
        _warm.clear()


def _open(weights: Path, version: str, imgsz: int, backend: Backend) -> Detector:
    from tasks.detect.backends.row_detector import RowDetector

    if weights.suffix == ".onnx":
        from tasks.detect.backends.foreign.foreign_onnx import open_outside

        runner, facts = open_outside(weights, version, backend)
    elif weights.suffix in (".weights", ".caffemodel"):
        from tasks.detect.backends.foreign.darknet_caffe import open_with_opencv

        runner, facts = open_with_opencv(weights, backend)
    else:
        from tasks.detect.backends.auto import open_weights

        runner, facts = open_weights(weights, version, imgsz, backend)
    logger.info("loaded detector %s: %d classes, %d px, %s", version, len(facts.classes), facts.imgsz, runner)
    return RowDetector(runner, facts, version)
