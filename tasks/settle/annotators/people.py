"""How the people of a batch's queues agree, how they do at gold questions, and what only a person with time can solve.

What is told of a person is what the quality of labels needs: how often they say what others say, how many gold
questions they passed, and what they found on blind audits of what others found there. No hours, no ranking, nothing of
queues in which one person sees each question; the audits say so there.
"""

from collections import Counter
from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.people_tables import Decision, Standing
from blocks.database.tables import Answer, AnswerState, Question
from blocks.frozen import Frozen
from blocks.naming.emails import normal_email
from tasks.review.consensus.agreement import AnnotatorAgreement, Statement, measure_agreement
from tasks.review.consensus.answer_groups import Group, read_groups
from tasks.review.consensus.comparers.registry import statements_about
from tasks.review.drafts.box_checks import CONFIRM_QUEUES
from tasks.review.questions.queue import CONFIRM_PAGE, NAME_KIND
from tasks.review.questions.queues.registry import ITEM_QUEUES
from tasks.review.questions.slots import beside, is_for_referees
from tasks.review.receiving.answer_versions import OF_NOBODY
from tasks.settle.annotators.audited_people import AuditedPeople, audited_people, audits_summary
from tasks.settle.annotators.skipped import Skipped, read_skipped
from tasks.settle.annotators.unused_answers import UnusedAnswers, read_unused, unused_summary
from tasks.settle.annotators.unused_parts import UnusedParts, read_unused_parts, unused_parts_summary
from tasks.triage.summary import escape_cell, percent, table

QUEUES = (CONFIRM_PAGE, *ITEM_QUEUES, NAME_KIND, *CONFIRM_QUEUES)
"""All that ask people, in the order in which a line does. Of pages and single boxes only what does not count is
told: one person answers each, so there is no agreement, and gold is hidden in neither."""

LISTED = 20


class PersonQuality(Frozen):
    """How one person does in one queue."""

    person: str
    agrees: float | None = Field(description="Share of places on which they say what another says; None: met nobody")
    kappa: float | None = Field(description="Cohen's coefficient with the others, -1 to 1")
    gold_passed: int = 0
    gold_of: int = 0
    standing: str = Field(default="", description="on_trial, good or suspended; empty: no gold yet")
    why: str = ""


class QueueQuality(Frozen):
    """What several people's answers in one queue came to."""

    queue: str
    decided: dict[str, int] = Field(description="Questions by how they were decided")
    alpha: float | None = Field(description="Krippendorff's coefficient, -1 to 1")
    shared: int = Field(description="Places or boxes that two people or more judged")
    uncounted: dict[str, int] = Field(description="Answers that do not count, by reason")
    people: tuple[PersonQuality, ...]


class PeopleReport(Frozen):
    """Agreement, gold, audits and rework of a batch, and which answers do not count."""

    batch_id: str
    queues: tuple[QueueQuality, ...] = ()
    rework: tuple[Skipped, ...] = Field(default=(), description="What nobody answered, and nobody is asked any more")
    audits: AuditedPeople = AuditedPeople()
    unused: UnusedAnswers = UnusedAnswers()
    parts: UnusedParts = UnusedParts()


def people_of(engine: Engine, batch_id: str) -> PeopleReport:
    """Measure how people agreed on a batch and what they found blind, and list what they could not answer."""
    with reading(engine) as session:
        queues = tuple(_quality(session, queue, batch_id) for queue in QUEUES)
        rework, unused = read_skipped(session, [batch_id]), read_unused(session, batch_id)
        parts = read_unused_parts(session, batch_id)
    told = tuple(one for one in queues if one.decided or one.uncounted or one.people)
    audits = audited_people(engine, batch_id)
    return PeopleReport(batch_id=batch_id, queues=told, rework=rework, audits=audits, unused=unused, parts=parts)


