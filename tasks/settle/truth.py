"""What is true of one item, given what machines proposed and people answered: plain rules, no database.

The person wins. A box that triage accepted is the machine's as long as no person changed it; a box that a person was
asked about is that person's, even if left as it was, and so is one that was drawn to be judged alone and called right;
what a person deleted is no label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from blocks.database.tables import Outcome, Route
from blocks.shapes import Bounds, identity_in_item
from blocks.storage.links import Box
from tasks.review.drafts.page_words import WordOnBox
from tasks.review.questions.kinds.boxes.part import is_middle_in
from tasks.review.questions.kinds.choose import AnsweredKind
from tasks.review.questions.kinds.protocol import SaidLabel
from tasks.review.questions.said import Mend, WholeItemQuestion

MACHINE = "machine"
PERSON = "person"
IMPORT = "import"


class TruthStatus(StrEnum):
    """Whether an item's truth is known."""

    SETTLED = "settled"
    WAITING = "waiting"  # a question is open
    UNSETTLED = "unsettled"  # nobody answered, and the machine alone does not know


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a model proposed and triage did not drop."""

    id: str
    class_name: str
    box_px: Bounds | None
    outcome: str
    confirmed_by: str | None = None
    """The answer in which a person called this box right, where it was drawn to be judged alone."""
    shape: dict[str, Any] | None = None
    """As in `Label`: None is a box."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What a person said about the kind of one region."""

    answer_id: str
    said: AnsweredKind


@dataclass(frozen=True, slots=True)
class ImportPlace:
    """Where a label from elsewhere was read.

    Attributes:
        import_id: Which `LabelImport`.
        file: Its path below what was given.
        line: From 1; None where the format has no lines.
    """

    import_id: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ItemEvidence:
    """All that is known of one item."""

    route: str
    proposals: Mapping[str, Proposed] = field(default_factory=dict)
    asked: WholeItemQuestion = WholeItemQuestion.CLOSED
    answer_id: str | None = None
    answered: tuple[SaidLabel, ...] = ()
    prefill: frozenset[str] = frozenset()
    saw_proposals: bool = True
    """Whether who answered was shown the prefill; if not, they drew what is there, and took nothing away."""
    answer_by_label: Mapping[str, str] = field(default_factory=dict)
    """The answer behind each of `answered`, where the item was asked in parts."""
    answer_by_part: Mapping[Box, str] = field(default_factory=dict)
    """By the part's frame."""
    unanswered: tuple[Box, ...] = ()
    """Parts that ended without an answer, beside others that have one."""
    shown_in_parts: frozenset[str] = frozenset()
    """Proposals that the answered parts began with, whether or not they were seen."""
    is_partial: bool = False
    """Whether people answered parts of the item, and nobody all of it."""
    namings: Mapping[str, Naming] = field(default_factory=dict)
    page_words: Mapping[str, WordOnBox] = field(default_factory=dict)
    imported: "tuple[TrueLabel, ...]" = ()
    """What the newest import says of the item."""
    mends: tuple[Mend, ...] = ()
    """What people changed of all this since: `films.mending` settles it."""

    def is_answered_at(self, proposal_id: str | None, bounds: Bounds | None) -> bool:
        """Say whether people have said what is at a place of the item, and what becomes of the proposal there."""
        if not self.is_partial:
            return self.asked is WholeItemQuestion.ANSWERED
        return proposal_id in self.shown_in_parts or _is_in(tuple(self.answer_by_part), bounds)


@dataclass(frozen=True, slots=True)
class TrueLabel:
    """One object that is there, or what the whole of an item is."""

    region: str
    class_name: str
    box_px: Bounds | None
    origin: str
    proposal_id: str | None = None
    answer_id: str | None = None
    kind: str | None = None
    kind_answer_id: str | None = None
    shape: dict[str, Any] | None = None
    place: ImportPlace | None = None
    """Of a label that came in from elsewhere, also once a person has confirmed or moved it."""
    track: str | None = None
    """Whose it is, where a person or an import says so; of a proposal it is looked up as the label is written."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is true of an item, and how it came about.

    `undecided` counts boxes that a person should have decided and nobody did, `deleted` prefilled boxes that a person
    took away. `refused` names the boxes whose crop a second person called no object, with the answer that says so.
    """

    standing: TruthStatus
    labels: tuple[TrueLabel, ...] = ()
    undecided: int = 0
    deleted: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)
    answer_id: str | None = None
    answer_by_part: Mapping[Box, str] = field(default_factory=dict)

    def answer_at(self, bounds: Bounds) -> str | None:
        """Return the answer that says what is at a place: that of its part, where the item was asked in parts."""
        return next(
            (answer_id for frame, answer_id in self.answer_by_part.items() if is_middle_in(frame, bounds)),
            self.answer_id,
        )


