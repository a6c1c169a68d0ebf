"""KITTI's object labels: a text file for each picture, a line of 15 values (16 with a score) an object; read only.

Source:
    The KITTI object development kit, readme.txt, section "Data Format Description".
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from blocks.errors import BadTruth
from blocks.storage.outside_files import read_bounded
from tasks.dataset.formats.reading.faults import Oddity, fault_of
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import MAX_LABEL_BYTES, Reading

LINE = "line"

DONT_CARE = "DontCare"
"""Regions in which objects are not labelled: no class."""

ATTRIBUTES = ("truncated", "occluded", "alpha")


class KittiReader:
    """`label_2/000001.txt` and `image_2/000001.png`, or side by side."""

    name = "kitti"
    unit = LINE

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read one text file after the other, each of the picture of its name."""
        stems: dict[str, list[str]] = {}
        for name in reading.files.pictures:
            stems.setdefault(PurePosixPath(name).stem, []).append(name)
        labelled: set[str] = set()
        for name in reading.files.with_suffix(".txt"):
            path = PurePosixPath(name)
            found = stems.get(path.stem, [])
            near = [one for one in found if _below(one) == _below(name)] or found
            if not near and "label" not in path.parent.name.lower():
                continue  # a readme, or a list of pictures
            if len(near) > 1:
                reading.problems.add(
                    Oddity.AMBIGUOUS_PICTURE, name, "", f"may be of {' or '.join(near[:3])}; taken for none of them"
                )
                continue
            labelled.update(near)
            sight = reading.see(near[0] if near else path.stem)
            if sight is None:
                continue
            try:
                text = read_bounded(reading.files.path(name), BadTruth, MAX_LABEL_BYTES).decode("utf-8-sig", "replace")
            except BadTruth as error:
                reading.problems.add(
                    Oddity.UNREADABLE_FILE, name, "", f"{error}; so what {sight.name} shows is not known"
                )
                yield ReadPicture(sight.name, sight.path, sight.size_wh, None)
                continue
            raw, lost = _labels(text, name, reading)
            yield reading.picture(sight, raw, LINE, lost=lost)
        for name in reading.files.pictures:
            if name not in labelled and (sight := reading.see(name)) is not None:
                yield reading.picture(sight, None, LINE)


def _below(name: str) -> tuple[str, ...]:
    """Return the folders of a file without its own, in which pictures and labels differ."""
    return PurePosixPath(name).parts[:-2]


def _labels(text: str, name: str, reading: Reading) -> tuple[list[RawLabel], int]:
    labels, lost, ignored = [], 0, 0
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if words[0] == DONT_CARE:
            ignored += 1
            continue
        try:
            if len(words) not in (15, 16):
                raise ValueError(f"expected 15 values, or 16 with a score, got {len(words)}")
            left, top, right, bottom = (float(word) for word in words[4:8])
            score = float(words[15]) if len(words) == 16 else None
            if score is not None and not 0 <= score <= 1:
                score = None  # KITTI's own results have scores without bounds
        except ValueError as error:
            reading.problems.add(fault_of(error), name, f"{LINE} {number}", str(error))
            lost += 1
            continue
        attributes = dict(zip(ATTRIBUTES, words[1:4], strict=True))
        labels.append(RawLabel(words[0], (left, top, right, bottom), name, number, score, attributes=attributes))
    if ignored:
        reading.problems.add(
            Oddity.IGNORED_REGION,
            name,
            "",
            f"{ignored} regions where nothing was labelled ({DONT_CARE}) are not kept",
            "note",
        )
    return labels, lost
