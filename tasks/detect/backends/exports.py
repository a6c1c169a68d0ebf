"""Networks exported from .pt to ONNX, kept beside each other by the hash of the weights they came from.

The cache is `cache/detectors/<version>/` in the state folder: `any.onnx` takes pictures of any size and number,
`<height>x<width>.onnx` is for a library that must know the size, and `int8-<side>.onnx` rounds; beside each a `.json`
with its facts and its hash, written last. What is there is ours and is only checked for damage; a file from outside
goes through `foreign_onnx.py`. Anything here can be deleted at any time.
"""

import hashlib
import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from blocks.frozen import Frozen
from blocks.home import labelline_home
from blocks.storage.stores import fill_atomically
from tasks.detect.backends.runner import NetworkFacts

if TYPE_CHECKING:
    from tasks.detect.backends.torch_network import DetectionGraph

logger = logging.getLogger(__name__)

OPSET = 17
"""All of ONNX Runtime, OpenVINO, TensorRT and OpenCV 4.12 read it; nothing here needs a later one."""

EXPORT_VERSION = 3
"""Raise it when the same weights would be exported otherwise: older exports are then made anew."""

INPUT, OUTPUTS = "pictures", ("rows", "features")
FREE_AXES = {INPUT: {0: "n", 2: "height", 3: "width"}, OUTPUTS[0]: {0: "n", 2: "places"}, OUTPUTS[1]: {0: "n"}}


Size = tuple[int, int]
"""Height and width of a picture in pixels."""

Kind = Size | str | None
"""Of an export: for one size, made otherwise and under a name of its own, or None for any size."""


class Export(Frozen):
    """An exported network: where it is and what is known of it."""

    sha256: str
    export_version: int
    facts: NetworkFacts


def cache_folder(version: str) -> Path:
    """Return the folder for all that is derived from one version of weights. It may not exist."""
    return labelline_home() / "cache" / "detectors" / version


def find_export(version: str, kind: Kind = None) -> tuple[Path, Export] | None:
    """Return the export of a version, for any size if no kind is given; None where there is none or it is damaged."""
    path = _export_path(version, kind)
    try:
        export = Export.model_validate_json(path.with_suffix(".json").read_bytes())
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValidationError):
        return None
    return (path, export) if (found, EXPORT_VERSION) == (export.sha256, export.export_version) else None


def known_stride(version: str) -> int | None:
    """Return the stride of a network that was exported here before, without opening it; else None."""
    for path in sorted(cache_folder(version).glob("*.onnx")):
        try:
            export = Export.model_validate_json(path.with_suffix(".json").read_bytes())
        except (OSError, ValidationError):
            continue
        if export.export_version == EXPORT_VERSION:
            return export.facts.stride
    return None


def export_graph(graph: "DetectionGraph", facts: NetworkFacts, version: str, size_hw: Size | None = None) -> Path:
    """Export a graph to ONNX and keep it; about 5 seconds. Two processes at once make the same file, one wins.

    Args:
        graph: In float32, on any device; unchanged by this.
        facts: Of the network.
        version: Under which it is kept.
        size_hw: Of the pictures, one at a time, which every library can read; else any number of any size.

    Raises:
        OSError: The cache cannot be written.
        RuntimeError: The network has a layer that cannot be exported.
    """
    import copy
    import io

    import torch

    graph = copy.deepcopy(graph).to("cpu")
    buffer = io.BytesIO()
    pictures = torch.zeros(1 if size_hw else 2, 3, *(size_hw or (facts.imgsz, facts.imgsz)))
    with warnings.catch_warnings():
        # The exporter that replaces this one needs another package, and fixes the number of pictures.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (pictures,),
            buffer,  # type: ignore[arg-type]  # a file object will do, and nothing half-written stays
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes=None if size_hw else FREE_AXES,
        )
    return keep_export(buffer.getvalue(), facts, version, size_hw)


def keep_export(data: bytes, facts: NetworkFacts, version: str, kind: Kind = None) -> Path:
    """Keep an ONNX file with what is known of it, and return where.

    Raises:
        OSError: The cache cannot be written.
    """
    export = Export(sha256=hashlib.sha256(data).hexdigest(), export_version=EXPORT_VERSION, facts=facts)
    path = _export_path(version, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    fill_atomically(path, data)
    fill_atomically(path.with_suffix(".json"), json.dumps(export.model_dump(), indent=1).encode())
    logger.info("exported detector %s to %s (%.1f MB)", version, path, len(data) / 1e6)
    return path


def _export_path(version: str, kind: Kind) -> Path:
    name = f"{kind[0]}x{kind[1]}" if isinstance(kind, tuple) else kind or "any"
    return cache_folder(version) / f"{name}.onnx"
