"""The labelling line: machines first, people where machines are not sure.

Run by hand it polls while people work: `python -m flows.label '{"collection": "lots", "classes": ["car"]}'`.
"""

import sys

from prefect import flow, unmapped
from prefect.runtime import flow_run

from flows.options import LineOptions
from flows.proof import prove_bands, watch_proof
from flows.reports import LineReport
from tasks.detect.steps import detect_shard, plan_tiling
from tasks.intake.steps import list_shards, open_batch
from tasks.review.ask import ask
from tasks.review.queues import confirm_page_queue, mark_missed_queue, name_kind_queue
from tasks.review.steps import write_confirm_pages, write_kind_questions, write_missed_questions
from tasks.settle.steps import announce_labels, settle_batch, show_effort, show_people, show_pictures
from tasks.train.steps import choose_detector
from tasks.triage.steps import triage_batch


@flow(flow_run_name="label-{line.collection}")
def label(line: LineOptions, plugs: str = "local") -> LineReport:
    """Label one batch of a collection's new images: machines first, people where machines are not sure.

    The run sleeps while people work, and goes on where it was; an interrupted batch is continued by the next run.

    Args:
        line: What is labelled, with which detector, and when people are asked.
        plugs: The name under which the four blocks are saved.
    """
    batch = open_batch(line.collection, line.batch_size, flow_run.id, plugs)
    if not batch.size:
        return LineReport.nothing_new(line.collection)
    detector = choose_detector(batch, line.detector, plugs)
    tiling = plan_tiling(batch, detector, line.tiling, line.classes, plugs)
    recipe = tiling.recipe(line.classes)

    shards = list_shards(batch.id, plugs=plugs)
    detect_shard.map(shards, unmapped(detector), unmapped(line.classes), unmapped(tiling), unmapped(plugs)).result()
    bands = prove_bands(batch, detector, recipe, line, plugs)  # people judge boxes drawn by lot, if the line promises
    triaged = triage_batch(batch.id, detector.version, recipe, line.triage, plugs, classes=line.classes, bands=bands)

    if line.confirm:
        glancers = confirm_page_queue(line.classes)  # pages of sure crops: what they remove is asked below
        ask(glancers, write_confirm_pages(batch.id, glancers, line.confirm, plugs), line.until, plugs)
    finders = mark_missed_queue(line.classes).staffed(line.finders)
    asked = write_missed_questions(batch.id, finders, plugs, first=line.ask_first)
    ask(finders, asked, line.until, plugs)  # the run sleeps meanwhile
    if line.kinds:
        experts = name_kind_queue(line.kinds).staffed(line.experts)  # other people, another skill
        ask(experts, write_kind_questions(batch.id, experts, plugs), line.until, plugs)

    settled = settle_batch(batch.id, detector.version, recipe, plugs)
    proven = watch_proof(batch, detector, recipe, line, plugs)
    effort = show_effort(batch.id, detector.version, recipe, plugs)
    show_people(batch.id, plugs)
    show_pictures(batch.id, detector.version, recipe, plugs=plugs)
    announce_labels(
        line.collection,
        line.retrain_after,
        line.retrain.model_dump(mode="json"),
        plugs,
        tiling=tiling.uncalibrated().model_dump(mode="json"),
    )
    return LineReport(
        collection=line.collection,
        batch=batch,
        detector=detector,
        proven=proven,
        triaged=triaged,
        settled=settled,
        effort=effort,
    )


if __name__ == "__main__":
    label(LineOptions.model_validate_json(sys.argv[1]))
