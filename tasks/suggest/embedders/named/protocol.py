"""What a library of models is, and what its networks become: embedders. Which there are is in `registry.py`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np

from blocks.errors import BadWeights
from blocks.storage.outside_files import open_regular
from tasks.intake.images import Pixels
from tasks.intake.texts.media import Medium
from tasks.suggest.embedders.protocol import Embedder, Vectors

if TYPE_CHECKING:
    import torch

MAX_BYTES = 8 * 2**30
"""Of a file of weights: the largest that make vectors have some two billion numbers."""

NUMBERS_AT_MOST = 16_384
"""Of a vector: more are a picture that nothing has summed up."""

RAISED = (
    *(RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError),
    *(ImportError, OSError, EOFError, MemoryError),
)
"""What torch and libraries on it raise on files that are damaged, refused, or of another network."""

USUAL_PX = 224
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model that a person named.

    Attributes:
        model: Its name in its library: letters, digits, and `._-`.
        file: Its weights here, or all that it consists of.
        is_published: Whether a name brought it, that may bring another file tomorrow.
    """

    model: str
    file: Path
    is_published: bool


class Library(Protocol):
    """Where models come from. An instance of each stands in `registry.py`, and nowhere else."""

    @property
    def name(self) -> str:
        """As a person writes it before the colon."""
        ...

    @property
    def medium(self) -> Medium:
        """What its models make vectors of."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Packages that must be installed, by the names that they are imported under."""
        ...

    def find(self, given: str, scratch: Path) -> FoundModel:
        """Find what a person names; what it publishes is fetched into a scratch folder.

        Raises:
            BadWeights: There is none, it cannot be fetched, or it is no file that is opened here.
        """
        ...

    def open(self, model: str, file: Path, name: str) -> Embedder:
        """Open a model that was found, as an embedder with a name.

        Raises:
            BadWeights: It is not what its name says, or cannot be opened.
        """
        ...

    def resolved(self, given: str) -> str:
        """Return what a person names, with the full path of what is a file here."""
        ...


class TorchEmbedder:
    """A network of torch that makes vectors of pictures: squares, squeezed as they are. For one thread at a time.

    Args:
        name: As its vectors are kept.
        network: Takes (n, 3, side, side) and gives (n, d), or (n, d, h, w), whose mean is taken.
        side_px: Of the squares.
        mean: Of red, green and blue, each 0 to 1, that is taken away.
        std: By which is divided then.
    """

    def __init__(
        self,
        name: str,
        network: "torch.nn.Module",
        side_px: int = USUAL_PX,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        import torch

        self.name, self.side_px = name, side_px
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = network.eval().to(self._device)
        self._mean, self._std = (torch.tensor(each, device=self._device).view(3, 1, 1) for each in (mean, std))
        self._turn = Lock()

    def fit(self, picture: Pixels) -> Pixels:
        """Return a picture as a square of the side that the network sees."""
        import cv2

        way = cv2.INTER_AREA if max(picture.shape[:2]) > self.side_px else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(picture, (self.side_px, self.side_px), interpolation=way))

    def embed(self, fitted: Sequence[Pixels]) -> Vectors:
        """Return vectors (n, d) of pictures that were fitted; n from 1.

        Raises:
            BadWeights: The network gives something else.
        """
        import torch

        with self._turn, torch.inference_mode():
            shown = torch.from_numpy(np.stack(fitted)[..., ::-1].copy()).to(self._device)
            said = self._network((shown.permute(0, 3, 1, 2).float() / 255 - self._mean) / self._std)
            said = said[0] if isinstance(said, tuple | list) and said else said
            if isinstance(said, torch.Tensor) and said.ndim == 4:
                said = said.mean(dim=(2, 3))
        if not isinstance(said, torch.Tensor):
            raise BadWeights(f"{self.name} gives a {type(said).__name__} for pictures: expected a tensor")
        return np.asarray(said.float().cpu().numpy())


def check_vectors(vectors: Vectors, name: str, count: int) -> Vectors:
    """Return what an embedder made of so many items, if it is vectors.

    Raises:
        BadWeights: It is not.
    """
    if vectors.ndim != 2 or len(vectors) != count or not 2 <= vectors.shape[1] <= NUMBERS_AT_MOST:
        raise BadWeights(
            f"{name} makes numbers of shape {vectors.shape} of {count} items: expected ({count}, d), d from 2 to "
            f"{NUMBERS_AT_MOST:,}"
        )
    if not np.isfinite(vectors.astype(np.float16)).all():
        raise BadWeights(
            f"{name} makes vectors with numbers that are none (NaN, or beyond what 16 bits hold): it is damaged, or "
            "made for another input"
        )
    return vectors


def version_of_file(file: Path) -> str:
    """Return 12 hex digits that name a file by what is in it.

    Raises:
        BadWeights: It cannot be read.
    """
    digest = hashlib.sha256()
    with open_regular(file, BadWeights, MAX_BYTES) as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:12]
