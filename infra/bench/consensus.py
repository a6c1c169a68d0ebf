"""Is a weighted consensus worth it? Majority, the best single person and weighted, against simulated people.

`python -m infra.bench.consensus` prints the table (about a minute on one core).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infra.bench.crowd import CLASSES, Crowd, Scene, draw_crowd
from tasks.review.consensus import Consensus, agree_on_boxes
from tasks.review.regions import AnsweredBox
from tasks.review.same_boxes import Matched, edges_of, iou_of_all
from tasks.review.skills import Crew, Skill, learn_skills

Said = Sequence[tuple[str, tuple[float, float, float, float]]]
"""Class names and edges of boxes."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good boxes are against the truth."""

    f1: float
    """At IoU 0.5, with the right class."""
    f1_strict: float
    """At IoU 0.75, with the right class."""
    iou: float
    """Mean of the boxes that meet an object."""


def score(crowd: Crowd, said: Mapping[str, Said]) -> Score:
    """Score boxes by scene against the crowd's truth; a scene that is missing counts as empty."""
    right = np.zeros(2)
    boxes = objects = 0
    overlaps: list[float] = []
    for scene in crowd.scenes:
        mine = said.get(scene.name, ())
        boxes, objects = boxes + len(mine), objects + len(scene.objects)
        for is_class, overlap in _hits(scene, mine):
            overlaps.append(overlap)
            right += is_class * np.array([overlap >= 0.5, overlap >= 0.75])
    f1, strict = (float(2 * hits / max(boxes + objects, 1)) for hits in right)
    return Score(f1, strict, float(np.mean(overlaps)) if overlaps else 0.0)


def _hits(scene: Scene, said: Said) -> list[tuple[bool, float]]:
    """Return, for each object that a box meets at IoU 0.3 or more, whether the class is right, and the IoU."""
    from scipy.optimize import linear_sum_assignment

    if not said or not scene.objects:
        return []
    overlap = iou_of_all(np.array([edges for _, edges in said]), edges_of(scene.objects))
    pairs = zip(*linear_sum_assignment(np.where(overlap >= 0.3, overlap, 0), maximize=True), strict=True)
    return [
        (said[row][0] == scene.objects[column].class_name, float(overlap[row, column]))
        for row, column in pairs
        if overlap[row, column] >= 0.3
    ]


def of_person(crowd: Crowd, person: str) -> dict[str, Said]:
    """Return what one person said."""
    return {
        name: [(box.class_name, _edges(box)) for answer in answers if answer.person == person for box in answer.boxes]
        for name, answers in crowd.answers.items()
    }


def of_majority(matched: Sequence[Matched]) -> dict[str, Said]:
    """Return what more than half of the people drew: mean edges, the most frequent class (of two the first name)."""
    said: dict[str, Said] = {}
    for question in matched:
        kept = [one for one in question.objects if 2 * len(one.people) > len(question.people)]
        said[question.question_id] = [(_plurality(one.boxes), _mean(one.boxes)) for one in kept]
    return said


def of_consensus(agreed: Sequence[Consensus]) -> dict[str, Said]:
    """Return the boxes of consensuses."""
    return {
        one.question_id: [(box.class_name, (box.x_min, box.y_min, box.x_max, box.y_max)) for box in one.boxes]
        for one in agreed
    }


def compare(skills: Mapping[str, Skill], scenes: int, seed: int) -> dict[str, Score]:
    """Return the scores of the ways to make one answer out of several people's, on one drawn crowd.

    Skills are learnt from the same answers, without truth. The best person is chosen by truth, by hindsight.
    """
    crowd = draw_crowd(skills, scenes, seed)
    matched = crowd.matched()
    crew = learn_skills(matched, CLASSES)
    singles = [score(crowd, of_person(crowd, person)) for person in skills]
    return {
        "majority": score(crowd, of_majority(matched)),
        "best person": max(singles, key=lambda one: one.f1),
        "weighted": score(crowd, of_consensus(agree_on_boxes(matched, crew))),
    }


def skill_error(crowd: Crowd, crew: Crew) -> dict[str, float]:
    """Return by how much learnt skills differ from the true ones, at most over all people."""
    pairs = [(crew.skill_of(name), true) for name, true in crowd.skills.items()]
    return {
        "miss rate": max(abs(learnt.miss_rate - true.miss_rate) for learnt, true in pairs),
        "false boxes": max(abs(learnt.false_boxes - true.false_boxes) for learnt, true in pairs),
        "confusion": max(
            float(np.abs(np.array(learnt.confusion) - np.array(true.confusion)).max()) for learnt, true in pairs
        ),
        "edge noise": max(abs(learnt.edge_noise - true.edge_noise) for learnt, true in pairs),
    }


def _plurality(boxes: Sequence[AnsweredBox]) -> str:
    counts = Counter(box.class_name for box in boxes)
    return min(counts, key=lambda name: (-counts[name], name))


def _mean(boxes: Sequence[AnsweredBox]) -> tuple[float, float, float, float]:
    x_min, y_min, x_max, y_max = (float(edge) for edge in edges_of(boxes).mean(axis=0))
    return x_min, y_min, x_max, y_max


def _edges(box: AnsweredBox) -> tuple[float, float, float, float]:
    return box.x_min, box.y_min, box.x_max, box.y_max
