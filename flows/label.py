"""The labelling line: machines first, people where machines are not sure.

Run by hand it polls while people work: `python -m flows.label '{"collection": "lots", "classes": ["car"]}'`.
"""

import sys

from prefect import flow, unmapped
from prefect.runtime import flow_run

from blocks.naming.run_names import named
from flows.options import LineOptions
from flows.reports import LISTED, LineReport
from flows.risk_control import certify_thresholds, watch_thresholds
from tasks.detect.steps import detect_shard, plan_scan
from tasks.intake.batches import BatchRef
from tasks.intake.steps import list_shards, open_batch
from tasks.monitor.steps import open_round
from tasks.review.ask import ask
from tasks.review.steps import choose_outlines, write_questions
from tasks.settle.steps import announce_labels, settle_batch, show_effort, show_people, show_pictures
from tasks.train.steps import choose_detector, learn_between_rounds
from tasks.triage.steps import triage_batch


@flow(flow_run_name=named("label", of="line.collection"))
def label(line: LineOptions, plugs: str = "local") -> LineReport:
    """Label one batch of a collection's new items: machines first, people where machines are not sure.

    The run sleeps while people work, and goes on where it was; an interrupted batch is continued by the next run.
    A line that asks in rounds goes on, round after round, until nothing is left.

    Args:
        line: What is labelled, with which detector, and when people are asked.
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
    """
    if not line.rounds:
        return label_batch(open_batch(line.collection, line.batch_size, flow_run.id, plugs), line, plugs)
    report = LineReport.nothing_new(line.collection)
    where = (line.collection, line.detector, line.label_kind, line.rounds, flow_run.id, plugs)
    while (round_ := open_round(*where)).batch.size:
        report = label_batch(round_.batch, line.accepting(round_.accept), plugs)
        if line.rounds.learn:  # for what is left
            learn_between_rounds(line.collection, line.detector, line.label_kind, line.retrain, line.tiling, plugs)
    return report


def label_batch(batch: BatchRef, line: LineOptions, plugs: str) -> LineReport:
    """Take one batch through the line."""
    if not batch.size:
        return LineReport.nothing_new(line.collection)
    choose_outlines(batch, line.outlines_by, plugs)  # before any work: a file that is no such network is refused
    learns = bool(line.rounds and line.rounds.learn)
    detector = choose_detector(batch, line.detector, plugs, line.label_kind, learns=learns)
    scan = plan_scan(batch, detector, line.tiling, line.classes, plugs, line.label_kind)  # one for all below
    detect_shard.map(list_shards(batch.id, plugs=plugs), unmapped(scan)).result()
    triaged = triage_batch(
        scan, line.triage, certify_thresholds(scan, line)
    )  # what the line promises, people prove first

    for stop in line.queues:  # pages of sure crops, whole items, exact kinds: the run sleeps while people answer
        for wave in range(stop.waves):
            ask(stop.queue, write_questions(scan, stop, round_=wave), line.until, plugs)

    settled = settle_batch(scan)
    certified = watch_thresholds(scan, line)
    effort = show_effort(scan)
    people = show_people(scan)
    show_pictures(scan)
    announce_labels(scan, line.retrain_after, line.retrain)
    return LineReport(
        collection=line.collection,
        batch=batch,
        detector=detector,
        certified=certified,
        triaged=triaged,
        settled=settled,
        effort=effort,
        skipped=people.rework[:LISTED],
    )


if __name__ == "__main__":
    label(LineOptions.model_validate_json(sys.argv[1]))
