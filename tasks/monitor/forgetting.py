"""What bookmarks hold of a collection: one of the same name that comes after it was deleted must not be told of it."""

import re

from sqlalchemy import Engine, delete
from sqlmodel import col, or_, select

from blocks.database.engine import reading, writing
from blocks.database.tables import Batch, Bookmark
from tasks.audit.label_errors.record import look_bookmark
from tasks.audit.risk_control.drift import chosen_name
from tasks.audit.risk_control.recheck import proof_bookmark
from tasks.detect.prompted.named import outlines_bookmark
from tasks.detect.refs import Scope
from tasks.intake.label_kinds import kind_bookmark
from tasks.intake.video.take_in import video_bookmark
from tasks.monitor.active_learning.label_rounds import accept_bookmark
from tasks.monitor.active_learning.rounds import rounds_bookmark
from tasks.review.questions.bookmarks import names_of_project, projects_of_only
from tasks.suggest.embedders.text_axes import axes_bookmark
from tasks.train.between_rounds import learnt_bookmark
from tasks.triage.boxes import in_shards
from tasks.triage.report import notes_bookmark

OF_QUEUE = re.compile("review (?:questions|asked|progress|gone) [^ ]+ (.+) [0-9]+(?: written| looked for up to)?")
"""Names of bookmarks of a queue, a batch and a round: see `bookmarks.py` and `asked.py` of `tasks.review.questions`."""


def bookmarks_of(engine: Engine, collection: str) -> list[str]:
    """Return the names of the bookmarks of a collection, of its batches and of its own Label Studio projects.

    They are known only as long as its batches and questions are there.
    """
    whole = {name(collection) for name in (kind_bookmark, axes_bookmark, learnt_bookmark, rounds_bookmark)}
    of_round, of_video = look_bookmark(collection, ""), video_bookmark(collection, "")
    with reading(engine) as session:
        batches = set(session.exec(select(Batch.id).where(Batch.collection == collection)))
        whole |= {
            name(batch)
            for batch in batches
            for name in (accept_bookmark, notes_bookmark, outlines_bookmark, chosen_name)
        }
        whole |= {name for number in projects_of_only(session, collection) for name in names_of_project(number)}
        proofs = tuple(proof_bookmark(Scope(batch, "", "")).removesuffix("|") for batch in batches)
        begins = (of_round, of_video, proof_bookmark(Scope("", "", "")).rstrip("|"), "review ")
        name = col(Bookmark.name)
        some = session.exec(select(name).where(or_(*(name.startswith(one, autoescape=True) for one in begins)))).all()
    found = {one for one in some if re.fullmatch(rf"{re.escape(of_round)}[0-9]+", one)}
    found |= {one for one in some if one.startswith((of_video, *proofs)) or _batch_of_queue(one) in batches}
    return sorted(found | whole)


def forget_bookmarks_named(engine: Engine, names: list[str]) -> None:
    """Delete bookmarks; those that are not there are deleted already."""
    with writing(engine) as session:
        for some in in_shards(names):
            session.execute(delete(Bookmark).where(col(Bookmark.name).in_(some)))


def _batch_of_queue(name: str) -> str | None:
    told = OF_QUEUE.fullmatch(name)
    return told[1] if told else None
