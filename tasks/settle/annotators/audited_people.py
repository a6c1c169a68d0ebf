"""How much of what is there each person finds, told by the blind audits of a batch that several people answered.

Who answers an audit sees no proposal, so what they marked is what they found. But truth must not come from the person
it measures: of each settled object only those count that somebody else marked as well. Where one person answers each
audit there is nothing to compare with, and nothing is told.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Audit, Batch, BatchItem, Label
from blocks.frozen import Frozen
from tasks.review.consensus.answer_groups import Group, read_groups
from tasks.review.consensus.box_matching import PersonAnswer, match_boxes
from tasks.review.consensus.comparers.boxes import boxes_of
from tasks.review.questions.kinds.boxes.regions import AnsweredBox
from tasks.review.questions.queue import MARK_MISSED
from tasks.review.questions.slots import is_for_referees
from tasks.settle.in_force import labels_in_force
from tasks.triage.summary import percent, table

_TRUTH = ""
"""Stands for the settled labels among the people who are matched: nobody's e-mail is empty."""


class PersonFinds(Frozen):
    """What one person found on the audited items of a batch."""

    person: str
    items: int = Field(description="Audited items that they and somebody else answered")
    objects: int = Field(description="Settled objects on these that somebody else marked, with the same class")
    found: int = Field(description="Of these objects, those that they marked too, with the same class")

    @property
    def share(self) -> float | None:
        """Share of the objects that they found; None where nothing was there to find."""
        return self.found / self.objects if self.objects else None


class AuditedPeople(Frozen):
    """What the audits of a batch say about people."""

    items: int = Field(default=0, description="Audited items that have settled")
    shared: int = Field(default=0, description="Of these, items that two people or more answered")
    people: tuple[PersonFinds, ...] = ()


def audited_people(engine: Engine, batch_id: str) -> AuditedPeople:
    """Measure what each person found on the blind audits of a batch; nobody where one person answered each."""
    with reading(engine) as session:
        items = _audited(session, batch_id)
        collection = session.exec(select(Batch.collection).where(Batch.id == batch_id)).first()
        groups = [group for group in read_groups(session, MARK_MISSED, batch_id) if group.item_id in items]
    shared = [group for group in groups if len({one.person for one in group.counted}) > 1]
    truth = labels_in_force(engine, [group.item_id for group in shared], collection)
    sums: dict[str, Counter[str]] = {}
    seen: dict[str, set[str]] = {}
    for group in shared:
        for one in _finds_of(group, truth[group.item_id]):
            sums.setdefault(one.person, Counter()).update({"objects": one.objects, "found": one.found})
            seen.setdefault(one.person, set()).add(group.item_id)  # of an item in parts it is one all the same
    people = tuple(PersonFinds(person=name, items=len(seen[name]), **sums[name]) for name in sorted(sums))
    return AuditedPeople(items=len(items), shared=len({group.item_id for group in shared}), people=people)


def audits_summary(audits: AuditedPeople) -> str:
    """Return what the audits say about people, as an operator reads it."""
    if not audits.items:
        return "Audits: none has settled, so how much people find is not measured."
    if not audits.people:
        return (
            f"Audits: {audits.items:,} settled, one person each, so there is nothing to compare with: how much a "
            "person finds is not measured. Ask two or more to measure it (`annotator_pool`, an `overlap` of `least` 2)."
        )
    head = ("person", "audited images", "marked, of the objects that somebody else marked too")
    return (
        f"Audits: {audits.shared:,} of {audits.items:,} settled ones were answered blind by two people or more.\n\n"
        f"{table(head, [(one.person, one.items, _share(one)) for one in audits.people])}"
    )


def _share(one: PersonFinds) -> str:
    return f"{one.found} of {one.objects} ({percent(one.found, one.objects)})" if one.objects else "not measured"


def _finds_of(group: Group, labels: Sequence[Label]) -> list[PersonFinds]:
    said = {one.person: PersonAnswer(one.person, boxes_of(one.raw)) for one in group.counted}
    blind = {one.person for one in group.counted if not is_for_referees(one.slot)}
    marked = _marked_by(group.id, [*said.values(), PersonAnswer(_TRUTH, tuple(map(_as_box, labels)))])
    found = []
    for person in sorted(blind):
        by_others = [people for people in marked if people - {person}]
        mine = sum(person in people for people in by_others)
        found.append(PersonFinds(person=person, items=1, objects=len(by_others), found=mine))
    return found


def _marked_by(question_id: str, answers: Sequence[PersonAnswer]) -> list[set[str]]:
    """Return, for each settled object, who marked it under its class."""
    marked = []
    for one in match_boxes(question_id, answers).objects:
        classes: Mapping[str, str] = {name: box.class_name for name, box in zip(one.people, one.boxes, strict=True)}
        if _TRUTH in classes:
            marked.append({name for name in classes if name != _TRUTH and classes[name] == classes[_TRUTH]})
    return marked


def _as_box(label: Label) -> AnsweredBox:
    edges = {name: getattr(label, name) for name in ("x_min", "y_min", "x_max", "y_max")}
    return AnsweredBox(id=label.region, class_name=label.class_name, untouched=False, **edges)


def _audited(session: Session, batch_id: str) -> set[str]:
    query = (
        select(BatchItem.item_id)
        .join(Audit, (col(Audit.item_id) == col(BatchItem.item_id)) & (col(Audit.batch_id) == col(BatchItem.batch_id)))
        .where(BatchItem.batch_id == batch_id)
        .where(col(BatchItem.settled_at).is_not(None), col(BatchItem.set_aside).is_(None))
    )
    return set(session.exec(query).all())
