"""The bench of anomalies: what it plants, and how it counts what is found."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from blocks.errors import BadOption
from infra.bench.anomalies_faults import Case, measure_faults
from infra.bench.anomalies_look import look_at
from infra.bench.anomalies_planting import Planted, of_findings, of_items, of_sent, plant
from infra.bench.anomalies_surfaces import Tiles, measure_surfaces, padim_scores
from tasks.audit.fault_scores import Fault
from tasks.audit.faults import FaultOptions, Finding, find_faults
from tests.audit.fault_world import CLASSES, drawn_world

BOX = (0.0, 0.0, 10.0, 10.0)


def finding(item: str, subject: str = "x", box: tuple[float, ...] = BOX, suspicion: float = 0.9) -> Finding:
    return Finding(item, Fault.OVERLOOKED, subject, "car", box, suspicion, "because")  # type: ignore[arg-type]


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
    found = find_faults(faulty, seen, CLASSES, FaultOptions())
    score = of_findings(found, planted, questions=len(planted) + 4)
    assert score["recall"] > 0.9
    assert score["precision"] > 0.9


def test_items_are_counted_by_what_is_sent_back() -> None:
    planted = [Planted("dropped", "a", "1", BOX), Planted("dropped", "a", "2", BOX), Planted("swapped", "b", "1", BOX)]
    assert of_items(["a", "c", "b", "d"], planted, 0.5) == {"precision": 0.5, "recall": 0.5, "share_of_faults": 2 / 3}
    assert of_items([], [], 0.15) == {"precision": 0.0, "recall": 0.0, "share_of_faults": 0.0}


def test_a_finding_is_right_about_its_label_or_about_the_place_of_a_dropped_one() -> None:
    planted = [Planted("dropped", "a", "1", BOX), Planted("swapped", "b", "2", BOX)]
    findings = [finding("a"), finding("b"), finding("b", subject="2"), finding("a", box=(50.0, 50.0, 60.0, 60.0))]
    score = of_findings(findings, planted, questions=4)
    assert (score["precision"], score["recall"]) == (0.5, 1.0)


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
    look = look_at(pictures, faulty, seen, CLASSES, FaultOptions())
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