def _quality(session: Session, queue: str, batch_id: str) -> QueueQuality:
    steps = session.exec(select(Decision.step).where(Decision.queue == queue, Decision.batch_id == batch_id))
    decided = dict(Counter(steps))
    groups = read_groups(session, queue, batch_id) if decided else []
    agreement = measure_agreement(statements_of(groups))
    standings = session.exec(select(Standing).where(Standing.queue == queue).order_by(col(Standing.person))).all()
    uncounted = session.exec(
        select(Answer.reason)
        .join(Question, col(Question.id) == Answer.question_id)
        .where(beside(queue), Question.batch_id == batch_id, Answer.state == AnswerState.UNCOUNTED.value)
        .where(col(Answer.annotation_id) != OF_NOBODY)
    )
    return QueueQuality(
        queue=queue,
        decided=decided,
        alpha=agreement.alpha,
        shared=agreement.units,
        uncounted=dict(Counter(reason or "" for reason in uncounted)),
        people=_people(agreement, standings),
    )


def statements_of(groups: Sequence[Group]) -> list[Statement]:
    """Return what people said blind of each other: not what a referee said, who had seen it."""
    blind = {group.id: [one for one in group.counted if not is_for_referees(one.slot)] for group in groups}
    return [one for group in groups for one in statements_about(group, blind[group.id])]


def _people(agreement: AnnotatorAgreement, standings: Sequence[Standing]) -> tuple[PersonQuality, ...]:
    agrees = {one.person: one for one in agreement.people}
    stands = {normal_email(one.person): one for one in standings}
    people = []
    for name in sorted({*agrees, *stands}):
        with_others, gold = agrees.get(name), stands.get(name)
        people.append(
            PersonQuality(
                person=name,
                agrees=with_others.share if with_others else None,
                kappa=with_others.kappa if with_others else None,
                gold_passed=gold.passed if gold else 0,
                gold_of=gold.of if gold else 0,
                standing=gold.state if gold else "",
                why=gold.reason if gold else "",
            )
        )
    return tuple(people)


def people_summary(report: PeopleReport) -> str:
    """Return agreement, gold results and rework as an operator reads them."""
    parts = [f"## People of batch {escape_cell(report.batch_id)}"]
    for queue in report.queues:
        parts.append(f"### {escape_cell(queue.queue)}")
        if queue.decided:
            parts.append(
                table(
                    ("decided how", "questions"),
                    [(_words(step), count) for step, count in sorted(queue.decided.items())],
                )
            )
        if queue.shared:
            parts.append(
                f"{queue.shared:,} places were judged by two or more: Krippendorff's alpha {_number(queue.alpha)}."
            )
        if queue.people:
            head = ("person", "agrees with others", "Cohen's kappa", "gold passed", "standing")
            parts.append(table(head, [_person_row(one) for one in queue.people]))
            parts.extend(f"{escape_cell(one.person)}: {escape_cell(one.why)}." for one in queue.people if one.why)
        if queue.uncounted:
            rows = sorted(queue.uncounted.items(), key=lambda pair: (-pair[1], pair[0]))[:LISTED]
            parts.append(table(("kept and not counted, because", "answers"), rows))
    if not report.queues:
        parts.append("Every question was asked of one person, and none was gold: there is nothing to compare.")
    parts.append(audits_summary(report.audits))
    if report.unused.count:
        parts.append(unused_summary(report.unused))
    if report.parts.regions or report.parts.others:
        parts.append(unused_parts_summary(report.parts))
    if report.rework:
        listed = [(one.queue, one.name, one.item_id[:12], one.reason) for one in report.rework[:LISTED]]
        columns = ("queue", "image", "item", "reason")
        parts.append(
            f"{len(report.rework):,} for rework: nobody has answered, and nobody is asked any more. `labelline reopen` "
            f"asks them again.\n\n{table(columns, listed)}"
        )
    return "\n\n".join(parts)


def _person_row(one: PersonQuality) -> tuple[str, str, str, str, str]:
    agrees = "–" if one.agrees is None else f"{one.agrees:.0%}"
    gold = f"{one.gold_passed} of {one.gold_of} ({percent(one.gold_passed, one.gold_of)})" if one.gold_of else "–"
    return one.person, agrees, _number(one.kappa), gold, _words(one.standing) or "–"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"
