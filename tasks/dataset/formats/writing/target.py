"""Where a dataset is written, and what every format does alike: cut boxes, put pictures, count what came of it."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Literal

from sqlalchemy import Engine

from blocks.shapes import Bounds
from blocks.storage.stores import FolderStore, Store
from tasks.dataset.formats.writing.fitting import Fitted, fit_labels
from tasks.dataset.formats.writing.provenance import NOWHERE, Provenance, credits_of, provenance_of
from tasks.dataset.manifest import Manifest, ManifestItem, ManifestLabel
from tasks.dataset.original_names import Picture, named_pictures, told_apart
from tasks.dataset.snapshots import SnapshotRef
from tasks.intake.credits import Credit
from tasks.intake.texts.media import Medium

Images = Literal["copy", "link", "none"]

SPLITS = ("train", "val", "test")

AT_ONCE = 200
"""Pictures whose labels are looked up together."""


@dataclass(slots=True)
class TakenAlong:
    """What an export came to.

    Attributes:
        folder: Where it is.
        snapshot: Id, counts and splits: what a snapshot taken now would be.
        medium: What its items are.
        has_certificate: Whether one was issued for exactly this truth; it lies beside the labels.
        pictures: By split.
        labels: By class.
        notes: Counts of what is not as one may expect, by what it is.
        left_out: Counts of what has no settled label, by why.
    """

    folder: Path
    snapshot: SnapshotRef
    medium: Medium = "pictures"
    has_certificate: bool = False
    pictures: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WrittenLabel:
    """A label as it is written: what the snapshot says, its box cut at the border, and where it comes from."""

    label: ManifestLabel
    box_xyxy_px: Bounds | None
    origin: Provenance = NOWHERE


@dataclass(frozen=True, slots=True)
class WrittenPicture:
    """A picture with what is written of it, under which name, and who made it where that is known."""

    item: ManifestItem
    name: PurePosixPath
    labels: tuple[WrittenLabel, ...]
    picture: Picture
    credit: Credit | None = None


@dataclass(slots=True)
class Target:
    """A folder that is being written, and what goes there."""

    engine: Engine
    store: Store
    manifest: Manifest
    place: Path
    images: Images
    result: TakenAlong
    with_provenance: bool = False
    _put: set[str] = field(default_factory=set)

    def pictures(self) -> Iterator[WrittenPicture]:
        """Yield the pictures under the names that they had, one at a time, with the labels that can be written."""
        found = named_pictures(self.engine, self.manifest)
        while chunk := list(islice(found, AT_ONCE)):
            fitted = [fit_labels(picture.item) for picture in chunk]
            origins: Mapping[str, Provenance] = {}
            if self.with_provenance:
                origins = provenance_of(self.engine, [label for each in fitted for label, _ in each.labels])
            made = credits_of(self.engine, self.manifest.collection, [picture.item.id for picture in chunk])
            for picture, each in zip(chunk, fitted, strict=True):
                self._note(each)
                labels = (WrittenLabel(label, box, origins.get(label.id, NOWHERE)) for label, box in each.labels)
                yield WrittenPicture(picture.item, picture.name, tuple(labels), picture, made.get(picture.item.id))

    def put_in_split(self, written: WrittenPicture) -> PurePosixPath:
        """Put a picture into `images/<split>/` under its own name and count it; return the name that it got there."""
        item, name = written.item, written.name
        if f"{item.split}/{name}".casefold() in self._put:
            name = told_apart(name, item)
        self._put.add(f"{item.split}/{name}".casefold())
        self.put_image(item, self.place / "images" / item.split / name)
        self.count(written, name)
        return name

    def put_image(self, item: ManifestItem, path: Path) -> None:
        """Put a picture where it belongs, as `images` says; texts stand in the label files themselves."""
        if self.images == "none" or item.length is not None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(self.store, FolderStore):
            path.write_bytes(self.store.get(item.key))  # one picture at a time, and none stays in a cache
        elif self.images == "link":
            path.symlink_to(self.store.local_path(item.key).resolve())
        else:
            shutil.copyfile(self.store.local_path(item.key), path)

    def count(self, written: WrittenPicture, name: PurePosixPath) -> None:
        """Count a picture that is written, and what is not as one may expect of it."""
        self.result.pictures[written.item.split] += 1
        self.result.labels.update(each.label.class_name for each in written.labels)
        if name != written.name:
            self.result.notes["pictures with another name than their file, so that none is lost"] += 1
        if written.picture.is_turned:
            self.result.notes["pictures whose EXIF turns them upright (boxes are for the upright picture)"] += 1

    def _note(self, fitted: Fitted) -> None:
        for what, count in fitted.notes.items():
            self.result.notes[what] += count
