"""The promise as one person sees it: log in, get the most useful question, mend it, submit, and the line goes on."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Label, QuestionState
from infra.browser.screenshots import log_in, open_page
from infra.demo.runs import wait_for_run
from infra.stack.orchestration.connection import connected
from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.review.questions.kinds.correct import CorrectPayload
from tests.browser.person import LabelStream, sign_up
from tests.running.conftest import LIMIT_S, AskedLine

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]

EMAIL, PASSWORD = "ann@people.invalid", "a-password-only-for-tests"
MOVED_PX = (24.0, -16.0)
MARGIN_PX = 15


def boxes_apart(boxes: Sequence[ShownBox]) -> list[ShownBox]:
    """Return the boxes that no other comes near, the easiest to grab first."""

    def is_alone(box: ShownBox) -> bool:
        return all(
            other.id == box.id
            or other.x_min > box.x_max + MARGIN_PX
            or other.x_max < box.x_min - MARGIN_PX
            or other.y_min > box.y_max + MARGIN_PX
            or other.y_max < box.y_min - MARGIN_PX
            for other in boxes
        )

    return sorted(filter(is_alone, boxes), key=lambda box: -min(box.x_max - box.x_min, box.y_max - box.y_min))


@pytest.mark.timeout(900)
def test_a_person_mends_the_most_useful_question_and_the_sleeping_run_settles_with_it(
    chromium: Path, asked_line: AskedLine, tmp_path: Path
) -> None:
    questions = asked_line.questions()
    first = questions[0]
    assert first.project_id is not None
    payload = CorrectPayload.model_validate(first.payload)
    assert payload.part is not None, "so many boxes come in parts"
    size_wh = payload.part.size_wh
    to_move, to_delete = boxes_apart(payload.part.shown(payload.boxes))[:2]
    before = next(box for box in payload.boxes if box.id == to_move.id)

    sign_up(asked_line.server, EMAIL, PASSWORD)
    with open_page() as page:
        log_in(page, asked_line.state.urls.label_studio, EMAIL, PASSWORD)
        stream = LabelStream(page, asked_line.state.urls.label_studio, first.project_id)
        stream.drag(to_move, size_wh, MOVED_PX)
        stream.delete(to_delete, size_wh)
        stream.picture(str(tmp_path / "mended.png"))
        for left in range(len(questions) - 1, -1, -1):
            stream.submit(is_last=left == 0)
    assert stream.served[: len(questions)] == [question.task_id for question in questions]
    assert stream.refused == []

    with connected(asked_line.state) as client:
        wait_for_run(client, asked_line.run_id, LIMIT_S)  # woken by the doorbell: nobody has swept yet
    with reading(asked_line.engine) as session:
        asked = col(Answer.question_id).in_([question.id for question in questions])
        answers = {answer.question_id: answer for answer in session.exec(select(Answer).where(asked))}
        in_force = {label.region: label for label in session.exec(select(Label).where(Label.item_id == first.item_id))}
    assert {question.state for question in asked_line.questions()} == {QuestionState.ANSWERED}
    # A webhook knows a new person by number only; nobody has swept, so the gateway has asked for the name.
    assert {(one.person, one.state, one.heard_by) for one in answers.values()} == {
        (EMAIL, AnswerState.COUNTED, "doorbell")
    }
    # Each began with its proposals, and the browser says so; a question that proposes nothing has none to show.
    assert {id_: one.saw_proposals for id_, one in answers.items()} == {
        question.id: True if question.payload["boxes"] else None for question in questions
    }
    said = {box["id"]: box for box in answers[first.id].raw}
    assert len(said) == len(payload.boxes) - 1 and to_delete.id not in said
    assert [id_ for id_, box in said.items() if not box["untouched"]] == [to_move.id]
    assert said[to_move.id]["x_min"] - before.x_min == pytest.approx(MOVED_PX[0], abs=2)
    assert said[to_move.id]["y_min"] - before.y_min == pytest.approx(MOVED_PX[1], abs=2)
    assert to_delete.id not in in_force
    settled = in_force[to_move.id]
    assert (settled.origin, settled.answer_id) == ("person", answers[first.id].id)
    assert (settled.x_min, settled.y_max) == (said[to_move.id]["x_min"], said[to_move.id]["y_max"])
