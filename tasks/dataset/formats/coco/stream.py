"""A COCO file of any number of pictures, written as a stream: supervision says what an annotation looks like."""

import json
from pathlib import Path
from typing import IO, Any

import numpy as np
import supervision as sv
from supervision.dataset.formats.coco import classes_to_coco_categories, detections_to_coco_annotations

from tasks.dataset.manifest import ManifestLabel


class CocoFile:
    """Pictures and annotations of one split; use it in a `with`.

    Annotations stand behind all pictures in the file, so they are kept beside it until the end.

    Source:
        https://cocodataset.org/#format-data
    """

    def __init__(self, path: Path, classes: tuple[str, ...], facts: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._rest = path.with_suffix(".part")
        self._classes = classes
        self._facts = facts
        self._pictures = 0
        self._next_id = 1

    def __enter__(self) -> "CocoFile":
        """Begin the file."""
        self._out: IO[str] = self._path.open("w", encoding="utf-8")
        self._later: IO[str] = self._rest.open("w", encoding="utf-8")
        categories = classes_to_coco_categories(list(self._classes))
        head = {"info": self._facts, "licenses": [], "categories": categories}
        self._out.write(json.dumps(head, ensure_ascii=False)[:-1] + ',\n"images": [\n')
        return self

    def add(self, name: str, size_wh: tuple[int, int], labels: list[ManifestLabel], found: sv.Detections) -> None:
        """Write one picture with its labels.

        Args:
            name: Path of its file, as COCO's `file_name`.
            size_wh: Pixels, upright.
            labels: What is on it; may be none.
            found: The same as detections, in the same order.
        """
        picture = {"id": self._pictures + 1, "file_name": name, "width": size_wh[0], "height": size_wh[1]}
        self._out.write((",\n" if self._pictures else "") + json.dumps(picture, ensure_ascii=False))
        self._pictures += 1
        rows, following = detections_to_coco_annotations(found, self._pictures, self._next_id)
        for row, label in zip(rows, labels, strict=True):
            kind = {"kind": label.kind} if label.kind else {}
            text = json.dumps({**row, **kind}, ensure_ascii=False, default=_plain)
            self._later.write((",\n" if row["id"] > 1 else "") + text)
        self._next_id = following

    def __exit__(self, *_: object) -> None:
        """End the file."""
        self._later.close()
        with self._rest.open(encoding="utf-8") as annotations:
            self._out.write('\n],\n"annotations": [\n')
            for line in annotations:
                self._out.write(line)
        self._out.write("\n]}\n")
        self._out.close()
        self._rest.unlink()


def _plain(value: Any) -> float | int:
    if isinstance(value, np.generic):
        plain: float | int = value.item()
        return plain
    raise TypeError(f"{type(value).__name__} has no place in a COCO file")
