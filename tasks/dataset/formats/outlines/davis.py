"""DAVIS and YouTube-VOS: a PNG for each frame, whose pixels say whose they are: 0 nobody's, else an object's number.

An object keeps its number in all frames of its sequence, and `meta.json` says which class it is of. A pixel is one
object's, so where two masks share pixels the smaller object has them. 255 is read as "no matter
which", and as the one object of a sequence whose PNGs have nothing but 0 and 255.

Source:
    Pont-Tuset et al., "The 2017 DAVIS Challenge on Video Object Segmentation"; `meta.json` as YouTube-VOS has it (Xu et
    al., ECCV 2018): videos, objects by number, each with its category; "A Benchmark Dataset and Evaluation Methodology
    for Video Object Segmentation" (Perazzi et al., CVPR 2016): one object in a sequence, in white.
"""

import io
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from blocks.errors import BadTruth
from blocks.shapes import Mask
from blocks.storage.outside_files import parse_json, read_bounded
from tasks.dataset.formats.outlines.davis_numbers import VOID, Numbers, SequenceObjects, numbers_of, save_numbers
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.look import is_frame_of_numbers
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import MAX_LABEL_BYTES, Reading
from tasks.dataset.formats.writing.frames import frame_places
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import SPLITS, Target
from tasks.intake.decoding.headers import MAX_PIXELS

ANNOTATIONS, PICTURES, SETS = "Annotations", "JPEGImages", "ImageSets"
META = "meta.json"
MOST_META_BYTES = 256 << 20

UNNAMED = "object"
"""The class of an object of which nothing says what it is."""

OBJECT = "object"
"""What numbers of labels count."""


class DavisFormat:
    """`Annotations/<sequence>/00000.png`, `JPEGImages/<sequence>/00000.jpg`, `ImageSets/<split>.txt`, `meta.json`."""

    name = "davis"
    shapes = frozenset({"mask"})
    unit = OBJECT
    holds_texts = False
    rooms: frozenset[Room] = frozenset({"track", "sequence"})

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read one frame after the other; a frame without a PNG is not known."""
        frames = {_frame_of(name): name for name in reading.files.pictures if not is_frame_of_numbers(name)}
        drawn = {_frame_of(name): name for name in reading.files.pictures if is_frame_of_numbers(name)}
        classes, splits = _Classes(reading), _splits(reading)
        alone = _Alone(drawn, reading)
        for place in sorted({*frames, *drawn}):
            sequence = PurePosixPath(place).parent.name
            split = splits.get(sequence)
            name = frames.get(place, f"{place}.jpg")
            if place not in drawn:
                sight = reading.see(name)
                if sight is not None:
                    yield reading.picture(sight, None, OBJECT, split=split)
                continue
            try:
                numbers = alone.object_of(place, _read(drawn[place], reading))
            except BadTruth as error:
                reading.problems.add(Oddity.UNREADABLE_FILE, drawn[place], "", str(error))
                sight = reading.see(name)
                if sight is not None:
                    yield ReadPicture(sight.name, sight.path, sight.size_wh, None, 1, split)
                continue
            sight = reading.see(name, (numbers.shape[1], numbers.shape[0]), drawn[place])
            if sight is not None:
                raw = list(_labels(numbers, drawn[place], sequence, classes, reading))
                yield reading.picture(sight, raw, OBJECT, split=split)

    def write(self, target: Target) -> None:
        """Write frames into a folder for each sequence, with a PNG for each; then what is in which split, and what."""
        places, numbers = frame_places(target.manifest), dict[str, SequenceObjects]()
        sequences: dict[str, set[str]] = defaultdict(set)
        for written in target.pictures():
            item = written.item
            split, folder, number = places[item.id]
            sequences[split].add(folder)
            suffix = PurePosixPath(item.key).suffix
            target.put_image(item, target.place / PICTURES / folder / f"{number:05d}{suffix}")
            target.count(written, written.name)
            known = numbers.setdefault(folder, SequenceObjects())
            drawn = numbers_of(written.labels, (item.width, item.height), known, f"{number:05d}", target)
            path = target.place / ANNOTATIONS / folder / f"{number:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_numbers(drawn, path)
        (target.place / SETS).mkdir(exist_ok=True)
        for split in SPLITS:
            names = "".join(f"{name}\n" for name in sorted(sequences[split]))
            (target.place / SETS / f"{split}.txt").write_text(names, encoding="utf-8")
        videos = {folder: {"objects": known.told()} for folder, known in sorted(numbers.items())}
        text = json.dumps({"videos": videos}, indent=1, ensure_ascii=False)
        (target.place / META).write_text(text, encoding="utf-8")


def _frame_of(name: str) -> str:
    """Return what a frame and its PNG have in common: the folders above theirs, the sequence and the number."""
    path = PurePosixPath(name)
    kept = [part for part in path.parts[:-1] if part not in (ANNOTATIONS, PICTURES)]
    return str(PurePosixPath(*kept, path.stem))


def _labels(numbers: Numbers, name: str, sequence: str, classes: "_Classes", reading: Reading) -> Iterator[RawLabel]:
    void = int(np.count_nonzero(numbers == VOID))
    if void:
        told = f"{void} pixels that may be anything's ({VOID}) are nobody's here"
        reading.problems.add(Oddity.IGNORED_REGION, name, "", told, "note")
    for number in np.unique(numbers[(numbers > 0) & (numbers < VOID)]).tolist():
        inside = Mask.of(numbers == number)
        yield RawLabel(classes.of(name, sequence, number), inside, name, number, track=f"{sequence}/{number}")


def _read(name: str, reading: Reading) -> Numbers:
    """Return the numbers of a PNG's pixels.

    Raises:
        BadTruth: It cannot be read, is too large, or has colours instead of numbers.
    """
    from PIL import Image

    data = read_bounded(reading.files.path(name), BadTruth, MAX_LABEL_BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise BadTruth(f"has {picture.width}×{picture.height} pixels: expected at most {MAX_PIXELS}")
            if picture.mode not in ("P", "L", "1"):
                raise BadTruth(f"has colours ({picture.mode}) and no numbers of objects: expected a palette, or grey")
            return np.array(picture, np.uint8)  # of one bit: 0 and 1
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadTruth(f"is no PNG that can be read ({type(error).__name__})") from error


class _Alone:
    """Finds sequences of one object whose pixels are white, as DAVIS 2016 has them, and not of no matter whom."""

    def __init__(self, drawn: Mapping[str, str], reading: Reading) -> None:
        self._reading = reading
        self._sequences: dict[str, list[str]] = defaultdict(list)
        for place, name in drawn.items():
            self._sequences[str(PurePosixPath(place).parent)].append(name)
        self._is_alone: dict[str, bool] = {}

    def object_of(self, place: str, numbers: Numbers) -> Numbers:
        """Return the numbers of a frame's pixels, in which such an object is 1; said once for each sequence."""
        if not _is_white(numbers) or not numbers.any():
            return numbers
        sequence = str(PurePosixPath(place).parent)
        if sequence not in self._is_alone:
            names = self._sequences[sequence]
            self._is_alone[sequence] = all(self._may_be(name) for name in names)
            if self._is_alone[sequence]:
                told = f"its PNGs have nothing but 0 and {VOID}: {VOID} is read as object 1, as DAVIS 2016 has it"
                self._reading.problems.add(Oddity.AMBIGUOUS_LABEL, min(names), "", told, "note")
        return np.minimum(numbers, 1) if self._is_alone[sequence] else numbers

    def _may_be(self, name: str) -> bool:
        """Return whether a PNG has no number of an object; what cannot be read is said where its frame is."""
        try:
            return _is_white(_read(name, self._reading))
        except BadTruth:
            return True


