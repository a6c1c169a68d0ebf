"""What an import brings in, written down before anything is taken in: parts of some hundred pictures with their labels.

A part is a file in the object store with a picture a line. Parts and the plan are named by what is in them, so labels
that are read again are the same import, and an interrupted one goes on.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes

from pydantic import Field

from blocks.frozen import Frozen
from blocks.shapes import Shape
from blocks.storage.stores import Store
from tasks.dataset.formats.reading.problems import KindTally
from tasks.dataset.imports.options import Purpose
from tasks.intake.texts.media import Medium

ID_DIGITS = 12
"""Of an import's id: it also stands in the place of a detector's version."""

PICTURES_IN_PART = 256

MOST_PARTS = 512
"""A run of more steps burdens the server that watches it."""


class PlannedLabel(Frozen):
    """A label as it will stand: of the collection's kind, and inside its picture."""

    class_name: str
    shape: Shape
    file: str
    line: int | None = None
    score: float | None = None
    kind: str | None = None
    track: str | None = None


class PlannedPicture(Frozen):
    """A picture, and what the labels say of it."""

    name: str = Field(description="its path in what was given, or what its labels call it")
    path: str | None = Field(
        default=None,
        description="where it is below what was given, if it is there; percent-encoded, as names may be odd",
    )
    item_id: str | None = Field(default=None, description="of the collection, if it does not")
    labels: tuple[PlannedLabel, ...] | None = Field(default=None, description="None: not known")
    split: str | None = Field(default=None, description="of the dataset's own, where it says one")
    text: str | None = Field(default=None, description="what it says, where it is a text")
    text_in: str = Field(default="", description="the file below what was given in which the text stands")

    def file_below(self, root: Path) -> Path | None:
        """Return where the picture is; None: its labels are without it."""
        return None if self.path is None else root / os.fsdecode(unquote_to_bytes(self.path))


class ImportPlan(Frozen):
    """All that the steps of an import must know; small, whatever the number of labels."""

    id: str
    collection: str
    name: str
    purpose: Purpose
    format: str
    root: str = Field(description="below which pictures lie")
    kind: str = Field(description="of the labels")
    medium: Medium = Field(default="pictures", description="what the items are")
    classes: tuple[str, ...]
    speaks_of: tuple[str, ...] = Field(
        default=(), description="classes that the dataset names, those that no picture shows as well; empty: all"
    )
    parts: tuple[str, ...] = Field(description="keys in the object store")
    part_size: int = Field(default=PICTURES_IN_PART, description="pictures in each part but the last")
    splits: tuple[str, ...] = Field(default=(), description="parts that the dataset has itself")
    names: tuple[str, ...] = Field(default=(), description="which classes are renamed, as sentences")
    sequence_pattern: str | None = None
    facts: dict[str, int] = Field(default_factory=dict, description="what was read, counted")
    problem_counts: dict[str, int] = Field(default_factory=dict, description="found while reading, by what came of it")
    problem_kinds: dict[str, KindTally] = Field(default_factory=dict, description="the same, by kind")
    first_problems: tuple[str, ...] = ()

    @property
    def batch_id(self) -> str:
        """The batch of the pictures whose truth comes in."""
        return f"{self.collection}-import-{self.id}"


def plan_key(import_id: str) -> str:
    """Return where the plan of an import is in the object store."""
    return f"imports/{import_id}/plan.json"


def problems_key(import_id: str, part: str) -> str:
    """Return where problems of an import are, as a table: those of reading, of one of its parts, or all of them."""
    return f"imports/{import_id}/problems-{part}.csv"


class PartWriter:
    """Writes pictures into parts, in a folder of its own until all are known."""

    def __init__(self, folder: Path, size: int = PICTURES_IN_PART) -> None:
        self._folder = folder
        self._size = size
        self._digest = hashlib.sha256()
        self._lines: list[str] = []
        self.files: list[Path] = []

    def add(self, picture: PlannedPicture) -> None:
        """Write one."""
        line = picture.model_dump_json(exclude_none=True)
        self._digest.update(line.encode("utf-8", "surrogatepass"))
        self._lines.append(line)
        if len(self._lines) == self._size:
            self.flush()

    def flush(self) -> None:
        """Write what is left."""
        if self._lines:
            path = self._folder / f"part-{len(self.files):06d}.jsonl"
            path.write_text("".join(f"{line}\n" for line in self._lines), encoding="utf-8")
            self.files.append(path)
            self._lines.clear()

    def id_with(self, facts: Sequence[object]) -> str:
        """Return the id of an import of these pictures, for which some facts hold."""
        digest = self._digest.copy()
        digest.update(json.dumps(facts, sort_keys=True).encode())
        return digest.hexdigest()[:ID_DIGITS]

    @property
    def part_size(self) -> int:
        """How many pictures are in a part; several files are one where there are many, so that parts are not."""
        return self._size * max(1, -(-len(self.files) // MOST_PARTS))

    def keep(self, store: Store, import_id: str) -> tuple[str, ...]:
        """Put all parts into the store, and return their keys."""
        together, keys = self.part_size // self._size, list[str]()
        for start in range(0, len(self.files), together):
            key = f"imports/{import_id}/part-{len(keys):04d}.jsonl"
            text = b"".join(path.read_bytes() for path in self.files[start : start + together])
            if not store.has(key):
                store.put(key, text, "application/x-ndjson")
            keys.append(key)
        return tuple(keys)


def pictures_of(store: Store, key: str) -> Iterator[PlannedPicture]:
    """Yield the pictures of a part.

    Raises:
        ObjectMissing: It is not in the store any more.
    """
    with store.local_path(key).open(encoding="utf-8") as lines:
        for line in lines:
            yield PlannedPicture.model_validate_json(line)


def keep_plan(store: Store, plan: ImportPlan) -> None:
    """Put a plan into the store, in the place of an earlier one of the same labels."""
    store.put(plan_key(plan.id), plan.model_dump_json().encode(), "application/json")


def read_plan(store: Store, import_id: str) -> ImportPlan:
    """Return the plan of an import.

    Raises:
        ObjectMissing: There is none.
    """
    return ImportPlan.model_validate_json(store.get(plan_key(import_id)))
