"""The proof that a kind of label is one folder and one line: one that Labelline does not have goes from a batch to a
dataset as `classes` does, asked by the kind of question that it names.
"""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Proposal, Scan
from blocks.errors import BadOption
from blocks.storage.stores import Store
from flows.options import LineOptions
from tasks.audit.label_errors.record import LookScope
from tasks.audit.label_errors.settled_labels import find_settled
from tasks.dataset.certificate_page import certificate_page
from tasks.dataset.certificates import issue_certificate
from tasks.dataset.formats.published import read_truth
from tasks.dataset.snapshots import read_snapshot, take_snapshot
from tasks.dataset.take_along import take_along
from tasks.detect.refs import Scope
from tasks.intake.label_kinds import note_label_kind
from tasks.kinds.registry import KINDS
from tasks.monitor.cost.ledger import keep_ledger
from tasks.monitor.cost.ledger_page import ledger_page
from tasks.monitor.judged import read_judged
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import draft_questions
from tasks.review.questions.kinds.classes.said import CLASS, chosen_region
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.annotators.people import people_of, people_summary
from tasks.settle.artifacts import effort_summary, labels_summary
from tasks.settle.effort import effort_of
from tasks.settle.labels import settle
from tasks.settle.pictures import pictures_markdown
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.kinds.grades.kind import GRADES
from tests.review.builders import Speaker, post_slots, questions

ITEMS, BATCH = 24, "b1"
SCOPE = Scope(BATCH, "d1", "r1")
GRADE_NAMES = ("a", "b", "c")


@pytest.fixture(autouse=True)
def graded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line in the registry."""
    monkeypatch.setitem(KINDS, GRADES.name, GRADES)


@pytest.fixture
def ids(engine: Engine, store: Store) -> list[str]:
    """Pictures of a batch that a model has looked at: sure of a third of them, and wrong about every sixth."""
    scenes = [draw_scene(number, sequence=f"s{number % 3}", squares=0) for number in range(ITEMS)]
    ids = settle_scenes(engine, store, scenes, {"s0": "train", "s1": "val", "s2": "train"}, batch_id=BATCH)
    seen = {"detector": SCOPE.detector, "recipe": SCOPE.recipe}
    scans = [{"item_id": id_, **seen, "proposals": 1, "whole_frame": 1, "tiles": 0} for id_ in ids]
    guesses = [
        {
            "id": f"p{number}",
            "item_id": id_,
            **seen,
            "class_name": GRADE_NAMES[(number + (number % 6 == 0)) % 3],
            "score": 0.9 if number % 3 == 1 else 0.4,
            "shape": {"type": "whole"},
            "view": "whole",
        }
        for number, id_ in enumerate(ids)
    ]
    with writing(engine) as session:
        upsert(session, Scan, scans)
        upsert(session, Proposal, guesses)
    return ids


@pytest.mark.parametrize("overlap", [None, OverlapRule(least=2, most=3)], ids=["one person", "two people"])
@pytest.mark.parametrize("kind", ["classes", "grades"])
def test_a_batch_becomes_labels_and_labels_a_dataset(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path, kind: str, overlap: OverlapRule | None
) -> None:
    pool = AnnotatorPool(overlap=overlap)
    line = LineOptions(collection="lot", classes=GRADE_NAMES, label_kind=kind, annotator_pool=pool)
    note_label_kind(engine, line.collection, line.label_kind)
    options = TriageOptions(image_outliers=False, control_share=0)
    triaged = decide(engine, BATCH, options, SCOPE.detector, SCOPE.recipe, classes=line.classes)
    assert triaged.boxes_by_outcome == {"accept": 8, "ask": 16, "drop": 0}
    assert triaged.items_by_route["sure"] + triaged.items_by_route["audit"] >= 8

    (stop,) = line.queues
    asked = write_once(engine, stop.queue, BATCH, 0, draft_questions(engine, BATCH, stop))
    assert asked == ITEMS - triaged.items_by_route["sure"]
    post_slots(engine, stop.queue)
    people = Speaker(engine)
    mended = set()
    for question in [one for one in questions(engine) if one.task_id is not None]:
        true = GRADE_NAMES[ids.index(question.item_id) % 3]
        shown = question.payload["proposed"] or {"id": CLASS, "class_name": true}
        if shown["class_name"] != true:
            mended.add(question.item_id)
        people.say(f"p{question.queue[-1]}@example.org", question, [chosen_region(true, shown["id"])])
    if overlap:
        assert weigh_answers(engine, stop.queue, BATCH).courses == {"settled": asked}

    report = settle(engine, BATCH, SCOPE.detector, SCOPE.recipe)
    assert report.by_class == {"a": 8, "b": 8, "c": 8}
    assert report.accepted_without_people == triaged.items_by_route["sure"]
    assert report.changed == len(mended) > 0
    effort = effort_of(engine, BATCH, SCOPE.detector, SCOPE.recipe)
    assert (effort.wholes, effort.classes, effort.human_seconds_manual) == (ITEMS, 3, ITEMS * 3.0)
    pages = [labels_summary(report), effort_summary(effort), people_summary(people_of(engine, BATCH))]
    assert "by hand, choosing a class" in pages[1]
    assert pictures_markdown(engine, store, SCOPE).count("data:image/jpeg") == 6
    judged = read_judged(engine, line.collection)
    right = {item.item_id for item in judged if item.right.all()}
    assert right == {item.item_id for item in judged if ids.index(item.item_id) % 6} and len(judged) == asked

    ledger = keep_ledger(engine, line.collection)
    assert (ledger.considered_classes, ledger.human_seconds_manual) == (3, ITEMS * 3.0)
    assert "for each of 3 classes" in ledger_page(ledger)
    scope = LookScope(line.collection, "d1", "r1", GRADE_NAMES)
    with pytest.raises(BadOption, match=f"labelled with {kind}, and a label-error review looks at boxes"):
        find_settled(engine, scope)

    ref = take_snapshot(engine, store, line.collection)
    manifest = read_snapshot(store, ref.id)
    assert (manifest.kind, manifest.classes, ref.labels) == (kind, GRADE_NAMES, ITEMS)
    certificate = issue_certificate(engine, store, ref.id)
    assert certificate_page(certificate, store, manifest).count("data:image/jpeg") == 4
    assert (certificate.agreement is not None) == bool(overlap)
    take_along(engine, store, line.collection, tmp_path / "out", "folders", "copy")
    told = sorted(read_truth(tmp_path / "out", "folders").wholes.values())
    assert told == sorted(GRADE_NAMES * 8)
    worth = KINDS[kind].metrics(("a", "c", "c"), ("a", "b", "a"), GRADE_NAMES)
    assert worth.value == pytest.approx({"classes": 1 / 3, "grades": 2 / 3}[kind])


def test_without_its_line_in_the_registry_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(KINDS, GRADES.name)
    with pytest.raises(ValueError, match="'grades' is no kind of label"):
        LineOptions(collection="lot", classes=GRADE_NAMES, label_kind="grades")
