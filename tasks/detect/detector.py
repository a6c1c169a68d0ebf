"""The protocol that a detector fulfils: everything around one (tiles, batches, seams, proposals) knows only this."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from tasks.intake.images import Pixels

if TYPE_CHECKING:
    import supervision as sv

EMBEDDING = "embedding"
"""Key in `Detections.metadata` under which a back end leaves an image's features, where they cost it nothing."""


DROPPED = "dropped"
"""Key in `Detections.metadata` under which a back end says how many boxes were not finite: supervision takes none."""


Embeddings = npt.NDArray[np.float32]


def to_detections(
    boxes_xyxy_px: npt.NDArray[np.floating], scores: npt.NDArray[np.floating], class_ids: npt.NDArray[np.generic]
) -> "sv.Detections":
    """Return what a network said as detections, without and with the count of what is not finite.

    Args:
        boxes_xyxy_px: Shape (n, 4), in pixels of the image. n may be 0.
        scores: Shape (n,), 0 to 1.
        class_ids: Shape (n,).
    """
    import supervision as sv

    finite = np.isfinite(boxes_xyxy_px).all(axis=1) & np.isfinite(scores)
    return sv.Detections(
        xyxy=boxes_xyxy_px[finite].astype(np.float32),
        confidence=scores[finite].astype(np.float32),
        class_id=class_ids[finite].astype(np.int64),
        metadata={DROPPED: int((~finite).sum())},
    )


class Detector(Protocol):
    """A model that finds boxes in pictures. Safe to call from several threads."""

    @property
    def version(self) -> str:
        """First 12 hex digits of the SHA-256 of its weights."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by class id."""
        ...

    @property
    def imgsz(self) -> int:
        """Longest side in pixels of the pictures that its network sees."""
        ...

    @property
    def stride(self) -> int:
        """Sides of fitted pictures are multiples of this many pixels: 32 for most networks, 64 for some."""
        ...

    @property
    def widens(self) -> bool:
        """Whether it sees fitted pictures that are larger than `imgsz`, too."""
        ...

    @property
    def lanes(self) -> int:
        """How many calls run side by side."""
        ...

    @property
    def batch_size(self) -> int:
        """How many images suit one call; 0 for as many as the caller likes."""
        ...

    def predict(
        self,
        images: Sequence[Pixels],
        min_score: float = 0.1,
        fitted: bool = False,
        class_ids: Sequence[int] | None = None,
    ) -> "list[sv.Detections]":
        """Find boxes, in pixels of each image, best score first; images are letterboxed unless they are `fitted`.

        Boxes of classes that are not among `class_ids` (None: all are) take no part: neither in suppression nor in how
        many boxes may stand.

        Fitted are pictures whose sides are multiples of `stride` and at most `imgsz` (any, where it widens): they are
        seen as they are. One call is fastest with pictures of one size. Made with `to_detections`; a back end that has
        features of the image at hand leaves them, a vector (d,) float32, in `metadata["embedding"]`.
        """
        ...

    def embed(self, images: Sequence[Pixels]) -> Embeddings:
        """Return pooled features of whole images, shape (n, d), float32."""
        ...
