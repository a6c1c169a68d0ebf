"""Back ends that read ONNX files on a CPU: OpenVINO, ONNX Runtime and OpenCV. All take one picture at a time.

Each is imported only when it is opened; OpenCV is always there, the other two come with the extra `fast`.
"""

import queue
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tasks.detect.networks import Arrays, as_blob, lanes_here
from tasks.intake.images import Pixels


class OpenVinoRunner:
    """OpenVINO on the CPU, one single-threaded stream per lane, in float32 or (by name) in bfloat16."""

    batch_size = 1

    def __init__(self, path: Path, name: str = "openvino") -> None:
        import openvino

        self.name = name
        self.lanes, threads = lanes_here()
        core = openvino.Core()
        model = core.read_model(path)
        _, _, height, width = model.input(0).partial_shape
        model.reshape([1, 3, height, width])
        steps = openvino.preprocess.PrePostProcessor(model)
        # Pictures go in as they lie in memory; the conversion becomes part of the first layers.
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        settings = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": str(self.lanes),
            "INFERENCE_NUM_THREADS": self.lanes * threads,
            "INFERENCE_PRECISION_HINT": "bf16" if name.endswith("bf16") else "f32",
        }
        self._network = core.compile_model(steps.build(), "CPU", settings)
        self._outputs = range(len(self._network.outputs))
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(self.lanes):
            self._requests.put(self._network.create_infer_request())

    def __str__(self) -> str:
        """Say how many threads it has."""
        return f"{self.name} on cpu, {self.lanes} lanes"

    def run(self, pictures: Pixels) -> Arrays:
        """Run the network; see `Runner.run`."""
        request = self._requests.get()
        try:
            request.infer([np.ascontiguousarray(pictures)], share_inputs=True)
            return [request.get_output_tensor(place).data.copy() for place in self._outputs]
        finally:
            self._requests.put(request)


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
    """OpenCV's own network module, for machines where nothing else can be installed: one call at a time."""

    batch_size = 1
    lanes = 1

    def __init__(self, network: Any, name: str = "opencv") -> None:
        self.name = name
        self._network = network
        self._outputs = network.getUnconnectedOutLayersNames()
        self._lock = threading.Lock()

    @classmethod
    def of_onnx(cls, path: Path) -> "OpenCvRunner":
        """Read an ONNX file."""
        network = cv2.dnn.readNetFromONNX(str(path))
        return cls(network)

    def __str__(self) -> str:
        """Say how many threads it has."""
        return f"{self.name} on cpu, {cv2.getNumThreads()} threads"

    def run(self, pictures: Pixels) -> Arrays:
        """Run the network; see `Runner.run`."""
        with self._lock:
            self._network.setInput(as_blob(pictures))
            # Its buffers are used again by the next call, and it names outputs in no order: features have fewer axes.
            outputs = [np.array(each, dtype=np.float32) for each in self._network.forward(self._outputs)]
        return sorted(outputs, key=lambda each: -each.ndim)


def _errors_of(onnxruntime: Any) -> list[type[Exception]]:
    """Return what ONNX Runtime raises: a dozen classes that have nothing in common but their module."""
    module = onnxruntime.capi.onnxruntime_pybind11_state
    return [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Exception)]
