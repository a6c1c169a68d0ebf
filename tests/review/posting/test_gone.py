"""What somebody deletes in Label Studio: an open question is asked again, an answered one stays answered.

Label Studio rings for no deletion of a task, so nothing but a look for it tells.
"""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import update

from blocks.database.engine import writing
from blocks.database.tables import Outcome, Question, QuestionState, utc_now
from blocks.errors import TokenRefused
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting import gone
from tasks.review.posting.duplicates import find_tasks
from tasks.review.posting.gone import ask_gone_again, reopen_gone
from tasks.review.posting.outbox import post_questions
from tasks.review.posting.projects import ensure_webhook
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.review.receiving.poll import read_all_changes
from tests.chaos.relay import Relay
from tests.label_studio import server_at
from tests.review.builders import NOON, QUEUE, answers, make_batch, questions, region, write_missed

pytestmark = pytest.mark.label_studio

BOXES = [("car", 0.4, Outcome.ASK, (100.0, 200.0, 155.0, 244.0))]
ROUND = (QUEUE.name, "b1", 0)


@pytest.fixture
def project_id(engine: Engine, label_studio: AnnotationServer) -> int:
    """A project of the test's own with four posted questions."""
    make_batch(engine, items=4, boxes=BOXES, collection=f"gone-{uuid4().hex[:8]}")
    write_missed(engine)
    posted = post_questions(engine, label_studio, QUEUE, "b1").project_id
    assert posted is not None
    age(engine)
    return posted


def age(engine: Engine) -> None:
    """Say that everything was posted an hour ago: no sender is waited for that may yet be at it."""
    with writing(engine) as session:
        session.exec(update(Question).values(posted_at=utc_now() - timedelta(hours=1)))


def delete(server: AnnotationServer, *task_ids: int | None) -> None:
    for task_id in task_ids:
        server.call("DELETE", f"api/tasks/{task_id}/")


def answer(server: AnnotationServer, task_id: int | None) -> None:
    server.call("POST", f"api/tasks/{task_id}/annotations/", body={"result": [region()], "lead_time": 2.0})


def each_stands_once(engine: Engine, server: AnnotationServer) -> None:
    """Check that each open question is in Label Studio once, where we think it is."""
    standing = [one for one in questions(engine) if one.state == QuestionState.POSTED]
    found = {}
    for project_id in {one.project_id for one in standing if one.project_id}:
        found |= find_tasks(server, project_id, NOON.replace(year=2020))
    assert {one.id: [one.task_id] for one in standing} == {
        one.id: [task.task_id for task in found[one.id]] for one in standing
    }


def test_an_open_question_whose_task_was_deleted_is_asked_again_with_its_proposals(
    engine: Engine, label_studio: AnnotationServer, project_id: int
) -> None:
    lost = questions(engine)[0]
    delete(label_studio, lost.task_id)
    found = ask_gone_again(engine, label_studio, *ROUND)
    assert (found.looked_for, found.questions, found.projects) == (4, 1, ())
    asked = questions(engine)[0]
    assert (asked.state, asked.project_id) == (QuestionState.POSTED, project_id)
    assert asked.task_id not in (None, lost.task_id)
    assert len(label_studio.call("GET", f"api/tasks/{asked.task_id}/")["predictions"]) == 1
    each_stands_once(engine, label_studio)
    assert ask_gone_again(engine, label_studio, *ROUND).questions == 0


def test_what_is_there_is_left_alone(engine: Engine, label_studio: AnnotationServer, project_id: int) -> None:
    before = [(one.state, one.task_id) for one in questions(engine)]
    assert ask_gone_again(engine, label_studio, *ROUND).questions == 0
    assert [(one.state, one.task_id) for one in questions(engine)] == before


def test_a_question_whose_answer_we_have_stays_answered_when_its_task_is_deleted(
    engine: Engine, label_studio: AnnotationServer, project_id: int
) -> None:
    answered = questions(engine)[0]
    answer(label_studio, answered.task_id)
    read_all_changes(engine, label_studio)
    delete(label_studio, answered.task_id)
    read_all_changes(engine, label_studio)
    assert ask_gone_again(engine, label_studio, *ROUND).questions == 0
    assert questions(engine)[0].state == QuestionState.ANSWERED
    assert [one.state for one in answers(engine)] == ["counted"]


def test_a_deleted_project_is_made_anew_with_its_open_questions_only(
    engine: Engine, label_studio: AnnotationServer, project_id: int
) -> None:
    answer(label_studio, questions(engine)[0].task_id)
    read_all_changes(engine, label_studio)
    label_studio.call("DELETE", f"api/projects/{project_id}/")
    assert read_all_changes(engine, label_studio).gone == (project_id,)
    found = ask_gone_again(engine, label_studio, *ROUND)
    assert (found.questions, found.projects) == (3, (project_id,))
    rows = questions(engine)
    assert [one.state for one in rows] == [QuestionState.ANSWERED, *[QuestionState.POSTED] * 3]
    (made,) = {one.project_id for one in rows[1:]}
    assert made != project_id
    assert ensure_webhook(label_studio, made or 0) is False, "it rings"
    each_stands_once(engine, label_studio)
    answer(label_studio, rows[1].task_id)
    assert read_all_changes(engine, label_studio).recorded.new == 1


def test_all_tasks_of_a_project_deleted_are_asked_again_in_it(
    engine: Engine, label_studio: AnnotationServer, project_id: int
) -> None:
    everything = {"selectedItems": {"all": True, "excluded": []}}
    label_studio.call("POST", "api/dm/actions", params={"id": "delete_tasks", "project": project_id}, body=everything)
    assert ask_gone_again(engine, label_studio, *ROUND).questions == 4
    assert {one.project_id for one in questions(engine)} == {project_id}
    each_stands_once(engine, label_studio)


