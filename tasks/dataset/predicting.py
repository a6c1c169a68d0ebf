"""What a model finds as files, without people: a place is looked at in a catalogue that lasts as long as the look.

It is the line's own way from files to proposals, so the same is found as by a line with the same options; and any
format of datasets holds the result. Pictures stay where they are: copies are made a few at a time, and let go of. Texts
are kept until the files are written, since these hold them.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.catalog import migrate
from blocks.database.engine import open_engine, reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Proposal, Route, Source, utc_now
from blocks.errors import BadOption
from blocks.shapes import identity_in_item
from blocks.storage.stores import FolderStore, Store
from tasks.dataset.formats.writing.place import check_target
from tasks.dataset.formats.writing.target import TakenAlong
from tasks.dataset.take_along import Format, take_along
from tasks.detect.models import keys_of
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import proposals_of, propose
from tasks.detect.proposers.registry import proposer_of
from tasks.detect.refs import DetectorRef
from tasks.intake.folders import find_images, take_in
from tasks.intake.label_kinds import note_label_kind
from tasks.intake.sequences import assign_splits
from tasks.intake.texts.columns import TextOptions
from tasks.intake.texts.media import Medium
from tasks.intake.texts.take_in import OfferedText, list_texts, take_in_texts, texts_listed
from tasks.settle.revisions import label_id
from tasks.settle.truth import MACHINE
from tasks.triage.boxes import in_shards

BATCH = "predicted"

CHUNK = 64
"""Pictures that are copied, looked at and let go of at once; of texts a listing is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for, and how.

    Attributes:
        ref: The detector; its weights are in the store that goes with it.
        classes: Of the detector's classes, those that are written.
        options: Tiling and thresholds, as a line has them.
        kind: Of the labels.
        least_score: What scores less is not written.
        texts: Where in the place the texts are; None: it holds pictures.
    """

    ref: DetectorRef
    classes: tuple[str, ...]
    options: TilingOptions
    kind: str = "boxes"
    least_score: float = 0.25
    texts: TextOptions | None = None

    @property
    def medium(self) -> Medium:
        """What is looked at."""
        return "pictures" if self.texts is None else "texts"


@dataclass(slots=True)
class Predicted:
    """What a look at a folder came to.

    Attributes:
        export: Where the files are, and what is in them.
        pictures: How many items were looked at, pictures or texts.
        doubles: Texts or files with the same bytes as others, which stand in the export once.
        set_aside: Files that could not be looked at, by name, with the reason.
        scores: Labels by class and tenth of score: `("car", 9)` is 0.9 to 1.
    """

    export: TakenAlong | None = None
    pictures: int = 0
    doubles: int = 0
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
    """Look at pictures or texts with a model, and write what it finds as a dataset, without the pictures.

    Args:
        folder: Pictures with all subfolders, or a file or folder of texts; nothing in it is changed.
        out: Where the files go: absent, an empty folder, or with `overwrite` what was written there before.
        store: Where the weights are.
        wanted: What is looked for.
        fmt: Of the files.
        say: Told how many pictures of how many are done.
        overwrite: Replace what was written there before, and nothing else.

    Raises:
        NoImages: The folder has none.
        NoTexts: The same of texts.
        BadOption: The model looks at the other medium, nothing can be read, it is not clear where the texts are, or
            `out` cannot be used; this is said before anything is loaded.
        BadWeights: The weights cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="labelline-predict-") as place:
        own = FolderStore(Path(place) / "objects")
        check_target(out, own, "none", overwrite=overwrite)
        refuse_other_sight(wanted)
        offered = _offered(own, folder, wanted.texts)
        for key in keys_of(wanted.ref.weights_key):
            own.put(key, store.local_path(key))
        migrate(url := f"sqlite:///{place}/catalog.sqlite")
        engine = open_engine(url)
        try:
            look = _Look(engine, own, folder, wanted)
            for some in offered.parts():
                look.at(some)
                say(look.done, offered.count)
            look.result.export = look.written(out, fmt, overwrite=overwrite)
        finally:
            engine.dispose()
        return look.result


def refuse_other_sight(wanted: Wanted) -> None:
    """Refuse a model of pictures for texts, or the other way round.

    Raises:
        BadOption: It looks at the other ones.
    """
    sees = proposer_of(wanted.kind, wanted.ref.weights_key).sees
    if sees != wanted.medium:
        raise BadOption(
            f"{wanted.ref.name} looks at {sees}, and these are {wanted.medium}: name a model of {wanted.medium}, and "
            f"--label-kind where its labels are no {wanted.kind}"
        )


@dataclass(frozen=True, slots=True)
class _Offered:
    """What a place offers, a few at a time."""

    count: int
    parts: Callable[[], Iterator[Sequence[Path] | Sequence[OfferedText]]]


def _offered(store: FolderStore, place: Path, texts: TextOptions | None) -> _Offered:
    if texts is None:
        paths = find_images(place)
        return _Offered(len(paths), lambda: in_shards(paths, CHUNK))
    shards = list_texts(store, place, texts)
    return _Offered(sum(shard.texts for shard in shards), lambda: (texts_listed(store, shard) for shard in shards))


class _Look:
    """One look at a place: what is found stays in the catalogue; pictures, once looked at, are let go of."""

    def __init__(self, engine: Engine, store: FolderStore, folder: Path, wanted: Wanted) -> None:
        self._engine, self._store, self._folder, self._wanted = engine, store, folder, wanted
        self._collection = folder.name or "folder"
        self.result = Predicted()
        self.done = 0
        note_label_kind(engine, self._collection, wanted.kind)
        with writing(engine) as session:
            row = {"id": BATCH, "collection": self._collection, "detector": wanted.ref.version}
            upsert(session, Batch, [row | {"settled_at": utc_now()}])

    def at(self, offered: Sequence[Path] | Sequence[OfferedText]) -> None:
        """Look at some files or texts, each once."""
        wanted, place = self._wanted, (self._engine, self._store, self._collection)
        if wanted.texts is not None:
            report = take_in_texts(*place, [one for one in offered if isinstance(one, OfferedText)], wanted.texts)
        else:
            report = take_in(*place, [one for one in offered if isinstance(one, Path)], folder=self._folder)
        self.done += len(offered)
        self.result.doubles += report.duplicates
        self.result.set_aside |= {file.uri.rpartition("/")[2]: file.reason for file in report.set_aside}
        items = self._fresh()
        counts = propose(self._engine, self._store, items, wanted.ref, wanted.classes, wanted.options, wanted.kind)
        names = {item.id: item.name for item in items}
        unread = {one.item_id for one in counts.set_aside}
        self.result.set_aside |= {names[one.item_id]: one.reason for one in counts.set_aside}
        self._settle([item for item in items if item.id not in unread])
        for item in items if wanted.texts is None else ():
            self._store.delete(item.key)

    def written(self, out: Path, fmt: Format, *, overwrite: bool) -> TakenAlong:
        """Write all that was found."""
        if not self.result.pictures:
            first = "; ".join(f"{name}: {why}" for name, why in list(self.result.set_aside.items())[:3])
            raise BadOption(f"no {self._wanted.medium[:-1]} of {self._folder} can be read: {first}")
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
    region = identity_in_item(proposal.shape, proposal.id, proposal.class_name)
    row |= {"id": label_id(proposal.item_id, region, 0), "region": region, "revision": 0}
    return row | {"origin": MACHINE, "batch_id": BATCH, "proposal_id": proposal.id}
