"""Bookmarks of a collection go with it, those of others stay, also of one whose name begins in the same way."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.deletion import delete_rows
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, Bookmark, Item, Question
from tasks.audit.label_errors.record import claim_round
from tasks.audit.risk_control.drift import chosen_name
from tasks.audit.risk_control.recheck import proof_bookmark
from tasks.detect.prompted.named import NamedNetwork, note_network
from tasks.detect.refs import DetectorRef, Scope
from tasks.intake.label_kinds import note_label_kind
from tasks.intake.video.take_in import video_bookmark
from tasks.monitor.active_learning.label_rounds import accept_bookmark
from tasks.monitor.active_learning.rounds import rounds_bookmark
from tasks.monitor.forgetting import bookmarks_of, forget_bookmarks_named
from tasks.review.questions.asked import note_asked
from tasks.review.questions.bookmarks import (
    deleted_annotation,
    gone_project,
    looked_for_up_to,
    progress_artifact,
    questions_written,
    queue_of_project,
    read_up_to,
    user_name,
    write_bookmarks,
)
from tasks.review.questions.queue import mark_missed_queue
from tasks.suggest.embedders.text_axes import axes_bookmark
from tasks.train.between_rounds import Learnt, note_learnt
from tasks.triage.report import notes_bookmark

PROJECTS = {"lots": 1, "lots 2": 11, "lot": 12, "lots round 1": 13, "roads": 2}


def names(engine: Engine) -> set[str]:
    with reading(engine) as session:
        return set(session.exec(select(Bookmark.name)))


def fill(engine: Engine, collection: str) -> str:
    """Write all bookmarks that a collection may come to have; return its batch."""
    batch = f"{collection}-20261130"
    with writing(engine) as session:
        upsert(session, Batch, [{"id": batch, "collection": collection}])
        note_asked(session, mark_missed_queue(["car"]), batch, 3)
    ask_in(engine, batch, PROJECTS[collection])
    note_label_kind(engine, collection, "tracks")
    note_network(engine, batch, NamedNetwork("mobile_sam", "0123456789ab"))
    note_learnt(engine, collection, Learnt(spec="propagate", base_version="v", detector=DetectorRef.nobody("nobody")))
    for look in ("a", "b"):
        claim_round(engine, collection, look)
    of_queue = (questions_written, progress_artifact, looked_for_up_to)
    written = [
        *(name(collection) for name in (axes_bookmark, rounds_bookmark)),
        *(name(batch) for name in (accept_bookmark, notes_bookmark, chosen_name)),
        *(name(queue, batch, 3) for name in of_queue for queue in ("mark-missed", "mark-missed~referee1")),
        *(name(PROJECTS[collection]) for name in (queue_of_project, read_up_to, gone_project)),
        proof_bookmark(Scope(batch, "d|e", "r")),
        video_bookmark(collection, "film 1.mp4"),
    ]
    with writing(engine) as session:
        write_bookmarks(session, dict.fromkeys(written, "1"))
    return batch


def ask_in(engine: Engine, batch: str, project_id: int) -> None:
    item = {"id": "0" * 64, "key": "k", "name": "1.png", "sequence": "s", "media_type": "image/png", "size_bytes": 1}
    item |= {"width": 8, "height": 8, "plain": True}
    question = {"id": f"{batch} {project_id}", "queue": "mark-missed", "batch_id": batch, "item_id": item["id"]}
    with writing(engine) as session:
        upsert(session, Item, [item])
        upsert(session, Question, [question | {"round": project_id, "payload": {}, "project_id": project_id}])


@pytest.mark.parametrize("others", [("lots 2", "lot", "lots round 1"), ("roads",)], ids=["alike", "another"])
def test_all_that_is_noted_of_a_collection_goes_and_nothing_of_another(engine: Engine, others: tuple[str, ...]) -> None:
    with writing(engine) as session:
        write_bookmarks(session, {user_name(3): "ann@example.org", deleted_annotation(7): "1"})
    for other in others:
        fill(engine, other)
    before = names(engine)
    fill(engine, "lots")
    mine = names(engine) - before
    assert len(mine) >= 19
    found = bookmarks_of(engine, "lots")
    assert mine <= set(found) and not before & set(found)
    delete_rows(engine, "lots")
    forget_bookmarks_named(engine, found)
    assert names(engine) == before
    forget_bookmarks_named(engine, found)
    note_label_kind(engine, "lots", "polygons")  # one of the same name that comes later is labelled otherwise


def test_a_project_that_asks_about_another_collection_as_well_stays(engine: Engine) -> None:
    ask_in(engine, fill(engine, "lots"), 7)
    ask_in(engine, fill(engine, "roads"), 7)
    with writing(engine) as session:
        write_bookmarks(session, {queue_of_project(7): "1", read_up_to(7): "1"})
    found = bookmarks_of(engine, "lots")
    assert queue_of_project(PROJECTS["lots"]) in found
    assert not {queue_of_project(7), read_up_to(7)} & set(found)


def test_a_collection_without_bookmarks_has_none_to_forget(engine: Engine) -> None:
    forget_bookmarks_named(engine, bookmarks_of(engine, "nothing"))
    assert names(engine) == set()
