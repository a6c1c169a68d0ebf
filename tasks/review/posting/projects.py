"""A queue's project in Label Studio: made once, kept as the queue says, with the webhook that rings our doorbell.

The batches of a collection share it, one after the other. While questions of one are open there, a batch that asks for
other classes, or other people, gets a project of its own beside it (`lot: mark-missed (2)`): what people read above a
picture must be what its batch asks, and Label Studio serves everybody in a project whatever is open there.

The order of questions. People get the open question of the highest priority next, whenever it was posted: Label Studio
serves the lowest prediction score first ("Uncertainty sampling"), and every task carries a prediction whose score is
its place (`task.py`). Locks, skips and drafts are as with any other order. Read in 1.23.2 and pinned by
`tests/review/test_next_task.py`: `_try_uncertainty_sampling` draws at random only where two or more are members of a
project, and nothing in the open-source edition ever makes a member; tasks without such a prediction (made by others,
or posted before this was so) come last, in no order.

What would not do: sequential order is that of task ids, so an earlier posting comes first; a tab's order is not used by
"Label All Tasks", and "as displayed" looks at no locks, so two people get one question.
"""

import logging
import re
from itertools import count
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import one_at_a_time, reading, writing
from blocks.database.tables import Question, QuestionState
from blocks.errors import LabelStudioLacks, LabelStudioRefused
from blocks.naming.emails import normal_email
from blocks.naming.names import hash_of
from blocks.servers.annotation_server import DOORBELL_HEADER, AnnotationServer
from tasks.review.consensus.overlap_rule import people_of_slots
from tasks.review.posting.back_end import has_back_end, try_back_end
from tasks.review.posting.duplicates import list_tasks
from tasks.review.posting.task_list import arrange_list
from tasks.review.questions.asked import asks_otherwise, keep_asked, looks_alike
from tasks.review.questions.bookmarks import (
    forget_bookmarks,
    gone_project,
    gone_projects,
    learn_people,
    projects_of_queue,
    queue_of_project,
    queues_by_project,
    write_bookmarks,
)
from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.queue import Queue
from tasks.review.questions.slots import asked_queue, is_for_referees
from tasks.review.questions.task import MODEL_VERSION, label_config

HEARD_ACTIONS = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED")
"""The webhook actions that the doorbell understands."""


TITLE_CHARACTERS = 50
"""Label Studio refuses longer titles, and ones shorter than 3."""

NEWEST = 20
"""Tasks by which a renamed project is known again: somebody may have deleted some of them."""

SHORTENED = re.compile(r"~[0-9a-f]{8}$")
"""How the name of a collection ends in a title that does not show all of it."""

log = logging.getLogger(__name__)


def ensure_project(
    engine: Engine, server: AnnotationServer, queue: Queue, collection: str, home: int | None = None
) -> int:
    """Make or update the project of a queue, its webhook and our list of people; return the project's id.

    Args:
        engine: The catalogue.
        server: Label Studio.
        queue: The queue, as the batch that is posted asks with it.
        collection: Of the batch.
        home: The project in which questions of the same batch stand already: the others join them.

    Raises:
        LabelStudioRefused: The token is wrong, or the label config is refused.
        LabelStudioUnavailable: Label Studio does not answer.
    """
    title, project = _place_of(engine, server, queue, collection, home)
    had_back_end = False
    if project is not None:
        with writing(engine) as session:
            earlier = queues_by_project(session, [project["id"]]).get(project["id"])
            if earlier is not None:
                keep_asked(session, int(project["id"]), earlier)
        queue, had_back_end = (queue.merged_with(earlier), has_back_end(earlier)) if earlier else (queue, False)
    wanted = _settings_of(queue, title)
    if project is None:
        _refuse_bad_config(server, queue, wanted["label_config"])
        # Two senders that begin at once would make two, and people would be asked twice.
        with one_at_a_time(engine, f"project {title}"):
            project = _find_project(server, title) or server.call("POST", "api/projects/", body=wanted)
        log.info("made Label Studio project %s for queue %s: %s", project["id"], queue.name, title)
    elif any(project.get(name) != value for name, value in wanted.items()):
        _refuse_bad_config(server, queue, wanted["label_config"])
        server.call("PATCH", f"api/projects/{project['id']}/", body=wanted)
    project_id = int(project["id"])
    ensure_webhook(server, project_id)
    if has_back_end(queue) or had_back_end:
        try_back_end(server, project_id, queue)
    arrange_list(server, project_id)
    with writing(engine) as session:
        write_bookmarks(session, {queue_of_project(project_id): queue.model_dump_json()})
        forget_bookmarks(session, [gone_project(project_id)])
    users = {user["id"]: normal_email(user["email"]) for user in server.call("GET", "api/users/")}
    learn_people(engine, users)
    strangers = sorted({*queue.annotators, *queue.referees} - set(users.values()))
    if strangers:
        named = ", ".join(strangers)
        log.warning("queue %s names people without an account: %s (`labelline people` makes one)", queue.name, named)
    return project_id


