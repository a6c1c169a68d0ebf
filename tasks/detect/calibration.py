"""Scores that mean what they say: of boxes with a calibrated score of 0.8, eight in ten are right.

A network's score for an object depends on who saw it: one tile, several views, or only the whole image made smaller.
Triage compares scores, so each way of being seen gets a curve of its own per class, fitted on settled labels; where
there are too few of them, the curve of the class, or of all, stands in. A calibration belongs to one detector version
under one recipe and lies in the object store beside its weights.
"""

import contextlib
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field, ValidationError

from blocks.database.tables import Label, Proposal
from blocks.errors import BadOption, NotEnoughData, ObjectMissing
from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.detect.tiling.tiles import Flags, Floats
from tasks.kinds.boxes.kind import BOXES
from tasks.kinds.matching import ALONE, match_in_order
from tasks.kinds.metrics import expected_calibration_error
from tasks.kinds.protocol import LabelKind

LEAST_POINTS, LEAST_OF_EACH = 60, 8
"""Fewer proposals than this fit no curve of their own; of fewer right ones, only their share is believed."""

ISOTONIC_FROM = 1000
"""Isotonic regression follows any shape and needs many points; below, a logistic curve of two parameters is fitted."""

FOLDS = 5
_KNOTS: Floats = np.linspace(0.0, 1.0, 41, dtype=np.float64)


class Curve(Frozen):
    """From a score to the share of boxes that are right: straight lines between knots, never falling."""

    scores: tuple[float, ...] = Field(min_length=2)
    shares: tuple[float, ...] = Field(min_length=2)
    points: int

    def __call__(self, scores: Floats) -> Floats:
        """Return calibrated scores, shape and range as given: (n,), 0 to 1."""
        return np.interp(scores, self.scores, self.shares)


class Calibration(Frozen):
    """The curves of one detector version under one recipe, and how far its scores were off before and after.

    `recipe` is that of the raw scores. `curves` by class and way of being seen ("car/tile"), by class ("car"), and for
    all ("").
    """

    recipe: str
    curves: dict[str, Curve]
    points: int
    error_before: float = Field(description="Expected calibration error of the raw scores")
    error_after: float = Field(description="The same after calibration, on items that the curves were not fitted on")

    def scores_of(self, proposals: Sequence[Proposal]) -> Floats:
        """Return the calibrated scores (n,) of proposals, in their order."""
        scores = np.array([raw_score(proposal) for proposal in proposals], dtype=np.float64)
        return self.scores_at([(each.class_name, seen_by(each)) for each in proposals], scores)

    def scores_at(self, keys: Sequence[tuple[str, str]], scores: Floats) -> Floats:
        """Return the calibrated scores (n,) for raw ones (n,), each with its class and way of being seen."""
        return _apply(self.curves, keys, scores)


@dataclass(frozen=True, slots=True)
class Judged:
    """Proposals that settled labels have judged.

    Attributes:
        keys: Class and way of being seen, of each.
        scores: Shape (n,), 0 to 1.
        right: Shape (n,).
        items: Which item each lies on: folds never part an item.
    """

    keys: tuple[tuple[str, str], ...]
    scores: Floats
    right: Flags
    items: tuple[str, ...]


def seen_by(proposal: Proposal) -> str:
    """Return how a proposal was seen: by one `tile`, only in the `whole` image, or by `several` views."""
    return way_of_seeing(proposal.view, len(proposal.merged_from))


def way_of_seeing(view: str, parts: int) -> str:
    """Return how a box was seen whose best view was a `tile` or the `whole` image, and that has some parts."""
    return "several" if parts > 1 else view


def raw_score(proposal: Proposal) -> float:
    """Return what the network said of a proposal, whether its score was calibrated or not."""
    return max((float(part["score"]) for part in proposal.merged_from if "score" in part), default=proposal.score)


def judge(
    proposals: Mapping[str, Sequence[Proposal]], labels: Mapping[str, Sequence[Label]], kind: LabelKind = BOXES
) -> Judged:
    """Compare proposals with the labels in force on the same items.

    Args:
        proposals: By item, in any order; the better raw score takes a label first.
        labels: By item; only items that are here are judged, so give those that people have looked at: a label that was
            accepted without a look agrees with its proposal by birth.
        kind: Of the labels.
    """
    keys: list[tuple[str, str]] = []
    scores: list[float] = []
    right: list[bool] = []
    items: list[str] = []
    for item_id, truth in labels.items():
        ordered = sorted(proposals.get(item_id, ()), key=lambda each: (-raw_score(each), each.id))
        keys += [(proposal.class_name, seen_by(proposal)) for proposal in ordered]
        scores += [raw_score(proposal) for proposal in ordered]
        right += _are_right(ordered, truth, kind)
        items += [item_id] * len(ordered)
    return Judged(tuple(keys), np.array(scores, dtype=np.float64), np.array(right, dtype=np.bool_), tuple(items))


