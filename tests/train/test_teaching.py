"""A line of classes whose own labels propose, from pictures to labels without a server."""

import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, writing
from blocks.database.tables import Item, Label, Proposal, Question, Scan
from blocks.database.vector_tables import ItemVector
from blocks.errors import BadOption, BadWeights
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from flows.options import LineOptions
from infra.cli.checks import check_detector
from infra.cli.label_request import LabelRequest
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.plan import plan_tiling
from tasks.detect.proposals import ProposalCounts, propose
from tasks.detect.proposers.suggested import taught_ref
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import BatchRef, items_of, open_batch
from tasks.intake.folders import take_in
from tasks.review.drafts.items_and_kinds import write_once
from tasks.review.drafts.line_queue import draft_questions
from tasks.settle.labels import settle
from tasks.settle.report import SettleReport
from tasks.suggest.asked_for import AskedFor, asked_of
from tasks.suggest.embedders import registry as embedders
from tasks.suggest.embedders.looks import Looks
from tasks.suggest.taught import Taught
from tasks.train.registry import resolve_detector
from tasks.train.steps import choose_detector
from tasks.train.steps import resolve_detector as resolve_step
from tasks.train.teaching import find_taught, labels_that_teach
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.dataset.imports.world import COLLECTION, bring, write
from tests.detect.proposers.conftest import save_colour_classifier
from tests.settle.world import say

COLOURS = {"red": (40, 40, 220), "green": (60, 200, 60), "blue": (220, 60, 40)}
SIZE = 24


class Line:
    """A line of classes, run by its plain functions; people always know the colour."""

    def __init__(
        self, engine: Engine, store: Store, experiments: Experiments, detector: str = "suggest", accept: float = 0.99
    ) -> None:
        self.engine, self.store, self.experiments = engine, store, experiments
        self.options = LineOptions(
            collection="hues",
            classes=tuple(COLOURS),
            label_kind="classes",
            detector=detector,
            batch_size=SIZE,
            triage=TriageOptions(accept=accept),
        )
        self.counts = ProposalCounts()

    def learn(self, batch: str | None = None, spec: str | None = None) -> DetectorRef | None:
        spec = spec or self.options.detector
        return find_taught(self.engine, self.store, self.experiments, "hues", spec, "classes", batch)

    def run(self, batch_id: str) -> tuple[DetectorRef, list[Question], SettleReport]:
        batch = open_batch(self.engine, batch_id, "hues", SIZE)
        assert batch.size == SIZE
        ref = self.learn(batch_id)
        assert ref is not None
        recipe = self.look(batch, ref)
        decide(self.engine, batch.id, self.options.triage, ref.version, recipe, classes=self.options.classes)
        for stop in self.options.queues:
            write_once(self.engine, stop.queue, batch.id, 0, draft_questions(self.engine, batch.id, stop))
        asked = self.answer(batch.id)
        return ref, asked, settle(self.engine, batch.id, ref.version, recipe)

    def look(self, batch: BatchRef, ref: DetectorRef) -> str:
        classes = self.options.classes
        where = (batch.id, "hues", ref.version, classes)
        planned = plan_tiling(self.engine, self.store, *where, self.options.tiling, "classes")
        items = items_of(self.engine, batch.id)
        self.counts = propose(self.engine, self.store, items, ref, classes, planned, "classes")
        return planned.recipe(classes)

    def answer(self, batch_id: str) -> list[Question]:
        with reading(self.engine) as session:
            asked = list(session.exec(select(Question).where(Question.batch_id == batch_id)).all())
            names = {item.id: colour_of(item) for item in session.exec(select(Item)).all()}
        for question in asked:
            say(self.engine, question.id, [{"kind": names[question.item_id], "verdict": "kind"}], seconds=2)
        return asked


def colour_of(item: Item) -> str:
    return Path(item.name).stem.split("-")[1]


def draw(folder: Path, count: int) -> list[Path]:
    """Draw coloured noise, named by its colour; every picture a sequence of its own."""
    folder.mkdir()
    paths = []
    for number in range(count):
        name = list(COLOURS)[number % len(COLOURS)]
        noise = np.random.default_rng(number).integers(-30, 31, (48, 64, 3))
        paths.append(folder / f"{number:04d}-{name}-0.png")
        cv2.imwrite(str(paths[-1]), np.asarray(np.clip(np.array(COLOURS[name]) + noise, 0, 255), dtype=np.uint8))
    return paths


