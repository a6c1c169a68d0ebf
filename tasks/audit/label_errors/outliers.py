"""Settled labels that no detector contradicts and that are unlike the others of their class, as findings."""

from collections.abc import Mapping, Sequence

from tasks.audit.label_errors.finding import LabelFinding
from tasks.audit.label_errors.scores import Fault
from tasks.triage.boxes import Boxes
from tasks.triage.options import TriageOptions
from tasks.triage.outliers.box_place import learn_places, odd_count_reasons, odd_place_reasons
from tasks.triage.outliers.box_shape import learn_usual, odd_box_reasons

UNUSUAL = 0.5
"""Suspicion of what is only unusual: asked about after all that a detector contradicts."""


def find_unusual(
    labels: Boxes,
    item_ids: Sequence[str],
    outlier_z: float,
    known: Sequence[LabelFinding] = (),
) -> list[LabelFinding]:
    """Find labels of unusual size, shape or place for their class, and items with unusual counts.

    Args:
        labels: All labels of the items; may be none.
        item_ids: All items, also those without a label.
        outlier_z: How many robust standard deviations are odd.
        known: Findings there are already: their labels get no second one.
    """
    judged = {(one.item_id, one.subject) for one in known}
    usual = learn_usual([labels], TriageOptions(outlier_z=outlier_z))
    said = odd_box_reasons(labels, usual, outlier_z)
    places = odd_place_reasons(labels, learn_places([labels]), outlier_z)
    found = []
    for row, (item_id, label_id) in enumerate(zip(labels.item_ids, labels.ids, strict=True)):
        why = said[row] + places[row]
        if why and (item_id, label_id) not in judged:
            x_min, y_min, x_max, y_max = labels.xyxy_px[row].tolist()
            box = (x_min, y_min, x_max, y_max)
            name = str(labels.class_names[row])
            found.append(LabelFinding(item_id, Fault.ODD, label_id, name, box, UNUSUAL, "; ".join(why)))
    return found + _of_counts(odd_count_reasons(labels, item_ids, outlier_z), labels)


def _of_counts(said: Mapping[str, list[str]], labels: Boxes) -> list[LabelFinding]:
    """Return findings about whole items; their box is the whole image, as far as one is known."""
    frames = dict(zip(labels.item_ids, labels.frame_wh_px.tolist(), strict=True))
    found = []
    for item_id, why in said.items():
        width, height = frames.get(item_id, (0.0, 0.0))
        found.append(LabelFinding(item_id, Fault.ODD, "", "", (0.0, 0.0, width, height), UNUSUAL, "; ".join(why)))
    return found