def _is_white(numbers: Numbers) -> bool:
    return bool(((numbers == 0) | (numbers == VOID)).all())


class _Classes:
    """What the objects of sequences are, by the files that say so."""

    def __init__(self, reading: Reading) -> None:
        self._named: dict[str, Mapping[str, Any]] = {}
        self._reading = reading
        self._unnamed = False
        for name in reading.files.with_suffix(".json"):
            if PurePosixPath(name).name == META:
                self._named[str(PurePosixPath(name).parent)] = self._videos(name)

    def of(self, file: str, sequence: str, number: int) -> str:
        """Return an object's class; `object` where nothing says it, which is noted once."""
        path = PurePosixPath(file)
        root = PurePosixPath(*path.parts[: path.parts.index(ANNOTATIONS)])
        video = self._named.get(str(root), {}).get(sequence)
        known = video.get("objects") if isinstance(video, Mapping) else None
        one = known.get(str(number)) if isinstance(known, Mapping) else None
        category = one.get("category") if isinstance(one, Mapping) else None
        if isinstance(category, str) and category.strip():
            return category
        if not self._unnamed:
            self._unnamed = True
            told = f"no {META} says what object {number} of {sequence!r} is: such are called {UNNAMED!r}"
            self._reading.problems.add(Oddity.UNKNOWN_CLASS, file, "", told, "note")
        return UNNAMED

    def _videos(self, name: str) -> Mapping[str, Any]:
        try:
            text = read_bounded(self._reading.files.path(name), BadTruth, MOST_META_BYTES)
            videos = parse_json(text, name, BadTruth).get("videos")
            if not isinstance(videos, Mapping):
                raise BadTruth("has no 'videos'")
            return videos
        except (BadTruth, AttributeError) as error:
            self._reading.problems.add(Oddity.UNREADABLE_FILE, name, "", f"is not read: {error}")
            return {}


def _splits(reading: Reading) -> dict[str, str]:
    """Return the split of each sequence that a list of a split names."""
    found: dict[str, str] = {}
    for name in reading.files.with_suffix(".txt"):
        path = PurePosixPath(name)
        split = SPLIT_NAMES.get(path.stem.lower())
        if SETS in path.parts and split:
            try:
                text = read_bounded(reading.files.path(name), BadTruth, MAX_LABEL_BYTES).decode("utf-8-sig", "replace")
            except BadTruth as error:
                reading.problems.add(Oddity.UNREADABLE_FILE, name, "", str(error))
                continue
            found |= dict.fromkeys((line.strip() for line in text.splitlines() if line.strip()), split)
    return found
