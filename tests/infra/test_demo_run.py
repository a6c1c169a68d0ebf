"""What the demo says about itself: where its time went, what its labels are worth; and that it empties no folder of
anybody else."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Answer, AnswerState, Batch, BatchItem, Item, Label, Question, utc_now
from blocks.errors import LabellingError
from infra.annotators.truth import AnnotatorBox, KnownWorld, TruePicture
from infra.demo.line_run import MARKER, own_home
from infra.demo.phases import PHASE_OF_TASK, PHASES, WORK, covered_seconds, overhead_share, people_spans, wall_seconds
from infra.demo.real import run_real
from infra.demo.summary import in_hours
from infra.demo.worth import worth_of_labels

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def span(start_s: float, stop_s: float) -> tuple[datetime, datetime]:
    return NOON + timedelta(seconds=start_s), NOON + timedelta(seconds=stop_s)


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0),
        ([span(0, 5)], 5),
        ([span(0, 5), span(7, 9)], 7),
        ([span(0, 5), span(3, 9)], 9),
        ([span(0, 9), span(3, 5)], 9),
        ([span(7, 9), span(0, 5)], 7),
    ],
)
def test_shards_side_by_side_count_once(spans: list[tuple[datetime, datetime]], seconds: float) -> None:
    assert covered_seconds(spans) == seconds


def test_phases_and_other_add_up_to_the_total() -> None:
    wall = wall_seconds({"detect": [span(0, 10)], "train": [span(20, 50)]}, {"setup": 15.0}, 70.0)
    assert set(wall) == {*PHASES, "total"}
    assert (wall["detect"], wall["train"], wall["setup"], wall["other"], wall["total"]) == (10, 30, 15, 15, 70)
    assert sum(seconds for phase, seconds in wall.items() if phase != "total") == pytest.approx(70)


def test_nothing_is_negative_when_phases_overlap() -> None:
    assert wall_seconds({"detect": [span(0, 10)], "post": [span(0, 10)]}, {}, 12.0)["other"] == 0


def test_what_is_neither_work_nor_waiting_is_overhead() -> None:
    wall = wall_seconds({"detect": [span(0, 10)], "post": [span(10, 15)]}, {"setup": 15.0}, 50.0)
    assert overhead_share(wall) == 0.5  # 5 s of posting, 20 s that no phase accounts for
    assert overhead_share({}) == 0
    assert set(PHASES) >= WORK


def test_every_step_belongs_to_a_known_phase() -> None:
    assert set(PHASE_OF_TASK.values()) <= set(PHASES)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 min 0 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (9000, "2 h 30 min")]
)
def test_durations_are_said_in_words(seconds: float, text: str) -> None:
    assert in_hours(seconds) == text


def test_a_demo_takes_an_empty_or_a_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing"):
        assert (own_home(tmp_path / name) / MARKER).exists()


def test_a_demo_empties_what_a_demo_left(tmp_path: Path) -> None:
    (own_home(tmp_path / "demo") / "old").write_text("old")
    assert {path.name for path in own_home(tmp_path / "demo").iterdir()} == {MARKER}


def test_a_demo_never_empties_somebody_elses_folder(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_text("precious")
    with pytest.raises(LabellingError, match="no demo made"):
        own_home(tmp_path)
    assert (tmp_path / "photos.zip").exists()


def test_real_pictures_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(LabellingError, match="LABELLINE_DATA"):
        run_real(tmp_path, tmp_path / "home")


def settled_item(engine: Engine, labels: list[tuple[str, str, tuple[float, float, float, float]]]) -> str:
    item_id = hashlib.sha256(b"picture").hexdigest()
    item = {"id": item_id, "key": "k", "name": "a.jpg", "sequence": "a", "media_type": "image/jpeg", "size_bytes": 1}
    size = {"width": 100, "height": 100, "plain": True, "created_at": utc_now()}
    with writing(engine) as session:
        upsert(session, Item, [item | size])
        upsert(session, Batch, [{"id": "b", "collection": "lots", "created_at": utc_now()}])
        upsert(session, BatchItem, [{"batch_id": "b", "item_id": item_id, "position": 0, "settled_at": utc_now()}])
        for number, (origin, class_name, (x_min, y_min, x_max, y_max)) in enumerate(labels):
            session.add(
                Label(
                    id=str(number), item_id=item_id, region=str(number), class_name=class_name, origin=origin,
                    batch_id="b", x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max,
                )
            )  # fmt: skip
    return item_id


def world_of(item_id: str, boxes: tuple[AnnotatorBox, ...]) -> KnownWorld:
    return KnownWorld({item_id: TruePicture("a.jpg", (100, 100), boxes)}, ("car", "van"))


def test_labels_are_right_by_class_and_place(engine: Engine) -> None:
    item_id = settled_item(
        engine,
        [
            ("machine", "car", (0, 0, 20, 10)),  # right
            ("machine", "van", (40, 0, 60, 10)),  # wrong class
            ("person", "car", (0, 50, 20, 60)),  # right
            ("person", "car", (80, 80, 90, 90)),  # nothing there
        ],
    )
    boxes = tuple(
        AnnotatorBox("car", xyxy) for xyxy in ((0, 0, 20, 10), (40, 0, 60, 10), (0, 50, 20, 61), (70, 20, 90, 30))
    )
    worth = worth_of_labels(engine, "lots", world_of(item_id, boxes))
    assert (worth.precision, worth.recall, worth.unseen_precision) == (0.5, 0.5, 0.5)


def test_boxes_on_a_picture_that_somebody_answered_are_not_unseen(engine: Engine) -> None:
    item_id = settled_item(engine, [("machine", "car", (0, 0, 20, 10))])
    with writing(engine) as session:
        session.add(Question(id="q", queue="mark-missed", batch_id="b", item_id=item_id, payload={}))
        session.flush()
        session.add(
            Answer(
                id="a", question_id="q", annotation_id=1, person="ada", seconds=5.0, raw=[], heard_by="poll",
                state=AnswerState.COUNTED, answered_at=NOON,
            )
        )  # fmt: skip
    worth = worth_of_labels(engine, "lots", world_of(item_id, (AnnotatorBox("car", (0, 0, 20, 10)),)))
    assert (worth.precision, worth.unseen_labels, worth.unseen_precision) == (1.0, 0, None)


def test_no_labels_are_worth_nothing(engine: Engine) -> None:
    worth = worth_of_labels(engine, "lots", KnownWorld({}, ()))
    assert (worth.labels, worth.precision, worth.recall, worth.unseen_precision) == (0, None, None, None)


def test_people_work_from_the_first_question_to_the_last_answer(engine: Engine) -> None:
    item_id = settled_item(engine, [])
    with writing(engine) as session:
        for number in range(2):
            session.add(
                Question(
                    id=f"q{number}", queue="mark-missed", batch_id="b", item_id=item_id, subject=str(number),
                    payload={}, posted_at=NOON + timedelta(seconds=number),
                )
            )  # fmt: skip
        session.flush()
        for number in range(2):
            session.add(
                Answer(
                    id=f"a{number}", question_id=f"q{number}", annotation_id=number, person="ada", seconds=5.0, raw=[],
                    state=AnswerState.COUNTED, answered_at=NOON + timedelta(seconds=10 + number), heard_by="poll",
                )
            )  # fmt: skip
    assert people_spans(engine, "b") == [span(0, 11)]
    assert people_spans(engine, "another") == []
