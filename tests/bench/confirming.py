"""What people who slip do to certified thresholds: one look at each drawn box, or a second at what is not right.

The same worlds as in `thresholds.py`, but boxes are judged by people who press a wrong key now and then. With one look,
a slip looks like an error of the detector, and nearly no threshold is ever certified. With a second look at what was
not called right, few slips are left; but a wrong box that one of two people calls right is lost as an error. `python -m
tests.bench.confirming` prints the table (about a minute).
"""

from dataclasses import dataclass

import numpy as np

from blocks.published_times import VERIFY_BOX
from tasks.audit.bounds.certify import certify
from tasks.audit.bounds.evidence import Flags, JudgedSample, SampleUnit
from tasks.audit.bounds.scope import WholeBatch
from tasks.audit.bounds.thresholds import ThresholdGrid
from tasks.audit.risk_control.options import RiskControlOptions
from tests.bench.thresholds import build_world


@dataclass(frozen=True, slots=True)
class Verifiers:
    """How people judge: how often they press a wrong key, and whether others look again at what is not right."""

    slip: float
    looks_again: bool

    def judge(self, wrong: Flags, rng: np.random.Generator) -> tuple[Flags, int]:
        """Return what counts as wrong, shape (n,), and how many questions were answered."""
        first = wrong ^ (rng.random(len(wrong)) < self.slip)
        if not self.looks_again:
            return first, len(wrong)
        again = wrong ^ (rng.random(len(wrong)) < self.slip)
        return first & again, len(wrong) + int(first.sum())


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of many batches."""

    broken: float
    """Share of batches with a threshold whose true error is above ε."""
    accepted: float
    """Mean share of boxes accepted."""
    oracle: float
    """Mean share that somebody who knows the true error would accept."""
    seconds: float
    """Mean human seconds for a batch and class."""


def confirm_batches(
    curve: str,
    correlation: float,
    verifiers: Verifiers,
    risk_control: RiskControlOptions,
    *,
    items: int = 300,
    worlds: int = 100,
    seed: int = 0,
) -> Confirmed:
    """Judge drawn boxes of many batches of a world (see `thresholds.CURVES`), and certify their thresholds."""
    world, rng = build_world(curve, correlation), np.random.default_rng(seed)
    broken = accepted = oracle = answers = 0.0
    for _ in range(worlds):
        item, scores, wrong = world.draw(items, rng)
        grid = ThresholdGrid.of(scores)
        drawn = rng.permutation(len(item))[: risk_control.boxes_per_class]
        said, questions = verifiers.judge(wrong[drawn], rng)
        evidence = JudgedSample.of(item[drawn].tolist(), scores[drawn], said, SampleUnit.BOXES)
        threshold = certify("car", [evidence], grid, risk_control.promise, WholeBatch.of(item.tolist(), scores))
        rates = np.array([wrong[scores >= threshold].mean() for threshold in grid.thresholds])
        oracle += float(grid.shares[rates <= risk_control.max_error_rate].max(initial=0.0))
        answers += questions
        if threshold.accept_from is not None:
            broken += bool(wrong[scores >= threshold.accept_from].mean() > risk_control.max_error_rate)
            accepted += threshold.share_accepted
    seconds = answers / worlds * VERIFY_BOX.seconds
    return Confirmed(broken / worlds, accepted / worlds, oracle / worlds, seconds)


def main(worlds: int = 200) -> None:
    """Print the table."""
    risk_control = RiskControlOptions()
    promised = f"ε = {risk_control.max_error_rate:.0%}, δ = {risk_control.promise.delta:.0%}"
    print(f"{promised}, {risk_control.boxes_per_class} boxes drawn of about 3,000")
    print("promise broken / accepted / accepted by who knows the truth / human seconds a batch and class")
    for curve in ("good", "mostly good", "usable", "just too bad"):
        for correlation in (0.0, 0.4):
            for verifiers in (Verifiers(0.0, False), Verifiers(0.03, False), Verifiers(0.03, True)):
                found = confirm_batches(curve, correlation, verifiers, risk_control, worlds=worlds)
                looks = "two looks" if verifiers.looks_again else "one look"
                print(
                    f"{curve:13} corr. {correlation:.1f}  slips {verifiers.slip:.0%}, {looks:9} | {found.broken:6.1%} "
                    f"{found.accepted:7.1%} {found.oracle:7.1%} {found.seconds:6.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
