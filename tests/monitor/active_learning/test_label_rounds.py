"""Rounds of a line of classes whose labels suggest, without a server: until all is labelled, nothing asked twice."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Label, Question, Route
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from flows.options import LineOptions
from tasks.detect.plan import plan_tiling
from tasks.detect.proposals import propose
from tasks.detect.proposers.suggested import taught_ref
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import detector_of, items_of
from tasks.intake.folders import take_in
from tasks.monitor.active_learning.label_rounds import RoundRef, accept_of, open_round, read_said
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import draft_questions
from tasks.review.questions.queue import CONFIRM_PAGE
from tasks.settle.labels import settle
from tasks.suggest.paging.plan import RoundOptions
from tasks.triage.decide import decide
from tests.settle.world import say
from tests.train.conftest import empty_mlflow, experiments
from tests.train.test_teaching import COLOURS, colour_of, draw, names_of

__all__ = ["empty_mlflow", "experiments"]

PICTURES = 90


class Rounds:
    """A line that asks in rounds, run by its plain functions; people know the colour, and may be unfair to pages."""

    def __init__(self, engine: Engine, store: Store, experiments: Experiments) -> None:
        self.engine, self.store, self.experiments = engine, store, experiments
        self.line = LineOptions(
            collection="hues",
            classes=tuple(COLOURS),
            label_kind="classes",
            detector="suggest",
            rounds=RoundOptions(first=24, singles=6, page_size=8, least_chance=0.8),
        )
        self.takes_all_out = False

    def open(self) -> RoundRef:
        options = self.line.rounds
        assert options
        where = (self.engine, self.store, self.experiments, "hues")
        return open_round(*where, self.line.detector, "classes", options, "run")

    def label(self, round_: RoundRef) -> None:
        batch, line = round_.batch, self.line.accepting(round_.accept)
        found = taught_ref(self.store, detector_of(self.engine, batch.id) or "")
        ref = found or DetectorRef.nobody("suggest")
        planned = plan_tiling(
            self.engine, self.store, batch.id, "hues", ref.version, line.classes, line.tiling, "classes"
        )
        propose(self.engine, self.store, items_of(self.engine, batch.id), ref, line.classes, planned, "classes")
        recipe = planned.recipe(line.classes)
        decide(self.engine, batch.id, line.triage, ref.version, recipe, classes=line.classes)
        for stop in line.queues:
            for wave in range(stop.waves):
                write_once(self.engine, stop.queue, batch.id, wave, draft_questions(self.engine, batch.id, stop, wave))
                self.answer(batch.id, stop.queue.name, wave)
        settle(self.engine, batch.id, ref.version, recipe)

    def answer(self, batch_id: str, queue: str, round_: int) -> None:
        names = names_of(self.engine)
        for question in self.questions(batch_id, queue, round_):
            if queue == CONFIRM_PAGE:
                words = [
                    {"proposal_id": crop["proposal_id"], "word": self._word(question, names[crop["item_id"]])}
                    for crop in question.payload["crops"]
                ]
                say(self.engine, question.id, words, seconds=4)
            else:
                say(self.engine, question.id, [{"kind": names[question.item_id], "verdict": "kind"}], seconds=2)

    def questions(self, batch_id: str, queue: str, round_: int | None = None) -> list[Question]:
        with reading(self.engine) as session:
            found = session.exec(select(Question).where(Question.batch_id == batch_id, Question.queue == queue)).all()
        return [one for one in found if round_ is None or one.round == round_]

    def _word(self, question: Question, true: str) -> str:
        wrong = self.takes_all_out or question.payload["class_name"] != true
        return "removed" if wrong else "confirmed"


@pytest.fixture
def rounds(engine: Engine, store: Store, experiments: Experiments, tmp_path: Path) -> Rounds:
    take_in(engine, store, "hues", draw(tmp_path / "pictures", PICTURES))
    return Rounds(engine, store, experiments)


def test_rounds_end_when_all_is_labelled_and_ask_each_item_once(rounds: Rounds) -> None:
    ids = []
    while (round_ := rounds.open()).batch.size:
        ids.append(round_.batch.id)
        rounds.label(round_)
        assert len(ids) < 20
    assert ids == [f"hues-round-{number + 1}" for number in range(len(ids))]
    with reading(rounds.engine) as session:
        labels = session.exec(select(Label)).all()
        places = session.exec(select(BatchItem)).all()
    names = names_of(rounds.engine)
    assert {label.item_id: label.class_name for label in labels} == names
    assert {label.origin for label in labels} == {"person"}, "nothing settles that nobody has looked at"
    assert len(places) == PICTURES
    pages = [page for id_ in ids for page in rounds.questions(id_, CONFIRM_PAGE)]
    assert sum(len(page.payload["crops"]) for page in pages) > PICTURES / 3
    said, blind = read_said(rounds.engine, "hues")
    assert len(said) == len(pages) and sum(one.wrong for one in said) == 0
    assert sum(one.size for one in blind) > 0, "a random sample of what is sure is asked singly, without suggestions"


def test_a_bad_page_ends_the_others_of_its_round_and_their_items_are_asked_singly(rounds: Rounds) -> None:
    while not (round_ := rounds.open()).batch.id.endswith("-3"):
        rounds.label(round_)
    rounds.takes_all_out = True
    rounds.label(round_)
    assert not rounds.questions(round_.batch.id, CONFIRM_PAGE, 1)
    with reading(rounds.engine) as session:
        places = session.exec(select(BatchItem).where(BatchItem.batch_id == round_.batch.id)).all()
        labels = {label.item_id: label.class_name for label in session.exec(select(Label))}
    assert {place.route for place in places} <= {Route.ASK.value, Route.AUDIT.value}
    assert all(labels[place.item_id] == names_of(rounds.engine)[place.item_id] for place in places)
    asked_before = accept_of(rounds.engine, round_.batch.id)
    rounds.takes_all_out = False
    assert rounds.open().accept > asked_before, "what pages showed is believed"


def test_a_round_keeps_what_it_was_opened_with(rounds: Rounds) -> None:
    rounds.label(rounds.open())
    opened = rounds.open()
    with reading(rounds.engine) as session:
        assert session.get_one(Batch, opened.batch.id).flow_run_id == "run"
    assert accept_of(rounds.engine, opened.batch.id) == opened.accept < 1
    assert detector_of(rounds.engine, opened.batch.id)
    assert colour_of(items_of(rounds.engine, opened.batch.id)[0]) in COLOURS
