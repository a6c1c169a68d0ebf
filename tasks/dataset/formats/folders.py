"""Folders per class: `train/car/a.jpg`, as torchvision's ImageFolder and ultralytics' classifiers read them; or texts.

Source:
    https://docs.ultralytics.com/datasets/classify/
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from blocks.errors import BadInput, BadOption, UnreadableText
from blocks.shapes import Whole
from blocks.storage.outside_files import read_bounded
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading, Sight
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target
from tasks.intake.sequences import readable
from tasks.intake.texts.letters import read_letters
from tasks.intake.texts.text_items import clean_text, read_text

PICTURE = "picture"

TEXT_SUFFIX = ".txt"

MOST_TEXT_BYTES = 5 << 20
"""Of a file: a text of a mebibyte takes four times as much where its letters are UTF-32."""

NOT_IN_NAMES = '%/\\:*?"<>|'
"""What some file system does not take in a folder's name, and the sign that stands for it; written as in addresses."""


class FoldersFormat:
    """`<split>/<class>/`, or `<class>/` alone where a folder is read; the labels are nothing but the folders."""

    name = "folders"
    shapes = frozenset({"whole"})
    unit = PICTURE
    holds_texts = True
    rooms: frozenset[Room] = frozenset()

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Take the class of each picture from the folder that it lies in, below that of a split if there is one."""
        names = reading.files.pictures or reading.files.with_suffix(TEXT_SUFFIX)
        tops = {PurePosixPath(name).parts[0] for name in names if "/" in name}
        has_splits = bool(tops) and all(top in SPLIT_NAMES for top in tops)
        for name in names:
            parts = PurePosixPath(name).parts[has_splits:-1]
            if not parts:
                reading.problems.add(Oddity.UNKNOWN_CLASS, name, "", "lies in no folder of a class")
            elif (found := _seen(name, unquote(parts[0]), reading)) is not None:
                split = SPLIT_NAMES[PurePosixPath(name).parts[0]] if has_splits else None
                yield replace(found, split=split)

    def write(self, target: Target) -> None:
        """Write each picture into the folder of its class.

        Raises:
            BadOption: The pictures are to be left out, and nothing would be written.
        """
        is_of_texts = target.manifest.medium == "texts"
        if target.images == "none" and not is_of_texts:
            raise BadOption("folders per class hold nothing but pictures: take --images copy or link")
        for written in target.pictures():
            item, name = written.item, written.name
            if len(written.labels) != 1:
                target.result.notes["pictures without exactly one class, left out"] += 1
                continue
            class_name = written.labels[0].label.class_name
            folder = target.place / item.split / folder_of(class_name)
            if is_of_texts:
                path = folder / (name if name.suffix == TEXT_SUFFIX else name.with_name(f"{name.name}{TEXT_SUFFIX}"))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(read_text(target.store, item.key).encode())
            else:
                target.put_image(item, folder / name)
            target.count(written, name)


def _seen(name: str, class_name: str, reading: Reading) -> ReadPicture | None:
    """Return a picture or a text with its class; None: it is none, which is noted."""
    label = RawLabel(class_name, Whole(), readable(name), 1)
    if not name.lower().endswith(TEXT_SUFFIX):
        sight = reading.see(name)
        return None if sight is None else reading.picture(sight, [label], PICTURE)
    try:
        data = read_bounded(reading.files.path(name), UnreadableText, MOST_TEXT_BYTES)
        text = clean_text(read_letters(data, reading.texts.encoding)).text
    except BadInput as error:
        reading.problems.add(Oddity.UNREADABLE_PICTURE, readable(name), "", str(error))
        return None
    found = reading.picture(Sight(readable(name), None, None), [label], PICTURE)
    return replace(found, text=text, text_in=name)


def folder_of(class_name: str) -> str:
    """Return the name of a class's folder, which `unquote` turns back into the class."""
    name = "".join(quote(sign, safe="") if sign in NOT_IN_NAMES else sign for sign in class_name)
    return f"%2E{name[1:]}" if name.startswith(".") else name
