"""The line on a sample, from detector to labels, with simulated people in the place of people."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Engine

from blocks.database.tables import Item
from blocks.shapes import PLACED
from infra.annotators.people import People
from infra.annotators.truth import TruePicture
from infra.forecast.asked_here import GivenTime, PeopleHere
from infra.forecast.believed import as_proposed, made_up, made_up_classes
from infra.forecast.sample import Rehearsed
from tasks.detect.options import TilingOptions
from tasks.detect.plan import plan_tiling
from tasks.detect.proposals import ProposalCounts, propose
from tasks.detect.proposers.registry import proposer_of
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import items_of, set_aside
from tasks.intake.label_kinds import note_label_kind
from tasks.kinds.geometry import RIGHT_IOU, edges_of, iou_of_all
from tasks.kinds.matching import ALONE, match_best_first
from tasks.kinds.registry import label_kind
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import draft_questions
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import settle
from tasks.triage.decide import decide

if TYPE_CHECKING:
    from blocks.database.tables import Label
    from flows.options import LineOptions

AT_ONCE = 16
"""Pictures that are looked at before somebody is told how far it is."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PictureOutcome:
    """What one picture of the sample came to: its labels, those of them that are right, and the true objects."""

    item_id: str
    labels: int
    right: int
    true: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the sample came to.

    Attributes:
        pictures: Those that could be read.
        times: What each answer took.
        unread: How many of the sample the detector could not look at.
        truth: What was taken for true: labels, detector or objects.
        lacking: Classes that the detector does not know.
    """

    pictures: tuple[PictureOutcome, ...]
    times: tuple[GivenTime, ...]
    unread: int
    truth: str
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """What is tried.

    Attributes:
        line: Its options.
        detector: What proposes.
        people: Who answers.
        objects: On a picture, on average, where nothing else tells; None: nobody said.
    """

    line: "LineOptions"
    detector: DetectorRef
    people: People
    objects: float | None = None


def dry_run(sample: Rehearsed, real: Engine, wanted: Tried, say: Say = lambda _words: None) -> DryRun:
    """Run a line on a sample, in the catalogue of the dry run.

    Args:
        sample: The pictures.
        real: The catalogue of the line, which is only read: what is known there shapes tiles and scores.
        wanted: The line, its detector and the people.
        say: Told how far it is.

    Raises:
        BadWeights: The detector cannot be used.
        UnknownClass: The options speak of a class that the line does not have.
    """
    line, batch, version = wanted.line, sample.batch, wanted.detector.version
    classes = tuple(line.classes)
    note_label_kind(sample.engine, batch.collection, line.label_kind)
    planned = _plan(sample, real, wanted)
    recipe = planned.recipe(classes)
    counts = _look(sample, wanted, planned, say)
    store = sample.store if line.triage.surface_anomalies else None
    decide(sample.engine, batch.id, line.triage, version, recipe, classes=classes, store=store)
    items = items_of(sample.engine, batch.id)
    source, truth = _truth(sample, items, wanted)
    here = PeopleHere(sample.engine, truth, wanted.people, lambda done: say(f"simulated people answer … {done}"))
    for stop in line.queues:
        write_once(sample.engine, stop.queue, batch.id, 0, draft_questions(sample.engine, batch.id, stop))
        here.answer(stop.queue, batch.id)
    settle(sample.engine, batch.id, version, recipe)
    labels = labels_in_force(sample.engine, [item.id for item in items])
    outcomes = tuple(_outcome(item.id, labels[item.id], truth[item.id], classes) for item in items)
    return DryRun(outcomes, tuple(here.times), len(counts.set_aside), source, counts.lacking)


def _plan(sample: Rehearsed, real: Engine, wanted: Tried) -> TilingOptions:
    line, detector, batch = wanted.line, wanted.detector, sample.batch
    has_model = not (detector.is_nobody or detector.is_import)
    asked = (
        proposer_of(line.label_kind, detector.weights_key).fit(sample.store, detector, line.tiling)
        if has_model
        else line.tiling
    )
    looked = (batch.id, batch.collection, detector.version, tuple(line.classes))
    return plan_tiling(real, sample.store, *looked, asked, line.label_kind)


def _look(sample: Rehearsed, wanted: Tried, planned: TilingOptions, say: Say) -> ProposalCounts:
    """Let the detector look, some pictures at a time, and take those out that it cannot look at."""
    engine, batch, line, total = sample.engine, sample.batch, wanted.line, ProposalCounts()
    for start in range(0, batch.size, AT_ONCE):
        say(f"looking … {start} of {batch.size} pictures")
        items = items_of(engine, batch.id, start, start + AT_ONCE)
        total += propose(engine, sample.store, items, wanted.detector, tuple(line.classes), planned, line.label_kind)
    for each in total.set_aside:
        set_aside(engine, batch.id, each.item_id, each.reason)
    return total


def _truth(sample: Rehearsed, items: Sequence[Item], wanted: Tried) -> tuple[str, Mapping[str, TruePicture]]:
    classes, seed = wanted.line.classes, wanted.people.seed
    if sample.truth.keys() >= {item.id for item in items}:
        return "labels", sample.truth
    if wanted.detector.is_nobody:
        if not label_kind(wanted.line.label_kind).shapes & PLACED:
            return "objects", made_up_classes(items, classes, seed)
        return "objects", made_up(items, classes, wanted.objects or 0.0, seed)
    return "detector", as_proposed(sample.engine, sample.batch.id, items, classes, seed)


def _outcome(item_id: str, labels: "Sequence[Label]", truth: TruePicture, classes: Sequence[str]) -> PictureOutcome:
    """Count what is right: of the class of a true object, at an IoU of 0.5 or more, each object once."""
    if truth.class_name is not None or any(label.shape is not None for label in labels):
        true = {name for name in truth.class_names if name in classes}
        right = sum(label.class_name in true for label in labels)
        return PictureOutcome(item_id, len(labels), right, len(true))
    objects = [box for box in truth.boxes if box.class_name in classes]
    right = 0
    if labels and objects:
        alike = iou_of_all(edges_of(labels), np.array([box.xyxy for box in objects], np.float64))
        same = np.array([[one.class_name == box.class_name for box in objects] for one in labels])
        right = int((match_best_first(np.where(same & (alike >= RIGHT_IOU), alike, -1.0)) != ALONE).sum())
    return PictureOutcome(item_id, len(labels), right, len(objects))