def title_of(queue: Queue, collection: str, number: int = 1) -> str:
    """Return the title of a queue's project, or of a further one beside it; see `project_title`."""
    return project_title(queue.name if number == 1 else f"{queue.name} ({number})", collection)


def plain_queue(name: str) -> str:
    """Return the name of a queue, of one that has the number of its project behind it (`mark-missed (2)`)."""
    return name.partition(" (")[0]


def project_title(queue: str, collection: str) -> str:
    """Return the title of the project of a queue (by its name); two collections never share one.

    A collection whose name is too long is shown by both ends of it, and told from others by a hash.
    """
    room = TITLE_CHARACTERS - len(queue) - 2
    if len(collection) <= room and not SHORTENED.search(collection):
        return f"{collection}: {queue}"
    ends = room - len(f"…~{hash_of(collection)}")
    head, tail = collection[: ends - ends // 2], collection[len(collection) - ends // 2 :]
    return f"{head}…{tail}~{hash_of(collection)}: {queue}"


def _place_of(
    engine: Engine, server: AnnotationServer, queue: Queue, collection: str, home: int | None
) -> tuple[str, dict[str, Any] | None]:
    """Return the title of the project that a queue may use, and the project where there is one."""
    if home is not None:
        project = server.call("GET", f"api/projects/{home}/", absent_ok=True)
        if project is not None:
            return str(project["title"]), project
    former = _find_by_former_title(engine, server, queue, collection) or _find_by_tasks(
        engine, server, queue, collection
    )
    for number in count(1):
        title = title_of(queue, collection, number)
        project = _find_project(server, title) or (former if number == 1 else None)
        if project is None:
            break
        with reading(engine) as session:
            if not asks_otherwise(session, int(project["id"]), queue) and looks_alike(session, project["id"], queue):
                break
    return title, project


def open_projects(engine: Engine) -> list[int]:
    """Return the projects in which questions stand open, but for those that are gone."""
    standing = select(Question.project_id).where(Question.state == QuestionState.POSTED.value).distinct()
    with reading(engine) as session:
        found = {project_id for project_id in session.exec(standing) if project_id is not None}
        return sorted(found - gone_projects(session))


def ensure_webhook(server: AnnotationServer, project_id: int) -> bool:
    """Make the project's webhook ring our doorbell, once, at the gateway's present address.

    Returns:
        Whether anything had to be made or changed.
    """
    wanted = {
        "url": server.doorbell_url,
        "headers": {DOORBELL_HEADER: server.doorbell_secret},
        "send_payload": True,
        "send_for_all_actions": False,
        "actions": list(HEARD_ACTIONS),
        "is_active": True,
    }
    ours = [
        webhook
        for webhook in server.call("GET", "api/webhooks/", params={"project": project_id})
        if DOORBELL_HEADER in (webhook.get("headers") or {})
    ]
    if not ours:
        server.call("POST", "api/webhooks/", body={"project": project_id, **wanted})
        return True
    differs = any(_differs(ours[0].get(name), value) for name, value in wanted.items())
    if differs:
        server.call("PATCH", f"api/webhooks/{ours[0]['id']}/", body=wanted)
    for surplus in ours[1:]:
        server.call("DELETE", f"api/webhooks/{surplus['id']}/")
    return differs or len(ours) > 1


def _differs(present: object, wanted: object) -> bool:
    if isinstance(present, list) and isinstance(wanted, list):
        return sorted(present) != sorted(wanted)
    return present != wanted


def _find_project(server: AnnotationServer, title: str) -> dict[str, Any] | None:
    # Label Studio's own title filter matches parts of titles: ask for it, then compare. Whole projects come with
    # counts over all their tasks, which takes a second in a large one: only these two fields do not.
    params = {"title": title, "include": "id,title", "page_size": 1000}
    found = server.call("GET", "api/projects/", params=params)
    same = [int(project["id"]) for project in found["results"] if project["title"] == title]
    if not same:
        return None
    project: dict[str, Any] = server.call("GET", f"api/projects/{min(same)}/")
    return project


def _find_by_former_title(
    engine: Engine, server: AnnotationServer, queue: Queue, collection: str
) -> dict[str, Any] | None:
    """Find the project that was made when titles showed only the end of a long name; none that others share."""
    room = TITLE_CHARACTERS - len(queue.name) - 2
    if len(collection) <= room:
        return None
    with reading(engine) as session:
        projects = projects_of_queue(session, queue.name, collection)
    project = _find_project(server, f"{collection[-room:]}: {queue.name}")
    return project if project is not None and projects.get(project["id"]) == {collection} else None


def _find_by_tasks(engine: Engine, server: AnnotationServer, queue: Queue, collection: str) -> dict[str, Any] | None:
    """Return the project that holds questions of the queue about the collection although somebody has renamed it."""
    with reading(engine) as session:
        asked_in = projects_of_queue(session, queue.name, collection)
        ours = {project_id for project_id, names in asked_in.items() if names == {collection}} - gone_projects(session)
    for project_id in sorted(ours, reverse=True):
        if _holds_ours(engine, server, queue.name, project_id):
            project: dict[str, Any] | None = server.call("GET", f"api/projects/{project_id}/", absent_ok=True)
            return project
    return None


def _holds_ours(engine: Engine, server: AnnotationServer, queue: str, project_id: int) -> bool:
    """Say whether a project has the newest tasks that we know of it: the number alone may be of another server."""
    posted = select(Question.task_id, Question.id).where(Question.queue == queue, Question.project_id == project_id)
    posted = posted.where(col(Question.task_id).is_not(None)).order_by(col(Question.task_id).desc()).limit(NEWEST)
    with reading(engine) as session:
        question_of = dict(session.exec(posted).all())
    if not question_of:
        return False
    query = {"selectedItems": {"all": False, "included": list(question_of)}}
    try:
        found = list_tasks(server, project_id, query, ("id", "data"), page_size=NEWEST)
    except LabelStudioLacks:
        return False
    return any(task["data"].get("question_id") == question_of.get(task["id"]) for task in found)


def _settings_of(queue: Queue, title: str) -> dict[str, Any]:
    kind = kind_named(queue.kind)
    return {
        "title": title,
        "description": _for_whom(queue),
        "label_config": label_config(queue),
        "expert_instruction": queue.instructions,
        "show_instruction": True,
        "show_skip_button": True,
        "enable_empty_annotation": kind.allows_empty,
        "show_collab_predictions": kind.shows_predictions,
        "model_version": MODEL_VERSION,
        "sampling": "Uncertainty sampling",  # by the score of the prediction, which is our priority: see above
        "skip_queue": "REQUEUE_FOR_OTHERS",
    }


def _for_whom(queue: Queue) -> str:
    """Say who should answer here: Label Studio cannot keep anybody out, so people must be able to read it."""
    if is_for_referees(queue.name):
        return f"Asked by Labelline. For referees only: {', '.join(queue.referees)}. The boxes are what others said."
    if queue.name == asked_queue(queue.name):
        return f"Asked by Labelline. For: {', '.join(queue.annotators) or 'everybody'}."
    people, slot = queue.annotators, int(queue.name.partition("~")[2])
    if queue.overlap is not None and slot <= queue.overlap.most <= len(people):
        people = people_of_slots(people, queue.overlap.most)[slot - 1]  # who keeps to a slot meets no picture twice
    told = f"Asked by Labelline, slot {slot} of several. For: {', '.join(people) or 'everybody'}."
    return f"{told} A picture that you have met in another slot counts only there."


def _refuse_bad_config(server: AnnotationServer, queue: Queue, config: str) -> None:
    try:
        server.call("POST", "api/projects/validate/", body={"label_config": config})
    except LabelStudioRefused as error:
        raise LabelStudioRefused(
            f"Label Studio refuses the label config of queue {queue.name!r} with classes {list(queue.classes)}: {error}"
        ) from error
