"""Is a weighted consensus worth it? Majority, the best single person and weighted, against simulated people.

`python -m tests.bench.consensus` prints three tables: the F1 of each way, how near learnt skills come to the true ones,
and what it saves to ask one more person only while the outcome is in doubt (about a minute on an idle core).
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.kinds.geometry import edges_of, iou_of_all
from tasks.review.consensus.annotator_skill import QueueSkills, Skill, faultless, learn_skills
from tasks.review.consensus.box_consensus import Consensus, agree_on_boxes
from tasks.review.consensus.box_matching import Matched, PersonAnswer, match_boxes
from tasks.review.consensus.overlap_rule import Slots, Step, next_step_of_boxes
from tasks.review.questions.kinds.boxes.regions import AnsweredBox
from tasks.review.questions.staffing import OverlapRule
from tests.bench.crowd import ALIKE, CARELESS, CLASSES, GOOD, MIXED, Crowd, Scene, draw_crowd

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


def learn(crowd: Crowd, gold_share: float = 0.0) -> QueueSkills:
    """Learn skills from a crowd's answers; of the first scenes the truth is known too, as from gold questions."""
    gold = crowd.scenes[: round(gold_share * len(crowd.scenes))]
    known = [
        match_boxes(scene.name, [*crowd.answers[scene.name], PersonAnswer("(truth)", scene.objects)]) for scene in gold
    ]
    return learn_skills(known + crowd.matched()[len(known) :], CLASSES, {"(truth)": faultless(CLASSES)})


def compare(skills: Mapping[str, Skill], scenes: int, seed: int, gold_share: float = 0.0) -> dict[str, Score]:
    """Return the scores of the ways to make one answer out of several people's, on one drawn crowd.

    Skills are learnt from the same answers. The best person is chosen by truth, by hindsight.
    """
    crowd = draw_crowd(skills, scenes, seed)
    matched = crowd.matched()
    learned = learn(crowd, gold_share)
    singles = [score(crowd, of_person(crowd, person)) for person in skills]
    return {
        "majority": score(crowd, of_majority(matched)),
        "best person": max(singles, key=lambda one: one.f1),
        "weighted": score(crowd, of_consensus(agree_on_boxes(matched, learned))),
    }


def skill_error(crowd: Crowd, learned: QueueSkills) -> dict[str, float]:
    """Return by how much learnt skills differ from the true ones, at most over all people."""
    pairs = [(learned.skill_of(name), true) for name, true in crowd.skills.items()]
    return {
        "miss rate": max(abs(learnt.miss_rate - true.miss_rate) for learnt, true in pairs),
        "false boxes": max(abs(learnt.false_boxes - true.false_boxes) for learnt, true in pairs),
        "confusion": max(
            float(np.abs(np.array(learnt.confusion) - np.array(true.confusion)).max()) for learnt, true in pairs
        ),
        "edge noise": max(abs(learnt.edge_noise - true.edge_noise) for learnt, true in pairs),
    }


@dataclass(frozen=True, slots=True)
class Asking:
    """What asking one more person only while in doubt comes to."""

    people: float
    """Answers per question."""
    refereed: float
    """Share of questions that went to a referee."""
    expected_wrong: float
    """Share of wrong boxes that the consensus expected of the settled ones."""
    wrong: float
    """Share that really was wrong: boxes too many, missing, of another class or off their object."""


def ask_while_in_doubt(skills: Mapping[str, Skill], scenes: int, seed: int, rule: OverlapRule) -> Asking:
    """Ask simulated people in random order by the rule; skills were learnt from other scenes."""
    learned = learn(draw_crowd(skills, scenes, seed + 1000))
    crowd = draw_crowd(skills, scenes, seed)
    rng = np.random.default_rng(seed)
    queue = {
        scene.name: [crowd.answers[scene.name][at] for at in rng.permutation(len(skills))] for scene in crowd.scenes
    }
    asked = dict.fromkeys(queue, rule.least)
    truth = {scene.name: scene for scene in crowd.scenes}
    refereed = boxes = 0
    expected = wrong = 0.0
    while queue:
        agreed = agree_on_boxes([match_boxes(name, said[: asked[name]]) for name, said in queue.items()], learned)
        for one in agreed:
            count = asked[one.question_id]
            step = next_step_of_boxes(one, Slots(count, people_left=len(skills) - count), rule)
            asked[one.question_id] += step.more
            if step.step is Step.ASK_MORE:
                continue
            del queue[one.question_id]
            if step.step is Step.REFEREE:
                refereed += 1
                continue
            boxes, expected = boxes + len(one.boxes), expected + one.wrong
            wrong += _mistakes(truth[one.question_id], of_consensus([one])[one.question_id])
    return Asking(
        sum(asked.values()) / max(scenes, 1), refereed / max(scenes, 1), expected / max(boxes, 1), wrong / max(boxes, 1)
    )


