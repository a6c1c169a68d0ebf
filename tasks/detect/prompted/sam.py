"""SAM, MobileSAM and SAM 2 as ultralytics builds them: a picture is embedded once, and each object asked of that.

A file of weights comes from outside: it is opened as a table of tensors and nothing else (`weights_only`), of which all
that a picture needs must be there and nothing unknown may be. What SAM 2 has for films only is left aside.

Source:
    Kirillov et al., "Segment Anything", 2023; Zhang et al., "Faster Segment Anything", 2023; Ravi et al., "SAM 2:
    Segment Anything in Images and Videos", 2024; `ultralytics.models.sam` 8.4.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blocks.errors import BadWeights
from blocks.storage.links import Box
from tasks.detect.backends.safe_weights import check_archive, quiet_ultralytics
from tasks.intake.images import Pixels
from tasks.kinds.geometry import Flags
from tasks.suggest.outlining.extremes import Extremes

if TYPE_CHECKING:
    import torch

SIDE_PX = 1024
"""Of what the networks see: pictures are made to fit it, and padded."""

INWARDS_SHARE, INWARDS_LEAST_PX = 0.05, 1.0
"""A click is on the edge: the object is so much further inside, of the side of its box."""

FOR_FILMS = ("memory_", "mask_downsample.", "maskmem_tpos_enc", "no_mem_pos_enc", "no_obj_", "obj_ptr_")
"""Numbers of SAM 2 that no picture needs, by how their names begin."""

RAISED = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError)
"""What a network raises whose numbers do not fit it, or that runs out of memory."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture as a network sees it."""

    features: Any
    size_wh: tuple[int, int]


