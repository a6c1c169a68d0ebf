"""The bench of anomalies: what it plants, and how it counts what is found."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from blocks.errors import BadOption, LabellingError
from tasks.audit.label_errors.find import find_faults
from tasks.audit.label_errors.finding import LabelErrorOptions, LabelFinding
from tasks.audit.label_errors.scores import Fault, ItemBoxes
from tests.audit.fault_world import CLASSES, drawn_world
from tests.bench.anomalies_anomalib import anomalib_scores, find_anomalib
from tests.bench.anomalies_faults import cleanlab_findings, measure_faults
from tests.bench.anomalies_folds import Case
from tests.bench.anomalies_look import look_at
from tests.bench.anomalies_planting import Planted, at_best, by_chance, of_findings, of_items, of_sent, plant
from tests.bench.anomalies_surfaces import Tiles, measure_surfaces, padim_scores

BOX = (0.0, 0.0, 10.0, 10.0)


def finding(item: str, subject: str = "x", box: tuple[float, ...] = BOX, suspicion: float = 0.9) -> LabelFinding:
    return LabelFinding(item, Fault.OVERLOOKED, subject, "car", box, suspicion, "because")  # type: ignore[arg-type]


def test_a_tenth_of_all_labels_gets_a_fault_each_kind_as_often_and_the_others_stay() -> None:
    labels, _ = drawn_world(items=30, boxes=8)
    faulty, planted = plant(labels, 2, 0.1, seed=1)
    assert [sum(one.kind == kind for one in planted) for kind in ("dropped", "shifted", "swapped")] == [8, 8, 8]
    touched = {(one.item_id, one.label_id) for one in planted}
    dropped = {(one.item_id, one.label_id) for one in planted if one.kind == "dropped"}
    for item, mine in labels.items():
        now = dict(
            zip(faulty[item].ids, zip(faulty[item].class_ids, faulty[item].xyxy_px.tolist(), strict=True), strict=True)
        )
        for place, label in enumerate(mine.ids):
            same = now.get(label) == (mine.class_ids[place], mine.xyxy_px[place].tolist())
            assert same == ((item, label) not in touched)
            assert (label in now) == ((item, label) not in dropped)


def test_the_same_seed_plants_the_same_faults() -> None:
    labels, _ = drawn_world()
    assert plant(labels, 2, 0.1, seed=1)[1] == plant(labels, 2, 0.1, seed=1)[1]
    assert plant(labels, 2, 0.1, seed=1)[1] != plant(labels, 2, 0.1, seed=2)[1]


def test_with_one_class_nothing_is_swapped() -> None:
    labels, _ = drawn_world()
    assert {one.kind for one in plant(labels, 1, 0.1, seed=0)[1]} == {"dropped", "shifted"}


def test_planted_faults_are_found_where_the_detector_is_good() -> None:
    labels, seen = drawn_world(items=60)
    faulty, planted = plant(labels, 2, 0.1, seed=0)
    found = find_faults(faulty, seen, CLASSES, LabelErrorOptions())
    score = of_findings(found, planted, questions=len(planted) + 4)
    assert score["recall"] > 0.9
    assert score["precision"] > 0.9


def test_items_are_counted_by_what_is_sent_back() -> None:
    planted = [Planted("dropped", "a", "1", BOX), Planted("dropped", "a", "2", BOX), Planted("swapped", "b", "1", BOX)]
    half = of_items(["a", "c", "b", "d"], planted, 0.5)
    assert (half["precision"], half["recall"], half["share_of_faults"]) == (0.5, 0.5, 2 / 3)
    assert half["share_by_kind"] == {"dropped": 1.0, "shifted": 0.0, "swapped": 0.0}
    nothing = of_items([], [], 0.15)
    assert (nothing["precision"], nothing["recall"], nothing["share_of_faults"]) == (0.0, 0.0, 0.0)


def test_questions_by_lot_never_find_a_label_that_is_gone() -> None:
    planted = [Planted("dropped", "a", "1", BOX), Planted("swapped", "b", "1", BOX)]
    chance = by_chance(planted, labels=10, questions=2)
    assert (chance["precision"], chance["recall"]) == (0.1, 0.1)
    assert chance["recall_by_kind"] == {"dropped": 0.0, "shifted": 0.2, "swapped": 0.2}
    assert by_chance([], labels=0, questions=0)["recall"] == 0.0


def test_who_knows_all_faults_is_held_back_by_the_number_of_questions_only() -> None:
    planted = [Planted("dropped", "a", str(number), BOX) for number in range(4)]
    assert (at_best(planted, 2)["precision"], at_best(planted, 2)["recall"]) == (1.0, 0.5)
    assert (at_best(planted, 8)["precision"], at_best(planted, 8)["recall"]) == (0.5, 1.0)


def test_a_finding_is_right_about_its_label_or_about_the_place_of_a_dropped_one() -> None:
    planted = [Planted("dropped", "a", "1", BOX), Planted("swapped", "b", "2", BOX)]
    findings = [finding("a"), finding("b"), finding("b", subject="2"), finding("a", box=(50.0, 50.0, 60.0, 60.0))]
    score = of_findings(findings, planted, questions=4)
    assert (score["precision"], score["recall"]) == (0.5, 1.0)


def test_a_false_alarm_is_sure_where_the_detector_gives_a_high_score() -> None:
    far = (50.0, 50.0, 60.0, 60.0)
    boxes = {"a": ItemBoxes.of(["x", "y"], [0, 0], [BOX, far], [0.9, 0.5]), "b": ItemBoxes.of([], [], [])}
    findings = [finding("a"), finding("a", box=far), finding("b")]
    score = of_findings(findings, [], questions=3, boxes=boxes)
    assert (score["false_alarms"], score["false_alarms_sure"]) == (3, 1)
    assert of_findings(findings, [Planted("dropped", "a", "1", BOX)], 3, boxes)["false_alarms_sure"] == 0


def test_cleanlab_alone_finds_what_is_planted_where_the_detector_is_good() -> None:
    pytest.importorskip("cleanlab", reason="the extra `faults` is not installed")
    labels, seen = drawn_world(items=60)
    faulty, planted = plant(labels, 2, 0.1, seed=0)
    score = of_findings(cleanlab_findings(faulty, seen, CLASSES), planted, questions=len(planted) + 4)
    assert score["recall"] > 0.8


def test_two_findings_about_one_fault_find_it_once() -> None:
    score = of_findings([finding("a"), finding("a")], [Planted("dropped", "a", "1", BOX)] * 1, questions=2)
    assert (score["precision"], score["recall"]) == (1.0, 1.0)


def test_planted_faults_go_the_way_of_a_second_look(tmp_path: Path) -> None:
    labels, seen = drawn_world(items=40)
    faulty, planted = plant(labels, 2, 0.05, seed=0)
    pictures = {name: tmp_path / f"{name}.png" for name in labels}
    rng = np.random.default_rng(0)
    for path in pictures.values():
        cv2.imwrite(str(path), rng.integers(90, 130, (200, 800, 3), dtype=np.uint8))
    look = look_at(pictures, faulty, seen, CLASSES, LabelErrorOptions())
    assert len(look.asked) == 6
    assert of_sent(look.asked, planted)["precision"] == 1.0
    assert of_findings(look.findings, planted, len(planted))["recall"] > 0.9


def test_the_seed_of_the_try_outs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="seed 0"):
        measure_faults(tmp_path, Case(seed=0), tmp_path)


def test_a_patch_unlike_its_position_makes_the_picture_odd_to_padim() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(0, 1, (40, 2, 2, 3)), rng.normal(0, 1, (5, 2, 2, 3))
    test[2, 0, 1] += 10
    assert padim_scores(train.astype(np.float32), test.astype(np.float32)).argmax() == 2


def test_surfaces_with_a_plain_flaw_are_told_apart_by_every_patch_method() -> None:
    rng = np.random.default_rng(0)
    grids = rng.normal(5, 1, (60, 4, 4, 8)).astype(np.float32)
    kinds = np.array(["Free"] * 40 + ["Crack"] * 20)
    grids[40:, 1, 1] += 8
    tiles = Tiles([], kinds, grids, grids.mean(axis=(1, 2)), "m")
    report = measure_surfaces(tiles)
    assert min(report["auroc"]["patch memory"]) == pytest.approx(1.0)
    assert min(report["auroc"]["PaDiM of our own"]) > 0.9
    assert report["sent_back"]["defects_found"] == 1.0


@pytest.mark.slow
def test_anomalib_tells_flawed_pictures_from_others_by_the_features_it_is_given() -> None:
    python = find_anomalib()
    if python is None:
        pytest.skip("anomalib is not installed: `make .venv-anomalib/installed`")
    grids = np.random.default_rng(0).normal(5, 1, (50, 4, 4, 8)).astype(np.float32)
    grids[40:, 1, 1] += 8
    how = {"share": 0.5, "size_px": 32, "seed": 1}
    scores = anomalib_scores(python, grids, range(30), range(30, 50), numbers=np.arange(8), **how)
    assert set(scores) == {"patchcore", "padim"}
    for found in scores.values():
        assert found[:10].max() < found[10:].min()


def test_an_environment_without_anomalib_is_named_with_what_it_said(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho 'No module named anomalib' >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(LabellingError, match="No module named anomalib"):
        anomalib_scores(
            python, np.zeros((1, 1, 1, 1), np.float32), [0], [0], numbers=np.arange(1), share=1, size_px=32, seed=0
        )
