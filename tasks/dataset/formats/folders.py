"""Folders per class: `train/car/a.jpg`, as torchvision's ImageFolder and ultralytics' classifiers read them.

Source:
    https://docs.ultralytics.com/datasets/classify/
"""

from pathlib import Path
from urllib.parse import quote, unquote

from blocks.errors import BadOption
from tasks.dataset.formats.reading import PICTURE_SUFFIXES, TruthReading, visible
from tasks.dataset.formats.target import SPLITS, Target

NOT_IN_NAMES = '%/\\:*?"<>|'
"""What some file system does not take in a folder's name, and the sign that stands for it; written as in addresses."""


class FoldersFormat:
    """`<split>/<class>/`, or `<class>/` alone where a folder is read; the labels are nothing but the folders."""

    name = "folders"
    shapes = frozenset({"whole"})

    def read(self, folder: Path) -> TruthReading:
        """Take the class of each picture from the folder that it lies in, below that of a split if there is one."""
        reading = TruthReading()
        below = [path for path in visible(folder.iterdir()) if path.is_dir()]
        has_splits = bool(below) and all(path.name in SPLITS for path in below)
        classes: dict[str, None] = {}
        for path in visible(folder.rglob("*")):
            if path.suffix.lower() not in PICTURE_SUFFIXES or not path.is_file():
                continue
            parts = path.relative_to(folder).parts[has_splits:-1]
            name = path.relative_to(folder).as_posix()
            if not parts:
                reading.problems.append(f"{name}: lies in no folder of a class; it is left out")
            elif reading.add_whole(name, path, unquote(parts[0])):
                classes[unquote(parts[0])] = None
        reading.classes = sorted(classes)
        return reading

    def write(self, target: Target) -> None:
        """Write each picture into the folder of its class.

        Raises:
            BadOption: The pictures are to be left out, and nothing would be written.
        """
        if target.images == "none":
            raise BadOption("folders per class hold nothing but pictures: take --images copy or link")
        for picture in target.pictures():
            item, name = picture.item, picture.name
            if len(item.labels) != 1:
                target.result.notes["pictures without exactly one class, left out"] += 1
                continue
            target.put_image(item, target.place / item.split / folder_of(item.labels[0].class_name) / name)
            target.count(picture, name, list(item.labels))


def folder_of(class_name: str) -> str:
    """Return the name of a class's folder, which `unquote` turns back into the class."""
    name = "".join(quote(sign, safe="") if sign in NOT_IN_NAMES else sign for sign in class_name)
    return f"%2E{name[1:]}" if name.startswith(".") else name
