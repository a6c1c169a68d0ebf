"""Several classes an item from a batch to a dataset: proposed, ticked by one person or by two, settled, a snapshot."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Label, Proposal, Scan
from blocks.errors import BadOption
from blocks.shapes import SEVERAL
from blocks.storage.stores import Store
from flows.options import LineOptions
from tasks.dataset.certificates import issue_certificate
from tasks.dataset.formats.published import read_truth
from tasks.dataset.snapshots import read_snapshot, take_snapshot
from tasks.dataset.take_along import take_along
from tasks.detect.refs import Scope
from tasks.intake.label_kinds import note_label_kind
from tasks.monitor.cost.ledger import keep_ledger
from tasks.monitor.judged import read_judged
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import draft_questions
from tasks.review.questions.kinds.choose_several import CLASSES, ticked_region
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.annotators.people import people_of, people_summary
from tasks.settle.artifacts import effort_summary, labels_summary
from tasks.settle.effort import effort_of
from tasks.settle.labels import settle
from tasks.settle.pictures import pictures_markdown
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.review.builders import Speaker, post_slots, questions

ITEMS, BATCH = 24, "b1"
SCOPE = Scope(BATCH, "d1", "r1")
NAMES = ("wet", "night", "crowd")
TRUTH = [tuple(name for place, name in enumerate(NAMES) if number >> place & 1) for number in range(ITEMS)]
"""Every set of the three classes, the empty one among them."""


@pytest.fixture
def ids(engine: Engine, store: Store) -> list[str]:
    """Pictures in which a model is sure of what is there, but for every fourth, of which it is not."""
    scenes = [draw_scene(number, sequence=f"s{number % 3}", squares=0) for number in range(ITEMS)]
    ids = settle_scenes(engine, store, scenes, {"s0": "train", "s1": "val", "s2": "train"}, batch_id=BATCH)
    seen = {"detector": SCOPE.detector, "recipe": SCOPE.recipe}
    scans = [{"item_id": id_, **seen, "proposals": 1, "whole_frame": 1, "tiles": 0} for id_ in ids]
    guesses = [
        {"id": f"p{number}-{name}", "item_id": ids[number], **seen, "class_name": name, "view": "whole"}
        | {"score": 0.3 if number % 4 == 3 else 0.9, "shape": {"type": SEVERAL}}
        for number, names in enumerate(TRUTH)
        for name in names
    ]
    with writing(engine) as session:
        upsert(session, Scan, scans)
        upsert(session, Proposal, guesses)
    return ids


@pytest.mark.parametrize("overlap", [None, OverlapRule(least=2, most=3, tolerated=0.3)], ids=["one", "two people"])
def test_a_batch_becomes_sets_of_classes_and_these_a_dataset(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path, overlap: OverlapRule | None
) -> None:
    pool = AnnotatorPool(overlap=overlap)
    line = LineOptions(collection="lot", classes=NAMES, label_kind="multilabel", annotator_pool=pool)
    note_label_kind(engine, line.collection, line.label_kind)
    triaged = decide(
        engine,
        BATCH,
        TriageOptions(image_outliers=False, control_share=0),
        SCOPE.detector,
        SCOPE.recipe,
        classes=line.classes,
    )
    assert triaged.items_by_route["sure"] + triaged.items_by_route["audit"] >= 15  # nobody has said of one: nothing

    (stop,) = line.queues
    asked = write_once(engine, stop.queue, BATCH, 0, draft_questions(engine, BATCH, stop))
    post_slots(engine, stop.queue)
    people = Speaker(engine)
    for question in [one for one in questions(engine) if one.task_id is not None]:
        number = ids.index(question.item_id)
        shown = {one["class_name"] for one in question.payload["proposed"]}
        assert shown <= set(TRUTH[number]) and (number % 4 != 3 or not shown)  # unlikely ones are not ticked
        result = [ticked_region(TRUTH[number], CLASSES)] if TRUTH[number] else []
        people.say(f"p{question.queue[-1]}@example.org", question, result)
    if overlap:
        assert weigh_answers(engine, stop.queue, BATCH).courses == {"settled": asked}

    report = settle(engine, BATCH, SCOPE.detector, SCOPE.recipe)
    assert report.items_settled == ITEMS and report.labels == sum(map(len, TRUTH))
    assert report.by_class == dict.fromkeys(NAMES, ITEMS // 2)
    with reading(engine) as session:
        labels = session.exec(select(Label)).all()
    assert {(one.item_id, one.region) for one in labels} == {
        (ids[number], f"whole:{name}") for number, names in enumerate(TRUTH) for name in names
    }
    effort = effort_of(engine, BATCH, SCOPE.detector, SCOPE.recipe)
    empty = TRUTH.count(())
    assert (effort.wholes, effort.classes, effort.human_seconds_manual) == (ITEMS - empty, 3, ITEMS * 3.0)
    pages = [labels_summary(report), effort_summary(effort), people_summary(people_of(engine, BATCH))]
    assert "by hand, choosing a class" in pages[1]
    assert pictures_markdown(engine, store, SCOPE).count("data:image/jpeg")
    judged = read_judged(engine, line.collection)
    assert judged and all(item.right.all() for item in judged)
    assert keep_ledger(engine, line.collection).considered_classes == 3

    ref = take_snapshot(engine, store, line.collection)
    manifest = read_snapshot(store, ref.id)
    assert (manifest.kind, manifest.classes, ref.labels) == ("multilabel", tuple(sorted(NAMES)), report.labels)
    assert len(list(manifest.items())) == ITEMS
    certificate = issue_certificate(engine, store, ref.id)
    assert (certificate.agreement is not None) == bool(overlap)
    for name in ("csv", "jsonl", "cvat", "fiftyone", "label-studio"):
        take_along(engine, store, line.collection, tmp_path / name, name, "copy")
        told = read_truth(tmp_path / name, name).class_sets.values()
        assert sorted(map(sorted, told)) == sorted(sorted(names) for names in TRUTH if names), name
    with pytest.raises(BadOption, match=r"folders cannot hold multilabel \(formats that can: cvat, label-studio, csv"):
        take_along(engine, store, line.collection, tmp_path / "folders", "folders", "copy")


def test_a_second_settling_adds_nothing_and_a_class_taken_back_is_retracted(
    engine: Engine, store: Store, ids: list[str]
) -> None:
    line = LineOptions(collection="lot", classes=NAMES, label_kind="multilabel")
    note_label_kind(engine, line.collection, line.label_kind)
    decide(engine, BATCH, TriageOptions(image_outliers=False, control_share=0, accept=1), SCOPE.detector, SCOPE.recipe)
    (stop,) = line.queues
    write_once(engine, stop.queue, BATCH, 0, draft_questions(engine, BATCH, stop))
    post_slots(engine, stop.queue)
    speaker, first = Speaker(engine), questions(engine)[0]
    number = ids.index(first.item_id)
    speaker.say("a@example.org", first, [ticked_region(("wet", "night"), CLASSES)])
    assert settle(engine, BATCH, SCOPE.detector, SCOPE.recipe).by_class == {"night": 1, "wet": 1}
    assert settle(engine, BATCH, SCOPE.detector, SCOPE.recipe).revisions_written == 0, number
    speaker.say("a@example.org", first, [ticked_region(("wet",), CLASSES)])
    report = settle(engine, BATCH, SCOPE.detector, SCOPE.recipe)
    assert (report.by_class, report.revisions_written) == ({"wet": 1}, 1)


def test_pages_and_missing_classes_are_refused_with_a_sentence() -> None:
    line = {"collection": "lot", "classes": NAMES, "label_kind": "multilabel"}
    with pytest.raises(ValueError, match="a line of multilabel has no pages: a click on one says"):
        LineOptions(**line, confirm={})
    with pytest.raises(ValueError, match="a line of multilabel has no pages"):
        LineOptions(**line, detector="suggest", rounds={})
    with pytest.raises(ValueError, match="nobody can write down a class that is missing"):
        LineOptions(**line, missing_classes=True)
    with pytest.raises(ValueError, match="has no use for risk_control"):
        LineOptions(**line, risk_control={})
