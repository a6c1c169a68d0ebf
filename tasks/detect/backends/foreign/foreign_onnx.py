"""Detectors that other tools have made, as ONNX files: YOLOX is the proof that the line needs no ultralytics.

An ONNX file runs no code when it is read, but it can name other files to read from, and it can be anything at all. So
before a library sees it: its size is bounded, it must be whole, all its numbers must be inside it, its operators must
be those of the standard, and its input and output must have a shape that a reader in `decode.py` knows. Class names
come from its metadata (`names`, as ultralytics and others write it); 80 classes without names are taken for COCO's.
"""

import ast
import json
import logging
from pathlib import Path
from typing import Any, get_args

from blocks.errors import BadOption, BadWeights
from blocks.storage.outside_files import read_bounded
from tasks.detect.backends.auto import FAILURES, open_onnx
from tasks.detect.backends.choice import choose, installed, keep_choice, kept_choice, probe_pictures
from tasks.detect.backends.foreign.coco_names import COCO_CLASSES
from tasks.detect.backends.runner import NetworkFacts, Runner
from tasks.detect.backends.safe_weights import MAX_BYTES, MAX_CLASSES, MAX_NAME_LENGTH, check_names
from tasks.detect.options import Backend

logger = logging.getLogger(__name__)

MAX_SIDE_PX = 8192

MAX_NAMES_TEXT = MAX_CLASSES * (MAX_NAME_LENGTH + 10)

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Operator sets that the back ends bring along; a file with others wants code of its own loaded."""


def open_outside(path: Path, version: str, backend: Backend = "auto") -> tuple[Runner, NetworkFacts]:
    """Open an ONNX detection network in a back end.

    Args:
        path: The file.
        version: Its hash; under it the choice of a back end is kept.
        backend: `auto` for the fastest that agrees with the slowest; or one by name.

    Raises:
        BadWeights: The file is missing, corrupt, unsafe, or no detector of a known family.
        BadOption: The back end is none for ONNX files, or cannot run here.
    """
    facts = facts_of(path)
    readers = [*installed("onnxruntime", "openvino"), "opencv"]
    if backend not in get_args(Backend):
        raise BadOption(f"there is no back end {backend!r}: expected one of {', '.join(get_args(Backend))}")
    if backend != "auto":
        return _open(path, backend, facts), facts
    kept = kept_choice(version, facts.imgsz)
    if kept is not None and kept.name in readers:
        return _open(path, kept.name, facts), facts
    # OpenCV is the slowest by far: it is the reference only where it is the only one.
    others = (_open(path, name, facts) for name in readers[1:] if name != "opencv")
    choice, runner = choose(others, lambda: _open(path, readers[0], facts), probe_pictures(facts.imgsz), facts)
    keep_choice(version, facts.imgsz, choice)
    logger.info("detector %s runs in %s: %s", version, runner, choice.why)
    return runner, facts


def facts_of(path: Path) -> NetworkFacts:
    """Check an ONNX file and return what it is, without running any of it.

    Raises:
        BadWeights: Any check of this module fails; the message says which.
    """
    model = _read(path)
    _check_contents(model, path.name)
    inputs = [each for each in model.graph.input if each.name not in {init.name for init in model.graph.initializer}]
    takes = [_shape(each) for each in inputs]
    gives = [_shape(each) for each in model.graph.output]
    square = len(takes) == 1 and len(takes[0]) == 4 and takes[0][1] == 3 and takes[0][2] == takes[0][3]
    side = takes[0][2] if square else 0
    places = sum((side // stride) ** 2 for stride in (8, 16, 32))
    known = len(gives) == 1 and len(gives[0]) == 3 and gives[0][1] == places and gives[0][2] > 5
    if not (square and known and side % 32 == 0 and 32 <= side <= MAX_SIDE_PX):
        raise BadWeights(
            f"weights {path.name} take {takes} and give {gives}: expected one square picture of 3 colours, and YOLOX's "
            f"output of (1, places, 5 + classes), with a side of 32 to {MAX_SIDE_PX}. Export them so, or give "
            "ultralytics weights (.pt)."
        )
    names = _class_names(model, gives[0][2] - 5, path.name)
    return NetworkFacts(classes=names, imgsz=side, square=True, layout="yolox", padding="top_left")


def _open(path: Path, name: str, facts: NetworkFacts) -> Runner:
    if name.startswith("torch") or name in ("tensorrt", "openvino-int8"):
        raise BadOption(f"back end {name!r} runs no .onnx file: expected openvino, onnxruntime or opencv")
    try:
        return open_onnx(path, name, facts.imgsz)
    except ImportError as error:
        raise BadOption(f"back end {name!r} is not installed: install Labelline's extra 'fast'") from error
    except FAILURES as error:
        raise BadWeights(f"weights {path.name} cannot be run by {name}: {str(error)[:300]}") from error


def _read(path: Path) -> Any:
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise BadOption("an .onnx file can be checked only with onnx: install Labelline's extra 'fast'") from error
    data = read_bounded(path, BadWeights, MAX_BYTES)
    try:
        # Parsed from bytes, it has no folder from which it could read other files.
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
    except (ValueError, RuntimeError, TypeError, DecodeError, onnx.checker.ValidationError) as error:
        raise BadWeights(
            f"weights {path.name} are no whole ONNX file ({len(data):,} bytes: {str(error)[:200]}). Export it again."
        ) from error
    return model


def _check_contents(model: Any, name: str) -> None:
    from onnx import TensorProto

    elsewhere = [init.name for init in model.graph.initializer if init.data_location == TensorProto.EXTERNAL]
    if elsewhere:
        raise BadWeights(f"weights {name} keep {elsewhere[0]!r} in another file: export them as a single file")
    strange = sorted({entry.domain for entry in model.opset_import} - set(DOMAINS))
    strange += sorted({node.domain for node in model.graph.node} - set(DOMAINS))
    if strange:
        raise BadWeights(f"weights {name} need operators of {strange[0]!r}, which no back end here brings along")


def _shape(value: Any) -> list[int]:
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def _class_names(model: Any, count: int, name: str) -> tuple[str, ...]:
    text = {entry.key: entry.value for entry in model.metadata_props}.get("names")
    if text is None and count == len(COCO_CLASSES):
        return COCO_CLASSES
    try:
        names = _listed(_parse(text)) if text else ()
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise BadWeights(
            f"weights {name} have class names that cannot be read: {text!r:.100}. Put them into the file's metadata as "
            "`names`, a JSON list."
        ) from error
    if len(names) != count:
        raise BadWeights(
            f"weights {name} find {count} classes and name {len(names)}: put the names into the file's metadata as "
            "`names`, a JSON list"
        )
    check_names(names, name)
    return names


def _parse(text: str) -> Any:
    """Read a JSON list or object, or the Python literal that ultralytics writes."""
    if len(text) > MAX_NAMES_TEXT:
        raise ValueError(f"{len(text):,} characters")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return ast.literal_eval(text)


def _listed(named: Any) -> tuple[Any, ...]:
    """Return names in the order of their ids: of a list, or of a table by number."""
    if isinstance(named, dict):
        return tuple(name for _, name in sorted((int(number), name) for number, name in named.items()))
    if isinstance(named, list | tuple):
        return tuple(named)
    raise TypeError(f"{type(named).__name__} instead of a list")
