"""The effort bench: its people record what the line's own do, its cells resume, and its sums hide no missing cell."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.audit_tables import Judgement, Said
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, Label, Proposal, Question, Scan
from blocks.published_times import DRAW_BOX, DRAW_BOX_FAST
from blocks.storage.stores import Store
from infra.annotators.people import People
from infra.annotators.truth import AnnotatorBox, KnownWorld, TruePicture, read_world
from tasks.audit.risk_control.judgements import collect_judgements
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.sample_boxes import draw_evidence
from tasks.detect.options import TilingOptions
from tasks.detect.refs import Scope
from tasks.intake.batches import open_batch
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import settle
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.bench import effort
from tests.bench.effort import Bench, Ground, Scale, publish, run_missing
from tests.bench.effort_data import Pictures, by_time, make_smaller, take_in_pictures
from tests.bench.effort_people import FIRST_DAY, TrialAnnotators
from tests.bench.effort_tables import near_at, summarize
from tests.bench.effort_worth import is_wrong
from tests.dataset.scenes import draw_scene
from tests.flows.test_lines import CLASSES, write_truth
from tests.train.conftest import save_weights

TILING = TilingOptions(tile_px=96, whole_image=False, backend="torch")


def at_the_end(_folder: Path, names: list[str]) -> dict[str, str]:
    return {name: "train" if at < 0.7 * len(names) else "test" for at, name in enumerate(names)}


DRAWN = Pictures("drawn", "yolo", 160, TILING, at_the_end, rounds=(2,), steps=3, freeze=0)
FULL = Scale("full", None, None, None, 1)


def drawn(folder: Path, items: int = 10) -> Path:
    write_truth(folder, [draw_scene(number, sequence=f"s{number:02d}") for number in range(items)])
    return folder


def annotators_of(engine: Engine, store: Store, tmp_path: Path, items: int, people: People) -> TrialAnnotators:
    drawn(tmp_path / "drawn", items)
    smaller = make_smaller(tmp_path, DRAWN, None, tmp_path / "smaller")
    world = take_in_pictures(engine, store, "lot", DRAWN, smaller, tmp_path / "drawn")
    open_batch(engine, "b", "lot", 100)
    return TrialAnnotators(engine, world, "lot", world.classes, people)


def point(seconds: float, map50: float) -> dict[str, float]:
    return {"seconds": seconds, "fast_seconds": seconds, "by_hand": 2 * seconds, "items": 1, "map50": map50}


def a_cell(arm: str, curve: list[tuple[float, float]], seed: int = 0, rest: dict[str, Any] | None = None) -> Any:
    worth = {"share_accepted": None, "true_error": None, "correct": 1, "objects": 2, "human_seconds": 1.0}
    return {
        "scale": "full",
        "version": effort.VERSION,
        "data": "bccd",
        "arm": arm,
        "seed": seed,
        "human_seconds": curve[-1][0],
        "fast_seconds": curve[-1][0],
        "seconds_per_correct": 1.0,
        "curve": [point(0, 0), *(point(*one) for one in curve)],
        "cpu_s": 1,
        "all": worth,
        "rest": worth | (rest or {}),
        "certified_error": None,
    }


def test_people_in_process_mark_what_is_true_and_take_time(engine: Engine, store: Store, tmp_path: Path) -> None:
    annotators = annotators_of(engine, store, tmp_path, 4, People(skill=1.0))
    decide(engine, "b", TriageOptions(audit_share=1.0), "none", "none")
    assert annotators.answer_batch("b") == 4
    settle(engine, "b", "none", "none")
    for item_id, labels in labels_in_force(engine, list(annotators.world.pictures)).items():
        assert sorted(label.class_name for label in labels) == sorted(
            b.class_name for b in annotators.world.pictures[item_id].boxes
        )
    with reading(engine) as session:
        answers = session.exec(select(Answer)).all()
        assert {question.state for question in session.exec(select(Question))} == {"answered"}
    assert annotators.human_seconds == pytest.approx(sum(answer.seconds for answer in answers))
    assert all(answer.person.endswith("@people.invalid") for answer in answers)
    assert all(FIRST_DAY < answer.answered_at < FIRST_DAY + timedelta(seconds=20) for answer in answers), (
        "no clock of this machine: the same answers make the same snapshot"
    )
    saved = (1 - DRAW_BOX_FAST.seconds / DRAW_BOX.seconds) * annotators.seconds_by_act["draw"]
    assert annotators.fast_seconds == pytest.approx(annotators.human_seconds - saved)


def test_asking_a_batch_again_asks_nothing_twice(engine: Engine, store: Store, tmp_path: Path) -> None:
    annotators = annotators_of(engine, store, tmp_path, 3, People())
    decide(engine, "b", TriageOptions(audit_share=1.0), "none", "none")
    annotators.answer_batch("b")
    with reading(engine) as session:
        assert len(session.exec(select(Question)).all()) == 3


def propose_true_and_empty(engine: Engine, world: KnownWorld, empty: int) -> None:
    """Propose every true box of a world, and some boxes in a corner where nothing is."""
    rows, scope = [], {"detector": "d", "recipe": "r"}
    counts = {"proposals": 5, "whole_frame": 0, "tiles": 1}
    for item_id, picture in world.pictures.items():
        boxes = [(box.class_name, box.xyxy) for box in picture.boxes]
        boxes += [("red", (float(n), 0.0, float(n + 1), 1.0)) for n in range(empty)]
        for rank, (name, (x_min, y_min, x_max, y_max)) in enumerate(boxes):
            edges = {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}
            key = {"id": f"{item_id}-{rank}", "item_id": item_id, "class_name": name, "score": 0.9, "view": "tile"}
            rows.append(Proposal.model_validate(key | edges | scope).model_dump())
    with writing(engine) as session:
        scans = [
            Scan.model_validate({"item_id": item_id, **scope, **counts}).model_dump() for item_id in world.pictures
        ]
        upsert(session, Scan, scans)
        upsert(session, Proposal, rows)


def test_boxes_drawn_by_lot_are_judged_through_the_products_own_queues(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    annotators = annotators_of(engine, store, tmp_path, 40, People(skill=1.0))
    propose_true_and_empty(engine, annotators.world, empty=1)
    scope, risk_control = Scope("b", "d", "r"), RiskControlOptions(max_error_rate=0.3)
    drawn = sum(one.drawn for one in draw_evidence(engine, scope, annotators.classes, TriageOptions(), risk_control))
    annotators.check_boxes("b", 0)
    collect_judgements(engine, scope)
    with reading(engine) as session:
        said = {one.proposal_id: one.said for one in session.exec(select(Judgement)).all()}
        looks = [question.queue for question in session.exec(select(Question)).all()]
    nothing = [id_ for id_, word in said.items() if word == Said.NOTHING]
    assert 0 < len(nothing) < len(said) == drawn
    assert all(int(id_.rpartition("-")[2]) >= 4 for id_ in nothing), "only empty corners are called nothing"
    assert (looks.count("confirm-box"), looks.count("confirm-again")) == (drawn, len(nothing))
    assert annotators.human_seconds > drawn, "the seconds of every look are in the ledger"


def test_pictures_made_smaller_keep_their_boxes_in_place(tmp_path: Path) -> None:
    drawn(tmp_path / "drawn", 5)
    half = Pictures("drawn", "yolo", 80, TILING, by_time, rounds=(2,), steps=1)
    before = {picture.name: picture for picture in read_world(tmp_path / "drawn", "yolo").pictures.values()}
    small = read_world(make_smaller(tmp_path, half, 2, tmp_path / "half"), "yolo")
    assert len(small.pictures) == 2
    assert small.classes == CLASSES
    for picture in small.pictures.values():
        old = before[picture.name.replace(".jpg", ".png")]
        assert picture.size_wh == (80, 48)
        for box, whole in zip(picture.boxes, old.boxes, strict=True):
            assert box.xyxy == pytest.approx([edge / 2 for edge in whole.xyxy], abs=0.01)


def test_a_split_by_time_parts_each_fifth_of_a_film_and_keeps_neighbours_together() -> None:
    splits = list(by_time(Path(), [f"{n:03d}" for n in range(50)]).values())
    assert splits == (["train"] * 7 + ["val"] + ["test"] * 2) * 5
    assert by_time(Path(), []) == {}
    assert set(by_time(Path(), ["a", "b"]).values()) == {"train"}


@pytest.mark.parametrize(
    ("corners", "class_name", "wrong"),
    [
        ((0, 0, 10, 10), "red", False),
        ((0, 0, 10, 4), "red", True),
        ((0, 0, 10, 10), "blue", True),
        ((0, 0, 10, 10), "none of it", True),
    ],
)
def test_a_label_is_wrong_where_no_object_of_its_class_is(
    corners: tuple[float, ...], class_name: str, wrong: bool
) -> None:
    picture = TruePicture("p", (99, 99), (AnnotatorBox("red", (0, 0, 10, 10)), AnnotatorBox("blue", (50, 50, 60, 60))))
    edges = dict(zip(("x_min", "y_min", "x_max", "y_max"), corners, strict=True))
    ids = {"id": "l", "item_id": "p", "region": "r", "origin": "machine", "batch_id": "b"}
    assert is_wrong(Label.model_validate(ids | edges | {"class_name": class_name}), picture) is wrong


def test_a_finished_cell_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(tmp_path / "drawn", 3)
    bench = Bench(tmp_path, tmp_path, FULL)
    bench.cells.mkdir()
    runs: list[str] = []

    def run(_scale: Scale, ground: Ground, arm: str) -> Any:
        runs.append(f"{arm}-{ground.seed}")
        return a_cell(arm, [(100, 0.5)], ground.seed)

    monkeypatch.setattr(effort, "run_cell", run)
    for seed in (0, 0, 1):
        run_missing(bench, DRAWN, ["manual", "random"], seed)
    assert runs == ["manual-0", "random-0", "manual-1", "random-1"]


def test_without_a_manual_cell_nothing_is_compared() -> None:
    row = summarize([a_cell("entropy", [(100, 0.6)])], near=0.98)["bccd"]
    assert (row["human_seconds_manual"], row["map50_manual"], row["seconds_to_near"]) == (None, None, None)
    assert summarize([], near=0.98) == {}


def test_one_seed_that_never_got_there_leaves_no_mean() -> None:
    cells = [
        a_cell("manual", [(1000, 0.5)]),
        a_cell("entropy", [(100, 0.49), (300, 0.5)]),
        a_cell("entropy", [(100, 0.3), (300, 0.4)], seed=1),
        a_cell("random", [(100, 0.4), (200, 0.495), (400, 0.5)]),
    ]
    row = summarize(cells, near=0.98)["bccd"]
    assert (row["seconds_to_near"], row["human_seconds"], row["map50"]) == (None, 300, 0.45)
    assert (row["arms"]["random"]["seconds_to_near"], row["arms"]["random"]["near_by_hand"]) == (200, 400)
    assert (row["human_seconds_manual"], row["map50_manual"]) == (1000, 0.5)
    assert row["arms"]["random"]["map50_at"]["15%"] == pytest.approx(0.4475)
    assert row["arms"]["entropy"]["map50_at"]["10%"] == pytest.approx(0.395)


def test_a_curve_that_falls_again_is_near_only_where_it_stays() -> None:
    cell = a_cell("entropy", [(100, 0.5), (200, 0.4), (300, 0.5)])
    assert near_at(cell, 0.5, 0.98, stays=False) == point(100, 0.5)
    assert near_at(cell, 0.5, 0.98, stays=True) == point(300, 0.5)
    assert near_at(cell, 0.6, 0.98, stays=False) is None


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_whole_cell_runs_from_no_label_to_all_and_is_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "weights").mkdir()
    save_weights(tmp_path / "weights" / "yolov8n-coco.pt", ("other", "classes"))
    drawn(tmp_path / "drawn", 16)
    bench = Bench(tmp_path, tmp_path / "bench", Scale("full", None, (6, 3), 3, 1))
    bench.cells.mkdir(parents=True)
    run_missing(bench, DRAWN, ("manual", "random", "entropy"), 0)
    publish(bench)
    written = json.loads((bench.home / "effort.json").read_text())["drawn"]
    assert {"human_seconds", "human_seconds_manual", "share_accepted", "certified_error", "true_error"} <= set(written)
    assert written["human_seconds_manual"] > 0
    manual, random, entropy = (
        json.loads(bench.path_of(DRAWN, arm, 0).read_text()) for arm in ("manual", "random", "entropy")
    )
    assert manual["all"]["items"] == entropy["all"]["items"] == 13, "all to train on and the holdout"
    assert entropy["curve"][1] == random["curve"][1], "all begin with the same pictures"
    assert {training["steps"] for cell in (manual, random, entropy) for training in cell["trainings"]} <= {3, 4}
    assert [one["seconds"] for one in entropy["curve"]] == sorted(one["seconds"] for one in entropy["curve"])
    assert entropy["thresholds"].keys() == set(CLASSES)
    assert (bench.home / "effort.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert "drawn (full, 1 seeds): all by hand" in capsys.readouterr().out
