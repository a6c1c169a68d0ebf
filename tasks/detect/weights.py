"""Weights files from outside, opened with distrust: a .pt file is a program that unpickling would run.

What is checked, in this order, and what is not:

1. The file exists, is a zip archive as `torch.save` writes it (stored, not compressed, one `data.pkl`), and is not
   larger than `MAX_BYTES`. Bare pickles (the old style), TorchScript and the rest are refused before any unpickling.
2. It is unpickled by `torch.load(weights_only=True)` through ultralytics' allow-list: only torch's and ultralytics' own
   layers and plain data are built. A file that names any other global (`os.system`, a class of its own) is refused with
   that name. Nothing is downloaded or installed for it, which ultralytics' usual loading would do.
3. What came out is a detection model of three channels with named classes.

Not checked: whether it detects anything, and whether its numbers were tampered with. A reference's version is the
file's hash, so what is loaded later is the file that was registered.
"""

import hashlib
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

from blocks.errors import BadWeights
from tasks.detect.networks import threads_here

MAX_BYTES = 4 * 2**30
"""The largest published YOLO weights take 0.3 GB; this leaves room for optimizer states."""

MAX_CLASSES = 10_000

_LOADING_ERRORS = (TypeError, RuntimeError, EOFError, pickle.UnpicklingError, ImportError, AttributeError, ValueError)
"""What ultralytics and torch raise on files that are damaged or refused."""

_HEADS = ("Detect", "v10Detect")
"""Heads whose output ultralytics' non-maximum suppression reads as boxes and class scores, and nothing else."""


def version_of(weights: Path) -> str:
    """Return the version of a weights file: the first 12 hex digits of its SHA-256.

    Raises:
        BadWeights: There is no such file, or it cannot be read.
    """
    try:
        with weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    except OSError as error:
        raise BadWeights(f"weights {weights} cannot be read: {error.strerror}. Give the path of a .pt file.") from error


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


def open_network(weights: Path) -> Any:
    """Return the detection network of a weights file: float32, on the CPU, in evaluation mode, layers not yet fused.

    Raises:
        BadWeights: Any check of this module fails; the message says which.
    """
    check_archive(weights)
    quiet_ultralytics()
    from ultralytics.nn.tasks import torch_safe_load

    try:
        checkpoint, _ = torch_safe_load(str(weights), safe_only=True)
    except (
        TypeError,
        RuntimeError,
        EOFError,
        pickle.UnpicklingError,
        ImportError,
        AttributeError,
        ValueError,
    ) as error:
        refused = _refused_globals(weights)
        why = f"it asks for {', '.join(refused)}, which no ultralytics weights need" if refused else str(error)[:300]
        raise BadWeights(
            f"weights {weights.name} cannot be loaded safely: {why}. Use weights that ultralytics trained or saved."
        ) from error
    network = checkpoint.get("ema") or checkpoint.get("model")
    _check_network(network, weights.name)
    network = network.float().eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


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


def _check_network(network: Any, name: str) -> None:
    import torch
    from ultralytics.nn.tasks import DetectionModel

    if not isinstance(network, torch.nn.Module):
        raise BadWeights(f"weights {name} hold no network: give the .pt file that training wrote, with its model")
    layers = getattr(network, "model", None)
    head = type(layers[-1]).__name__ if isinstance(layers, torch.nn.Sequential) and len(layers) else "none"
    if not isinstance(network, DetectionModel) or head not in _HEADS:
        raise BadWeights(
            f"weights {name} are for another task (their head is {head}, expected {' or '.join(_HEADS)}): "
            "give weights of an ultralytics detection model"
        )
    plan: dict[str, Any] = network.yaml or {}
    channels = plan.get("channels", plan.get("ch", 3))
    if channels != 3:
        raise BadWeights(f"weights {name} expect {channels} channels: images here have 3")
    names, count = getattr(network, "names", None), int(layers[-1].nc)  # type: ignore[index]
    by_id = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(by_id, dict) or not 1 <= count <= MAX_CLASSES or set(by_id) != set(range(count)):
        raise BadWeights(f"weights {name} do not name their {count} classes: save them again with `model.names` set")
    if not all(isinstance(text, str) and text for text in by_id.values()):
        raise BadWeights(f"weights {name} have class names that are no text: save them again with `model.names` set")
    network.names = by_id
