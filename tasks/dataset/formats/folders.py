"""Folders per class: `train/car/a.jpg`, as torchvision's ImageFolder and ultralytics' classifiers read them.

Source:
    https://docs.ultralytics.com/datasets/classify/
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from blocks.errors import BadOption
from blocks.shapes import Whole
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target

PICTURE = "picture"

NOT_IN_NAMES = '%/\\:*?"<>|'
"""What some file system does not take in a folder's name, and the sign that stands for it; written as in addresses."""


class FoldersFormat:
    """`<split>/<class>/`, or `<class>/` alone where a folder is read; the labels are nothing but the folders."""

    name = "folders"
    shapes = frozenset({"whole"})
    unit = PICTURE
    rooms: frozenset[Room] = frozenset()

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Take the class of each picture from the folder that it lies in, below that of a split if there is one."""
        names = reading.files.pictures
        tops = {PurePosixPath(name).parts[0] for name in names if "/" in name}
        has_splits = bool(tops) and all(top in SPLIT_NAMES for top in tops)
        for name in names:
            parts = PurePosixPath(name).parts[has_splits:-1]
            if not parts:
                reading.problems.add(Oddity.UNKNOWN_CLASS, name, "", "lies in no folder of a class")
            elif (sight := reading.see(name)) is not None:
                label = RawLabel(unquote(parts[0]), Whole(), sight.name, 1)
                split = SPLIT_NAMES[PurePosixPath(name).parts[0]] if has_splits else None
                yield replace(reading.picture(sight, [label], PICTURE), split=split)

    def write(self, target: Target) -> None:
        """Write each picture into the folder of its class.

        Raises:
            BadOption: The pictures are to be left out, and nothing would be written.
        """
        if target.images == "none":
            raise BadOption("folders per class hold nothing but pictures: take --images copy or link")
        for written in target.pictures():
            item, name = written.item, written.name
            if len(written.labels) != 1:
                target.result.notes["pictures without exactly one class, left out"] += 1
                continue
            class_name = written.labels[0].label.class_name
            target.put_image(item, target.place / item.split / folder_of(class_name) / name)
            target.count(written, name)


def folder_of(class_name: str) -> str:
    """Return the name of a class's folder, which `unquote` turns back into the class."""
    name = "".join(quote(sign, safe="") if sign in NOT_IN_NAMES else sign for sign in class_name)
    return f"%2E{name[1:]}" if name.startswith(".") else name
