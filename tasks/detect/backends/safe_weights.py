"""Weights files from outside, opened with distrust: a .pt file is a program that unpickling would run.

What is checked, in this order, and what is not:

1. The file exists, is a zip archive as `torch.save` writes it (stored, not compressed, one `data.pkl`), and is not
   larger than `MAX_BYTES`. Bare pickles (the old style), TorchScript and the rest are refused before any unpickling.
2. It is unpickled by `torch.load(weights_only=True)` through ultralytics' allow-list: only torch's and ultralytics' own
   layers and plain data are built. A file that names any other global (`os.system`, a class of its own) is refused with
   that name. Nothing is downloaded or installed for it, which ultralytics' usual loading would do.
3. What came out is a detection model, or a classification model where one is wanted, of three channels with named
   classes.

Not checked: whether it finds anything, and whether its numbers were tampered with. A reference's version is the
file's hash, so what is loaded later is the file that was registered.
"""

import hashlib
import os
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from blocks.errors import BadWeights
from blocks.storage.outside_files import open_regular
from tasks.detect.backends.runner import threads_here
from tasks.detect.tiling.tiles import STEP_PX

MAX_BYTES = 4 * 2**30
"""The largest published YOLO weights take 0.3 GB; this leaves room for optimizer states."""

MAX_CLASSES = 10_000

MAX_NAME_LENGTH = 200

MAX_STRIDE = 256

KINDS = (".pt", ".onnx", ".weights", ".caffemodel")
"""Endings of weights files that a line can use."""

PLANS = {".weights": ".cfg", ".caffemodel": ".prototxt"}
"""The file of a network's layers, by the ending of that of its numbers."""

_LOADING_ERRORS = (
    TypeError,
    RuntimeError,
    EOFError,
    pickle.UnpicklingError,
    ImportError,
    AttributeError,
    ValueError,
    LookupError,
    ArithmeticError,
    AssertionError,
    OSError,
)
"""What ultralytics and torch raise on files that are damaged, refused, or put together by hand."""

Task = Literal["detection", "classification", "segmentation"]

_NETWORKS: dict[Task, str] = {
    "detection": "DetectionModel",
    "classification": "ClassificationModel",
    "segmentation": "SegmentationModel",
}
"""What ultralytics builds for a task."""

_HEADS: dict[Task, tuple[str, ...]] = {
    "detection": ("Detect", "v10Detect"),
    "classification": ("Classify",),
    "segmentation": ("Segment",),
}
"""Heads whose output is read as boxes and class scores, and nothing else; as one score for each class; with masks."""


def version_of(weights: Path) -> str:
    """Return the version of a weights file: the first 12 hex digits of its SHA-256, with those of `files_of` behind.

    Raises:
        BadWeights: There is no such file, or it cannot be read.
    """
    digest = hashlib.sha256()
    for part in files_of(weights):
        with open_regular(part, BadWeights, MAX_BYTES) as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]


def files_of(weights: Path) -> tuple[Path, ...]:
    """Return the files that a detector consists of: itself, and for the kinds of `PLANS` its plan and its names."""
    plan = PLANS.get(weights.suffix)
    return (weights, weights.with_suffix(plan), weights.with_suffix(".names")) if plan else (weights,)


def check_archive(weights: Path) -> None:
    """Refuse a file that is no zip archive of `torch.save`, without unpickling any of it.

    Raises:
        BadWeights: It is missing, too large, or something else.
    """
    if not weights.is_file():
        raise BadWeights(f"there are no weights at {weights}: give the path of an ultralytics detection .pt file")
    if weights.suffix != ".pt":
        raise BadWeights(f"weights {weights.name} do not end in .pt: expected a file that ultralytics has saved")
    size = weights.stat().st_size
    if size > MAX_BYTES:
        raise BadWeights(f"weights {weights.name} are {size:,} bytes: at most {MAX_BYTES:,} are loaded")
    try:
        with zipfile.ZipFile(weights) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise BadWeights(
            f"weights {weights.name} are no whole PyTorch archive ({size:,} bytes: {error}). They may be truncated, "
            "of an old format, or no weights at all: download them again, or save them with a current PyTorch."
        ) from error
    names = [entry.filename.rpartition("/")[2] for entry in entries]
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if packed or names.count("data.pkl") != 1 or "constants.pkl" in names:
        raise BadWeights(
            f"weights {weights.name} are a zip archive, but not one of PyTorch weights (expected exactly one data.pkl, "
            "not compressed, no TorchScript): give the .pt file that training wrote, not an export"
        )


