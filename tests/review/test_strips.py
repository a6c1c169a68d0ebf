"""A strip is one task of several questions: each has its own answer, and what happens to one costs no other its own."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, writing
from blocks.database.people_tables import AnswerPart
from blocks.database.tables import (
    Answer,
    AnswerState,
    Batch,
    BatchItem,
    Item,
    Outcome,
    Question,
    QuestionState,
    Route,
    utc_now,
)
from blocks.errors import BadOption
from tasks.audit.reopen import reopen
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.decide.until import progress
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.items_and_kinds import draft_missed, write_once
from tasks.review.posting.outbox import note_posted
from tasks.review.questions.bookmarks import learn_people, queue_of_project, write_bookmarks
from tasks.review.questions.kinds.boxes.strip import STILLS, onto_place
from tasks.review.questions.queue import Queue, choose_class_queue
from tasks.review.questions.queues.strips import on_strips
from tasks.review.questions.slots import unsent_queues
from tasks.review.questions.staffing import GoldRule, OverlapRule
from tasks.review.questions.strips.standing import stand_together
from tasks.review.receiving.annotations import HeardTask
from tasks.review.receiving.record import RecordReport, record_annotations, record_deletions
from tests.review.builders import (
    NOON,
    QUEUE,
    ProposedBox,
    answers,
    item_id,
    make_batch,
    proposal_id,
    questions,
    region,
)

STRIPS = on_strips(QUEUE, 4)
BOX: ProposedBox = ("car", 0.9, Outcome.ACCEPT, (96, 64, 192, 128))
ADA, BEN = 3, 4
ITEMS = [item_id(number) for number in range(6)]


class Strips:
    """Strips of a batch as if they stood in Label Studio, and people who answer them."""

    def __init__(self, engine: Engine, queue: Queue = STRIPS, items: int = 6, **batch: Any) -> None:
        self.engine, self.queue, self.minute = engine, queue, 0
        learn_people(engine, {ADA: "ada@example.org", BEN: "ben@example.org"})
        make_batch(engine, items, [BOX], **batch)
        write_once(engine, queue, "b1", 0, draft_missed(engine, queue, "b1"))
        self.tasks: dict[int, tuple[str, ...]] = {}

    def post(self) -> dict[int, tuple[str, ...]]:
        """Note all that waits as posted; returns the questions of the new tasks."""
        new: dict[int, tuple[str, ...]] = {}
        for number, part in enumerate(unsent_queues(self.engine, self.queue, "b1", 0), start=7):
            with writing(self.engine) as session:
                write_bookmarks(session, {queue_of_project(number): part.model_dump_json()})
            rows = [one for one in questions(self.engine) if (one.queue, one.state) == (part.name, "written")]
            waiting = [one.id for one in sorted(rows, key=lambda one: ITEMS.index(one.item_id))]
            with reading(self.engine) as session:
                together = stand_together(session, part, waiting)
            tasks = {first: 100 + len(self.tasks) + n for n, first in enumerate(together)}
            note_posted(self.engine, number, {id_: tasks[first] for first, some in together.items() for id_ in some})
            new |= {task: together[first] for first, task in tasks.items()}
            self.tasks |= new
        return new

    def hear(self, task: int, result: Sequence[Any], annotation: int = 1, by: int = ADA, **said: Any) -> RecordReport:
        self.minute += 1
        one = self.row(self.tasks[task][0])
        note = {"id": annotation, "result": list(result), "completed_by": by, "lead_time": 40.0}
        at = {"updated_at": NOON + timedelta(minutes=self.minute)}
        data = {"question_id": one.id, STILLS: [{"question": id_} for id_ in self.tasks[task]]}
        return self.record(task, data, [note | at | said])

    def record(self, task: int, data: dict[str, Any], notes: Sequence[dict[str, Any]]) -> RecordReport:
        project = self.row(self.tasks[task][0]).project_id
        heard = {"id": task, "project_id": project, "data": data, "annotations": notes, "whole": True}
        return record_annotations(self.engine, [HeardTask.model_validate(heard)], "sweep")

    def row(self, question_id: str) -> Question:
        with reading(self.engine) as session:
            return session.get_one(Question, question_id)

    def counted(self) -> dict[str, list[str]]:
        """Regions of the answers that count, by the number of the item."""
        with reading(self.engine) as session:
            rows = session.exec(
                select(Question.item_id, Answer.raw)
                .join(Answer, Answer.question_id == Question.id)  # type: ignore[arg-type]
                .where(Answer.state == AnswerState.COUNTED.value)
            ).all()
        return {item: sorted(box["id"] for box in raw) for item, raw in rows}

    def states(self) -> list[str]:
        """States of the questions, item after item."""
        by_item = {one.item_id: one.state for one in questions(self.engine) if "~" not in one.queue}
        return [by_item[item_id(n)] for n in range(len(by_item))]


def drawn(*places: int, **changes: Any) -> list[dict[str, Any]]:
    """A new box on each of some stills."""
    return [one for place in places for one in onto_place([region(f"new{place}", **changes)], place)]


def test_neighbours_stand_on_strips_in_their_order_and_the_last_one_is_shorter(engine: Engine) -> None:
    world = Strips(engine)
    tasks = world.post()
    assert [[world.row(id_).item_id for id_ in some] for some in tasks.values()] == [
        [item_id(n) for n in range(4)],
        [item_id(n) for n in range(4, 6)],
    ]
    assert all(one.state == QuestionState.POSTED and one.prefilled_at for one in questions(engine))
    assert {one.task_id for one in questions(engine)} == set(tasks)


def test_each_still_has_its_own_answer_and_its_share_of_the_time(engine: Engine) -> None:
    world = Strips(engine)
    first, second = world.post()
    world.hear(first, drawn(0, 2))
    assert world.counted() == {item_id(0): ["new0"], item_id(1): [], item_id(2): ["new2"], item_id(3): []}
    assert [one.seconds for one in answers(engine)] == [10.0] * 4
    world.hear(second, drawn(1), annotation=2)
    assert world.counted()[item_id(5)] == ["new1"]
    assert world.states() == [QuestionState.ANSWERED] * 6
    assert progress(engine, world.queue.name, "b1").answered == 6


def test_one_bad_still_is_set_aside_alone_and_asked_of_somebody_else_alone(engine: Engine) -> None:
    world = Strips(engine)
    first, second = world.post()
    world.hear(first, [*drawn(0, 3), *drawn(1, class_name="tram")])
    assert sorted(world.counted()) == sorted(item_id(n) for n in (0, 2, 3))
    aside = [one for one in answers(engine) if one.state == AnswerState.SET_ASIDE]
    assert [world.row(one.question_id).item_id for one in aside] == [item_id(1)]
    assert "'tram'" in (aside[0].reason or "")
    world.hear(second, [], annotation=2)
    assert weigh_answers(engine, world.queue, "b1").opened == 1
    ((task, stills),) = world.post().items()
    assert [world.row(id_).item_id for id_ in stills] == [item_id(1)]
    world.hear(task, drawn(0), annotation=3, by=BEN)
    weigh_answers(engine, world.queue, "b1")
    assert world.states() == [QuestionState.ANSWERED] * 6


def test_a_bad_region_beside_good_ones_has_its_place_in_what_was_sent(engine: Engine) -> None:
    world = Strips(engine)
    first, _ = world.post()
    bad = onto_place([region("bad", edges=(0, 0, 9000, 9000))], 2)
    world.hear(first, [*drawn(0, 1, 2), *bad])
    assert world.counted()[item_id(2)] == ["new2"]
    with reading(engine) as session:
        (part,) = session.exec(select(AnswerPart)).all()
    assert (part.position, part.raw["id"]) == (3, "bad")


def test_heard_twice_late_and_out_of_order_it_says_the_same(engine: Engine) -> None:
    world = Strips(engine)
    first, _ = world.post()
    once = world.hear(first, drawn(0))
    world.minute -= 1
    again = world.hear(first, drawn(0))
    assert (once.new, again.new, again.repeated) == (4, 0, 4)
    world.minute += 1
    world.hear(first, drawn(1))
    world.minute -= 3
    world.hear(first, drawn(3))  # an earlier version, heard late
    assert world.counted() == {item_id(0): [], item_id(1): ["new1"], item_id(2): [], item_id(3): []}
    assert {one.annotation_id for one in answers(engine)} == {1}


def test_an_edit_and_a_deletion_are_each_stills(engine: Engine) -> None:
    world = Strips(engine)
    first, _ = world.post()
    world.hear(first, drawn(0, 1, 2, 3))
    world.hear(first, drawn(0, 1, 3))
    assert world.counted()[item_id(2)] == []
    record_deletions(engine, [1])
    assert world.counted() == {}
    assert world.states() == [QuestionState.POSTED] * 6
    world.hear(first, drawn(2), annotation=2)
    assert world.counted()[item_id(2)] == ["new2"]


def test_a_strip_is_skipped_as_a_whole_and_two_people_send_all_of_it_to_rework(engine: Engine) -> None:
    world = Strips(engine)
    first, _ = world.post()
    why = {
        "id": "w",
        "type": "choices",
        "from_name": "why",
        "to_name": "strip",
        "value": {"choices": ["something else"]},
    }
    world.hear(first, [why], was_cancelled=True)
    assert world.states() == [QuestionState.POSTED] * 6
    world.hear(first, [why], annotation=2, by=BEN, was_cancelled=True)
    assert world.states() == [QuestionState.REWORK] * 4 + [QuestionState.POSTED] * 2
    assert {one.reason for one in answers(engine)} == {"the person skipped the question: something else"}


def test_what_is_untouched_is_known_as_shown_on_each_still(engine: Engine) -> None:
    world = Strips(engine)
    first, _ = world.post()
    shown = [onto_place([region(proposal_id(item_id(n), 0), edges=BOX[3])], n)[0] for n in range(4)]
    world.hear(first, shown, parent_prediction=9)
    with reading(engine) as session:
        rows = session.exec(select(Answer)).all()
    assert [box["untouched"] for row in rows for box in row.raw] == [True] * 4
    assert {row.saw_proposals for row in rows} == {True}


def test_stills_whose_task_was_deleted_are_asked_again_without_those_that_are_answered(engine: Engine) -> None:
    world = Strips(engine)
    first, _ = world.post()
    world.hear(first, [*drawn(0, 2), *drawn(1, 3, class_name="tram")])
    with writing(engine) as session:  # what `reopen_gone` does with the open questions of a task that is gone
        for one in session.exec(select(Question).where(Question.task_id == first, Question.state == "posted")):
            one.state, one.task_id, one.prefilled_at = QuestionState.WRITTEN.value, None, None
            session.add(one)
    ((task, stills),) = world.post().items()
    assert [world.row(id_).item_id for id_ in stills] == [item_id(1), item_id(3)]
    report = world.hear(task, drawn(1), annotation=2, by=BEN)
    assert report.missing == (), "the annotation of the deleted task still holds what was said of the others"
    assert world.counted() == {item_id(0): ["new0"], item_id(1): [], item_id(2): ["new2"], item_id(3): ["new1"]}


def test_a_task_whose_sender_died_is_noted_with_all_its_stills_by_the_first_answer(engine: Engine) -> None:
    world = Strips(engine)
    first, _ = world.post()
    with writing(engine) as session:
        for one in session.exec(select(Question).where(Question.task_id == first)):
            one.state, one.task_id = QuestionState.WRITTEN.value, None
            session.add(one)
    world.hear(first, drawn(0), was_cancelled=True)
    assert {world.row(id_).task_id for id_ in world.tasks[first]} == {first}
    assert world.states()[:4] == [QuestionState.POSTED] * 4


@pytest.mark.parametrize("stills", [[], ["nobody's"], [7], [{"question": "nobody's"}], "x"])
def test_a_task_whose_stills_are_not_ours_says_nothing_of_other_questions(engine: Engine, stills: object) -> None:
    world = Strips(engine)
    first, _ = world.post()
    data = {"question_id": world.tasks[first][0], STILLS: stills}
    note = {"id": 1, "result": drawn(0), "updated_at": NOON, "completed_by": ADA, "lead_time": 3.0}
    world.record(first, data, [note])
    assert world.counted().keys() <= {item_id(0)}


def test_what_is_blind_never_stands_beside_what_is_prefilled(engine: Engine) -> None:
    world = Strips(engine, items=5, routes={1: Route.AUDIT, 3: Route.AUDIT})
    tasks = [[world.row(id_) for id_ in some] for some in world.post().values()]
    assert sorted([one.item_id for one in some] for some in tasks) == sorted(
        [[item_id(n) for n in (0, 2, 4)], [item_id(n) for n in (1, 3)]]
    )
    assert all(len({one.payload["blind"] for one in some}) == 1 for some in tasks)


def test_frames_stand_in_the_order_of_their_film_and_films_apart(engine: Engine) -> None:
    make_batch(engine, 5)
    with writing(engine) as session:
        for number, (sequence, frame) in enumerate([("a", 9), ("b", 0), ("a", 3), ("a", 6), ("b", 1)]):
            item = session.get_one(Item, item_id(number))
            item.sequence, item.frame = sequence, frame
            session.add(item)
    drafts = [draft for page in draft_missed(engine, STRIPS, "b1") for draft in page]
    stills = [one.payload["still"] for one in drafts]
    assert [(one["strip"], one["number"]) for one in stills] == [
        (item_id(2), 2),
        (item_id(1), 0),
        (item_id(2), 0),
        (item_id(2), 1),
        (item_id(1), 1),
    ]


def test_no_strip_takes_much_longer_than_a_minute(engine: Engine) -> None:
    doubtful: list[ProposedBox] = [("car", 0.5, Outcome.ASK, (90.0 * n, 64, 90.0 * n + 80, 128)) for n in range(4)]
    make_batch(engine, 4, doubtful)
    (page,) = draft_missed(engine, STRIPS, "b1", parts=PartOptions(seconds=60))
    strips = [draft.payload["still"]["strip"] for draft in page]
    assert len(set(strips)) == 2 and strips == sorted(strips, key=strips.index)


def test_people_who_see_strips_in_slots_agree_still_by_still(engine: Engine) -> None:
    queue = STRIPS.model_copy(update={"overlap": OverlapRule(least=2, most=2)})
    world = Strips(engine, queue, items=3)
    one, other = world.post()
    world.hear(one, drawn(0, 1))
    world.hear(other, drawn(0), annotation=2, by=BEN)
    weigh_answers(engine, queue, "b1", is_last=True)
    assert world.states() == [QuestionState.ANSWERED] * 3
    assert [len(some) for some in (world.counted()[item_id(n)] for n in (0, 2))] == [1, 0]


def test_strips_with_gold_and_of_what_is_asked_alone_are_refused_in_a_sentence() -> None:
    with pytest.raises(BadOption, match=r"hides gold.*Set `stills` to 1"):
        on_strips(QUEUE.model_copy(update={"gold": GoldRule()}), 4)
    with pytest.raises(BadOption, match=r"'class'.*one by one: leave `stills` at 1"):
        on_strips(choose_class_queue(("a", "b")), 2)


def test_a_batch_that_was_asked_one_by_one_goes_on_so_whatever_the_line_wants_now() -> None:
    assert STRIPS.joined_with(QUEUE).stills == 1
    assert QUEUE.joined_with(STRIPS).stills == 4


def test_an_annotation_that_is_gone_from_a_twin_of_its_task_is_missed(engine: Engine) -> None:
    world = Strips(engine, QUEUE, items=1)
    world.post()
    ((task, (question,)),) = world.tasks.items()
    note = {"id": 1, "result": [], "updated_at": NOON, "completed_by": ADA, "lead_time": 3.0}
    data = {"question_id": question}
    for notes, missing in (([note], ()), ([], (1,))):
        heard = {"id": task + 1, "project_id": world.row(question).project_id, "data": data, "annotations": notes}
        report = record_annotations(engine, [HeardTask.model_validate(heard | {"whole": True})], "sweep")
        assert (report.missing, report.twins) == (missing, (question,))


def test_a_later_still_that_stands_in_another_task_too_is_told_as_a_twin(engine: Engine) -> None:
    world = Strips(engine)
    first, second = world.post()
    (other, *_), (late, *_) = world.tasks[first], world.tasks[second]
    note_posted(engine, 7, {other: first + 100})
    world.tasks[first + 100] = (other, late)
    assert world.hear(first + 100, drawn(0)).twins == (late,)


def test_a_skipped_strip_is_asked_again_as_a_strip(engine: Engine) -> None:
    world = Strips(engine)
    first, second = world.post()
    for annotation, person in ((1, ADA), (2, BEN)):
        world.hear(first, [], annotation=annotation, by=person, was_cancelled=True)
    world.hear(second, drawn(0), annotation=3)
    with writing(engine) as session:
        session.get_one(Batch, "b1").settled_at = utc_now()
        session.get_one(BatchItem, ("b1", item_id(4))).settled_at = utc_now()
    (asked,) = reopen(engine, "lot", [], "a run").asked
    again = [one for one in questions(engine) if one.round == asked.questions.round]
    with reading(engine) as session:
        (strip,) = stand_together(session, asked.queue, [one.id for one in again]).values()
    assert [world.row(id_).item_id for id_ in strip] == [item_id(n) for n in range(4)]
