"""Back ends that read ONNX files on a CPU: OpenVINO, ONNX Runtime and OpenCV. All take one picture at a time.

Each is imported only when it is opened; OpenCV is always there, the other two come with the extra `fast`.
"""

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tasks.detect.backends.exports import Size
from tasks.detect.backends.runner import Arrays, as_blob, lanes_here
from tasks.detect.options import ROUNDED
from tasks.intake.images import Pixels

SIZES_AT_ONCE = 12
"""Sizes of pictures for which a library keeps a plan; images of one camera need two."""


_FIRST_USE = threading.Lock()
"""Held while OpenVINO makes its table of number types, at their first use in a process.

It makes it in C++, behind a guard, and lets go of Python's lock meanwhile: of two lanes that begin at once, one then
holds the guard and the other Python's lock, and the process stands still for ever (seen with 2026.4.1).
"""


class OpenVinoRunner:
    """OpenVINO on the CPU, with a lane more than its streams, in float32 or (by name) in bfloat16 and integers.

    For each size of picture the network is compiled anew: with its size known it runs faster than with any size.
    """

    batch_size = 1

    def __init__(self, path: Path, name: str = "openvino") -> None:
        import openvino

        self.name = name
        self._streams, self._threads = lanes_here()
        # While one lane reads what its network said, another keeps that stream busy.
        self.lanes = self._streams + 1
        with _FIRST_USE:
            openvino.Type.u8.to_dtype()
        self._core, self._path = openvino.Core(), path
        self._core.read_model(path)  # a file that cannot be read is found now
        self._lock = threading.Lock()
        self._requests: OrderedDict[Size, queue.SimpleQueue[Any]] = OrderedDict()

    def __str__(self) -> str:
        """Say how many threads it has."""
        return f"{self.name} on cpu, {self._streams} streams"

    def run(self, pictures: Pixels) -> Arrays:
        """Run the network; see `Runner.run`."""
        requests = self._requests_for((pictures.shape[1], pictures.shape[2]))
        request = requests.get()
        try:
            request.infer([np.ascontiguousarray(pictures)], share_inputs=True)
            return [np.array(tensor.data) for tensor in request.output_tensors]
        finally:
            requests.put(request)

    def _requests_for(self, size_hw: Size) -> "queue.SimpleQueue[Any]":
        with self._lock:
            if size_hw not in self._requests:
                network = self._compile(size_hw)
                self._requests[size_hw] = queue.SimpleQueue()
                for _ in range(self.lanes):
                    self._requests[size_hw].put(network.create_infer_request())
                while len(self._requests) > SIZES_AT_ONCE:
                    self._requests.popitem(last=False)
            self._requests.move_to_end(size_hw)
            return self._requests[size_hw]

    def _compile(self, size_hw: Size) -> Any:
        import openvino

        model = self._core.read_model(self._path)
        model.reshape([1, 3, *size_hw])
        steps = openvino.preprocess.PrePostProcessor(model)
        # Pictures go in as they lie in memory; the conversion becomes part of the first layers.
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        settings = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": str(self._streams),
            "INFERENCE_NUM_THREADS": self._streams * self._threads,
            "INFERENCE_PRECISION_HINT": "bf16" if self.name in ROUNDED else "f32",
        }
        return self._core.compile_model(steps.build(), "CPU", settings)


class OnnxRuntimeRunner:
    """ONNX Runtime on the CPU: as many calls at once as there are lanes, each in its caller's thread."""

    batch_size = 1

    def __init__(self, path: Path) -> None:
        import onnxruntime

        self.name = "onnxruntime"
        self.lanes, threads = lanes_here()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # a warning per graph is for whoever exports, not for whoever labels
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except tuple(_errors_of(onnxruntime)) as error:
            raise RuntimeError(str(error)) from error
        self._input = self._session.get_inputs()[0].name

    def __str__(self) -> str:
        """Say how many threads it has."""
        return f"{self.name} on cpu, {self.lanes} lanes"

    def run(self, pictures: Pixels) -> Arrays:
        """Run the network; see `Runner.run`."""
        outputs: Arrays = self._session.run(None, {self._input: as_blob(pictures)})
        return outputs


class OpenCvRunner:
    """OpenCV's own network module, for machines where nothing else can be installed: one call at a time.

    Its networks know the size of their pictures, so each size is a network of its own.
    """

    batch_size = 1
    lanes = 1
    name = "opencv"

    def __init__(self, open_network: Callable[[Size], Any], imgsz: int) -> None:
        self._open = open_network
        self._networks: OrderedDict[Size, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._network_for((imgsz, imgsz))  # a file that cannot be read is found now

    @classmethod
    def of_files(cls, path_of: Callable[[Size], Path], imgsz: int) -> "OpenCvRunner":
        """Read the ONNX file of each size of picture that comes."""
        return cls(lambda size_hw: cv2.dnn.readNetFromONNX(str(path_of(size_hw))), imgsz)

    def __str__(self) -> str:
        """Say how many threads it has."""
        return f"{self.name} on cpu, {cv2.getNumThreads()} threads"

    def run(self, pictures: Pixels) -> Arrays:
        """Run the network; see `Runner.run`."""
        with self._lock:
            network = self._network_for((pictures.shape[1], pictures.shape[2]))
            network.setInput(self._blob(pictures))
            return self._outputs(network.forward(network.getUnconnectedOutLayersNames()))

    def _blob(self, pictures: Pixels) -> Any:
        return as_blob(pictures)

    def _outputs(self, said: Any) -> Arrays:
        # Its buffers are used again by the next call, and it names outputs in no order: features have fewer axes.
        return sorted((np.array(each, dtype=np.float32) for each in said), key=lambda each: -each.ndim)

    def _network_for(self, size_hw: Size) -> Any:
        if size_hw not in self._networks:
            self._networks[size_hw] = self._open(size_hw)
            while len(self._networks) > SIZES_AT_ONCE:
                self._networks.popitem(last=False)
        self._networks.move_to_end(size_hw)
        return self._networks[size_hw]


def _errors_of(onnxruntime: Any) -> list[type[Exception]]:
    """Return what ONNX Runtime raises: a dozen classes that have nothing in common but their module."""
    module = onnxruntime.capi.onnxruntime_pybind11_state
    return [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Exception)]
