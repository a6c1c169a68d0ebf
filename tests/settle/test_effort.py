"""Human seconds: counted once, also when an answer was edited, and set against published times."""

import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import AnswerState, Snapshot, utc_now
from blocks.published_times import CHECK_BOX, CHECK_COVERAGE, DRAW_BOX, DRAW_BOX_FAST
from tasks.kinds.by_hand import manual_seconds
from tasks.settle.artifacts import effort_summary
from tasks.settle.effort import Effort, effort_of
from tasks.settle.in_force import news_of
from tests.settle.world import ask, give_route, name_kind, region, say, settle_batch
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan, car


def effort(engine: Engine) -> Effort:
    return effort_of(engine, BATCH, DETECTOR, RECIPE)


@pytest.fixture
def items(engine: Engine) -> list[str]:
    ids = add_batch(engine, 3)
    for item_id in ids:
        give_route(engine, item_id, "ask")
    return ids


def test_a_batch_without_answers_cost_nothing(engine: Engine, items: list[str]) -> None:
    found = effort(engine)
    assert (found.human_seconds, found.human_seconds_manual, found.seconds_per_label, found.times) == (0, 0, None, ())


def test_seconds_are_summed_by_queue_and_person(engine: Engine, items: list[str]) -> None:
    say(engine, ask(engine, items[0]), [region("a")], seconds=30)
    say(engine, ask(engine, items[1]), [region("b"), region("c", x=300)], seconds=50)
    say(engine, ask(engine, items[2]), [], seconds=5, person="cem@example.org")
    name_kind(engine, items[0], "a", "estate")
    settle_batch(engine)
    found = effort(engine)
    assert [(t.queue, t.person, t.answers, t.seconds) for t in found.times] == [
        ("mark-missed", "ann@example.org", 2, 80),
        ("mark-missed", "cem@example.org", 1, 5),
        ("name-kind", "ben@example.org", 1, 4),
    ]
    assert found.by_queue() == {"mark-missed": 85, "name-kind": 4}
    assert (found.human_seconds, found.images, found.labels) == (89, 3, 3)
    assert (found.questions_asked, found.questions_answered) == (4, 4)
    assert found.seconds_per_label == pytest.approx(89 / 3, abs=0.01)
    assert found.human_seconds_manual == pytest.approx(3 * 25.5 + 3 * 7.8)
    assert found.human_seconds_manual_fastest == pytest.approx(3 * 7.0 + 3 * 7.8)


def test_an_edit_counts_by_its_lead_time_not_twice_and_a_skip_counts_too(engine: Engine, items: list[str]) -> None:
    question = ask(engine, items[0])
    say(engine, question, [region("a")], seconds=30, annotation_id=7)
    say(engine, question, [region("a", x=105)], seconds=42, annotation_id=7)
    say(engine, ask(engine, items[1]), [], seconds=3, state=AnswerState.SKIPPED)
    found = effort(engine)
    assert found.human_seconds == 45
    assert (found.questions_asked, found.questions_answered) == (2, 1)


def test_work_by_hand_on_questions_that_lost_their_proposals_is_told_apart(engine: Engine, items: list[str]) -> None:
    say(engine, ask(engine, items[0]), [region("a")], seconds=30, saw_proposals=True)
    assert "proposals were not shown" not in effort_summary(effort(engine))
    question = ask(engine, items[1])
    say(engine, question, [region("b")], seconds=300, annotation_id=7, saw_proposals=False)
    say(engine, question, [region("b", x=105)], seconds=420, annotation_id=7, saw_proposals=False)
    say(engine, ask(engine, items[2]), [region("c")], seconds=20)  # of earlier days: nobody knows
    found = effort(engine)
    assert (found.human_seconds, found.unprompted_answers, found.unprompted_seconds) == (470, 1, 420)
    assert "1 answer (7 min 0 s) to questions whose proposals were not shown" in effort_summary(found)


def test_boxes_found_are_counted_at_one_score_whole_and_tiled(engine: Engine, items: list[str]) -> None:
    add_scan(engine, items[0], [car(0.9), car(0.25), car(0.24)], whole_frame=1)
    add_scan(engine, items[1], [car(0.5)], whole_frame=0)
    found = effort(engine)
    assert (found.boxes_whole_frame, found.boxes_tiled) == (1, 3)


def test_the_report_survives_json(engine: Engine, items: list[str]) -> None:
    say(engine, ask(engine, items[0]), [region("a")])
    found = effort(engine)
    assert Effort.model_validate_json(found.model_dump_json()) == found
    assert '"human_seconds":30.0' in found.model_dump_json()


def test_published_times_name_their_sources_and_add_up() -> None:
    for time in (DRAW_BOX, CHECK_BOX, CHECK_COVERAGE, DRAW_BOX_FAST):
        assert time.seconds > 0
        assert "20" in time.source
    assert DRAW_BOX.seconds + CHECK_BOX.seconds + CHECK_COVERAGE.seconds == pytest.approx(42, abs=0.5)
    assert manual_seconds(0, 0) == 0
    assert manual_seconds(10, 2) == pytest.approx(270.6)


def take_snapshot(engine: Engine, name: str = "snapshot", collection: str = "lot") -> None:
    row = {
        "id": name,
        "collection": collection,
        "manifest_key": "k",
        "classes": [],
        "items": 0,
        "labels": 0,
        "splits": {},
    }
    with writing(engine) as session:
        upsert(session, Snapshot, [{**row, "created_at": utc_now()}])


def test_new_labels_are_those_in_force_since_the_last_snapshot(engine: Engine, items: list[str]) -> None:
    assert news_of(engine, "lot").count == 0
    question = ask(engine, items[0])
    say(engine, question, [region("a"), region("b", x=300)], annotation_id=7)
    settle_batch(engine)
    assert news_of(engine, "lot").count == 2
    assert news_of(engine, "another").count == 0
    take_snapshot(engine, "elsewhere", "another")
    assert news_of(engine, "lot").count == 2
    take_snapshot(engine)
    assert news_of(engine, "lot").count == 0
    say(engine, question, [region("a", x=110)], annotation_id=7)
    settle_batch(engine)
    news = news_of(engine, "lot")
    assert (news.count, news.since) == (1, "snapshot"), "one moved counts, one retracted does not"


def test_by_hand_every_class_is_considered_for_every_whole_item() -> None:
    facts = {"batch_id": "b", "times": (), "questions_asked": 0, "questions_answered": 0}
    seen = {"boxes_whole_frame": 0, "boxes_tiled": 0}
    wholes = Effort(label_kind="classes", images=10, labels=10, wholes=10, classes=4, **facts, **seen)
    assert wholes.human_seconds_manual == wholes.human_seconds_manual_fastest == 40.0
