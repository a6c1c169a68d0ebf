"""How many people a question is asked of: one more only while the outcome is in doubt, then a referee.

Label Studio's open-source edition asks every task once. So a question with several slots is posted once per slot, each
in a sibling project that other people work in: nobody sees what the others said. After each answer `next_step` says
what to do. It compares the expected number of mistakes, as the consensus sees it, with what the queue tolerates.
Looking after each answer costs nothing: the expectation is as good whenever one looks, if the skills are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from blocks.errors import BadOption
from tasks.review.consensus.box_consensus import Candidate, Consensus
from tasks.review.consensus.choice_consensus import ChoiceConsensus
from tasks.review.consensus.span_consensus import SpanConsensus
from tasks.review.questions.staffing import OverlapRule

WORTH_A_REASON = 0.05
"""A box that is wrong with less probability is not named among the reasons."""

MOST_REASONS = 8


class Step(StrEnum):
    """What comes next for a question."""

    SETTLED = "settled"  # the consensus stands
    ASK_MORE = "ask_more"  # open a slot more
    WAIT = "wait"  # enough slots are open, and not answered yet
    REFEREE = "referee"  # people disagree: somebody decides who sees all that was said


@dataclass(frozen=True, slots=True)
class Slots:
    """How far the asking is."""

    answered: int
    """Answers that count."""
    waiting: int = 0
    """Slots that are open and not answered."""
    people_left: int = 1_000_000
    """Who may answer and has neither answered nor is waited for."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What comes next for a question, and why."""

    step: Step
    more: int
    """How many slots to open now; 0 unless the step is to ask more."""
    expected_wrong: float
    """Expected share of wrong boxes or choices, if it settled now."""
    reasons: tuple[str, ...]
    """What is in doubt, the worst first; empty where nothing is."""


def next_step_of_boxes(consensus: Consensus, slots: Slots, rule: OverlapRule) -> NextStep:
    """Say what comes next for a question about boxes."""
    doubts = sorted(_box_doubts(consensus, rule), key=lambda doubt: (-doubt[0], doubt[1]))
    wrong = consensus.missed + sum(max(one.wrong, _badly_placed(one, rule)) for one in consensus.candidates)
    share = wrong / max(len(consensus.boxes), 1)
    return decide_by(share, tuple(reason for _, reason in doubts[:MOST_REASONS]), slots, rule)


def next_step_of_spans(consensus: SpanConsensus, slots: Slots, rule: OverlapRule) -> NextStep:
    """Say what comes next for a question about spans of a text."""
    doubts = sorted(_span_doubts(consensus), key=lambda doubt: (-doubt[0], doubt[1]))
    wrong = consensus.missed + sum(one.wrong for one in consensus.candidates)
    share = wrong / max(len(consensus.spans), 1)
    return decide_by(share, tuple(reason for _, reason in doubts[:MOST_REASONS]), slots, rule)


def next_step_of_choice(consensus: ChoiceConsensus, slots: Slots, rule: OverlapRule) -> NextStep:
    """Say what comes next for a question with one choice; without any usable answer it is in full doubt."""
    if consensus.choice is None:
        return decide_by(1.0, ("nobody could tell",) if slots.answered else (), slots, rule)
    rivals = ", ".join(f"{name} {share:.0%}" for name, share in consensus.ranking[:3] if share >= WORTH_A_REASON)
    wrong = consensus.wrong
    return decide_by(wrong, (f"it may be: {rivals}",) if wrong > rule.tolerated else (), slots, rule)


def people_of_slots(people: Sequence[str], slots: int) -> list[tuple[str, ...]]:
    """Part the people of a queue into groups, one per slot, so that nobody meets a question twice.

    A person stays in their slot when others join at the end of the list.

    Args:
        people: E-mails, in the order in which the queue names them.
        slots: How many groups.

    Raises:
        BadOption: There are fewer people than slots.
    """
    if len(people) < slots:
        named = ", ".join(people) or "nobody"
        raise BadOption(
            f"{slots} slots need {slots} people or more, the queue names {len(people)} ({named}). "
            "Name more, or ask fewer people per question (`most`)."
        )
    return [tuple(people[slot::slots]) for slot in range(slots)]


