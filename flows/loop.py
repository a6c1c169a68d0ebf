"""The loop: label a few, train, propose the rest, ask about what tells most, train again, until it is enough.

It is made of the other flows. They run inside this run, and Prefect suspends no flow inside another one, so while
people work this run polls Label Studio every few seconds and holds its process, where a run of `label` alone would
sleep without one. If the process dies, start the loop again: rounds, batches and answers are in the catalogue, and it
goes on where it was.
"""

from prefect import flow
from pydantic import Field

from blocks.frozen import Frozen
from blocks.naming.run_names import named
from flows.label import label
from flows.options import LineOptions
from flows.reports import LineReport, LoopReport
from flows.retrain import retrain
from tasks.monitor.active_learning.choose import Selection
from tasks.monitor.active_learning.goals import Goal, LoopVerdict, judge_rounds
from tasks.monitor.steps import choose_batch, close_round, lacking_for_training, read_rounds, scan_pool
from tasks.train.options import PromoteOptions
from tasks.train.promotion import PromotionReport
from tasks.train.steps import resolve_detector

NEVER = 2**31 - 1
"""More new labels than any line gets: no event starts a training beside the loop's own."""


class LoopOptions(Frozen):
    """What a loop labels and trains, what it asks first, and when it stops."""

    line: LineOptions = Field(description="What is labelled and how; its retrain_after is not used.")
    selection: Selection = Field(default=Selection(), description="What people are asked first, and how much a round.")
    goal: Goal = Field(default=Goal(), description="When the rounds end.")
    gate: PromoteOptions = Field(default=PromoteOptions(), description="By how much a challenger must be better.")
    label_rest: bool = Field(
        default=True, description="After the last round, label all that is left, with the best detector."
    )

    def line_of(self, *, is_first: bool) -> LineOptions:
        """Return the line of a round: the loop trains itself, and after the first round with the champion."""
        detector = self.line.detector if is_first else "champion"
        return self.line.model_copy(update={"detector": detector, "retrain_after": NEVER})


@flow(flow_run_name=named("loop", of="options.line.collection"))
def loop(options: LoopOptions, plugs: str = "local") -> LoopReport:
    """Label and train a collection in rounds, until the goal is met.

    Each round asks people about the items from which the detector would learn most; the audit share and the test items
    of each round are labelled blind. While people work, the run polls: it does not sleep as a run of `label` does.

    Args:
        options: The line, what is asked first, and when it is enough.
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
    """
    collection = options.line.collection
    rounds = read_rounds(collection, plugs)
    if not rounds:
        train_on_known(options, plugs)
    verdict = judge_rounds(rounds, options.goal)
    while not verdict.met:
        verdict = run_round(options, plugs)
    rest = label_rest(options, plugs) if options.label_rest else None
    return LoopReport(collection=collection, rounds=read_rounds(collection, plugs), ended=verdict, rest=rest)


def train_on_known(options: LoopOptions, plugs: str) -> None:
    """Begin with a model where there is none, and labels enough for one: imported, or of an earlier line."""
    line = options.line_of(is_first=True)
    if resolve_detector(line.collection, line.detector, plugs, line.label_kind).is_nobody:
        train(options, line, plugs)


def run_round(options: LoopOptions, plugs: str) -> LoopVerdict:
    """Choose a batch, label it, train on all truth, and say whether that is enough."""
    line = options.line_of(is_first=not read_rounds(options.line.collection, plugs))
    detector = resolve_detector(line.collection, line.detector, plugs, line.label_kind)
    scan_pool(line.collection, detector, line.classes, line.tiling, options.selection, plugs, line.label_kind)
    recipe = line.tiling.recipe(line.classes)
    batch = choose_batch(line.collection, detector, recipe, options.selection, plugs)
    if not batch.size:
        return LoopVerdict(met=True, reason="nothing is left to choose from")
    labelled = label(line, plugs)
    ended = labelled.as_round(train(options, line, plugs))
    if ended is None:
        return LoopVerdict(met=True, reason="nothing new is left to label")
    return close_round(line.collection, ended, options.goal, plugs)


def label_rest(options: LoopOptions, plugs: str) -> LineReport:
    """Label what is left with the champion, one batch of the line's size, and train a last time on all truth."""
    line = options.line_of(is_first=False)
    labelled = label(line, plugs)
    if labelled.batch is not None:
        train(options, line, plugs)
    return labelled


def train(options: LoopOptions, line: LineOptions, plugs: str) -> PromotionReport | str:
    """Train and compare, or say in words why there is too little to train on."""
    lacking = lacking_for_training(line.collection, line.retrain, plugs)
    return lacking or retrain(line.collection, line.retrain, line.tiling, options.gate, plugs)
