"""Everything that can be known of an import before anything is taken in: read, checked, matched, written down.

Nothing of the collection changes here. What cannot be used is a problem with its file and place; what contradicts the
collection as a whole (its kind of label, its classes) is refused.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine

from blocks.errors import BadOption
from blocks.home import labelline_home
from blocks.shapes import WHOLE, Whole
from blocks.storage.stores import Store
from tasks.dataset.formats.opened import OpenDataset, open_dataset
from tasks.dataset.formats.reading.faults import FaultyLabel, Oddity
from tasks.dataset.formats.reading.pictures import ReadLabel, ReadPicture
from tasks.dataset.formats.reading.problems import Problems
from tasks.dataset.imports.options import ImportOptions
from tasks.dataset.imports.plan import (
    PICTURES_IN_PART,
    ImportPlan,
    PartWriter,
    PlannedLabel,
    PlannedPicture,
    keep_plan,
    problems_key,
)
from tasks.dataset.imports.preparing.archives import is_archive, unpack
from tasks.dataset.imports.preparing.checks import (
    KindChooser,
    check_asked_classes,
    check_has_labels,
    check_medium,
    check_new_classes,
    check_renames,
    check_usable_class,
)
from tasks.dataset.imports.preparing.known_pictures import KnownPictures
from tasks.intake.sequences import readable
from tasks.intake.texts.media import Medium

UNPACKED = "imports"
"""Where in the state folder archives are unpacked."""

FIRST = 20
"""Problems that travel with a plan in words."""

Say = Callable[[int], None]
"""Told how many pictures have been read, now and then."""

SAY_EVERY = 500


@dataclass(slots=True)
class _Read:
    """What was read so far, in a file: a picture a line."""

    spool: Path
    facts: Counter[str] = field(default_factory=Counter)
    classes: dict[str, None] = field(default_factory=dict)
    splits: set[str] = field(default_factory=set)
    media: set[Medium] = field(default_factory=set)
    claims: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """By item: names that mean it, each with how much of its path agrees."""


def prepare_import(
    engine: Engine,
    store: Store,
    options: ImportOptions,
    say: Say | None = None,
    *,
    pictures_in_part: int = PICTURES_IN_PART,
) -> ImportPlan:
    """Read and check labels, and write down what is to come in.

    Args:
        engine: The catalogue, which is only read.
        store: Where the plan, its parts and the problems go.
        options: What is asked for.
        say: Told of the progress.
        pictures_in_part: So many come in at once.

    Raises:
        BadTruth: There is nothing to read, or it is of no known format, of several, or of another than is said.
        BadOption: There is no such format, no picture or text, both of them, another kind of label, or classes that
            nobody can tell apart; or it is not clear which column of a table has the texts, or the classes.
        UnknownClass: One that is to be renamed, or is asked for, is not in the labels.
    """
    path, unpacking = Path(options.path).expanduser().resolve(), Problems()
    if is_archive(path):
        path = unpack(path, labelline_home() / UNPACKED, unpacking)
    known = KnownPictures(engine, options.collection)
    chooser = KindChooser(engine, options.collection, options.label_kind)
    sees_outlines = chooser.takes_outlines
    with (
        tempfile.TemporaryDirectory(prefix="labelline-import-") as folder,
        open_dataset(
            path, options.format, known.size_of, options.rename, options.texts, outlines=sees_outlines
        ) as dataset,
    ):
        for problem in unpacking:
            dataset.problems.add(problem.fault, problem.file, problem.place, problem.what)
        read = _Read(Path(folder, "all.jsonl"))
        root = path if path.is_dir() else path.parent
        _read_all(_Planner(options, known, chooser, dataset.problems, root, read), dataset, say)
        if not read.facts["pictures"]:
            raise BadOption(
                f"{path} has no labels of pictures or texts in the format {dataset.format}: name the folder that has "
                "(one folder of .txt files for each class is --format folders)"
            )
        medium = check_medium(engine, options.collection, path, read.media)
        check_has_labels(path, dataset, read.facts["pictures"])
        renames = check_renames(options.rename, dataset.own_classes)
        check_asked_classes(options.classes or (), dataset.classes)
        kind = chooser.check(medium)
        check_new_classes(engine, options.collection, list(read.classes))
        parts = _cut(read, dataset.problems, PartWriter(Path(folder), pictures_in_part))
        facts = {name.replace("pictures", medium): count for name, count in read.facts.items() if count}
        plan = _plan(options, dataset, read, kind, parts, str(root))
        plan = plan.model_copy(update={"names": renames, "medium": medium, "facts": facts})
        return _kept(store, plan, parts, dataset.problems, Path(folder))


@dataclass(frozen=True, slots=True)
class _Planner:
    """Turns what a reader yields into what is planned."""

    options: ImportOptions
    known: KnownPictures
    kind: KindChooser
    problems: Problems
    root: Path
    read: _Read

    def planned(self, picture: ReadPicture) -> PlannedPicture | None:
        """Return what is planned of a picture; None: it is nowhere."""
        labels = None if picture.labels is None else self._one_class(picture, tuple(self._labels(picture.labels)))
        given = picture.labels or ()
        if given and not labels and not self.options.classes:
            labels = None  # it shows something, and nothing of it can be used
        facts: dict[str, Any] = {"name": readable(picture.name), "labels": labels, "split": picture.split}
        self.read.media.add("pictures" if picture.text is None else "texts")
        if picture.text is not None:
            return PlannedPicture(text=picture.text, text_in=readable(picture.text_in), **facts)
        if picture.path is not None:
            relative = picture.path.relative_to(self.root).as_posix()
            return PlannedPicture(path=quote(relative.encode("utf-8", "surrogateescape")), **facts)
        return self._matched(picture, facts)

    def _one_class(self, picture: ReadPicture, labels: tuple[PlannedLabel, ...]) -> tuple[PlannedLabel, ...]:
        """Return labels of which one may hold of a whole item: of several the first stands, which is noted."""
        named = sorted({label.class_name for label in labels if label.shape.type == WHOLE})
        if len(named) < 2:
            return labels
        what = (
            f"has {len(named)} classes ({', '.join(named[:3])}), and an item of `classes` has one: the first stands; "
            "all of them come in as `multilabel`, into a collection of its own"
        )
        self.problems.add(Oddity.AMBIGUOUS_LABEL, readable(picture.name), "", what)
        return labels[:1]

    def _matched(self, picture: ReadPicture, facts: dict[str, Any]) -> PlannedPicture | None:
        found = self.known.find(picture.name)
        if found.picture is None:
            fault, why = Oddity.MISSING_PICTURE, "lies neither beside its labels nor in the collection"
            if found.candidates:
                fault = Oddity.AMBIGUOUS_PICTURE
                why = f"may be {' or '.join(found.candidates[:3])} of the collection; taken for none of them"
            if picture.labels is not None or found.candidates:  # else its reader has said what is wrong
                self.problems.add(fault, picture.name, "", f"a picture that {why}")
            self.read.facts["pictures ambiguous" if found.candidates else "pictures missing"] += 1
            return None
        wide_high = found.picture.size_wh
        if picture.size_wh and picture.size_wh != wide_high:
            self.problems.add(
                Oddity.OTHER_SIZE,
                picture.name,
                "",
                f"labelled at {picture.size_wh[0]}×{picture.size_wh[1]}, and the collection's picture of that name is "
                f"{wide_high[0]}×{wide_high[1]}: its labels may be of another picture",
            )
            self.read.facts["pictures of another size"] += 1
            return None
        self.read.claims.setdefault(found.picture.item_id, []).append((found.agreed, picture.name))
        return PlannedPicture.model_validate({**facts, "item_id": found.picture.item_id})

    def _labels(self, labels: tuple[ReadLabel, ...]) -> Iterator[PlannedLabel]:
        for label in labels:
            place = f"label {label.number}"
            try:
                check_usable_class(label.class_name, self.options.classes)
                shape = self.kind.fitted(label.shape)
            except FaultyLabel as error:
                self.problems.add(error.fault, label.file, place, str(error))
                self.read.facts["labels of no use"] += 1
                continue
            if shape is not label.shape and not isinstance(shape, Whole):
                self.read.facts["outlines taken as the boxes around them"] += 1
            self.read.classes.setdefault(label.class_name)
            yield PlannedLabel(
                class_name=label.class_name,
                shape=shape,
                file=readable(label.file),  # names may be no UTF-8
                line=label.number,
                score=label.score,
                kind=label.kind,
                track=label.track,
            )


def _read_all(planner: _Planner, dataset: OpenDataset, say: Say | None) -> None:
    read = planner.read
    with read.spool.open("w", encoding="utf-8") as out:
        for number, picture in enumerate(dataset.pictures(), start=1):
            if say and number % SAY_EVERY == 0:
                say(number)
            read.facts["pictures"] += 1
            read.facts["labels"] += len(picture.labels or ())
            planned = planner.planned(picture)
            if planned is not None:
                out.write(planned.model_dump_json(exclude_none=True) + "\n")


def _cut(read: _Read, problems: Problems, parts: PartWriter) -> PartWriter:
    """Cut what was read into parts, without names that mean a picture which another name means better."""
    losers = dict(_losers(read.claims))
    for name, others in losers.items():
        problems.add(
            Oddity.AMBIGUOUS_PICTURE, name, "", f"means the same picture of the collection as {others}; taken for none"
        )
        read.facts["pictures ambiguous"] += 1
    with read.spool.open(encoding="utf-8") as lines:
        for line in lines:
            picture = PlannedPicture.model_validate_json(line)
            if picture.item_id is not None and picture.name in losers:
                continue
            read.facts["pictures with known labels"] += picture.labels is not None
            read.facts["pictures known to be empty"] += picture.labels == ()
            read.splits |= {picture.split} if picture.split else set()
            parts.add(picture)
    parts.flush()
    return parts


def _losers(claims: dict[str, list[tuple[int, str]]]) -> Iterator[tuple[str, str]]:
    for mine in claims.values():
        most = max(agreed for agreed, _ in mine)
        best = [name for agreed, name in mine if agreed == most]
        winner = best[0] if len(best) == 1 else None
        for _, name in mine:
            if name != winner:
                yield name, winner or " and ".join(other for other in best if other != name)


def _plan(
    options: ImportOptions, dataset: OpenDataset, read: _Read, kind: str, parts: PartWriter, root: str
) -> ImportPlan:
    facts = (options.collection, options.called, options.purpose, kind)
    problems = dataset.problems
    return ImportPlan(
        id=parts.id_with(facts),
        collection=options.collection,
        name=options.called,
        purpose=options.purpose,
        format=dataset.format,
        root=root,
        kind=kind,
        classes=tuple(sorted(read.classes)),
        speaks_of=tuple(sorted({*(options.classes or dataset.classes), *read.classes, *options.rename})),
        parts=(),
        splits=tuple(sorted(read.splits)),
        sequence_pattern=options.sequence_pattern,
        problem_counts={str(name): count for name, count in problems.counts.items()},
        problem_kinds=problems.tallies,
        first_problems=tuple(problem.told() for problem in problems.first[:FIRST]),
    )


def _kept(store: Store, plan: ImportPlan, parts: PartWriter, problems: Problems, folder: Path) -> ImportPlan:
    keys = parts.keep(store, plan.id)
    plan = plan.model_copy(update={"parts": keys, "part_size": parts.part_size})
    table = folder / "problems.csv"
    problems.write(table)
    store.put(problems_key(plan.id, "read"), table, "text/csv")
    keep_plan(store, plan)
    return plan
