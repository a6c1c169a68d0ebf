"""Label Studio's back end for a project whose questions are opened with suggestions: the gateway, registered once.

Registering makes a webhook for everything that happens, without our secret: it is taken away, the doorbell stays. The
back end's title is what our posted predictions are called, so that Label Studio goes on ordering by these and asks the
back end for what it shows. Whatever is wrong here, questions open without suggestions, so nothing waits for it.

Source:
    `label_studio/ml` and `Task.get_predictions_for_prelabeling` of Label Studio 1.23.2.
"""

import logging
from typing import Any

from blocks.errors import LabelStudioFailed, LabelStudioLacks, LabelStudioRefused
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.duplicates import PAGE_SIZE, list_tasks, where
from tasks.review.questions.kinds.protocol import LIVE
from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.queue import Queue
from tasks.review.questions.task import MODEL_VERSION

log = logging.getLogger(__name__)

PREDICTIONS_EACH = 2
"""What a task has that was opened once: what was posted, and what was suggested."""


def takes_clicks(queue: Queue) -> bool:
    """Say whether clicks in a queue's questions become outlines while people work."""
    return queue.drawing == "extreme_points" and kind_named(queue.kind).takes_clicks


def has_back_end(queue: Queue) -> bool:
    """Say whether Label Studio asks the gateway while people work at a queue."""
    return queue.live or takes_clicks(queue)


def ensure_back_end(server: AnnotationServer, project_id: int, queue: Queue) -> bool:
    """Make the gateway a project's back end, once, at its present address; or see that it is none.

    Args:
        server: Label Studio.
        project_id: The project.
        queue: Its queue: of some it is asked when a question is opened, of some at each click.

    Returns:
        Whether anything had to be made or changed.

    Raises:
        LabelStudioUnavailable: It does not answer.
        LabelStudioRefused: It takes no back end, as where the gateway does not answer it: questions open without.
    """
    found = server.call("GET", "api/ml", params={"project": project_id})
    ours = sorted((one for one in found if _is_ours(server, one)), key=lambda one: int(one["id"]))
    kept, surplus = (ours[:1], ours[1:]) if has_back_end(queue) else ([], ours)
    name, password = server.suggestions_login
    wanted = {
        "url": server.suggestions_url,
        "title": MODEL_VERSION,
        "auth_method": "BASIC_AUTH",
        "basic_auth_user": name,
        "basic_auth_pass": password,
        "is_interactive": takes_clicks(queue),
    }
    changed = bool(surplus)
    if has_back_end(queue) and not kept:
        server.call("POST", "api/ml", body={"project": project_id, **wanted})
        log.info("people at project %d are given suggestions while they work", project_id)
        changed = True
    elif kept and any(kept[0].get(field) != value for field, value in wanted.items() if field != "basic_auth_pass"):
        server.call("PATCH", f"api/ml/{kept[0]['id']}", body={"project": project_id, **wanted})
        changed = True
    for one in surplus:
        server.call("DELETE", f"api/ml/{one['id']}", absent_ok=True)
    if surplus:  # Label Studio forgets by which predictions it orders
        server.call("PATCH", f"api/projects/{project_id}/", body={"model_version": MODEL_VERSION})
    return _remove_its_webhook(server, project_id) or changed


def try_back_end(server: AnnotationServer, project_id: int, queue: Queue) -> None:
    """Do so while questions are posted: where it cannot be done now, they open without, and the sweep tries again."""
    try:
        ensure_back_end(server, project_id, queue)
    except (LabelStudioRefused, LabelStudioFailed) as error:
        log.warning("questions of project %d open without suggestions for now: %s", project_id, error)


def prune_suggestions(server: AnnotationServer, project_id: int) -> int:
    """Remove what was suggested for questions that were opened several times, but for the last; return how many."""
    removed, after = 0, 0
    while True:
        query = where(("id", "greater", after), ("total_predictions", "greater", PREDICTIONS_EACH))
        page = [int(task["id"]) for task in list_tasks(server, project_id, query, ("id",))]
        for task_id in page:
            found = server.call("GET", "api/predictions/", params={"task": task_id})
            suggested = sorted(int(one["id"]) for one in found if str(one["model_version"]).startswith(LIVE))
            for surplus in suggested[:-1]:
                server.call("DELETE", f"api/predictions/{surplus}/", absent_ok=True)
                removed += 1
        if len(page) < PAGE_SIZE:
            return removed
        after = page[-1]


def _is_ours(server: AnnotationServer, back_end: dict[str, Any]) -> bool:
    # At another address, or with an earlier password, it is ours all the same.
    return back_end.get("title") == MODEL_VERSION or back_end.get("url") == server.suggestions_url


def _remove_its_webhook(server: AnnotationServer, project_id: int) -> bool:
    made = [
        webhook
        for webhook in server.call("GET", "api/webhooks/", params={"project": project_id})
        if str(webhook.get("url")).endswith("/ml/webhook")
    ]
    for webhook in made:
        try:
            server.call("DELETE", f"api/webhooks/{webhook['id']}/")
        except LabelStudioLacks:
            continue
    return bool(made)
