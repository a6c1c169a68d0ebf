"""A network whose later layers count in 8-bit integers: the neck and the head, three fifths of the arithmetic.

The backbone stays as it is: in it the same rounding moves scores almost four times as far as in all that follows
(YOLOv8n, on pictures of COCO and tiles from above). So do the last layers of the head, whose numbers are scores and
edges. What ranges the integers span is found on the drawn pictures by which back ends are compared: they excite all
layers, need no data, and make the same file everywhere. On 20 pictures of COCO scores move by 0.009 in the median, in
bfloat16 by 0.004.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tasks.detect.backends.choice import probe_pictures
from tasks.detect.backends.runner import as_blob

logger = logging.getLogger(__name__)

PICTURES = 16
"""With four, scores move by a third more."""

ACTIVATIONS = frozenset({"Sigmoid", "Relu", "LeakyRelu", "HardSwish", "HardSigmoid", "Clip"})
"""What follows every convolution but the last ones of a head."""


def quantize_graph(path: Path, imgsz: int) -> bytes:
    """Return an exported network with its later layers in integers, as an ONNX file: some ten seconds.

    Integers and their scales are written as pairs of operators around each convolution (QDQ), which OpenVINO takes for
    an order to count in integers between them.

    Args:
        path: What `export_graph` made.
        imgsz: Side of the pictures that ranges are found on, in pixels.

    Raises:
        ImportError: ONNX or ONNX Runtime is missing.
        ValueError: The network has no layer that can count in integers.
    """
    import onnx
    from onnxruntime import quantization

    model = onnx.load_model_from_string(path.read_bytes())
    names = later_convolutions(model.graph)
    if not names:
        raise ValueError(f"{path.name} has no convolution behind its backbone that could count in integers")
    with tempfile.TemporaryDirectory(prefix="labelline-int8-") as folder, _quiet():
        written = Path(folder) / "int8.onnx"
        quantization.quantize_static(
            str(path),
            str(written),
            _Pictures(model.graph.input[0].name, probe_pictures(imgsz, PICTURES)),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=names,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            # Rounded before the activation as well, a layer would lose twice, and not be run as one.
            extra_options={"OpTypesToExcludeOutputQuantization": ["Conv"]},
        )
        logger.info("%d layers of %s count in 8-bit integers", len(names), path)
        return written.read_bytes()


def later_convolutions(graph: Any) -> list[str]:
    """Return the convolutions of an exported network that come after its backbone and before an activation."""
    makers = {name: node for node in graph.node for name in node.output}
    backbone: set[str] = set()
    ahead = [graph.output[1].name]  # the features are pooled where the backbone ends
    while ahead:
        node = makers.get(ahead.pop())
        if node is not None and node.name not in backbone:
            backbone.add(node.name)
            ahead.extend(node.input)
    activated = {name for node in graph.node if node.op_type in ACTIVATIONS for name in node.input}
    later = [node for node in graph.node if node.op_type == "Conv" and node.name not in backbone]
    return [node.name for node in later if node.output[0] in activated]


class _Pictures:
    """Pictures one by one, as ONNX Runtime's calibration asks for them."""

    def __init__(self, name: str, pictures: Any) -> None:
        self._feeds = ({name: np.asarray(as_blob(picture[None]))} for picture in pictures)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out the advice to run a preparation that knows no network with free sizes; it speaks in the root logger."""

    def other(record: logging.LogRecord) -> bool:
        return "pre-process" not in record.getMessage()

    root = logging.getLogger()
    root.addFilter(other)
    try:
        yield
    finally:
        root.removeFilter(other)
