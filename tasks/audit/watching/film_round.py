"""Followed sequences as films: which frames are shown, which of them people may mend, and what comes of it.

A sequence is shown whole, in parts of `MOST_TOGETHER` frames. Of each frame that is settled its labels stand in the
film, and each is a question of its own batch, in a round of its own like that of a label-error review: so what people
mend is settled frame by frame as any answer is, and what was true before stays as an earlier revision. Frames that were
labelled blind as an audit are seen and not asked: what people say of them beside followed boxes would measure nothing.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Engine, true
from sqlmodel import Session, col, func, select

from blocks.database.engine import reading, writing
from blocks.database.tables import Answer, AnswerState, Batch, BatchItem, Item, Question, QuestionState
from blocks.errors import BadOption
from blocks.storage.stores import Store
from tasks.audit.label_errors.record import LookScope, claim_round
from tasks.audit.label_errors.settled_labels import find_settled
from tasks.audit.open_films import OPEN
from tasks.audit.watching.film_parts import FilmPart, drafts_of, parts_to_ask
from tasks.audit.watching.options import Watched, WatchOptions, WatchReport
from tasks.detect.proposers.propagated import sequences_of
from tasks.detect.settled_evidence import triaged_by
from tasks.intake.label_kinds import noted_kind
from tasks.intake.video.playable import key_of
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.posting.outbox import write_questions, write_rows
from tasks.review.questions.asked import note_asked
from tasks.review.questions.bookmarks import questions_written, read_bookmarks
from tasks.review.questions.kinds.registry import kinds_that_settle
from tasks.review.questions.queue import MOST_TOGETHER, Queue
from tasks.review.questions.queues.films import WATCH_TRACKS, watch_queue
from tasks.review.questions.slots import of_kinds
from tasks.review.steps import QuestionsWritten
from tasks.settle.identities import settle_tracks_again
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import settle

log = logging.getLogger(__name__)


def ask_to_watch(engine: Engine, store: Store, options: WatchOptions, run_id: str) -> Watched:
    """Make the films of some sequences, and write the questions about their frames: once for a run, however often.

    Args:
        engine: The catalogue.
        store: Where frames are, and films go.
        options: Of which collection, which sequences, whom.
        run_id: The run that asks.

    Raises:
        BadOption: It is no collection of tracks, it has no such sequence, nothing of it is settled, or it is being
            watched by somebody who was asked before.
        UnreadableVideo: PyAV is not installed.
        UnfaithfulFilm: A film does not show its frames.
    """
    round_ = claim_round(engine, options.collection, f"watch {run_id}")
    names = sequences_to_watch(engine, options, round_)
    homes = _homes(engine, options.collection)
    found = (part for name in names for part in parts_to_ask(engine, store, options.collection, name, homes))
    parts = [replace(part, start=place * MOST_TOGETHER) for place, part in enumerate(found)]
    if not parts:
        raise BadOption(
            f"nothing of {', '.join(names)} in {options.collection!r} is settled: people watch what is labelled. Label "
            f"it first (`labelline label`)"
        )
    queue = watch_queue(_classes(engine, options, parts), options.annotators)
    batches = sorted({part.homes[item_id] for part in parts for _, item_id in part.asked})
    _open(engine, options.collection, names, queue, batches, parts, round_)
    with reading(engine) as session:
        over = read_bookmarks(session, [questions_written(queue.name, one, round_) for one in batches])
    left = {one for one in batches if questions_written(queue.name, one, round_) not in over}
    for part in parts:
        write_questions(engine, queue, [one for one in drafts_of(engine, part, round_) if one.batch_id in left])
    asked = [_written(engine, queue, batch_id, round_) for batch_id in batches]
    frames = sum(len(part.asked) for part in parts)
    log.info("%s: %d frames of %d sequences can be watched", options.collection, frames, len(names))
    return Watched(collection=options.collection, round=round_, queue=queue, asked=tuple(asked))


def settle_watched(engine: Engine, store: Store, watched: Watched) -> WatchReport:
    """Settle what people mended in films, batch by batch; a second call adds nothing."""
    revisions = 0
    for one in watched.asked:
        revisions += settle(engine, one.batch_id, *triaged_by(engine, one.batch_id)).revisions_written
        settle_tracks_again(engine, store, one.batch_id)
    mine = Question.queue == WATCH_TRACKS, Question.round == watched.round
    batches = [one.batch_id for one in watched.asked]
    answered = select(func.count(col(Question.id).distinct())).join(Answer, col(Answer.question_id) == col(Question.id))
    answered = answered.where(*mine, col(Question.batch_id).in_(batches), Answer.state == AnswerState.COUNTED.value)
    with reading(engine) as session:
        count = session.exec(answered).one()
    frames = sum(one.count for one in watched.asked)
    return WatchReport(collection=watched.collection, frames=frames, answered=count, revisions=revisions)


def films_of(engine: Engine, collection: str) -> set[str]:
    """Return under which keys the films are that people were asked to watch of a collection, and of no other one."""
    named = (
        select(col(Question.payload)["film"].as_string(), Batch.collection)
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .where(Question.queue == WATCH_TRACKS)
        .distinct()
    )
    by_film: dict[str, set[str]] = defaultdict(set)
    with reading(engine) as session:
        for film, name in session.exec(named):
            by_film[key_of(str(film))].add(name)
    return {key for key, names in by_film.items() if names == {collection}}


def sequences_to_watch(engine: Engine, options: WatchOptions, round_: int | None = None) -> list[str]:
    """Return the sequences that are meant.

    Args:
        engine: The catalogue.
        options: Of which collection, which sequences.
        round_: In which they are asked; None: in none yet.

    Raises:
        BadOption: It is no collection of tracks, it has no such sequence, or people are being asked about one already.
    """
    kind = noted_kind(engine, options.collection)
    if kind is None or not kind.has_identity:
        raise BadOption(
            f"collection {options.collection!r} is labelled with {kind.name if kind else 'nothing yet'}, and films "
            "show tracks: expected one that was labelled with `--label-kind tracks`"
        )
    known = sequences_of(engine, options.collection)
    strange = [name for name in options.sequences if name not in known]
    if strange:
        some = ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
        raise BadOption(f"{options.collection!r} has no sequence {strange[0]!r} (known: {some})")
    names = list(dict.fromkeys(options.sequences)) or known
    with reading(engine) as session:
        _refuse_open(session, options.collection, names, round_)
    return names


def _refuse_open(session: Session, collection: str, names: Sequence[str], round_: int | None) -> None:
    _refuse_twice(session, collection, names, round_)
    if round_ is None or not _is_asked(session, collection, round_):
        _refuse_asked_otherwise(session, collection, names)


def _refuse_twice(session: Session, collection: str, sequences: Sequence[str], round_: int | None) -> None:
    """Refuse to ask about a sequence whose film stands open: whoever mends one would not see what the other mends."""
    standing = (
        select(Item.sequence)
        .join(Question, col(Question.item_id) == col(Item.id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .where(Batch.collection == collection, Question.queue == WATCH_TRACKS, col(Question.state).in_(OPEN))
        .where(true() if round_ is None else Question.round != round_)
        .distinct()
    )
    twice = sorted(set(session.exec(standing)) & set(sequences))
    if twice:
        raise BadOption(
            f"{twice[0]!r} of {collection!r} stands open to be watched already: submit or skip it in Label Studio "
            f"(project `{collection}: {WATCH_TRACKS}`), or end it with `labelline stop {collection}`"
        )


def _is_asked(session: Session, collection: str, round_: int) -> bool:
    mine = select(Question.id).join(Batch, col(Batch.id) == col(Question.batch_id))
    found = mine.where(Batch.collection == collection, Question.queue == WATCH_TRACKS, Question.round == round_)
    return session.exec(found.limit(1)).first() is not None


def _refuse_asked_otherwise(session: Session, collection: str, sequences: Sequence[str]) -> None:
    """Refuse to ask about settled frames about which people are being asked otherwise, such as at a second look."""
    over = (col(BatchItem.batch_id) == col(Question.batch_id)) & (col(BatchItem.item_id) == col(Question.item_id))
    asked = (
        select(Item.sequence, Question.queue)
        .join(Question, col(Question.item_id) == col(Item.id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .join(BatchItem, over)
        .where(Batch.collection == collection, Question.queue != WATCH_TRACKS, of_kinds(kinds_that_settle("items")))
        .where(col(Question.state).in_((*OPEN, QuestionState.SHARED.value)), col(BatchItem.settled_at).is_not(None))
        .distinct()
    )
    twice = sorted((name, queue) for name, queue in session.exec(asked) if name in set(sequences))
    if twice:
        raise BadOption(
            f"frames of {twice[0][0]!r} of {collection!r} stand open in queue {twice[0][1]}: answer or skip them in "
            "Label Studio before the film is watched, since who mends one does not see what the other mends"
        )


def _homes(engine: Engine, collection: str) -> dict[str, str]:
    """Return the batch whose word counts of each item that may be mended."""
    rows, _ = find_settled(engine, LookScope(collection, "", "", ()))
    return {row[0]: row[4] for row in rows}


def _open(
    engine: Engine,
    collection: str,
    names: Sequence[str],
    queue: Queue,
    batches: Sequence[str],
    parts: Sequence[FilmPart],
    round_: int,
) -> None:
    """Write the first question of each sequence, unless somebody else has asked while the films were made."""
    first = {part.sequence: part for part in reversed(parts)}
    drafts = [drafts_of(engine, replace(part, asked=part.asked[:1]), round_)[0] for part in first.values()]
    mine = select(Batch.id).where(Batch.collection == collection).order_by(col(Batch.id))
    with writing(engine) as session:
        session.exec(mine.with_for_update()).all()  # whoever asks as well waits here, and then sees these questions
        if not _is_asked(session, collection, round_):
            _refuse_open(session, collection, names, round_)
            for batch_id in batches:
                note_asked(session, queue, batch_id, round_)
            write_rows(session, queue, drafts)


def _classes(engine: Engine, options: WatchOptions, parts: Sequence[FilmPart]) -> tuple[str, ...]:
    named: set[str] = set()
    for part in parts:
        labels = labels_in_force(engine, [item_id for _, item_id in part.asked], part.collection)
        named |= {one.class_name for some in labels.values() for one in some if one.x_min is not None}
    return tuple(dict.fromkeys((*options.classes, *sorted(named)))) or ("object",)


def _written(engine: Engine, queue: Queue, batch_id: str, round_: int) -> QuestionsWritten:
    count = write_once(engine, queue, batch_id, round_, ())
    return QuestionsWritten(queue=queue.name, batch_id=batch_id, round=round_, count=count)
