"""Proposals that surely stand in Label Studio: what an import lost is found by reading back, and posted again.

Label Studio answers an import with 201 and the right number of tasks, and none of their predictions is there: it takes
the predictions out of the request before it writes, and where SQLite says "database is locked" it begins anew with what
is left of the request (`retry_database_locked` around `BaseTaskSerializerBulk.create`, 1.23.2; no flag changes that).
Our own stack starts it so that this cannot happen (`infra/stack/for_label_studio`); somebody else's we can only check.

So a question counts as posted when its prediction has been seen, not when an import was answered. Reading back costs a
fortieth of the import: Label Studio lists the tasks that have none of ours, and mostly that is an empty list.
"""

import logging
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select, update

from blocks.database.engine import reading, writing
from blocks.database.tables import Question, QuestionState, utc_now
from blocks.errors import LabelStudioFailed, LabelStudioRefused
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.duplicates import PAGE_SIZE, list_tasks, where
from tasks.review.questions.bookmarks import queues_by_project
from tasks.review.questions.kinds.boxes.strip import stills_in
from tasks.review.questions.queue import Queue
from tasks.review.questions.strips.standing import asked_items
from tasks.review.questions.task import MODEL_VERSION, task_of

WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Between attempts to post again. What holds the lock lets go of it: a statement lasts milliseconds, a large import
seconds. After these the posting ends with an error, and whoever runs it again begins here."""

CHUNK_SIZE = 200
"""Predictions per request: while Label Studio writes them, somebody may open a question that waits for its own."""

log = logging.getLogger(__name__)


def ensure_prefilled(
    engine: Engine,
    server: AnnotationServer,
    queue: Queue,
    project_id: int,
    task_by_question: Mapping[str, int],
    *,
    wait_s: float = 0.0,
) -> int:
    """See to it that each of these tasks has its one prediction of ours; a second call finds nothing to do.

    Args:
        engine: The catalogue, which has what the questions show.
        server: Label Studio.
        queue: Of the questions.
        project_id: Where the tasks are.
        task_by_question: Under which task each question stands; may be empty. Tasks that are gone are left alone. Of a
            strip any of its stills will do: what stands in its task is read there.
        wait_s: How long somebody else's request about these tasks may still be going on inside Label Studio.

    Returns:
        How many tasks had none, and have one now.

    Raises:
        LabelStudioUnavailable: It does not answer, or fails for longer than `WAITS_S`: run again.
        LabelStudioRefused: It does not take them, or does not show what it took.
    """
    lacking = _lacking(server, project_id, task_by_question)
    deadline = time.monotonic() + wait_s
    while lacking and time.monotonic() < deadline:
        time.sleep(1.0)
        lacking = _lacking(server, project_id, lacking)
    if not lacking:
        return 0
    _refuse_unkept_filter(server, project_id, lacking)
    log.warning("%d of %d tasks lack their proposals: project %d", len(lacking), len(task_by_question), project_id)
    left = lacking
    for wait in (*WAITS_S, None):
        try:
            _post(engine, server, queue, project_id, left)
            break
        except LabelStudioFailed as error:  # it is over, so what it wrote before it failed is seen by reading
            if wait is None:
                raise
            log.warning("posting proposals again in %.1f s: %s", wait, error)
            time.sleep(wait)
        left = _lacking(server, project_id, left)
    left = _lacking(server, project_id, left)
    if left:
        raise LabelStudioRefused(
            f"Label Studio at {server.url} took the proposals of {len(lacking)} questions of project {project_id} and "
            f"shows none for {len(left)} of them (tasks {sorted(left.values())[:5]}). Look at its log; then run again."
        )
    _remove_doubles(server, project_id, lacking)
    log.info("posted the proposals of %d questions of project %d again", len(lacking), project_id)
    return len(lacking)


def mend_project(engine: Engine, server: AnnotationServer, project_id: int) -> int:
    """See to the proposals of what is open in a project and was never seen with them; a second call finds nothing.

    Such are questions that were posted by an earlier version of this line, and those that somebody skipped, or answered
    and took back, before their sender had seen them whole.

    Returns:
        How many tasks had none, and have one now.

    Raises:
        LabelStudioUnavailable: It does not answer: the next sweep goes on.
        LabelStudioRefused: As `ensure_prefilled`.
    """
    doubtful = select(Question.id, Question.task_id).where(
        Question.project_id == project_id,
        Question.state == QuestionState.POSTED.value,
        col(Question.task_id).is_not(None),
        col(Question.prefilled_at).is_(None),
    )
    with reading(engine) as session:
        rows = session.exec(doubtful.order_by(col(Question.task_id))).all()
        queue = queues_by_project(session, [project_id]).get(project_id)
    if queue is None:
        return 0
    mended = 0
    for part in _parts(rows, PAGE_SIZE):
        tasks = {question: task for question, task in part if task is not None}
        mended += ensure_prefilled(engine, server, queue, project_id, tasks)
        note_prefilled(engine, tasks)
    return mended


def note_prefilled(engine: Engine, question_ids: Collection[str]) -> None:
    """Note that the proposals of these questions have been seen in Label Studio."""
    for part in _parts(sorted(question_ids), PAGE_SIZE):
        mine = col(Question.id).in_(part) & col(Question.prefilled_at).is_(None)
        with writing(engine) as session:
            session.exec(update(Question).where(mine).values(prefilled_at=utc_now()))


def _lacking(server: AnnotationServer, project_id: int, task_by_question: Mapping[str, int]) -> dict[str, int]:
    """Return the tasks that are there and have no prediction of ours, each by one of the questions in it."""
    if not task_by_question:
        return {}
    ours = {task: question for question, task in task_by_question.items()}
    found: dict[str, int] = {}
    after, last = min(ours) - 1, max(ours)
    while True:
        lacks = ("predictions_model_versions", "not_contains", [MODEL_VERSION])
        query = where(("id", "greater", after), ("id", "less", last + 1), lacks)
        page = [int(task["id"]) for task in list_tasks(server, project_id, query, ("id",))]
        found.update({ours[task]: task for task in page if task in ours})
        if len(page) < PAGE_SIZE:
            return found
        after = page[-1]


def _refuse_unkept_filter(server: AnnotationServer, project_id: int, lacking: Mapping[str, int]) -> None:
    """Ask about one task by itself: a list that does not keep to its filter would have all predictions doubled."""
    task = min(lacking.values())
    if _predictions_of(server, task):
        raise LabelStudioRefused(
            f"Label Studio at {server.url} lists task {task} of project {project_id} as one without predictions, and "
            "it has one: nothing is posted again. Use 1.23.2, which keeps to the filter."
        )


def _post(
    engine: Engine, server: AnnotationServer, queue: Queue, project_id: int, task_by_question: Mapping[str, int]
) -> None:
    for part in _parts(sorted(task_by_question, key=task_by_question.__getitem__), CHUNK_SIZE):
        together = _standing(server, project_id, {id_: task_by_question[id_] for id_ in part})
        mine = col(Question.id).in_([still for some in together.values() for still in some])
        with writing(engine) as session:  # a later sender waits from here on until this request must be over
            session.exec(update(Question).where(mine).values(posted_at=utc_now()))
        asked = asked_items(engine, together)
        body = [
            {"task": task_by_question[id_], **task_of(server, queue, some)["predictions"][0]}
            for id_, some in asked.items()
        ]
        answer = server.call("POST", f"api/projects/{project_id}/import/predictions", body=body)
        if answer.get("created") != len(body):
            log.warning("Label Studio says that it made %s of %d predictions", answer.get("created"), len(body))


def _standing(
    server: AnnotationServer, project_id: int, task_by_question: Mapping[str, int]
) -> dict[str, tuple[str, ...]]:
    """Return which questions stand in the task of each of some, as the tasks say; without those that are gone."""
    query = {"selectedItems": {"all": False, "included": sorted(task_by_question.values())}}
    page = list_tasks(server, project_id, query, ("id", "data"), page_size=len(task_by_question))
    stills = {int(task["id"]): stills_in(task["data"]) for task in page}
    return {id_: stills[task] or (id_,) for id_, task in task_by_question.items() if task in stills}


def _remove_doubles(server: AnnotationServer, project_id: int, task_by_question: Mapping[str, int]) -> None:
    """Keep one prediction of ours per task, the oldest, where two senders have mended at once."""
    ours = set(task_by_question.values())
    after = min(ours) - 1
    while True:
        query = where(("id", "greater", after), ("id", "less", max(ours) + 1), ("total_predictions", "greater", 1))
        page = [int(task["id"]) for task in list_tasks(server, project_id, query, ("id",))]
        for task in ours.intersection(page):
            for surplus in _predictions_of(server, task)[1:]:
                server.call("DELETE", f"api/predictions/{surplus}/", absent_ok=True)
        if len(page) < PAGE_SIZE:
            return
        after = page[-1]


def _predictions_of(server: AnnotationServer, task_id: int) -> list[int]:
    """Return the ids of a task's predictions of ours, the oldest first."""
    found = server.call("GET", "api/predictions/", params={"task": task_id})
    return sorted(int(each["id"]) for each in found if each["model_version"] == MODEL_VERSION)


def _parts(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
