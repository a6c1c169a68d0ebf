"""Rounds of a line that propagates, without a server: key frames, middles of gaps, then pages of all that follows."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Proposal, Question, Route, Source, utc_now
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from flows.options import LineOptions
from tasks.detect.plan import plan_tiling
from tasks.detect.proposals import propose
from tasks.detect.proposers.propagated import VIEW, frames_of
from tasks.intake.batches import BatchRef, items_of
from tasks.intake.folders import take_in
from tasks.intake.video.options import VideoOptions
from tasks.kinds.geometry import edges_of, paired_iou
from tasks.monitor.active_learning.key_rounds import LEAST_IN_ROUND, NEARLY_ALL, open_key_round
from tasks.monitor.active_learning.label_rounds import TRUSTED, RoundRef, open_round
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import draft_questions
from tasks.review.questions.queue import CONFIRM_PAGE, MARK_MISSED
from tasks.settle.labels import settle
from tasks.suggest.paging.plan import NEVER, RoundOptions
from tasks.train.propagating import find_propagated
from tasks.triage.decide import decide
from tests.intake.video.films import write_film
from tests.settle.world import say
from tests.track.scenes import Scene, Walker

FRAMES = 49
SCENE = Scene(
    (
        Walker((10, 15), (2.5, 0), 8, there=(0, 48), seed=1),
        Walker((150, 90), (-2.5, 0), -8, there=(0, 48), seed=2),
    ),
    frames=FRAMES,
)


class KeyRounds:
    """A line that propagates, run by its plain functions; people draw what is there, and mend what is beside it."""

    def __init__(self, engine: Engine, store: Store, experiments: Experiments, scene: Scene) -> None:
        self.engine, self.store, self.experiments, self.scene = engine, store, experiments, scene
        self.versions: dict[str, str] = {}
        self.last = ""
        self.line = LineOptions(
            collection="clip",
            classes=("car",),
            detector="propagate",
            rounds=RoundOptions(key_step=16, page_size=20),
            risk_control=None,
        )

    def open(self) -> RoundRef:
        options = self.line.rounds
        assert options
        where = (self.engine, self.store, self.experiments, "clip")
        return open_round(*where, self.line.detector, "boxes", options, "run")

    def label(self, round_: RoundRef) -> None:
        batch, line = round_.batch, self.line.accepting(round_.accept)
        where = (self.engine, self.store, self.experiments, "clip")
        ref = find_propagated(*where, "propagate", "boxes", batch.id)
        assert ref
        self._note(batch.id, ref.version)
        self.versions[batch.id] = ref.version
        planned = plan_tiling(
            self.engine, self.store, batch.id, "clip", ref.version, line.classes, line.tiling, "boxes"
        )
        propose(self.engine, self.store, items_of(self.engine, batch.id), ref, line.classes, planned, "boxes")
        recipe = planned.recipe(line.classes)
        decide(self.engine, batch.id, line.triage, ref.version, recipe, classes=line.classes)
        for stop in line.queues:
            for wave in range(stop.waves):
                write_once(self.engine, stop.queue, batch.id, wave, draft_questions(self.engine, batch.id, stop, wave))
                self.answer(batch.id, stop.queue.name, wave)
        settle(self.engine, batch.id, ref.version, recipe)

    def _note(self, batch_id: str, version: str) -> None:
        from tasks.intake.batches import note_detector

        note_detector(self.engine, batch_id, version)

    def answer(self, batch_id: str, queue: str, round_: int) -> None:
        for question in self.questions(batch_id, queue):
            if question.round != round_ or question.state == "answered":
                continue
            if queue == CONFIRM_PAGE:
                say(self.engine, question.id, [self._word(crop["proposal_id"]) for crop in question.payload["crops"]])
            else:
                say(self.engine, question.id, self._drawn(question), seconds=20)

    def questions(self, batch_id: str, queue: str) -> list[Question]:
        with reading(self.engine) as session:
            query = select(Question).where(Question.batch_id == batch_id, Question.queue == queue)
            return list(session.exec(query))

    def truth(self, item_id: str) -> list[tuple[float, ...]]:
        with reading(self.engine) as session:
            item = session.get(Item, item_id)
        assert item is not None and item.frame is not None
        there = [walker for walker in self.scene.walkers if walker.is_there(item.frame)]
        return [tuple(walker.box(item.frame).tolist()) for walker in there]

    def _word(self, proposal_id: str) -> dict[str, str]:
        with reading(self.engine) as session:
            proposal = session.get(Proposal, proposal_id)
        assert proposal
        true = np.array(self.truth(proposal.item_id))
        right = paired_iou(np.repeat(edges_of([proposal]), len(true), axis=0), true).max() >= 0.5
        return {"proposal_id": proposal_id, "word": "confirmed" if right else "removed"}

    def _drawn(self, question: Question) -> list[dict[str, object]]:
        """What a person submits: a prefill that is on its object stays, another is mended, the rest is drawn."""
        with reading(self.engine) as session:
            found = session.exec(select(Proposal).where(Proposal.item_id == question.item_id)).all()
        prefill = [one for one in found if one.id in question.payload["prefill"]]
        said: list[dict[str, object]] = []
        for at, true in enumerate(self.truth(question.item_id)):
            near = [one for one in prefill if paired_iou(edges_of([one]), np.array([true]))[0] > 0.2]
            good = [one for one in near if paired_iou(edges_of([one]), np.array([true]))[0] >= 0.8]
            edges = tuple(edges_of(good)[0].tolist()) if good else true
            id_ = near[0].id if near else f"{question.item_id[:8]}-{at}"
            corners = dict(zip(("x_min", "y_min", "x_max", "y_max"), edges, strict=True))
            said.append({"id": id_, "class_name": "car", **corners, "untouched": bool(good)})
        return said


@pytest.fixture
def clip(engine: Engine, store: Store, experiments: Experiments, tmp_path: Path) -> KeyRounds:
    frames = [SCENE.draw(at)[..., ::-1] for at in range(FRAMES)]
    film = write_film(tmp_path / "clip.mkv", frames, codec="ffv1")
    take_in(engine, store, "clip", [film], videos=VideoOptions(frames="all"))
    return KeyRounds(engine, store, experiments, SCENE)


def test_a_clip_is_labelled_from_a_few_key_frames_and_nobody_draws_what_is_followed(clip: KeyRounds) -> None:
    asked, accepts = [], []
    while (round_ := clip.open()).batch.size:
        asked.append([item.frame for item in items_of(clip.engine, round_.batch.id)])
        accepts.append(round_.accept)
        clip.label(round_)
        assert len(asked) < 10
    assert asked[0] == [0, 16, 32, 48]
    assert asked[1] == [8, 24, 40]
    assert accepts[0] == accepts[1] == NEVER and accepts[-1] < NEVER
    assert sorted(frame for some in asked for frame in some if frame is not None) == list(range(FRAMES))
    frames = frames_of(clip.engine, "clip", "clip.mkv")
    with reading(clip.engine) as session:
        labels = session.exec(select(Label)).all()
        places = session.exec(select(BatchItem)).all()
        batches = session.exec(select(Batch)).all()
    assert all(place.settled_at for place in places)
    by_item = {item.id: [label for label in labels if label.item_id == item.id] for item in frames}
    worst = 1.0
    for item in frames:
        true = np.array(clip.truth(item.id))
        mine = edges_of(by_item[item.id])
        assert len(mine) == len(true)
        worst = min(worst, *(paired_iou(np.repeat(mine[at : at + 1], len(true), 0), true).max() for at in range(2)))
    assert worst > 0.6
    last = max(batches, key=lambda batch: batch.created_at)
    pages, wholes = clip.questions(last.id, CONFIRM_PAGE), clip.questions(last.id, MARK_MISSED)
    on_pages = sum(len(page.payload["crops"]) for page in pages)
    assert on_pages > 1.5 * len(asked[-1])
    assert len(wholes) < len(asked[-1]) / 3


def test_labels_have_the_track_of_their_object_from_the_first_key_frame_on(clip: KeyRounds) -> None:
    while (round_ := clip.open()).batch.size:
        clip.label(round_)
    frames = {item.id: item.frame for item in frames_of(clip.engine, "clip", "clip.mkv")}
    with reading(clip.engine) as session:
        labels = session.exec(select(Label)).all()
        followed = session.exec(select(Proposal).where(Proposal.view == VIEW)).all()
    assert {proposal.track for proposal in followed} >= {label.track for label in labels if label.track}
    by_walker: list[set[str]] = []
    for walker in SCENE.walkers:
        mine = [
            label
            for label in labels
            if paired_iou(edges_of([label]), walker.box(frames[label.item_id] or 0)[None])[0] >= 0.6 and label.track
        ]
        assert len(mine) > 0.8 * (FRAMES - 4)
        by_walker.append({label.track or "" for label in mine})
    assert all(len(tracks) == 1 for tracks in by_walker)
    assert by_walker[0].isdisjoint(by_walker[1])


def test_where_a_detector_learns_each_round_asks_little_and_all_is_asked_in_the_end(clip: KeyRounds) -> None:
    sizes: list[int] = []
    known, follows = 0, False
    while True:
        empty = BatchRef(id=f"clip-round-{len(sizes) + 1}", collection="clip", size=0)
        batch, follows = open_key_round(clip.engine, clip.store, empty, 16, "run", learns=True)
        if not batch.size:
            break
        most = max(known, LEAST_IN_ROUND) if known else FRAMES
        assert batch.size <= (NEARLY_ALL * most if follows else most)
        clip.label(RoundRef(batch=batch, accept=TRUSTED if follows else NEVER))
        known += batch.size
        sizes.append(batch.size)
    assert known == FRAMES and sizes[0] == 4
    assert min(sizes[1:]) >= LEAST_IN_ROUND, "nobody waits for a training before a few frames"
    assert len(sizes) > 3, "also of what follows some is asked first, for the detector to learn from"


def test_rounds_of_a_long_film_double_also_where_pages_settle_what_follows(engine: Engine, store: Store) -> None:
    frames = [f"{at:064x}" for at in range(400)]
    facts = {"sequence": "film", "media_type": "image/png", "size_bytes": 1, "width": 32, "height": 32, "plain": True}
    items = [{"id": id_, "key": id_, "name": id_, "frame": at, **facts} for at, id_ in enumerate(frames)]
    taken = [{"collection": "film", "uri": id_, "item_id": id_, "state": "taken"} for id_ in frames]
    keys = [
        {"batch_id": "b", "item_id": frames[at], "position": at, "route": Route.ASK.value, "settled_at": utc_now()}
        for at in (0, 399)
    ]
    with writing(engine) as session:
        upsert(session, Item, items)
        upsert(session, Source, taken)
        upsert(session, Batch, [{"id": "b", "collection": "film"}])
        upsert(session, BatchItem, keys)
    sizes: list[int] = []
    while True:
        empty = BatchRef(id=f"film-round-{len(sizes) + 1}", collection="film", size=0)
        batch, _ = open_key_round(engine, store, empty, 240, "run", learns=True)
        if not batch.size:
            break
        sizes.append(batch.size)
        on_page = {"route": Route.SURE.value, "settled_at": utc_now()}
        places = [{"batch_id": batch.id, "item_id": one.id, "position": 0} for one in items_of(engine, batch.id)]
        with writing(engine) as session:
            upsert(session, BatchItem, [place | on_page for place in places], update=("route", "settled_at"))
    assert sum(sizes) == 398
    assert len(sizes) < 8, "as many again each time, and not as many as there are key frames"


def test_a_shot_without_a_key_frame_is_asked_about(
    engine: Engine, store: Store, experiments: Experiments, tmp_path: Path
) -> None:
    other = Scene((Walker((40, 60), (1, 0), seed=3),), frames=FRAMES, ground=np.full((140, 200, 3), 230, np.uint8))
    frames = [(other if 2 <= at < 7 else SCENE).draw(at)[..., ::-1] for at in range(17)]
    take_in(
        engine,
        store,
        "clip",
        [write_film(tmp_path / "clip.mkv", frames, codec="ffv1")],
        videos=VideoOptions(frames="all"),
    )
    film = KeyRounds(engine, store, experiments, SCENE)
    first = film.open()
    film.label(first)
    assert [item.frame for item in items_of(engine, first.batch.id)] == [0, 16]
    second = film.open()
    assert [item.frame for item in items_of(engine, second.batch.id)] == [4, 7], (
        "its middle, and the far end of the last"
    )
