"""What simulated people take for true where nobody has labelled: proposals by their scores, or objects made up."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Item, Outcome, Proposal
from infra.forecast.believed import as_proposed, made_up, made_up_classes, objects_on_average
from tests.settle.world import give_verdicts
from tests.triage.rows import BATCH, add_batch, add_scan, car

CLASSES = ("car", "van")
PICTURES = 40


@pytest.fixture
def items(engine: Engine) -> list[Item]:
    """Forty pictures, each with a certain box, five that are as likely real as not, one dropped and one impossible."""
    ids = add_batch(engine, PICTURES)
    outcomes = {}
    for item_id in ids:
        halves = [car(0.5, x=200 + 60 * n) for n in range(5)]
        add_scan(engine, item_id, [car(1.0), *halves, car(0.99, y=300), car(0.0, y=500)])
    with reading(engine) as session:
        for one in session.exec(select(Proposal)).all():
            outcomes[one.id] = Outcome.DROP.value if one.score == 0.99 else Outcome.ASK.value
        found = list(session.exec(select(Item)).all())
    give_verdicts(engine, outcomes)
    return found


def test_a_proposal_is_real_with_the_chance_that_its_score_says(engine: Engine, items: list[Item]) -> None:
    truth = as_proposed(engine, BATCH, items, CLASSES, seed=0)
    boxes = [[box.xyxy for box in picture.boxes] for picture in truth.values()]
    assert all((100.0, 100.0, 140.0, 120.0) in some for some in boxes), "a score of 1 is certain"
    assert not any(edges[1] >= 300 for some in boxes for edges in some), "neither what was dropped nor a score of 0"
    assert objects_on_average(truth) == pytest.approx(1 + 5 * 0.5, abs=0.4)


def test_the_same_seed_believes_the_same_and_another_something_else(engine: Engine, items: list[Item]) -> None:
    first, again, other = (as_proposed(engine, BATCH, items, CLASSES, seed) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("mean", [0.0, 8.0])
def test_so_many_objects_are_made_up_side_by_side_inside_of_the_picture(items: list[Item], mean: float) -> None:
    truth = made_up(items, CLASSES, mean, seed=0)
    assert objects_on_average(truth) == pytest.approx(mean, abs=1.5)
    for picture in truth.values():
        edges = sorted(box.xyxy for box in picture.boxes)
        assert all(0 < x_min < x_max < 1000 and 0 < y_min < y_max < 800 for x_min, y_min, x_max, y_max in edges)
        assert len(set(edges)) == len(edges)


def test_classes_are_made_up_of_those_that_there_are(items: list[Item]) -> None:
    named = [picture.class_name for picture in made_up_classes(items, CLASSES, 0).values()]
    assert set(named) == set(CLASSES)


def test_nothing_has_no_objects() -> None:
    assert objects_on_average({}) == 0
