"""Which numbers the objects of a sequence have in DAVIS's PNGs, and the pixels with these numbers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from blocks.shapes import Mask
from tasks.dataset.formats.writing.target import Target, WrittenLabel
from tasks.kinds.outlines.raster import rasterised

VOID = 255
MOST_OBJECTS = VOID - 1
"""Of one sequence: a pixel is one byte."""

SHARED = "pixels that two masks share, given to the smaller object"
TOO_MANY = f"masks beyond the {MOST_OBJECTS} objects that a sequence can have, left out"
HIDDEN = "masks of which others have every pixel, left out"
TWICE = "masks whose track has a larger one in the frame, written under another number"

Numbers = npt.NDArray[np.uint8]


@dataclass(slots=True)
class SequenceObjects:
    """The objects of a sequence by their numbers, from 1: those followed keep theirs, others take a free one."""

    classes: dict[int, str] = field(default_factory=dict)
    frames: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    _tracks: dict[tuple[str, str], int] = field(default_factory=dict)

    def number(self, class_name: str, track: str | None, taken: set[int]) -> int | None:
        """Return an object's number in a frame; None: there is none left.

        A track has a number for each class that it is called, and a second object of it in a frame is as one that is
        not followed.
        """
        followed = None if track is None else (track, class_name)
        if followed is not None and followed not in self._tracks:
            found = self._next(class_name)
            if found is not None:
                self._tracks[followed] = found
            return found
        if followed is not None and self._tracks[followed] not in taken:
            return self._tracks[followed]
        tracks = set(self._tracks.values())
        # Whoever is not followed may share a number over frames with others of the class, and none in a frame.
        free = (n for n, name in self.classes.items() if name == class_name and n not in taken and n not in tracks)
        found = next(free, None)
        return self._next(class_name) if found is None else found

    def _next(self, class_name: str) -> int | None:
        found = len(self.classes) + 1
        if found > MOST_OBJECTS:
            return None
        self.classes[found] = class_name
        return found

    def told(self) -> dict[str, Any]:
        """Return the objects that some frame shows as `meta.json` has them, with these frames in order."""
        return {
            str(n): {"category": name, "frames": sorted(self.frames[n])}
            for n, name in self.classes.items()
            if n in self.frames
        }


def numbers_of(
    labels: Sequence[WrittenLabel], size_wh: tuple[int, int], known: SequenceObjects, frame: str, target: Target
) -> Numbers:
    """Return the numbers of a frame's pixels; the largest object is drawn first."""
    numbers: Numbers = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    rasters = [(each.label, rasterised(each.label.shape)) for each in labels if isinstance(each.label.shape, Mask)]
    taken: set[int] = set()
    followed: set[str] = set()
    for label, raster in sorted(rasters, key=lambda one: (-one[1].area, one[0].id)):
        number = known.number(label.class_name, label.track, taken)
        if number is None:
            target.result.notes[TOO_MANY] += 1
            continue
        if label.track in followed:
            target.result.notes[TWICE] += 1
        followed |= set() if label.track is None else {label.track}
        taken.add(number)
        part = numbers[raster.top : raster.bottom, raster.left : raster.right]
        inside = raster.pixels[: part.shape[0], : part.shape[1]]
        shared = int(np.count_nonzero(part[inside]))
        if shared:
            target.result.notes[SHARED] += shared
        part[inside] = number
    seen = np.unique(numbers[numbers > 0]).tolist()
    for number in seen:
        known.frames[number].append(frame)
    hidden = len(taken) - len(seen)
    if hidden:
        target.result.notes[HIDDEN] += hidden
    return numbers


def palette() -> list[int]:
    """Return the colours of 256 numbers, red, green and blue in turn: bits spread so that neighbours differ.

    Source:
        The colour map of PASCAL VOC's devkit, which DAVIS has as well.
    """
    colours = []
    for number in range(256):
        red = green = blue = 0
        for bit in range(8):
            shift = 7 - bit
            red |= (number >> 3 * bit & 1) << shift
            green |= (number >> 3 * bit + 1 & 1) << shift
            blue |= (number >> 3 * bit + 2 & 1) << shift
        colours += [red, green, blue]
    return colours


def save_numbers(numbers: Numbers, path: Path) -> None:
    """Write numbers as a PNG of the palette that DAVIS has."""
    from PIL import Image

    picture = Image.fromarray(numbers)
    picture.putpalette(palette())
    picture.save(path)
