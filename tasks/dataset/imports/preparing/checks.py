"""Whether labels from elsewhere fit the collection that they are for: their shapes, and what they are called."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, Label
from blocks.errors import BadOption, BadTruth, UnknownClass
from blocks.naming.names import check_class, check_classes
from blocks.shapes import SEVERAL, Box, Shape, Whole
from tasks.dataset.formats.opened import OpenDataset
from tasks.dataset.formats.reading.faults import FaultyLabel, Oddity
from tasks.dataset.formats.reading.files import DatasetFiles
from tasks.dataset.formats.reading.look import format_of
from tasks.intake.label_kinds import noted_kind
from tasks.intake.texts.media import Medium, refuse_other_medium
from tasks.kinds.outlines.conversion import converted
from tasks.kinds.protocol import LabelKind
from tasks.kinds.registry import KINDS, label_kind


class KindChooser:
    """Which kind of label comes in: that of the collection, the wanted one, or for a new one that of the first label.

    Outlines and masks become boxes, unless the collection has them or they are wanted.
    """

    def __init__(self, engine: Engine, collection: str, wanted: str | None = None) -> None:
        self._collection = collection
        self._kind: LabelKind | None = noted_kind(engine, collection)
        if wanted is not None:
            if self._kind is not None and self._kind.name != wanted:
                raise BadOption(f"collection {collection!r} has {self._kind.name}, and not {wanted}")
            self._kind = label_kind(wanted)
        self._strange: Counter[str] = Counter()
        self._fitting = 0

    @property
    def takes_outlines(self) -> bool:
        """Whether outlines and masks come in as such."""
        return self._kind is not None and not self._kind.shapes.isdisjoint({"polygon", "mask"})

    def fitted(self, shape: Shape) -> Shape:
        """Return a shape as the kind has it: itself, the same beside others of its item, or the box around it.

        Raises:
            FaultyLabel: The kind has none such.
        """
        if self._kind is None:
            self._kind = _kind_for(shape)
        if shape.type in self._kind.shapes:
            self._fitting += 1
            return shape
        if isinstance(shape, Whole) and SEVERAL in self._kind.shapes:
            self._fitting += 1
            return Whole(type=SEVERAL)
        as_outline = converted(shape, self._kind)
        if as_outline is not None:
            self._fitting += 1
            return as_outline
        edges = shape.bounds()
        if edges is None or "box" not in self._kind.shapes:
            self._strange[shape.type] += 1
            what = f"a label of type {shape.type}, and {self._collection!r} is labelled with {self._kind.name}"
            raise FaultyLabel(Oddity.UNREAD_SHAPE, what)
        self._fitting += 1
        x_min, y_min, x_max, y_max = edges
        return Box(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max)

    def check(self, medium: Medium = "pictures") -> str:
        """Return the kind's name; where nothing says which, that of boxes, or of spans in texts.

        Raises:
            BadOption: All labels are of another kind than the collection's.
        """
        if self._kind is None:
            return "boxes" if medium == "pictures" else "spans"
        if self._strange and not self._fitting:
            types = " and ".join(sorted(self._strange))
            raise BadOption(
                f"the labels are of type {types}, and collection {self._collection!r} is labelled with "
                f"{self._kind.name}: bring them into a collection of their own"
            )
        return self._kind.name


def check_usable_class(name: str, wanted: Sequence[str] | None) -> None:
    """Refuse labels of a class that cannot be used.

    Raises:
        FaultyLabel: It was not asked for, or has a name that no class can have.
    """
    if wanted is not None and name not in wanted:
        raise FaultyLabel(Oddity.UNASKED_CLASS, f"a label of class {name!r}, which was not asked for")
    try:
        taken = check_class(name)
    except ValueError as error:
        raise FaultyLabel(Oddity.UNUSABLE_CLASS, f"{error}") from error
    if taken != name:
        what = f"the class {name!r} has blanks around it, or is written in another form of Unicode"
        raise FaultyLabel(Oddity.UNUSABLE_CLASS, what)


def check_medium(engine: Engine, collection: str, path: Path, media: Collection[Medium]) -> Medium:
    """Return what the items of a dataset are.

    Args:
        engine: The catalogue.
        collection: That they are for.
        path: Of the dataset.
        media: What was read.

    Raises:
        BadOption: There are pictures and texts, or the collection has the other ones.
    """
    if len(media) != 1:
        raise BadOption(f"{path} has pictures and texts: bring each into a collection of its own, a file at a time")
    (medium,) = media
    refuse_other_medium(engine, collection, medium)
    return medium


def check_renames(renames: Mapping[str, str], own: Sequence[str]) -> tuple[str, ...]:
    """Check which classes of a dataset are renamed, and say it as sentences, with those that become one.

    Args:
        renames: Name here by name in the dataset.
        own: All names in the dataset.

    Raises:
        UnknownClass: One is not in the dataset.
    """
    for name in renames:
        if name not in own:
            raise UnknownClass.named(name, own, "the labels, so it cannot be renamed")
    sources: dict[str, list[str]] = {}
    for name in own:
        sources.setdefault(renames.get(name, name), []).append(name)
    return tuple(
        f"classes {', '.join(map(repr, names))} become one, {here!r}"
        if names[1:]
        else f"class {names[0]!r} is {here!r}"
        for here, names in sources.items()
        if names != [here]
    )


def check_asked_classes(asked: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a class that labels cannot speak of: pictures would count as known to be without it.

    Args:
        asked: Names here.
        known: All names of the dataset, as they are called here; one that no label has may be among them.

    Raises:
        UnknownClass: One is not in the dataset.
    """
    for name in asked:
        if name not in known:
            raise UnknownClass.named(name, known, "the labels, so they do not tell where there is none")


def check_has_labels(path: Path, dataset: OpenDataset, pictures: int) -> None:
    """Refuse pictures of which no file of the format says anything: the format is another one.

    Args:
        path: The folder.
        dataset: All of it has been read.
        pictures: So many.

    Raises:
        BadTruth: No picture has labels.
    """
    without = dataset.problems.tallies.get(Oddity.PICTURE_WITHOUT_LABELS)
    if without is None or without.count < pictures:
        return
    try:
        look = f"What lies there looks like {format_of(DatasetFiles(path))}: leave the format away, or name that"
    except BadTruth:
        look = "Name the folder or the file that has them"
    raise BadTruth(f"none of the {pictures:,} pictures in {path} has labels in the format {dataset.format}. {look}.")


def check_new_classes(engine: Engine, collection: str, names: Sequence[str]) -> None:
    """Refuse classes that differ from each other, or from those of the collection, by what nobody sees.

    Raises:
        BadOption: Which, and what to do.
    """
    try:
        check_classes([*dict.fromkeys([*known_classes(engine, collection), *names])])
    except ValueError as error:
        raise BadOption(
            f"{error}. Mend the labels, or leave one of them out with the classes that you ask for"
        ) from error


def known_classes(engine: Engine, collection: str) -> list[str]:
    """Return the classes of the labels that a collection has."""
    batches = select(Batch.id).where(Batch.collection == collection)
    query = select(Label.class_name).where(col(Label.batch_id).in_(batches)).distinct().order_by(col(Label.class_name))
    with reading(engine) as session:
        return list(session.exec(query).all())


def _kind_for(shape: Shape) -> LabelKind:
    if shape.bounds() is not None:  # of outlines, too: a collection of polygons or masks is asked for by name
        return label_kind("boxes")
    for kind in KINDS.values():
        if shape.type in kind.shapes:
            return kind
    raise BadOption(f"labels of type {shape.type} are of no kind that lines have (known: {', '.join(KINDS)})")