def settle_item(evidence: ItemEvidence) -> Settlement:
    """Decide what is true of an item.

    - Route sure: the accepted proposals, until a person who looked at the item after all has answered; on a page of
      crops a person may have confirmed or removed them.
    - Route ask, answered: the person's boxes. One that is a proposal's keeps the proposal's id; left untouched it stays
      the machine's if triage had accepted it, and becomes the person's if triage had asked.
    - Route audit, answered: the person's boxes; no proposal was shown, so none is behind them.
    - Closed without an answer: an asked item settles from its accepted boxes, if it has any, and the others are
      undecided. An audited item never does: it would flatter the machine.
    - Asked in parts: each part as its answer says; a part that ended without one as an item that did, and so the whole
      item is unsettled where nothing was accepted there. Parts that nobody was asked about: the accepted proposals.
    - Answered by somebody who could not tell: unsettled, whatever the machine says.
    - Route import: what came in, until a person who looked at the item after all has answered.
    - A box whose crop is called no object is taken out, whoever drew it.
    """
    if evidence.route == Route.IMPORT.value and evidence.asked not in _SAID:
        return _with_kinds(Settlement(TruthStatus.SETTLED, evidence.imported), evidence.namings)
    return _settle_looked_at(evidence)


_SAID = (WholeItemQuestion.ANSWERED, WholeItemQuestion.CANNOT_TELL)


def _settle_looked_at(evidence: ItemEvidence) -> Settlement:
    sure = [p for p in evidence.proposals.values() if p.outcome == Outcome.ACCEPT.value]
    accepted = tuple(_sure_box(p, evidence) for p in sure if not _is_removed(p, evidence))
    if evidence.route == Route.SURE.value and evidence.asked not in _SAID:
        removed = len(sure) - len(accepted)
        # Taken off a page when it was too late to ask about the item: with nothing left, nobody knows what is there.
        standing = TruthStatus.SETTLED if accepted or not removed else TruthStatus.UNSETTLED
        return _with_kinds(Settlement(standing, accepted, deleted=removed), evidence.namings)
    if evidence.asked in _UNKNOWN:
        return Settlement(_UNKNOWN[evidence.asked], answer_id=evidence.answer_id)
    if evidence.asked is WholeItemQuestion.ANSWERED:
        boxes = tuple(answered_box(box, evidence) for box in evidence.answered if not _is_gone(box, evidence))
        shown = evidence.prefill if evidence.saw_proposals else frozenset()
        deleted = len(shown - {box.id for box in evidence.answered})
        answered = Settlement(
            TruthStatus.SETTLED,
            boxes,
            deleted=deleted,
            answer_id=evidence.answer_id,
            answer_by_part=evidence.answer_by_part,
        )
        if evidence.is_partial:
            answered = _with_the_rest(answered, evidence, accepted)
        return _with_kinds(answered, evidence.namings)
    if evidence.route == Route.AUDIT.value:
        return Settlement(TruthStatus.UNSETTLED)
    undecided = sum(p.outcome == Outcome.ASK.value for p in evidence.proposals.values())
    if not accepted:
        # An empty label set would claim that nothing is there, and nobody has said so.
        return Settlement(TruthStatus.UNSETTLED, undecided=undecided)
    return _with_kinds(Settlement(TruthStatus.SETTLED, accepted, undecided=undecided), evidence.namings)


