"""Boxes in doubt that are cheaper asked about one by one, on a page of crops, than by asking about their item.

Asked about an item, a person looks it over, passes over its sure boxes and verifies each doubtful one. On a page they
verify the doubtful ones alone; but of what they remove, the part of the item is asked about after all. So a page pays
where boxes in doubt are few and mostly right. It does not pay for what nobody looks for then: objects that the detector
has missed. Only items of which nothing else is odd come into question.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy import Engine

from blocks.database.engine import reading
from blocks.database.tables import Outcome, Proposal, Route
from blocks.published_times import VERIFY_BOX
from tasks.review.drafts.batch_items import DraftItem, pages_of_items
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.in_parts import items_to_ask
from tasks.review.drafts.items_and_kinds import as_answered, proposed_of
from tasks.review.questions.expected import CLICK_S, GLANCE_BOX_S, LOOK_S, Experience
from tasks.review.questions.kinds.boxes.regions import AnsweredBox
from tasks.review.questions.kinds.protocol import ItemToAsk, ToShow
from tasks.triage.reasons import Why, why_of


def narrow_boxes(
    engine: Engine, batch_id: str, parts: PartOptions | None
) -> Iterator[list[tuple[DraftItem, AnsweredBox, Proposal]]]:
    """Yield the boxes in doubt that come onto pages, items of a page of rows at a time, with the proposals they are."""
    for places in pages_of_items(engine, batch_id, (Route.ASK,)):
        plain = [place for place in places if is_only_in_doubt(place.reasons)]
        with reading(engine) as session:
            ids = [place.item_id for place in plain]
            proposed = proposed_of(session, batch_id, ids, (Outcome.ACCEPT, Outcome.ASK))
        found = []
        for place in plain:
            boxes = proposed[place.item_id]
            doubtful = [one for one in boxes if not one.is_sure]
            if doubtful and is_cheaper_on_pages(ItemToAsk(place.width, place.height, boxes), parts):
                known = {one.proposal.id: one.proposal for one in doubtful}
                found += [(place, box, known[box.id]) for box in as_answered(place, doubtful)]
        yield found


def is_only_in_doubt(reasons: Sequence[str]) -> bool:
    """Say whether an item is asked about for no other reason than that boxes are in doubt."""
    return bool(reasons) and all(why_of(reason) is Why.BOXES_IN_DOUBT for reason in reasons)


def is_cheaper_on_pages(item: ItemToAsk, parts: PartOptions | None) -> bool:
    """Say whether an item's boxes in doubt are expected to take people less time on pages than with the item.

    Args:
        item: With all that would be shown of it.
        parts: How it would be asked; None: as a whole.
    """
    asked = items_to_ask(item, (), parts, Experience()) if parts else [item]
    return sum(map(_on_pages_s, asked)) < sum(map(_with_the_item_s, asked))


def _with_the_item_s(asked: ItemToAsk) -> float:
    sure = sum(one.is_sure for one in asked.proposed)
    return LOOK_S + GLANCE_BOX_S * sure + sum(map(_verified_s, _doubts(asked)))


def _on_pages_s(asked: ItemToAsk) -> float:
    """Return the seconds of verifying on pages, and of asking about the part again where anything was removed."""
    scores = np.array([one.proposal.score for one in _doubts(asked)], np.float64)
    removed = float((1 - scores).sum())
    again = LOOK_S + GLANCE_BOX_S * (len(asked.proposed) - removed) + (VERIFY_BOX.seconds + CLICK_S) * removed
    return sum(map(_verified_s, _doubts(asked))) + (1 - float(scores.prod())) * again


def _verified_s(one: ToShow) -> float:
    return VERIFY_BOX.seconds + (1 - one.proposal.score) * CLICK_S


def _doubts(asked: ItemToAsk) -> list[ToShow]:
    return [one for one in asked.proposed if not one.is_sure]
