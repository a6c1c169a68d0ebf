"""Ultralytics detection networks in torch, cut down to what the line needs of them, and ready to be exported.

`YOLO.predict` spends its time per image on result objects, callbacks and file sources. Here a stack of pictures goes
in, rows and features come out, and what remains is the network; results are the same (a test compares them).
"""

import queue
import threading
from pathlib import Path
from typing import Any

import torch

from blocks.errors import BadOption, BadWeights
from tasks.detect.backends.runner import Arrays, NetworkFacts, threads_here
from tasks.detect.backends.safe_weights import class_names, open_network, stride_of
from tasks.detect.tiling.tiles import round_up
from tasks.intake.images import Pixels

CPU_BATCH = 4
"""On CPUs four pictures at once are fastest: of eight, the activations fall out of the cache."""

GPU_LANES = 2

ROW_LENGTH = 6

TRIED_PX = 640

RUNNING_ERRORS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a network raises whose layers do not fit each other."""

FORMATS = {"torch": torch.float32, "torch-bf16": torch.bfloat16, "torch-fp16": torch.float16}


class DetectionGraph(torch.nn.Module):
    """A network of ultralytics from pictures (n, 3, h, w), blue green red 0 to 255, to rows and features.

    The order of colours and the division by 255 are folded into the first layer's weights, the best class is chosen
    inside, and the deepest layer of the backbone is pooled on the way.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.layers = network.fuse(verbose=False).model
        self.kept = frozenset(network.save)
        self.deepest = len(network.yaml["backbone"]) - 1
        head = self.layers[-1]
        # Corners instead of centres, nothing but the boxes, and for each picture the anchors of its own size.
        head.xyxy, head.export, head.dynamic, head.format = True, True, True, "onnx"
        head.anchors = head.strides = torch.empty(0)
        self.suppressed = bool(getattr(head, "end2end", False))
        first: Any = getattr(self.layers[0], "conv", None)
        self.folded = isinstance(first, torch.nn.Conv2d) and first.groups == 1
        if self.folded:
            first.weight.data = first.weight.data[:, [2, 1, 0]] / 255

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Move the strides along, which the head keeps as a plain tensor."""
        moved = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.layers[-1].stride = fn(self.layers[-1].stride)
        return moved

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows (n, 6, a), see `decode.py`, and pooled features (n, d)."""
        outputs: list[Any] = []
        value: Any = pictures if self.folded else pictures.flip(1) / 255
        features = pictures
        for layer in self.layers:
            if layer.f != -1:
                came_from = [layer.f] if isinstance(layer.f, int) else layer.f
                inputs = [value if place == -1 else outputs[place] for place in came_from]
                value = inputs[0] if isinstance(layer.f, int) else inputs
            value = layer(value)
            outputs.append(value if layer.i in self.kept else None)
            if layer.i == self.deepest:
                features = value.mean(dim=(2, 3))
        # What the head noted of this picture's size would stand in the way of a copy.
        self.layers[-1].anchors = self.layers[-1].strides = torch.empty(0)
        if self.suppressed:
            return value.transpose(1, 2), features
        scores = value[:, 4:]
        best = scores.argmax(1, keepdim=True).to(value.dtype)
        return torch.cat([value[:, :4], scores.amax(1, keepdim=True), best], 1), features


