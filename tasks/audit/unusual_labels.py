"""Settled labels that no detector contradicts and that are unlike the others of their class, as findings."""

import logging
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from blocks.errors import ImageTooLarge, ObjectMissing, UnreadableImage
from blocks.stores import Store
from tasks.audit.fault_scores import Fault
from tasks.audit.faults import Finding
from tasks.intake.images import read_item
from tasks.triage.boxes import Boxes
from tasks.triage.odd_colours import box_colours, learn_colours, odd_colour_reasons
from tasks.triage.odd_places import learn_places, odd_count_reasons, odd_place_reasons
from tasks.triage.oddities import learn_usual, odd_box_reasons
from tasks.triage.options import TriageOptions
from tasks.triage.robust import Floats

log = logging.getLogger(__name__)

UNUSUAL = 0.5
"""Suspicion of what is only unusual: asked about after all that a detector contradicts."""


def find_unusual(
    labels: Boxes,
    item_ids: Sequence[str],
    odd_z: float,
    known: Sequence[Finding] = (),
    colours: Floats | None = None,
) -> list[Finding]:
    """Find labels of unusual size, shape, place or colour for their class, and items with unusual counts.

    Args:
        labels: All labels of the items; may be none.
        item_ids: All items, also those without a label.
        odd_z: How many robust standard deviations are odd.
        known: Findings there are already: their labels get no second one.
        colours: Shape (n, 3), see `box_colours`; left out, colours are not judged.

    Raises:
        BadInput: Not one colour for each label.
    """
    judged = {(one.item_id, one.subject) for one in known}
    usual = learn_usual([labels], TriageOptions(odd_z=odd_z))
    said = odd_box_reasons(labels, usual, odd_z)
    kinds = [odd_place_reasons(labels, learn_places([labels]), odd_z)]
    if colours is not None:
        tones = learn_colours(colours, labels.class_names)
        kinds.append(odd_colour_reasons(colours, labels.class_names, tones, odd_z))
    found = []
    for row, (item_id, label_id) in enumerate(zip(labels.item_ids, labels.ids, strict=True)):
        why = said[row] + [reason for kind in kinds for reason in kind[row]]
        if why and (item_id, label_id) not in judged:
            x_min, y_min, x_max, y_max = labels.xyxy_px[row].tolist()
            box = (x_min, y_min, x_max, y_max)
            name = str(labels.class_names[row])
            found.append(Finding(item_id, Fault.ODD, label_id, name, box, UNUSUAL, "; ".join(why)))
    return found + _of_counts(odd_count_reasons(labels, item_ids, odd_z), labels)


def read_colours(store: Store, keys: Mapping[str, str], labels: Boxes) -> Floats:
    """Return the colours of labels, each image read once; no numbers where an image cannot be read.

    Args:
        store: Where the images are.
        keys: Where each item's image is in the store, by item id.
        labels: Of those items, those of one item together.
    """
    colours = np.full((len(labels), 3), np.nan)
    for item_id, rows in groupby(range(len(labels)), key=lambda row: labels.item_ids[row]):
        places = list(rows)
        try:
            image = read_item(store, keys[item_id])
        except (UnreadableImage, ImageTooLarge, ObjectMissing) as error:
            log.warning("no colours of item %s: %s", item_id, error)
            continue
        colours[places] = box_colours(image, labels.xyxy_px[places])
    return colours


def _of_counts(said: Mapping[str, list[str]], labels: Boxes) -> list[Finding]:
    """Return findings about whole items; their box is the whole image, as far as one is known."""
    frames = dict(zip(labels.item_ids, labels.frame_wh_px.tolist(), strict=True))
    found = []
    for item_id, why in said.items():
        width, height = frames.get(item_id, (0.0, 0.0))
        found.append(Finding(item_id, Fault.ODD, "", "", (0.0, 0.0, width, height), UNUSUAL, "; ".join(why)))
    return found
