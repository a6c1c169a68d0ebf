"""What the score of a proposal says: accept, ask or drop, by the band of its class, and what people said before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from blocks.audit_tables import Said
from blocks.tables import Outcome
from tasks.triage import reasons
from tasks.triage.boxes import Boxes
from tasks.triage.options import Band, CertifiedBands, TriageOptions
from tasks.triage.robust import Floats

SAID_OUTCOMES = {Said.RIGHT.value: Outcome.ACCEPT.value, Said.NOTHING.value: Outcome.DROP.value}
"""What becomes of a box of which a person has said something; whatever else was said, people look again."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What audits know of a batch before it is triaged."""

    bands: CertifiedBands
    said: Mapping[str, str]
    """What people said of the boxes that were drawn by lot, by proposal id: one of `Said`."""


def outcomes_by_band(scores: Floats, accept: Floats, drop: Floats) -> npt.NDArray[np.str_]:
    """Sort scores into bands.

    Args:
        scores: Shape (n,). n may be 0.
        accept: Shape (n,): from this score on, accept.
        drop: Shape (n,): below this score, drop.

    Returns:
        Shape (n,), values of `Outcome`. A score that is no number is asked about.
    """
    outcomes = np.full(scores.shape, Outcome.ASK.value, dtype="<U8")
    outcomes[scores >= accept] = Outcome.ACCEPT.value
    outcomes[scores < drop] = Outcome.DROP.value
    return outcomes


def bands_of(boxes: Boxes, options: TriageOptions) -> list[Band]:
    """Return each box's band."""
    known = {name: options.band_of(name) for name in np.unique(boxes.class_names).tolist()}
    return [known[name] for name in boxes.class_names.tolist()]


def judge_boxes(
    boxes: Boxes, oddities: Sequence[list[str]], options: TriageOptions, proven: Proven | None = None
) -> tuple[npt.NDArray[np.str_], list[list[str]]]:
    """Give every box exactly one verdict: its band's, but a box that is odd and not dropped is asked about.

    Args:
        boxes: n proposals. n may be 0.
        oddities: For each box why it is odd; empty where it is not.
        options: The bands.
        proven: Certified bands in place of the accept bands, and what people have said; None: neither.

    Returns:
        Outcomes, shape (n,), and for each box its reasons, at least one.
    """
    bands = bands_of(boxes, options)
    accept = np.array(
        [
            proven.bands.accept_of(name) if proven else band.accept
            for name, band in zip(boxes.class_names.tolist(), bands, strict=True)
        ],
        dtype=np.float64,
    )
    drop = np.array([band.drop for band in bands], dtype=np.float64)
    outcomes = outcomes_by_band(boxes.scores, accept, drop)
    odd = np.array([bool(found) for found in oddities], dtype=np.bool_)
    by_score = outcomes.tolist()
    outcomes[odd & (outcomes == Outcome.ACCEPT.value)] = Outcome.ASK.value
    reasons_of_boxes = [
        _reasons_of(by_score[place], boxes, place, bands[place], found, proven) for place, found in enumerate(oddities)
    ]
    if proven:
        for place, proposal_id in enumerate(boxes.ids):
            said = proven.said.get(proposal_id)
            if said is not None:
                outcomes[place] = SAID_OUTCOMES.get(said, Outcome.ASK.value)
                reasons_of_boxes[place] = [reasons.judged(said)]
    return outcomes, reasons_of_boxes


def _reasons_of(
    by_score: str, boxes: Boxes, place: int, band: Band, oddities: list[str], proven: Proven | None
) -> list[str]:
    score, name = float(boxes.scores[place]), str(boxes.class_names[place])
    if by_score == Outcome.DROP.value:
        return [reasons.weak(score, band.drop)]
    accept = proven.bands.accept_of(name) if proven else band.accept
    if by_score == Outcome.ACCEPT.value:
        sure = reasons.certified(score, accept, proven.bands.epsilon) if proven else reasons.confident(score, accept)
        return oddities or [sure]
    if np.isnan(score):
        return [reasons.no_score(), *oddities]
    doubt = reasons.doubtful(score, band.drop, accept) if np.isfinite(accept) else reasons.no_band(name, score)
    return [doubt, *oddities]
