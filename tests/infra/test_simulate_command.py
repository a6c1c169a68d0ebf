"""`labelline simulate` as a person types it, on a real Label Studio: a crowd with referees ends what is disputed."""

import hashlib
import json
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from sqlalchemy import Engine
from sqlmodel import select
from typer.testing import CliRunner

from blocks.database.engine import reading, upsert, writing
from blocks.database.people_tables import Decision
from blocks.database.tables import Batch, BatchItem, Item, Question, QuestionState, Route
from blocks.servers.annotation_server import AnnotationServer
from flows.options import LineOptions
from infra.annotators.people import People
from infra.annotators.terminal import staff_options
from infra.cli.main import app
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.queue import Queue, mark_missed_queue
from tasks.review.questions.slots import is_for_referees, unsent_queues
from tasks.review.questions.staffing import OverlapRule
from tasks.review.receiving.poll import read_all_changes
from tests.review.builders import questions, write_missed

SIZE_WH = (400, 200)
PICTURES = 4
PEOPLE = People(count=2, skill=0.5, referees=1, referee_skill=1.0, seed=4)
CROWD = ("--people", "2", "--skill", "0.5", "--referee-skill", "1", "--seed", "4", "--once")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Pictures with four cars each."""
    folder = tmp_path / "truth"
    folder.mkdir()
    (folder / "classes.txt").write_text("car\n")
    for number in range(PICTURES):
        noise = np.random.default_rng(number).integers(0, 255, (SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("".join(f"0 {0.15 + 0.23 * n} 0.5 0.15 0.4\n" for n in range(4)))
    with (folder / "0.txt").open("a") as rows:
        rows.write("7 0.5 0.5 0.1 0.1\n")
    return folder


def ask_about(engine: Engine, truth: Path, collection: str) -> Queue:
    """Write a question about each picture, for two people who may disagree."""
    line = LineOptions.model_validate(
        {"collection": collection, "classes": ["car"], **json.loads(staff_options(PEOPLE))}
    )
    queue = mark_missed_queue(line.classes).with_pool(
        line.annotator_pool.model_copy(update={"overlap": OverlapRule(least=2, most=2)})
    )
    ids = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(truth.glob("*.png"))]
    facts = {"sequence": "s", "media_type": "image/png", "size_bytes": 1, "width": SIZE_WH[0], "height": SIZE_WH[1]}
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b1", "collection": collection}])
        upsert(session, Item, [{"id": id_, "key": id_, "name": id_[:6], "plain": True, **facts} for id_ in ids])
        rows = [
            {"batch_id": "b1", "item_id": id_, "position": n, "route": Route.ASK.value} for n, id_ in enumerate(ids)
        ]
        upsert(session, BatchItem, rows)
    write_missed(engine, queue=queue)
    return queue


def simulate(truth: Path, collection: str, *referees: str) -> Result:
    shown = CliRunner().invoke(app, ["simulate", str(truth), collection, *CROWD, *referees], env={"COLUMNS": "400"})
    assert shown.exit_code == 0, shown.output
    return shown


def let_work(engine: Engine, server: AnnotationServer, queue: Queue, truth: Path, *referees: str) -> str:
    """Post, simulate, read and weigh until nobody is asked any more."""
    with reading(engine) as session:
        collection = session.get_one(Batch, "b1").collection
    while True:
        for part in unsent_queues(engine, queue, "b1", 0):
            post_questions(engine, server, part, "b1")
        shown = simulate(truth, collection, *referees)
        read_all_changes(engine, server)
        if not weigh_answers(engine, queue, "b1").opened:
            return shown.output


def states(engine: Engine, *, for_referees: bool = False) -> set[str]:
    asked = [one for one in questions(engine) if one.asked_id is None or is_for_referees(one.queue)]
    return {one.state for one in asked if is_for_referees(one.queue) is for_referees}


@pytest.mark.label_studio
@pytest.mark.timeout(180)
def test_referees_finish_what_a_crowd_without_them_leaves_open(
    engine: Engine, label_studio: AnnotationServer, truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        "infra.cli.commands.line_commands.annotation_server", lambda *_: (label_studio, False)
    )  # no stack runs here
    queue = ask_about(engine, truth, f"crowd {uuid4().hex[:8]}")
    let_work(engine, label_studio, queue, truth)
    assert states(engine, for_referees=True) == {QuestionState.POSTED}
    assert QuestionState.SHARED in states(engine)

    shown = let_work(engine, label_studio, queue, truth, "--referees", "1")
    assert "2 people of skill 0.5 and 1 referee of skill 1 know 4 pictures" in shown
    assert queue.referees[0] in shown
    assert "unknown-class" in shown
    assert "0.txt, line 5: class number 7, but there are 1 names; it is left out" in shown
    assert len(list((tmp_path / "home" / "problems").iterdir())) == 2
    assert states(engine) == {QuestionState.ANSWERED}
    with reading(engine) as session:
        decided = session.exec(select(Decision)).all()
        disputed = {one.asked_id for one in session.exec(select(Question)) if is_for_referees(one.queue)}
    assert {one.question_id for one in decided if one.people == list(queue.referees)} == disputed


def test_the_staff_it_names_is_what_a_line_takes() -> None:
    line = LineOptions.model_validate({"collection": "lots", "classes": ["car"], **json.loads(staff_options(PEOPLE))})
    assert line.annotator_pool.referees == ("ada.mark-missed-referee@people.invalid",)
    assert line.expert_pool.annotators == ("ada.name-kind@people.invalid", "ben.name-kind@people.invalid")


@pytest.mark.parametrize("wrong", [["--referees", "13"], ["--referees", "-1"], ["--referee-skill", "1.5"]])
def test_people_who_cannot_be_is_a_usage_error(truth: Path, wrong: list[str]) -> None:
    shown = CliRunner().invoke(app, ["simulate", str(truth), "lots", *wrong], env={"NO_COLOR": "1", "COLUMNS": "400"})
    assert (shown.exit_code, wrong[0] in shown.output) == (2, True)
