"""Outlines and masks from pictures to exports, as Prefect runs it: clicked by people in a real Label Studio, settled.

What is exported is read by others (pycocotools, OpenCV) and compared with what was drawn, pixel by pixel.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.errors import BadWeights
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from flows.intake import intake
from flows.label import label
from flows.options import LineOptions
from infra.annotators.people import People
from infra.annotators.simulate import Simulation
from infra.annotators.truth import read_world
from infra.demo.outlines.dishes import CLASSES, SIZE_WH, DrawnDishes, draw_dishes
from infra.demo.outlines.outcome import compare_export
from tasks.dataset.take_along import Format, take_along
from tasks.kinds.geometry import Flags
from tasks.kinds.outlines.raster import Raster, mask_iou
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tests.chaos.post_office import open_gateway
from tests.flows.surroundings import at_work, save_plugs

pytestmark = [
    pytest.mark.label_studio,
    pytest.mark.slow,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector (seen in create_progress_artifact).
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PICTURES = 3
EXPORTS: tuple[Format, ...] = ("coco", "cvat", "label-studio", "jsonl", "davis")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("labels", "overlap"),
    [("polygons", None), ("masks", OverlapRule(least=2, most=2))],
    ids=["polygons", "masks by two"],
)
def test_dishes_become_outlines_and_exports_say_what_was_drawn(
    engine: Engine,
    experiments: Experiments,
    label_studio: AnnotationServer,
    prefect_api: str,
    tmp_path: Path,
    labels: str,
    overlap: OverlapRule | None,
) -> None:
    name, store = f"{labels}-{uuid4().hex[:8]}", FolderStore(tmp_path / "objects")
    dishes = draw_dishes(tmp_path / "dishes", PICTURES, 3)
    line = LineOptions(
        collection=name,
        label_kind=labels,
        classes=CLASSES,
        detector="nobody",
        annotator_pool=AnnotatorPool(drawing="extreme_points", overlap=overlap),
    )
    with open_gateway(engine, store, label_studio) as (address, _bell):
        server = replace(label_studio, gateway_url=address)
        save_plugs(name, engine, server, tmp_path, experiments)
        assert intake(str(dishes.images), name, plugs=name).taken == PICTURES
        people = Simulation(
            server,
            read_world(dishes.folder, "coco", outlines=True),
            name,
            People(count=2, skill=1.0, drawing="extreme-clicking"),
        )
        with at_work(people):
            report = label(line, name)
    assert report.settled and report.settled.items_settled == PICTURES and not report.settled.set_aside
    assert people.report.boxes["added"] == dishes.objects * (2 if overlap else 1)
    by_clicks, by_hand = (people.report.seconds_by_act.get(act, 0.0) / mean for act, mean in ACTS.items())
    assert by_clicks > by_hand, "most outlines come of clicks"
    for fmt in EXPORTS:
        take_along(engine, store, name, tmp_path / fmt, fmt, "copy", convert_to="masks" if fmt == "davis" else None)
        found = compare_export(tmp_path / fmt, fmt, dishes)
        assert (found.labels, found.right) == (dishes.objects, dishes.objects), fmt
        assert found.mean_iou > 0.85, fmt
    take_along(engine, store, name, tmp_path / "yolo", "yolo", "copy", convert_to="polygons")
    for read in (read_by_pycocotools(tmp_path / "coco"), read_by_opencv(tmp_path / "yolo")):
        assert alike(read, dishes) > 0.85


def test_a_network_whose_file_is_not_there_is_refused_before_any_work(
    engine: Engine, label_studio: AnnotationServer, prefect_api: str, tmp_path: Path
) -> None:
    name, store = f"polygons-{uuid4().hex[:8]}", FolderStore(tmp_path / "objects")
    save_plugs(name, engine, label_studio, tmp_path)
    assert intake(str(draw_dishes(tmp_path / "dishes", 1, 3).images), name, plugs=name).taken == 1
    line = LineOptions(
        collection=name,
        label_kind="polygons",
        classes=CLASSES,
        detector="nobody",
        annotator_pool=AnnotatorPool(drawing="extreme_points"),
        outlines_by=f"mobile_sam@{tmp_path / 'nowhere.pt'}",
    )
    with pytest.raises(BadWeights, match="there are no weights at"):
        label(line, name)
    assert not list(store.keys("plans/")), "nothing was proposed, and so nobody was asked to prove anything"


ACTS = {"draw": 7.0, "outline": 79.2}

Read = Mapping[str, list[tuple[str, Flags]]]


def read_by_pycocotools(folder: Path) -> Read:
    from pycocotools.coco import COCO

    found: dict[str, list[tuple[str, Flags]]] = {}
    for path in sorted((folder / "annotations").glob("*.json")):
        if not json.loads(path.read_text())["annotations"]:
            continue
        coco = COCO(str(path))
        names = {one["id"]: one["name"] for one in coco.loadCats(coco.getCatIds())}
        for picture in coco.loadImgs(coco.getImgIds()):
            rows = coco.loadAnns(coco.getAnnIds(imgIds=picture["id"]))
            with warnings.catch_warnings():  # it does not know NumPy 2's way of copying (2.0.11)
                warnings.simplefilter("ignore", DeprecationWarning)
                masks = [coco.annToMask(row).astype(np.bool_) for row in rows]
            found[Path(picture["file_name"]).name] = [
                (names[row["category_id"]], mask) for row, mask in zip(rows, masks, strict=True)
            ]
    return found


def read_by_opencv(folder: Path) -> Read:
    found: dict[str, list[tuple[str, Flags]]] = {}
    for path in sorted((folder / "labels").rglob("*.txt")):
        rows = list(map(str.split, path.read_text().splitlines()))
        found[f"{path.stem}.png"] = [(CLASSES[int(row[0])], filled([float(each) for each in row[1:]])) for row in rows]
    return found


def filled(shares: list[float]) -> Flags:
    ring = np.array(shares).reshape(-1, 2) * SIZE_WH - 0.5
    drawn = np.zeros(SIZE_WH[::-1], np.uint8)
    cv2.fillPoly(drawn, [np.rint(ring * 16).astype(np.int32)], 1, shift=4)
    return drawn.astype(np.bool_)


def alike(read: Read, dishes: DrawnDishes) -> float:
    """Return the mean over all objects of the IoU with the most alike of their class."""

    def best() -> Iterator[float]:
        for name, objects in dishes.truth.items():
            for one in objects:
                yield max(
                    (mask_iou(Raster(0, 0, mask), one.raster) for kind, mask in read[name] if kind == one.class_name),
                    default=0.0,
                )

    return float(np.mean(list(best())))
