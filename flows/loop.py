"""The loop: label a few, train, propose the rest, ask about what tells most, train again, until it is enough.

It is made of the other flows. They run inside this run, and Prefect suspends no flow inside another one, so while
people work this run polls Label Studio every few seconds and holds its process, where a run of `label` alone would
sleep without one. If the process dies, start the loop again: rounds, batches and answers are in the catalogue, and it
goes on where it was.
"""

from prefect import flow

from flows.label import label
from flows.options import LineOptions, LoopOptions
from flows.reports import LineReport, LoopReport
from flows.retrain import retrain
from tasks.monitor.goals import Verdict, judge_rounds
from tasks.monitor.steps import choose_batch, close_round, lacking_for_training, read_rounds, scan_pool
from tasks.train.promotion import PromotionReport
from tasks.train.steps import resolve_detector


@flow(flow_run_name="loop-{options.line.collection}")
def loop(options: LoopOptions, plugs: str = "local") -> LoopReport:
    """Label and train a collection in rounds, until the goal is met.

    Each round asks people about the items from which the detector would learn most; the audit share and the test items
    of each round are labelled blind. While people work, the run polls: it does not sleep as a run of `label` does.

    Args:
        options: The line, what is asked first, and when it is enough.
        plugs: The name under which the four blocks are saved.
    """
    collection = options.line.collection
    verdict = judge_rounds(read_rounds(collection, plugs), options.goal)
    while not verdict.met:
        verdict = run_round(options, plugs)
    rest = label_rest(options, plugs) if options.label_rest else None
    return LoopReport(collection=collection, rounds=read_rounds(collection, plugs), ended=verdict, rest=rest)


def run_round(options: LoopOptions, plugs: str) -> Verdict:
    """Choose a batch, label it, train on all truth, and say whether that is enough."""
    line = options.line_of(is_first=not read_rounds(options.line.collection, plugs))
    detector = resolve_detector(line.collection, line.detector, plugs)
    scan_pool(line.collection, detector, line.classes, line.tiling, options.selection, plugs)
    recipe = line.tiling.recipe(line.classes)
    batch = choose_batch(line.collection, detector, recipe, options.selection, plugs)
    if not batch.size:
        return Verdict(met=True, reason="nothing is left to choose from")
    labelled = label(line, plugs)
    ended = labelled.as_round(train(options, line, plugs))
    if ended is None:
        return Verdict(met=True, reason="nothing new is left to label")
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