def _mistakes(scene: Scene, said: Said) -> int:
    """Count boxes without an object, objects without a box, and boxes of a wrong class."""
    met = [is_class for is_class, overlap in _hits(scene, said) if overlap >= 0.5]
    return len(said) + len(scene.objects) - 2 * len(met) + met.count(False)


def _plurality(boxes: Sequence[AnsweredBox]) -> str:
    counts = Counter(box.class_name for box in boxes)
    return min(counts, key=lambda name: (-counts[name], name))


def _mean(boxes: Sequence[AnsweredBox]) -> tuple[float, float, float, float]:
    x_min, y_min, x_max, y_max = (float(edge) for edge in edges_of(boxes).mean(axis=0))
    return x_min, y_min, x_max, y_max


def _edges(box: AnsweredBox) -> tuple[float, float, float, float]:
    return box.x_min, box.y_min, box.x_max, box.y_max


def main(scenes: int = 300, seeds: int = 5) -> None:
    """Print the tables."""
    print(f"F1 at IoU 0.5 (0.75), right class: mean of {seeds} crowds of {scenes} scenes; smallest lead of weighted")
    heads = ("majority", "best person", "weighted")
    print(f"{'people':22} {heads[0]:>15} {heads[1]:>15} {heads[2]:>15} {'over majority':>14} {'over best':>10}")
    for name, people, gold in (
        ("mixed", MIXED, 0.0),
        ("alike", ALIKE, 0.0),
        ("good", GOOD, 0.0),
        ("one good, four not", CARELESS, 0.0),
        ("  with 10 % gold", CARELESS, 0.1),
    ):
        runs = [compare(people, scenes, seed, gold) for seed in range(seeds)]
        cells = [
            f"{np.mean([run[way].f1 for run in runs]):.3f} ({np.mean([run[way].f1_strict for run in runs]):.3f})"
            for way in ("majority", "best person", "weighted")
        ]
        leads = [min(run["weighted"].f1 - run[way].f1 for run in runs) for way in ("majority", "best person")]
        print(f"{name:22} {cells[0]:>15} {cells[1]:>15} {cells[2]:>15} {leads[0]:+14.3f} {leads[1]:+10.3f}", flush=True)
    _print_skills(5 * scenes)
    _print_asking(scenes)


def _print_skills(scenes: int) -> None:
    print("\nLargest difference between learnt and true skill, over all people")
    for name, people in (("mixed", MIXED), ("alike", ALIKE), ("good", GOOD)):
        crowd = draw_crowd(people, scenes, seed=77)
        errors = skill_error(crowd, learn(crowd))
        print(f"{name:22} " + ", ".join(f"{what} {size:.3f}" for what, size in errors.items()), flush=True)


def _print_asking(scenes: int) -> None:
    print("\nOne more person only while in doubt (least 2, at most all)")
    print(f"{'people':22} {'tolerated':>9} {'asked':>6} {'refereed':>9} {'expected wrong':>15} {'wrong':>7}")
    for name, people in (("good", GOOD), ("alike", ALIKE), ("mixed", MIXED)):
        for tolerated in (0.02, 0.05, 0.1):
            rule = OverlapRule(least=2, most=len(people), tolerated=tolerated)
            one = ask_while_in_doubt(people, scenes, 7, rule)
            print(
                f"{name:22} {tolerated:9.0%} {one.people:6.2f} {one.refereed:9.1%} {one.expected_wrong:15.2%} "
                f"{one.wrong:7.2%}",
                flush=True,
            )


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:]))
