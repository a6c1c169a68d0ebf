"""The effort bench: its people record what the line's own do, its cells resume, and its sums hide no missing cell."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database import reading
from blocks.stores import Store
from blocks.tables import Answer, Question
from infra.annotators.people import People
from infra.bench import effort
from infra.bench.effort import Bench, Scale, publish, run_missing
from infra.bench.effort_data import Pictures, by_time, take_in_pictures
from infra.bench.effort_people import Crew
from infra.bench.effort_tables import summarize
from tasks.detect.options import TilingOptions
from tasks.intake.batches import open_batch
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import settle
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.dataset.scenes import draw_scene
from tests.flows.test_lines import CLASSES, write_truth
from tests.train.conftest import empty_mlflow, save_weights

__all__ = ["empty_mlflow"]

TILING = TilingOptions(tile_px=96, whole_image=False, backend="torch")
DRAWN = Pictures("drawn", ".", "yolo", TILING, by_time, epochs=1, rounds=1, per_round=2, freeze=0)


def drawn(folder: Path, items: int = 10) -> Path:
    write_truth(folder, [draw_scene(number, sequence=f"s{number:02d}") for number in range(items)])
    return folder


def a_cell(arm: str, map50: float, seconds: float, curve: list[tuple[float, float]], seed: int = 0) -> dict:  # type: ignore[type-arg]
    return {
        "scale": "full",
        "data": "bccd",
        "arm": arm,
        "seed": seed,
        "human_seconds": seconds,
        "map50": map50,
        "curve": curve,
        "share_accepted": None,
        "certified_error": None,
        "true_error": None,
    }


def test_people_in_process_mark_what_is_true_and_take_time(engine: Engine, store: Store, tmp_path: Path) -> None:
    world = take_in_pictures(engine, store, "lot", DRAWN, drawn(tmp_path / "drawn", 4))
    crew = Crew(engine, world, "lot", world.classes, People(skill=1.0))
    batch = open_batch(engine, "b", "lot", 10)
    decide(engine, batch.id, TriageOptions(audit_share=1.0), "none", "none")
    assert crew.answer_batch(batch.id) == 4
    settle(engine, batch.id, "none", "none")
    for item_id, labels in labels_in_force(engine, list(world.pictures)).items():
        assert sorted(label.class_name for label in labels) == sorted(
            b.class_name for b in world.pictures[item_id].boxes
        )
    with reading(engine) as session:
        answers = session.exec(select(Answer)).all()
        assert {question.state for question in session.exec(select(Question))} == {"answered"}
    assert crew.human_seconds == pytest.approx(sum(answer.seconds for answer in answers))
    assert all(answer.person.endswith("@people.invalid") for answer in answers)


def test_asking_a_batch_again_asks_nothing_twice(engine: Engine, store: Store, tmp_path: Path) -> None:
    world = take_in_pictures(engine, store, "lot", DRAWN, drawn(tmp_path / "drawn", 3))
    crew = Crew(engine, world, "lot", world.classes, People())
    open_batch(engine, "b", "lot", 10)
    decide(engine, "b", TriageOptions(audit_share=1.0), "none", "none")
    crew.answer_batch("b")
    with reading(engine) as session:
        assert len(session.exec(select(Question)).all()) == 3


def test_a_split_by_time_parts_first_from_last() -> None:
    splits = by_time(Path(), [f"{n:03d}" for n in range(10)])
    assert list(splits.values()) == ["train"] * 7 + ["val"] + ["test"] * 2
    assert by_time(Path(), []) == {}


def test_a_finished_cell_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, tmp_path, Scale("full", None, None, None, None, 1))
    bench.cells.mkdir()
    runs: list[str] = []

    def run(_bench: Bench, _pictures: Pictures, arm: str, seed: int, _scratch: Path) -> dict:  # type: ignore[type-arg]
        runs.append(arm)
        return a_cell(arm, 0.5, 100, [(0, 0), (100, 0.5)], seed)

    monkeypatch.setattr(effort, "run_cell", run)
    for _ in range(2):
        run_missing(bench, DRAWN, "random", 0)
    run_missing(bench, DRAWN, "random", 1)
    assert runs == ["random", "random"]


def test_without_a_manual_cell_nothing_is_compared() -> None:
    row = summarize([a_cell("entropy", 0.6, 100, [(100, 0.6)])], near=0.98)["bccd"]
    assert (row["human_seconds_manual"], row["map50_manual"], row["seconds_to_near"]) == (None, None, None)
    assert summarize([], near=0.98) == {}


def test_one_seed_that_never_got_there_leaves_no_mean() -> None:
    cells = [
        a_cell("manual", 0.5, 1000, [(0, 0), (1000, 0.5)]),
        a_cell("entropy", 0.5, 300, [(100, 0.49), (300, 0.5)]),
        a_cell("entropy", 0.4, 300, [(100, 0.3), (300, 0.4)], seed=1),
        a_cell("random", 0.5, 400, [(100, 0.4), (200, 0.495)]),
    ]
    row = summarize(cells, near=0.98)["bccd"]
    assert (row["seconds_to_near"], row["human_seconds"], row["map50"]) == (None, 300, 0.45)
    assert row["arms"]["random"]["seconds_to_near"] == 200
    assert (row["human_seconds_manual"], row["map50_manual"]) == (1000, 0.5)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_whole_cell_runs_from_no_label_to_all_and_is_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "weights").mkdir()
    save_weights(tmp_path / "weights" / "yolov8n-coco.pt", ("other", "classes"))
    drawn(tmp_path / "drawn")
    bench = Bench(tmp_path, tmp_path / "bench", Scale("full", None, 1, 3, 1, 1))
    bench.cells.mkdir(parents=True)
    for arm in ("manual", "entropy"):
        run_missing(bench, DRAWN, arm, 0)
    publish(bench)
    written = json.loads((bench.home / "effort.json").read_text())["drawn"]
    assert {"human_seconds", "human_seconds_manual", "share_accepted", "certified_error", "true_error"} <= set(written)
    assert written["human_seconds_manual"] > 0
    cell = json.loads((bench.cells / "full-drawn-entropy-0-v1.json").read_text())
    assert cell["labels"] >= 10
    assert [point[0] for point in cell["curve"]] == sorted(point[0] for point in cell["curve"])
    assert (bench.home / "effort.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert "drawn (full): by hand" in capsys.readouterr().out
    assert set(CLASSES) == {"red", "blue"}
