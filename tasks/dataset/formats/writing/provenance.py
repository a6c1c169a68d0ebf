"""Where labels and pictures come from, as far as the catalogue knows: which model, which person, whose picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Select, select
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col

from blocks.database.engine import reading
from blocks.database.origin_tables import Origin
from blocks.database.tables import Answer, Label, Proposal, Question
from tasks.dataset.manifest import ManifestLabel
from tasks.intake.credits import CREDITED, Credit

AT_ONCE = 500
"""Ids in one query: well below what any database takes."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is known of a label beside what its snapshot says; None wherever it does not apply.

    Attributes:
        score: 0 to 1, of the proposal that it came from.
        model: Version of the detector that proposed.
        person: E-mail of who answered.
        seconds: That the answer took, for all of its question.
        answered_at: When.
        queue: In which queue it was asked.
        imported_from: Label file, where it was imported.
        imported_line: And its line there.
    """

    score: float | None = None
    model: str | None = None
    person: str | None = None
    seconds: float | None = None
    answered_at: datetime | None = None
    queue: str | None = None
    imported_from: str | None = None
    imported_line: int | None = None


NOWHERE = Provenance()


def provenance_of(engine: Engine, labels: Sequence[ManifestLabel]) -> Mapping[str, Provenance]:
    """Return where labels come from, by the label's id; those of which nothing is known are absent."""
    with reading(engine) as session:
        proposals = _rows(session, PROPOSED, [label.proposal_id for label in labels])
        answers = _rows(session, ANSWERED, [label.answer_id for label in labels])
        imports = _rows(session, IMPORTED, [label.id for label in labels if label.origin == "import"])
    found = {}
    for label in labels:
        score, model = proposals.get(label.proposal_id or "", (None, None))
        person, seconds, at, queue = answers.get(label.answer_id or "", (None, None, None, None))
        file, line = imports.get(label.id, (None, None))
        found[label.id] = Provenance(score, model, person, seconds, at, queue, file, line)
    return found


def credits_of(engine: Engine, collection: str, item_ids: Sequence[str]) -> Mapping[str, Credit]:
    """Return who made pictures, by the item's id; those that came from nowhere in the web are absent.

    Of a picture that several addresses gave it is the first one in their order.
    """
    wanted = [col(getattr(Origin, name)) for name in ("item_id", "url", *CREDITED)]
    found: dict[str, Credit] = {}
    with reading(engine) as session:
        for part in _parts(item_ids):
            query = select(*wanted).where(col(Origin.collection) == collection, col(Origin.item_id).in_(part))
            for item_id, *facts in session.execute(query.order_by(col(Origin.uri))):
                found.setdefault(item_id, Credit(*facts))
    return found


PROPOSED = select(col(Proposal.id), col(Proposal.score), col(Proposal.detector)), col(Proposal.id)

ANSWERED = (
    select(col(Answer.id), col(Answer.person), col(Answer.seconds), col(Answer.answered_at), col(Question.queue)).join(
        Question, col(Question.id) == col(Answer.question_id)
    ),
    col(Answer.id),
)

IMPORTED = select(col(Label.id), col(Label.import_file), col(Label.import_line)), col(Label.id)


def _rows(session: Session, query: tuple[Select[Any], Mapped[Any]], ids: list[str | None]) -> dict[str, Sequence[Any]]:
    """Return rows without their ids, by these."""
    select_, id_ = query
    found: dict[str, Sequence[Any]] = {}
    for part in _parts([each for each in ids if each]):
        found |= {row[0]: row[1:] for row in session.execute(select_.where(id_.in_(part)))}
    return found


def _parts(ids: Sequence[str]) -> list[list[str]]:
    unique = sorted(set(ids))
    return [unique[at : at + AT_ONCE] for at in range(0, len(unique), AT_ONCE)]
