"""Tracks of settled labels: each says whose it is, in revisions that change nothing else."""

from itertools import pairwise

import numpy as np
import pytest
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Label
from tasks.detect.proposers.propagated import frames_of
from tasks.kinds.geometry import edges_of, paired_iou
from tasks.settle.identities import settle_tracks
from tasks.settle.in_force import labels_in_force
from tests.monitor.active_learning.test_key_rounds import SCENE, KeyRounds, clip, empty_mlflow, experiments

__all__ = ["clip", "empty_mlflow", "experiments"]


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