def decide_by(wrong: float, reasons: tuple[str, ...], slots: Slots, rule: OverlapRule) -> NextStep:
    """Say what comes next, whatever is asked.

    Args:
        wrong: Expected share of mistakes, if it settled now.
        reasons: What is in doubt, the worst first.
        slots: How far the asking is.
        rule: What the queue tolerates.
    """
    missing = rule.least - slots.answered
    if missing <= 0 and wrong <= rule.tolerated:
        return NextStep(Step.SETTLED, 0, wrong, reasons)
    wanted = max(missing, 1) - slots.waiting
    if wanted <= 0:
        return NextStep(Step.WAIT, 0, wrong, reasons)
    more = min(wanted, rule.most - slots.answered - slots.waiting, slots.people_left)
    if more > 0:
        return NextStep(Step.ASK_MORE, more, wrong, reasons)
    if slots.waiting:
        return NextStep(Step.WAIT, 0, wrong, reasons)
    return NextStep(Step.REFEREE, 0, wrong, reasons or ("too few people may answer it",))


def _badly_placed(one: Candidate, rule: OverlapRule) -> float:
    """Return how likely a box's least certain edge is farther off than twice what is exact enough."""
    if not one.is_there or one.edge_error <= 0:
        return 0.0
    return one.exists * math.erfc(2 * rule.edge_error / one.edge_error / math.sqrt(2))


def _box_doubts(consensus: Consensus, rule: OverlapRule) -> list[tuple[float, str]]:
    """Return what is in doubt, with the number of mistakes to expect from it."""
    doubts = []
    if consensus.missed > WORTH_A_REASON:
        doubts.append((consensus.missed, f"about {consensus.missed:.2g} objects that nobody drew"))
    for one in consensus.candidates:
        place = f"{one.class_name} at {one.x_min:.0f},{one.y_min:.0f} to {one.x_max:.0f},{one.y_max:.0f}"
        drawn = f"drawn by {len(one.drawn_by)} of {len(consensus.people)}"
        if min(one.exists, 1 - one.exists) > WORTH_A_REASON:
            doubts.append((min(one.exists, 1 - one.exists), f"{place}: is it there? ({one.exists:.0%}, {drawn})"))
        if one.is_there and 1 - one.right_class > WORTH_A_REASON:
            doubts.append((1 - one.right_class, f"{place}: is it a {one.class_name}? ({one.right_class:.0%})"))
        if _badly_placed(one, rule) > WORTH_A_REASON:
            doubts.append((_badly_placed(one, rule), f"{place}: where are its edges? (± {one.edge_error:.0%})"))
    return doubts


def _span_doubts(consensus: SpanConsensus) -> list[tuple[float, str]]:
    """Return what is in doubt, with the number of mistakes to expect from it."""
    doubts = []
    if consensus.missed > WORTH_A_REASON:
        doubts.append((consensus.missed, f"about {consensus.missed:.2g} spans that nobody marked"))
    for one in consensus.candidates:
        place = f"{one.class_name} from {one.start} to {one.end}"
        marked = f"marked by {len(one.drawn_by)} of {len(consensus.people)}"
        if min(one.exists, 1 - one.exists) > WORTH_A_REASON:
            doubts.append((min(one.exists, 1 - one.exists), f"{place}: is it one? ({one.exists:.0%}, {marked})"))
        if one.is_there and 1 - one.right_class > WORTH_A_REASON:
            doubts.append((1 - one.right_class, f"{place}: is it a {one.class_name}? ({one.right_class:.0%})"))
        if one.is_there and 1 - one.right_extent > WORTH_A_REASON:
            doubts.append((1 - one.right_extent, f"{place}: where does it begin and end? ({one.right_extent:.0%})"))
    return doubts
