"""How `labelline label` ends: nothing that was left out is forgotten, and the next command works as it stands."""

import shlex
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import update

from blocks.database.engine import upsert, writing
from blocks.database.tables import Answer, Batch, BatchItem, Question, QuestionState, Source, utc_now
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from infra.cli.progress.label_report import tell_labels
from tasks.detect.refs import NOBODY
from tasks.train.registry import resolve_detector
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.train.conftest import tiny_weights

__all__ = ["tiny_weights"]

NAME = "Bob's (1)"


@pytest.fixture
def lots(engine: Engine, store: FolderStore, experiments: Experiments, tiny_weights: Path) -> str:
    """Four pictures of which two are settled; returns the version of the weights."""
    version = resolve_detector(experiments, store, NAME, str(tiny_weights)).version
    ids = settle_scenes(engine, store, [draw_scene(n) for n in range(4)], {"s0": "train"}, collection=NAME)
    with writing(engine) as session:
        session.exec(update(Batch).values(detector=version))
        session.exec(
            update(BatchItem).where(BatchItem.item_id == ids[2]).values(set_aside="it is too large", settled_at=None)
        )
        session.exec(update(BatchItem).where(BatchItem.item_id == ids[3]).values(settled_at=None))
        aside = {"collection": NAME, "item_id": None, "state": "set_aside"}
        files = [{**aside, "uri": f"file:///p/{n}.jpg", "reason": "the file is empty"} for n in range(7)]
        upsert(session, Source, files)
        question = {"id": "q", "queue": "mark-missed", "batch_id": "b1", "item_id": ids[3], "payload": {}}
        upsert(session, Question, [{**question, "state": QuestionState.REWORK.value}])
        answer = {"id": "a", "question_id": "q", "annotation_id": 1, "person": "p", "seconds": 1.0, "raw": []}
        answer |= {"state": "skipped", "reason": "too dark", "answered_at": utc_now(), "heard_by": "poll"}
        upsert(session, Answer, [answer])
    return version


def test_it_tells_labels_weights_what_was_left_out_and_what_comes_next(
    engine: Engine, experiments: Experiments, lots: str
) -> None:
    told = tell_labels(engine, NAME, experiments, "labelline --home '/my home'")
    assert told[0].startswith(f"{NAME}: 8 labels on 2 pictures, in the catalogue ")
    assert told[1] == f"proposed by weights {lots} ({experiments_name()} version 1: tiny.pt)"
    assert told[2].startswith(
        "files that could not be taken in, 7: 0.jpg (the file is empty); 1.jpg (the file is empty)"
    )
    assert told[2].endswith("; …")
    assert told[3] == "pictures set aside on the way, 1: s0-0002.png (it is too large)"
    assert told[4].startswith("skipped or let lie by people, without an answer, 1: s0-0003.png (")
    assert shlex.split(told[5].partition(": ")[2]) == ["labelline", "--home", "/my home", "reopen", NAME]
    command = shlex.split(told[-1].partition(": ")[2])
    assert command[:5] == ["labelline", "--home", "/my home", "export", NAME]
    assert command[5:] == ["--format", "coco", "--out", f"{NAME}-coco"]


def experiments_name() -> str:
    from tasks.train.registry import registry_name

    return registry_name(NAME)


def test_without_settled_labels_no_export_is_offered(engine: Engine, experiments: Experiments) -> None:
    (told,) = tell_labels(engine, "empty", experiments)
    assert told.startswith("empty: 0 labels on 0 pictures")


def test_where_no_model_proposed_it_says_so(engine: Engine, experiments: Experiments, lots: str) -> None:
    with writing(engine) as session:
        session.exec(update(Batch).values(detector=NOBODY))
    assert "proposed by nobody, where there was no model yet" in tell_labels(engine, NAME, experiments)
