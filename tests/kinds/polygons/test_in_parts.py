"""A picture with many outlines is asked in parts, each answered by simulated people, and settles as one."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import update

from blocks.database.engine import upsert, writing
from blocks.database.tables import BatchItem, Proposal, Scan, SequenceSplit
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import shape_columns
from blocks.storage.stores import Store
from flows.options import LineOptions
from infra.annotators.answers import answer_as
from infra.annotators.desk import Desk, _classes_of, _kind_of, question_of
from infra.annotators.people import People
from infra.annotators.times import Stopwatch
from infra.annotators.truth import AnnotatorBox, TruePicture
from tasks.detect.refs import Scope
from tasks.intake.label_kinds import note_label_kind
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised, shape_in
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import draft_questions
from tasks.review.questions.kinds.registry import read_payload
from tasks.review.questions.staffing import AnnotatorPool
from tasks.review.questions.task import label_config, to_task
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import settle
from tasks.triage.audit import audits_of
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.kinds.outlines.drawn import drawn_object
from tests.review.builders import HEIGHT, WIDTH, Speaker, item_id, make_batch, post_slots, questions

BATCH = "b1"
SCOPE = Scope(BATCH, "d1", "r1")
SHAPED = {"polygons": traced, "masks": mask_of}
SERVER = AnnotationServer("http://ls", "token", "http://gateway", link_secret="s" * 32, doorbell_secret="d" * 32)
SIDE = 40
TRUE = [
    Raster(x, y, drawn_object(7 * x + y, SIDE))
    for y in range(20, HEIGHT - 2 * SIDE, 210)
    for x in range(20, WIDTH - 2 * SIDE, 250)
]
PICTURE = TruePicture(
    "p",
    (WIDTH, HEIGHT),
    tuple(AnnotatorBox("cell", mask_of(one).bounds(), shape=mask_of(one)) for one in TRUE),
)


def answer(kind: str, queue: Any, question: Any) -> list[dict[str, Any]]:
    task = to_task(SERVER, queue, question.id, question.item_id, question.payload)
    config = label_config(queue)
    desk = Desk(1, queue.name, _classes_of(config), _kind_of(config))
    assert desk.kind == kind
    seen = question_of({"id": 1, "data": task["data"], "predictions": [{"id": 1, **task["predictions"][0]}]}, desk)
    person = People(skill=1.0).named(queue.name)[0]
    result, _ = answer_as(person, seen, {question.item_id: PICTURE}, Stopwatch(np.random.default_rng(0)))
    return result


@pytest.mark.parametrize("kind", SHAPED)
def test_every_object_is_asked_once_and_settles_where_it_is(engine: Engine, store: Store, kind: str) -> None:
    make_batch(engine, items=2)
    ids, seen = [item_id(0), item_id(1)], {"detector": SCOPE.detector, "recipe": SCOPE.recipe}
    known = TRUE[: -len(TRUE) // 4]
    rows = [
        {"id": f"{id_[:4]}-{n:03d}", "item_id": id_, "class_name": "cell", "score": 0.4, "view": "tile", **seen}
        | shape_columns(SHAPED[kind](one))
        for id_ in ids
        for n, one in enumerate(known)
    ]
    scans = [{"item_id": id_, **seen, "proposals": len(known), "whole_frame": 0, "tiles": 1} for id_ in ids]
    with writing(engine) as session:
        upsert(session, SequenceSplit, [{"collection": "lot", "sequence": "s", "split": "train"}])
        upsert(session, Scan, scans)
        upsert(session, Proposal, rows)
        session.exec(update(BatchItem).values(route=None))  # triage has not seen it yet
    line = LineOptions(collection="lot", classes=("cell",), label_kind=kind, annotator_pool=AnnotatorPool())
    note_label_kind(engine, line.collection, line.label_kind)
    options = TriageOptions(image_outliers=False, control_share=0)
    decide(engine, BATCH, options, SCOPE.detector, SCOPE.recipe, classes=line.classes)
    (stop,) = line.queues
    write_once(engine, stop.queue, BATCH, 0, draft_questions(engine, BATCH, stop, store=store))
    (audited,) = audits_of(engine, BATCH)
    for id_ in ids:
        payloads = [read_payload(question.payload) for question in questions(engine) if question.item_id == id_]
        assert len(payloads) > 1
        assert {one.part.of for one in payloads} == {len(payloads)}  # type: ignore[attr-defined]
        shown = [outline.id for one in payloads for outline in one.outlines]  # type: ignore[attr-defined]
        mine = [row["id"] for row in rows if row["item_id"] == id_]
        assert sorted(shown) == ([] if id_ == audited else mine), "each in one part, and in no other"
    post_slots(engine, stop.queue)
    people = Speaker(engine)
    for question in questions(engine):
        people.say("p@example.org", question, answer(kind, stop.queue, question))
    report = settle(engine, BATCH, SCOPE.detector, SCOPE.recipe)
    assert report.items_settled == 2 and not report.set_aside
    for id_, labels in labels_in_force(engine, ids, line.collection).items():
        assert len(labels) == len(TRUE), "none twice at a cut, and none lost there"
        found = [rasterised(shape_in(label)) for label in labels]
        best = [max(mask_iou(true, one) for one in found) for true in TRUE]
        kept = {label.proposal_id: shape_in(label) for label in labels if label.proposal_id}
        assert min(best) > 0.8 and len(kept) == (0 if id_ == audited else len(known))
        if kept and kind == "masks":
            assert [kept[f"{id_[:4]}-{n:03d}"] for n in range(len(known))] == [mask_of(one) for one in known]
