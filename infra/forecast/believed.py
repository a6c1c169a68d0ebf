"""What the simulated people take for true on each picture: labels that are known, else a guess that is said plainly."""

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item, Label, Outcome, Proposal, Verdict
from blocks.shapes import SEVERAL, WHOLE, shape_type
from infra.annotators.truth import AnnotatorBox, TruePicture
from tasks.kinds.geometry import bounds_of
from tasks.settle.in_force import labels_in_force

CELL_FILLED = 0.8
"""Of the side of its cell an object that is made up has this share: neighbours do not touch."""


def known_truth(real: Engine, collection: str, items: Sequence[Item]) -> dict[str, TruePicture]:
    """Return the labels in force of some items of a collection as the truth, by item id."""
    labels = labels_in_force(real, [item.id for item in items], collection)
    return {item.id: _picture(item, [_known(one) for one in labels[item.id]]) for item in items}


def as_proposed(
    engine: Engine, batch_id: str, items: Sequence[Item], classes: Sequence[str], seed: int
) -> dict[str, TruePicture]:
    """Take the detector by its word: a proposal that triage did not drop is real with the chance that its score says.

    What the detector does not propose is not there, so nobody finds anything more: a guess from below. Of a whole
    picture that is not what it was proposed to be, another class is the truth.
    """
    shown = (Verdict.batch_id == batch_id, Verdict.outcome != Outcome.DROP.value)
    query = select(Proposal).join(Verdict, col(Verdict.proposal_id) == col(Proposal.id)).where(*shown)
    with reading(engine) as session:
        rows = session.exec(query.order_by(col(Proposal.score).desc(), col(Proposal.id))).all()
    by_item: dict[str, list[Proposal]] = {item.id: [] for item in items}
    for row in rows:
        by_item.setdefault(row.item_id, []).append(row)
    return {item.id: _by_its_word(item, by_item[item.id], classes, _chance(seed, item.id)) for item in items}


def made_up(items: Sequence[Item], classes: Sequence[str], mean: float, seed: int) -> dict[str, TruePicture]:
    """Make up so many objects on average (Poisson), of all classes alike, side by side on each picture."""
    truth = {}
    for item in items:
        chance = _chance(seed, item.id)
        names = chance.choice(list(classes), int(chance.poisson(mean)))
        cells = _cells(len(names), item.width, item.height)
        boxes = [AnnotatorBox(str(name), cell) for name, cell in zip(names, cells, strict=True)]
        truth[item.id] = TruePicture(item.name, (item.width, item.height), tuple(boxes))
    return truth


def made_up_classes(items: Sequence[Item], classes: Sequence[str], seed: int) -> dict[str, TruePicture]:
    """Make up a class for each whole picture, all alike."""
    named = {item.id: str(_chance(seed, item.id).choice(list(classes))) for item in items}
    return {
        item.id: TruePicture(item.name, (item.width, item.height), (), named[item.id], (named[item.id],))
        for item in items
    }


def objects_on_average(truth: Mapping[str, TruePicture]) -> float:
    """Return how many objects a picture of the truth has; 0 without any."""
    return sum(len(picture.boxes) for picture in truth.values()) / len(truth) if truth else 0.0


def _known(label: Label) -> AnnotatorBox | str:
    if shape_type(label) in (WHOLE, SEVERAL):
        return label.class_name
    return AnnotatorBox(label.class_name, bounds_of(label), label.kind)


def _picture(item: Item, said: Sequence[AnnotatorBox | str]) -> TruePicture:
    boxes = tuple(one for one in said if isinstance(one, AnnotatorBox))
    wholes = tuple(one for one in said if isinstance(one, str))
    return TruePicture(item.name, (item.width, item.height), boxes, next(iter(wholes), None), wholes)


def _by_its_word(
    item: Item, proposals: Sequence[Proposal], classes: Sequence[str], chance: np.random.Generator
) -> TruePicture:
    real = chance.random(len(proposals)) < [one.score for one in proposals]
    boxes = [
        AnnotatorBox(one.class_name, bounds_of(one))
        for one, is_real in zip(proposals, real.tolist(), strict=True)
        if one.shape is None and is_real
    ]
    wholes = [(one.class_name, is_real) for one, is_real in zip(proposals, real, strict=True) if one.shape is not None]
    if any(shape_type(one) == SEVERAL for one in proposals):
        names = tuple(name for name, is_real in wholes if is_real)
        return TruePicture(item.name, (item.width, item.height), (), next(iter(names), None), names)
    named = wholes[0][0] if wholes else None
    if wholes and not wholes[0][1]:
        others = [name for name in classes if name != named]
        named = str(chance.choice(others)) if others else None
    return TruePicture(item.name, (item.width, item.height), tuple(boxes), named)


def _cells(count: int, width: int, height: int) -> list[tuple[float, float, float, float]]:
    across = math.ceil(math.sqrt(count)) or 1
    wide, high = width / across, height / across
    margin = (1 - CELL_FILLED) / 2
    corners = [divmod(number, across) for number in range(count)]
    return [
        ((x + margin) * wide, (y + margin) * high, (x + 1 - margin) * wide, (y + 1 - margin) * high) for y, x in corners
    ]


def _chance(seed: int, item_id: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}|{item_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
