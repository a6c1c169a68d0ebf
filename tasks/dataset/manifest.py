"""The manifest of a snapshot: which items, which labels, which split, as a file that can be larger than memory.

The file is canonical JSON with one item per line, so it is hashed, written and read as a stream: keys are sorted, items
are ordered by id and labels by region, floats are Python's shortest exact form. Its SHA-256 is the snapshot's id, so
`sha256sum` is enough to check one.

There are two formats. Format 1 knows boxes on pictures; format 2 also shapes, tracks, frames, texts and where imported
labels came from, and its head names the kind of the labels. Of what is empty in format 2 nothing is written, so an item
of plain boxes is one and the same line in both, and a snapshot is of format 2 only if it holds something that format 1
has no words for: the same truth has the same id, its certificate and its evaluations, whichever version of Labelline
took it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field

from blocks.errors import BadShape
from blocks.frozen import Frozen
from blocks.shapes import Bounds, Shape
from tasks.intake.texts.media import Medium

FORMAT = "labelline-snapshot-1"
FORMAT_OF_SHAPES = "labelline-snapshot-2"

NEW_OF_ITEM = ("length", "frame")
NEW_OF_LABEL = ("shape", "track", "import_id", "import_file", "import_line")
"""Fields that only format 2 has."""


class ManifestLabel(Frozen):
    """One label of an item, with the chain of ids behind it; bounds in pixels of the upright item, `shape` the rest."""

    model_config = ConfigDict(validate_by_name=True)

    id: str
    region: str
    revision: int
    class_name: str
    kind: str | None
    bounds_px: Bounds | None = Field(alias="box_xyxy_px")
    origin: str
    batch_id: str
    proposal_id: str | None
    answer_id: str | None
    kind_answer_id: str | None
    shape: Shape | None = None
    track: str | None = None
    import_id: str | None = None
    import_file: str | None = None
    import_line: int | None = None

    @property
    def box_xyxy_px(self) -> Bounds:
        """The label's box, or that around its shape.

        Raises:
            BadShape: It has none.
        """
        if self.bounds_px is None:
            raise BadShape(f"label {self.id} ({self.class_name}) has no box: it is of a kind that has no edges")
        return self.bounds_px


class ManifestItem(Frozen):
    """One settled item; `labels` is empty where people or machines agreed that nothing is on it. A text has size 0."""

    id: str
    key: str
    name: str
    sequence: str
    split: str
    width: int
    height: int
    labels: tuple[ManifestLabel, ...]
    length: int | None = None
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A snapshot's head, and a way to its items."""

    id: str
    collection: str
    classes: tuple[str, ...]
    path: Path
    kind: str = "boxes"

    @property
    def medium(self) -> Medium:
        """What its items are."""
        first = next(self.items(), None)
        return "texts" if first is not None and first.length is not None else "pictures"

    def items(self, split: str | None = None) -> Iterator[ManifestItem]:
        """Yield items in the order of their ids, one at a time; None: of all splits."""
        with self.path.open(encoding="utf-8") as lines:
            next(lines)  # the head
            for line in lines:
                if not line.startswith("{"):
                    continue  # the tail
                item = ManifestItem.model_validate_json(line.rstrip().rstrip(","))
                if split is None or item.split == split:
                    yield item


def head_line(collection: str, classes: list[str], kind: str, *, is_plain: bool) -> str:
    """Return the first line of a manifest, up to its list of items.

    Args:
        collection: Whose truth.
        classes: All that occur.
        kind: Of the labels.
        is_plain: Whether format 1 can hold all of it.
    """
    facts = {"format": FORMAT} if is_plain else {"format": FORMAT_OF_SHAPES, "kind": kind}
    head = canonical({"classes": classes, "collection": collection, **facts})
    return f'{head[:-1]},"items":[\n'


def item_line(item: ManifestItem) -> str:
    """Return an item as one line, without its separator; what is new in format 2 is left out where it is empty."""
    facts = item.model_dump(mode="json", by_alias=True)
    for fields, row in ((NEW_OF_ITEM, facts), *((NEW_OF_LABEL, label) for label in facts["labels"])):
        for name in fields:
            if row[name] is None:
                del row[name]
    return canonical(facts)


def is_plain(item: ManifestItem) -> bool:
    """Whether format 1 can hold an item with its labels."""
    new = [getattr(item, name) for name in NEW_OF_ITEM]
    new += [getattr(label, name) for label in item.labels for name in NEW_OF_LABEL]
    return not any(value is not None for value in new)


def tail_line() -> str:
    """Return the last line of a manifest."""
    return "\n]}\n"


def read_head(line: str) -> tuple[str, tuple[str, ...], str]:
    """Return collection, classes and kind of labels of a manifest from its first line.

    Raises:
        ValueError: The line is no head of a manifest that this version can read.
    """
    head = json.loads(line.rstrip("\n") + "]}")
    if head.get("format") not in (FORMAT, FORMAT_OF_SHAPES):
        raise ValueError(f"format {head.get('format')!r}, expected {FORMAT!r} or {FORMAT_OF_SHAPES!r}")
    return str(head["collection"]), tuple(head["classes"]), str(head.get("kind", "boxes"))


def canonical(value: dict[str, Any]) -> str:
    """Return the one JSON text of a value: sorted keys, no blanks, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
