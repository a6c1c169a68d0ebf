"""What a proposal's score says by the thresholds of its class: accept, ask or drop; and what people said before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from blocks.database.audit_tables import Said
from blocks.database.tables import Outcome
from tasks.triage import reasons
from tasks.triage.boxes import Boxes
from tasks.triage.options import CertifiedThresholds, ScoreThresholds, TriageOptions
from tasks.triage.robust_z import Floats

SAID_OUTCOMES = {Said.RIGHT.value: Outcome.ACCEPT.value, Said.NOTHING.value: Outcome.DROP.value}
"""What becomes of a box of which a person has said something; whatever else was said, people look again."""


@dataclass(frozen=True, slots=True)
class Certified:
    """What audits know of a batch before it is triaged."""

    thresholds: CertifiedThresholds
    said: Mapping[str, str]
    """What people said of the randomly sampled boxes, by proposal id: one of `Said`."""


def outcomes_by_score(scores: Floats, accept: Floats, drop: Floats) -> npt.NDArray[np.str_]:
    """Say of each score what becomes of it.

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


def thresholds_of(boxes: Boxes, options: TriageOptions) -> list[ScoreThresholds]:
    """Return the score thresholds of each box's class."""
    known = {name: options.thresholds_of(name) for name in np.unique(boxes.class_names).tolist()}
    return [known[name] for name in boxes.class_names.tolist()]


def judge_boxes(
    boxes: Boxes, oddities: Sequence[list[str]], options: TriageOptions, certified: Certified | None = None
) -> tuple[npt.NDArray[np.str_], list[list[str]]]:
    """Give every box exactly one verdict: its score's, but a box that is odd and not dropped is asked about.

    Args:
        boxes: n proposals. n may be 0.
        oddities: For each box why it is odd; empty where it is not.
        options: The thresholds.
        certified: Certified thresholds in place of the accept scores, and what people have said; None: neither.

    Returns:
        Outcomes, shape (n,), and for each box its reasons, at least one.
    """
    thresholds = thresholds_of(boxes, options)
    accept = np.array(
        [
            certified.thresholds.accept_of(name) if certified else threshold.accept
            for name, threshold in zip(boxes.class_names.tolist(), thresholds, strict=True)
        ],
        dtype=np.float64,
    )
    drop = np.array([threshold.drop for threshold in thresholds], dtype=np.float64)
    outcomes = outcomes_by_score(boxes.scores, accept, drop)
    odd = np.array([bool(found) for found in oddities], dtype=np.bool_)
    by_score = outcomes.tolist()
    outcomes[odd & (outcomes == Outcome.ACCEPT.value)] = Outcome.ASK.value
    reasons_of_boxes = [
        _reasons_of(by_score[place], boxes, place, thresholds[place], found, certified)
        for place, found in enumerate(oddities)
    ]
    if certified:
        for place, proposal_id in enumerate(boxes.ids):
            said = certified.said.get(proposal_id)
            if said is not None:
                outcomes[place] = SAID_OUTCOMES.get(said, Outcome.ASK.value)
                reasons_of_boxes[place] = [reasons.judged(said)]
    return outcomes, reasons_of_boxes


def _reasons_of(
    by_score: str,
    boxes: Boxes,
    place: int,
    threshold: ScoreThresholds,
    oddities: list[str],
    certified: Certified | None,
) -> list[str]:
    score, name = float(boxes.scores[place]), str(boxes.class_names[place])
    if by_score == Outcome.DROP.value:
        return [reasons.weak(score, threshold.drop)]
    accept = certified.thresholds.accept_of(name) if certified else threshold.accept
    if by_score == Outcome.ACCEPT.value:
        sure = (
            reasons.certified(score, accept, certified.thresholds.max_error_rate)
            if certified
            else reasons.confident(score, accept)
        )
        return oddities or [sure]
    if np.isnan(score):
        return [reasons.no_score(), *oddities]
    doubt = (
        reasons.doubtful(score, threshold.drop, accept) if np.isfinite(accept) else reasons.no_threshold(name, score)
    )
    return [doubt, *oddities]
