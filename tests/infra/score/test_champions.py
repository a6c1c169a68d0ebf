"""Who is champion is looked up beside the questions: no question waits for it while one is open."""

import time
from pathlib import Path

from blocks.storage.stores import Store
from tasks.detect.scoring.protocol import OpenScorer
from tasks.detect.scoring.registry import scorer_of
from tasks.kinds.protocol import LabelKind
from tasks.train.champions import OpenChampions
from tasks.train.registry import CHAMPION, RegisteredModel, set_alias
from tests.detect.proposers.conftest import save_colour_classifier
from tests.infra.score.conftest import World


def test_while_one_is_open_a_newer_one_is_opened_beside_the_questions(world: World, tmp_path: Path) -> None:
    opened = []

    def make(kind: LabelKind, store: Store, one: RegisteredModel) -> OpenScorer:
        opened.append(one.number)
        return scorer_of(kind, one.ref.weights_key).open(store, one.ref, 1_000_000)

    champions = OpenChampions(world.engine, world.store, world.experiments, make, fresh_s=0.0)
    assert champions.of("lot").registered.number == "1"
    world.crown("lot", save_colour_classifier(tmp_path / "newer.pt", ("r", "g", "b")))
    set_alias(world.experiments, "lot", CHAMPION, "2")
    deadline = time.monotonic() + 30
    while champions.of("lot").registered.number == "1":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert champions.of("lot").opened.labels == ("r", "g", "b")
    assert opened == ["1", "2"], "each was opened once, however often it was asked"
    champions.close()
