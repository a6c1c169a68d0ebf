"""A line of tracks on a real Label Studio: key frames of a clip are answered strip by strip, and settle one by one."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, BatchItem, Item, Label, Question
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from flows.label import label
from flows.options import LineOptions
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import AnnotatorBox, KnownWorld, TruePicture
from tasks.intake.folders import take_in
from tasks.intake.video.options import VideoOptions
from tasks.kinds.geometry import edges_of, iou_of_all
from tasks.review.questions.queue import MARK_MISSED
from tasks.suggest.paging.plan import RoundOptions
from tests.flows.surroundings import at_work, save_plugs
from tests.intake.video.films import write_film
from tests.track.scenes import SIZE_WH, Scene, Walker

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FRAMES = 17
SCENE = Scene((Walker((10, 15), (3, 0), 6, there=(0, FRAMES - 1)), Walker((150, 90), (-3, 0), -6, seed=2)), FRAMES)


def known_world(engine: Engine) -> KnownWorld:
    with reading(engine) as session:
        frames = {item.id: item.frame or 0 for item in session.exec(select(Item))}
    boxes = {
        id_: tuple(AnnotatorBox("car", tuple(walker.box(frame).tolist())) for walker in SCENE.walkers)
        for id_, frame in frames.items()
    }
    return KnownWorld({id_: TruePicture(id_, SIZE_WH, some) for id_, some in boxes.items()}, ("car",))


@pytest.mark.timeout(900)
def test_key_frames_are_answered_on_strips_and_each_settles_by_its_own_answer(
    engine: Engine, label_studio: AnnotationServer, prefect_api: str, experiments: Experiments, tmp_path: Path
) -> None:
    name = f"strips-{uuid4().hex[:8]}"
    save_plugs(name, engine, label_studio, tmp_path, experiments)
    film = write_film(tmp_path / "clip.mkv", [SCENE.draw(at)[..., ::-1] for at in range(FRAMES)], codec="ffv1")
    take_in(engine, FolderStore(tmp_path / "objects"), name, [film], videos=VideoOptions(frames="all"))
    line = LineOptions(
        collection=name,
        classes=("car",),
        label_kind="tracks",
        detector="propagate",
        rounds=RoundOptions(key_step=4, page_size=20),
        retrain_after=100_000,
    )
    world = known_world(engine)
    with at_work(Simulation(label_studio, world, name, People(count=1, skill=1.0))) as people:
        label(line, plugs=name)
    with reading(engine) as session:
        items = {item.id: item for item in session.exec(select(Item))}
        settled = session.exec(select(BatchItem.item_id).where(col(BatchItem.settled_at).is_not(None))).all()
        labels = session.exec(select(Label)).all()
        asked = session.exec(select(Question).where(Question.queue == MARK_MISSED)).all()
        answers = session.exec(select(Answer).where(Answer.state == AnswerState.COUNTED.value)).all()
    assert sorted(settled) == sorted(items)
    strips = [len(some) for some in tasks_of(asked).values()]
    assert max(strips) == 4 and people.report.answers_by_queue[MARK_MISSED] == len(strips) < len(asked)
    by_question = {one.question_id: one for one in answers}
    assert all(by_question[one.id].seconds > 0 for one in asked)
    by_id = {one.id: one.question_id for one in answers}
    of_item = {one.id: one.item_id for one in asked}
    drawn = [one for one in labels if one.answer_id and by_id[one.answer_id] in of_item]
    assert drawn and all(of_item[by_id[one.answer_id or ""]] == one.item_id for one in drawn)
    for id_, picture in world.pictures.items():
        mine = [one for one in labels if one.item_id == id_ and not one.retracted]
        true = np.array([box.xyxy for box in picture.boxes])
        assert iou_of_all(true, edges_of(mine)).max(axis=1, initial=0.0).min() > 0.5


def tasks_of(asked: Sequence[Question]) -> dict[int | None, list[Question]]:
    """Questions by the task in which they stand."""
    return {task: [one for one in asked if one.task_id == task] for task in {one.task_id for one in asked}}
