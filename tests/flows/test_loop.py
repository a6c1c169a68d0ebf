"""The loop as Prefect runs it, with people who answer through a real Label Studio."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Batch, Question
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog
from flows.intake import intake
from flows.label import label
from flows.loop import LoopOptions, loop
from tasks.detect.refs import NOBODY
from tasks.monitor.active_learning.choose import Selection
from tasks.monitor.active_learning.goals import Goal
from tasks.monitor.cost.spent import settled_items
from tasks.monitor.steps import step_times
from tasks.train.options import PromoteOptions, TrainOptions
from tests.flows.test_lines import World, people_at_work, shown, world
from tests.train.conftest import save_weights

__all__ = ["world"]

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def options_of(world: World) -> LoopOptions:
    line = world.line.model_copy(
        update={"kinds": {}, "retrain": TrainOptions(epochs=1, min_test_boxes=1, min_train_boxes=1)}
    )
    return LoopOptions(
        line=line, selection=Selection(first=2, per_round=2, holdout=2), goal=Goal(most_rounds=2), label_rest=True
    )


@pytest.mark.timeout(600)
def test_two_rounds_and_the_rest_label_everything_once_and_a_second_run_does_nothing(world: World) -> None:
    options = options_of(world)
    intake(str(world.folder), options.line.collection, plugs=world.plugs)
    with people_at_work(world) as people:
        report = loop(options, world.plugs)
        answers = people.report.answers
    assert report.ended.reason == "2 rounds, the most allowed"
    assert [one.items for one in report.rounds] == [4, 2]
    assert all(one.metric is not None for one in report.rounds)
    assert report.rounds[0].human_seconds < report.rounds[1].human_seconds
    assert report.rest is not None
    assert report.rest.batch is not None
    assert 4 + 2 + report.rest.batch.size == 8 == len(settled_items(open_catalog(world.plugs), options.line.collection))
    steps = {time.what for time in step_times(open_catalog(world.plugs), options.line.collection) if time.seconds > 0}
    assert {"detect_shard", "settle_batch"} <= steps
    with people_at_work(world) as people:
        again = loop(options, world.plugs)
    assert again.rounds == report.rounds
    assert answers == 8
    assert people.report.answers == 0


@pytest.mark.timeout(600)
def test_a_detector_that_knows_none_of_the_classes_lets_people_begin_without_boxes(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = str(save_weights(world.folder.parent / "stranger.pt", ("cat", "dog")))
    options = options_of(world)
    line = options.line.model_copy(update={"detector": stranger})
    options = options.model_copy(update={"line": line, "goal": Goal(most_rounds=1), "label_rest": False})
    intake(str(world.folder), line.collection, plugs=world.plugs)
    with people_at_work(world) as people:
        report = loop(options, world.plugs)
    (first,) = report.rounds
    assert (first.items, first.labels, first.unknown) == (4, 16, ("blue", "red"))
    assert first.metric is not None  # what people said is enough to train on
    assert people.report.answers_by_queue == {"mark-missed": 4}
    assert "class 'red' is not in detector" in caplog.text
    key = artifact_key("triage", first.batch_id)
    assert "The detector does not know blue, red" in shown(key)[key]


@pytest.mark.timeout(600)
def test_what_nobody_proposed_on_is_trained_on_and_the_new_model_proposes_without_being_told(
    engine: Engine, world: World
) -> None:
    options = options_of(world)
    retrain = options.line.retrain.model_copy(update={"epochs": 2, "lr0": 0.004, "mosaic": 0.0})
    line = options.line.model_copy(update={"detector": "champion", "retrain": retrain, "batch_size": 7})
    # Whatever it has learnt is enough here: what is under test is who proposes.
    goal, gate = Goal(most_rounds=1), PromoteOptions(min_gain=0.0)
    options = options.model_copy(update={"line": line, "goal": goal, "gate": gate, "label_rest": False})
    intake(str(world.folder), line.collection, plugs=world.plugs)
    with people_at_work(world) as people:
        drawn = label(line, world.plugs)
        report = loop(options, world.plugs)
    assert drawn.batch and drawn.detector and drawn.settled
    assert (drawn.detector.is_nobody, drawn.settled.labels) == (True, 28)
    with reading(engine) as session:
        by = {batch.id: batch.detector for batch in session.exec(select(Batch)).all()}
        asked = session.exec(select(Question).where(Question.batch_id == drawn.batch.id)).all()
    assert [one.payload["boxes"] for one in asked] == [[]] * 7, "people draw everything"
    (first,) = report.rounds
    assert by[drawn.batch.id] == NOBODY
    assert by[first.batch_id] not in (NOBODY, None), "its labels were enough for a model before anybody was asked"
    assert people.report.answers_by_queue["mark-missed"] == 7 + 1
    key = artifact_key("triage", drawn.batch.id)
    assert "no model yet" in shown(key)[key]
