"""Outlines from a batch to a dataset: proposed, asked about, answered by one person or by two, settled, a snapshot."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Proposal, Scan, SequenceSplit
from blocks.shapes import shape_columns
from blocks.storage.stores import Store
from flows.options import LineOptions
from tasks.dataset.certificates import issue_certificate
from tasks.dataset.snapshots import read_snapshot, take_snapshot
from tasks.detect.refs import Scope
from tasks.intake.label_kinds import note_label_kind
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.monitor.cost.ledger import keep_ledger
from tasks.monitor.cost.ledger_page import ledger_page
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import draft_questions
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS
from tasks.review.questions.kinds.outlines.outline import ShownOutline
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.artifacts import effort_summary
from tasks.settle.effort import effort_of
from tasks.settle.labels import settle
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.kinds.outlines.drawn import drawn_object
from tests.review.builders import Speaker, item_id, make_batch, post_slots, questions

BATCH = "b1"
SCOPE = Scope(BATCH, "d1", "r1")
SHAPED = {"polygons": traced, "masks": mask_of}
ASKED = {"polygons": MARK_POLYGONS, "masks": MARK_MASKS}
TRUTH = Raster(40, 40, drawn_object(3))


@pytest.mark.parametrize("overlap", [None, OverlapRule(least=2, most=3, tolerated=0.3)], ids=["one", "two people"])
@pytest.mark.parametrize("kind", ["polygons", "masks"])
def test_a_batch_becomes_outlines_and_outlines_a_dataset(
    engine: Engine, store: Store, kind: str, overlap: OverlapRule | None
) -> None:
    make_batch(engine, items=6)
    ids = [item_id(number) for number in range(6)]
    guess = SHAPED[kind](Raster(44, 40, drawn_object(3)))
    seen = {"detector": SCOPE.detector, "recipe": SCOPE.recipe}
    rows = [
        {"id": f"p{n}", "item_id": id_, "class_name": "cell", "score": 0.4 if n % 2 else 0.97, "view": "tile", **seen}
        | shape_columns(guess)
        for n, id_ in enumerate(ids)
    ]
    with writing(engine) as session:
        upsert(session, SequenceSplit, [{"collection": "lot", "sequence": "s", "split": "train"}])
        upsert(session, Scan, [{"item_id": id_, **seen, "proposals": 1, "whole_frame": 0, "tiles": 1} for id_ in ids])
        upsert(session, Proposal, rows)
    line = LineOptions(
        collection="lot", classes=("cell",), label_kind=kind, annotator_pool=AnnotatorPool(overlap=overlap)
    )
    note_label_kind(engine, line.collection, line.label_kind)
    options = TriageOptions(image_outliers=False, control_share=0)
    triaged = decide(engine, BATCH, options, SCOPE.detector, SCOPE.recipe, classes=line.classes)
    assert triaged.items_by_route["ask"] >= 3
    (stop,) = line.queues
    asked = write_once(engine, stop.queue, BATCH, 0, draft_questions(engine, BATCH, stop, store=store))
    assert asked == triaged.items_by_route["ask"]
    post_slots(engine, stop.queue)
    people = Speaker(engine)
    for question in [one for one in questions(engine) if one.task_id is not None]:
        payload = read_payload(question.payload)
        mended = ShownOutline(id="r", class_name="cell", score=1, shape=SHAPED[kind](TRUTH))
        result = ASKED[kind].shown(payload.showing([mended]))  # type: ignore[attr-defined]
        people.say(f"p{question.queue[-1]}@example.org", question, result)
    if overlap:
        assert weigh_answers(engine, stop.queue, BATCH).courses == {"settled": asked}
    report = settle(engine, BATCH, SCOPE.detector, SCOPE.recipe)
    assert report.items_settled == len(ids) and not report.set_aside
    assert settle(engine, BATCH, SCOPE.detector, SCOPE.recipe).revisions_written == 0
    by_hand = report.labels * 79.2 + len(ids) * 7.8
    effort = effort_of(engine, BATCH, SCOPE.detector, SCOPE.recipe)
    assert effort.human_seconds_manual == pytest.approx(by_hand, abs=0.1)
    assert "79.2 s an outline" in effort_summary(effort) and "dragging boxes" not in effort_summary(effort)
    ledger = keep_ledger(engine, line.collection)
    assert ledger.human_seconds_manual == pytest.approx(by_hand, abs=0.1) and "79.2 s an outline" in ledger_page(ledger)
    ref = take_snapshot(engine, store, line.collection)
    manifest = read_snapshot(store, ref.id)
    assert manifest.kind == kind
    asked_ids = {question.item_id for question in questions(engine)}
    for item in manifest.items():
        (label,) = item.labels
        assert label.shape is not None
        if item.id in asked_ids:
            assert mask_iou(rasterised(label.shape), TRUTH) > 0.97
        else:
            assert label.shape == guess
    assert (issue_certificate(engine, store, ref.id).agreement is not None) == bool(overlap)