@pytest.fixture(autouse=True)
def quick_to_look(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Colours are told apart without a network, which would take half the time of all tests here."""
    monkeypatch.setattr(embedders, "DEFAULT", Looks())


@pytest.fixture
def line(engine: Engine, store: Store, experiments: Experiments, tmp_path: Path) -> Line:
    take_in(engine, store, "hues", draw(tmp_path / "pictures", 3 * SIZE))
    return Line(engine, store, experiments)


def rows(engine: Engine, table: type) -> list:  # type: ignore[type-arg]
    with reading(engine) as session:
        return list(session.exec(select(table)).all())


def names_of(engine: Engine) -> Mapping[str, str]:
    return {item.id: colour_of(item) for item in rows(engine, Item)}


def test_people_begin_and_their_labels_propose_for_the_next_batch(line: Line) -> None:
    first, asked, settled = line.run("b1")
    assert first.is_taught, "of nothing yet, but it knows where vectors lie"
    assert [question.payload["proposed"] for question in asked] == [None] * SIZE
    assert settled.by_origin == {"person": SIZE}

    second, asked, settled = line.run("b2")
    assert (second.is_taught, second.name) == (True, "suggest")
    truth, found = names_of(line.engine), rows(line.engine, Proposal)
    assert len(found) == SIZE
    assert {each.detector for each in found} == {second.version}
    assert all(each.class_name == truth[each.item_id] for each in found)
    assert all(0.5 < each.score < 1 for each in found)
    shown = [question for question in asked if not question.payload["blind"]]
    assert shown
    assert all(each.payload["proposed"]["class_name"] == truth[each.item_id] for each in shown)
    assert settled.by_origin == {"person": SIZE}
    assert settled.confirmed == len(shown)
    assert all(label.class_name == truth[label.item_id] for label in rows(line.engine, Label))

    third, _, _ = line.run("b3")
    assert third.is_taught
    assert third.version != second.version
    assert taught_ref(line.store, second.version) == second  # a run of the former batch that wakes up finds its own


def test_what_is_sure_enough_for_triage_is_settled_unseen_and_does_not_teach(
    engine: Engine, store: Store, experiments: Experiments, tmp_path: Path
) -> None:
    take_in(engine, store, "hues", draw(tmp_path / "pictures", 2 * SIZE))
    line = Line(engine, store, experiments, accept=0.6)
    line.run("b1")
    _, asked, settled = line.run("b2")
    assert settled.by_origin == {"machine": SIZE - len(asked), "person": len(asked)}
    assert 0 < len(asked) < SIZE / 2  # the audit, which people label blind
    assert len(labels_that_teach(engine, "hues")) == SIZE + len(asked)


def test_no_vector_is_made_twice_and_a_second_look_proposes_nothing_more(line: Line, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    line.run("b1")
    batch = open_batch(line.engine, "b2", "hues", SIZE)
    ref = line.learn("b2")
    assert ref is not None
    assert len(rows(line.engine, ItemVector)) == 2 * SIZE
    monkeypatch.setattr("tasks.suggest.embedders.looks.look_at", None)  # whoever makes a vector fails
    line.look(batch, ref)
    assert line.counts.scanned_now == SIZE
    line.look(batch, ref)
    assert (line.counts.scanned_now, line.counts.items, line.counts.proposals) == (0, SIZE, SIZE)
    assert line.learn("b2") == ref


def test_what_a_machine_accepted_and_what_was_taken_back_do_not_teach(line: Line) -> None:
    line.run("b1")
    taught = labels_that_teach(line.engine, "hues")
    assert len(taught) == SIZE
    one, other = sorted(taught)[:2]
    with writing(line.engine) as session:
        labels = {label.item_id: label for label in session.exec(select(Label)).all()}
        labels[one].origin = "machine"
        labels[other].retracted = True
    assert labels_that_teach(line.engine, "hues").keys() == taught.keys() - {one, other}
    assert labels_that_teach(line.engine, "roads") == {}


def test_an_item_whose_vector_is_none_is_looked_at_and_nothing_is_proposed_for_it(line: Line) -> None:
    line.run("b1")
    batch = open_batch(line.engine, "b2", "hues", SIZE)
    ref = line.learn("b2")
    assert ref is not None
    bad = items_of(line.engine, "b2")[3].id
    with writing(line.engine) as session:
        for kept in session.exec(select(ItemVector).where(ItemVector.item_id == bad)).all():
            kept.vector = np.full(len(kept.vector) // 2, np.nan, dtype=np.float16).tobytes()
    line.look(batch, ref)
    assert (line.counts.items, line.counts.proposals, line.counts.dropped) == (SIZE, SIZE - 1, 1)
    assert [scan.embedding for scan in rows(line.engine, Scan) if scan.item_id == bad] == [None]


def test_a_champion_gives_the_vectors_where_there_is_one(line: Line, tmp_path: Path) -> None:
    line.run("b1")
    weights = save_colour_classifier(tmp_path / "colours.pt")
    champion = resolve_detector(line.experiments, line.store, "hues", str(weights), "classes")
    ref = line.learn()
    assert ref is not None
    taught = Taught.from_bytes(line.store.get(ref.weights_key), ref.version)
    assert (taught.space.embedder, taught.network_key) == (f"network-{champion.version}", champion.weights_key)
    line.look(open_batch(line.engine, "b2", "hues", SIZE), ref)
    truth = names_of(line.engine)
    assert [each.class_name for each in rows(line.engine, Proposal)] == [
        truth[each.item_id] for each in rows(line.engine, Proposal)
    ]


def test_weights_of_a_detector_of_boxes_give_vectors_and_are_nobodys_champion(line: Line, tiny_weights: Path) -> None:
    line.run("b1")
    ref = line.learn(spec=f"suggest:{tiny_weights}")
    assert ref is not None
    version = version_of(tiny_weights)
    taught = Taught.from_bytes(line.store.get(ref.weights_key), ref.version)
    assert (taught.learner, taught.space.embedder) == ("ridge-lda", f"detector-{version}")
    line.look(open_batch(line.engine, "b2", "hues", SIZE), ref)
    assert (line.counts.items, line.counts.dropped) == (SIZE, 0)
    assert len(rows(line.engine, ItemVector)) == 3 * SIZE, "those of the first batch, by its look, are kept as well"
    assert resolve_detector(line.experiments, line.store, "hues", "champion", "classes").is_nobody


def test_weights_that_cannot_be_used_are_refused_before_anything_is_kept(line: Line, tmp_path: Path) -> None:
    line.run("b1")
    (tmp_path / "bad.pt").write_bytes(b"no weights at all")
    with pytest.raises(BadWeights, match=r"bad\.pt"):
        line.learn(spec=f"suggest:arow:{tmp_path / 'bad.pt'}")
    assert not list(line.store.keys("weights/"))


@pytest.mark.parametrize(
    ("spec", "learner", "weights"),
    [
        ("suggest", "ridge-lda", ""),
        ("suggest:", "ridge-lda", ""),
        ("suggest:arow", "arow", ""),
        ("suggest:net.pt", "ridge-lda", "net.pt"),
        ("suggest:/a/b", "ridge-lda", "/a/b"),
        ("suggest:looks-1", "ridge-lda", "looks-1"),
        ("suggest:arow:looks-1", "arow", "looks-1"),
        ("suggest:arow:/a/n.onnx", "arow", "/a/n.onnx"),
    ],
)
def test_learner_and_weights_are_told_apart(spec: str, learner: str, weights: str) -> None:
    assert asked_of(spec) == AskedFor(learner, weights)
    assert asked_of(str(AskedFor(learner, weights))) == AskedFor(learner, weights)
    assert asked_of("suggested") is None


def test_an_embedder_is_asked_for_by_its_name_also_where_there_is_a_champion(line: Line, tmp_path: Path) -> None:
    line.run("b1")
    weights = save_colour_classifier(tmp_path / "colours.pt")
    resolve_detector(line.experiments, line.store, "hues", str(weights), "classes")
    for asked, name in (("suggest:looks-1", "looks-1"), ("suggest:arow:looks-1", "looks-1")):
        ref = line.learn(spec=asked)
        assert ref is not None
        taught = Taught.from_bytes(line.store.get(ref.weights_key), ref.version)
        assert (taught.space.embedder, taught.network_key) == (name, "")
    line.look(open_batch(line.engine, "b2", "hues", SIZE), ref)
    assert line.counts.proposals == SIZE


@pytest.mark.parametrize("learner", ["arow", "nearest-mean"])
def test_another_learner_is_asked_for_by_its_name(line: Line, learner: str) -> None:
    line.run("b1")
    ref = line.learn(spec=f"suggest:{learner}")
    assert ref is not None
    assert Taught.from_bytes(line.store.get(ref.weights_key), ref.version).learner == learner


def test_what_was_learnt_is_refused_where_it_is_not_what_was_kept(line: Line) -> None:
    line.run("b1")
    ref = line.learn()
    assert ref is not None
    data = line.store.get(ref.weights_key)
    with pytest.raises(BadWeights, match="it was overwritten"):
        Taught.from_bytes(data[:-9], ref.version)


def test_suggestions_are_of_whole_items_by_learners_that_there_are(line: Line) -> None:
    given = {"collection": "hues", "classes": ("red",)}
    with pytest.raises(ValueError, match="suggests classes of whole items, and not boxes"):
        LineOptions(**given, detector="suggest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no learner 'svm'; expected one of ridge-lda"):
        LineOptions(**given, detector="suggest:svm", label_kind="classes")  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="and not boxes"):
        find_taught(line.engine, line.store, line.experiments, "hues", "suggest")
    assert line.learn(spec="champion") is None


def test_a_batch_keeps_what_was_learnt_when_it_was_opened(line: Line, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    plugged = {"open_catalog": line.engine, "open_store": line.store, "open_experiments": line.experiments}
    for name, plug in plugged.items():
        monkeypatch.setattr(f"tasks.train.steps.{name}", lambda _plugs, plug=plug: plug)
    line.run("b1")
    batch = open_batch(line.engine, "b2", "hues", SIZE)
    first = choose_detector.fn(batch, "suggest", label_kind="classes")
    assert first.is_taught
    with writing(line.engine) as session:
        for label in session.exec(select(Label).limit(5)).all():
            label.retracted = True
    assert choose_detector.fn(batch, "suggest", label_kind="classes") == first
    assert resolve_step.fn("hues", "suggest", label_kind="classes").version != first.version


def test_the_terminal_says_who_suggests_and_refuses_weights_that_cannot_be_used(line: Line, tmp_path: Path) -> None:
    def told(detector: str) -> str:
        request = LabelRequest(None, "hues", tuple(COLOURS), detector, {}, 0.6, 640, None, 2, label_kind="classes")
        meant, lines = check_detector(line.engine, line.experiments, line.store, request)
        assert meant.is_nobody
        return " ".join(lines)

    assert told("suggest:arow") == (
        "detector: what the labels of hues teach (suggest:arow), and nobody before two classes have some"
    )
    (tmp_path / "bad.pt").write_bytes(b"no weights at all")
    with pytest.raises(BadWeights, match=r"bad\.pt"):
        told(f"suggest:arow:{tmp_path / 'bad.pt'}")


@pytest.mark.parametrize(("kind", "none"), [("multilabel", {"sun": "", "haze": ""}), ("classes", {})])
def test_what_came_in_with_none_of_the_classes_teaches_where_an_item_may_have_several(
    engine: Engine, store: Store, tmp_path: Path, kind: str, none: dict[str, str]
) -> None:
    said: dict[str, list[str]] = {"rain": ["wet"], "night": ["dark"], "sun": [], "haze": []}

    def came_in(name: str) -> dict[str, str]:
        lines = [json.dumps({"text": text, "label": labels}) for text, labels in said.items()]
        bring(engine, store, write(tmp_path / name, "\n".join(lines)), label_kind=kind)
        with reading(engine) as session:
            texts = {row.id: store.get(row.key).decode() for row in session.exec(select(Item)).all()}
        return {texts[item_id]: names for item_id, names in labels_that_teach(engine, COLLECTION).items()}

    assert came_in("a.jsonl") == {"rain": "wet", "night": "dark", **none}
    said["haze"] = ["wet"]
    assert came_in("b.jsonl") == {"rain": "wet", "night": "dark", **none, "haze": "wet"}