def open_network(weights: Path, task: Task = "detection") -> Any:
    """Return the network of a weights file: float32, on the CPU, in evaluation mode, layers not yet fused.

    Args:
        weights: The file.
        task: What the network must be for. One that classifies has `trained_px`, the side of the pictures that it was
            trained on, as far as the file says it.

    Raises:
        BadWeights: Any check of this module fails; the message says which.
    """
    check_archive(weights)
    quiet_ultralytics()
    from ultralytics.nn.tasks import torch_safe_load

    try:
        checkpoint, _ = torch_safe_load(str(weights), safe_only=True)
    except _LOADING_ERRORS as error:
        refused = _refused_globals(weights)
        why = f"it asks for {', '.join(refused)}, which no ultralytics weights need" if refused else str(error)[:300]
        raise BadWeights(
            f"weights {weights.name} cannot be loaded safely: {why}. Use weights that ultralytics trained or saved."
        ) from error
    try:
        network = checkpoint.get("ema") or checkpoint.get("model")
        _check_network(network, weights.name, task)
        if task == "classification":
            network.trained_px = (checkpoint.get("train_args") or {}).get("imgsz")
        network = network.float().eval()
        for parameter in network.parameters():
            parameter.requires_grad_(False)
    except _LOADING_ERRORS as error:
        raise BadWeights(
            f"weights {weights.name} hold no network that can be used ({type(error).__name__}: {str(error)[:200]}). "
            "Use weights that ultralytics trained or saved."
        ) from error
    return network


def stride_of(network: Any) -> int:
    """Return the step in which sides of a network's pictures can grow, in pixels: 32 for most, 64 for P6 networks."""
    return max(STEP_PX, int(max(float(each) for each in network.stride)))


def quiet_ultralytics() -> None:
    """Import ultralytics so that it stays at home; to be called before anything else of it is imported.

    It would look things up on the network, install packages that a file asks for, and replace `PIL.Image.open` for the
    whole process by one that installs a plugin when it meets bytes that are no image. It would also tell the whole
    process to make do with one thread, where nobody has asked for any number.
    """
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    from PIL import Image

    untouched, threads_asked = Image.open, os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = threads_asked or str(threads_here())  # torch reads it as it is imported
    from ultralytics.utils import patches

    if not threads_asked:
        os.environ.pop("OMP_NUM_THREADS", None)
    if Image.open is patches.image_open:
        Image.open = untouched if untouched is not patches.image_open else patches._image_open


def check_names(names: Sequence[Any], weights: str) -> None:
    """Refuse class names that are no text, or too long to be shown.

    Raises:
        BadWeights: With the first such name.
    """
    wrong = [text for text in names if not isinstance(text, str) or not 1 <= len(text.strip()) <= MAX_NAME_LENGTH]
    if wrong:
        raise BadWeights(
            f"weights {weights} have a class name {wrong[0]!r:.60}: expected texts of 1 to {MAX_NAME_LENGTH} "
            "characters. Save them again with `model.names` set."
        )


def class_names(network: Any) -> tuple[str, ...]:
    """Return a network's class names in the order of its class ids."""
    names = network.names
    return tuple(names[index] for index in range(len(names)))


def _refused_globals(weights: Path) -> list[str]:
    """Name what a file wanted that neither torch nor ultralytics provides; empty where that was not the trouble."""
    import torch

    try:
        wanted = torch.serialization.get_unsafe_globals_in_checkpoint(weights)
    except (ValueError, RuntimeError, pickle.UnpicklingError, EOFError, KeyError):
        return []
    return sorted(name for name in wanted if not name.startswith(("torch.", "ultralytics.", "numpy.", "pathlib.")))[:5]


def _check_network(network: Any, name: str, task: Task) -> None:
    import torch
    from ultralytics.nn import tasks

    if not isinstance(network, torch.nn.Module):
        raise BadWeights(f"weights {name} hold no network: give the .pt file that training wrote, with its model")
    layers = getattr(network, "model", None)
    head = type(layers[-1]).__name__ if isinstance(layers, torch.nn.Sequential) and len(layers) else "none"
    heads = _HEADS[task]
    if not isinstance(network, getattr(tasks, _NETWORKS[task])) or head not in heads:
        raise BadWeights(
            f"weights {name} are for another task (their head is {head}, expected {' or '.join(heads)}): "
            f"give weights of an ultralytics {task} model"
        )
    plan = getattr(network, "yaml", None)
    if not isinstance(plan, dict) or not isinstance(plan.get("backbone"), list) or not plan["backbone"]:
        raise BadWeights(
            f"weights {name} do not say how their network is built (their `yaml` is {type(plan).__name__}, expected a "
            "table with a backbone): give the file that training wrote"
        )
    channels = plan.get("channels", plan.get("ch", 3))
    if channels != 3:
        raise BadWeights(f"weights {name} expect {channels} channels: images here have 3")
    last: Any = layers[-1]  # type: ignore[index]
    names = getattr(network, "names", None)
    count = last.linear.out_features if task == "classification" else getattr(last, "nc", None)
    if not isinstance(count, int) or isinstance(count, bool):
        raise BadWeights(f"weights {name} say that they find {count!r:.50} classes: expected a whole number")
    strides = [float(each) for each in network.stride]
    if not strides or any(each < 1 or each > MAX_STRIDE or each != int(each) for each in strides):
        raise BadWeights(f"weights {name} have strides of {strides!r:.100}: expected such as 8, 16 and 32")
    by_id = dict(enumerate(names)) if isinstance(names, list | tuple) else names
    if not isinstance(by_id, dict) or not 1 <= count <= MAX_CLASSES or set(by_id) != set(range(count)):
        raise BadWeights(f"weights {name} do not name their {count} classes: save them again with `model.names` set")
    check_names(tuple(by_id[number] for number in range(count)), name)
    network.names = by_id
