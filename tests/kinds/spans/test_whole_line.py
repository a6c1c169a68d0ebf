"""Spans from a batch to a dataset: proposed, asked about, answered by one person or by two, settled, a snapshot."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Proposal, Scan
from blocks.shapes import Span, shape_columns
from blocks.storage.stores import Store
from flows.options import LineOptions
from tasks.dataset.certificates import issue_certificate
from tasks.dataset.snapshots import read_snapshot, take_snapshot
from tasks.detect.refs import Scope
from tasks.intake.label_kinds import note_label_kind
from tasks.kinds.spans.scoring import ClassedSpan
from tasks.monitor.cost.ledger import keep_ledger
from tasks.monitor.cost.ledger_page import ledger_page
from tasks.monitor.judged import read_judged
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import draft_questions
from tasks.review.questions.kinds.texts.tag import TagPayload
from tasks.review.questions.kinds.texts.text_regions import ShownSpan, to_text_regions
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.annotators.people import people_of, people_summary
from tasks.settle.artifacts import effort_summary, labels_summary
from tasks.settle.effort import effort_of
from tasks.settle.labels import settle
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.kinds.spans.letters import CLASSES, keep_letters, write_letter
from tests.review.builders import Speaker, post_slots, questions

BATCH, SEEDS = "b1", range(20)
SCOPE = Scope(BATCH, "d1", "r1")
TRUTH = [set(write_letter(seed)[1]) for seed in SEEDS]


@pytest.fixture
def ids(engine: Engine, store: Store) -> list[str]:
    """Texts in which a model has found all spans, sure of those in every third; one too long in every fifth."""
    ids = keep_letters(engine, store, SEEDS, {"s0": "train", "s1": "val"}, BATCH)
    seen = {"detector": SCOPE.detector, "recipe": SCOPE.recipe}
    guesses = [
        {"id": f"p{seed}-{n}", "item_id": ids[seed], **seen, "class_name": span.class_name, "view": "whole"}
        | {"score": 0.95 if seed % 3 == 0 else 0.4}
        | shape_columns(Span(start=span.start, end=span.end + (seed % 5 == 1)))
        for seed in SEEDS
        for n, span in enumerate(write_letter(seed)[1])
    ]
    scans = [{"item_id": id_, **seen, "proposals": 1, "whole_frame": 1, "tiles": 0} for id_ in ids]
    with writing(engine) as session:
        upsert(session, Scan, scans)
        upsert(session, Proposal, guesses)
    return ids


@pytest.mark.parametrize("overlap", [None, OverlapRule(least=2, most=3, tolerated=0.2)], ids=["one", "two people"])
def test_a_batch_of_texts_becomes_spans_and_spans_a_dataset(
    engine: Engine, store: Store, ids: list[str], overlap: OverlapRule | None
) -> None:
    pool = AnnotatorPool(overlap=overlap)
    line = LineOptions(collection="letters", classes=CLASSES, label_kind="spans", annotator_pool=pool)
    note_label_kind(engine, line.collection, line.label_kind)
    options = TriageOptions(image_outliers=False, control_share=0)
    triaged = decide(engine, BATCH, options, SCOPE.detector, SCOPE.recipe, classes=line.classes)
    assert triaged.items_by_route["ask"] > 8

    (stop,) = line.queues
    asked = write_once(engine, stop.queue, BATCH, 0, draft_questions(engine, BATCH, stop, store=store))
    assert asked == len(ids) - triaged.items_by_route["sure"]
    post_slots(engine, stop.queue)
    people = Speaker(engine)
    for question in [one for one in questions(engine) if one.task_id is not None]:
        payload = TagPayload.model_validate(question.payload)
        left = [
            ShownSpan(id=f"r{n}", class_name=one.class_name, score=1, start=one.start, end=one.end)
            for n, one in enumerate(sorted(TRUTH[ids.index(question.item_id)]))
        ]
        shown = {(one.start, one.end, one.class_name): one.id for one in payload.spans}
        left = [one.model_copy(update={"id": shown.get((one.start, one.end, one.class_name), one.id)}) for one in left]
        people.say(f"p{question.queue[-1]}@example.org", question, to_text_regions(left, payload.text))
    if overlap:
        assert weigh_answers(engine, stop.queue, BATCH).courses == {"settled": asked}

    report = settle(engine, BATCH, SCOPE.detector, SCOPE.recipe)
    assert report.items_settled == len(ids) and not report.set_aside
    assert settle(engine, BATCH, SCOPE.detector, SCOPE.recipe).revisions_written == 0
    effort = effort_of(engine, BATCH, SCOPE.detector, SCOPE.recipe)
    pages = [labels_summary(report), effort_summary(effort), people_summary(people_of(engine, BATCH))]
    assert (effort.label_kind, effort.wholes) == ("spans", 0) and "dragging boxes" not in pages[1]
    assert all(pages) and "s a box" not in ledger_page(keep_ledger(engine, line.collection))
    assert len(read_judged(engine, line.collection)) == asked

    ref = take_snapshot(engine, store, line.collection)
    manifest = read_snapshot(store, ref.id)
    assert manifest.kind == "spans" and set(manifest.classes) <= set(CLASSES)
    asked_ids = {question.item_id for question in questions(engine)}
    for item in manifest.items():
        spans = {ClassedSpan(one.shape.start, one.shape.end, one.class_name) for one in item.labels if one.shape}  # type: ignore[union-attr]
        assert spans == TRUTH[ids.index(item.id)] or item.id not in asked_ids
    certificate = issue_certificate(engine, store, ref.id)
    assert (certificate.agreement is not None) == bool(overlap)
