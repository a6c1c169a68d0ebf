"""What the sweep mends in Label Studio: deleted tasks of open questions, webhooks that do not ring, lost back ends.

Each sleeping run and each project is on its own.
"""

from dataclasses import dataclass

from sqlalchemy import Engine

from blocks.apart import Failures
from blocks.database.engine import reading
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.decide.until import sleepers
from tasks.review.posting.back_end import ensure_back_end, has_back_end, prune_suggestions
from tasks.review.posting.gone import ask_gone_again
from tasks.review.posting.projects import ensure_webhook, open_projects
from tasks.review.questions.bookmarks import queues_by_project

LOOKED_FOR = 5000
"""Open questions of a sleeping run that one sweep looks for in Label Studio (0.8 s); the next sweep goes on there."""


@dataclass(frozen=True, slots=True)
class Mended:
    """What a look at the open questions found: how many were looked for, and in words what was mended."""

    looked_for: int
    mended: tuple[str, ...]


def mend_questions(
    engine: Engine, server: AnnotationServer, failures: Failures, *, most: int | None = LOOKED_FOR
) -> Mended:
    """Ask again what runs wait for and whose tasks are gone, and make webhooks ring.

    Args:
        engine: The catalogue.
        server: Label Studio.
        failures: Takes what could not be looked at or mended.
        most: Questions of one sleeping run that are looked for; None: all.
    """
    looked_for, mended = 0, []
    for sleeper in sleepers(engine):
        about = f"open questions of {sleeper.queue}, batch {sleeper.batch_id}"
        with failures.apart(about):
            found = ask_gone_again(engine, server, sleeper.queue, sleeper.batch_id, sleeper.round, most=most)
            looked_for += found.looked_for
            if found.questions:
                mended.append(f"{about}: {found}; asked again")
    for project_id in open_projects(engine):
        with failures.apart(f"the webhook of project {project_id}"):
            if ensure_webhook(server, project_id):
                mended.append(f"the webhook of project {project_id} was missing or not as it should be")
    mended += _mend_suggestions(engine, server, failures)
    return Mended(looked_for, tuple(mended))


def _mend_suggestions(engine: Engine, server: AnnotationServer, failures: Failures) -> list[str]:
    """Register the gateway where questions are to be opened with suggestions, and remove those of earlier openings."""
    projects = open_projects(engine)
    with reading(engine) as session:
        queues = queues_by_project(session, projects)
    mended = []
    for project_id in sorted(project_id for project_id, queue in queues.items() if has_back_end(queue)):
        with failures.apart(f"the suggestions of project {project_id}"):
            prune_suggestions(server, project_id)
            if ensure_back_end(server, project_id, queues[project_id]):
                mended.append(f"the suggestions of project {project_id} were not as they should be")
    return mended
