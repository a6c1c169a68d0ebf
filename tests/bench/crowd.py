"""Simulated people of known skill, and scenes of known truth, for measuring consensus.

Other than the annotators of the demo these have the skill that `tasks.review.consensus.annotator_skill` tries to
recover: a rate of misses, of false boxes, a confusion matrix, and the noise of their edges. A share of the false boxes
falls on spots of the scene that deceive everybody alike, so mistakes are not independent, as in life.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.kinds.geometry import Floats, edges_of, iou_of_all
from tasks.review.consensus.annotator_skill import Skill
from tasks.review.consensus.box_matching import Matched, PersonAnswer, match_boxes
from tasks.review.questions.kinds.boxes.regions import AnsweredBox

CLASSES = ("car", "van", "truck")
SIZE_WH = (1600, 1000)
SIDES_PX = (24, 120)
MEAN_OBJECTS = 6.0
SPOTS_PER_SCENE = 4
"""Places of a scene on which false boxes fall that are not drawn just anywhere."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What really is on a picture, and what only looks like it."""

    name: str
    objects: tuple[AnsweredBox, ...]
    spots: tuple[AnsweredBox, ...]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Scenes, the people's answers to all of them, and how good the people really are."""

    scenes: tuple[Scene, ...]
    answers: Mapping[str, tuple[PersonAnswer, ...]]
    """By scene, one answer per person."""
    skills: Mapping[str, Skill]

    def matched(self, people: Sequence[str] | None = None) -> list[Matched]:
        """Return the scenes' answers matched, all people's or those of some."""
        return [
            match_boxes(
                scene.name,
                [answer for answer in self.answers[scene.name] if people is None or answer.person in people],
            )
            for scene in self.scenes
        ]


def skill(miss: float, false: float, right: float, noise: float) -> Skill:
    """Build a skill that confuses classes unevenly: of two wrong classes the next one is named twice as often."""
    size = len(CLASSES)
    matrix = np.zeros((size, size))
    for true in range(size):
        matrix[true, true] = right
        matrix[true, (true + 1) % size] = (1 - right) * 2 / 3
        matrix[true, (true + 2) % size] = (1 - right) / 3
    rows = tuple(tuple(row) for row in matrix.tolist())
    return Skill(miss_rate=miss, false_boxes=false, confusion=rows, edge_noise=noise)


MIXED = {
    "ada": skill(0.05, 0.10, 0.95, 0.02),
    "ben": skill(0.10, 0.20, 0.90, 0.03),
    "chi": skill(0.20, 0.30, 0.80, 0.04),
    "dina": skill(0.35, 0.50, 0.65, 0.07),
    "emre": skill(0.40, 0.80, 0.60, 0.08),
}
"""An expert, two who are all right, two who are not."""

ALIKE = {name: skill(0.12, 0.15, 0.88, 0.03) for name in ("ada", "ben", "chi")}
"""Three people of one skill: here a weighted vote has nothing to gain over a majority."""

GOOD = {
    "ada": skill(0.02, 0.03, 0.98, 0.02),
    "ben": skill(0.04, 0.04, 0.97, 0.025),
    "chi": skill(0.05, 0.05, 0.97, 0.03),
    "dina": skill(0.06, 0.06, 0.96, 0.03),
}
"""People as one would wish: here the question is how few of them it takes."""

CARELESS = {
    "ada": skill(0.04, 0.05, 0.97, 0.02),
    **{name: skill(0.45, 0.9, 0.55, 0.09) for name in ("ben", "chi", "dina", "emre")},
}
"""One good person among four careless ones: a majority is worse than the one."""


def draw_crowd(skills: Mapping[str, Skill], scenes: int, seed: int, *, shared_spots: float = 0.5) -> Crowd:
    """Draw scenes and everybody's answers.

    Args:
        skills: Of the people, by name.
        scenes: How many, 0 or more.
        seed: The same seed draws the same.
        shared_spots: Share of the false boxes that fall on the scene's deceiving spots, 0 to 1.
    """
    rng = np.random.default_rng(seed)
    drawn = tuple(_draw_scene(f"scene-{index:04d}", rng) for index in range(scenes))
    answers = {
        scene.name: tuple(_answer(name, one, scene, shared_spots, rng) for name, one in skills.items())
        for scene in drawn
    }
    return Crowd(drawn, answers, dict(skills))


def _draw_scene(name: str, rng: np.random.Generator) -> Scene:
    count = int(rng.poisson(rng.gamma(2.0, MEAN_OBJECTS / 2)))  # some scenes are crowded, some empty
    boxes: list[AnsweredBox] = []
    while len(boxes) < count + SPOTS_PER_SCENE:
        box = _anywhere(f"{name}-{len(boxes)}", rng)
        if not boxes or iou_of_all(edges_of([box]), edges_of(boxes)).max() < 0.2:
            boxes.append(box)
    return Scene(name, tuple(boxes[:count]), tuple(boxes[count:]))


def _anywhere(name: str, rng: np.random.Generator) -> AnsweredBox:
    width, height = rng.uniform(*SIDES_PX, 2)
    left, top = rng.uniform(0, SIZE_WH[0] - width), rng.uniform(0, SIZE_WH[1] - height)
    class_name = CLASSES[int(rng.choice(len(CLASSES), p=(0.6, 0.25, 0.15)))]
    return _box(name, class_name, np.array([left, top, left + width, top + height]))


def _answer(name: str, one: Skill, scene: Scene, shared_spots: float, rng: np.random.Generator) -> PersonAnswer:
    confusion = np.array(one.confusion)
    boxes = []
    for box in scene.objects:
        if rng.random() >= one.miss_rate:
            said = CLASSES[int(rng.choice(len(CLASSES), p=confusion[CLASSES.index(box.class_name)]))]
            boxes.append(_by_hand(f"{name}-{box.id}", said, box, one.edge_noise, rng))
    false = int(rng.poisson(one.false_boxes))
    on_spots = min(int(rng.binomial(false, shared_spots)), len(scene.spots))
    for spot in rng.choice(len(scene.spots), on_spots, replace=False):
        place = scene.spots[int(spot)]
        boxes.append(_by_hand(f"{name}-{place.id}", place.class_name, place, one.edge_noise, rng))
    boxes.extend(_anywhere(f"{name}-{scene.name}-x{extra}", rng) for extra in range(false - on_spots))
    return PersonAnswer(name, tuple(boxes))


def _by_hand(name: str, class_name: str, box: AnsweredBox, noise: float, rng: np.random.Generator) -> AnsweredBox:
    """Draw a box as a hand does; one stroke in twenty goes three times as far astray."""
    edges = edges_of([box])[0]
    sides = np.tile(edges[2:] - edges[:2], 2)
    slip = np.where(rng.random(4) < 0.05, 3.0, 1.0)
    return _box(name, class_name, edges + (rng.normal(0, noise, 4) * slip).clip(-0.4, 0.4) * sides)


def _box(name: str, class_name: str, edges: Floats) -> AnsweredBox:
    x_min, y_min, x_max, y_max = (float(edge) for edge in edges)
    return AnsweredBox(
        id=name, class_name=class_name, x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max, untouched=False
    )