def _with_the_rest(answered: Settlement, evidence: ItemEvidence, accepted: Sequence[TrueLabel]) -> Settlement:
    """Return what is true where people answered parts of an item: elsewhere the accepted boxes count.

    Elsewhere are parts that nobody was asked about, since all is sure there or came in with its labels, and parts that
    ended without an answer. The latter are, of an item in doubt, as a whole one that did: an audit never settles from
    what the machine says, and neither does a part in which nothing was accepted. What was answered is kept, and counts
    once the rest is answered too.
    """
    is_audit = evidence.route == Route.AUDIT.value
    rest = [box for box in accepted if not is_audit and not evidence.is_answered_at(box.proposal_id, box.box_px)]
    rest += [label for label in evidence.imported if not evidence.is_answered_at(label.region, label.box_px)]
    undecided = sum(
        p.outcome == Outcome.ASK.value and not evidence.is_answered_at(p.id, p.box_px)
        for p in evidence.proposals.values()
    )
    was_in_doubt = evidence.route in (Route.ASK.value, Route.AUDIT.value)
    if was_in_doubt and not all(any(_is_in([part], box.box_px) for box in rest) for part in evidence.unanswered):
        return Settlement(TruthStatus.UNSETTLED, undecided=undecided, answer_id=answered.answer_id)
    known = {label.region for label in answered.labels}
    rest = [box for box in rest if box.region not in known]
    return replace(answered, labels=(*answered.labels, *rest), undecided=0 if is_audit else undecided)


def _is_in(frames: Sequence[Box], bounds: Bounds | None) -> bool:
    return bounds is not None and any(is_middle_in(frame, bounds) for frame in frames)


_UNKNOWN = {
    WholeItemQuestion.OPEN: TruthStatus.WAITING,
    WholeItemQuestion.CANNOT_TELL: TruthStatus.UNSETTLED,
}


def _sure_box(proposed: Proposed, evidence: ItemEvidence) -> TrueLabel:
    """Return an accepted box: the machine's, or that of the person who called it right, alone or on a page."""
    said = evidence.page_words.get(proposed.id)
    confirmed_by = proposed.confirmed_by or (said.answer_id if said and said.word == "confirmed" else None)
    origin = PERSON if confirmed_by else MACHINE
    return TrueLabel(
        identity_in_item(proposed.shape, proposed.id, proposed.class_name),
        proposed.class_name,
        proposed.box_px,
        origin,
        proposal_id=proposed.id,
        answer_id=confirmed_by,
        shape=proposed.shape,
    )


def _is_removed(proposed: Proposed, evidence: ItemEvidence) -> bool:
    said = evidence.page_words.get(proposed.id)
    return said is not None and said.word == "removed"


def _is_gone(answered: SaidLabel, evidence: ItemEvidence) -> bool:
    """Say whether a box that was only passed over as a sure one was explicitly removed on a page."""
    shown = evidence.proposals.get(answered.id)
    return bool(shown and answered.untouched and shown.outcome == Outcome.ACCEPT.value and _is_removed(shown, evidence))


def answered_box(answered: SaidLabel, evidence: ItemEvidence) -> TrueLabel:
    """Return what a person's label is, who was asked about the whole item."""
    shown = evidence.proposals.get(answered.id) if evidence.route != Route.AUDIT.value else None
    if shown and answered.untouched and shown.outcome == Outcome.ACCEPT.value:
        return _sure_box(shown, evidence)
    region = identity_in_item(answered.shape, answered.id, answered.class_name)
    given = next((label for label in evidence.imported if label.region == region), None)
    if given and answered.is_glanced:
        return given
    return TrueLabel(
        region=region,
        class_name=answered.class_name,
        box_px=answered.box_px,
        origin=PERSON,
        proposal_id=shown.id if shown else None,
        answer_id=evidence.answer_by_label.get(answered.id, evidence.answer_id),
        shape=answered.shape,
        place=given.place if given else None,
        track=answered.track,
    )


def _with_kinds(settlement: Settlement, namings: Mapping[str, Naming]) -> Settlement:
    boxes, refused = [], {}
    for box in settlement.labels:
        naming = namings.get(box.region)
        if naming is None:
            boxes.append(box)
        elif naming.said.verdict == "not_an_object":
            refused[box.region] = naming.answer_id
        else:
            boxes.append(replace(box, kind=naming.said.kind, kind_answer_id=naming.answer_id))
    return replace(settlement, labels=tuple(boxes), refused=refused)
