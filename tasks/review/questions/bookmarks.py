"""Small facts this station must remember between runs, as bookmarks: one place that knows their names."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Engine, func
from sqlmodel import Session, col, delete, select, update

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Batch, Bookmark, Question, utc_now
from blocks.naming.emails import normal_email
from tasks.review.questions.queue import Queue


def queue_of_project(project_id: int | str) -> str:
    """Name the bookmark that holds the queue of a Label Studio project, as JSON; '%' is any, for a search."""
    return f"review project {project_id} queue"


def read_up_to(project_id: int) -> str:
    """Name the bookmark that holds how far the changes of a project have been read."""
    return f"review project {project_id} read up to"


def gone_project(project_id: int) -> str:
    """Name the bookmark that says that a project is gone from Label Studio."""
    return f"review project {project_id} gone"


def gone_projects(session: Session) -> set[int]:
    """Return the projects that are gone from Label Studio."""
    names = session.exec(select(Bookmark.name).where(col(Bookmark.name).like("review project % gone")))
    return {int(name.split(" ")[2]) for name in names}


def names_of_project(project_id: int) -> tuple[str, ...]:
    """Name all bookmarks of a project."""
    return queue_of_project(project_id), read_up_to(project_id), gone_project(project_id)


def looked_for_up_to(queue: str, batch_id: str, round_: int) -> str:
    """Name the bookmark that holds up to which task the open questions of a round have been looked for."""
    return f"review gone {queue} {batch_id} {round_} looked for up to"


def deleted_annotation(annotation_id: int) -> str:
    """Name the bookmark that says that an annotation we knew was deleted."""
    return f"review annotation {annotation_id} deleted"


def deleted_since(session: Session, since: datetime) -> dict[int, datetime]:
    """Return the annotations that we have heard are gone since a time, and when we heard so."""
    name = col(Bookmark.name)
    rows = select(Bookmark).where(name.like("review annotation % deleted"), col(Bookmark.updated_at) > since)
    return {int(row.name.split(" ")[2]): row.updated_at for row in session.exec(rows)}


LAST_SWEEP = "review last sweep"
"""The bookmark that holds what the last sweep did and what it could not do, as JSON."""


def questions_written(queue: str, batch_id: str, round_: int) -> str:
    """Name the bookmark that says that all questions of a batch are in the outbox, and how many there are."""
    return f"review questions {queue} {batch_id} {round_} written"


def progress_artifact(queue: str, batch_id: str, round_: int) -> str:
    """Name the bookmark that holds the id of the progress artifact of a queue's batch."""
    return f"review progress {queue} {batch_id} {round_}"


def user_name(user_id: int) -> str:
    """Name the bookmark that holds the e-mail of a Label Studio user."""
    return f"review user {user_id}"


def wrong_gold(gold_id: str) -> str:
    """Name the bookmark that says that the known answer of a gold question is wrong, and who says so."""
    return f"review gold {gold_id} wrong"


def wrong_gold_ids(session: Session) -> set[str]:
    """Return the ids of the gold questions whose known answer is wrong: nobody passes or fails by them."""
    names = session.exec(select(Bookmark.name).where(col(Bookmark.name).like("review gold % wrong")))
    return {name.split(" ")[2] for name in names}


def count_users(session: Session) -> int:
    """Return how many users of Label Studio we know."""
    return session.exec(select(func.count()).where(col(Bookmark.name).like("review user %"))).one()


def unknown_person(user_id: int) -> str:
    """Return what stands for a person until their e-mail is known: some lists carry only a number."""
    return f"user {user_id}"


def read_bookmarks(session: Session, names: Iterable[str]) -> dict[str, str]:
    """Return the values of those of the named bookmarks that exist."""
    wanted = select(Bookmark).where(col(Bookmark.name).in_(list(names)))
    return {row.name: row.value for row in session.exec(wanted)}


def write_bookmarks(session: Session, values: Mapping[str, str]) -> None:
    """Write bookmarks, over older values."""
    rows = [{"name": name, "value": value, "updated_at": utc_now()} for name, value in values.items()]
    upsert(session, Bookmark, rows, update=["value", "updated_at"])


def forget_bookmarks(session: Session, names: Iterable[str]) -> None:
    """Remove bookmarks; those that do not exist are none."""
    session.exec(delete(Bookmark).where(col(Bookmark.name).in_(list(names))))


def queues_by_project(session: Session, project_ids: Iterable[int]) -> dict[int, Queue]:
    """Return the queues of those of the projects that are ours."""
    names = {queue_of_project(project_id): project_id for project_id in project_ids}
    return {names[name]: Queue.model_validate_json(value) for name, value in read_bookmarks(session, names).items()}


def our_projects(session: Session) -> set[int]:
    """Return the Label Studio projects that belong to a queue of ours."""
    names = session.exec(select(Bookmark.name).where(col(Bookmark.name).like(queue_of_project("%"))))
    return {int(name.split(" ")[2]) for name in names}


def learn_people(engine: Engine, email_by_user: Mapping[int, str]) -> int:
    """Remember who is behind Label Studio's user numbers, also for answers that came before we knew.

    Returns:
        How many people were new.
    """
    email_by_user = {user_id: normal_email(email) for user_id, email in email_by_user.items()}
    names = {user_name(user_id): email for user_id, email in email_by_user.items()}
    with reading(engine) as session:
        known = read_bookmarks(session, names)
    news = {user_id: email for user_id, email in email_by_user.items() if known.get(user_name(user_id)) != email}
    if not news:
        return 0
    with writing(engine) as session:
        write_bookmarks(session, {user_name(user_id): email for user_id, email in news.items()})
        for user_id, email in news.items():
            nameless = col(Answer.person) == unknown_person(user_id)
            session.exec(update(Answer).where(nameless).values(person=email))
    return len(news)


def projects_of_queue(session: Session, queue: str, collection: str) -> dict[int, set[str]]:
    """Return the projects in which a queue asked about a collection, and all collections that each asks about."""
    asked = select(Question.project_id, Batch.collection).join(Batch, col(Batch.id) == col(Question.batch_id))
    asked = asked.where(col(Question.project_id).is_not(None), Question.queue == queue).distinct()
    found: dict[int, set[str]] = {}
    for project_id, name in session.exec(asked):
        found.setdefault(int(project_id or 0), set()).add(name)
    return {project_id: names for project_id, names in found.items() if collection in names}


def projects_of_only(session: Session, collection: str) -> set[int]:
    """Return the projects in which a collection was asked about, and no other one."""
    mine = select(Batch.id).where(Batch.collection == collection)
    posted = select(Question.project_id).where(col(Question.project_id).is_not(None)).distinct()
    ours = session.exec(posted.where(col(Question.batch_id).in_(mine))).all()
    others = session.exec(posted.where(col(Question.batch_id).not_in(mine))).all()
    return {int(project_id) for project_id in {*ours} - {*others} if project_id is not None}
