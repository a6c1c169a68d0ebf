"""The manifest of a snapshot: which items, which labels, which split, as a file that can be larger than memory.

The file is canonical JSON with one item per line, so it is hashed, written and read as a stream: keys are sorted, items
are ordered by id and labels by region, floats are Python's shortest exact form. Its SHA-256 is the snapshot's id, so
`sha256sum` is enough to check one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

FORMAT = "labelline-snapshot-1"


class ManifestLabel(BaseModel):
    """One object of an item, with the chain of ids behind it; the box is pixels of the upright item."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    region: str
    revision: int
    class_name: str
    kind: str | None
    box_xyxy_px: tuple[float, float, float, float]
    origin: str
    batch_id: str
    proposal_id: str | None
    answer_id: str | None
    kind_answer_id: str | None


class ManifestItem(BaseModel):
    """One settled item; `labels` is empty where people or machines agreed that nothing is on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    key: str
    name: str
    sequence: str
    split: str
    width: int
    height: int
    labels: tuple[ManifestLabel, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A snapshot's head, and a way to its items."""

    id: str
    collection: str
    classes: tuple[str, ...]
    path: Path

    def items(self, split: str | None = None) -> Iterator[ManifestItem]:
        """Yield items in the order of their ids, one at a time; None: of all splits."""
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                if not line.startswith('{"height"'):
                    continue  # the head and the tail
                item = ManifestItem.model_validate_json(line.rstrip().rstrip(","))
                if split is None or item.split == split:
                    yield item


def head_line(collection: str, classes: list[str]) -> str:
    """Return the first line of a manifest, up to its list of items."""
    head = canonical({"classes": classes, "collection": collection, "format": FORMAT})
    return f'{head[:-1]},"items":[\n'


def item_line(item: ManifestItem) -> str:
    """Return an item as one line, without its separator."""
    return canonical(item.model_dump(mode="json"))


def tail_line() -> str:
    """Return the last line of a manifest."""
    return "\n]}\n"


def read_head(line: str) -> tuple[str, tuple[str, ...]]:
    """Return collection and classes of a manifest from its first line.

    Raises:
        ValueError: The line is no head of a manifest that this version can read.
    """
    head = json.loads(line.rstrip("\n") + "]}")
    if head.get("format") != FORMAT:
        raise ValueError(f"format {head.get('format')!r}, expected {FORMAT!r}")
    return str(head["collection"]), tuple(head["classes"])


def canonical(value: dict[str, Any]) -> str:
    """Return the one JSON text of a value: sorted keys, no blanks, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
