from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from blocks.storage.stores import Store
from tasks.dataset.formats.yolo_tiles import ExportOptions, clip_to_view, export_tiles, fold_in_val, placements
from tasks.dataset.manifest import Manifest
from tasks.dataset.snapshots import read_snapshot, take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.tiling.tiles import regions_of
from tasks.detect.tiling.views import cut_views
from tests.dataset.scenes import Scene, draw_scene, settle_scenes

TILES = TilingOptions(tile_px=96, overlap_share=0.2, whole_image=False)


def manifest_of(engine: Engine, store: Store, scenes: list[Scene], splits: dict[str, str]) -> Manifest:
    settle_scenes(engine, store, scenes, splits)
    return read_snapshot(store, take_snapshot(engine, store, "lot").id)


def boxes_in(folder: Path, split: str, side_px: int) -> dict[str, list[tuple[int, np.ndarray]]]:
    found = {}
    for path in sorted((folder / "labels" / split).glob("*.txt")):
        rows = [[float(word) for word in line.split()] for line in path.read_text().splitlines()]
        corners = [
            (int(r[0]), np.array([r[1] - r[3] / 2, r[2] - r[4] / 2, r[1] + r[3] / 2, r[2] + r[4] / 2])) for r in rows
        ]
        found[path.stem] = [(number, box * side_px) for number, box in corners]
    return found


def test_boxes_lie_on_what_they_name(engine: Engine, store: Store, tmp_path: Path) -> None:
    manifest = manifest_of(engine, store, [draw_scene(n) for n in range(3)], {"s0": "train"})
    export = export_tiles(store, manifest, tmp_path / "out", TILES)
    names = export.classes
    checked = 0
    for stem, boxes in boxes_in(tmp_path / "out", "train", 96).items():
        picture = cv2.imread(str(tmp_path / "out" / "images" / "train" / f"{stem}.jpg"))
        assert picture.shape == (96, 96, 3)
        for number, (x_min, y_min, x_max, y_max) in boxes:
            blue, _, red = picture[int((y_min + y_max) / 2), int((x_min + x_max) / 2)].astype(int)
            assert (red > blue) == (names[number] == "red")
            checked += 1
    assert checked == export.counts["train"].boxes > 10


def test_every_object_is_whole_in_some_picture(engine: Engine, store: Store, tmp_path: Path) -> None:
    scene = draw_scene(1, size_wh=(224, 160), squares=12)
    manifest = manifest_of(engine, store, [scene], {"s0": "train"})
    tiling = TilingOptions(tile_px=96, overlap_share=0.25, whole_image=False)
    export_tiles(store, manifest, tmp_path, tiling)
    sizes = [box[2:] - box[:2] for found in boxes_in(tmp_path, "train", 96).values() for _, box in found]
    for _, (x_min, y_min, x_max, y_max) in scene.boxes:
        wanted = np.array([x_max - x_min, y_max - y_min])
        assert any(np.allclose(size, wanted, atol=0.01) for size in sizes)


def test_data_yaml_names_splits_and_classes(engine: Engine, store: Store, tmp_path: Path) -> None:
    manifest = manifest_of(engine, store, [draw_scene(0)], {"s0": "train"})
    data = yaml.safe_load(export_tiles(store, manifest, tmp_path, TILES).data_yaml.read_text())
    assert data == {
        "path": str(tmp_path.resolve()),
        "train": "images/train",
        "val": "images/val",
        "names": {0: "blue", 1: "red"},
    }


def test_test_items_are_never_exported_for_training(engine: Engine, store: Store, tmp_path: Path) -> None:
    scenes = [draw_scene(n, sequence=f"s{n}") for n in range(2)]
    manifest = manifest_of(engine, store, scenes, {"s0": "train", "s1": "test"})
    test_ids = {item.id[:24] for item in manifest.items("test")}
    export_tiles(store, manifest, tmp_path, TILES)
    assert not test_ids & {path.name.partition("-")[0] for path in tmp_path.rglob("*.jpg")}


def test_items_without_objects_are_background_up_to_the_share(engine: Engine, store: Store, tmp_path: Path) -> None:
    scenes = [draw_scene(n, squares=0) for n in range(10)] + [draw_scene(n, squares=6) for n in range(10, 16)]
    manifest = manifest_of(engine, store, scenes, {"s0": "train"})
    few = export_tiles(store, manifest, tmp_path / "few", TILES, ExportOptions(background_share=0.2)).counts["train"]
    none = export_tiles(store, manifest, tmp_path / "none", TILES, ExportOptions(background_share=0)).counts["train"]
    assert none.background == 0
    assert 0 < few.background <= 0.35 * few.pictures
    assert few.boxes == none.boxes


