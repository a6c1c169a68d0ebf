"""What the score of a proposal says: accept, ask or drop, by the band of its class."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from blocks.tables import Outcome
from tasks.triage import reasons
from tasks.triage.boxes import Boxes
from tasks.triage.options import Band, TriageOptions
from tasks.triage.robust import Floats


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
    boxes: Boxes, oddities: Sequence[list[str]], options: TriageOptions
) -> tuple[npt.NDArray[np.str_], list[list[str]]]:
    """Give every box exactly one verdict: its band's, but a box that is odd and not dropped is asked about.

    Args:
        boxes: n proposals. n may be 0.
        oddities: For each box why it is odd; empty where it is not.
        options: The bands.

    Returns:
        Outcomes, shape (n,), and for each box its reasons, at least one.
    """
    bands = bands_of(boxes, options)
    accept = np.array([band.accept for band in bands], dtype=np.float64)
    drop = np.array([band.drop for band in bands], dtype=np.float64)
    outcomes = outcomes_by_band(boxes.scores, accept, drop)
    odd = np.array([bool(found) for found in oddities], dtype=np.bool_)
    by_score = outcomes.tolist()
    outcomes[odd & (outcomes == Outcome.ACCEPT.value)] = Outcome.ASK.value
    said = [
        _reasons_of(outcome, score, band, found)
        for outcome, score, band, found in zip(by_score, boxes.scores.tolist(), bands, oddities, strict=True)
    ]
    return outcomes, said


def _reasons_of(by_score: str, score: float, band: Band, oddities: list[str]) -> list[str]:
    if by_score == Outcome.DROP.value:
        return [reasons.weak(score, band.drop)]
    if by_score == Outcome.ACCEPT.value:
        return oddities or [reasons.confident(score, band.accept)]
    in_doubt = reasons.no_score() if np.isnan(score) else reasons.doubtful(score, band.drop, band.accept)
    return [in_doubt, *oddities]
