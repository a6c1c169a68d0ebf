"""A queue's project in Label Studio: made once, kept as the queue says, with the webhook that rings our doorbell.

The order of questions. People get the open question of the highest priority next, whenever it was posted: Label Studio
serves the lowest prediction score first ("Uncertainty sampling"), and every task carries a prediction whose score is
its place (`task_data.py`). Locks, skips and drafts are as with any other order. Read in 1.23.2 and pinned by
`tests/review/test_next_task.py`: `_try_uncertainty_sampling` draws by lot only where two or more are members of a
project, and nothing in the open-source edition ever makes a member; tasks without such a prediction (made by others,
or posted before this was so) come last, in no order.

What would not do: sequential order is that of task ids, so an earlier posting comes first; a tab's order is not used by
"Label All Tasks", and "as displayed" looks at no locks, so two people get one question.
"""

import logging
from typing import Any

from sqlalchemy import Engine

from blocks.annotation_server import DOORBELL_HEADER, AnnotationServer
from blocks.database import one_at_a_time, reading, writing
from blocks.errors import LabelStudioRefused
from tasks.review.bookmarks import learn_people, queue_of_project, queues_by_project, write_bookmarks
from tasks.review.configs import label_config
from tasks.review.overlap import seat_people
from tasks.review.queues import Queue
from tasks.review.seats import asked_queue, is_for_referees

HEARD_ACTIONS = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED")
"""The webhook actions that the doorbell understands."""

MODEL_VERSION = "labelline"
"""Under which name our boxes stand in Label Studio; which detector drew them is in the catalogue."""

TITLE_CHARACTERS = 50
"""Label Studio refuses longer titles, and ones shorter than 3."""

log = logging.getLogger(__name__)


def ensure_project(engine: Engine, server: AnnotationServer, queue: Queue, collection: str) -> int:
    """Make or update the project of a queue, its webhook and our list of people; return the project's id.

    Raises:
        LabelStudioRefused: The token is wrong, or the label config is refused.
        LabelStudioUnavailable: Label Studio does not answer.
    """
    title = title_of(queue, collection)
    project = _find_project(server, title)
    if project is not None:
        with reading(engine) as session:
            earlier = queues_by_project(session, [project["id"]]).get(project["id"])
        queue = queue.merged_with(earlier) if earlier else queue
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
    with writing(engine) as session:
        write_bookmarks(session, {queue_of_project(project_id): queue.model_dump_json()})
    users = {user["id"]: user["email"] for user in server.call("GET", "api/users/")}
    learn_people(engine, users)
    strangers = sorted({*queue.annotators, *queue.referees} - set(users.values()))
    if strangers:
        named = ", ".join(strangers)
        log.warning("queue %s names people without an account: %s (`labelline people` makes one)", queue.name, named)
    return project_id


def title_of(queue: Queue, collection: str) -> str:
    """Return the title of a queue's project; a long collection name is cut at its start, where names differ least."""
    room = TITLE_CHARACTERS - len(queue.name) - 2
    return f"{collection[-room:]}: {queue.name}"


def ensure_webhook(server: AnnotationServer, project_id: int) -> None:
    """Make the project's webhook ring our doorbell, once, at the gateway's present address."""
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
        return
    if any(_differs(ours[0].get(name), value) for name, value in wanted.items()):
        server.call("PATCH", f"api/webhooks/{ours[0]['id']}/", body=wanted)
    for surplus in ours[1:]:
        server.call("DELETE", f"api/webhooks/{surplus['id']}/")


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


def _settings_of(queue: Queue, title: str) -> dict[str, Any]:
    return {
        "title": title,
        "description": _for_whom(queue),
        "label_config": label_config(queue),
        "expert_instruction": queue.instructions,
        "show_instruction": True,
        "show_skip_button": True,
        "enable_empty_annotation": queue.kind in ("boxes", "page"),
        "show_collab_predictions": queue.kind in ("boxes", "confirm"),
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
    people, seat = queue.annotators, int(queue.name.partition("~")[2])
    if queue.overlap is not None and seat <= queue.overlap.most <= len(people):
        people = seat_people(people, queue.overlap.most)[seat - 1]  # who keeps to a seat meets no picture twice
    told = f"Asked by Labelline, seat {seat} of several. For: {', '.join(people) or 'everybody'}."
    return f"{told} A picture that you have met in another seat counts only there."


def _refuse_bad_config(server: AnnotationServer, queue: Queue, config: str) -> None:
    try:
        server.call("POST", "api/projects/validate/", body={"label_config": config})
    except LabelStudioRefused as error:
        raise LabelStudioRefused(
            f"Label Studio refuses the label config of queue {queue.name!r} with classes {list(queue.classes)}: {error}"
        ) from error
