"""Which boxes of a batch have an odd colour: every image is read once, and a box costs 12 bytes until all are known."""

import logging
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine

from blocks.errors import ImageTooLarge, ObjectMissing, UnreadableImage
from blocks.stores import Store
from tasks.intake.images import read_item
from tasks.triage.boxes import Boxes, Scope, in_shards, read_boxes, scanned_items
from tasks.triage.odd_colours import box_colours, learn_colours, odd_colour_reasons
from tasks.triage.options import TriageOptions
from tasks.triage.usual import not_dropped

log = logging.getLogger(__name__)


class OddColour(NamedTuple):
    """A box whose colour its class never has in this batch."""

    item_id: str
    proposal_id: str
    reason: str


def odd_colours_of(engine: Engine, store: Store, scope: Scope, options: TriageOptions) -> list[OddColour]:
    """Return the boxes of a batch that have an odd colour; dropped ones are not judged, and teach nothing.

    An image that cannot be read has no colours: what is to become of it is not decided here.
    """
    keys = scanned_items(engine, scope)
    colours: list[npt.NDArray[np.float32]] = []
    names: list[npt.NDArray[np.str_]] = []
    for boxes in _parts(engine, scope, list(keys), options):
        found = np.full((len(boxes), 3), np.nan, dtype=np.float32)
        for item_id, rows in groupby(range(len(boxes)), key=boxes.item_ids.__getitem__):
            places = list(rows)
            try:
                found[places] = box_colours(read_item(store, keys[item_id]), boxes.xyxy_px[places])
            except (UnreadableImage, ImageTooLarge, ObjectMissing) as error:
                log.warning("no colours of item %s: %s", item_id, error)
        colours.append(found)
        names.append(boxes.class_names)
    if not colours:
        return []
    usual = learn_colours(np.concatenate(colours).astype(np.float64), np.concatenate(names))
    odd = []
    for boxes, mine in zip(_parts(engine, scope, list(keys), options), colours, strict=True):
        said = odd_colour_reasons(mine.astype(np.float64), boxes.class_names, usual, options.odd_z)
        odd += [OddColour(boxes.item_ids[n], boxes.ids[n], why) for n, reasons in enumerate(said) for why in reasons]
    return odd


def _parts(engine: Engine, scope: Scope, item_ids: list[str], options: TriageOptions) -> Iterator[Boxes]:
    """Yield the boxes that are not dropped, the same ones in the same order every time."""
    for part in in_shards(item_ids):
        yield not_dropped(read_boxes(engine, scope, part), options)