def fit_calibration(judged: Judged, recipe: str = "") -> Calibration:
    """Fit curves to judged proposals, and measure on held-out items what they are worth.

    Args:
        judged: What people's labels say of proposals.
        recipe: Under which they were made, for raw scores.

    Raises:
        NotEnoughData: Too few proposals, items, or right or wrong ones among them.
    """
    count, good = len(judged.scores), int(judged.right.sum())
    if count < LEAST_POINTS or min(good, count - good) < LEAST_OF_EACH or len(set(judged.items)) < FOLDS:
        raise NotEnoughData(
            f"{count} proposals ({good} right) on {len(set(judged.items))} items cannot calibrate scores: expected at "
            f"least {LEAST_POINTS}, {LEAST_OF_EACH} right and as many wrong, on {FOLDS} items. Settle more items first."
        )
    everything = np.ones(count, dtype=np.bool_)
    held_out = np.zeros(count)
    for fold in _folds(judged.items):
        keys = [judged.keys[place] for place in np.flatnonzero(fold)]
        held_out[fold] = _apply(_fit(judged, ~fold), keys, judged.scores[fold])
    return Calibration(
        recipe=recipe,
        curves=_fit(judged, everything),
        points=count,
        error_before=expected_calibration_error(judged.scores, judged.right),
        error_after=expected_calibration_error(held_out, judged.right),
    )


def keep_calibration(store: Store, version: str, calibration: Calibration) -> str:
    """Store a calibration beside the weights of its detector, and return its name: 12 hex digits of its content."""
    data = calibration.model_dump_json().encode()
    name = hashlib.sha256(data).hexdigest()[:12]
    store.put(_key(version, name), data, "application/json")
    return name


def read_calibration(store: Store, version: str, name: str) -> Calibration:
    """Return a calibration of a detector version.

    Raises:
        BadOption: The store has no such calibration, or it cannot be read.
    """
    try:
        return Calibration.model_validate_json(store.get(_key(version, name)))
    except (ObjectMissing, ValidationError) as error:
        raise BadOption(
            f"calibration {name!r} of detector {version} is not in the store, or damaged: expected one that the line "
            "has fitted. Leave `calibration` empty, and it will choose."
        ) from error


def kept_calibrations(store: Store, version: str) -> dict[str, Calibration]:
    """Return all calibrations of a detector version by name; those that cannot be read are left out."""
    found = {}
    for key in store.keys(f"calibrations/{version}/"):
        with contextlib.suppress(BadOption):
            name = key.rpartition("/")[2].removesuffix(".json")
            found[name] = read_calibration(store, version, name)
    return found


def _key(version: str, name: str) -> str:
    return f"calibrations/{version}/{name}.json"


def _are_right(ordered: Sequence[Proposal], truth: Sequence[Label], kind: LabelKind) -> list[bool]:
    """Say of proposals, best first, whether a label of its class is there that no better proposal took."""
    named = np.array([label.class_name for label in truth], dtype=object)
    alike = kind.similarity(ordered, truth)
    for row, proposal in enumerate(ordered):
        alike[row, named != proposal.class_name] = -1.0
    return [bool(partner != ALONE) for partner in match_in_order(alike, kind.right_from)]


def _folds(items: Sequence[str]) -> Iterator[Flags]:
    """Yield which points are held out, fold by fold; an item's points stay together."""
    from sklearn.model_selection import GroupKFold

    places = np.arange(len(items))
    for _, out in GroupKFold(FOLDS).split(places, groups=np.asarray(items)):
        fold = np.zeros(len(items), dtype=np.bool_)
        fold[out] = True
        yield fold


def _fit(judged: Judged, chosen: Flags) -> dict[str, Curve]:
    groups: dict[str, list[int]] = defaultdict(list)
    for place in np.flatnonzero(chosen):
        class_name, how = judged.keys[place]
        for key in (f"{class_name}/{how}", class_name, ""):
            groups[key].append(int(place))
    fitted = ((key, _fit_curve(judged.scores[places], judged.right[places])) for key, places in groups.items())
    return {key: curve for key, curve in fitted if curve is not None}


def _fit_curve(scores: Floats, right: Flags) -> Curve | None:
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    good = int(right.sum())
    if len(scores) < LEAST_POINTS or len(scores) - good < LEAST_OF_EACH:
        return None  # all but always right: that says nothing of scores lower than these
    if good < LEAST_OF_EACH:
        # All but always wrong: there is no shape to fit, and the share itself says the most (Laplace's rule).
        shares = np.full_like(_KNOTS, (good + 1) / (len(scores) + 2))
    elif len(scores) >= ISOTONIC_FROM:
        shares = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, right).predict(_KNOTS)
    else:
        shares = LogisticRegression().fit(_logits(scores), right).predict_proba(_logits(_KNOTS))[:, 1]
    # A detector that is surer of what is wrong is not to be turned upside down: its curve is flat.
    rising = np.maximum.accumulate(shares) if shares[-1] >= shares[0] else np.full_like(shares, right.mean())
    return Curve(scores=tuple(_KNOTS.tolist()), shares=tuple(rising.clip(0, 1).tolist()), points=len(scores))


def _logits(scores: Floats) -> Floats:
    inside = scores.clip(1e-4, 1 - 1e-4)
    return np.asarray(np.log(inside / (1 - inside))[:, None])


def _apply(curves: Mapping[str, Curve], keys: Sequence[tuple[str, str]], scores: Floats) -> Floats:
    result = scores.copy()
    places = sorted(range(len(keys)), key=lambda place: keys[place])
    for (class_name, how), group in itertools.groupby(places, key=lambda place: keys[place]):
        curve = curves.get(f"{class_name}/{how}") or curves.get(class_name) or curves.get("")
        mine = list(group)
        if curve is not None:
            result[mine] = curve(scores[mine])
    return result
