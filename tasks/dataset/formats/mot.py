"""MOTChallenge: a folder for each video, with its frames, and a line for each box that says whose it is.

A line is `frame,id,left,top,width,height,confidence,class,visibility`; frames count from 1. Older files, whose last
three values are a place in the world, know one class. `labels.txt` beside the lines names the classes, as in CVAT.

Source:
    Milan et al., "MOT16: A Benchmark for Multi-Object Tracking", 2016, section 3.3; MOT15's layout in its devkit.
"""

import configparser
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from blocks.errors import BadTruth
from blocks.storage.outside_files import read_bounded
from tasks.dataset.formats.reading.faults import Oddity, fault_of
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.reading.table import PictureTable
from tasks.dataset.formats.writing.frames import frame_places
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target, WrittenLabel

LINE = "line"
MOST_BYTES = 1 << 30
MOST_INFO_BYTES = 65_536

MOST_FRAMES = 1_000_000
"""Of one video, whatever its files say."""

FRAMES = "img1"

OF_MOT16 = (
    *("pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non motorized vehicle", "static person"),
    *("distractor", "occluder", "occluder on the ground", "occluder full", "reflection", "crowd"),
)
"""Classes by number, from 1, where no file names them."""


class MotFormat:
    """`<split>/<video>/gt/gt.txt`, `gt/labels.txt`, `seqinfo.ini` and `img1/000001.jpg`."""

    name = "mot"
    shapes = frozenset({"box"})
    unit = LINE
    holds_texts = False
    rooms: frozenset[Room] = frozenset({"track", "sequence"})

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read one video after the other; a frame without a line shows nothing."""
        table = PictureTable(reading, LINE)
        for name in reading.files.with_suffix(".txt"):
            if not is_mot_name(name):
                continue
            folder = PurePosixPath(name).parent.parent
            info = _info(folder, reading)
            frames = _frames_in(folder, reading)
            raw, lost = _lines(name, _classes(PurePosixPath(name).parent, reading), reading)
            split = next((SPLIT_NAMES[part] for part in folder.parts if part in SPLIT_NAMES), None)
            known = frames or range(1, min(info.length, MOST_FRAMES) + 1)  # without pictures all are said to be there
            for number in sorted({*known, *raw, *lost}):
                said = frames.get(number, f"{folder / FRAMES}/{number:06d}{info.suffix}")
                picture = table.list(said, name, "", info.size_wh, split)
                picture.lost += lost.get(number, 0)
                for label in raw.get(number, ()):
                    table.add(picture, label)
        yield from table.pictures()

    def write(self, target: Target) -> None:
        """Write frames into a folder for each sequence, then its lines in order."""
        numbers = _numbers(target)
        classes = {name: at for at, name in enumerate(target.manifest.classes, start=1)}
        rows: dict[PurePosixPath, list[tuple[int, int, str]]] = defaultdict(list)
        tracks: dict[PurePosixPath, dict[str, int]] = defaultdict(dict)
        sizes: dict[PurePosixPath, tuple[int, int, str]] = {}
        for written in target.pictures():
            item = written.item
            folder, number = numbers[item.id]
            suffix = PurePosixPath(item.key).suffix
            target.put_image(item, target.place / folder / FRAMES / f"{number:06d}{suffix}")
            target.count(written, written.name)
            sizes[folder] = item.width, item.height, suffix
            rows[folder] += [_row(number, each, tracks[folder], classes) for each in written.labels]
        lengths: dict[PurePosixPath, int] = defaultdict(int)
        for folder, number in numbers.values():
            lengths[folder] = max(lengths[folder], number)
        for folder, size in sizes.items():
            gt = target.place / folder / "gt"
            gt.mkdir(parents=True, exist_ok=True)
            (gt / "gt.txt").write_text("".join(line for _, _, line in sorted(rows[folder])), encoding="utf-8")
            (gt / "labels.txt").write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
            _write_info(target, folder, lengths[folder], size)


def is_mot_name(name: str) -> bool:
    """Say whether a file's path is where MOTChallenge has its lines."""
    return PurePosixPath(name).parts[-2:] == ("gt", "gt.txt")


def _numbers(target: Target) -> dict[str, tuple[PurePosixPath, int]]:
    """Return of each item its folder, and its frame's number from 1."""
    places = frame_places(target.manifest)
    return {id_: (PurePosixPath(split, folder), number + 1) for id_, (split, folder, number) in places.items()}


def _row(number: int, each: WrittenLabel, tracks: dict[str, int], classes: Mapping[str, int]) -> tuple[int, int, str]:
    x_min, y_min, x_max, y_max = each.box_xyxy_px or each.label.box_xyxy_px
    track = tracks.setdefault(each.label.track or each.label.id, len(tracks) + 1)
    edges = ",".join(f"{value:.4f}" for value in (x_min, y_min, x_max - x_min, y_max - y_min))
    return number, track, f"{number},{track},{edges},1,{classes[each.label.class_name]},1\n"


