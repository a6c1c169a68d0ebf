"""Champion or default: by held answers and by nothing else; and models that are named, through a whole line."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import upsert, writing
from blocks.database.tables import Item, Proposal, SequenceSplit
from blocks.database.vector_tables import ItemVector
from blocks.errors import BadOption, OtherModelVersion
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import open_batch
from tasks.intake.folders import take_in
from tasks.suggest.embedders import registry as embedders
from tasks.suggest.embedders.looks import Looks
from tasks.suggest.taught import Taught
from tasks.train.registry import champion_of, resolve_detector
from tasks.train.suggesting import whose_vectors
from tasks.train.suggesting.whose_vectors import Vectoring, _held, better_of
from tasks.train.teaching import labels_that_teach
from tests.detect.proposers.conftest import save_colour_classifier
from tests.suggest.embedders.named.test_named import scripted
from tests.train.test_teaching import SIZE, Line, draw, names_of, rows

NOBODY = DetectorRef.nobody("nobody")


class Blind:
    """An embedder that sees nothing of what pictures show, or gives the same vector of all."""

    def __init__(self, name: str, spread: float) -> None:
        self.name, self._spread = name, spread

    def fit(self, picture: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return picture

    def embed(self, fitted: Sequence[np.ndarray]) -> np.ndarray:  # type: ignore[type-arg]
        draws = [np.random.default_rng(int(one.sum())).standard_normal(8) for one in fitted]
        return np.array([1 + self._spread * each for each in draws], dtype=np.float32)


@pytest.fixture(autouse=True)
def quick_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedders, "DEFAULT", Looks())


@pytest.fixture
def line(engine: Engine, store: Store, experiments: Experiments, tmp_path: Path) -> Line:
    take_in(engine, store, "hues", draw(tmp_path / "pictures", 2 * SIZE))
    found = Line(engine, store, experiments)
    found.run("b1")
    return found


@pytest.mark.parametrize("spread", [1.0, 0.0])
def test_vectors_that_tell_more_held_answers_right_are_taken_whoever_comes_first(line: Line, spread: float) -> None:
    labels = labels_that_teach(line.engine, "hues")
    blind, sees = Vectoring(Blind("blind", spread), NOBODY), Vectoring(Looks(), NOBODY)
    for rivals in ((blind, sees), (sees, blind)):
        assert better_of(line.engine, line.store, labels, list(labels), rivals, "ridge-lda") is sees
    assert better_of(line.engine, line.store, labels, [], (blind, sees), "ridge-lda") is blind, "nothing says otherwise"
    again = Vectoring(Looks(), NOBODY)
    assert better_of(line.engine, line.store, labels, list(labels), (again, sees), "ridge-lda") is again


def test_a_champion_that_tells_less_than_the_default_gives_no_vectors(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resolve_detector(line.experiments, line.store, "hues", str(save_colour_classifier(tmp_path / "c.pt")), "classes")
    opened = whose_vectors.embedder_of
    blind = Blind("network-blind", 1.0)
    monkeypatch.setattr(whose_vectors, "embedder_of", lambda store, ref: opened(store, ref) if ref.is_nobody else blind)
    with caplog.at_level(logging.INFO, "tasks.train.suggesting.whose_vectors"):
        ref = line.learn()
    assert ref is not None
    taught = Taught.from_bytes(line.store.get(ref.weights_key), ref.version)
    assert (taught.space.embedder, taught.network_key) == ("looks-1", "")
    assert f"of {SIZE} held answers right by network-blind " in caplog.text


def test_what_a_champion_of_ours_has_learnt_does_not_judge_it(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = labels_that_teach(line.engine, "hues")
    resolve_detector(line.experiments, line.store, "hues", str(save_colour_classifier(tmp_path / "c.pt")), "classes")
    assert len(_held(line.engine, line.experiments, "hues", labels)) == SIZE, "it came from elsewhere"
    sequences = {item.id: item.sequence for item in rows(line.engine, Item)}
    tested = sorted(labels)[:5]
    with writing(line.engine) as session:
        to_test = {sequences[one] for one in tested}
        splits = {name: "test" if name in to_test else "train" for name in sequences.values()}
        upsert(session, SequenceSplit, [{"collection": "hues", "sequence": s, "split": v} for s, v in splits.items()])
    champion = champion_of(line.experiments, "hues")
    assert champion is not None
    line.experiments.client.set_model_version_tag("hues", champion.number, "snapshot", "a" * 64)
    assert _held(line.engine, line.experiments, "hues", labels) == tested


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_a_model_that_is_named_makes_the_vectors_once_and_the_line_proposes_by_them(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    file = scripted(torch.nn.AdaptiveAvgPool2d(3), tmp_path / "net.ts")
    ref = line.learn(spec=f"suggest:torch:{file}")
    assert ref is not None
    file.unlink()
    taught = Taught.from_bytes(line.store.get(ref.weights_key), ref.version)
    name = taught.space.embedder
    assert name.startswith("torch-script-")
    assert taught.network_key.startswith("named/torch/script/")
    line.look(open_batch(line.engine, "b2", "hues", SIZE), ref)
    truth = names_of(line.engine)
    found = [each for each in rows(line.engine, Proposal) if each.detector == ref.version]
    assert len(found) == SIZE
    assert all(each.class_name == truth[each.item_id] for each in found)
    assert len([one for one in rows(line.engine, ItemVector) if one.embedder == name]) == 2 * SIZE
    monkeypatch.setattr("tasks.suggest.embedders.named.protocol.TorchEmbedder.embed", None)  # who embeds again fails
    line.look(open_batch(line.engine, "b2", "hues", SIZE), ref)


def test_a_model_of_texts_is_refused_for_pictures_before_anything_is_looked_at(line: Line) -> None:
    with pytest.raises(BadOption, match="makes vectors of texts, and the items here are pictures"):
        line.learn(spec="suggest:sentence-transformers:all-MiniLM-L6-v2")


def test_vectors_of_two_lengths_under_one_name_are_refused_with_the_way_out(line: Line) -> None:
    with writing(line.engine) as session:
        kept = session.exec(select(ItemVector)).first()
        assert kept is not None
        kept.vector = kept.vector[:20]
    with pytest.raises(OtherModelVersion, match=r"have 10 and \d+ numbers: they are of different models"):
        line.learn("b1")
