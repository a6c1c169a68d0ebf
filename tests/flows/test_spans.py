"""A line of spans as a whole: texts without a model, people on a real Label Studio, a tagger and its proposals."""

import json
from pathlib import Path
from uuid import uuid4

import pytest
from prefect import flow
from sqlalchemy import Engine

from blocks.plugs import open_catalog, open_store
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.experiments import Experiments
from flows.intake import intake
from flows.options import LineOptions
from flows.retrain import retrain
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import read_world
from tasks.dataset.formats.published import read_truth
from tasks.dataset.take_along import take_along
from tasks.detect.steps import detect_shard, plan_scan
from tasks.intake.steps import list_shards, open_batch
from tasks.intake.texts.columns import TextOptions
from tasks.review.ask import ask
from tasks.review.steps import write_questions
from tasks.settle.report import SettleReport
from tasks.settle.steps import settle_batch, show_effort, show_people, show_pictures
from tasks.train.options import TrainOptions
from tasks.train.steps import choose_detector
from tasks.triage.options import TriageOptions
from tasks.triage.report import TriageReport
from tasks.triage.steps import triage_batch
from tests.flows.surroundings import at_work, save_plugs
from tests.kinds.spans.letters import CLASSES, write_letter

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
FIRST, REST = range(40), range(40, 50)


@flow
def line_of_texts(line: LineOptions, plugs: str) -> tuple[TriageReport, SettleReport]:
    """Label a batch as `label` does, without thresholds and what would start further runs."""
    batch = open_batch(line.collection, line.batch_size, uuid4().hex, plugs)
    model = choose_detector(batch, line.detector, plugs, line.label_kind)
    scan = plan_scan(batch, model, line.tiling, line.classes, plugs, line.label_kind)
    for shard in list_shards(batch.id, plugs=plugs):
        detect_shard(shard, scan)
    triaged = triage_batch(scan, line.triage)
    for stop in line.queues:
        ask(stop.queue, write_questions(scan, stop), line.until, plugs)
    settled = settle_batch(scan)
    show_people(scan)
    show_pictures(scan)
    show_effort(scan)
    return triaged, settled


@pytest.fixture
def plugs(
    engine: Engine, experiments: Experiments, label_studio: AnnotationServer, prefect_api: str, tmp_path: Path
) -> str:
    """Saved blocks of the test's own."""
    name = f"spans-{uuid4().hex[:8]}"
    save_plugs(name, engine, label_studio, tmp_path, experiments)
    return name


def write_notes(folder: Path, seeds: range) -> Path:
    """Write texts with their spans as spaCy's lines, in sequences of ten; returns the file."""
    folder.mkdir()
    rows = []
    for seed in seeds:
        text, spans = write_letter(seed)
        listed = [{"start": span.start, "end": span.end, "label": span.class_name} for span in spans]
        rows.append(json.dumps({"text": text, "id": f"{'abcdefghij'[seed % 10]}-{seed}", "spans": listed}))
    (folder / "notes.jsonl").write_text("\n".join(rows) + "\n")
    return folder / "notes.jsonl"


@pytest.mark.timeout(900)
def test_texts_become_spans_spans_a_tagger_and_its_proposals_the_rest(
    engine: Engine, label_studio: AnnotationServer, plugs: str, tmp_path: Path
) -> None:
    options = TextOptions(column="text", id_column="id")
    line = LineOptions(
        collection=plugs,
        classes=CLASSES,
        label_kind="spans",
        triage=TriageOptions(accept=0.95),
    )
    people, answers = People(count=3, skill=1.0), []
    for seeds in (FIRST, REST):
        notes = write_notes(tmp_path / f"from-{seeds.start}", seeds)
        assert intake(str(notes), line.collection, r"^(.)-|", plugs, options).taken == len(seeds)
        world = read_world(notes.parent, "spacy")
        with at_work(Simulation(label_studio, world, line.collection, people)) as simulated:
            triaged, settled = line_of_texts(line, plugs)
        assert settled.items_settled == len(seeds) and not settled.set_aside
        answers.append(simulated.report.answers)
        if seeds is FIRST:
            assert settled.by_origin == {"person": sum(len(write_letter(seed)[1]) for seed in seeds)}
            told = retrain(line.collection, TrainOptions(min_test_boxes=1), plugs=plugs)
            assert told.promoted and told.metric == "f1" and told.after > 0.8
    assert triaged.boxes_by_outcome["accept"] > 0 and settled.by_origin["machine"] > 0
    assert answers[0] == len(FIRST) and answers[1] < len(REST)

    take_along(open_catalog(plugs), open_store(plugs), line.collection, tmp_path / "out", "conll", "none")
    found = {each.text: set(each.spans) for each in read_truth(tmp_path / "out", "conll").texts.values()}
    right = sum(found[text] == set(spans) for text, spans in map(write_letter, [*FIRST, *REST]))
    assert len(found) == len(FIRST) + len(REST) and right >= len(FIRST) + len(REST) - 3
