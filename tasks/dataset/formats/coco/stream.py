"""A COCO file of any number of pictures, written as a stream."""

import json
from pathlib import Path
from typing import IO, Any

from tasks.dataset.formats.coco.segmentation import segmentation_of
from tasks.dataset.formats.writing.target import WrittenLabel
from tasks.intake.credits import Credit


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
        self._numbers = {name: number for number, name in enumerate(classes, start=1)}
        self._facts = facts
        self._licences: dict[tuple[str, str], int] = {}
        self._pictures = self._labels = 0

    def __enter__(self) -> "CocoFile":
        """Begin the file."""
        self._out: IO[str] = self._path.open("w", encoding="utf-8")
        self._later: IO[str] = self._rest.open("w", encoding="utf-8")
        categories = [{"id": number, "name": name, "supercategory": ""} for name, number in self._numbers.items()]
        head = {"info": self._facts, "categories": categories}
        self._out.write(json.dumps(head, ensure_ascii=False)[:-1] + ',\n"images": [\n')
        return self

    def add(
        self, name: str, size_wh: tuple[int, int], labels: tuple[WrittenLabel, ...], credit: Credit | None = None
    ) -> None:
        """Write one picture with its labels.

        Args:
            name: Path of its file, as COCO's `file_name`.
            size_wh: Pixels, upright.
            labels: What is on it; may be none.
            credit: Who made it; None: that is not known.
        """
        picture: dict[str, Any] = {
            "id": self._pictures + 1,
            "file_name": name,
            "width": size_wh[0],
            "height": size_wh[1],
        }
        picture |= self._credit(credit) if credit else {}
        self._out.write((",\n" if self._pictures else "") + json.dumps(picture, ensure_ascii=False))
        self._pictures += 1
        for each in labels:
            row = json.dumps(self._row(each, size_wh), ensure_ascii=False)
            self._later.write((",\n" if self._labels else "") + row)
            self._labels += 1

    def _credit(self, credit: Credit) -> dict[str, Any]:
        """Return COCO's fields for the address and the licence, and beside them what COCO has none for."""
        own: dict[str, Any] = {
            "coco_url": credit.url,
            "page_url": credit.page_url,
            "title": credit.title,
            "author": credit.author,
        }
        if credit.licence or credit.licence_url:
            licence = credit.licence or "", credit.licence_url or ""
            own["license"] = self._licences.setdefault(licence, len(self._licences) + 1)
        return {name: value for name, value in own.items() if value}

    def _row(self, each: WrittenLabel, size_wh: tuple[int, int]) -> dict[str, Any]:
        label = each.label
        outline, area = segmentation_of(label.shape, size_wh)
        left, top, right, bottom = each.box_xyxy_px or label.box_xyxy_px
        box = [left, top, right - left, bottom - top]
        row: dict[str, Any] = {
            "id": self._labels + 1,
            "image_id": self._pictures,
            "category_id": self._numbers[label.class_name],
        }
        area = box[2] * box[3] if area is None else area
        row |= {"bbox": box, "area": area, "iscrowd": 0, "segmentation": outline, "origin": label.origin}
        own = {"kind": label.kind, "track": label.track, "score": each.origin.score}
        return row | {name: value for name, value in own.items() if value is not None}

    def __exit__(self, *_: object) -> None:
        """End the file."""
        self._later.close()
        with self._rest.open(encoding="utf-8") as annotations:
            self._out.write('\n],\n"annotations": [\n')
            for line in annotations:
                self._out.write(line)
        licences = [{"id": at, "name": name, "url": url} for (name, url), at in self._licences.items()]
        self._out.write('\n],\n"licenses": ' + json.dumps(licences, ensure_ascii=False) + "}\n")
        self._out.close()
        self._rest.unlink()
