"""A detector's boxes as files, without people: a folder is looked at in a catalogue that lasts as long as the look.

It is the line's own way from files to proposals, so the same is found as by a line with the same options; and any
format of datasets holds the result. Pictures stay where they are: copies are made a few at a time, and let go of.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.catalog import migrate
from blocks.database.engine import open_engine, reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Proposal, Route, Source, utc_now
from blocks.errors import BadOption
from blocks.storage.stores import FolderStore, Store
from tasks.dataset.formats.writing.place import check_target
from tasks.dataset.formats.writing.target import TakenAlong
from tasks.dataset.take_along import Format, take_along
from tasks.detect.models import keys_of
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import proposals_of, propose
from tasks.detect.refs import DetectorRef
from tasks.intake.folders import find_images, take_in
from tasks.intake.label_kinds import note_label_kind
from tasks.intake.sequences import assign_splits
from tasks.settle.revisions import label_id
from tasks.settle.truth import MACHINE

BATCH = "predicted"

CHUNK = 64
"""Pictures that are copied, looked at and let go of at once."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for, and how.

    Attributes:
        ref: The detector; its weights are in the store that goes with it.
        classes: Of the detector's classes, those that are written.
        options: Tiling and thresholds, as a line has them.
        kind: Of the labels.
        least_score: What scores less is not written.
    """

    ref: DetectorRef
    classes: tuple[str, ...]
    options: TilingOptions
    kind: str = "boxes"
    least_score: float = 0.25


@dataclass(slots=True)
class Predicted:
    """What a look at a folder came to.

    Attributes:
        export: Where the files are, and what is in them.
        pictures: How many were looked at.
        set_aside: Files that could not be looked at, by name, with the reason.
        scores: Labels by class and tenth of score: `("car", 9)` is 0.9 to 1.
    """

    export: TakenAlong | None = None
    pictures: int = 0
    set_aside: dict[str, str] = field(default_factory=dict)
    scores: Counter[tuple[str, int]] = field(default_factory=Counter)


def predict_folder(
    folder: Path,
    out: Path,
    store: Store,
    wanted: Wanted,
    fmt: Format,
    say: Callable[[int, int], None] = lambda _done, _of: None,
    *,
    overwrite: bool = False,
) -> Predicted:
    """Look at a folder of pictures with a detector, and write what it finds as a dataset without pictures.

    Args:
        folder: Pictures, with all subfolders; nothing in it is changed.
        out: Where the files go: absent, an empty folder, or with `overwrite` what was written there before.
        store: Where the weights are.
        wanted: What is looked for.
        fmt: Of the files.
        say: Told how many pictures of how many are done.
        overwrite: Replace what was written there before, and nothing else.

    Raises:
        NoImages: The folder has none.
        BadOption: No picture of it can be read, or `out` cannot be used; the second is said before anything is loaded.
        BadWeights: The weights cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="labelline-predict-") as place:
        own = FolderStore(Path(place) / "objects")
        check_target(out, own, "none", overwrite=overwrite)
        paths = find_images(folder)
        for key in keys_of(wanted.ref.weights_key):
            own.put(key, store.local_path(key))
        migrate(url := f"sqlite:///{place}/catalog.sqlite")
        engine = open_engine(url)
        try:
            look = _Look(engine, own, folder, wanted)
            for start in range(0, len(paths), CHUNK):
                look.at(paths[start : start + CHUNK])
                say(look.done, len(paths))
            look.result.export = look.written(out, fmt, overwrite=overwrite)
        finally:
            engine.dispose()
        return look.result


class _Look:
    """One look at a folder: what is found stays in the catalogue, what was looked at does not stay in the store."""

    def __init__(self, engine: Engine, store: FolderStore, folder: Path, wanted: Wanted) -> None:
        self._engine, self._store, self._folder, self._wanted = engine, store, folder, wanted
        self._collection = folder.name or "folder"
        self.result = Predicted()
        self.done = 0
        note_label_kind(engine, self._collection, wanted.kind)
        with writing(engine) as session:
            row = {"id": BATCH, "collection": self._collection, "detector": wanted.ref.version}
            upsert(session, Batch, [row | {"settled_at": utc_now()}])

    def at(self, paths: Sequence[Path]) -> None:
        """Look at some files, each once."""
        report = take_in(self._engine, self._store, self._collection, paths, folder=self._folder)
        self.done += len(paths)
        self.result.set_aside |= {file.uri.rpartition("/")[2]: file.reason for file in report.set_aside}
        items = self._fresh()
        wanted = self._wanted
        counts = propose(self._engine, self._store, items, wanted.ref, wanted.classes, wanted.options, wanted.kind)
        names = {item.id: item.name for item in items}
        unread = {one.item_id for one in counts.set_aside}
        self.result.set_aside |= {names[one.item_id]: one.reason for one in counts.set_aside}
        self._settle([item for item in items if item.id not in unread])
        for item in items:
            self._store.delete(item.key)

    def written(self, out: Path, fmt: Format, *, overwrite: bool) -> TakenAlong:
        """Write all that was found."""
        if not self.result.pictures:
            first = "; ".join(f"{name}: {why}" for name, why in list(self.result.set_aside.items())[:3])
            raise BadOption(f"no picture of {self._folder} can be read: {first}")
        assign_splits(self._engine, self._collection, (1.0, 0.0, 0.0))
        return take_along(self._engine, self._store, self._collection, out, fmt, "none", overwrite=overwrite)

    def _fresh(self) -> list[Item]:
        placed = select(BatchItem.item_id)
        query = select(Item).join(Source, col(Source.item_id) == col(Item.id)).where(col(Item.id).not_in(placed))
        with reading(self._engine) as session:
            return list(session.exec(query.distinct().order_by(col(Item.name), col(Item.id))))

    def _settle(self, items: Sequence[Item]) -> None:
        ids, wanted = [item.id for item in items], self._wanted
        found = proposals_of(self._engine, ids, wanted.ref.version, wanted.options.recipe(wanted.classes))
        kept = [one for id_ in ids for one in found[id_] if one.score >= wanted.least_score]
        place = {"batch_id": BATCH, "route": Route.SURE.value, "settled_at": utc_now(), "reasons": []}
        rows = [{**place, "item_id": id_, "position": self.result.pictures + n} for n, id_ in enumerate(ids)]
        with writing(self._engine) as session:
            upsert(session, BatchItem, rows)
            upsert(session, Label, [_label(one) for one in kept])
        self.result.pictures += len(ids)
        self.result.scores.update((one.class_name, min(9, int(one.score * 10))) for one in kept)


def _label(proposal: Proposal) -> dict[str, object]:
    copied = ("item_id", "class_name", "x_min", "y_min", "x_max", "y_max", "shape")
    row = {name: getattr(proposal, name) for name in copied}
    row |= {"id": label_id(proposal.item_id, proposal.id, 0), "region": proposal.id, "revision": 0}
    return row | {"origin": MACHINE, "batch_id": BATCH, "proposal_id": proposal.id}