def test_a_snapshot_of_background_alone_keeps_all_of_it(engine: Engine, store: Store, tmp_path: Path) -> None:
    manifest = manifest_of(engine, store, [draw_scene(0, squares=0)], {"s0": "train"})
    counts = export_tiles(store, manifest, tmp_path, TILES).counts["train"]
    assert counts.pictures == counts.background == 2


def test_the_same_export_twice_is_the_same(engine: Engine, store: Store, tmp_path: Path) -> None:
    manifest = manifest_of(engine, store, [draw_scene(n, squares=1) for n in range(6)], {"s0": "train"})
    exports = [export_tiles(store, manifest, tmp_path / name, TILES).counts for name in "ab"]
    assert exports[0] == exports[1]
    names = [sorted(path.name for path in (tmp_path / name).rglob("*.jpg")) for name in "ab"]
    assert names[0] == names[1]


def test_the_whole_image_teaches_large_objects_only(engine: Engine, store: Store, tmp_path: Path) -> None:
    scene = draw_scene(0, size_wh=(960, 640), squares=40)
    manifest = manifest_of(engine, store, [scene], {"s0": "train"})
    whole = TilingOptions(tile_px=96, whole_image=True)
    tiles_only = export_tiles(store, manifest, tmp_path / "t", TILES).counts["train"]
    with_whole = export_tiles(store, manifest, tmp_path / "w", whole).counts["train"]
    assert with_whole.pictures == tiles_only.pictures  # squares of 18 px shrink to 2: the whole image is left out


def test_placements_are_those_of_the_detect_station() -> None:
    for size_wh in ((500, 300), (97, 401), (64, 20), (96, 96), (1, 300)):
        regions = regions_of(size_wh, 96, 0.2, whole_image=True)
        views = cut_views(np.zeros((size_wh[1], size_wh[0], 3), dtype=np.uint8), regions, 96)
        assert list(placements(regions, 96)) == [view.placement for view in views]


def test_a_small_val_split_is_trained_on_as_well(engine: Engine, store: Store, tmp_path: Path) -> None:
    scenes = [draw_scene(n, sequence=f"s{n % 2}") for n in range(7)]
    before = export_tiles(store, manifest_of(engine, store, scenes, {"s0": "train", "s1": "val"}), tmp_path, TILES)
    after = fold_in_val(before)
    assert after.counts["val"] == before.counts["val"]
    assert (before.counts["train"].items, after.counts["train"].items) == (4, 7)
    assert after.counts["train"].boxes == before.counts["train"].boxes + before.counts["val"].boxes


def test_without_val_items_one_training_picture_stands_in(engine: Engine, store: Store, tmp_path: Path) -> None:
    manifest = manifest_of(engine, store, [draw_scene(n) for n in range(3)], {"s0": "train"})
    before = export_tiles(store, manifest, tmp_path, TILES)
    after = fold_in_val(before)
    assert after.counts["train"] == before.counts["train"]
    assert after.counts["val"].pictures == 1


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        ((10, 10, 20, 20), True),  # inside
        ((-6, 0, 4, 10), True),  # 40 % visible
        ((-7, 0, 3, 10), False),  # 30 % visible
        ((-10, 0, 0, 10), False),  # touches
        ((5, 5, 5, 9), False),  # no area
        ((-50, -50, 150, 150), False),  # larger than the view: a quarter of it is visible
    ],
)
def test_boxes_are_kept_if_enough_is_visible(box: tuple[float, ...], kept: bool) -> None:
    view = np.array([0.0, 0.0, 100.0, 100.0])
    clipped, index = clip_to_view(np.array([box], dtype=np.float64), view, 0.4)
    assert (len(clipped) == 1) == kept
    assert list(index) == ([0] if kept else [])


def test_no_boxes_clip_to_no_boxes() -> None:
    clipped, index = clip_to_view(np.zeros((0, 4)), np.array([0.0, 0.0, 9.0, 9.0]), 0.4)
    assert clipped.shape == (0, 4)
    assert index.shape == (0,)


@given(
    st.lists(st.tuples(*[st.floats(-200, 400, allow_nan=False)] * 4), max_size=12),
    st.floats(0.05, 1.0),
)
def test_clipped_boxes_lie_in_the_view_and_in_their_box(corners: list[tuple[float, ...]], share: float) -> None:
    boxes = np.array([(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners]).reshape(-1, 4)
    clipped, kept = clip_to_view(boxes, np.array([0.0, 0.0, 96.0, 64.0]), share)
    assert (clipped[:, :2] >= np.maximum(boxes[kept][:, :2], 0) - 1e-9).all()
    assert (clipped[:, 2:] <= np.minimum(boxes[kept][:, 2:], [96, 64]) + 1e-9).all()
    assert (clipped[:, 2:] > clipped[:, :2]).all()
