"""What the sweep mends in Label Studio: open questions whose tasks somebody deleted, webhooks that do not ring.

Each sleeping run and each project is on its own.
"""

from dataclasses import dataclass

from sqlalchemy import Engine

from blocks.apart import Failures
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.decide.until import sleepers
from tasks.review.posting.gone import ask_gone_again
from tasks.review.posting.projects import ensure_webhook, open_projects

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
    return Mended(looked_for, tuple(mended))
