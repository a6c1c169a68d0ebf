"""Films of a labelled clip: what people mend is a further revision of the frames that it changes, and of no other."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, AnswerState, Batch, Item, Label, Question, QuestionState
from blocks.errors import BadOption
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import Store
from tasks.audit.label_errors.record import claim_round
from tasks.audit.settle_edits import settle_edited
from tasks.audit.watching.film_round import ask_to_watch, settle_watched
from tasks.audit.watching.options import Watched, WatchOptions
from tasks.detect.settled_evidence import triaged_by
from tasks.intake.label_kinds import change_label_kind
from tasks.intake.video.playable import Film, make_film
from tasks.kinds.geometry import edges_of
from tasks.review.posting.duplicates import list_tasks
from tasks.review.posting.gone import ask_gone_again
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.kinds.boxes.strip import stills_in
from tasks.review.questions.queues.films import WATCH_TRACKS
from tasks.review.receiving.poll import read_all_changes
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import newest_rows, settle
from tasks.settle.revisions import further_revision
from tasks.track.identities import GIVEN
from tests.monitor.active_learning.test_key_rounds import FRAMES, SCENE, KeyRounds, clip
from tests.settle.test_identities import in_force, label_all
from tests.settle.world import ask, say

__all__ = ["clip"]

ALL = WatchOptions(collection="clip")


@pytest.fixture
def labelled(clip: KeyRounds) -> KeyRounds:
    clip.last = label_all(clip)
    change_label_kind(clip.engine, "clip", "tracks")
    return clip


def asked_of(clip: KeyRounds) -> list[Question]:
    with reading(clip.engine) as session:
        found = session.exec(select(Question).where(Question.queue == WATCH_TRACKS)).all()
    return sorted(found, key=lambda one: one.payload["still"]["number"])


def rows_of(clip: KeyRounds) -> list[Label]:
    with reading(clip.engine) as session:
        return list(session.exec(select(Label)))


def test_each_settled_frame_is_a_question_of_its_own_batch_with_its_labels(labelled: KeyRounds) -> None:
    watched = ask_to_watch(labelled.engine, labelled.store, ALL, "run-1")
    asked = asked_of(labelled)
    with reading(labelled.engine) as session:
        batches = {batch.id for batch in session.exec(select(Batch))}
    assert {one.batch_id for one in watched.asked} <= batches
    assert len({one.batch_id for one in asked}) > 1
    assert sum(one.count for one in watched.asked) == len(asked)
    assert FRAMES - 3 <= len(asked) <= FRAMES  # one or two were labelled blind, as an audit
    labels = labels_in_force(labelled.engine, [one.item_id for one in asked], "clip")
    for one in asked:
        shown = {box["id"]: box["track"] for box in one.payload["boxes"]}
        assert shown == {label.region: label.track for label in labels[one.item_id]}
    (film,) = {one.payload["film"] for one in asked}
    assert labelled.store.has(f"films/{film}")
    assert {one.payload["frames"] for one in asked} == {FRAMES}


def test_a_run_that_begins_again_asks_nothing_twice_and_another_one_waits(labelled: KeyRounds) -> None:
    first = ask_to_watch(labelled.engine, labelled.store, ALL, "run-1")
    assert ask_to_watch(labelled.engine, labelled.store, ALL, "run-1") == first
    with pytest.raises(BadOption, match=r"'clip.mkv' of 'clip' stands open to be watched already"):
        ask_to_watch(labelled.engine, labelled.store, ALL, "run-2")


def test_of_two_that_ask_about_a_sequence_at_the_same_time_one_is_refused(
    labelled: KeyRounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Watched] = []

    def slowly(store: Store, items: Sequence[Item]) -> Film:
        if not asked:  # meanwhile somebody else asks
            monkeypatch.setattr("tasks.audit.watching.film_parts.make_film", make_film)
            asked.append(ask_to_watch(labelled.engine, labelled.store, ALL, "run-2"))
        return make_film(store, items)

    monkeypatch.setattr("tasks.audit.watching.film_parts.make_film", slowly)
    with pytest.raises(BadOption, match="stands open to be watched already"):
        ask_to_watch(labelled.engine, labelled.store, ALL, "run-1")
    assert {one.round for one in asked_of(labelled)} == {asked[0].round}


def test_what_cannot_be_watched_is_refused_before_a_film_is_made(clip: KeyRounds) -> None:
    def refused(options: WatchOptions) -> str:
        with pytest.raises(BadOption) as told:
            ask_to_watch(clip.engine, clip.store, options, "run")
        return str(told.value)

    assert "labelled with nothing yet" in refused(ALL)
    change_label_kind(clip.engine, "clip", "boxes")
    assert "labelled with boxes" in refused(ALL)
    change_label_kind(clip.engine, "clip", "tracks")
    assert "no sequence 'clap.mkv' (known: clip.mkv)" in refused(ALL.model_copy(update={"sequences": ("clap.mkv",)}))
    assert "nothing of clip.mkv in 'clip' is settled" in refused(ALL)
    assert not list(clip.store.keys("films"))


def answers_to(clip: KeyRounds) -> list[Answer]:
    mine = [one.id for one in asked_of(clip)]
    with reading(clip.engine) as session:
        return list(session.exec(select(Answer).where(col(Answer.question_id).in_(mine))))


def left(box: dict[str, Any]) -> dict[str, Any]:
    """A shown box as it is answered where nobody touches it."""
    names = ("id", "class_name", "x_min", "y_min", "x_max", "y_max")
    return {name: box[name] for name in names} | {"untouched": True}


def submit(clip: KeyRounds, watched: Watched, **changes: dict[str, Any]) -> int:
    """Submit a film in which all is left as it was shown, but for changes by region; returns the revisions."""
    for one in asked_of(clip):
        said = [left(box) | {"track": box["track"]} for box in one.payload["boxes"]]
        raw = [box | {"untouched": False} | changes[box["id"]] if box["id"] in changes else box for box in said]
        say(clip.engine, one.id, raw)
    return settle_watched(clip.engine, clip.store, watched).revisions


def test_frames_at_which_people_take_a_second_look_are_not_watched_meanwhile(labelled: KeyRounds) -> None:
    (_, label), *_ = in_force(labelled)
    look = ask(labelled.engine, label.item_id, [label.region], round_=20, batch_id=label.batch_id)
    with pytest.raises(BadOption, match=r"frames of 'clip.mkv' of 'clip' stand open in queue mark-missed"):
        ask_to_watch(labelled.engine, labelled.store, ALL, "run-1")
    say(labelled.engine, look, [])
    first = ask_to_watch(labelled.engine, labelled.store, ALL, "run-1")
    ask(labelled.engine, label.item_id, [label.region], round_=30, batch_id=label.batch_id)
    assert ask_to_watch(labelled.engine, labelled.store, ALL, "run-1") == first


def test_what_was_mended_elsewhere_since_stays_where_a_film_leaves_it(labelled: KeyRounds) -> None:
    round_ = claim_round(labelled.engine, "clip", "a look")
    watched = ask_to_watch(labelled.engine, labelled.store, ALL, "run-1")
    assert watched.round > round_
    frame, other = asked_of(labelled)[20], asked_of(labelled)[30]
    boxes = frame.payload["boxes"]
    mended = [left(boxes[0]) | {"x_min": boxes[0]["x_min"] - 5, "untouched": False}]  # the other was taken away
    look = ask(labelled.engine, frame.item_id, frame.payload["prefill"], round_=round_, batch_id=frame.batch_id)
    say(labelled.engine, look, mended)
    settle(labelled.engine, frame.batch_id, *triaged_by(labelled.engine, frame.batch_id))

    def edges() -> list[float]:
        return [one.x_min for one in labels_in_force(labelled.engine, [frame.item_id], "clip")[frame.item_id]]

    assert edges() == [mended[0]["x_min"]]
    changed = other.payload["boxes"][0]
    assert submit(labelled, watched, **{changed["id"]: {"y_max": changed["y_max"] + 4}}) == 1
    assert edges() == [mended[0]["x_min"]]


def test_a_track_that_was_joined_to_another_meanwhile_stays_joined(labelled: KeyRounds) -> None:
    watched = ask_to_watch(labelled.engine, labelled.store, ALL, "run-1")
    some = {label.track for _, label in in_force(labelled)}
    with writing(labelled.engine) as session:
        for found in newest_rows(session, [one.item_id for one in asked_of(labelled)]).values():
            upsert(session, Label, [further_revision(row, track=f"joined-{row.track}") for row in found])
    assert submit(labelled, watched) == 0
    asked = {one.item_id for one in asked_of(labelled)}
    tracks = {label.track for _, label in in_force(labelled) if label.item_id in asked}
    assert tracks == {f"joined-{track}" for track in some}


class Posted:
    """A film in a real Label Studio."""

    def __init__(self, clip: KeyRounds, server: AnnotationServer, watched: Watched) -> None:
        self.clip, self.server, self.watched = clip, server, watched
        for one in watched.asked:
            post_questions(clip.engine, server, watched.queue, one.batch_id, watched.round, grace_s=0)
        (self.project_id,) = {one.project_id for one in asked_of(clip)}
        include = ("id", "data", "predictions", "annotations")
        (self.task,) = [
            task
            for task in list_tasks(server, int(self.project_id or 0), {}, include)
            if task["data"]["question_id"] in {one.id for one in asked_of(clip)}
        ]

    @property
    def shown(self) -> list[dict[str, Any]]:
        return [copy.deepcopy(one) | {"origin": "prediction"} for one in self.task["predictions"][0]["result"]]

    def submit(self, result: list[dict[str, Any]]) -> int:
        body = {"result": result, "lead_time": 49.0}
        number = int(self.server.call("POST", f"api/tasks/{self.task['id']}/annotations/", body=body)["id"])
        read_all_changes(self.clip.engine, self.server)
        return number

    def edit(self, annotation: int, result: list[dict[str, Any]]) -> int:
        body = {"result": result, "lead_time": 60.0}
        self.server.call("PATCH", f"api/annotations/{annotation}/", body=body)
        read_all_changes(self.clip.engine, self.server)
        return settle_edited(self.clip.engine, self.clip.store).revisions


def moved(region: dict[str, Any], at: int, up: float) -> None:
    """Mend a shown track in one frame: a key frame there, and at both its neighbours, which stay."""
    keys = {key["frame"]: key for key in region["value"]["sequence"]}
    for frame in (at - 1, at, at + 1):
        keys.setdefault(frame, _between(region["value"]["sequence"], frame))
    keys[at] = {**keys[at], "y": keys[at]["y"] - up}
    region["value"]["sequence"] = [keys[frame] for frame in sorted(keys)]


def _between(keys: list[dict[str, Any]], frame: int) -> dict[str, Any]:
    frames = [key["frame"] for key in keys]
    return (
        keys[0]
        | {"frame": frame, "enabled": True}
        | {name: float(np.interp(frame, frames, [key[name] for key in keys])) for name in ("x", "y", "width", "height")}
    )


@pytest.mark.slow
@pytest.mark.label_studio
def test_a_film_is_one_task_and_what_is_mended_in_it_is_settled_frame_by_frame(
    labelled: KeyRounds, label_studio: AnnotationServer
) -> None:
    watched = ask_to_watch(labelled.engine, labelled.store, ALL, "run-1")
    posted, before = Posted(labelled, label_studio, watched), rows_of(labelled)
    assert stills_in(posted.task["data"]) == tuple(one.id for one in asked_of(labelled))
    assert len(posted.shown) == len(SCENE.walkers)
    assert all(one.state == QuestionState.POSTED and one.prefilled_at for one in asked_of(labelled))

    label_studio.call("DELETE", f"api/tasks/{posted.task['id']}/")
    some = watched.asked[0]
    found = ask_gone_again(labelled.engine, label_studio, WATCH_TRACKS, some.batch_id, watched.round)
    assert found.questions == some.count  # which were looked for; those of other batches stood there as well
    posted = Posted(labelled, label_studio, watched)
    assert len({one.task_id for one in asked_of(labelled)}) == 1
    assert stills_in(posted.task["data"]) == tuple(one.id for one in asked_of(labelled))

    wrong = posted.shown
    for region in wrong:
        region["value"]["framesCount"] = 500
    annotation = posted.submit(wrong)
    assert {one.state for one in answers_to(labelled)} == {AnswerState.SET_ASIDE.value}
    assert "film of 500 frames (this one has 49)" in (answers_to(labelled)[0].reason or "")
    assert settle_watched(labelled.engine, labelled.store, watched).revisions == 0

    posted.edit(annotation, posted.shown)
    report = settle_watched(labelled.engine, labelled.store, watched)
    assert (report.answered, report.revisions) == (len(asked_of(labelled)), 0)
    assert len(rows_of(labelled)) == len(before)
    counted = [one for one in answers_to(labelled) if one.state == AnswerState.COUNTED]
    assert sum(one.seconds for one in counted) == pytest.approx(60.0)
    assert all(one.saw_proposals for one in counted)

    at = asked_of(labelled)[20].payload["still"]["number"]
    mended = posted.shown
    moved(mended[0], at + 1, up=10.0)
    track = mended[0]["id"]
    assert posted.edit(annotation, mended) == 1
    (changed,) = [row for row in rows_of(labelled) if row.id not in {one.id for one in before}]
    assert (changed.track, changed.origin, changed.retracted) == (track, "person", False)
    assert (changed.item_id, changed.revision > 0) == (asked_of(labelled)[20].item_id, True)
    earlier = next(
        one
        for one in before
        if (one.item_id, one.region, one.revision) == (changed.item_id, changed.region, changed.revision - 1)
    )
    assert edges_of([changed])[0] - edges_of([earlier])[0] == pytest.approx([0, -14, 0, -14], abs=1.0)

    new = copy.deepcopy(mended[1]) | {"id": "n3w"}
    new["value"]["sequence"] = [{**mended[1]["value"]["sequence"][0], "frame": 5, "enabled": True, "x": 80.0, "y": 2.0}]
    new["value"]["sequence"].append({**new["value"]["sequence"][0], "frame": 9, "enabled": False})
    posted.edit(annotation, [mended[0], new])  # one track goes, another comes
    tracks = {label.track for _, label in in_force(labelled)}
    assert f"{GIVEN}n3w" in tracks
    assert len([1 for _, label in in_force(labelled) if label.track == f"{GIVEN}n3w"]) == 5
    gone = [label for at, label in in_force(labelled) if label.track == mended[1]["id"]]
    blind = FRAMES - len(asked_of(labelled))
    assert len(gone) == blind  # what was labelled blind stays as it was said

    posted.edit(annotation, posted.shown)
    assert len([1 for _, label in in_force(labelled) if label.track == mended[1]["id"]]) == FRAMES
    assert f"{GIVEN}n3w" not in {label.track for _, label in in_force(labelled)}
