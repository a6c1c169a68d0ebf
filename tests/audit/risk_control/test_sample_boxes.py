"""What is drawn is drawn at random, once, from all that could be accepted, and only where it can prove something."""

from collections import Counter

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import BatchItem, Proposal
from blocks.errors import BadOption, UnknownClass
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.sample_boxes import draw_evidence, least_draws
from tasks.triage.audit import audits_of
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.audit.lot import CLASSES, RISK_CONTROL, SCOPE, TRIAGE, judgements, make_lot, score_of
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, car


def draw(
    engine: Engine, risk_control: RiskControlOptions = RISK_CONTROL, triage: TriageOptions = TRIAGE
) -> dict[str, tuple[int, int]]:
    drawn = draw_evidence(engine, SCOPE, CLASSES, triage, risk_control)
    return {each.class_name: (each.population, each.drawn) for each in drawn}


def test_a_batch_that_is_not_there_is_refused(engine: Engine) -> None:
    with pytest.raises(BadOption, match="not in the catalogue"):
        draw(engine)


def test_an_empty_batch_and_items_without_boxes_draw_nothing(engine: Engine) -> None:
    add_batch(engine, 3)
    assert draw(engine) == {"car": (0, 0), "truck": (0, 0)}


def test_a_limit_for_a_class_that_the_line_does_not_have_is_refused(engine: Engine) -> None:
    make_lot(engine, items=2)
    with pytest.raises(UnknownClass, match="Did you mean 'truck'"):
        draw(engine, RiskControlOptions(class_limits={"trck": 5}))


def test_boxes_of_audited_items_odd_ones_and_weak_ones_are_never_drawn(engine: Engine) -> None:
    wild = [car(0.99, x=300, width=400, height=300), car(0.3)]  # ten times the usual size; a low score
    lot = make_lot(engine, items=80, special=dict.fromkeys(range(40), wild))
    population, drawn = draw(engine, RiskControlOptions(most_share=1.0))["car"]
    audited = set(audits_of(engine, BATCH))
    rows = judgements(engine)
    assert len(audited) == 4
    assert drawn == len(rows) == population < 400  # all that there are
    assert population == 10 * len(set(lot.items[40:]) - audited)
    assert not audited & {row.item_id for row in rows}
    assert min(score_of(engine, row.proposal_id) for row in rows) >= RISK_CONTROL.min_score


def test_every_draw_says_from_how_many_and_with_what_chance(engine: Engine) -> None:
    make_lot(engine)
    population, drawn = draw(engine)["car"]
    rows = judgements(engine)
    assert {row.population for row in rows} == {population}
    assert {row.probability for row in rows} == {drawn / population}
    assert [row.rank for row in rows] == list(range(drawn))
    assert {row.said for row in rows} == {None}


def test_drawing_twice_draws_the_same_once(engine: Engine) -> None:
    make_lot(engine)
    first = draw(engine)
    before = [row.proposal_id for row in judgements(engine)]
    assert draw(engine, RiskControlOptions(seed=9, boxes_per_class=500)) == {"car": first["car"], "truck": (0, 0)}
    assert [row.proposal_id for row in judgements(engine)] == before


def test_another_seed_draws_others_and_scores_do_not_matter(engine: Engine) -> None:
    lot = make_lot(engine)
    draw(engine, RISK_CONTROL.model_copy(update={"seed": 5}))
    rows = judgements(engine)
    place = {proposal_id: n % 10 for n, proposal_id in enumerate(lot.proposals)}
    by_score = Counter(place[row.proposal_id] for row in rows)
    # 300 of 570 at random: about 30 of each of ten scores, whatever the score (hypergeometric, sd below 4)
    assert all(15 <= count <= 45 for count in by_score.values())
    assert not np.all(np.diff([place[row.proposal_id] for row in rows]) >= 0)


def test_nothing_is_drawn_where_it_could_prove_nothing(engine: Engine) -> None:
    make_lot(engine, items=12)
    assert draw(engine)["car"][1] == 0  # 110 boxes: most of them would have to be judged
    drawn = draw_evidence(engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    assert "people look at all of them" in drawn[0].why


def test_too_small_a_limit_draws_nothing_and_says_which_would_do(engine: Engine) -> None:
    make_lot(engine)
    (of_cars, _) = draw_evidence(engine, SCOPE, CLASSES, TRIAGE, RiskControlOptions(boxes_per_class=50))
    assert of_cars.drawn == 0
    assert "raise the limit" in of_cars.why


def test_a_batch_that_was_triaged_already_is_not_asked_about(engine: Engine) -> None:
    make_lot(engine)
    decide(engine, BATCH, TRIAGE, DETECTOR, RECIPE)
    assert draw(engine) == {"car": (0, 0), "truck": (0, 0)}
    assert judgements(engine) == []


def test_classes_with_many_boxes_come_first_and_the_budget_holds(engine: Engine) -> None:
    lot = make_lot(engine, items=100)
    with writing(engine) as session:
        for proposal_id in lot.proposals[::3]:
            session.get_one(Proposal, proposal_id).class_name = "truck"
    drawn = draw(engine, RiskControlOptions(boxes_per_class=300, boxes_per_batch=400))
    assert drawn["car"][1] == 300
    assert drawn["truck"][1] == 0  # 100 left prove nothing
    assert drawn["car"][0] > drawn["truck"][0] > 300


def test_an_item_set_aside_later_does_not_change_what_was_drawn_from(engine: Engine) -> None:
    lot = make_lot(engine)
    population, _ = draw(engine)["car"]
    with writing(engine) as session:
        row = session.get_one(BatchItem, (BATCH, lot.items[5]))
        upsert(
            session,
            BatchItem,
            [{"batch_id": BATCH, "item_id": row.item_id, "position": row.position, "set_aside": "damaged"}],
            update=("set_aside",),
        )
    assert draw(engine)["car"][0] == population


@pytest.mark.parametrize(("boxes", "most"), [(0, 0), (1, 1), (10, 10), (400, 180), (3000, 240), (100_000, 240)])
def test_fewer_draws_suffice_in_small_batches(boxes: int, most: int) -> None:
    assert least_draws(boxes, RISK_CONTROL) <= most


def test_no_row_is_left_by_a_class_that_is_not_drawn(engine: Engine) -> None:
    make_lot(engine)
    draw(engine)
    with reading(engine) as session:
        assert set(session.exec(select(Proposal.class_name)).all()) == {"car"}
    assert {row.class_name for row in judgements(engine)} == {"car"}
