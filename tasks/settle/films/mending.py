"""What is true of one item once people changed some of its labels, such as those of a frame in a film.

Whoever watches a film answers for all its frames at once, as they were when it was made. Of what they left as it was
they say nothing: there counts what is true without them, also where somebody else has mended it meanwhile.
"""

from dataclasses import replace

from blocks.shapes import Bounds, identity_in_item
from tasks.review.questions.kinds.boxes.part import is_middle_in
from tasks.review.questions.kinds.protocol import SaidLabel
from tasks.review.questions.said import Mend, WholeItemQuestion
from tasks.settle.revisions import plain_region
from tasks.settle.truth import (
    PERSON,
    ItemEvidence,
    Settlement,
    TrueLabel,
    TruthStatus,
    answered_box,
    settle_item,
)


def settle_mended(evidence: ItemEvidence, batch_id: str) -> Settlement:
    """Decide what is true of an item: `settle_item`, and what was mended since.

    - A label that was changed is the person's who did it, wherever it came from.
    - One that was shown and taken away is none; one that was not shown, since it came later, stays.
    - One that was left as it was stays as it is now; if it was taken away elsewhere meanwhile, it is gone.
    - Where nothing is true without the mend, such as after an earlier answer was deleted, it counts as a whole answer.

    Args:
        evidence: All that is known of the item.
        batch_id: Whose evidence it is. People saw its labels as they are kept; of an item that two collections share
            that is with its name, which what is settled does not have yet.
    """
    settled = settle_item(evidence)
    for mend in evidence.mends:
        settled = _mended(settled, _plain(mend, batch_id), evidence, batch_id)
    return settled


def _plain(mend: Mend, batch_id: str) -> Mend:
    labels = tuple(replace(one, id=plain_region(one.id, batch_id)) for one in mend.labels)
    return replace(mend, labels=labels, shown=frozenset(plain_region(one, batch_id) for one in mend.shown))


def _mended(before: Settlement, mend: Mend, evidence: ItemEvidence, batch_id: str) -> Settlement:
    alone = ItemEvidence(
        route=evidence.route,
        proposals=evidence.proposals,
        asked=WholeItemQuestion.ANSWERED,
        answer_id=mend.answer_id,
        answered=mend.labels,
        prefill=mend.shown,
        namings=evidence.namings,
        page_words=evidence.page_words,
        imported=evidence.imported,
    )
    if before.standing is not TruthStatus.SETTLED:
        return settle_item(alone)
    said = {identity_in_item(one.shape, one.id, one.class_name): one for one in mend.labels}
    now = [(plain_region(label.region, batch_id), label) for label in before.labels]  # as a second look left them
    known = {region for region, _ in now}
    kept = [(region, label) for region, label in now if not _is_taken_away(region, label, mend, said)]
    labels = [_as_mended(label, mend, said.get(region)) for region, label in kept]
    labels += [
        answered_box(one, alone)
        for region, one in said.items()
        if region not in known and not one.is_glanced and not _is_said_later(mend, one.box_px)
    ]
    if tuple(labels) == before.labels:
        return before
    deleted = before.deleted + len(before.labels) - len(kept)
    return replace(before, labels=tuple(labels), deleted=deleted, answer_id=mend.answer_id, answer_by_part={})


def _is_taken_away(region: str, label: TrueLabel, mend: Mend, said: dict[str, SaidLabel]) -> bool:
    return region in mend.shown and region not in said and not _is_said_later(mend, label.box_px)


def _as_mended(label: TrueLabel, mend: Mend, now: SaidLabel | None) -> TrueLabel:
    if now is None or _is_said_later(mend, label.box_px):
        return label
    if now.is_glanced:
        return replace(label, track=now.track) if now.track else label
    return replace(
        label,
        class_name=now.class_name,
        box_px=now.box_px,
        shape=now.shape,
        origin=PERSON,
        answer_id=mend.answer_id,
        track=now.track or label.track,
    )


def _is_said_later(mend: Mend, bounds: Bounds | None) -> bool:
    return bounds is not None and any(is_middle_in(frame, bounds) for frame in mend.said_later)
