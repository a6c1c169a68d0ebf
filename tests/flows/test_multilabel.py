"""A line of several classes an item as a whole: two people on a real Label Studio tick, of pictures and of texts."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Item, Label
from blocks.plugs import open_catalog, open_store
from blocks.servers.annotation_server import AnnotationServer
from flows.intake import intake
from flows.options import LineOptions
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import KnownWorld, TruePicture
from tasks.dataset.snapshots import read_snapshot, take_snapshot
from tasks.intake.texts.columns import TextOptions
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tests.flows.surroundings import at_work, save_plugs
from tests.flows.test_classes import line_without_a_model

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
NAMES, ITEMS = ("red", "green", "blue"), 12


def sets() -> Iterator[tuple[str, ...]]:
    for number in range(ITEMS):
        yield tuple(name for place, name in enumerate(NAMES) if number >> place & 1)


@pytest.fixture
def plugs(engine: Engine, label_studio: AnnotationServer, prefect_api: str, tmp_path: Path) -> str:
    """Saved blocks of the test's own."""
    name = f"several-{uuid4().hex[:8]}"
    save_plugs(name, engine, label_studio, tmp_path)
    return name


def draw(folder: Path) -> Path:
    folder.mkdir()
    for number, names in enumerate(sets()):
        noise = np.random.default_rng(number).integers(0, 35, (48, 64, 3))
        colour = [200 if name in names else 20 for name in ("blue", "green", "red")]
        cv2.imwrite(str(folder / f"s{number % 4}-{number:02d}.png"), np.asarray(np.array(colour) + noise, np.uint8))
    return folder


def write(path: Path) -> Path:
    rows = [{"text": f"{number}: {' and '.join(names) or 'nothing'} 👍🏽"} for number, names in enumerate(sets())]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.timeout(600)
@pytest.mark.parametrize("medium", ["pictures", "texts"])
def test_people_tick_and_items_carry_what_they_agree_on(
    engine: Engine, label_studio: AnnotationServer, plugs: str, tmp_path: Path, medium: str
) -> None:
    place = draw(tmp_path / "in") if medium == "pictures" else write(tmp_path / "in.jsonl")
    line = LineOptions(
        collection=plugs,
        classes=NAMES,
        label_kind="multilabel",
        annotator_pool=AnnotatorPool(overlap=OverlapRule(least=2, most=3)),
    )
    texts = None if medium == "pictures" else TextOptions()
    assert intake(str(place), line.collection, plugs=plugs, texts=texts).taken == ITEMS
    with reading(engine) as session:
        items = session.exec(select(Item)).all()
    number_of = {item.id: _number(item.name, medium) for item in items}
    truth = list(sets())
    pictures = {
        id_: TruePicture(str(number), (64, 48), (), next(iter(truth[number]), None), truth[number])
        for id_, number in number_of.items()
    }
    people = Simulation(label_studio, KnownWorld(pictures, NAMES), plugs, People(count=3, skill=1.0))
    with at_work(people):
        triaged, settled, effort = line_without_a_model(line, plugs)
    assert people.report.answers_by_queue["choose-classes"] >= 2 * ITEMS
    assert triaged.items_by_route["sure"] == 0
    assert (settled.items_settled, settled.by_origin) == (ITEMS, {"person": sum(map(len, truth))})
    with reading(engine) as session:
        labels = session.exec(select(Label)).all()
    assert {(one.item_id, one.region) for one in labels} == {
        (id_, f"whole:{name}") for id_, number in number_of.items() for name in truth[number]
    }
    assert effort.human_seconds == pytest.approx(people.report.human_seconds, rel=0.01)
    snapshot = take_snapshot(open_catalog(plugs), open_store(plugs), line.collection)
    manifest = read_snapshot(open_store(plugs), snapshot.id)
    assert (manifest.kind, len(list(manifest.items()))) == ("multilabel", ITEMS)


def _number(name: str, medium: str) -> int:
    return int(Path(name).stem.partition("-")[2]) if medium == "pictures" else int(name.rpartition(":")[2]) - 1
