"""What is true of a frame after its film was watched: what was mended, and of the rest what is true without it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from blocks.database.tables import Outcome, QuestionState, Route
from tasks.review.questions.kinds.protocol import SaidLabel
from tasks.review.questions.queues.films import WATCH_TRACKS
from tasks.review.questions.said import Counted, Mend, QuestionSoFar, WholeItemQuestion, answer_about
from tasks.settle.films.mending import settle_mended
from tasks.settle.in_force import labels_in_force
from tasks.settle.truth import IMPORT, MACHINE, PERSON, ImportPlace, ItemEvidence, Proposed, TrueLabel, TruthStatus
from tests.settle.world import ask, give_route, give_verdicts, region, say, settle_batch
from tests.triage.rows import BATCH, add_batch, add_scan, add_to_batch, car

SURE = Proposed("p", "car", (0, 0, 10, 10), Outcome.ACCEPT.value)
OTHER = Proposed("q", "car", (50, 0, 60, 10), Outcome.ACCEPT.value)
FAR, OFF = (90.0, 0.0, 99.0, 10.0), (2.0, 0.0, 12.0, 10.0)


def left(id_: str, box: tuple[float, float, float, float] = FAR, track: str | None = None) -> SaidLabel:
    return SaidLabel(id_, "car", box, untouched=True, track=track, is_glanced=True)


def moved(id_: str, box: tuple[float, float, float, float] = OFF, track: str | None = None) -> SaidLabel:
    return SaidLabel(id_, "car", box, untouched=False, track=track)


def mended(*said: SaidLabel, shown: tuple[str, ...] = ("p", "q"), **changes: Any) -> list[tuple[Any, ...]]:
    known = {"route": Route.SURE.value, "proposals": {"p": SURE, "q": OTHER}} | changes
    settled = settle_mended(ItemEvidence(**known, mends=(Mend("film", said, frozenset(shown)),)), "b")
    return [(one.region, one.box_px, one.origin, one.answer_id) for one in settled.labels]


P, Q = ("p", SURE.box_px, MACHINE, None), ("q", OTHER.box_px, MACHINE, None)


def test_what_was_left_as_it_was_stays_as_it_is_now() -> None:
    assert mended(left("p"), left("q")) == [P, Q]
    assert mended(moved("p"), left("q")) == [("p", OFF, PERSON, "film"), Q]


def test_what_was_taken_away_is_gone_and_what_came_since_stays() -> None:
    assert mended(left("q")) == [Q]
    assert mended(left("p"), shown=("p",)) == [P, Q]


def test_what_is_new_is_the_persons() -> None:
    assert mended(left("p"), left("q"), moved("n3w", track="given-n3w")) == [P, Q, ("n3w", OFF, PERSON, "film")]


def test_what_others_said_meanwhile_counts_where_the_film_says_nothing() -> None:
    said: dict[str, Any] = {"asked": WholeItemQuestion.ANSWERED, "answer_id": "look", "answered": (moved("p"),)}
    assert mended(left("p"), left("q"), **said) == [("p", OFF, PERSON, "look")]  # q was taken away there
    assert mended(left("p"), moved("q"), **said) == [("p", OFF, PERSON, "look"), ("q", OFF, PERSON, "film")]


def test_an_imported_label_keeps_its_place_when_it_is_moved() -> None:
    came = TrueLabel("i", "car", FAR, IMPORT, place=ImportPlace("set", "a.txt", 7), track="a")
    evidence = ItemEvidence(
        Route.IMPORT.value, imported=(came,), mends=(Mend("film", (moved("i"),), frozenset({"i"})),)
    )
    (label,) = settle_mended(evidence, "b").labels
    assert (label.box_px, label.origin, label.place, label.track) == (OFF, PERSON, came.place, "a")


def test_where_nothing_is_true_without_it_the_film_says_it_all() -> None:
    doubt = Proposed("p", "car", (0, 0, 10, 10), Outcome.ASK.value)
    evidence = ItemEvidence(
        Route.ASK.value, {"p": doubt}, mends=(Mend("film", (left("p"), moved("n")), frozenset({"p"})),)
    )
    settled = settle_mended(evidence, "b")
    assert settled.standing is TruthStatus.SETTLED
    assert [(one.region, one.box_px, one.origin) for one in settled.labels] == [
        ("p", FAR, PERSON),
        ("n", OFF, PERSON),
    ]


def said(kind: str, round_: int, boxes: list[dict[str, Any]], subject: str = "", **payload: Any) -> QuestionSoFar:
    at = datetime(2026, 11, 30, tzinfo=UTC) + timedelta(minutes=60 - round_)
    row = {"type": kind, "prefill": ["p"], "boxes": [], **payload}
    answer = Counted(at, f"{kind} {round_}", boxes, saw_proposals=True)
    return QuestionSoFar(round_, QuestionState.ANSWERED.value, subject, row, answer, is_skipped=False)


BOX = {"id": "p", "class_name": "car", "x_min": 0, "y_min": 0, "x_max": 9, "y_max": 9, "untouched": False}


@pytest.mark.parametrize(("film", "counts"), [(20, False), (22, True)])
def test_a_film_counts_on_top_of_what_was_asked_before_it(film: int, counts: bool) -> None:
    about = answer_about([said("boxes", 0, [BOX]), said("boxes", 21, [BOX]), said("watch", film, [BOX])])
    assert about.answer_id == "boxes 21"
    assert [one.answer_id for one in about.mends] == ([f"watch {film}"] if counts else [])


def test_a_film_says_nothing_more_of_a_part_that_was_asked_later() -> None:
    frame = (0, 0, 30, 30)
    part = {"part": {"frame": frame, "number": 1, "of": 2}}
    about = answer_about([said("watch", 20, [BOX]), said("boxes", 21, [], "part 0,0", **part)])
    assert [one.said_later for one in about.mends] == [(frame,)]
    mend = Mend("film", (moved("p"), moved("q")), frozenset({"p", "q"}), (frame,))
    settled = settle_mended(ItemEvidence(Route.SURE.value, {"p": SURE, "q": OTHER}, mends=(mend,)), "b")
    assert [(one.region, one.box_px) for one in settled.labels] == [("p", SURE.box_px), ("q", OFF)]


@pytest.mark.parametrize("is_looked_at", [False, True])
def test_a_frame_that_another_collection_has_too_is_mended_in_place(engine: Engine, is_looked_at: bool) -> None:
    (item_id,) = add_batch(engine, 1)
    moved_, gone, left_ = add_scan(engine, item_id, [car(0.9), car(0.9, x=300), car(0.9, x=500)])
    add_to_batch(engine, [item_id], "batch-2", "another")
    for batch_id in (BATCH, "batch-2"):
        give_route(engine, item_id, "sure", batch_id)
        give_verdicts(engine, dict.fromkeys((moved_, gone, left_), "accept"), batch_id)
        settle_batch(engine, batch_id)
    kept = [region(f"{id_}@batch-2", x, untouched=True) for id_, x in ((moved_, 100), (gone, 300), (left_, 500))]
    shown = [one["id"] for one in kept]
    assert {one.region for one in labels_in_force(engine, [item_id], "another")[item_id]} == set(shown)
    if is_looked_at:  # who takes a second look is shown labels as they are kept
        say(engine, ask(engine, item_id, shown, round_=20, batch_id="batch-2"), kept)
        settle_batch(engine, "batch-2")
    film = ask(
        engine,
        item_id,
        shown,
        WATCH_TRACKS,
        round_=21,
        batch_id="batch-2",
        **{"width": 1000, "height": 800, "film": "f.mp4", "frames": 1, "rate": 10},
        still={"strip": "f", "number": 0},
        boxes=[{name: one[name] for name in one if name != "untouched"} | {"score": 1.0} for one in kept],
    )
    say(engine, film, [kept[0] | {"x_min": 90.0, "untouched": False}, kept[2]])
    settle_batch(engine, "batch-2")
    assert settle_batch(engine, "batch-2").revisions_written == 0
    found = {one.region: one.x_min for one in labels_in_force(engine, [item_id], "another")[item_id]}
    assert found == {shown[0]: 90.0, shown[2]: 500.0}
    assert {one.region for one in labels_in_force(engine, [item_id], "lot")[item_id]} == {moved_, gone, left_}