def open_graph(weights: Path, imgsz: int) -> tuple[DetectionGraph, NetworkFacts]:
    """Open a .pt file with the distrust of `safe_weights.py`, and return its graph on the CPU in float32.

    Args:
        weights: The file.
        imgsz: Side of the largest pictures; what the network's stride does not divide is rounded up to what it does,
            and pictures are padded.

    Raises:
        BadWeights: The file is missing, corrupt, unsafe, for another task, or does not run.
        BadOption: A network cannot see pictures of this size.
    """
    if imgsz < 32 or imgsz % 32:
        raise BadOption(f"a network input of {imgsz} px is not possible: expected a multiple of 32")
    network = open_network(weights)
    stride = stride_of(network)
    try:
        graph = DetectionGraph(network).eval()
        with torch.inference_mode():
            # A head that suppresses by itself takes its best 300 of all places, which a small picture does not have.
            side = TRIED_PX if graph.suppressed else 2 * stride
            rows, _ = graph(torch.zeros(1, 3, side, side))
        if rows.ndim != 3 or rows.shape[1] != ROW_LENGTH:
            raise BadWeights(f"weights {weights.name} give an output of shape {tuple(rows.shape)}: expected (1, 6, n)")
    except RUNNING_ERRORS as error:
        raise BadWeights(
            f"weights {weights.name} do not run ({type(error).__name__}: {str(error)[:200]}): give the file that "
            "training wrote"
        ) from error
    done = graph.suppressed
    side = round_up(imgsz, stride)
    facts = NetworkFacts(classes=class_names(network), imgsz=side, suppressed=done, square=done, stride=stride)
    return graph, facts


def count_multiplications(graph: DetectionGraph, imgsz: int) -> int:
    """Return how many multiplications the convolutions of a graph take for one picture."""
    total = 0

    def count(layer: Any, _inputs: Any, output: Any) -> None:
        nonlocal total
        total += layer.weight.numel() * output.shape[-1] * output.shape[-2]

    hooks = [layer.register_forward_hook(count) for layer in graph.modules() if isinstance(layer, torch.nn.Conv2d)]
    with torch.inference_mode():
        graph(torch.zeros(1, 3, imgsz, imgsz))
    for hook in hooks:
        hook.remove()
    return total


class TorchRunner:
    """A graph in torch, on the best device there is; channels last, which is a quarter faster for the same numbers.

    On a GPU two lanes take turns: while one waits for its batch, the other's boxes are read and its next pictures sent.
    Pictures travel as bytes.

    Attributes:
        name: `torch`, or with its number format: `torch-bf16`, `torch-fp16`.
        device: Such as cpu or cuda.
    """

    def __init__(self, graph: DetectionGraph, name: str = "torch") -> None:
        self.name = name
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.lanes = GPU_LANES if self.device == "cuda" else 1
        self.batch_size = 0 if self.device == "cuda" else CPU_BATCH
        self._graph = graph.to(self.device).to(memory_format=torch.channels_last)
        self._lock = threading.Lock()
        self._streams: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(self.lanes if self.device == "cuda" else 0):
            self._streams.put(torch.cuda.Stream())  # type: ignore[no-untyped-call]

    def __str__(self) -> str:
        """Say where it runs."""
        return f"{self.name} on {self.device}" + ("" if self.device == "cuda" else f", {threads_here()} threads")

    def run(self, pictures: Pixels) -> Arrays:
        """Return rows and features; see `Runner.run`."""
        if self.device == "cuda":
            return self._run_on_gpu(pictures)
        with self._lock, torch.inference_mode(), self._reduced():
            # As it lies in memory, by pixel, is what "channels last" means: no reordering is needed.
            batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
            return [each.float().numpy() for each in self._graph(batch)]

    def _reduced(self) -> torch.autocast:
        number_format = FORMATS[self.name]
        return torch.autocast(self.device, number_format, enabled=number_format != torch.float32)

    def _run_on_gpu(self, pictures: Pixels) -> Arrays:
        """Queue copy, network and copy back on the lane's stream, and wait for that one only.

        Written for any CUDA machine and, for want of one, not yet run on any.
        """
        stream = self._streams.get()
        try:
            return self._run_on_stream(pictures, stream)
        finally:
            self._streams.put(stream)

    def _run_on_stream(self, pictures: Pixels, stream: Any) -> Arrays:
        pinned = torch.from_numpy(pictures).pin_memory()  # else the copy would not run beside the other lane's network
        with torch.inference_mode(), torch.cuda.stream(stream):
            batch = pinned.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float()
            with self._lock, self._reduced():  # only the queueing takes turns: the network notes sizes while it runs
                said = [each.float() for each in self._graph(batch)]
            outputs = [each.to("cpu", non_blocking=True) for each in said]
        stream.synchronize()
        return [each.numpy() for each in outputs]
