"""More boxes are judged only where that may change something, and they go on where the first ones ended."""

import pytest
from sqlalchemy import Engine

from blocks.database.audit_tables import Said
from blocks.errors import BadOption
from tasks.audit.bounds.certify import ThresholdStatus
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.prove import certify_thresholds
from tasks.audit.risk_control.sample_boxes import draw_evidence
from tasks.audit.risk_control.sample_more import draw_more
from tasks.review.drafts.box_checks import (
    CONFIRM_AGAIN,
    CONFIRM_BOX,
    confirm_box_queue,
    draft_confirms,
    draft_confirms_again,
)
from tasks.review.drafts.items_and_kinds import write_once
from tasks.triage.decide import decide
from tests.audit.lot import CLASSES, SCOPE, TRIAGE, Lot, answer_all, answer_queue, judgements, make_lot
from tests.triage.rows import BATCH, DETECTOR, RECIPE

RISK_CONTROL = RiskControlOptions(boxes_at_first=190, boxes_per_class=320)


@pytest.fixture
def lot(engine: Engine) -> Lot:
    made = make_lot(engine)
    draw_evidence(engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    return made


def more(engine: Engine, risk_control: RiskControlOptions = RISK_CONTROL) -> dict[str, int]:
    return draw_more(engine, SCOPE, CLASSES, TRIAGE, risk_control)


def by_rank(lot: Lot, wrong_share: float) -> dict[str, Said]:
    """Say that every so manieth of the boxes drawn at first is wrong."""
    step = round(1 / wrong_share)
    return {row.proposal_id: Said.NOTHING for row in judgements(lot.engine) if row.rank % step == step - 1}


def test_a_batch_that_is_not_there_is_refused_and_without_draws_there_are_no_more(engine: Engine) -> None:
    with pytest.raises(BadOption, match="not in the catalogue"):
        more(engine)
    make_lot(engine, items=3)
    assert more(engine) == {}


def test_where_all_was_right_nothing_more_is_asked(lot: Lot) -> None:
    first = len(judgements(lot.engine))
    answer_all(lot.engine, lot.all_right)
    threshold = certify_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL).thresholds["car"]
    assert threshold.standing is ThresholdStatus.CERTIFIED and threshold.share_accepted == 1.0
    assert more(lot.engine) == {}
    assert len(judgements(lot.engine)) == first


def test_where_the_detector_is_too_bad_nothing_more_is_asked(lot: Lot) -> None:
    answer_all(lot.engine, lambda _: Said.NOTHING)
    assert more(lot.engine) == {}


def test_where_a_few_were_wrong_the_next_lots_are_drawn_once(lot: Lot) -> None:
    engine = lot.engine
    first = [row.proposal_id for row in judgements(engine)]
    said = by_rank(lot, 1 / 90)
    answer_all(engine, lambda id_: said.get(id_, Said.RIGHT))
    assert more(engine) == {"car": 320 - len(first)}
    rows = judgements(engine)
    assert [row.proposal_id for row in rows[: len(first)]] == first
    assert [row.rank for row in rows] == list(range(320))
    assert len({row.proposal_id for row in rows}) == 320
    assert more(engine) == {}  # these are open: no more behind them


def test_only_the_new_ones_are_asked_in_the_second_round(lot: Lot) -> None:
    engine, queue = lot.engine, confirm_box_queue(CLASSES)
    first = len(judgements(engine))
    said = by_rank(lot, 1 / 90)
    answer_all(engine, lambda id_: said.get(id_, Said.RIGHT))
    new = sum(more(engine).values())
    assert write_once(engine, queue, BATCH, 1, draft_confirms(engine, BATCH, 1)) == new
    assert write_once(engine, queue, BATCH, 0, draft_confirms(engine, BATCH, 0)) == first
    last = judgements(engine)[-1].proposal_id
    said[last] = Said.WRONG
    answer_queue(engine, CONFIRM_BOX, lambda id_: said.get(id_, Said.RIGHT))
    assert {draft.subject for page in draft_confirms_again(engine, BATCH, 1) for draft in page} == {last}
    assert CONFIRM_AGAIN != CONFIRM_BOX


def test_open_questions_wait_before_more_are_drawn(lot: Lot) -> None:
    answer_all(lot.engine, lambda _: None)
    assert more(lot.engine) == {}


def test_another_seed_draws_no_more_of_another_order(lot: Lot) -> None:
    said = by_rank(lot, 1 / 90)
    answer_all(lot.engine, lambda id_: said.get(id_, Said.RIGHT))
    assert more(lot.engine, RISK_CONTROL.model_copy(update={"seed": 7})) == {}


def test_once_triage_has_begun_nothing_more_is_drawn(lot: Lot) -> None:
    said = by_rank(lot, 1 / 90)
    answer_all(lot.engine, lambda id_: said.get(id_, Said.RIGHT))
    thresholds = certify_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL).in_force
    decide(lot.engine, BATCH, TRIAGE, DETECTOR, RECIPE, thresholds=thresholds)
    assert more(lot.engine) == {}


def test_draws_that_nobody_was_asked_about_follow_the_threshold(lot: Lot) -> None:
    said = by_rank(lot, 1 / 90)
    answer_all(lot.engine, lambda id_: said.get(id_, Said.RIGHT))
    before = certify_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    more(lot.engine)
    after = certify_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    assert after.thresholds["car"].judged == before.thresholds["car"].judged
    report = decide(lot.engine, BATCH, TRIAGE, DETECTOR, RECIPE, thresholds=after.in_force)
    assert "a person did not call it right" not in str(report.boxes_by_reason)
