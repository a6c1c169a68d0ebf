"""Where a dataset is written, and what every format does alike: cut boxes, put pictures, count what came of it."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

import numpy as np
from sqlalchemy import Engine

from blocks.storage.stores import FolderStore, Store
from tasks.dataset.manifest import Manifest, ManifestItem, ManifestLabel
from tasks.dataset.original_names import Picture, named_pictures
from tasks.dataset.snapshots import SnapshotRef

if TYPE_CHECKING:
    import supervision as sv

Images = Literal["copy", "link", "none"]

SPLITS = ("train", "val", "test")


@dataclass(slots=True)
class TakenAlong:
    """What an export came to.

    Attributes:
        folder: Where it is.
        snapshot: Id, counts and splits: what a snapshot taken now would be.
        has_certificate: Whether one was issued for exactly this truth; it lies beside the labels.
        pictures: By split.
        labels: By class.
        notes: Counts of what is not as one may expect, by what it is.
        left_out: Counts of what has no settled label, by why.
    """

    folder: Path
    snapshot: SnapshotRef
    has_certificate: bool = False
    pictures: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """A folder that is being written, and what goes there."""

    engine: Engine
    store: Store
    manifest: Manifest
    place: Path
    images: Images
    result: TakenAlong

    def pictures(self) -> Iterator[Picture]:
        """Yield the pictures under the names that they had, one at a time."""
        return named_pictures(self.engine, self.manifest)

    def usable(self, item: ManifestItem) -> tuple[list[ManifestLabel], "sv.Detections"]:
        """Return the labels of an item that have an area inside it, and the same as detections, cut at its border."""
        import supervision as sv

        boxes = np.array([label.box_xyxy_px for label in item.labels], dtype=np.float64).reshape(-1, 4)
        boxes[:, ::2] = boxes[:, ::2].clip(0.0, item.width)
        boxes[:, 1::2] = boxes[:, 1::2].clip(0.0, item.height)
        kept = [n for n, (left, top, right, bottom) in enumerate(boxes) if right > left and bottom > top]
        if len(kept) < len(boxes):
            self.result.notes["labels without an area inside their picture, left out"] += len(boxes) - len(kept)
        labels = [item.labels[n] for n in kept]
        if not labels:
            return [], sv.Detections.empty()
        numbers = np.array([self.manifest.classes.index(label.class_name) for label in labels])
        return labels, sv.Detections(xyxy=boxes[kept], class_id=numbers)

    def put_image(self, item: ManifestItem, path: Path) -> None:
        """Put a picture where it belongs, as `images` says."""
        if self.images == "none":
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(self.store, FolderStore):
            path.write_bytes(self.store.get(item.key))  # one picture at a time, and none stays in a cache
        elif self.images == "link":
            path.symlink_to(self.store.local_path(item.key).resolve())
        else:
            shutil.copyfile(self.store.local_path(item.key), path)

    def count(self, picture: Picture, name: PurePosixPath, labels: list[ManifestLabel]) -> None:
        """Count a picture that is written, and what is not as one may expect of it."""
        self.result.pictures[picture.item.split] += 1
        self.result.labels.update(label.class_name for label in labels)
        if name != picture.name:
            self.result.notes["pictures with another name than their file, so that none is lost"] += 1
        if picture.is_turned:
            self.result.notes["pictures whose EXIF turns them upright (boxes are for the upright picture)"] += 1