class PromptedNetwork:
    """A network that outlines what it is pointed at; for several threads at a time.

    Args:
        network: As ultralytics builds it.
        predictor: Ultralytics' own, which knows how pictures and prompts are given to it.
    """

    def __init__(self, network: "torch.nn.Module", predictor: Any) -> None:
        import torch

        predictor.setup_model(network, verbose=False)
        predictor.imgsz = [SIDE_PX, SIDE_PX]
        self._predictor, self._torch = predictor, torch

    def embed(self, picture: Pixels) -> Embedded:
        """Return what the network makes of a picture, shape (height, width, 3), BGR: what takes its time."""
        with self._torch.inference_mode():
            shown = self._predictor.preprocess([np.ascontiguousarray(picture)])
            return Embedded(self._predictor.get_im_features(shown), (picture.shape[1], picture.shape[0]))

    def find(self, embedded: Embedded, extremes: Extremes, box: Box) -> Flags:
        """Return which pixels of a box are the object between four clicks, shape (height, width).

        A box of more than `SIDE_PX` is divided into that many cells along its longer side, as square as they can be: a
        network tells no finer what it sees.

        Args:
            embedded: The picture.
            extremes: The clicks, in its pixels.
            box: Around the clicks, in its pixels, inside of it.
        """
        width, height = embedded.size_wh
        prompts = self._predictor._prepare_prompts(
            (SIDE_PX, SIDE_PX),
            (height, width),
            bboxes=[extremes.edges],
            points=[inside_of(extremes)],
            labels=[[1, 1, 1, 1]],
        )
        resized = self._torch.nn.functional.interpolate
        with self._torch.inference_mode():
            logits, _ = self._predictor._inference_features(embedded.features, *prompts)
            large = resized(logits[None, :1].float(), (SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False)
            gain = min(SIDE_PX / height, SIDE_PX / width)
            shown = large[..., : max(1, round(height * gain)), : max(1, round(width * gain))]
            found = _part_of(shown[0, 0], (width, height), box)
            return np.asarray((found > self._predictor.model.mask_threshold).cpu().numpy(), np.bool_)

    def try_out(self) -> None:
        """See that it runs.

        Raises:
            BadWeights: It does not.
        """
        try:
            embedded = self.embed(np.full((64, 96, 3), 127, np.uint8))
            self.find(embedded, Extremes((48, 10), (80, 32), (48, 54), (16, 32)), (0, 0, 96, 64))
        except RAISED as error:
            raise BadWeights(f"the network does not run ({type(error).__name__}: {str(error)[:200]})") from error


def inside_of(extremes: Extremes) -> list[tuple[float, float]]:
    """Return four points a little inside of an object, each beside a click."""
    x_min, y_min, x_max, y_max = extremes.edges
    right = min(max(INWARDS_SHARE * (x_max - x_min), INWARDS_LEAST_PX), (x_max - x_min) / 2)
    down = min(max(INWARDS_SHARE * (y_max - y_min), INWARDS_LEAST_PX), (y_max - y_min) / 2)
    steps = ((0.0, down), (-right, 0.0), (0.0, -down), (right, 0.0))
    return [(x + by_x, y + by_y) for (x, y), (by_x, by_y) in zip(extremes.points, steps, strict=True)]


def _part_of(shown: "torch.Tensor", size_wh: tuple[int, int], box: Box) -> "torch.Tensor":
    """Return what `interpolate` (bilinear) makes of a box of a picture, without the rest of the picture."""
    import torch

    sides = box[2] - box[0], box[3] - box[1]
    scale = min(1.0, SIDE_PX / max(sides))

    def between(rows: torch.Tensor, begin: int, side: int, length: int) -> torch.Tensor:
        cells = max(1, round(side * scale))
        middles = begin + (torch.arange(cells, device=rows.device) + 0.5) * (side / cells)
        at = (middles * (len(rows) / length) - 0.5).clamp(0, len(rows) - 1)
        low = at.floor().long()
        return torch.lerp(rows[low], rows[(low + 1).clamp(max=len(rows) - 1)], (at - low)[:, None])

    down = between(shown, box[1], sides[1], size_wh[1])
    return between(down.T, box[0], sides[0], size_wh[0]).T


def open_sam(weights: Path, name: str) -> PromptedNetwork:
    """Open a file of weights as the network that it is said to be, with the distrust of `safe_weights.py`.

    Args:
        weights: The file.
        name: One of `NETWORKS`.

    Raises:
        BadWeights: It is missing, corrupt, unsafe, or has not the numbers of this network.
    """
    state = _state_of(weights)
    quiet_ultralytics()
    from ultralytics.models.sam.build import sam_model_map
    from ultralytics.models.sam.predict import Predictor, SAM2Predictor

    # SAM 2.1 differs from SAM 2 in what it remembers of a film alone.
    is_second, built = name.startswith("sam2"), name.replace("sam2.1", "sam2")
    network = sam_model_map[f"{built}.pt"](None)
    try:
        lacking, unknown = network.load_state_dict(state, strict=False)
    except RAISED as error:
        raise _another(weights, name, str(error)) from error
    wrong = [key for key in (*lacking, *unknown) if not (is_second and key.startswith(FOR_FILMS))]
    if wrong:
        raise _another(weights, name, f"{len(wrong)} tables of numbers are missing or unknown, such as {wrong[0]}")
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    how = {"imgsz": SIDE_PX, "device": _device(), "save": False, "verbose": False, "model": f"{name}.pt"}
    return PromptedNetwork(network, (SAM2Predictor if is_second else Predictor)(overrides=how))


def _state_of(weights: Path) -> "dict[str, torch.Tensor]":
    import pickle

    import torch

    check_archive(weights)
    try:
        state: Any = torch.load(weights, map_location="cpu", weights_only=True)
    except (*RAISED, EOFError, OSError, ImportError, pickle.UnpicklingError) as error:
        raise BadWeights(f"weights {weights.name} cannot be loaded safely: {str(error)[:200]}") from error
    state = state.get("model", state) if isinstance(state, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(one, torch.Tensor) for one in state.values()):
        raise BadWeights(f"weights {weights.name} are no table of tensors: give the file that ultralytics publishes")
    return state


def _another(weights: Path, name: str, why: str) -> BadWeights:
    return BadWeights(f"weights {weights.name} are none of {name} ({' '.join(why.split())[:200]}): name its own file")


def _device() -> str:
    import torch

    return "cuda:0" if torch.cuda.is_available() else "cpu"
