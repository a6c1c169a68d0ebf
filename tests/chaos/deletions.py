"""What people delete, rename and break in Label Studio around open questions. Each function is one story.

Nothing rings when a task is deleted, so only a look for it tells. What is counted after a story: see `standing.py`.
"""

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlmodel import col, update

from blocks.apart import Failures
from blocks.database.engine import writing
from blocks.database.tables import Question, QuestionState, utc_now
from blocks.errors import LabellingError, TokenRefused
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.mending import mend_questions
from tasks.review.posting.gone import reopen_gone
from tasks.review.posting.outbox import post_questions
from tasks.review.receiving.poll import read_all_changes
from tests.chaos.crowd import Crowd
from tests.chaos.faults import lock_held
from tests.chaos.ground import QUEUE, Ground, lay_ground
from tests.chaos.post_office import PostOffice
from tests.chaos.relay import Relay

SLOW_S = 3.5
"""Longer than anybody waits who only asks whether Label Studio is there."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One trial: a sleeping run's posted questions, people, and what they delete.

    Attributes:
        relay: The same Label Studio, behind what fails where it is told to.
    """

    ground: Ground
    server: AnnotationServer
    crowd: Crowd
    office: PostOffice
    relay: Relay
    dice: random.Random
    lock_s: float

    @property
    def project_id(self) -> int:
        """Where the questions stand."""
        return next(one.project_id for one in self.ground.questions if one.project_id)

    def sweep(self, server: AnnotationServer | None = None) -> Failures:
        """Do what the scheduled flow does, but for Prefect's part of it."""
        failures = Failures()
        with failures.apart("reading answers"):
            failures.found += read_all_changes(self.ground.engine, server or self.server).unreadable
        with failures.apart("looking for open questions"):
            mend_questions(self.ground.engine, server or self.server, failures)
        return failures

    def half(self) -> list[Question]:
        """Return a random half of the questions, never none and never all of several."""
        questions = self.ground.questions
        return self.dice.sample(questions, max(1, len(questions) // 2))

    def delete(self, questions: Sequence[Question]) -> None:
        """Delete the tasks of some questions, as a person does in Label Studio's list."""
        tasks = {"all": False, "included": [one.task_id for one in questions]}
        params = {"id": "delete_tasks", "project": self.project_id}
        self.server.call("POST", "api/dm/actions", params=params, body={"selectedItems": tasks})


def make_older(ground: Ground) -> None:
    """Say that all was posted an hour ago: no sender is waited for that may yet be at it."""
    with writing(ground.engine) as session:
        mine = update(Question).where(col(Question.batch_id) == ground.batch_id)
        session.exec(mine.values(posted_at=utc_now() - timedelta(hours=1)))


def open_tasks_deleted(scene: Scene) -> None:
    """Half of the open tasks are deleted."""
    scene.delete(scene.half())


def answered_tasks_deleted(scene: Scene) -> None:
    """Half is answered, heard, and deleted with its tasks."""
    half = scene.half()
    for question in half:
        scene.crowd.answer(question)
    scene.sweep()
    scene.delete(half)


def edited_and_deleted(scene: Scene) -> None:
    """Answers are heard, edited, and their tasks deleted before anybody reads the edit; the webhooks come late."""
    half = scene.half()
    given = [scene.crowd.answer(question) for question in half]
    scene.sweep()
    for one in given:
        scene.crowd.edit(one)
    scene.delete(half)
    scene.office.deliver(scene.office.collect())


def all_tasks_deleted(scene: Scene) -> None:
    """Some answer, and all tasks of the project are deleted."""
    answered_tasks_deleted(scene)
    scene.delete([one for one in scene.ground.questions if one.state == QuestionState.POSTED])


def project_deleted(scene: Scene) -> None:
    """Half is answered and heard, and the project is deleted."""
    for question in scene.half():
        scene.crowd.answer(question)
    scene.sweep()
    scene.server.call("DELETE", f"api/projects/{scene.project_id}/")


def project_deleted_twice(scene: Scene) -> None:
    """The project is deleted, made anew by a sweep, and deleted again."""
    project_deleted(scene)
    scene.sweep()
    standing = {one.project_id for one in scene.ground.questions if one.state == QuestionState.POSTED}
    make_older(scene.ground)
    for project_id in standing:
        scene.server.call("DELETE", f"api/projects/{project_id}/")


def deleted_while_people_answer(scene: Scene) -> None:
    """Tasks are deleted while people answer and sweeps run; whose task is gone is told so by Label Studio."""
    half = scene.half()
    halves = {one.id for one in half}
    rest = [one for one in scene.ground.questions if one.id not in halves]

    def work() -> None:
        for question in rest:
            scene.crowd.answer(question)

    people = threading.Thread(target=work, daemon=True)
    people.start()
    for question in half:
        scene.delete([question])
        scene.sweep()
    people.join()


def sweeper_killed(scene: Scene) -> None:
    """A sweep dies after it has noted what is gone, and before it has posted anything."""
    scene.delete(scene.half())
    reopen_gone(scene.ground.engine, scene.server, QUEUE.name, scene.ground.batch_id, 0)


def webhook_deleted(scene: Scene) -> None:
    """Somebody deletes the webhook, and half answer unheard; after a sweep it rings again for the others."""
    for webhook in scene.server.call("GET", "api/webhooks/", params={"project": scene.project_id}):
        scene.server.call("DELETE", f"api/webhooks/{webhook['id']}/")
    half = scene.half()
    for question in half:
        scene.crowd.answer(question)
    scene.office.collect()
    scene.sweep()
    other = next(one for one in scene.ground.questions if one.state == QuestionState.POSTED)
    scene.crowd.answer(other)
    letters = scene.office.collect()
    if not letters:
        raise LabellingError(f"the webhook of project {scene.project_id} does not ring after a sweep")
    scene.office.deliver(letters)


def config_changed(scene: Scene) -> None:
    """Somebody renames a class in the project's label config, and deletes half of the tasks."""
    path = f"api/projects/{scene.project_id}/"
    config = scene.server.call("GET", path)["label_config"].replace('value="truck"', 'value="lorry"')
    scene.server.call("PATCH", path, body={"label_config": config})
    scene.delete(scene.half())


def project_renamed(scene: Scene) -> None:
    """Somebody renames the project, and deletes half of the tasks: they are asked again in the same project."""
    before = scene.project_id
    scene.server.call("PATCH", f"api/projects/{before}/", body={"title": "what a person calls it"})
    scene.delete(scene.half())
    scene.sweep()
    if {one.project_id for one in scene.ground.questions} != {before}:
        raise LabellingError(f"questions of renamed project {before} are asked in another one (expected: in it)")


def account_deleted(scene: Scene) -> None:
    """Somebody answers, is heard, and their account is deleted."""
    email = f"{scene.ground.batch_id}@people.invalid"
    user = scene.server.call("POST", "api/users/", body={"email": email, "username": email})["id"]
    for question in scene.half():
        scene.crowd.answer(question, by=user)
    scene.sweep()
    scene.server.call("DELETE", f"api/users/{user}/")


def one_project_unreadable(scene: Scene) -> None:
    """Label Studio fails for this one project while people answer in it, and in another one."""
    other = lay_ground(scene.ground.url, 2)
    post_questions(other.engine, scene.server, QUEUE, other.batch_id)
    for question in [*scene.half(), *other.questions]:
        scene.crowd.answer(question)
    with scene.relay.failing(lambda _, path: f"project={scene.project_id}&" in path, 500):
        failures = scene.sweep(scene.relay.server)
    if not failures.found:
        raise LabellingError("a sweep that could not read a project is green (expected: it says which)")
    if {one.state for one in other.questions} != {QuestionState.ANSWERED.value}:
        raise LabellingError("one unreadable project kept another one from being read (expected: answered)")


def token_refused(scene: Scene) -> None:
    """The token is reset while people answer; sweeps fail until it is right again."""
    for question in scene.half():
        scene.crowd.answer(question)
    wrong = replace(scene.server, api_token="f" * 40)
    with suppress(TokenRefused):
        read_all_changes(scene.ground.engine, wrong)
        raise LabellingError("a sweep with a wrong token read something (expected: refused)")
    if not scene.sweep(wrong).found:
        raise LabellingError("a sweep with a wrong token is green (expected: it says what to copy where)")


def label_studio_slow(scene: Scene) -> None:
    """Half of the tasks are deleted, and Label Studio takes long to list the project's while a sweep looks for them."""
    scene.delete(scene.half())
    ours = f"project={scene.project_id}&"
    with scene.relay.failing(lambda _, path: path.startswith("/api/tasks") and ours in path, after_s=SLOW_S):
        failures = scene.sweep(scene.relay.server)
    if failures.found:
        raise LabellingError(f"slow was taken for down: {failures.found[0]}")


def catalogue_locked(scene: Scene) -> None:
    """Somebody holds the catalogue's write lock while a sweep looks for what was deleted."""
    scene.delete(scene.half())
    with lock_held(scene.ground.url, scene.lock_s):
        scene.sweep()


def stories() -> dict[str, Callable[[Scene], None]]:
    """Return the stories by what the table calls them."""
    return {
        "open tasks deleted": open_tasks_deleted,
        "answered tasks deleted": answered_tasks_deleted,
        "answers edited, their tasks deleted": edited_and_deleted,
        "all tasks of a project deleted": all_tasks_deleted,
        "project deleted": project_deleted,
        "project deleted, and again": project_deleted_twice,
        "tasks deleted while people answer": deleted_while_people_answer,
        "sweeper killed before it asks again": sweeper_killed,
        "webhook deleted": webhook_deleted,
        "label config changed by hand": config_changed,
        "project renamed": project_renamed,
        "annotator's account deleted": account_deleted,
        "one unreadable project among several": one_project_unreadable,
        "wrong token for a while": token_refused,
        f"Label Studio answers after {SLOW_S:g} s": label_studio_slow,
        "catalogue locked while tasks are gone": catalogue_locked,
    }