def _write_info(target: Target, folder: PurePosixPath, length: int, size: tuple[int, int, str]) -> None:
    width, height, suffix = size
    info = configparser.ConfigParser()
    info.optionxform = str  # type: ignore[assignment, method-assign]  # names keep their capitals
    info["Sequence"] = {
        "name": folder.name,
        "imDir": FRAMES,
        "seqLength": str(length),
        "imWidth": str(width),
        "imHeight": str(height),
        "imExt": suffix,
    }
    with (target.place / folder / "seqinfo.ini").open("w", encoding="utf-8") as file:
        info.write(file, space_around_delimiters=False)


class _Info(NamedTuple):
    length: int = 0
    suffix: str = ".jpg"
    size_wh: tuple[int, int] | None = None


def _info(folder: PurePosixPath, reading: Reading) -> _Info:
    """Return what a video's own file says of it, as far as that can be read."""
    name = str(folder / "seqinfo.ini")
    if name not in reading.files.with_suffix(".ini"):
        return _Info()
    found = configparser.ConfigParser(interpolation=None)
    try:
        found.read_string(
            read_bounded(reading.files.path(name), BadTruth, MOST_INFO_BYTES).decode("utf-8-sig", "replace")
        )
        about = found["Sequence"]
        size = int(about.get("imWidth", "0")), int(about.get("imHeight", "0"))
        return _Info(int(about.get("seqLength", "0")), about.get("imExt", ".jpg"), size if min(size) > 0 else None)
    except (configparser.Error, KeyError, ValueError, BadTruth) as error:
        reading.problems.add(Oddity.UNREADABLE_FILE, name, "", f"is not read: {error}", "note")
        return _Info()


def _frames_in(folder: PurePosixPath, reading: Reading) -> dict[int, str]:
    """Return the pictures of a video's folder by the number that is their name."""
    found: dict[int, str] = {}
    for name in reading.files.pictures:
        path = PurePosixPath(name)
        if path.is_relative_to(folder) and path.stem.isascii() and path.stem.isdigit():
            found.setdefault(int(path.stem), name)
    return found


def _classes(folder: PurePosixPath, reading: Reading) -> tuple[str, ...]:
    name = str(folder / "labels.txt")
    if name not in reading.files.with_suffix(".txt"):
        return OF_MOT16
    text = read_bounded(reading.files.path(name), BadTruth, MOST_BYTES).decode("utf-8-sig", "replace")
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _lines(name: str, classes: tuple[str, ...], reading: Reading) -> tuple[dict[int, list[RawLabel]], dict[int, int]]:
    raw: dict[int, list[RawLabel]] = defaultdict(list)
    lost: dict[int, int] = defaultdict(int)
    ignored = 0
    text = read_bounded(reading.files.path(name), BadTruth, MOST_BYTES).decode("utf-8-sig", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        words = [word.strip() for word in line.split(",")]
        if words == [""]:
            continue
        try:
            frame, label = _label(words, classes, name, number)
        except (ValueError, OverflowError) as error:
            reading.problems.add(fault_of(error), name, f"{LINE} {number}", str(error))
            if words[0].isdecimal() and int(words[0]) > 0:
                lost[int(words[0])] += 1
            continue
        if label is None:
            ignored += 1
        elif any(other.track == label.track for other in raw[frame]):
            reading.problems.add(
                Oddity.BROKEN_LABEL, name, f"{LINE} {number}", f"track {label.track} is twice in frame {frame}"
            )
            lost[frame] += 1
        else:
            raw[frame].append(label)
    if ignored:
        reading.problems.add(
            Oddity.IGNORED_REGION, name, "", f"{ignored} boxes that do not count (confidence 0) are not kept", "note"
        )
    return raw, lost


def _label(words: list[str], classes: tuple[str, ...], name: str, number: int) -> tuple[int, RawLabel | None]:
    if len(words) < 6:
        raise ValueError(f"expected 6 values or more, such as frame,id,left,top,width,height, got {len(words)}")
    frame, track = int(float(words[0])), int(float(words[1]))
    if frame < 1:
        raise ValueError(f"frame {frame}: they count from 1")
    left, top, width, height = (float(word) for word in words[2:6])
    if len(words) > 6 and float(words[6]) == 0:
        return frame, None
    kind = int(float(words[7])) if len(words) == 9 else 1
    if not 1 <= kind <= len(classes):
        raise ValueError(f"class {kind} has no name: expected 1 to {len(classes)}")
    box = (left, top, left + width, top + height)
    return frame, RawLabel(classes[kind - 1], box, name, number, track=str(track) if track >= 0 else None)
