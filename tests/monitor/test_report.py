"""Model against people: what is counted, what is not, and that nothing is ever divided by nothing."""

import math
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import writing
from blocks.database.tables import Question
from tasks.audit.label_errors.record import REVIEW_ROUND
from tasks.monitor.options import MonitorOptions
from tasks.monitor.page import monitor_page
from tasks.monitor.plots import monitor_plot
from tasks.monitor.quality import ALL_CLASSES, Quality, qualities, reliabilities
from tasks.monitor.report import MonitorReport, watch_line
from tests.monitor.judging import judge_items
from tests.monitor.test_drift import item
from tests.settle.world import region, settle_batch
from tests.triage.rows import add_batch, add_scan, car

OPTIONS = MonitorOptions()


def row(report: MonitorReport, name: str = ALL_CLASSES, blind: bool = True) -> Quality:
    (found,) = [one for one in report.qualities if (one.class_name, one.blind) == (name, blind)]
    return found


def test_a_collection_without_anything_has_no_number(engine: Engine) -> None:
    report, judged = watch_line(engine, "nowhere")
    assert (report.qualities, report.reliabilities, report.inputs.distance) == ((), (), None)
    page = monitor_page(report, 0.25, monitor_plot(report, judged, 0.25))
    assert page.count("ot enough evidence") == 6
    assert "data:image/jpeg;base64," in page


def test_precision_and_recall_count_boxes_of_the_class(engine: Engine) -> None:
    judge_items(engine, 4, [car(0.9), car(0.8, x=600)], [region("a"), region("b", x=300)])
    found = row(watch_line(engine, "lot")[0], "car")
    assert (found.precision.count, found.precision.of) == (4, 8)
    assert (found.recall.count, found.recall.of, found.items) == (4, 8, 4)


def test_boxes_under_the_score_do_not_count(engine: Engine) -> None:
    judge_items(engine, 1, [car(0.2)], [region("a")])
    found = row(watch_line(engine, "lot")[0])
    assert (found.precision.value, found.recall.value) == (None, 0.0)
    assert found.precision.in_words() == "not enough evidence"


def test_a_class_never_seen_has_precision_zero_and_no_recall(engine: Engine) -> None:
    judge_items(engine, 2, [("tram", 0.9, 600, 600, 640, 640)], [region("a")])
    report, judged = watch_line(engine, "lot")
    assert (row(report, "tram").precision.value, row(report, "tram").recall.value) == (0.0, None)
    assert (row(report, "car").precision.value, row(report, "car").recall.value) == (None, 0.0)
    assert monitor_plot(report, judged, 0.25).startswith("data:image/jpeg")


def test_what_people_saw_is_never_added_to_what_they_marked_blind(engine: Engine) -> None:
    judge_items(engine, 3, [car()], [region("a")])
    judge_items(engine, 5, [car()], [], why=None, batch_id="batch-2")
    report, _ = watch_line(engine, "lot")
    assert (report.items_blind, report.items_shown) == (3, 5)
    assert (row(report).precision.value, row(report, blind=False).precision.value) == (1.0, 0.0)


def test_what_was_asked_only_because_the_detector_disagreed_judges_nothing(engine: Engine) -> None:
    judge_items(engine, 2, [car()], [region("a")], why=None)
    with writing(engine) as session:
        first, second = session.exec(select(Question).order_by(Question.item_id)).all()
        second.round = REVIEW_ROUND
        session.add(second)
        kept = first.item_id
    assert [one.item_id for one in watch_line(engine, "lot")[1]] == [kept]


def test_what_nobody_looked_at_judges_nothing(engine: Engine) -> None:
    ids = add_batch(engine, 2)
    add_scan(engine, ids[0], [car()])
    settle_batch(engine)
    assert watch_line(engine, "lot")[1] == []


def test_scores_that_mean_what_they_say_have_no_error(engine: Engine) -> None:
    judge_items(engine, 9, [car(0.95)], [region("a")])
    judge_items(engine, 1, [car(0.95)], [], batch_id="batch-2")
    (found,) = watch_line(engine, "lot")[0].reliabilities
    assert found.expected_error == pytest.approx(0.05)
    assert [one.right.of for one in found.bins] == [0] * 9 + [10]


def test_a_score_of_one_and_of_zero_have_a_bin(engine: Engine) -> None:
    judge_items(engine, 1, [car(1.0), car(0.0, x=600)], [region("a")])
    (found,) = watch_line(engine, "lot")[0].reliabilities
    assert (found.bins[0].right.of, found.bins[-1].right.count) == (1, 1)


def test_detectors_stand_in_the_order_in_which_they_were_judged_whatever_their_names() -> None:
    judged = [replace(item(n, 1, 0, 1), detector=name) for n, name in enumerate(("ff", "ff", "aa"))]
    assert [one.detector for one in qualities(judged, OPTIONS)] == ["ff", "ff", "aa", "aa"]
    assert [one.detector for one in reliabilities(judged)] == ["ff", "aa"]


def test_too_little_evidence_is_never_called_no_drift(engine: Engine) -> None:
    judge_items(engine, 3, [car()], [region("a")])
    page = monitor_page(watch_line(engine, "lot")[0], 0.25)
    assert "Whether inputs and agreement have drifted: not enough evidence" in page
    assert "No drift" not in page


def test_a_report_with_drift_names_it(engine: Engine) -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0, 0.1, (20, 8)) + np.eye(8)[0], rng.normal(0, 0.1, (20, 8)) + np.eye(8)[1]
    judge_items(engine, 20, [car()], [region("a")], embeddings=one)
    judge_items(engine, 20, [car()], [region("a")], batch_id="batch-2", embeddings=other)
    report, judged = watch_line(engine, "lot", OPTIONS)
    assert report.inputs.alarm
    assert not report.agreement.alarm
    assert "**Drift:** inputs: changed" in monitor_page(report, 0.25)
    assert [one.answered_at for one in judged] == sorted(one.answered_at for one in judged)


def test_an_embedding_that_is_no_number_is_left_out(engine: Engine) -> None:
    vectors = np.ones((20, 4))
    vectors[3] = math.nan
    judge_items(engine, 20, [car()], [region("a")], embeddings=vectors)
    judge_items(engine, 20, [car()], [region("a")], batch_id="batch-2", embeddings=vectors)
    inputs = watch_line(engine, "lot")[0].inputs
    assert (inputs.before, inputs.now, inputs.alarm) == (19, 19, False)
