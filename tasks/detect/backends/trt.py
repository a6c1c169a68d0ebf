"""TensorRT on an NVIDIA GPU, with torch's memory and streams. Opened only where CUDA and the library both are.

The built engine belongs to one GPU model and one release of the library, so both are part of its file's name.
"""

import hashlib
import logging
import threading
from pathlib import Path

from blocks.storage.stores import fill_atomically
from tasks.detect.backends.runner import Arrays
from tasks.intake.images import Pixels

logger = logging.getLogger(__name__)

BATCHES = (1, 16, 64)
"""Fewest pictures at once, the number to tune for, and the most."""

WORKSPACE_BYTES = 2 * 2**30


class TensorRtRunner:
    """An engine in float16, built from an ONNX file that takes any number of pictures."""

    lanes = 2
    """One prepares pictures and reads boxes while the other runs."""
    name = "tensorrt"
    batch_size = BATCHES[2]

    def __init__(self, path: Path, imgsz: int, stride: int = 32) -> None:
        import tensorrt
        import torch

        if not torch.cuda.is_available():
            raise RuntimeError("TensorRT needs an NVIDIA GPU, and torch sees none")
        gpu = f"{torch.cuda.get_device_name()} {tensorrt.__version__} {imgsz}"
        kept = path.with_name(f"{path.stem}-{hashlib.sha256(gpu.encode()).hexdigest()[:12]}.engine")
        if not kept.exists() or kept.stat().st_mtime < path.stat().st_mtime:
            logger.info("building a TensorRT engine for %s: takes some minutes, once", gpu)
            fill_atomically(kept, _build(path, imgsz, stride))
        runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.WARNING))
        self._engine = runtime.deserialize_cuda_engine(kept.read_bytes())
        if self._engine is None:
            raise RuntimeError(f"the TensorRT engine {kept} cannot be read: delete it, it will be built again")
        self._context = self._engine.create_execution_context()
        names = [self._engine.get_tensor_name(place) for place in range(self._engine.num_io_tensors)]
        is_input = tensorrt.TensorIOMode.INPUT
        self._input = next(name for name in names if self._engine.get_tensor_mode(name) == is_input)
        if self._engine.get_tensor_shape(self._input)[0] > 0:
            self.batch_size = 1
        self._outputs = [name for name in names if name != self._input]
        self._lock = threading.Lock()

    def __str__(self) -> str:
        """Say where it runs."""
        return "tensorrt (fp16) on cuda"

    def run(self, pictures: Pixels) -> Arrays:
        """Run the network; see `Runner.run`."""
        import torch

        with self._lock, torch.inference_mode():
            batch = torch.from_numpy(pictures).to("cuda", non_blocking=True).permute(0, 3, 1, 2).float().contiguous()
            self._context.set_input_shape(self._input, tuple(batch.shape))
            self._context.set_tensor_address(self._input, batch.data_ptr())
            outputs = []
            for name in self._outputs:
                outputs.append(torch.empty(tuple(self._context.get_tensor_shape(name)), device="cuda"))
                self._context.set_tensor_address(name, outputs[-1].data_ptr())
            stream = torch.cuda.current_stream()
            if not self._context.execute_async_v3(stream.cuda_stream):
                raise RuntimeError("TensorRT could not run the network; the lines above this one say why")
            stream.synchronize()
            return sorted((each.cpu().numpy() for each in outputs), key=lambda each: -each.ndim)


def _build(path: Path, imgsz: int, stride: int) -> bytes:
    import tensorrt

    log = tensorrt.Logger(tensorrt.Logger.WARNING)
    builder = tensorrt.Builder(log)
    network = builder.create_network(0)
    parser = tensorrt.OnnxParser(network, log)
    if not parser.parse(path.read_bytes()):
        raise RuntimeError(f"TensorRT cannot read {path.name}: {parser.get_error(0)}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    config.set_flag(tensorrt.BuilderFlag.FP16)
    profile = builder.create_optimization_profile()
    pictures = network.get_input(0)
    fixed = tuple(pictures.shape)[2:] if min(pictures.shape[2:]) > 0 else None
    sides = (stride, imgsz, imgsz)
    sizes = [(count, 3, *(fixed or (side, side))) for count, side in zip(BATCHES, sides, strict=True)]
    if pictures.shape[0] > 0:  # a network of squares is exported for one picture at a time
        sizes = [(1, *size[1:]) for size in sizes]
    profile.set_shape(pictures.name, *sizes)
    config.add_optimization_profile(profile)
    built = builder.build_serialized_network(network, config)
    if built is None:
        raise RuntimeError(f"TensorRT cannot build an engine of {path.name}; the lines above this one say why")
    return bytes(built)
