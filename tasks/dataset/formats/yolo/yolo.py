"""YOLO: a text file for each picture, a line for each box, in shares of the picture.

Source:
    https://docs.ultralytics.com/datasets/detect
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

import yaml

from tasks.dataset.formats.reading.pictures import ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.writing.target import SPLITS, Target
from tasks.dataset.formats.yolo.label_files import LINE, is_label_file, label_file_of, picture_of, picture_with
from tasks.dataset.formats.yolo.names import read_facts
from tasks.dataset.original_names import MOST_NAME_BYTES, told_apart

ULTRALYTICS_READS = frozenset({".bmp", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"})
"""By their suffix; other files in an `images/` folder are not seen."""


class YoloFormat:
    """`images/<split>/`, `labels/<split>/` and `data.yaml`."""

    name = "yolo"
    shapes = frozenset({"box"})
    unit = LINE

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read a text file for each picture; files of pictures that are not there, too, where their size is known."""
        facts = read_facts(reading)
        reading.classes.update(dict.fromkeys(facts.names))
        shared: dict[str, str] = {}
        for name in reading.files.pictures:
            labels = label_file_of(name, reading.files)
            if labels is not None and shared.setdefault(labels, name) != name:
                reading.problems.add(name, "", f"shares {labels} with {shared[labels]}", "note")
            sight = reading.see(name)
            if sight is not None:
                yield picture_with(reading, sight, labels, facts)
        for labels in reading.files.with_suffix(".txt"):
            if labels not in shared and is_label_file(labels, reading.files):
                sight = reading.see(picture_of(labels))
                if sight is not None:
                    yield picture_with(reading, sight, labels, facts)

    def write(self, target: Target) -> None:
        """Write pictures and labels, and the list of names."""
        from supervision.dataset.formats.yolo import detections_to_yolo_annotations

        for split in SPLITS:
            for kind in ("images", "labels"):
                (target.place / kind / split).mkdir(parents=True)
        for picture in target.pictures():
            item, name = picture.item, picture.name
            if name.suffix.lower() not in ULTRALYTICS_READS:
                name = name.with_name(f"{name.name}{PurePosixPath(item.key).suffix}")
            if len(name.name.encode()) > MOST_NAME_BYTES:  # with the suffix that was put to it
                name = told_apart(name, item)
            if name.suffix.lower() not in ULTRALYTICS_READS:
                target.result.notes["pictures of a format that ultralytics does not read (convert them)"] += 1
            if (target.place / "labels" / item.split / name).with_suffix(".txt").exists():
                name = told_apart(name, item)  # a.jpg and a.png would share a.txt
            labels, found = target.usable(item)
            text = "".join(f"{line}\n" for line in detections_to_yolo_annotations(found, (item.height, item.width)))
            path = (target.place / "labels" / item.split / name).with_suffix(".txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            target.put_image(item, target.place / "images" / item.split / name)
            target.count(picture, name, labels)
            kinds = sum(1 for label in labels if label.kind)
            if kinds:
                target.result.notes["labels with an exact kind, which YOLO cannot hold (COCO does)"] += kinds
        # Without `path` ultralytics looks beside the file, so the folder can be moved.
        data = {**{split: f"images/{split}" for split in SPLITS}, "names": dict(enumerate(target.manifest.classes))}
        (target.place / "data.yaml").write_text(
            yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )
