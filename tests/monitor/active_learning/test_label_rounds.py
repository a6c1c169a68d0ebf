"""Rounds of a line of classes whose labels suggest, without a server: until all is labelled, nothing asked twice."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Audit, Batch, BatchItem, Label, Question, Route
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from flows.options import LineOptions
from tasks.audit.risk_control.certified_pages import pages_summary, read_page_thresholds
from tasks.detect.plan import plan_tiling
from tasks.detect.proposals import propose
from tasks.detect.proposers.suggested import taught_ref
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import detector_of, hand_over, items_of, unsettled
from tasks.intake.folders import take_in
from tasks.intake.sequences import splits_of
from tasks.monitor.active_learning.label_rounds import ON_PAGES, RoundRef, accept_of, is_pages, open_round
from tasks.monitor.active_learning.said_in_rounds import is_further, read_said, rounds_of
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import draft_questions
from tasks.review.questions.queue import CONFIRM_PAGE
from tasks.settle.labels import settle
from tasks.suggest.paging.plan import NEVER, RoundOptions
from tasks.triage.audit import FRAME
from tasks.triage.decide import decide
from tests.settle.world import say
from tests.train.test_teaching import COLOURS, colour_of, draw, names_of

PICTURES = 150

DRAWING_ON = RoundOptions(first=12, singles=8, page_size=8, max_error_rate=0.45, confidence=0.98, most_drawn=0.5)


class Rounds:
    """A line that asks in rounds, run by its plain functions; people know the colour, and may be unfair to pages."""

    def __init__(self, engine: Engine, store: Store, experiments: Experiments, collection: str = "hues") -> None:
        self.engine, self.store, self.experiments, self.collection = engine, store, experiments, collection
        self.line = LineOptions(
            collection=collection,
            classes=tuple(COLOURS),
            label_kind="classes",
            detector="suggest",
            rounds=RoundOptions(first=12, singles=8, page_size=8, max_error_rate=0.15, confidence=0.8, most_drawn=0.5),
        )
        self.takes_all_out = False
        self.calls_otherwise = False
        self.called_otherwise: set[str] = set()

    def open(self) -> RoundRef:
        options = self.line.rounds
        assert options
        where = (self.engine, self.store, self.experiments, self.collection)
        return open_round(*where, self.line.detector, "classes", options, "run")

    def label(self, round_: RoundRef) -> None:
        batch, line = round_.batch, self.line.accepting(round_.accept)
        found = taught_ref(self.store, detector_of(self.engine, batch.id) or "")
        ref = found or DetectorRef.nobody("suggest")
        planned = plan_tiling(
            self.engine, self.store, batch.id, self.collection, ref.version, line.classes, line.tiling, "classes"
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
                is_wrong = self.calls_otherwise or question.item_id in self.called_otherwise
                name = next(iter(set(COLOURS) - {names[question.item_id]})) if is_wrong else None
                said = {"kind": name or names[question.item_id], "verdict": "kind"}
                say(self.engine, question.id, [said], seconds=2)

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


def test_rounds_of_a_collection_whose_name_is_like_that_of_a_further_draw_are_counted(
    engine: Engine, store: Store, experiments: Experiments, tmp_path: Path
) -> None:
    for name in ("hand-drawn-shapes", "hand-drawn-1"):
        take_in(engine, store, name, draw(tmp_path / name, 40))
        shapes = Rounds(engine, store, experiments, name)
        for number in (1, 2):
            asked = shapes.open()
            assert asked.batch.id == f"{name}-round-{number}"
            assert not is_further(asked.batch.id)
            assert is_further(f"{asked.batch.id}-drawn-2") and is_further(f"{asked.batch.id}-drawn-2", asked.batch.id)
            assert not is_further(f"{asked.batch.id}-drawn-2", f"{name}-round-9")
            shapes.label(asked)


def test_rounds_end_when_all_is_labelled_and_ask_each_item_once(rounds: Rounds) -> None:
    ids = []
    while (round_ := rounds.open()).batch.size:
        ids.append(round_.batch.id)
        rounds.label(round_)
        assert len(ids) < 30
    singly = [id_ for id_ in ids if not is_pages(id_)]
    assert singly == [f"hues-round-{number + 1}" for number in range(len(singly))]
    with reading(rounds.engine) as session:
        labels = session.exec(select(Label)).all()
        places = session.exec(select(BatchItem)).all()
    names = names_of(rounds.engine)
    assert {label.item_id: label.class_name for label in labels} == names
    assert {label.origin for label in labels} == {"person"}, "nothing settles that nobody has looked at"
    assert len(places) == PICTURES
    pages = [page for id_ in ids for page in rounds.questions(id_, CONFIRM_PAGE)]
    on_pages = [crop["item_id"] for page in pages for crop in page.payload["crops"]]
    assert len(on_pages) > PICTURES / 3
    split = splits_of(rounds.engine, "hues")
    assert not [item_id for item_id in on_pages if split.get(item_id) == "test"], "the holdout is labelled blind"
    said, blind = read_said(rounds.engine, "hues")
    assert len(said) == len(pages) and sum(one.wrong for one in said) == 0
    kept = read_page_thresholds(rounds.engine, "hues")
    assert [row.standing for row in kept] == ["certified"] * len(kept)
    assert [(row.draws, row.wrong) for row in kept] == [(one.size, one.wrong) for one in blind]
    told = pages_summary("hues", kept)
    assert "at most 15.0% of all items on pages with 80% confidence" in told and kept[0].batch_id in told


def up_to_pages(rounds: Rounds) -> RoundRef:
    """Label round by round until one has opened pages; return it, not labelled."""
    while True:
        round_ = rounds.open()
        with reading(rounds.engine) as session:
            if session.get(Batch, f"{round_.batch.id}{ON_PAGES}"):
                return round_
        rounds.label(round_)


def test_what_certifies_pages_is_asked_first_and_blind(rounds: Rounds) -> None:
    asked = up_to_pages(rounds)
    rounds.label(asked)
    with reading(rounds.engine) as session:
        drawn = session.exec(
            select(BatchItem)
            .join(Audit, (Audit.item_id == BatchItem.item_id) & (Audit.batch_id == BatchItem.batch_id))
            .where(Audit.batch_id == asked.batch.id, Audit.why == FRAME)
        ).all()
        waiting = session.exec(select(BatchItem).where(BatchItem.batch_id == f"{asked.batch.id}{ON_PAGES}")).all()
    assert {place.route for place in drawn} == {Route.AUDIT.value}, "nobody sees what is suggested for them"
    assert len(drawn) and len(waiting) and {place.route for place in waiting} == {None}
    shown = rounds.open()
    assert shown.batch.id == f"{asked.batch.id}{ON_PAGES}" and shown.batch.size == len(waiting)
    assert rounds.open() == shown, "a run that wakes up finds it decided"
    rounds.label(shown)
    pages = rounds.questions(shown.batch.id, CONFIRM_PAGE)
    assert sum(len(page.payload["crops"]) for page in pages) >= len(waiting) - 1


def test_where_nothing_is_certified_no_page_is_shown_and_singles_go_on(rounds: Rounds) -> None:
    asked = up_to_pages(rounds)
    rounds.calls_otherwise = True
    rounds.label(asked)
    rounds.calls_otherwise = False
    following = rounds.open()
    assert not is_pages(following.batch.id)
    with reading(rounds.engine) as session:
        assert session.get(Batch, f"{asked.batch.id}{ON_PAGES}") is None, "its items are free again"
    (kept,) = read_page_thresholds(rounds.engine, "hues")
    assert kept.standing == "not_enough_evidence" and kept.accept_from is None and kept.wrong == kept.draws
    told = pages_summary("hues", [kept])
    assert "No page was shown" in told and "so no page is shown" in told
    assert pages_summary("hues", []).endswith("so no page is shown: people are asked one by one.")


def drawn_of(rounds: Rounds, batch_id: str) -> list[str]:
    with reading(rounds.engine) as session:
        return list(session.exec(select(Audit.item_id).where(Audit.batch_id == batch_id, Audit.why == FRAME)))


def waiting_of(rounds: Rounds, batch_id: str) -> list[str]:
    with reading(rounds.engine) as session:
        return list(session.exec(select(BatchItem.item_id).where(BatchItem.batch_id == batch_id)))


def draw_on(rounds: Rounds) -> tuple[RoundRef, RoundRef]:
    """Label up to a frame with one wrong in its sample; return its round, and what is drawn further, not labelled."""
    rounds.line = rounds.line.model_copy(update={"rounds": DRAWING_ON})
    asked = up_to_pages(rounds)
    rounds.called_otherwise = {drawn_of(rounds, asked.batch.id)[0]}
    rounds.label(asked)
    return asked, rounds.open()


def test_where_one_is_wrong_more_is_drawn_of_the_same_frame_and_then_it_is_shown(rounds: Rounds) -> None:
    asked, further = draw_on(rounds)
    pages = f"{asked.batch.id}{ON_PAGES}"
    assert further.batch.id == f"{asked.batch.id}-drawn-1" and further.accept == NEVER
    before, more, left = drawn_of(rounds, asked.batch.id), drawn_of(rounds, further.batch.id), waiting_of(rounds, pages)
    assert further.batch.size == len(more) > 0 and not {*before, *more} & set(left)
    assert detector_of(rounds.engine, further.batch.id) == detector_of(rounds.engine, asked.batch.id)
    assert rounds.open() == further, "a run that wakes up goes on with it"
    assert not read_page_thresholds(rounds.engine, "hues"), "nothing is decided yet"
    rounds.label(further)
    with reading(rounds.engine) as session:
        routes = session.exec(select(BatchItem.route).where(BatchItem.batch_id == further.batch.id)).all()
    assert set(routes) == {Route.AUDIT.value}, "nobody sees what is suggested for them"
    shown = rounds.open()
    assert shown.batch.id == pages and shown.batch.size == len(left) and shown.accept < 1
    (kept,) = read_page_thresholds(rounds.engine, "hues")
    assert (kept.draws, kept.wrong, kept.population) == (
        len(before) + len(more),
        1,
        len(before) + len(more) + len(left),
    )
    assert f"drawn one after another: {len(before)}, then {len(more)}" in kept.reason
    rounds.label(shown)
    assert rounds.open().batch.id.startswith("hues-round-"), "rounds are counted without what was drawn further"
    assert len([batch for batch in rounds_of(rounds.engine, "hues") if is_further(batch.id)]) == 1


def test_where_what_is_drawn_further_is_wrong_too_the_frame_is_given_up(rounds: Rounds) -> None:
    asked, further = draw_on(rounds)
    rounds.calls_otherwise = True
    rounds.label(further)
    rounds.calls_otherwise = False
    following = rounds.open()
    number = int(asked.batch.id.rpartition("-")[2])
    assert following.batch.id == f"hues-round-{number + 1}"
    (kept,) = read_page_thresholds(rounds.engine, "hues")
    assert kept.standing == "not_enough_evidence" and kept.wrong == 1 + further.batch.size
    assert waiting_of(rounds, f"{asked.batch.id}{ON_PAGES}") == [], "its items are free again"


def test_another_run_goes_on_with_what_is_drawn_further(rounds: Rounds) -> None:
    asked, further = draw_on(rounds)
    hand_over(rounds.engine, f"{asked.batch.id}{ON_PAGES}", "other")
    options = rounds.line.rounds
    assert options
    where = (rounds.engine, rounds.store, rounds.experiments, "hues")
    assert open_round(*where, rounds.line.detector, "classes", options, "other") == further
    assert unsettled(rounds.engine, "hues")[further.batch.id] == "other"


def test_a_bad_page_ends_the_others_of_its_round_and_their_items_are_asked_singly(rounds: Rounds) -> None:
    rounds.label(up_to_pages(rounds))
    round_ = rounds.open()
    rounds.takes_all_out = True
    rounds.label(round_)
    assert rounds.questions(round_.batch.id, CONFIRM_PAGE, 0) and not rounds.questions(round_.batch.id, CONFIRM_PAGE, 1)
    with reading(rounds.engine) as session:
        places = session.exec(select(BatchItem).where(BatchItem.batch_id == round_.batch.id)).all()
        labels = {label.item_id: label.class_name for label in session.exec(select(Label))}
    assert {place.route for place in places} <= {Route.ASK.value, Route.AUDIT.value}
    assert all(labels[place.item_id] == names_of(rounds.engine)[place.item_id] for place in places)
    rounds.takes_all_out = False
    said, _ = read_said(rounds.engine, "hues")
    assert sum(page.wrong for page in said) > 10
    assert not is_pages(rounds.open().batch.id), "whatever comes next is certified anew"


def test_a_round_keeps_what_it_was_opened_with(rounds: Rounds) -> None:
    opened = up_to_pages(rounds)
    pages = f"{opened.batch.id}{ON_PAGES}"
    with reading(rounds.engine) as session:
        assert session.get_one(Batch, opened.batch.id).flow_run_id == session.get_one(Batch, pages).flow_run_id == "run"
    assert opened.accept == 1 and 0 < accept_of(rounds.engine, pages) < 1
    assert detector_of(rounds.engine, opened.batch.id) == detector_of(rounds.engine, pages)
    assert colour_of(items_of(rounds.engine, opened.batch.id)[0]) in COLOURS
