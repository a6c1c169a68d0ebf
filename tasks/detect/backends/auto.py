"""Which back end runs a detector on this machine: the fastest of those that say the same as torch does.

The choice is measured once per machine, weights and input size, kept beside the exports, and said in the log. Back ends
that round numbers (on CPUs bfloat16, or integers in the later layers) are two to three times as fast and never chosen:
on real tiles they move boxes by up to 12 px and scores by 0.05. They can be asked for by name.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import cv2

from blocks.errors import BadOption
from tasks.detect.backends.choice import choose, installed, keep_choice, kept_choice, probe_pictures
from tasks.detect.backends.exports import Size, export_graph, find_export, keep_export, known_stride
from tasks.detect.backends.runner import NetworkFacts, Runner
from tasks.detect.options import Backend
from tasks.detect.tiling.tiles import STEP_PX, round_up

if TYPE_CHECKING:
    from tasks.detect.backends.torch_network import DetectionGraph

logger = logging.getLogger(__name__)

WORTH_EXPORTING = 1_000_000_000
"""Multiplications per picture. Below, torch takes some 10 ms, and ten seconds of exporting and measuring rarely pay."""

FAILURES = (ImportError, OSError, RuntimeError, ValueError, TypeError, AttributeError, cv2.error)
"""What optional libraries raise where they are missing, damaged, or cannot read a network."""


def open_weights(weights: Path, version: str, imgsz: int, backend: Backend = "auto") -> tuple[Runner, NetworkFacts]:
    """Open an ultralytics .pt file in a back end.

    Args:
        weights: The file.
        version: Its hash; under it exports and the choice are kept.
        imgsz: Side of the pictures in pixels.
        backend: `auto` for the fastest that agrees with torch; or one by name.

    Raises:
        BadWeights: The file is missing, corrupt, unsafe or for another task.
        BadOption: There is no such back end, or it cannot run here.
    """
    network = _Opening(weights, version, imgsz)
    if backend not in get_args(Backend):
        raise BadOption(f"there is no back end {backend!r}: expected one of {', '.join(get_args(Backend))}")
    if backend != "auto":
        return _open_by_name(network, backend)
    if (kept := kept_choice(version, network.imgsz)) is not None:
        runner = _try_open(network, kept.name)
        if runner is not None:
            logger.info("detector %s runs in %s (chosen earlier: %s)", version, runner, kept.why)
            return runner, network.facts
    choice, runner = choose(network.candidates(), network.reference, probe_pictures(network.imgsz), network.facts)
    keep_choice(version, network.imgsz, choice)
    logger.info("detector %s runs in %s: %s", version, runner, choice.why)
    return runner, network.facts


class _Opening:
    """One weights file, opened in as many back ends as are wanted, read and exported at most once."""

    def __init__(self, weights: Path, version: str, imgsz: int) -> None:
        self.weights, self.version = weights, version
        self._opened: tuple[DetectionGraph, NetworkFacts] | None = None
        self._facts: NetworkFacts | None = None
        self.imgsz = imgsz
        self.stride = known_stride(version) or self._graph()[1].stride
        self.imgsz = round_up(imgsz, self.stride)  # what it does not divide it cannot see: pictures are padded

    @property
    def facts(self) -> NetworkFacts:
        """Of the network."""
        return self._facts or self._graph()[1]

    def open(self, name: str) -> Runner:
        """Open it in a back end, or raise one of `FAILURES`."""
        if name.startswith("torch"):
            from tasks.detect.backends.torch_network import TorchRunner

            return TorchRunner(self._graph()[0], name)
        if name == "opencv":
            from tasks.detect.backends.onnx_runners import OpenCvRunner

            return OpenCvRunner.of_files(self._export, self.imgsz)
        if name == "openvino-int8":
            return open_onnx(self._quantized(), name, self.imgsz)
        return open_onnx(self._export(), name, self.imgsz, self.stride)

    def reference(self) -> Runner:
        """Return torch in float32."""
        return self.open("torch")

    def candidates(self) -> Iterator[Runner]:
        """Yield what may be faster here than torch in float32, and gives the same boxes."""
        import torch

        from tasks.detect.backends.torch_network import count_multiplications

        if torch.cuda.is_available():
            names = ["torch-fp16", *installed("tensorrt")]
        elif count_multiplications(self._graph()[0], self.imgsz) < WORTH_EXPORTING:
            names = []
        else:
            names = installed("openvino", "onnxruntime") or ["opencv"]
        for name in names:
            if (runner := _try_open(self, name)) is not None:
                yield runner

    def _graph(self) -> "tuple[DetectionGraph, NetworkFacts]":
        from tasks.detect.backends.torch_network import open_graph

        if self._opened is None:
            self._opened = open_graph(self.weights, self.imgsz)
        return self._opened

    def _export(self, size_hw: Size | None = None) -> Path:
        square = (self.imgsz, self.imgsz)
        found = find_export(self.version, size_hw)
        if found is None and size_hw is None:
            found = find_export(self.version, square)  # where a network sees only squares, this is what was exported
            found = found if found and found[1].facts.square else None
        if found is None:
            graph, facts = self._graph()
            return export_graph(graph, facts, self.version, square if facts.square else size_hw)
        self._facts = found[1].facts.model_copy(update={"imgsz": self.imgsz})
        return found[0]

    def _quantized(self) -> Path:
        kind = f"int8-{self.imgsz}"
        if (found := find_export(self.version, kind)) is not None:
            self._facts = found[1].facts.model_copy(update={"imgsz": self.imgsz})
            return found[0]
        from tasks.detect.backends.int8 import quantize_graph

        data = quantize_graph(self._export(), self.imgsz)
        return keep_export(data, self.facts, self.version, kind)


def open_onnx(path: Path, name: str, imgsz: int, stride: int = STEP_PX) -> Runner:
    """Open an ONNX file in a back end, or raise whatever its library raises."""
    from tasks.detect.backends import onnx_runners

    if name == "onnxruntime":
        return onnx_runners.OnnxRuntimeRunner(path)
    if name == "opencv":
        return onnx_runners.OpenCvRunner.of_files(lambda _size: path, imgsz)
    if name == "tensorrt":
        from tasks.detect.backends.trt import TensorRtRunner

        return TensorRtRunner(path, imgsz, stride)
    return onnx_runners.OpenVinoRunner(path, name)


def _try_open(network: _Opening, name: str) -> Runner | None:
    try:
        return network.open(name)
    except FAILURES as error:
        logger.warning("back end %s cannot be used for detector %s: %s", name, network.version, str(error)[:300])
        return None


def _open_by_name(network: _Opening, name: str) -> tuple[Runner, NetworkFacts]:
    try:
        runner = network.open(name)
    except FAILURES as error:
        raise BadOption(
            f"back end {name!r} cannot run detector {network.version} here: {str(error)[:300]}. "
            "Use 'auto', or install Labelline's extra 'fast'."
        ) from error
    logger.info("detector %s runs in %s, as asked for", network.version, runner)
    return runner, network.facts
