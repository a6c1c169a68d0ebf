"""A detector's boxes with whose they are: a tracker stands where a detector would, and its tracks are proposals'."""

from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item, Proposal
from blocks.errors import BadOption
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from flows.options import LineOptions
from infra.demo.run import STARTER
from infra.demo.scenes.vehicles import CLASSES
from infra.demo.video.film import draw_film
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import propose
from tasks.detect.proposers.propagated import frames_of
from tasks.detect.proposers.tracked import track_mark
from tasks.intake.batches import items_of, open_batch
from tasks.intake.folders import take_in
from tasks.intake.video.options import VideoOptions
from tasks.train.propagating import find_propagated

FRAMES = 8
SPEC = f"track:bytetrack:{STARTER}"


@pytest.mark.timeout(300)
def test_a_trackers_boxes_are_proposals_with_a_track_each_once_in_a_frame(
    engine: Engine, store: Store, experiments: Experiments, tmp_path: Path
) -> None:
    film = draw_film(tmp_path / "traffic", FRAMES, seed=7)
    take_in(engine, store, "film", [film.path], videos=VideoOptions(frames="all"))
    batch = open_batch(engine, "b", "film", 100)
    ref = find_propagated(engine, store, experiments, "film", SPEC, "tracks", batch.id)
    assert ref is not None and ref.is_propagated and ref.name == "track:bytetrack"
    assert find_propagated(engine, store, experiments, "film", ref.version, "tracks") is not None
    propose(engine, store, items_of(engine, batch.id), ref, CLASSES, TilingOptions(), "tracks")
    with reading(engine) as session:
        found = session.exec(
            select(Proposal.item_id, Proposal.track, Proposal.class_name, Proposal.score)
            .join(Item, col(Item.id) == col(Proposal.item_id))
            .where(Proposal.detector == ref.version)
        ).all()
    tracked = [(item_id, track) for item_id, track, _, _ in found if track]
    assert len(tracked) == len(set(tracked)) >= FRAMES
    assert any(track is None for _, track, _, _ in found)  # what is seen once is nobody's yet
    long = max({track for _, track in tracked}, key=[track for _, track in tracked].count)
    assert len({class_name for _, track, class_name, _ in found if track == long}) == 1
    assert [track for _, track in tracked].count(long) >= FRAMES // 2
    assert len(frames_of(engine, "film", film.path.name)) == FRAMES


def test_a_tracker_without_a_detector_or_by_no_name_is_refused(
    engine: Engine, store: Store, experiments: Experiments
) -> None:
    with pytest.raises(BadOption, match=r"no detector yet.*`track:sort:FILE.pt`"):
        find_propagated(engine, store, experiments, "film", "track:sort", "tracks")
    with pytest.raises(BadOption, match="'sart' is no tracker"):
        find_propagated(engine, store, experiments, "film", f"track:sart:{STARTER}", "tracks")


@pytest.mark.parametrize(
    ("detector", "kind", "words"),
    [("track:sart:w.pt", "tracks", "no tracker"), ("track:sort:w.pt", "boxes", "label `tracks`")],
)
def test_a_line_refuses_it_before_work_begins(detector: str, kind: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LineOptions.model_validate({"collection": "film", "classes": ["car"], "label_kind": kind, "detector": detector})


def test_sequences_share_no_track_though_their_hashes_begin_alike() -> None:
    first: dict[str, str] = {}
    for number in range(20_000):  # until two begin alike in six digits
        name = f"clip-{number}.mp4"
        other = first.setdefault(sha256(name.encode()).hexdigest()[:6], name)
        if other != name:
            break
    assert other != name
    assert track_mark(other) != track_mark(name)