def test_slots_are_looked_for_as_well(engine: Engine, label_studio: AnnotationServer) -> None:
    make_batch(engine, items=2, boxes=BOXES, collection=f"gone-{uuid4().hex[:8]}")
    queue = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=3)))
    write_missed(engine, queue=queue)
    for slot in ("~1", "~2"):
        post_questions(engine, label_studio, queue.model_copy(update={"name": f"{QUEUE.name}{slot}"}), "b1")
    age(engine)
    slot = next(one for one in questions(engine) if one.queue == f"{QUEUE.name}~2")
    delete(label_studio, slot.task_id)
    found = ask_gone_again(engine, label_studio, *ROUND)
    assert (found.looked_for, found.questions) == (4, 1)
    each_stands_once(engine, label_studio)


def test_a_sender_that_dies_after_noting_what_is_gone_loses_nothing(
    engine: Engine, label_studio: AnnotationServer, project_id: int
) -> None:
    delete(label_studio, questions(engine)[0].task_id)
    reopen_gone(engine, label_studio, *ROUND)  # and dies here
    assert questions(engine)[0].state == QuestionState.WRITTEN
    assert ask_gone_again(engine, label_studio, *ROUND).questions == 0
    each_stands_once(engine, label_studio)


def test_a_task_that_is_only_taken_for_gone_is_found_again_and_not_doubled(
    engine: Engine, label_studio: AnnotationServer, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {one.id: one.task_id for one in questions(engine)}
    monkeypatch.setattr(gone, "_present", lambda *_: set())  # a list that shows nothing
    assert ask_gone_again(engine, label_studio, *ROUND).questions == 4
    assert {one.id: one.task_id for one in questions(engine)} == before
    each_stands_once(engine, label_studio)


def test_a_bounded_look_goes_round(engine: Engine, label_studio: AnnotationServer, project_id: int) -> None:
    last = max(one.task_id or 0 for one in questions(engine))
    delete(label_studio, last)
    found = [ask_gone_again(engine, label_studio, *ROUND, most=3) for _ in range(3)]
    assert [(one.looked_for, one.questions) for one in found] == [(3, 0), (1, 1), (3, 0)]


def test_a_refused_token_takes_nothing_for_gone(
    engine: Engine, label_studio: AnnotationServer, project_id: int
) -> None:
    with pytest.raises(TokenRefused, match="copy it from Account"):
        reopen_gone(engine, server_at(label_studio.url, "f" * 40), *ROUND)
    assert {one.state for one in questions(engine)} == {QuestionState.POSTED}


def test_a_renamed_project_is_known_again_by_its_tasks(
    engine: Engine, label_studio: AnnotationServer, project_id: int
) -> None:
    label_studio.call("PATCH", f"api/projects/{project_id}/", body={"title": "what a person calls it"})
    delete(label_studio, questions(engine)[0].task_id)
    assert ask_gone_again(engine, label_studio, *ROUND).questions == 1
    assert {one.project_id for one in questions(engine)} == {project_id}
    each_stands_once(engine, label_studio)


def test_a_label_config_changed_by_hand_is_as_it_was_at_the_next_posting(
    engine: Engine, label_studio: AnnotationServer, project_id: int
) -> None:
    path = f"api/projects/{project_id}/"
    ours = label_studio.call("GET", path)["label_config"]
    changed = ours.replace('value="truck"', 'value="lorry"')
    assert changed != ours
    label_studio.call("PATCH", path, body={"label_config": changed})
    delete(label_studio, questions(engine)[0].task_id)
    ask_gone_again(engine, label_studio, *ROUND)
    assert label_studio.call("GET", path)["label_config"] == ours


def test_one_project_that_cannot_be_read_is_told_and_the_others_are_read(
    engine: Engine, label_studio: AnnotationServer, project_id: int
) -> None:
    make_batch(engine, items=1, boxes=BOXES, batch_id="b2", collection=f"gone-{uuid4().hex[:8]}")
    write_missed(engine, "b2")
    other = post_questions(engine, label_studio, QUEUE, "b2").project_id
    for one in questions(engine):
        answer(label_studio, one.task_id)
    with Relay(label_studio) as relay:
        for status in (500, 403):
            with relay.failing(lambda _, path: f"project={project_id}&" in path, status):
                report = read_all_changes(engine, relay.server)
            assert [one.what for one in report.unreadable] == [f"project {project_id}"]
            assert f"HTTP {status}" in report.unreadable[0].reason
        assert {one.state for one in questions(engine) if one.project_id == other} == {QuestionState.ANSWERED}
        assert {one.state for one in questions(engine) if one.project_id == project_id} == {QuestionState.POSTED}
        assert read_all_changes(engine, relay.server).recorded.new == 4, "nothing is lost by it"


def test_a_token_refused_for_a_while_is_no_project_that_is_gone(
    engine: Engine, label_studio: AnnotationServer, project_id: int
) -> None:
    answer(label_studio, questions(engine)[0].task_id)
    with pytest.raises(TokenRefused, match=r"secrets\.json"):
        read_all_changes(engine, server_at(label_studio.url, "f" * 40))
    report = read_all_changes(engine, label_studio)
    assert (report.recorded.new, report.unreadable, report.gone) == (1, (), ())


def test_a_deleted_webhook_is_made_anew(engine: Engine, label_studio: AnnotationServer, project_id: int) -> None:
    (hook,) = label_studio.call("GET", "api/webhooks/", params={"project": project_id})
    label_studio.call("DELETE", f"api/webhooks/{hook['id']}/")
    assert [ensure_webhook(label_studio, project_id) for _ in range(2)] == [True, False]
