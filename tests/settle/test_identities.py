"""Tracks of settled labels: each says whose it is, in revisions that change nothing else."""

from itertools import pairwise

import numpy as np
import pytest
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Label, Question
from tasks.audit.settle_edits import settle_edited
from tasks.detect.proposers.propagated import frames_of
from tasks.kinds.geometry import edges_of, paired_iou
from tasks.review.questions.queue import MARK_MISSED
from tasks.settle.identities import settle_tracks
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import newest_rows
from tasks.settle.revisions import further_revision
from tests.monitor.active_learning.test_key_rounds import SCENE, KeyRounds, clip
from tests.settle.world import Region, say

__all__ = ["clip"]


def label_all(clip: KeyRounds) -> str:
    batch_id = ""
    while (round_ := clip.open()).batch.size:
        clip.label(round_)
        batch_id = round_.batch.id
        settle_tracks(clip.engine, clip.store, batch_id, clip.versions[batch_id])
    return batch_id


@pytest.fixture
def labelled(clip: KeyRounds) -> KeyRounds:
    clip.last = label_all(clip)
    return clip


def in_force(clip: KeyRounds) -> list[tuple[int, Label]]:
    frames = {item.id: item.frame or 0 for item in frames_of(clip.engine, "clip", "clip.mkv")}
    labels = labels_in_force(clip.engine, list(frames), "clip")
    return [(frames[item_id], label) for item_id, some in labels.items() for label in some]


def test_every_label_of_a_settled_clip_has_the_track_of_its_object(labelled: KeyRounds) -> None:
    found = in_force(labelled)
    for walker in SCENE.walkers:
        mine = [one for at, one in found if paired_iou(edges_of([one]), walker.box(at)[None])[0] >= 0.5]
        assert len(mine) == 49
        assert len({one.track for one in mine}) == 1
    assert len({one.track for _, one in found}) == 2


def test_saying_whose_a_label_is_changes_nothing_else_and_twice_nothing_at_all(labelled: KeyRounds) -> None:
    with reading(labelled.engine) as session:
        rows = session.exec(select(Label).order_by(Label.item_id, Label.region, Label.revision)).all()  # type: ignore[arg-type]
    named = [(one, two) for one, two in pairwise(rows) if one.region == two.region and two.revision]
    named = [(one, two) for one, two in named if one.item_id == two.item_id and one.track != two.track]
    assert named, "key frames of the first round have no track of their own"
    for one, two in named:
        assert one.track is None
        assert np.array_equal(edges_of([one]), edges_of([two]))
        kept = ("class_name", "origin", "answer_id", "proposal_id", "batch_id", "retracted")
        assert [getattr(one, name) for name in kept] == [getattr(two, name) for name in kept]
    assert settle_tracks(labelled.engine, labelled.store, labelled.last, labelled.versions[labelled.last]) == 0


def answered(clip: KeyRounds) -> tuple[Label, str, Answer]:
    """A label that was followed and then mended in its frame, its question, and what somebody said to that."""
    with reading(clip.engine) as session:
        for _, label in in_force(clip):
            answer = session.get(Answer, label.answer_id) if label.proposal_id else None
            question = session.get(Question, answer.question_id) if answer else None
            if answer and question and question.queue == MARK_MISSED:
                return label, question.id, answer
    raise AssertionError("nobody mended what was followed")


def edit(clip: KeyRounds, question_id: str, answer: Answer, raw: list[Region]) -> None:
    say(clip.engine, question_id, raw, annotation_id=answer.annotation_id)
    assert settle_edited(clip.engine, clip.store).revisions > 0


def test_a_track_that_was_mended_stays_when_somebody_edits_its_label_later(labelled: KeyRounds) -> None:
    label, question_id, answer = answered(labelled)
    with writing(labelled.engine) as session:
        ids = [item.id for item in frames_of(labelled.engine, "clip", "clip.mkv")]
        rows = [row for some in newest_rows(session, ids).values() for row in some if row.track == label.track]
        upsert(session, Label, [further_revision(row, track="joined") for row in rows])
    raw = [one | {"x_min": one["x_min"] + 1, "untouched": False} for one in answer.raw]
    edit(labelled, question_id, answer, raw)
    now = next(one for _, one in in_force(labelled) if (one.item_id, one.region) == (label.item_id, label.region))
    assert (now.x_min, now.track) == (label.x_min + 1, "joined")


def test_what_somebody_draws_on_a_finished_clip_gets_a_track_as_well(labelled: KeyRounds) -> None:
    label, question_id, answer = answered(labelled)
    corners = {"x_min": 90.0, "y_min": 60.0, "x_max": 110.0, "y_max": 80.0}
    edit(
        labelled, question_id, answer, [*answer.raw, {"id": "late", "class_name": "car", "untouched": False, **corners}]
    )
    late = next(one for _, one in in_force(labelled) if one.region == "late")
    assert late.item_id == label.item_id and late.track
