"""What settling a batch came to."""

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, computed_field

from blocks.database.tables import Route
from blocks.errors import BadRegion, BadShape
from blocks.frozen import Frozen
from blocks.shapes import identity_in_item
from tasks.settle.evidence import BatchPlace
from tasks.settle.truth import IMPORT, MACHINE, ItemEvidence, Settlement, TruthStatus

LISTED = 100
"""So many items are named with their reason: a report travels through Prefect, and the catalogue has them all."""


class ItemAside(Frozen):
    """An item that was not settled, and why."""

    item_id: str
    reason: str


class SettleReport(BaseModel):
    """Labels of a batch by origin and class, what people did to boxes, and what is still open."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # ignore: the computed share comes along when read back

    batch_id: str
    items_settled: int = 0
    items_waiting: int = Field(default=0, description="A question is still open")
    items_unsettled: int = Field(default=0, description="Nobody answered or could tell, and machines alone do not know")
    labels: int = Field(default=0, description="Labels in force")
    by_origin: dict[str, int] = Field(default_factory=dict, description="machine, person, import")
    by_class: dict[str, int] = Field(default_factory=dict)
    by_kind: dict[str, int] = Field(default_factory=dict, description="Where the second queue named a kind")
    accepted_without_people: int = Field(default=0, description="Accepted by triage, and nobody has looked at them")
    passed_over: int = Field(
        default=0, description="Accepted by triage, and left as they were by people who looked at the item or its crop"
    )
    imported: int = Field(default=0, description="Came in from elsewhere, and nobody here has looked at them")
    confirmed: int = Field(default=0, description="Asked about, and left as they were")
    changed: int = Field(default=0, description="Proposed boxes that a person moved or renamed")
    drawn: int = Field(default=0, description="Boxes that a person drew where none was proposed")
    drawn_blind: int = Field(default=0, description="Boxes that a person drew without seeing proposals")
    drawn_unprompted: int = Field(
        default=0,
        description="Boxes that a person drew because the proposals were not shown when they should have been",
    )
    deleted: int = Field(default=0, description="Shown boxes that a person took away")
    refused: int = Field(default=0, description="Boxes whose crop a second person called no object")
    undecided: int = Field(default=0, description="Boxes asked about that nobody decided: no labels")
    revisions_written: int = Field(default=0, description="Rows that this call added")
    set_aside: tuple[ItemAside, ...] = Field(default=(), description="Items whose answer cannot be read, or used")
    items_left_out: int = Field(default=0, description="Taken out of the batch on the way, such as unreadable images")
    left_out: tuple[ItemAside, ...] = Field(default=(), description=f"The first {LISTED} of those")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def share_accepted(self) -> float:
        """Boxes that nobody has looked at, over all boxes in force of the batch; 0 where there is none.

        A box that somebody had before their eyes is looked at, whatever they were asked: on an item with other boxes,
        on a page of crops, in a draw that was judged one by one, or to name its kind. What people labelled blind for
        the audit stays in the denominator.
        """
        return self.accepted_without_people / self.labels if self.labels else 0.0


class SettleCounts:
    """Counts item by item what becomes a report."""

    def __init__(self, batch_id: str) -> None:
        self._batch_id = batch_id
        self._totals: Counter[str] = Counter()
        self._by: dict[str, Counter[str]] = {"origin": Counter(), "class": Counter(), "kind": Counter()}
        self._aside: list[ItemAside] = []
        self._left_out: tuple[ItemAside, ...] = ()

    def add(self, place: BatchPlace, evidence: ItemEvidence, settlement: Settlement, revisions: int) -> None:
        """Count one item."""
        standing = {TruthStatus.SETTLED: "settled", TruthStatus.WAITING: "waiting", TruthStatus.UNSETTLED: "unsettled"}
        self._totals[f"items_{standing[settlement.standing]}"] += 1
        self._totals["labels"] += len(settlement.labels)
        self._totals["revisions_written"] += revisions
        self._totals["undecided"] += settlement.undecided
        self._totals["deleted"] += settlement.deleted
        self._totals["refused"] += len(settlement.refused)
        answered = {identity_in_item(one.shape, one.id, one.class_name): one for one in evidence.answered}
        # Of films, only what was mended: the rest is theirs who said it before.
        answered |= {one.id: one for mend in evidence.mends for one in mend.labels if not one.untouched}
        came_in = {label.region for label in evidence.imported}
        for box in settlement.labels:
            self._by["origin"][box.origin] += 1
            self._by["class"][box.class_name] += 1
            if box.kind:
                self._by["kind"][box.kind] += 1
            if box.origin == MACHINE:
                # Somebody who named its kind, or said something about the item, has seen it; who skipped it has not.
                nobody = evidence.answer_id is None or not evidence.is_answered_at(box.proposal_id, box.box_px)
                unseen = nobody and box.kind_answer_id is None and not evidence.mends
                self._totals["accepted_without_people" if unseen else "passed_over"] += 1
            elif box.origin == IMPORT:
                self._totals["imported"] += 1
            elif place.route == Route.AUDIT.value:
                self._totals["drawn_blind"] += 1
            elif not evidence.saw_proposals and box.region in answered:
                self._totals["drawn_unprompted"] += 1
            elif box.proposal_id is None and box.region not in came_in:
                self._totals["drawn"] += 1
            else:
                # A box that no whole-item answer holds was confirmed on a page, or judged alone and called right.
                said = answered.get(box.region)
                self._totals["confirmed" if said is None or said.untouched else "changed"] += 1

    def set_aside(self, item_id: str, error: BadRegion | BadShape) -> None:
        """Note an item whose answer cannot be read, or used."""
        self._aside.append(ItemAside(item_id=item_id, reason=str(error)))

    def leave_out(self, items: Sequence[ItemAside]) -> None:
        """Note the items that were taken out of the batch before it was settled."""
        self._totals["items_left_out"] = len(items)
        self._left_out = tuple(items[:LISTED])

    def report(self) -> SettleReport:
        """Return the counts as a report."""
        by = {f"by_{name}": dict(sorted(counts.items())) for name, counts in self._by.items()}
        named = {"set_aside": tuple(self._aside), "left_out": self._left_out}
        return SettleReport(batch_id=self._batch_id, **named, **self._totals, **by)
