"""Which of a batch's questions stand on one strip: neighbours of a sequence, as many as take a person a minute.

What is labelled blind never stands beside what is pre-filled: a neighbour's boxes would tell where its own are. A
picture that is asked in parts is on no strip.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tasks.review.drafts.batch_items import DraftItem
from tasks.review.posting.outbox import Draft
from tasks.review.questions.kinds.boxes.strip import StillPlace


def onto_strips(
    drafts: Sequence[Draft],
    places: Sequence[DraftItem],
    most: int,
    seconds: Mapping[str, float] | None = None,
    most_s: float = 60.0,
) -> list[Draft]:
    """Return questions about whole items with their places on strips, which are as urgent as their most urgent still.

    Args:
        drafts: Of some items.
        places: The items, in the order of the batch.
        most: So many questions on one strip.
        seconds: What an item is expected to take, by its id; None: nobody knows.
        most_s: So long all stills of one strip may take together; a still that takes longer stands alone.
    """
    by_item: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        by_item[draft.item_id].append(draft)
    found: dict[str, Draft] = {}
    for strip in _strips(places, by_item, most, seconds or {}, most_s):
        priority = max(draft.priority for draft in strip)
        for number, draft in enumerate(strip):
            still = StillPlace(strip=strip[0].item_id, number=number).model_dump(mode="json")
            found[draft.item_id] = replace(draft, payload={**draft.payload, "still": still}, priority=priority)
    return [draft if draft.subject else found.get(draft.item_id, draft) for draft in drafts]


def _strips(
    places: Sequence[DraftItem],
    by_item: Mapping[str, Sequence[Draft]],
    most: int,
    seconds: Mapping[str, float],
    most_s: float,
) -> list[list[Draft]]:
    """Return the strips of two stills or more."""
    rows: dict[tuple[str, bool], list[tuple[DraftItem, Draft]]] = defaultdict(list)
    for place in places:
        drafts = by_item.get(place.item_id, ())
        if len(drafts) == 1 and not drafts[0].subject:
            rows[place.sequence, bool(drafts[0].payload.get("blind"))].append((place, drafts[0]))
    strips: list[list[Draft]] = []
    for row in rows.values():
        strip, spent = list[Draft](), 0.0
        for place, draft in sorted(row, key=lambda one: -1 if one[0].frame is None else one[0].frame):
            takes = seconds.get(place.item_id, 0.0)
            if strip and (len(strip) == most or spent + takes > most_s):
                strips.append(strip)
                strip, spent = [], 0.0
            strip, spent = [*strip, draft], spent + takes
        strips.append(strip)
    return [strip for strip in strips if len(strip) > 1]
